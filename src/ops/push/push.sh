# One node's part in a push: `sh -c PUSH ec2mpi-push TARGET INTO KEY ASKED PATH...`. In front of this text,
# $merge_program holds merge.pl.
#
# TARGET: absolute, or beginning with "./" (the login's folder). INTO: 1 if it must be a folder, else 0. KEY: names the
# sources. ASKED: words: "sums" if checksums are wanted, "holes" if it matters whether tar can make holes, "delete" if
# files may have to be removed. PATHs begin with "./": the parts of the folder that the survey lists.
#
# It first prints the survey (survey.cpp reads it). Then it obeys its standard input:
#   lines N        N lines of shell text that call the functions below
#   do N           N bytes of such text
#   data N         N bytes of the archive
#   part N LANE    the next N bytes of the archive arrive over an additional connection
# It answers with words that end in NUL: "has" with "BYTES SECONDS" of the archive now and then, "unlinked" with
# "N REASON" for a node that it could not feed, "passed" when the whole archive is on its way to the nodes that it
# feeds, "whole" when the checksum is right, "done" when every file is in place.
# Exit status: 0: all is in place; 1: it failed, and the reason stands on standard error behind "ec2mpi: "; 3, 4: the
# archive did not arrive whole, nothing was changed, and the files that arrived stay for the next push.
#
# No file ever lies half written under its final name: the archive is unpacked into a stage, a folder beside the target
# on the same file system. When the checksum of the whole archive is right, the files are moved to their places by
# renaming. If the stream breaks off, the stage stays, and the next push of the same sources continues from it.
# The stage's name holds host, sources and process, so that a stage of a dead process is recognised; the host matters
# where nodes share a home.
#
# The archive arrives through a named pipe, `in`: from the laptop, or by `cat` over ssh from another node. tee, or
# pass_on.pl in its place, relays it to tar, to the checksum, and to the nodes that this one feeds. A short archive
# is stored, and unpacked after its end: starting the programs at once costs more than waiting, and bytes that pile up
# in front of a slow tar cost sshd the most.
# tar reads to the end of its input even when the disk is full; so it is killed at its first complaint of that kind.
# shellcheck shell=sh
# shellcheck disable=SC1007 # `x= y=` sets both to nothing
# shellcheck disable=SC2015 # `a && b || c` is meant so: c runs when a or b fails
# shellcheck disable=SC2046,SC2086 # lists of options, and the words of an answer, are split on purpose
# shellcheck disable=SC2094 # of a link's last words, which are read when it has ended
# shellcheck disable=SC2115 # neither the stage nor $base is ever empty
# shellcheck disable=SC2154 # $merge_program is set in front of this text
# shellcheck disable=SC2317 # the text on standard input calls the functions

target=$1 into=$2 key=$3 asked=$4
shift 4
LC_ALL=C TZ=UTC0
export LC_ALL TZ
read -r host 2>/dev/null </proc/sys/kernel/hostname || host=$(uname -n)
links= started= worker= reporter= packed= stored= taker=

die() {
  printf 'ec2mpi: %s\n' "$1" >&2
  exit 1
}

is_folder() { [ -d "$1" ] && [ ! -L "$1" ]; }
exists() { [ -e "$1" ] || [ -L "$1" ]; }
# A process number may come again, even as ours.
is_dead() {
  [ "$1" != "$stage" ] || return 1
  [ "${1##*.}" = $$ ] || ! grep -q ec2mpi-push "/proc/${1##*.}/cmdline" 2>/dev/null
}

# Folders in a stage are always writable for their owner.
remove() { rm -rf "$1" 2>/dev/null; }

# --- the content of the target ---

# Kind, size, mode, mtime, path and link of everything below some paths of a folder. A name with an end of line
# in it is not reported where find has no -printf, and so is always sent. Such a find has printed nothing.
list() (
  cd "$1" 2>/dev/null || exit
  shift
  find -H "$@" -printf '%y %s %m %T@ %p\0%l\0' 2>/dev/null && exit
  find -H / -prune -printf '' 2>/dev/null && exit
  printf 'lines\0'
  find -H "$@" -exec stat -c '%f %s %Y %n' {} + 2>/dev/null
  printf '\0'
)

