#!/bin/sh
# shellcheck disable=SC2015 # "A && B || die" means that die also follows a failure of B
# Reports, writes and takes away the texts that setup puts on a node, and tries its logins: trust.sh ACTION ARGUMENT...
#
#   states              prints the state of everything that setup writes
#   write CLAIM         writes the texts of standard input; CLAIM names the setup, or is empty
#   hosts               as root: writes the text `hosts` of standard input into the block of /etc/hosts
#   take, take_hosts    take these texts away
#   login ADDRESS CLAIM logs in to another node, prints the states, and gives the claim back
#   sshd USER HOME FROM TO PORT
#                       as root: prints the settings of sshd that choose which logins it accepts, for a login of USER from
#                       address FROM to TO; and `unsafe PATH` if StrictModes refuses the path of authorized_keys
#
# The files belong to the user and to other programs, too. Three rules keep their lines:
# - Only the holder of a lock changes a file. The lock is a folder, because mkdir is atomic on NFS as well.
# - The new content is made from one copy, and takes the file's place only if the file still equals that copy.
# - What a program without our lock appends between that comparison and the rename is appended again.
#
# A block stands at the top of a file: in ~/.ssh/config an Include counts for all hosts only there, in /etc/hosts the
# first line of a name wins, and nothing needs to be known about the last line of the user's part, which may lack its
# end. head, tail and cat copy the user's part, because they leave every byte as it is. The first mark remembers
# whether setup made the file.
LC_ALL=C
export LC_ALL
unset LD_LIBRARY_PATH LD_PRELOAD # of conda or modules: ssh would get another libcrypto
trap '' PIPE # the script continues to its end when the connection has ended
mark='# BEGIN ec2mpi'
mark_made='# BEGIN ec2mpi (and of its file)'
mark_end='# END ec2mpi'
own=ec2mpi-new.$(uname -n | tr -c 'A-Za-z0-9.\n-' _).$$
ssh=$HOME/.ssh
ours=$HOME/.ssh/ec2mpi
patience=30 # seconds of waiting for another ec2mpi
old_age=120 # seconds after which a lock of another machine counts as left behind
busy=75     # the exit status for "another setup is at work"
our_lines='' # a pattern of the lines that setup writes into the block at hand; empty for all lines
silence='ssh was cut off without a word'
stage='' held='' base='' said_in='' file=''

# A full disk is only a guess. If a file can be made and written wherever this program writes, the guess is wrong and is
# left out; where the file system reports another reason, that one is shown.
die() {
  case $1 in
    *'; is the disk full?')
      reason='' full=''
      for folder in "$stage" "${file%/*}" "$ours" "${TMPDIR:-/tmp}" "$HOME"; do
        [ -d "$folder" ] && [ -z "$reason$full" ] || continue
        reason=$( (: >"$folder/.ec2mpi-probe-$$") 2>&1)
        [ -n "$reason" ] || printf '%65536s' '' 2>/dev/null >"$folder/.ec2mpi-probe-$$" || full=$folder
        rm -f "$folder/.ec2mpi-probe-$$"
      done
      if [ -n "$reason" ]; then
        set -- "${1%; is the disk full?}: ${reason##*: }" "$2"
      elif [ -n "$full" ]; then
        set -- "${1%; is the disk full?}: No space left in $full" "$2"
      else
        set -- "${1%; is the disk full?}" "$2"
      fi ;;
  esac
  printf 'ec2mpi: %s\n' "$1" >&2
  exit "${2:-1}"
}

clean_up() {
  [ -z "$stage" ] || rm -rf "$stage"
  [ -z "$base" ] || rm -f "$base".*
  [ -z "$said_in" ] || rm -f "$said_in"
  let_go
}

# --- the lock

start_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# Sets machine, and me: the machine, the process and its start, then words for people.
introduce() {
  machine=$(cat /proc/sys/kernel/random/boot_id).$(readlink /proc/self/ns/pid)
  me="$machine $$ $(start_of $$) $(id -un) on $(uname -n)${SSH_CONNECTION:+, from ${SSH_CONNECTION%% *}}"
}

sign() { printf '%s\n' "$me" >"$1/owner"; }

# age_of PATH: in seconds, by the clock of the file system that holds it.
age_of() {
  : >"$1.now.$$" || { echo 0; return; }
  echo $(($(stat -c %Y "$1.now.$$") - $(stat -c %Y "$1" 2>/dev/null || stat -c %Y "$1.now.$$")))
  rm -f "$1.now.$$"
}

