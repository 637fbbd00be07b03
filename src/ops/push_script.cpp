#include "src/ops/push_script.hpp"

namespace ec2mpi::ops {

// One run of this script is one node's part in a push. It tells what the target holds, then does what it is
// told on its standard input: "do N" and N bytes of shell text, "data N" and N bytes of the archive.
//
// How nothing comes to lie half-written under its final name: the archive is unpacked into a stage, a folder
// beside the target on the same file system. When the checksum of the whole archive is right, what came is
// moved to its place by renaming. If the stream breaks off, the stage stays for the next push of the same
// sources, which goes on from there and removes what it does not need.
//
// The stage is called after host, sources and process, so that a stage whose process is gone is known; the
// host's name matters where nodes share a home.
//
// The archive comes through a pipe with a name, `in`: from the laptop, or by `cat` over ssh from another
// node. tee hands it on, as it comes, to tar, to the checksum and to the nodes that this one has to feed.
//
// tar goes on reading to the end of its input when the disk is full; so it is killed at its first word of
// complaint.
const char* const kPushScript = R"sh(
target=$1 into=$2 key=$3 sums=$4
shift 4
LC_ALL=C TZ=UTC0
export LC_ALL TZ
host=$(uname -n)
links= started= worker=

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

# --- what the target holds ---

# Kind, size, mode, mtime, path and link of everything below some paths of a folder. A name with an end of line
# in it is not told where find has no -printf, and so is always sent.
list() (
  cd "$1" 2>/dev/null || exit
  shift
  if find -H / -prune -printf '' 2>/dev/null; then
    find -H "$@" -printf '%y %s %m %T@ %p\0%l\0' 2>/dev/null
  else
    printf 'lines\0'
    find -H "$@" -exec stat -c '%f %s %Y %n' {} + 2>/dev/null
    printf '\0'
  fi
)

# Where sshd was reached (sshd(8)): behind EC2's NAT, the private address.
own_address() {
  set -- $SSH_CONNECTION
  printf '%s' "${3#::ffff:}"
}

measure() { sha256sum | cut -d ' ' -f 1; }
method=sha256
command -v sha256sum >/dev/null || {
  measure() { wc -c | tr -d ' '; }
  method=length
}

survey() {
  printf 'ec2mpi-push 2\0%s\0%s\0%s\0%s\0area\0\0' "$into" "$(own_address)" "$stage" "$method"
  list "$base" "$@"
  for old in "$base"/.ec2mpi-push."$host"."$key".*; do
    is_folder "$old" && is_dead "$old" || continue
    printf 'area\0%s\0' "$old"
    list "$old" .
  done
  if [ "$sums" = 1 ]; then
    printf 'sums\0'
    (cd "$base" 2>/dev/null && find -H "$@" -type f -exec sha256sum {} + 2>/dev/null)
    printf '\0'
  fi
  printf 'end\0'
}

# --- the archive ---

# Removes the stages of earlier pushes from this host whose process is gone.
tidy() {
  for old in "$base"/.ec2mpi-push."$host".*; do
    is_folder "$old" && is_dead "$old" && remove "$old"
  done
}

# Leaves only what has arrived in the stage.
clear() {
  rm -rf "$stage/in" "$stage/whole" "$stage/sum" "$stage/fine" "$stage"/link* "$stage"/said* \
    "$stage"/.pid* "$stage/named" "$stage"/folders* "$stage/tails"
}

# begin OLD: makes the stage, or goes on with the one that an earlier push has left.
begin() {
  said=$(mkdir -p "$base" 2>&1) || die "$said"
  if [ -n "$1" ]; then
    mv "$1" "$stage" || die 'what an earlier push has left is gone; push again'
    clear
  else
    said=$(mkdir -m 700 "$stage" 2>&1) || die "cannot write into $base: ${said##*: }"
  fi
  started=1
  said=$(mkfifo -m 600 "$stage/in" "$stage/whole" 2>&1 && mkdir "$stage/fine" 2>&1) || die "$said"
}

# link N ADDRESS PORT USER COMMAND: feeds another node with what comes. Says so if that ends badly.
link() {
  mkfifo -m 600 "$stage/link$1" || die "cannot make a pipe in $base"
  links="$links $1"
  {
    sh -c 'echo $$ >"$0"; exec ssh "$@"' "$stage/.pid$1" -T -o BatchMode=yes -o ConnectTimeout=10 \
      -o ServerAliveInterval=5 -p "$3" -l "${4:-$(id -un)}" -- "$2" "$5" 2>"$stage/said$1" >/dev/null ||
      printf 'unlinked\0%s %s\0' "$1" "$(tail -n 1 "$stage/said$1")"
    cat >/dev/null
  } <"$stage/link$1" &
}

# Unpacks standard input; gives tar's first complaints, nothing if all went well.
unpack() {
  options=
  case $(tar --version 2>/dev/null) in *GNU*) options=--warning=no-timestamp ;; esac
  sh -c 'echo $$; exec tar "$@"' tar $options -xpof - -C "$1" 2>&1 | {
    read -r process
    IFS= read -r complaint || exit 0
    kill "$process" 2>/dev/null
    case $complaint in
      *EOF* | *'short read'*) exit 0 ;; # broken off: the checksum tells
      *': Wrote only '*) complaint=${complaint%%: Wrote only *}': No space left on device' ;;
    esac
    printf '%s\n' "$complaint"
  }
}