# Where sshd was reached (sshd(8)): behind EC2's NAT, the private address.
print_address() {
  set -- $SSH_CONNECTION
  printf '%s\0' "${3#::ffff:}"
}

# The first word is the checksum. openssl knows instructions of the processor that sha256sum does not, and takes a
# quarter of the time with them, but its start takes longer; `much` is set where that pays.
much=
measure() {
  [ -z "$much" ] || case $(printf x | openssl dgst -sha256 -r 2>/dev/null) in
    2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881*) exec openssl dgst -sha256 -r ;;
  esac
  exec sha256sum
}
method=sha256
command -v sha256sum >/dev/null || {
  measure() { exec wc -c; }
  method=length
}

# GNU tar and bsdtar make the holes that an archive describes.
tar= tar_options= list_options= folder_options= holes=
know_tar() {
  [ -z "$tar" ] || return 0
  tar=known
  case $(tar --version 2>/dev/null) in
    *GNU*)
      tar_options=--warning=no-timestamp
      list_options=--quoting-style=literal
      folder_options=--keep-directory-symlink
      holes=' holes' ;;
    bsdtar*) holes=' holes' ;;
  esac
}

# --- dear files, which are never removed: the login's .ssh and its jobs, by their true paths ---

# One path a line, known after know_dear. $HOME may be another folder than the one in which sshd looks.
dear=
know_dear() {
  [ -z "$dear" ] || return 0
  own=$(id -un)
  case $own in *[!A-Za-z0-9._-]* | '') own=$HOME ;; *) eval "own=~$own" ;; esac
  for home in "$HOME" "$own"; do
    home=$(true_path "$home") || continue
    for one in .ssh .ec2mpi; do
      dear="$dear$home/$one
"
      one=$(true_path "$home/$one") && dear="$dear$one
