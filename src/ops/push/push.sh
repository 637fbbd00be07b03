# One node's part in a push: `sh -c PUSH ec2mpi-push TARGET INTO KEY ASKED PATH...`. In front of this text stand
# need_tools.sh, find_swift.sh, push_survey.sh, push_archive.sh and push_steps.sh with the functions that it calls.
#
# TARGET: absolute, or beginning with "./" (the login's folder). INTO: 1 if it must be a folder, else 0. KEY: names the
# sources. ASKED: words: "sums" if checksums are wanted, "holes" if it matters whether tar can make holes, "delete" if
# files may have to be removed, "room" if this node may have to feed others, "mark=NAME.MARK" if other nodes may have
# the target on the same storage, "made=ID," for each folder that such a node has made as TARGET, "again" if such a node
# has written there since this one looked, "named" if TARGET was no folder before that. PATHs begin with "./": the parts
# of the folder that the survey lists.
#
# It first prints the survey (survey.cpp reads it). Then it obeys its standard input:
#   do N           N bytes of shell text that call the functions
#   data N         N bytes of the archive
#   part N LANE    the next N bytes of the archive arrive over an additional connection
# It answers with texts that end in NUL: "has BYTES" of the archive once a second, "at K BYTES REASON" when its K-th
# feeding has ended, with a reason if its ssh to the feeder failed, "erased N", paths that were removed, "left N", files
# that a step which failed has not put in place, "made ID", the ID of the folder that TARGET has become, "done" when every
# file is in place. A node that may have to feed others, or has left its mark, then waits for the end of its input.
# Exit status: 0: all is in place; 1: it failed, and the reason stands on standard error behind "ec2mpi: "; 3: the
# archive did not arrive whole, nothing was changed, and the files that arrived stay for the next push; 4: its checksum
# is wrong, nothing was changed, and nothing stays.
#
# No file ever lies half written under its final name: the archive is unpacked into a stage, a folder beside the target
# on the same file system. When the checksum of the whole archive is right, the files are moved to their places by
# renaming. If the stream breaks off, the stage stays, and the next push of the same sources continues from it.
# The stage's name holds host, sources and process, so that a stage of a dead process is recognised; the host matters
# where nodes share a home.

target=$1 into=$2 key=$3 asked=$4
shift 4
LC_ALL=C TZ=UTC0
export LC_ALL TZ
read -r host 2>/dev/null </proc/sys/kernel/hostname || host=$(uname -n)
started= worker= keeper= packed= serves= stays= applied= taker= opened= taken=0
mark= token=
case $asked in
  *mark=*)
    mark=${asked##*mark=}
    mark=${mark%% *}
    token=${mark#*.}
    mark=.ec2mpi-push.mark.${mark%.*} ;;
esac

die() {
  printf 'ec2mpi: %s\n' "$1" >&2
  exit 1
}

need cat chmod mkdir mkfifo mv rm rmdir sed sort stat tail tar touch tr wc

is_folder() { [ -d "$1" ] && [ ! -L "$1" ]; }
exists() { [ -e "$1" ] || [ -L "$1" ]; }
# A process number may come again, even as ours.
is_dead() {
  [ "$1" != "$stage" ] || return 1
  [ "${1##*.}" = $$ ] || ! grep -q ec2mpi-push "/proc/${1##*.}/cmdline" 2>/dev/null
}

# Folders in a stage are always writable for their owner.
remove() { rm -rf "$1" 2>/dev/null; }

# The target as scp has it: a folder that is there, or must be one, takes the sources; else it is the new name.
# A link to a file, or to nothing, is written through. A folder that another node has just made under the new name, on
# storage that this node shares, is still that new name.
made=
is_new_name() {
  case $asked in
    *named*) return 0 ;;
    *made=*)
      made=$(id_of "$target")
      case $asked in *"made=$made,"*) return 0 ;; esac
      made= ;;
  esac
  case ${found#*.} in 0.*) ;; *) return 1 ;; esac
}
# Of a folder, the same on all nodes that have it, until something is made in it.
id_of() { stat -c %i.%Z "$1" 2>/dev/null; }
[ -z "$mark" ] || find_mark || :
case $asked in *again*) look_anew ;; esac
[ "$into" = 1 ] || [ ! -d "$target" ] || is_new_name || into=1
[ ! -L "$target" ] || [ "$into" = 1 ] || { aim=$(readlink -f "$target") && target=$aim; } || die "cannot follow the link $target"
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
own=$stage/.own # the script's own files
trap '' PIPE
trap 'exit 3' HUP INT TERM
trap 'exit 1' USR1 # a process of ours has reported why
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

while read -r verb size lane; do
  case $verb in
    data) take_data "$size" ;;
    part) take_part "$size" "$lane" ;;
    do)
      find_taker
      text=$(take "$size" 2>/dev/null)
      case $text in *'# whole') eval "$text" ;; *) exit 3 ;; esac ;;
  esac
done
[ -n "$applied" ] || exit 3
exit 0
