# Part of push.sh, in front of it: how the arrived files get from the stage to their places. ec2mpi defines `steps`,
# which calls the functions, and then calls `apply`. $move_program holds move.pl.
# Variables of push.sh: $base, $host, $into, $name, $stage, $own, $serves, $stays.
# shellcheck disable=SC2046,SC2086 # lists of options are split on purpose
# shellcheck disable=SC2115 # neither the stage nor $base is ever empty

# A file whose content changed while it was being sent, or is no longer wanted, is not put in place.
discard() { rm -rf "$stage/$1"; }

# grow NAME BYTES MODE: puts the rest of a file behind its first bytes, which an earlier push has left.
grow() {
  dd if=/dev/null of="$stage/$1" bs=1 seek="$2" 2>/dev/null &&
    cat "$stage/tails/$1" >>"$stage/$1" && touch -m -r "$stage/tails/$1" "$stage/$1" && chmod "$3" "$stage/$1"
}

# Whether a folder is in the file system of the stage, so that mv renames.
device=
is_near() {
  [ -n "$device" ] || device=$(stat -c %d "$stage")
  [ "$(stat -L -c %d "$1")" = "$device" ]
} 2>/dev/null

# carry PATH FOLDER: moves a file or folder into another file system. While it is copied it has a hidden name, so that
# nothing half written has its own name.
carry() {
  new=$2/.ec2mpi-push.new.$host.$$
  if is_folder "$2/${1##*/}"; then
    echo "$2/${1##*/} is there already and is a folder"
    return 1
  fi
  # mv would move into the folder that a link leads to.
  mv -f "$1" "$new" && { [ ! -L "$2/${1##*/}" ] || rm -f "$2/${1##*/}"; } && mv -f "$new" "$2/${1##*/}" && return
  rm -rf "$new"
  return 1
}

# Removes the files and folders that carry has left half copied in a folder when its process was killed.
remove_carried() {
  for old in "$1"/.ec2mpi-push.new."$host".*; do
    exists "$old" && [ -O "$old" ] && is_dead "$old" && remove "$old"
  done
}

# Moves everything but folders from one folder to another, in batches whose names fit into one command.
move_files() {
  from=$1 to=$2
  set --
  if is_near "$to"; then near=1; else near= && remove_carried "$to"; fi
  for file in "$from"/* "$from"/.[!.]* "$from"/..?*; do
    exists "$file" && ! is_folder "$file" || continue
    [ -n "$near" ] || { carry "$file" "$to" && continue || return 1; }
    set -- "$@" "$file"
    [ $# -lt 100 ] || { mv -f "$@" "$to/" && set --; } || return 1
  done
  [ $# = 0 ] || mv -f "$@" "$to/"
}

# Moves a folder's content into one that is there already, if need be with mv, once or more for each folder. perl
# renames the files of all folders at once; the others are left to mv, which also explains a failure.
merge() {
  printf '.\0.\0' | perl -e "$move_program" "$1" "$2" 2>/dev/null || move_content "$1" "$2"
}
move_content() {
  [ -w "$2" ] || chmod u+rwx "$2" || return 1
  move_files "$1" "$2" || return 1
  for folder in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    is_folder "$folder" || continue
    if [ -d "$2/${folder##*/}" ]; then
      move_content "$folder" "$2/${folder##*/}" || return 1
    else
      if is_near "$2"; then mv -f "$folder" "$2/"; else carry "$folder" "$2"; fi || return 1
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

# put_files NUMBER NAME...: puts the files among these sources to their places in the folder at once, because `put`
# starts four programs for each: 3,000 took a minute. Where there is no perl, `put` does it.
put_files() { printf '%s\0' "$@" | perl -e "$move_program" "$stage" "$base" 2>/dev/null || :; }

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
  rm -rf "$base/$1" && echo >>"$own/erased"
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

# sshd and ssh refuse what others may write. So the login's homes and what is dear there keep their modes, whatever the
# sources have, and nothing that is new in .ssh is writable for others. sudo does not take them from the login either.
# list_trusted: mode, owner and path of each of them, after know_dear.
list_trusted() {
  printf %s "$homes$dear" | {
    set --
    while IFS= read -r one; do
      [ -L "$one" ] || set -- "$@" "$one"
      case $one in */.ssh) for inside in "$one"/*; do [ -L "$inside" ] || set -- "$@" "$inside"; done ;; esac
    done
    stat -c '%a %u:%g %n' "$@" 2>/dev/null
  }
}
# keep_trust LIST: what list_trusted said before the steps, behind and before an end of line.
keep_trust() {
  list_trusted | while read -r mode owner path; do
    before=${1%%" $path
"*}
    case $before in
      "$1") chmod go-w "$path" ;;
      *"
$mode $owner") ;;
      *)
        before=${before##*"
"}
        chown "${before#* }" "$path"
        if [ -d "$path" ]; then chmod "${before% *}" "$path"; else chmod go-w "$path"; fi ;;
    esac
  done 2>/dev/null
}

# Runs the steps, which ec2mpi has defined; then all is in place. A node that may have to feed others keeps the archive
# until the end of its input, and one that has left its mark keeps the mark.
apply() {
  failed=
  know_dear
  trusted="
$(list_trusted)
"
  said=$(steps 2>&1) || failed=1
  keep_trust "$trusted"
  [ ! -f "$own/erased" ] || printf 'erased %s\0' "$(wc -l <"$own/erased")"
  if [ -n "$failed" ]; then
    printf 'left %s\0' "$(find "$stage"/[0-9]* "$stage/named" -type f -exec stat -c x {} + 2>/dev/null | wc -l)"
    die "$said"
  fi
  tidy
  free_pipes
  applied=1
  [ -z "$shareable" ] || [ "$into" = 1 ] || ! is_folder "$base/$name" || printf 'made %s\0' "$(id_of "$base/$name")"
  [ -n "$serves" ] || remove "$stage"
  printf 'done\0'
  [ -n "$stays" ] || exit 0
}