"
    done
    for one in "$home"/.ssh/*; do
      [ -L "$one" ] && one=$(readlink -f "$one") && dear="$dear$one
"
    done
  done
}
# same A B: both are one file or folder, whatever their paths: a bind mount or another mount of the same share shows it
# a second time.
# shellcheck disable=SC3013 # dash, busybox, bash and ksh know -ef; elsewhere only the paths are compared
same() { [ "$1" -ef "$2" ] 2>/dev/null; }
# lies_in PATH FOLDER: FOLDER is PATH or above it; $below is the rest of PATH.
lies_in() {
  above=$1
  until [ "$above" = "$2" ] || same "${above:-/}" "${2:-/}"; do
    [ -n "$above" ] || return 1
    above=${above%/*}
  done
  below=${1#"$above"}
}
# Of a folder; "" is "/".
true_path() (
  cd -P "$1" 2>/dev/null && path=$(pwd -P; echo .) && path=${path%??} || exit 1
  [ "$path" = / ] || printf '%s' "$path"
)

# touches_dear PATH: a true path is, holds or lies in something dear.
touches_dear() {
  know_dear
  while IFS= read -r one; do
    [ -n "$one" ] || continue
    case $one/ in "$1"/*) return 0 ;; esac
    case $1/ in "$one"/*) return 0 ;; esac
    ! lies_in "${1%/*}" "$one" || return 0
    [ -L "$1" ] || ! lies_in "$one" "$1" || return 0 # only the link is removed, not its folder
  done <<END
$dear
END
  return 1
}

# The paths of all mount points, each between line ends. Their content lies elsewhere, and may be of any value.
know_mounts() {
  mounts="
$(while read -r _ _ _ _ point _; do printf '%b\n' "$point"; done </proc/self/mountinfo)
"
}
# holds_mount PATH: a true path is a mount point, or holds one: $point.
holds_mount() {
  case $mounts in *"
$1
"* | *"
$1/"*) ;; *) return 1 ;; esac
  point="$1${mounts#*"
$1"}"
  point=${point%%
*}
}
# lies_in_mount PATH FOLDER: a true path is a mount point, or below one: $point; of those inside of FOLDER, which may be
# mounted itself.
lies_in_mount() {
  point=$1
  while :; do
    case $point in "$2"/*) ;; *) return 1 ;; esac
    case $mounts in *"
$point
"*) return 0 ;; esac
    point=${point%/*}
  done
}

# list_dear PATH...: among the paths, the folders that --delete must not be used on; and all that it must keep.
list_dear() {
  for path; do
    spot=$base/$path
    [ -d "$spot" ] && spot=$(true_path "$spot") && touches_dear "$spot" && printf 'holds\0%s\0' "${spot:-/}"
  done
  spot=$(true_path "$base") || return 0
  know_dear
  while IFS= read -r one; do
    ! lies_in "$one" "$spot" || [ -z "$below" ] || printf 'dear\0%s\0' "${below#/}"
  done <<END
$dear
END
  know_mounts
  while IFS= read -r point; do
    case $point in "$spot"/?*) printf 'mount\0%s\0' "${point#"$spot/"}" ;; esac
  done <<END
$mounts
END
}

survey() {
  case $asked in *holes*) know_tar ;; esac
  printf 'ec2mpi-push 4\0%s\0' "$into"
  print_address
  printf '%s\0%s\0' "$stage" "$method"
  command -v gzip >/dev/null && printf gzip
  printf '%s\0area\0\0' "$holes"
  list "$base" "$@"
  for old in "$base"/.ec2mpi-push."$host"."$key".*; do
    is_folder "$old" && [ -O "$old" ] && is_dead "$old" || continue
    printf 'area\0%s\0' "$old"
    list "$old" .
  done
  case $asked in
    *sums*)
      printf 'sums\0'
      (cd "$base" 2>/dev/null && find -H "$@" -type f -exec sha256sum {} + 2>/dev/null)
      printf '\0' ;;
  esac
  case $asked in *delete*) list_dear "$@" ;; esac
  [ "$into" = 1 ] || printf 'name\0%s\0' "$name"
  printf 'end\0'
}

# --- the archive ---

# Removes the stages of earlier pushes from this host whose process is gone.
tidy() {
  for old in "$base"/.ec2mpi-push."$host".*; do
    is_folder "$old" && is_dead "$old" && remove "$old"
  done
}

# Leaves only the arrived files in the stage.
clear() {
  rm -rf "$stage/in" "$stage/whole" "$stage/sum" "$stage/fine" "$stage"/link* "$stage"/lane* \
    "$stage"/said* "$stage"/.pid* "$stage/named" "$stage"/folders* "$stage/tails" \
    "$stage/listed" "$stage/sizes"
}

# The reason that a program gives in its first complaint.
first_reason() {
  set -- "${1%%"
"*}"
  printf '%s' "${1##*: }"
}

# begin OLD: makes the stage, or continues with the one that an earlier push has left. In a folder that others can write
# to, one that is there already may be theirs.
begin() {
  know_tar
  [ -d "$base" ] || said=$(mkdir -p "$base" 2>&1) || die "$said"
  if [ -n "$1" ]; then
    ! exists "$stage" && mv "$1" "$stage" || die 'the stage of an earlier push is gone; push again'
    clear
  else
    said=$(mkdir -m 700 "$stage" 2>&1) || die "cannot write into $base: $(first_reason "$said")"
  fi
  started=1
}

# The cheapest algorithms, in front of those that ssh would choose: by itself it takes a key exchange of a tenth of a
# second and a cipher that the processor has no instructions for. OpenSSH before 8 has no option for that.
swift=
find_swift() {
  set -- -o KexAlgorithms=^curve25519-sha256 -o Ciphers=^aes128-gcm@openssh.com
  ssh -G "$@" localhost >/dev/null 2>&1 && swift="$*" || swift=' '
}

# The number of this very process, which keeps it when it becomes a program by `exec`; $$ is that of the first shell.
print_process() {
  read -r process _ </proc/self/stat && echo "$process"
}

# link N ADDRESS PORT USER COMMAND: feeds another node with the archive. Reports a failure.
link() {
  [ -n "$swift" ] || find_swift
  mkfifo -m 600 "$stage/link$1" || die "cannot make a pipe in $base"
  links="$links $1"
  # Files of the stage are opened before the pipe: once that is open, this node may end and remove the stage.
  {
    (
      print_process >&8
      exec ssh -T $swift -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -p "$3" -l "${4:-$(id -un)}" \
        -- "$2" "$5" 2>&9 >/dev/null 8>&- 9>&-
    ) ||
      printf 'unlinked\0%s %s\0' "$1" "$(tail -n 1 "$stage/said$1")"
    cat >/dev/null
  } 8>"$stage/.pid$1" 9>"$stage/said$1" <"$stage/link$1" &
}

# explain: the reason in the complaints of a tar that failed. Nothing if they say that its input has been broken off: the
# checksum shows that. A full disk explains more than the complaints before it.
explain() {
  reason= full=
  while IFS= read -r line; do
    case $line in
      *EOF* | *'short read'*) reason= full= && break ;;
      *': Wrote only '*) line="${line%%: Wrote only *}: No space left on device" ;;
    esac
    [ -n "$reason" ] || reason=$line
    [ -n "$full" ] || ! is_hopeless "$line" || full=$line
  done
  [ -z "$reason" ] || printf '%s\n' "${full:-$reason}"
}
is_hopeless() {
  case $1 in
    *'No space left on device'* | *'quota exceeded'* | *'Wrote only '* | *'Read-only file system'*) ;;
    *) return 1 ;;
  esac
}

# Unpacks standard input into the stage; gives the reason if tar fails. The words of a tar that ends well are no reason; a
# tar that can write nothing more is ended at once.
unpack() {
  {
    (
      print_process
      exec tar $tar_options -xpof - -C "$stage" >/dev/null
    )
    printf 'status %s\n' $?
  } 2>&1 | {
    read -r process
    said=
    while IFS= read -r line; do
      case $line in "status "*) break ;; esac
      [ ${#said} -gt 4000 ] || said="$said$line
"
      is_hopeless "$line" && kill "$process" 2>/dev/null
    done
    [ "$line" = 'status 0' ] || printf %s "$said" | explain
  }
}

# The same for a stored archive.
unpack_stored() {
  if [ -n "$packed" ]; then
    complaint=$(gzip -dc <"$stage/whole" 2>/dev/null | tar $tar_options -xpof - -C "$stage" 2>&1 >/dev/null)
  else
    complaint=$(tar $tar_options -xpof - -C "$stage" <"$stage/whole" 2>&1 >/dev/null)
  fi && complaint=
  [ -z "$complaint" ] || complaint=$(printf '%s\n' "$complaint" | explain)
}

# Counts what tar has unpacked by the list that lies in the archive: every member is there, of its kind and size.
count_arrived() {
  lacking='the archive'
  if [ -f "$stage/listed" ] && [ -f "$stage/sizes" ]; then
    sizes=$(cat "$stage/sizes")
    if command -v xargs >/dev/null; then
      there=$(cd "$stage" && [ -s listed ] && xargs -0 stat -c '%f %s' <listed 2>/dev/null |
        sed 's/^\(4\|a\).*/\1/; s/^\(.\)... /\1 /')
      [ "$there" != "$sizes" ] || return 0
    fi
    lacking=$(cd "$stage" && tr '\0\n' '\n?' <listed | first_lacking)
    [ -n "$lacking" ] || command -v xargs >/dev/null || return 0
    [ -n "$lacking" ] || lacking=$(first_other)
  fi
  die "${lacking#tails/}: did not come out of it whole, though tar there said nothing; \
see \`command -v tar\` and TAR_OPTIONS on the node"
}
# A name with an end of line in it is shown with "?", and can't be looked for here.
first_lacking() {
  while IFS= read -r name; do
    exists "$name" || case $name in *\?*) ;; *) printf '%s\n' "$name" && return ;; esac
  done
}
# All are there: so the lines are those of the same members.
first_other() {
  number=0
  printf '%s\n' "$there" | {
    while IFS= read -r line <&3 && IFS= read -r wanted; do
      number=$((number + 1))
      [ "$line" = "$wanted" ] || break
    done 3<&0 <"$stage/sizes"
    tr '\0\n' '\n?' <"$stage/listed" | sed -n "${number}p"
  }
}