is_old() { [ "$(age_of "$1")" -gt "$old_age" ]; }

# is_left_behind FOLDER: the process that signed the folder is gone.
is_left_behind() {
  its_machine=''
  [ ! -r "$1/owner" ] || read -r its_machine its_process its_start _ <"$1/owner"
  if [ "$its_machine" = "$machine" ]; then
    [ "$(start_of "$its_process")" != "$its_start" ]
  else
    is_old "$1"
  fi
}

# Only one process at a time may break a lock, and it looks again first.
break_lock() {
  if mkdir "$1.break" 2>/dev/null; then
    ! is_left_behind "$1" || rm -rf "$1"
    rmdir "$1.break"
  elif is_old "$1.break"; then
    rmdir "$1.break"
  fi
}

holder_of() { sed 's/^[^ ]* \([^ ]*\) [^ ]* \(.*\)/\2, process \1/' "$1/owner" 2>/dev/null || :; }

take_lock() {
  tries=0 misses=0
  until said=$(mkdir "$1" 2>&1); do
    tries=$((tries + 1))
    if [ ! -d "$1" ]; then
      misses=$((misses + 1)) # the lock was given back in between, or it cannot be made
      [ "$misses" -lt 20 ] || die "cannot make $1: ${said##*: }"
    elif is_left_behind "$1"; then
      break_lock "$1"
    fi
    [ "$tries" -lt $((patience * 5)) ] ||
      die "another ec2mpi holds $1 ($(holder_of "$1")); try again when it has ended" "$busy"
    sleep 0.2
  done
  held=$1
  # Without its owner's name nobody would know that it is left behind, and the next setup would wait for it.
  sign "$held" || { rm -rf "$held"; die "cannot write $1; is the disk full?"; }
}

let_go() {
  [ -z "$held" ] || [ "$(cat "$held/owner" 2>/dev/null)" != "$me" ] || rm -rf "$held"
  held=''
}

lock_home() {
  if [ -w "$HOME" ]; then take_lock "$HOME/.ec2mpi-lock"; else take_lock "$ssh/.ec2mpi-lock"; fi
}

# --- blocks

cr=$(printf '\r') # an editor of Windows puts one behind each line; ssh and sshd take these lines all the same
# A line of authorized_keys with a key of ours: it opens the node wherever it stands.
our_keys="^[[:blank:]]*from=\"[0-9.,]*\" ssh-ed25519 [^ ]* ec2mpi[[:blank:]]*$cr?\$"

# Sets begin and end to the line numbers of the first block's marks; 0 for a mark that is not there. A second
# beginning before the end shows that the end is missing.
find_block() {
  # shellcheck disable=SC2046 # two numbers
  set -- $(awk -v b="$mark" -v m="$mark_made" -v e="$mark_end" '
    { sub(/\r$/, "") }
    $0 == b || $0 == m { if (begin) exit; begin = NR }
    begin && $0 == e { end = NR; exit }
    END { print begin + 0, end + 0 }' "$1")
  begin=$1 end=$2
}

# outside FILE: the lines that are not ours, after find_block. A line of others between the marks comes after the block.
outside() {
  { [ "$begin" = 1 ] || head -n "$((begin - 1))" "$1"; } &&
    { sed -n "$((begin + 1)),$((end - 1))p" "$1" | grep -v -E "$our_lines" || :; } && tail -n "+$((end + 1))" "$1"
}

# split_copy: puts the lines of $base.copy that are not ours into $base.rest; sets first, the first mark that the block has
# or will have, and blocks, their number.
split_copy() {
  first=$mark blocks=0
  cat "$base.copy" >"$base.rest" || die "cannot write beside $shown; is the disk full?"
  while find_block "$base.rest" && [ "$begin" != 0 ]; do
    [ "$end" != 0 ] || die "$shown: the end of ec2mpi's block ('$mark_end') is missing; put it back"
    case $(sed -n "${begin}p" "$base.rest") in "$mark_made" | "$mark_made$cr") first=$mark_made ;; esac
    blocks=$((blocks + 1))
    outside "$base.rest" >"$base.outside" && mv -f "$base.outside" "$base.rest" ||
      die "cannot write beside $shown; is the disk full?"
  done
  has_stray_keys "$base.rest" || return 0
  blocks=$((blocks + 1))
  sed -E "/$our_keys/d" "$base.rest" >"$base.outside" && mv -f "$base.outside" "$base.rest" ||
    die "cannot write beside $shown; is the disk full?"
}

