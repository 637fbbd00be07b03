#include "src/ops/push/script_parts.hpp"

namespace ec2mpi::ops {

const char* const kPushArchive = R"sh(
# --- the archive ---

# Removes the stages of earlier pushes from this host whose process is gone.
tidy() {
  for old in "$base"/.ec2mpi-push."$host".*; do
    is_folder "$old" && is_dead "$old" && remove "$old"
  done
}

# Leaves only what has arrived in the stage.
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

# begin OLD: makes the stage, or goes on with the one that an earlier push has left. In a folder that others can write
# to, one that is there already may be theirs.
begin() {
  know_tar
  [ -d "$base" ] || said=$(mkdir -p "$base" 2>&1) || die "$said"
  if [ -n "$1" ]; then
    ! exists "$stage" && mv "$1" "$stage" || die 'what an earlier push has left is gone; push again'
    clear
  else
    said=$(mkdir -m 700 "$stage" 2>&1) || die "cannot write into $base: $(first_reason "$said")"
  fi
  started=1
}

# What costs ssh the least, in front of what it would choose: by itself it takes a key exchange of a tenth of a
# second and a cipher that the processor has no instructions for. Before OpenSSH 8 there is no saying so.
swift=
find_swift() {
  set -- -o KexAlgorithms=^curve25519-sha256 -o Ciphers=^aes128-gcm@openssh.com
  ssh -G "$@" localhost >/dev/null 2>&1 && swift="$*" || swift=' '
}

# The number of this very process, which keeps it when it becomes a program by `exec`; $$ is that of the first shell.
tell_process() {
  read -r process _ </proc/self/stat && echo "$process"
}

# link N ADDRESS PORT USER COMMAND: feeds another node with what comes. Says so if that ends badly.
link() {
  [ -n "$swift" ] || find_swift
  mkfifo -m 600 "$stage/link$1" || die "cannot make a pipe in $base"
  links="$links $1"
  {
    (
      tell_process >"$stage/.pid$1"
      exec ssh -T $swift -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -p "$3" -l "${4:-$(id -un)}" \
        -- "$2" "$5" 2>"$stage/said$1" >/dev/null
    ) ||
      printf 'unlinked\0%s %s\0' "$1" "$(tail -n 1 "$stage/said$1")"
    cat >/dev/null
  } <"$stage/link$1" &
}

# explain: the reason in what a tar that failed has said. Nothing if it says that its input has been broken off: the
# checksum tells. That the disk is full explains more than what was said before.
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

# Unpacks standard input into the stage; gives the reason if tar fails. What a tar says that ends well is no reason; one
# that can write nothing more is ended at once.
unpack() {
  {
    (
      tell_process
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

# The same for what is stored, which ends.
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

# A long archive is passed on by a program of ours (pass_on.pl) where perl has what it needs, else by tee.
passer=
hand_on() {
  tell_process >"$stage/.pidtee"
  [ -z "$passer" ] || ! perl -MErrno -MFcntl -e 1 2>/dev/null || exec perl -e "$passer" "$stage/whole" "$@"
  exec tee "$stage/whole" "$@"
}

# Tells how much has come so far, by what tee has read, and when; while it is alive and somebody listens. There is no tee
# before somebody opens the pipe.
tell_progress() {
  while sleep 2 >/dev/null 2>&1; do
    bytes=0
    if [ -e "$stage/.pidtee" ]; then
      read -r tee <"$stage/.pidtee" && read -r _ bytes <"/proc/$tee/io" || break
    fi
    read -r now _ </proc/uptime
    printf 'has\0%s %s\0' "$bytes" "$now" || break
  done 2>/dev/null
}

# What arrives goes to everybody who needs it, as it comes. A complaint ends this node's part at once, unless
# others are fed by it. That there was one is told by removing a folder, for which the fullest disk has room.
# Only the complaint is told: a killed tar, and a checksum that the disk has no room for, have their own words.
receive() {
  exec 7>&2 2>/dev/null
  for n in $links; do set -- "$@" "$stage/link$n"; done
  if [ -n "$stored" ]; then
    complaint=$(hand_on "$@" 2>&1 >/dev/null <"$stage/in")
    whole=${stage##*/}/whole # the folders above may have any name, and tee quotes some
    case $complaint in
      *"$whole"*) complaint="cannot write into $base: $(first_reason "${complaint#*"$whole"}")" ;;
      *) complaint= ;; # of a link, which tells by itself
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
  tell_progress &
  teller=$!
}
know_archive() {
  for word; do
    case $word in gzip) packed=1 ;; much) much=1 ;; stored) stored=1 ;; esac
  done
}

hush() {
  [ -z "$teller" ] || kill "$teller" 2>/dev/null
  teller=
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

# lanes N...: pipes through which further connections bring parts of the archive, where one does not fill the link.
# Their numbers are those of the descriptors, of which a plain sh has nine.
lanes() {
  for n; do mkfifo -m 600 "$stage/lane.$n" || die "cannot make a pipe in $base"; done
}

# lane N: its connection stands.
lane() { eval "exec $1<\"\$stage/lane.$1\""; }

# A part of the archive from a further connection. If that breaks off, what comes behind must not close the gap.
part() {
  [ "$1" -lt 65536 ] || take_blocks $(($1 / 65536)) 65536 "$2"
  [ $(($1 % 65536)) = 0 ] || take_blocks 1 $(($1 % 65536)) "$2"
}
take_blocks() {
  said=$(dd iflag=fullblock bs="$2" count="$1" 2>&1 >&8 <&"$3") || [ -z "$stored" ] ||
    die "cannot write into $base: $(first_reason "$said")"
  case $said in "$1+0"*) ;; *) exit 3 ;; esac
}

# Who still waits for somebody to read its pipe would wait for ever.
free_lanes() {
  for n in "$stage"/lane.*; do [ ! -p "$n" ] || : <>"$n"; done
}

# commit SUM: waits for the end of the archive, and for its checksum.
commit() {
  exec 8>&-
  if [ -n "$worker" ]; then
    wait "$worker"
    # All that is left to stop are the links, which bring the rest to who is fed, whatever becomes of this node.
    worker=
    [ -z "$links" ] || printf 'passed\0'
    [ -e "$stage/fine" ] || exit 1
  fi
  hush
  if [ -n "$stored" ]; then
    set -- "$1" $(measure <"$stage/whole")
    sum=$2
  else
    read -r sum _ <"$stage/sum"
  fi
  [ "$sum" = "$1" ] || exit 4
  printf 'whole\0' # what is left may take long where files are slow to make
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

# However it ends: what works for us is stopped (but after success the links go on until the last byte is through).
# What arrived stays if only the way was cut.
leave() {
  code=$?
  trap '' HUP INT TERM
  trap - EXIT
  [ -n "$started" ] || exit "$code"
  hush
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
)sh";

}  // namespace ec2mpi::ops