# A long archive is relayed by our own program (pass_on.pl) where perl has the modules that it needs, else by tee.
passer=
hand_on() {
  print_process >"$stage/.pidtee"
  [ -z "$passer" ] || ! perl -MErrno -MFcntl -e 1 2>/dev/null || exec perl -e "$passer" "$stage/whole" "$@"
  exec tee "$stage/whole" "$@"
}

# Reports how many bytes have arrived, which are those that tee has read, and when; while it is alive and the reports are
# read. There is no tee before a writer opens the pipe.
report_progress() {
  while sleep 2 >/dev/null 2>&1; do
    bytes=0
    if [ -e "$stage/.pidtee" ]; then
      read -r tee <"$stage/.pidtee" && read -r _ bytes <"/proc/$tee/io" || break
    fi
    read -r now _ </proc/uptime
    printf 'has\0%s %s\0' "$bytes" "$now" || break
  done 2>/dev/null
}

# The archive goes to all its readers as it arrives. A complaint ends this node's part at once, unless
# others are fed by it. Removing a folder marks that there was one: the fullest disk has room for that.
# Only the complaint is reported: a killed tar, and a checksum that the disk has no room for, have their own words.
receive() {
  exec 7>&2 2>/dev/null
  for n in $links; do set -- "$@" "$stage/link$n"; done
  if [ -n "$stored" ]; then
    complaint=$(hand_on "$@" 2>&1 >/dev/null <"$stage/in")
    whole=${stage##*/}/whole # the folders above may have any name, and tee quotes some
    case $complaint in
      *"$whole"*) complaint="cannot write into $base: $(first_reason "${complaint#*"$whole"}")" ;;
      *) complaint= ;; # of a link, which reports it by itself
    esac
  else
    measure <"$stage/whole" >"$stage/sum" &
    if [ -n "$packed" ]; then
      complaint=$(hand_on "$@" <"$stage/in" | gzip -dc | unpack)
    else
      complaint=$(hand_on "$@" <"$stage/in" | unpack)
    fi
  fi
  if [ -n "$complaint" ]; then
    rmdir "$stage/fine"
    printf 'ec2mpi: %s\n' "$complaint" >&7
    [ -n "$links" ] || kill -TERM $$
  fi
  wait
}