# has_stray_keys FILE: a key of ours stands outside of the block, after find_block.
has_stray_keys() {
  [ -f "$1" ] || return 1
  if [ "$begin" = 0 ]; then cat "$1"; else sed "$begin,${end}d" "$1"; fi | grep -q -E "$our_keys"
}

# block_sum FILE [top]: the block's checksum, or a word. With `top`, a block further down is as good as none.
block_sum() {
  begin=0 end=0
  [ ! -f "$1" ] || find_block "$1"
  if [ "$begin" != 0 ] && [ "$end" = 0 ]; then
    echo broken
  elif has_stray_keys "$1"; then
    echo several
  elif [ "$begin" = 0 ]; then
    echo absent
  elif [ "$2" = top ] && [ "$begin" != 1 ]; then
    echo moved
  elif [ "$(grep -c -x -F -e "$mark" -e "$mark_made" "$1")" != 1 ]; then
    echo several
  else
    sed -n "$((begin + 1)),$((end - 1))p" "$1" | cksum
  fi
}

# --- one change

# identity_of FILE: mode with a sign for an ACL, owner, group.
identity_of() {
  # shellcheck disable=SC2012 # stat does not show an ACL
  ls -ldn "$1" | awk '{ print $1, $3, $4 }'
}

# copy_with_all FILE COPY: cp does not report an owner, a group or an ACL that it cannot keep.
copy_with_all() {
  [ -r "$1" ] || [ ! -e "$1" ] || die "cannot read $shown: Permission denied; $(way_to_read "$1")"
  { cp -a "$1" "$2" 2>/dev/null || cp -p "$1" "$2"; } || return 1
  [ "$(identity_of "$1")" = "$(identity_of "$2")" ] ||
    die "$shown: its owner, group or access list would change ($(identity_of "$1")); nothing was changed; \
fix there: $(way_to_keep "$1" "$2")"
}

way_to_read() { if [ -O "$1" ]; then echo "fix there: chmod u+r $1"; else echo "let $(id -un) read it"; fi; }

# way_to_keep FILE COPY: what gives a copy the same owner, group and access list. A link may lead to a file of
# the system's, which nobody is told to take.
way_to_keep() {
  if [ "$(stat -c %u:%g "$1")" = "$(stat -c %u:%g "$2")" ]; then echo "setfacl -b $1"
  elif [ -L "$shown" ]; then echo "put a file of $(id -un)'s in the place of the link to $1"
  else echo "sudo chown $(id -un):$(id -gn) $1"
  fi
}

# put_in_place NEW: a file that is a mount point, as /etc/hosts in containers, cannot be replaced, only rewritten.
put_in_place() {
  ! said=$(mv -f "$1" "$file" 2>&1) || return 0
  case $said in
    *busy*)
      ! { cat "$1" >"$file" && cmp -s "$1" "$file"; } || return 0
      cat "$base.copy" >"$file"
      ;;
  esac
  die "cannot replace $shown: ${said##*: }"
}

# place NEW: NEW takes the place of $file, or $file goes if NEW is empty. Fails if $file is not the copy any more.
place() {
  if [ ! -e "$file" ]; then
    [ "$is_there" = no ] || return 1
    ln "$base.new" "$file" 2>/dev/null || { [ ! -e "$file" ] && mv -f "$base.new" "$file"; }
    return
  fi
  [ "$is_there" = yes ] || return 1
  if ln "$file" "$base.old" 2>/dev/null; then
    # shellcheck disable=SC3013 # dash, bash and busybox know -ef, and it takes no process
    cmp -s "$base.old" "$base.copy" && [ "$file" -ef "$base.old" ] || return 1
  else # a file system without hard links
    copy_with_all "$file" "$base.old" && cmp -s "$base.old" "$base.copy" || return 1
  fi
  if [ -n "$1" ]; then put_in_place "$1"; else rm -f "$file" || die "cannot remove $shown"; fi
  cmp -s "$base.old" "$base.copy" || keep_late_lines
}

# $base.old is the file that was replaced; another program had it open.
keep_late_lines() {
  bytes=$(($(wc -c <"$base.copy")))
  if head -c "$bytes" "$base.old" | cmp -s - "$base.copy"; then
    tail -c "+$((bytes + 1))" "$base.old" >>"$file"
  else
    mv -f "$base.old" "$file"
    return 1
  fi
}

