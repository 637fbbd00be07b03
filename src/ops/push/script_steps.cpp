#include "src/ops/push/script_parts.hpp"

namespace ec2mpi::ops {

const char* const kPushSteps = R"sh(
# --- the steps: how what arrived comes to its place ---

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
# renames the files of all folders at once; what it can't is left to mv, which also has words for it.
merge() {
  perl -e '
    sub merge {
      my ($from, $to) = @_;
      opendir(my $folder, $from) or return 0;
      my $all = 1;
      for my $name (grep { !/\A\.\.?\z/ } readdir $folder) {
        my ($old, $new) = ("$from/$name", "$to/$name");
        $all = 0 unless -d $old && !-l $old && -d $new ? merge($old, $new) : rename($old, $new);
      }
      return $all;
    }
    exit !merge(@ARGV);' "$1" "$2" 2>/dev/null || move_content "$1" "$2"
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

# erase PATH: what the sources no longer have; but never the login's .ssh and jobs, nor what they lie in. By the true
# path, as links may lead there.
erased_in=
erase() {
  up=$base/${1%/*}
  [ -w "$up" ] || chmod u+rwx "$up"
  if [ "$up" != "$erased_in" ]; then
    erased_in=$up
    erased_path=$(true_path "$up") || return 1
  fi
  ! touches_dear "$erased_path/${1##*/}" || return 0
  find "$base/$1" -type d ! -perm -700 -exec chmod u+rwx {} + 2>/dev/null
  rm -rf "$base/$1"
}

# folders NUMBER NAME: sets the modes and times of a source's folders, told by an archive within the archive.
folders() {
  find_place "$2"
  tar $tar_options $folder_options -xpof "$stage/folders$1" -C "$place"
}

# Runs the steps that were told; then all is in place.
apply() {
  said=$(steps 2>&1) || die "$said"
  tidy
  free_lanes
  remove "$stage"
  printf 'done\0'
  exit 0
}
)sh";

}  // namespace ec2mpi::ops