# start [gzip] [much] [stored]: all is ready for the archive; it may be compressed, or long, or unpacked only when all
# has come.
start() {
  know_archive "$@"
  said=$(mkdir "$stage/fine" 2>&1 && mkfifo -m 600 "$stage/in" 2>&1) || die "$said"
  [ -n "$stored" ] || said=$(mkfifo -m 600 "$stage/whole" 2>&1) || die "$said"
  receive &
  worker=$!
  report_progress &
  reporter=$!
}
know_archive() {
  for word; do
    case $word in gzip) packed=1 ;; much) much=1 ;; stored) stored=1 ;; esac
  done
}

stop_reporting() {
  [ -z "$reporter" ] || kill "$reporter" 2>/dev/null
  reporter=
}

# The archive comes on standard input.
feed() { exec 8>"$stage/in"; }

# store [gzip] [much]: so does this one, which is for this node alone, and is unpacked when all has come.
store() {
  know_archive stored "$@"
  exec 8>"$stage/whole"
}
store_part() {
  said=$(take "$1" 2>&1 >&8) || die "cannot write into $base: $(first_reason "$said")"
}

# lanes N...: pipes through which additional connections bring parts of the archive, where one does not fill the link.
# Their numbers are those of the descriptors, of which a plain sh has nine.
lanes() {
  for n; do mkfifo -m 600 "$stage/lane.$n" || die "cannot make a pipe in $base"; done
}