# find_file PATH: sets file, the file or the place for one to which a link may lead.
find_file() {
  file=$(readlink -f "$1") || {
    case $( (: <"$1") 2>&1) in
      *'Too many levels'*) die "$1 is a link to $(readlink "$1"), which leads back to itself; remove the link" ;;
    esac
    die "$1 is a link to $(readlink "$1"), whose folder is not there; make that folder, or remove the link"
  }
  [ ! -e "$file" ] || [ -f "$file" ] ||
    die "$1$([ ! -L "$1" ] || echo " (a link to $file)") is in the way, for it is no file; move it to another name"
}

# find_files: before the first change, because mv would put a file into a folder, and nobody reads a pipe.
find_files() {
  for folder in "$ssh" "$ours"; do
    [ -d "$folder" ] || [ ! -e "$folder" ] || die "$folder is in the way, for it is no folder; move it to another name"
  done
  [ ! -d "$ours" ] || [ -w "$ours" ] || [ -O "$ours" ] ||
    die "$ours belongs to $(stat -L -c %U "$ours"), and setup cannot change it; let it belong to $(id -un)"
  for path in "$ours/known_hosts" "$ours/config" "$ours/key" "$ours/claim" "$ssh/config" "$ssh/authorized_keys"; do
    # A file of ours takes the place of a link to nowhere.
    [ ! -d "${path%/*}" ] || { [ "${path%/*}" = "$ours" ] && [ ! -e "$path" ]; } || find_file "$path"
  done
}

# copy_file MODE: makes $base.copy, of which all else is made.
copy_file() {
  rm -rf "$file".ec2mpi-new.* # only the holder of the lock makes them
  is_there=no
  if [ -e "$file" ]; then
    is_there=yes
    copy_with_all "$file" "$base.copy"
  else
    : >"$base.copy" && chmod "$1" "$base.copy"
  fi && copy_with_all "$base.copy" "$base.new" || die "cannot write beside $shown; is the disk full?"
}

# open_new and close_new: $base.new can be written between them, also if even its owner may only read it.
open_new() {
  read_only=
  [ -w "$base.new" ] || { read_only=yes && chmod u+w "$base.new"; }
}
close_new() { [ -z "$read_only" ] || chmod u-w "$base.new"; }

# check_copies FILE...: dies before the first change if a copy would not keep the owner, group or access list of a file.
check_copies() {
  for shown in "$@"; do
    find_file "$shown"
    [ -e "$file" ] || continue
    base=$file.$own
    copy_with_all "$file" "$base.copy" || die "cannot write beside $shown; is the disk full?"
    rm -f "$base".*
    base=''
  done
}

try_to_put() {
  copy_file "$2"
  open_new
  split_copy
  [ "$is_there" = yes ] || first=$mark_made
  {
    printf '%s\n' "$first" && cat "$1" && printf '%s\n' "$mark_end" && cat "$base.rest"
  } >"$base.new" && tail -c "$(($(wc -c <"$base.rest")))" "$base.new" | cmp -s - "$base.rest" ||
    die "cannot write $shown; is the disk full?"
  close_new
  place "$base.new"
}

try_to_take() {
  copy_file 600
  split_copy
  [ "$blocks" != 0 ] || return 0
  open_new
  cat "$base.rest" >"$base.new" && cmp -s "$base.rest" "$base.new" || die "cannot write beside $shown; is the disk full?"
  close_new
  if [ "$first" = "$mark_made" ] && [ ! -s "$base.rest" ]; then place ''; else place "$base.new"; fi
}

# change FILE TRY ARGUMENT...: again until no other program has changed the file meanwhile. A symbolic link stays one.
change() {
  shown=$1 try=$2
  shift 2
  rounds=0
  while :; do
    find_file "$shown"
    base=$file.$own
    ! "$try" "$@" || break
    rounds=$((rounds + 1))
    [ "$rounds" -lt 100 ] || die "another program changes $shown again and again; try again later" "$busy"
  done
  rm -f "$base".*
  base=''
}

# Lines of /etc/hosts look like those of others: all lines in that block are ours.
lines_of() {
  case $1 in
    authorized) our_lines="^# Written by ec2mpi setup|$our_keys" ;;
    include) our_lines="^# Written by ec2mpi setup|^Include ~/\\.ssh/ec2mpi/config$cr?\$" ;;
    *) our_lines='' ;;
  esac
}

