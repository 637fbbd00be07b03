#include "src/ops/push/script.hpp"

#include "ec2mpi/base/text.hpp"
#include "src/ops/push/programs.hpp"
#include "src/ops/push/script_parts.hpp"

namespace ec2mpi::ops {

namespace {

// One run of this script is one node's part in a push. It tells what the target holds, then does what it is
// told on its standard input: "lines N" and N lines of shell text, or "do N" and N bytes of it; "data N" and
// N bytes of the archive; "part N LANE": the next N bytes of the archive come by another connection.
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
// node. tee, or pass_on.pl in its place, hands it on, as it comes, to tar, to the checksum and to the nodes
// that this one has to feed. A short one is stored, and unpacked when all has come: programs that wait for
// one another cost more than it does, and what piles up in front of a slow tar costs sshd the most.
//
// tar goes on reading to the end of its input when the disk is full; so it is killed at its first word of
// complaint.
const char* const kPushSurvey = R"sh(
target=$1 into=$2 key=$3 asked=$4
shift 4
LC_ALL=C TZ=UTC0
export LC_ALL TZ
read -r host 2>/dev/null </proc/sys/kernel/hostname || host=$(uname -n)
links= started= worker= teller= packed= stored= taker=

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
# in it is not told where find has no -printf, and so is always sent. Such a find has told nothing.
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
tell_address() {
  set -- $SSH_CONNECTION
  printf '%s\0' "${3#::ffff:}"
}

# The first word is the checksum. openssl knows instructions of the processor that sha256sum does not, and takes a
# quarter of the time with them, but its start takes longer; `much` is said where that pays.
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

# GNU tar and bsdtar make the holes that an archive tells of.
tar= tar_options= folder_options= holes=
know_tar() {
  [ -z "$tar" ] || return 0
  tar=known
  case $(tar --version 2>/dev/null) in
    *GNU*) tar_options=--warning=no-timestamp folder_options=--keep-directory-symlink holes=' holes' ;;
    bsdtar*) holes=' holes' ;;
  esac
}

# --- what is dear: the login's .ssh and its jobs, by their true paths ---

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
  done
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
  done <<END
$dear
END
  return 1
}

# tell_dear PATH...: of what is asked about, the folders that --delete must not be used on, and what it must keep.
tell_dear() {
  for path; do
    spot=$base/$path
    [ -d "$spot" ] && spot=$(true_path "$spot") && touches_dear "$spot" && printf 'holds\0%s\0' "${spot:-/}"
  done
  spot=$(true_path "$base") || return 0
  know_dear
  while IFS= read -r one; do
    case $one in "$spot"/?*) printf 'dear\0%s\0' "${one#"$spot"/}" ;; esac
  done <<END
$dear
END
}

survey() {
  case $asked in *holes*) know_tar ;; esac
  printf 'ec2mpi-push 4\0%s\0' "$into"
  tell_address
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
  case $asked in *delete*) tell_dear "$@" ;; esac
  printf 'end\0'
}

)sh";

const char* const kPushMain = R"sh(
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
# A link that leads to it may be among what is removed.
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

# Exactly so many bytes of standard input, and none more. A pipe holds 64 KB; more at a time would not come sooner.
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
  dd iflag=fullblock count=0 </dev/null >/dev/null 2>&1 && taker=dd || taker=head
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
)sh";

}  // namespace

std::string passer_text() {
  return "passer=" + quote_word(without_comments(kPassOnPl));
}

const std::string& push_script() {
  static const std::string script =
      without_comments(std::string(kPushSurvey) + kPushArchive + kPushSteps + kPushMain);
  return script;
}

}  // namespace ec2mpi::ops