# lane N: its connection stands.
lane() { eval "exec $1<\"\$stage/lane.$1\""; }

# A part of the archive from an additional connection. If that breaks off, the parts behind it must not close the gap.
part() {
  [ "$1" -lt 65536 ] || take_blocks $(($1 / 65536)) 65536 "$2"
  [ $(($1 % 65536)) = 0 ] || take_blocks 1 $(($1 % 65536)) "$2"
}
take_blocks() {
  said=$(dd iflag=fullblock bs="$2" count="$1" 2>&1 >&8 <&"$3") || [ -z "$stored" ] ||
    die "cannot write into $base: $(first_reason "$said")"
  case $said in "$1+0"*) ;; *) exit 3 ;; esac
}

# A writer whose pipe no process opens for reading would wait for ever.
free_lanes() {
  for n in "$stage"/lane.*; do [ ! -p "$n" ] || : <>"$n"; done
}

# commit SUM: waits for the end of the archive, and for its checksum.
commit() {
  exec 8>&-
  if [ -n "$worker" ]; then
    wait "$worker"
    # Only the links are left to stop; they bring the rest to the nodes that are fed, however this node ends.
    worker=
    [ -z "$links" ] || printf 'passed\0'
    [ -e "$stage/fine" ] || exit 1
  fi
  stop_reporting
  if [ -n "$stored" ]; then
    set -- "$1" $(measure <"$stage/whole")
    sum=$2
  else
    read -r sum _ <"$stage/sum"
  fi
  [ "$sum" = "$1" ] || exit 4
  printf 'whole\0' # the rest may take long where files are slow to make
  if [ -n "$stored" ]; then
    unpack_stored
    [ -z "$complaint" ] || die "$complaint"
    stored=
  fi
  count_arrived
}

# sum_of NAME BYTES: the checksum of the beginning of a file in a stage.
sum_of() {
  printf 'sum\0'
  head -c "$2" <"$1" | (much=1 && measure)
  printf '\0'
}

# However it ends: our background processes are stopped (but after success the links continue to the last byte).
# The arrived files stay if only the connection was lost.
leave() {
  code=$?
  trap '' HUP INT TERM
  trap - EXIT
  [ -n "$started" ] || exit "$code"
  stop_reporting
  [ -z "$worker" ] || [ -e "$stage/fine" ] || code=1
  [ -z "$worker" ] || [ "$code" = 0 ] || kill -TERM 0
  free_lanes
  if [ "$code" -ge 3 ]; then
    [ -z "$stored" ] || [ ! -f "$stage/whole" ] || unpack_stored
    clear
    rmdir "$stage" 2>/dev/null
  else
    remove "$stage"
  fi
  exit "$code"
}

# --- the steps: how the arrived files get to their places ---

# A file whose content changed while it was being sent, or is no longer wanted, is not put in place.
discard() { rm -rf "$stage/$1"; }

# grow NAME BYTES MODE: puts the rest of a file behind its first bytes, which an earlier push has left.
grow() {
  dd if=/dev/null of="$stage/$1" bs=1 seek="$2" 2>/dev/null &&
    cat "$stage/tails/$1" >>"$stage/$1" && touch -m -r "$stage/tails/$1" "$stage/$1" && chmod "$3" "$stage/$1"
}