# put_block NAME TEXT FILE MODE [top]: TEXT is a file with the block's lines.
put_block() {
  [ "$(block_sum "$3" "$5")" != "$(cksum <"$2")" ] || return 0
  lines_of "$1"
  change "$3" try_to_put "$2" "$4"
  echo "did $1"
}

take_block() {
  [ -e "$2" ] && [ "$(block_sum "$2")" != absent ] || return 0
  lines_of "$1"
  change "$2" try_to_take
  echo "did $1"
}

# --- files of ours

file_sum() { if [ -f "$1" ] && [ -r "$1" ]; then cksum <"$1"; else echo absent; fi; }

key_sum() {
  if [ -n "$(find "$ours/key" -type f -perm 600 2>/dev/null)" ]; then file_sum "$ours/key"; else echo absent; fi
}

# sum_of NAME: a file in a mode that ssh refuses is as good as none, so that a new one takes its place.
sum_of() {
  if [ "$1" = key ]; then
    key_sum
  elif [ -n "$(find -L "$ours/$1" -prune \( -perm -020 -o -perm -002 \) 2>/dev/null)" ]; then
    echo absent
  else
    file_sum "$ours/$1"
  fi
}

put_file() {
  [ "$(sum_of "$1")" != "$(cksum <"$stage/$1")" ] || return 0
  mv -f "$stage/$1" "$ours/$1" || die "cannot write $ours/$1"
  echo "did $1"
}

take_file() {
  [ -e "$ours/$1" ] || return 0
  rm -f "$ours/$1" || die "cannot remove $ours/$1"
  echo "did $1"
}

# --- owners and write permissions for which ssh or sshd refuses a file

path_of() {
  case $1 in
    home) echo "$HOME" ;;
    ssh) echo "$ssh" ;;
    ours) echo "$ours" ;;
    config | include) echo "$ssh/config" ;;
    authorized) echo "$ssh/authorized_keys" ;;
  esac
}

loose() {
  for name in home ssh config authorized; do
    real=$(readlink -f "$(path_of "$name")") && [ -e "$real" ] && [ -O "$real" ] || continue
    [ -z "$(find "$real" -prune \( -perm -020 -o -perm -002 \))" ] || echo "$name"
  done
}

# foreign: NAME=OWNER for each file or folder of another user, and :TARGET behind it where a link leads there.
foreign() {
  for name in home ssh ours config authorized; do
    path=$(path_of "$name")
    { [ -f "$path" ] || [ -d "$path" ]; } && [ ! -O "$path" ] || continue
    target=''
    [ ! -L "$path" ] || target=:$(readlink -f "$path" | tr -c 'A-Za-z0-9./_\n-' '?')
    echo "$name=$(stat -L -c %U "$path")$target"
  done
}

tighten() {
  for name in $(loose); do
    chmod go-w "$(readlink -f "$(path_of "$name")")" || die "cannot change the mode of $(path_of "$name")"
    echo "tightened $name"
  done
}

# --- the actions

# peers: the addresses that the block's key lets in, in one word.
peers() {
  [ -r "$ssh/authorized_keys" ] || return 0
  sed -n "s/^[[:blank:]]*from=\"\([0-9.,]*\)\" ssh-ed25519 [^ ]* ec2mpi[[:blank:]]*$cr\{0,1\}\$/\1/p" \
    "$ssh/authorized_keys" | tr '\n' ,
}

# The last line identifies the home well enough to name the node that writes for others; the lock and the checksums
# decide.
states() {
  for name in known_hosts config key; do
    echo "state $name $(sum_of "$name")"
  done
  echo "state include $(block_sum "$ssh/config" top)"
  echo "state authorized $(block_sum "$ssh/authorized_keys")"
  echo "state hosts $(block_sum /etc/hosts top)"
  names=$(loose | tr '\n' ,)
  echo "state modes ${names:-ok}"
  names=$(foreign | tr '\n' ,)
  echo "state owners ${names:-ok}"
  names=$(peers)
  echo "state peers ${names:-none}"
  echo "state home $(stat -c %i "$HOME").$(stat -L -c '%i.%y' "$ssh/authorized_keys" 2>/dev/null | tr -d ' ')"
}

