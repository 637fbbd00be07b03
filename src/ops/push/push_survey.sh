# Part of push.sh, in front of it: what lies in the target (`survey PATH...` prints it), and what must never be removed
# there: the login's .ssh and its jobs, by their true paths ("dear"), and mounted file systems.
# Variables of push.sh: $base, $into, $name, $asked, $stage, $host, $key, $target, $mark, $token, $made.
# shellcheck disable=SC2046,SC2086 # lists of words are split on purpose

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

# Kind (of a link also that of what it leads to), size, mode, mtime, path and link of everything below some paths of a
# folder. A name with an end of line in it is not reported where find has no -printf, and so is always sent. Such a find
# has printed nothing.
list() (
  cd "$1" 2>/dev/null || exit
  shift
  find -H "$@" -printf '%y%Y %s %m %T@ %p\0%l\0' 2>/dev/null || find -H / -prune -printf '' 2>/dev/null || {
    printf 'lines\0'
    find -H "$@" -exec stat -c '%f %s %Y %n' {} + 2>/dev/null
    printf '\0'
    find -H "$@" -type l -exec sh -c "$list_links" sh {} + 2>/dev/null
  }
  eval "$list_links" # find has followed those that it was given
)
# Prints the records of the links to devices, pipes and sockets among "$@".
# shellcheck disable=SC2016 # expanded by eval and by the inner shell
list_links='for path; do
  [ ! -L "$path" ] || [ ! -e "$path" ] || [ -f "$path" ] || [ -d "$path" ] ||
    printf "lo 0 777 0 %s\0%s\0" "$path" "$(readlink "$path")"
done'

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

# One path a line, known after know_dear. $HOME may be another folder than the one in which sshd looks.
dear= homes=
know_dear() {
  [ -z "$dear" ] || return 0
  login=$(id -un)
  case $login in *[!A-Za-z0-9._-]* | '') login=$HOME ;; *) eval "login=~$login" ;; esac
  for home in "$HOME" "$login"; do
    home=$(true_path "$home") || continue
    homes="$homes$home
"
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

# find_ground PATH: $up is PATH, or the nearest folder above it that is there.
find_ground() {
  up=$1
  until [ -d "${up:-/}" ]; do case $up in */*) up=${up%/*} ;; *) up=. ;; esac; done
}

# Nodes on the same storage find each other by a link with one name, $mark. The first node makes it, and the others read
# whose it is, and whether the target was a folder: a link comes into being once, with its text. The disk of a single
# machine needs none. It lies above the target, which stays as it is if nothing lacks, unless only the target is on the
# storage.
marked= shareable= found=
# Another node has written here. Until the folder above is opened, NFS may answer from its cache.
look_anew() {
  up=$target
  while case $up in */*) up=${up%/*} ;; *) ! : ;; esac; do ! (: <"${up:-/}") 2>/dev/null || return 0; done
}
find_mark() {
  spot=$target
  until [ -L "$spot/$mark" ]; do case $spot in */*) spot=${spot%/*} ;; *) return 1 ;; esac; done
  found=$(readlink "$spot/$mark" 2>/dev/null) && shareable=1
}
is_shareable() {
  [ ! -s /var/lib/nfs/etab ] || return 0 # this machine may be the server itself
  case $(stat -f -c %T "${1:-/}" 2>/dev/null) in '' | ext2/ext3 | xfs | btrfs) return 1 ;; esac
}
leave_mark() {
  case ${target##*/} in '' | . | ..) set -- "$target" ;; *) set -- "${target%/*}" "$target" ;; esac
  for spot; do
    [ -z "$found" ] || break
    find_ground "$spot"
    is_shareable "$up" || continue
    shareable=1
    ln -sn "$token.$into.$host.$$" "$up/$mark" 2>/dev/null && marked=$up/$mark
    found=$(readlink "$up/$mark" 2>/dev/null)
  done
  [ -z "$made" ] || printf 'made\0%s\0' "$made"
  [ -z "$found" ] || printf 'mark\0%s\0' "$found"
}

# The bytes that are free, of a node that can feed others: their ssh follows a file by `tail --pid`.
print_room() {
  tail -c +1 --pid=$$ /dev/null >/dev/null 2>&1 || return 0
  find_ground "$base"
  set -- $(stat -f -c '%a %S' "${up:-/}" 2>/dev/null)
  [ $# != 2 ] || printf 'room\0%s\0' $(($1 * $2))
}

survey() {
  case $asked in *holes*) know_tar ;; esac
  command -v gzip >/dev/null && method="$method gzip"
  # Where sshd was reached (sshd(8)): behind EC2's NAT, the private address.
  address=${SSH_CONNECTION% *}
  address=${address##* }
  printf 'ec2mpi-push 6\0into\0%s\0address\0%s\0stage\0%s\0tools\0%s\0' \
    "$into" "${address#::ffff:}" "$stage" "$method$holes"
  [ -z "$mark" ] || leave_mark
  printf 'area\0\0'
  list "$base" "$@"
  for old in "$base"/.ec2mpi-push."$host"."$key".*; do
    is_folder "$old" && [ -O "$old" ] && is_dead "$old" || continue
    printf 'area\0%s\0' "$old"
    list "$old" .
    printf 'proof\0'
    (cd "$old" && find . -type f ! -path './.*' -exec sha256sum {} + 2>/dev/null)
    printf '\0'
  done
  case $asked in
    *sums*)
      printf 'sums\0'
      (cd "$base" 2>/dev/null && find -H "$@" -type f -exec sha256sum {} + 2>/dev/null)
      printf '\0' ;;
  esac
  case $asked in *delete*) list_dear "$@" ;; esac
  case $asked in *room*) print_room ;; esac
  [ "$into" = 1 ] || printf 'name\0%s\0' "$name"
  printf 'end\0'
}