# Moves everything but folders from one folder to another; mv renames. So many at a time that their names fit into a
# command.
move_files() {
  from=$1 to=$2
  set --
  for file in "$from"/* "$from"/.[!.]* "$from"/..?*; do
    exists "$file" && ! is_folder "$file" || continue
    set -- "$@" "$file"
    [ $# -lt 100 ] || { mv -f "$@" "$to/" && set --; } || return 1
  done
  [ $# = 0 ] || mv -f "$@" "$to/"
}

# Moves a folder's content into one that is there already, if need be with mv, once or more for each folder. perl
# renames the files of all folders at once; the others are left to mv, which also explains a failure.
merge() {
  perl -e "$merge_program" "$1" "$2" 2>/dev/null || move_content "$1" "$2"
}
move_content() {
  [ -w "$2" ] || chmod u+rwx "$2" || return 1
  move_files "$1" "$2" || return 1
  for folder in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    is_folder "$folder" || continue
    if [ -d "$2/${folder##*/}" ]; then
      move_content "$folder" "$2/${folder##*/}" || return 1
    else
      mv -f "$folder" "$2/" || return 1
    fi
  done
}

# The place of a source of this name: in the folder, or the new name. No name: its content goes into the folder.
find_place() {
  if [ "$into" = 1 ]; then as=$1; else as=$name; fi
  place=$base${as:+/$as}
}

# put NUMBER NAME: moves the NUMBER-th source to its place. It gets its name before it moves, so that mv gets no
# new name: it would move it into a folder of that name.
put() {
  find_place "$2"
  exists "$stage/$1" || return 0
  if is_folder "$stage/$1" && [ -d "$place" ]; then
    merge "$stage/$1" "$place"
    return
  fi
  mkdir "$stage/named" && mv "$stage/$1" "$stage/named/$as" || return 1
  if is_folder "$place"; then
    echo "$place is there already and is a folder"
    return 1
  fi
  if is_folder "$stage/named/$as" && exists "$place"; then
    echo "$place is there already and is not a folder"
    return 1
  fi
  mv -f "$stage/named/$as" "$base/" && rmdir "$stage/named"
}

# set_attributes MODE TIME PATH: only these are wrong.
set_attributes() { chmod "$1" "$base/$3" && touch -m -d "$2" "$base/$3"; }

# erase PATH: removes a path that the sources no longer have; but never the login's .ssh and jobs, nor the folders that
# hold them, nor a file system that is mounted there. By the true path, as links may lead there.
erased_in='' content=''
erase() {
  up=$base/${1%/*}
  [ -w "$up" ] || chmod u+rwx "$up"
  if [ "$up" != "$erased_in" ]; then
    erased_in=$up
    erased_path=$(true_path "$up") || return 1
    # The folder that is pushed: the target itself if the source is a folder's content.
    pushed=${1#./}
    if [ -n "$content" ]; then pushed=$base; else pushed=$base/${pushed%%/*}; fi
    pushed=$(true_path "$pushed") || pushed=$base/./
  fi
  ! touches_dear "$erased_path/${1##*/}" || return 0
  if holds_mount "$erased_path/${1##*/}" || lies_in_mount "$erased_path" "$pushed"; then
    echo "$base/${1#./} was not removed: $point is mounted there; unmount it, or leave it out with --exclude"
    return 1
  fi
  find "$base/$1" -type d ! -perm -700 -exec chmod u+rwx {} + 2>/dev/null
  rm -rf "$base/$1"
}

# erase_all PATH...: one that is refused does not stop the others, nor the steps behind them.
refused=0
erase_all() {
  know_mounts
  for path; do
    erase "$path" >"$stage/said" 2>&1 && continue
    refused=$((refused + 1))
    [ "$refused" = 1 ] || continue
    IFS= read -r reason <"$stage/said" || reason="$base/${path#./} was not removed"
  done
}
# The last step.
report_refused() {
  [ "$refused" != 0 ] || return 0
  [ "$refused" = 1 ] || reason="$reason (and $((refused - 1)) more were not removed)"
  echo "$reason"
  return 1
}

