#include "src/ops/trust_script.hpp"

namespace ec2mpi::ops {

// A block stands at the top: in ~/.ssh/config an Include counts for all hosts only there, in /etc/hosts the
// first line of a name wins, and nothing needs to be known about the last line of the user's part, which may
// lack its end. The user's part is copied by head, tail and cat, which leave every byte as it is. The first
// mark remembers whether the file itself was ours.
//
// A new content is written beside the file (with the file's owner and mode, by cp -p) and renamed over it. A
// symbolic link stays one: what it points to is replaced.
const char* const kBlockFunctions = R"sh(
LC_ALL=C
export LC_ALL
trap '' PIPE # it goes on to its end when nobody listens any more
mark='# BEGIN ec2mpi'
mark_made='# BEGIN ec2mpi (and of its file)'
mark_end='# END ec2mpi'
own=ec2mpi-new.$(printf %s "$(uname -n)" | tr -c 'A-Za-z0-9.-' _)

die() {
  printf 'ec2mpi: %s\n' "$1" >&2
  exit 1
}

# remove_old PREFIX: what was to be PREFIX.PROCESS, of processes that are gone.
remove_old() {
  for old in "$1".*; do
    [ -d "/proc/${old##*.}" ] || rm -rf "$old"
  done
}

# Sets begin and end to the marks' line numbers; 0 for what is not there.
find_block() {
  set -- $(awk -v b="$mark" -v m="$mark_made" -v e="$mark_end" '
    !begin && ($0 == b || $0 == m) { begin = NR }
    begin && !end && $0 == e { end = NR }
    END { print begin + 0, end + 0 }' "$1")
  begin=$1 end=$2
}

# What is not ours in a file, after find_block.
rest_of() {
  if [ "$begin" = 0 ]; then
    cat "$1"
  else
    { [ "$begin" = 1 ] || head -n "$((begin - 1))" "$1"; } && tail -n "+$((end + 1))" "$1"
  fi
}

refuse_broken() {
  [ "$begin" = 0 ] || [ "$end" != 0 ] || die "$1: the end of ec2mpi's block ('$mark_end') is missing; put it back"
}

# put_block TEXT FILE MODE: TEXT is a file with the block's lines.
put_block() {
  file=$(readlink -f "$2") || die "$2 cannot be resolved"
  new=$file.$own.$$ first=$mark begin=0 end=0
  remove_old "$file.$own"
  if [ -e "$file" ]; then
    find_block "$file"
    refuse_broken "$2"
    [ "$begin" = 0 ] || first=$(sed -n "${begin}p" "$file")
    cp -p "$file" "$new" || die "cannot write beside $2"
  else
    first=$mark_made
    : >"$new" && chmod "$3" "$new" || die "cannot write $2"
  fi
  {
    printf '%s\n' "$first" && cat "$1" && printf '%s\n' "$mark_end" && { [ ! -e "$file" ] || rest_of "$file"; }
  } >"$new" && mv -f "$new" "$file" || {
    rm -f "$new"
    die "cannot write $2; is the disk full?"
  }
}

# take_block FILE
take_block() {
  [ -e "$1" ] || return 0
  file=$(readlink -f "$1")
  remove_old "$file.$own"
  find_block "$file"
  [ "$begin" != 0 ] || return 0
  refuse_broken "$1"
  first=$(sed -n "${begin}p" "$file") new=$file.$own.$$
  cp -p "$file" "$new" && rest_of "$file" >"$new" || {
    rm -f "$new"
    die "cannot write beside $1; is the disk full?"
  }
  if [ "$first" = "$mark_made" ] && [ ! -s "$new" ]; then
    rm -f "$new" "$file"
  else
    mv -f "$new" "$file" || die "cannot write $1"
  fi
}
)sh";

const char* const kStateFunctions = R"sh(
file_state() {
  if [ -f "$2" ]; then echo "state $1 $(cksum <"$2")"; else echo "state $1 absent"; fi
}

# block_state NAME FILE [top]: with `top`, a block further down is as good as none.
block_state() {
  begin=0 end=0
  [ ! -f "$2" ] || find_block "$2"
  if [ "$begin" = 0 ]; then
    echo "state $1 absent"
  elif [ "$end" = 0 ]; then
    echo "state $1 broken"
  elif [ "$3" = top ] && [ "$begin" != 1 ]; then
    echo "state $1 moved"
  else
    echo "state $1 $(sed -n "$((begin + 1)),$((end - 1))p" "$2" | cksum)"
  fi
}
)sh";