make_folders() {
  made=''
  if [ ! -d "$ssh" ] && mkdir "$ssh" 2>/dev/null; then
    made=yes
    ! command -v restorecon >/dev/null || restorecon "$ssh"
  fi
  [ -d "$ours" ] || mkdir "$ours" 2>/dev/null
  [ -d "$ours" ] || die "cannot make $ours; is the disk full?"
  [ -z "$made" ] || echo 'ec2mpi setup made the folder above' >"$ours/made"
}

remove_left_stages() {
  for left in "$ours"/ec2mpi-new.*; do
    [ ! -d "$left" ] || ! is_left_behind "$left" || rm -rf "$left"
  done
}

# All texts come to a stage first; none takes its place before the last byte has arrived.
fill_stage() {
  stage=$ours/$own
  # An undo may remove the folder in between.
  mkdir "$stage" 2>/dev/null || { make_folders && mkdir "$stage"; } || die "cannot make $stage; is the disk full?"
  sign "$stage" || die "cannot write $stage; is the disk full?"
  read_texts
}

# read_texts: standard input becomes files in $stage.
read_texts() {
  awk -v stage="$stage" '
    /^=text / { if (file) close(file); file = stage "/" $2; next }
    /^=end / { if (file) close(file); print $2 > (stage "/.size"); exit }
    file { print substr($0, 2) >file }' || die "cannot write $stage; is the disk full?"
  arrived=$(for name in known_hosts config key include authorized hosts; do
    [ ! -f "$stage/$name" ] || cat "$stage/$name"
  done | wc -c)
  [ "$(cat "$stage/.size" 2>/dev/null)" = "$((arrived))" ] ||
    die 'the texts did not arrive whole, and nothing was changed; is the disk full?'
}

# Two setups with different keys must not write the same nodes at the same time. The claim lies on one node of each
# setup and goes when the setup has tried its logins.
claim() {
  [ -n "$1" ] || return 0
  waited=0
  while [ -f "$ours/claim" ] && ! is_old "$ours/claim"; do
    read -r its_name its_words <"$ours/claim"
    [ "$its_name" != "$1" ] || break
    let_go
    waited=$((waited + 1))
    [ "$waited" -le "$patience" ] ||
      die "another setup is at work on these nodes ($its_words); nothing was changed; try again when it has ended" "$busy"
    sleep 1
    lock_home
  done
  printf '%s %s\n' "$1" "${me#* * * }" >"$ours/claim" || die "cannot write $ours/claim; is the disk full?"
}

give_claim_back() {
  [ -n "$1" ] && [ -f "$ours/claim" ] || return 0
  lock_home
  read -r its_name _ <"$ours/claim"
  [ "$its_name" != "$1" ] || rm -f "$ours/claim"
  let_go
}

write() {
  umask 077
  find_files
  make_folders
  remove_left_stages
  fill_stage
  lock_home
  for name in include authorized; do
    [ ! -f "$stage/$name" ] || check_copies "$(path_of "$name")"
  done
  claim "$1"
  tighten
  for name in known_hosts config key; do
    [ ! -f "$stage/$name" ] || put_file "$name"
  done
  [ ! -f "$stage/include" ] || put_block include "$stage/include" "$ssh/config" 600 top
  [ ! -f "$stage/authorized" ] || put_block authorized "$stage/authorized" "$ssh/authorized_keys" 600
  let_go
  states
}

write_hosts() {
  stage=$(mktemp -d 2>/dev/null || mktemp -d /run/ec2mpi.XXXXXX) || die 'cannot make a temporary folder; is the disk full?'
  read_texts
  [ -f "$stage/hosts" ] || die 'the text of /etc/hosts did not arrive; nothing was changed'
  take_lock /etc/.ec2mpi-lock
  put_block hosts "$stage/hosts" /etc/hosts 644 top
  echo "state hosts $(block_sum /etc/hosts top)"
}

take() {
  find_files
  lock_home
  for name in include authorized; do
    [ "$(block_sum "$(path_of "$name")")" = absent ] || check_copies "$(path_of "$name")"
  done
  take_block authorized "$ssh/authorized_keys"
  take_block include "$ssh/config"
  [ -d "$ours" ] || return 0
  remove_left_stages
  for name in known_hosts config key; do
    take_file "$name"
  done
  rm -f "$ours/claim"
  if [ -f "$ours/made" ]; then
    rm -f "$ours/made"
    rmdir "$ours" && rmdir "$ssh"
  else
    rmdir "$ours"
  fi 2>/dev/null || : # files of others lie there, too
}