# folders NUMBER NAME: sets the modes and times of a source's folders, which an archive within the archive holds. A
# setgid folder stays one, and the new folders in it become setgid too, as if `mkdir` had made them.
folders() {
  find_place "$2"
  tar $tar_options $list_options -tf "$stage/folders$1" | sort >"$stage/folders" || return 1
  setgid=$(find_setgid "$stage/folders")
  tar $tar_options $folder_options -xpof "$stage/folders$1" -C "$place" || return 1
  # A folder with a line end in its name, or which another tar quotes, is not found here and keeps its mode.
  [ -z "$setgid" ] || printf '%s\n' "$setgid" | while IFS= read -r folder; do chmod g+s "$folder" 2>/dev/null || :; done
}
# Outer folders come before inner ones.
find_setgid() {
  found=
  while IFS= read -r folder; do
    folder=${folder#.}
    folder=$place${folder%/}
    case $folder in "$place") up=$base ;; *) up=${folder%/*} ;; esac
    [ -g "$folder" ] || [ -g "$up" ] || case "
$found" in *"
$up
"*) ;; *) continue ;; esac
    found="$found$folder
"
    printf '%s\n' "$folder"
  done <"$1"
}

# Runs the steps, which ec2mpi has defined; then all is in place.
apply() {
  said=$(steps 2>&1) || die "$said"
  tidy
  free_lanes
  remove "$stage"
  printf 'done\0'
  exit 0
}

# --- the main program ---

# The target as scp has it: a folder that is there, or must be one, takes the sources; else it is the new name.
# A link to a file, or to nothing, is written through.
[ -d "$target" ] && into=1
[ ! -L "$target" ] || [ "$into" = 1 ] || target=$(readlink -f "$target") || die "cannot follow the link $target"
if [ "$into" = 1 ]; then
  base=${target%/} name=
else
  base=${target%/*} name=${target##*/}
  set -- "./$name"
fi
[ -n "$base" ] || base=/.
# A link that leads to it may be among the removed paths.
case $asked in
  *delete*)
    if [ -d "$base" ]; then
      base=$(true_path "$base") || die "cannot enter $target"
      [ -n "$base" ] || base=/.
    fi ;;
esac
stage=$base/.ec2mpi-push.$host.$key.$$
while exists "$stage"; do stage=${stage%.*}.again.$$; done
trap '' PIPE
trap 'exit 3' HUP INT TERM
trap leave EXIT
survey "$@"

# take BYTES: exactly this many bytes of standard input. A pipe holds 64 KB; larger blocks would not arrive sooner.
take() {
  if [ "$taker" = head ]; then
    head -c "$1"
    return
  fi
  [ "$1" -lt 65536 ] || dd iflag=fullblock bs=65536 count=$(($1 / 65536)) || return 1
  [ $(($1 % 65536)) = 0 ] || dd iflag=fullblock bs=$(($1 % 65536)) count=1
}
find_taker() {
  [ -z "$taker" ] || return 0
  dd iflag=fullblock count=0 </dev/null >/dev/null 2>&1 && taker="dd" || taker="head"
}

# The shell reads lines byte by byte, which takes less than a program does, if they are few.
take_lines() {
  text=
  while [ "$1" -gt 0 ]; do
    IFS= read -r line || exit 3
    text="$text$line
"
    set -- $(($1 - 1))
  done
}

while read -r verb size lane; do
  case $verb in
    data)
      find_taker
      if [ -n "$stored" ]; then store_part "$size"; else take "$size" 2>/dev/null >&8; fi ;;
    part) part "$size" "$lane" ;;
    lines)
      take_lines "$size"
      eval "$text" ;;
    do)
      find_taker
      text=$(take "$size" 2>/dev/null)
      case $text in *'# whole') eval "$text" ;; *) exit 3 ;; esac ;;
  esac
done
exit 3