# What arrives goes to everybody who needs it, as it comes. A complaint ends this node's part at once, unless
# others are fed by it. That there was one is told by removing a folder, for which the fullest disk has room.
# Only the complaint is told: a killed tar, and a checksum that the disk has no room for, have their own words.
receive() {
  exec 7>&2 2>/dev/null
  measure <"$stage/whole" >"$stage/sum" &
  for n in $links; do set -- "$@" "$stage/link$n"; done
  complaint=$(tee "$stage/whole" "$@" <"$stage/in" | unpack "$stage")
  if [ -n "$complaint" ]; then
    rmdir "$stage/fine"
    printf 'ec2mpi: %s\n' "$complaint" >&7
    [ -n "$links" ] || kill -TERM $$
  fi
  wait
}

start() {
  receive &
  worker=$!
}

# The archive comes on standard input.
feed() { exec 8>"$stage/in"; }

# commit SUM: waits for the end of the archive, and for its checksum.
commit() {
  exec 8>&-
  wait "$worker"
  worker= # all that is left to stop are the links, and they may have to bring something to its end
  [ -e "$stage/fine" ] || exit 1
  [ "$(cat "$stage/sum")" = "$1" ] || exit 4
}

# sum_of NAME BYTES: the checksum of the beginning of a file in a stage.
sum_of() {
  printf 'sum\0'
  head -c "$2" <"$1" | measure
  printf '\0'
}

# However it ends: what works for us is stopped (but after success the links go on until the last byte is through).
# What arrived stays if only the way was cut.
leave() {
  code=$?
  trap '' HUP INT TERM
  trap - EXIT
  [ -n "$started" ] || exit "$code"
  [ -e "$stage/fine" ] || code=1
  [ -z "$worker" ] || [ "$code" = 0 ] || kill -TERM 0
  if [ "$code" -ge 3 ]; then
    clear
    rmdir "$stage" 2>/dev/null
  else
    remove "$stage"
  fi
  exit "$code"
}

# --- the steps: how what arrived comes to its place ---

# A file whose content changed while it was being sent, or is no longer wanted, is not put in place.
discard() { rm -rf "$stage/$1"; }

# grow NAME BYTES MODE: puts the rest of a file behind its first bytes, which an earlier push has left.
grow() {
  dd if=/dev/null of="$stage/$1" bs=1 seek="$2" 2>/dev/null &&
    cat "$stage/tails/$1" >>"$stage/$1" && touch -m -r "$stage/tails/$1" "$stage/$1" && chmod "$3" "$stage/$1"
}

# Moves everything but folders from one folder to another; mv renames.
move_files() {
  find "$1/." ! -name . -prune ! -type d -exec sh -c 'to=$0; mv -f "$@" "$to/"' "$2" {} +
}

# Moves a folder's content into one that is there already.
merge() {
  [ -w "$2" ] || chmod u+rwx "$2" || return 1
  move_files "$1" "$2" || return 1
  for folder in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    is_folder "$folder" || continue
    if [ -d "$2/${folder##*/}" ]; then
      merge "$folder" "$2/${folder##*/}" || return 1
    else
      mv -f "$folder" "$2/" || return 1
    fi
  done
}

# The place of a source of this name: in the folder, or the new name. No name: what it holds goes into the folder.
find_place() {
  if [ "$into" = 1 ]; then as=$1; else as=$name; fi
  place=$base${as:+/$as}
}

# put NUMBER NAME: moves the NUMBER-th source to its place. It gets its name before it moves, so that mv need not be
# told where to: it would put it into a folder of that name.
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

# mend MODE TIME PATH: only these are wrong.
mend() { chmod "$1" "$base/$3" && touch -m -d "$2" "$base/$3"; }

# erase PATH: what the sources no longer have.
erase() {
  up=$base/${1%/*}
  [ -w "$up" ] || chmod u+rwx "$up"
  find "$base/$1" -type d ! -perm -700 -exec chmod u+rwx {} + 2>/dev/null
  rm -rf "$base/$1"
}

# folders NUMBER NAME: sets the modes and times of a source's folders, told by an archive within the archive.
folders() {
  find_place "$2"
  options=
  case $(tar --version 2>/dev/null) in *GNU*) options='--warning=no-timestamp --keep-directory-symlink' ;; esac
  tar $options -xpof "$stage/folders$1" -C "$place"
}

# Runs the steps that were told; then all is in place.
apply() {
  said=$(steps 2>&1) || die "$said"
  tidy
  printf 'done\0'
  exit 0
}

# --- what happens ---

# The target as scp has it: a folder that is there, or must be one, takes the sources; else it is the new name.
[ -d "$target" ] && into=1
if [ "$into" = 1 ]; then
  base=${target%/} name=
else
  base=${target%/*} name=${target##*/}
  set -- "./$name"
fi
[ -n "$base" ] || base=/.
stage=$base/.ec2mpi-push.$host.$key.$$
while exists "$stage"; do stage=${stage%.*}.again.$$; done
trap '' PIPE
trap 'exit 3' HUP INT TERM
trap leave EXIT
survey "$@"

# Exactly so many bytes of standard input, and none more.
take() { head -c "$1"; }
dd iflag=fullblock count=0 </dev/null >/dev/null 2>&1 && take() { dd iflag=fullblock bs="$1" count=1 2>/dev/null; }

while read -r verb size; do
  case $verb in
    data) take "$size" >&8 ;;
    do)
      text=$(take "$size")
      case $text in *'# whole') eval "$text" ;; *) exit 3 ;; esac ;;
  esac
done
exit 3
)sh";

}  // namespace ec2mpi::ops