const char* const kStatesScript = R"sh(
ssh=$HOME/.ssh
file_state known_hosts "$ssh/ec2mpi/known_hosts"
file_state config "$ssh/ec2mpi/config"
if [ -n "$(find "$ssh/ec2mpi/key" -type f -perm 600 2>/dev/null)" ]; then
  file_state key "$ssh/ec2mpi/key"
else
  echo 'state key absent'
fi
block_state include "$ssh/config" top
block_state authorized "$ssh/authorized_keys"
block_state hosts /etc/hosts
)sh";

// Everything comes to a stage first; nothing is put in its place before the last byte has arrived.
const char* const kWriteTrustScript = R"sh(
umask 077
ssh=$HOME/.ssh ours=$HOME/.ssh/ec2mpi stage=$HOME/.ssh/ec2mpi/$own.$$
made=
if [ ! -d "$ssh" ]; then
  mkdir "$ssh" || die "cannot make $ssh"
  made=1
fi
[ -d "$ours" ] || mkdir "$ours" || die "cannot make $ours"
[ -z "$made" ] || echo 'ec2mpi setup made the folder above' >"$ours/made"
trap 'rm -rf "$stage"' EXIT
trap 'exit 143' HUP INT TERM
remove_old "$ours/$own"
rm -rf "$stage"
mkdir "$stage" || die "cannot make $stage; is the disk full?"

awk -v stage="$stage" '
  /^=text / { if (file) close(file); file = stage "/" $2; next }
  /^=end / { if (file) close(file); print $2 > (stage "/.size"); exit }
  { print substr($0, 2) >file }' || die 'what it was to write cannot be kept; is the disk full?'
[ "$(cat "$stage/.size" 2>/dev/null)" = "$(cat "$stage"/* | wc -c | tr -d ' ')" ] ||
  die 'what it was to write did not arrive whole, or the disk is full; nothing was changed'

for name in known_hosts config key; do
  [ ! -f "$stage/$name" ] || mv -f "$stage/$name" "$ours/$name" || die "cannot write $ours/$name"
done
[ ! -f "$stage/include" ] || put_block "$stage/include" "$ssh/config" 600
[ ! -f "$stage/authorized" ] || put_block "$stage/authorized" "$ssh/authorized_keys" 600
)sh";

const char* const kWriteHostsScript = R"sh(
text=$(mktemp) || die 'cannot make a temporary file; is the disk full?'
trap 'rm -f "$text"' EXIT
trap 'exit 143' HUP INT TERM
printf '%s' "$1" >"$text" || die 'cannot write a temporary file; is the disk full?'
put_block "$text" /etc/hosts 644
block_state hosts /etc/hosts
)sh";

const char* const kUndoScript = R"sh(
if [ "$1" = root ]; then
  take_block /etc/hosts
else
  ssh=$HOME/.ssh ours=$HOME/.ssh/ec2mpi
  take_block "$ssh/authorized_keys"
  take_block "$ssh/config"
  if [ -d "$ours" ]; then
    rm -rf "$ours"/ec2mpi-new.*
    rm -f "$ours/known_hosts" "$ours/config" "$ours/key"
    if [ -f "$ours/made" ]; then
      rm -f "$ours/made"
      rmdir "$ours" && rmdir "$ssh"
    else
      rmdir "$ours"
    fi 2>/dev/null || : # what is not ours lies there, too
  fi
fi
)sh";

}  // namespace ec2mpi::ops