take_hosts() {
  take_lock /etc/.ec2mpi-lock
  take_block hosts /etc/hosts
}

# try_login ADDRESS: prints nothing if the login succeeds, else the reason. ssh says some reasons (no common cipher, a
# closed connection) only at the level INFO. That level also shows the banner of sshd, so it is asked only after silence.
try_login() {
  command -v ssh >/dev/null || { echo 'there is no ssh client here'; return 0; }
  words=$(ssh -V 2>&1) || { echo "ssh does not start here: $words" | tr -s '\r\n' ' ' && return 0; }
  reason=$(try_login_at ERROR "$1")
  [ "$reason" != "$silence" ] || reason=$(try_login_at INFO "$1")
  [ -z "$reason" ] || printf '%s\n' "$reason"
}

# try_login_at LEVEL ADDRESS: ssh would wait for what a start-up file of the far end leaves in the background; so it is
# ended as soon as the far end has spoken. 255 is ssh's own failure; another status comes from a program that ran in
# place of the command.
try_login_at() {
  ssh -n -o BatchMode=yes -o ConnectTimeout=10 -o LogLevel="$1" "$2" exec /bin/echo ec2mpi-in >"$said_in" 2>&1 &
  tries=150 # of 0.1 s
  while kill -0 $! 2>/dev/null; do
    ! grep -q ec2mpi-in "$said_in" || { kill $! 2>/dev/null; return 0; }
    [ $tries -gt 0 ] || { kill $! 2>/dev/null; echo 'no answer within 15 s'; return 0; }
    tries=$((tries - 1))
    sleep 0.1
  done
  wait $!
  ended=$?
  ! grep -q ec2mpi-in "$said_in" || return 0
  [ "$ended" = 255 ] || printf 'it logs in, but does not run the command: '
  if [ -s "$said_in" ]; then tr -s '\r\n' ' ' <"$said_in"; else echo "$silence"; fi
}

login() {
  # An undo has taken all away: the states say so.
  [ -d "$ours" ] || { echo 'login failed' && states && return; }
  # Without room for what ssh says, a login that works would look like a refusal by the far end.
  if ! said_in=$(mktemp 2>/dev/null) || ! echo 2>/dev/null >"$said_in"; then
    rm -f "$said_in"
    said_in=$ours/ec2mpi-said.$$
  fi
  if ! echo 2>/dev/null >"$said_in"; then
    give_claim_back "$2"
    die "cannot write $said_in; is the disk full?"
  fi
  said=$(try_login "$1")
  rm -f "$said_in" && said_in=''
  if [ -n "$said" ]; then echo "login failed $said"; else echo 'login ok'; fi
  give_claim_back "$2"
  states
}

sshd_settings() {
  PATH=$PATH:/usr/sbin:/sbin
  sshd -T -C "user=$1,host=$3,addr=$3,laddr=$4,lport=$5" | grep -E \
    '^(authorizedkeysfile|pubkeyauthentication|pubkeyaccepted[a-z]*|(allow|deny)(users|groups)|authenticationmethods|strictmodes|permitrootlogin|forcecommand) '
  unsafe_path "$1" "$2"
}

# unsafe_path USER HOME: sshd_config(5), StrictModes: sshd looks at the file and the folders above it, up to the home or /.
unsafe_path() {
  home=$(readlink -f "$2") path=$(readlink -f "$2/.ssh/authorized_keys") user_id=$(id -u "$1") || return 0
  while :; do
    owner=$(stat -c %u "$path")
    if [ "$owner" != 0 ] && [ "$owner" != "$user_id" ] || [ -n "$(find "$path" -prune \( -perm -020 -o -perm -002 \))" ]; then
      echo "unsafe $path"
      return
    fi
    [ "$path" != "$home" ] && [ "$path" != / ] || return 0
    path=$(dirname "$path")
  done
}

action=$1
[ $# = 0 ] || shift
case $action in
  states) states ;;
  write | hosts | take | take_hosts | login)
    need awk cat chmod cksum cmp find grep head mkdir mv readlink rm rmdir sed stat tail tr wc
    introduce
    trap clean_up EXIT
    trap 'exit 143' HUP INT TERM
    case $action in
      write) write "$1" ;;
      hosts) write_hosts ;;
      take) take ;;
      take_hosts) take_hosts ;;
      login) login "$@" ;;
    esac
    ;;
  sshd) sshd_settings "$@" ;;
esac
