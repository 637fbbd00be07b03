#!/bin/sh
# shellcheck disable=SC2034 # the text behind these functions reads status and has_printf
# Functions for the programs of a pull.
#   die TEXT           ends the program; the reason stands on standard error behind "ec2mpi: "
#   die_without PATH   ends the program because PATH cannot be looked at, with the reason of the system
#   decode WORD        sets decoded: "=PATH" is the path as it stands; "%TEXT" has it with octal numbers for printf %b
#   records PATH WHAT  prints the record of PATH and, if WHAT is "all", of everything below. A link given as PATH is
#                      followed.
# A record is "TYPE MODE SIZE BLOCKS INODE MTIME", the path below PATH, and the target of a link, each ended by NUL. A
# find without -printf (busybox) needs stat beside it; then times have no fraction.
LC_ALL=C TZ=UTC0
export LC_ALL TZ
status=0

die() {
  printf 'ec2mpi: %s\n' "$1" >&2
  exit 1
}

die_without() {
  reason=$(ls -d -- "$1" 2>&1 >/dev/null)
  reason=${reason##*: }
  die "${1#./}: ${reason:-No such file or directory}"
}

decode() {
  case $1 in
    =*) decoded=${1#=} ;;
    *)
      decoded=$(printf '%b.' "${1#%}")
      decoded=${decoded%.}
      ;;
  esac
}

if find / -prune -printf '' 2>/dev/null; then
  has_printf=yes
  records() {
    prune=
    [ "$2" = all ] || prune=-prune
    find -H "$1" $prune -printf '%y %m %s %b %i %T@\0%P\0%l\0' || status=1
  }
else
  has_printf=
  records() {
    prune=
    [ "$2" = all ] || prune=-prune
    # shellcheck disable=SC2016 # expanded by the inner shell
    find -H "$1" $prune -exec sh -c 'for path; do
      link= follow=
      if [ "$path" = "$0" ]; then follow=-L; elif [ -L "$path" ]; then link=$(readlink "$path"; echo .); fi
      if [ -n "$link" ]; then type=l; elif [ -d "$path" ]; then type=d; elif [ -f "$path" ]; then type=f; else type=o; fi
      link=${link%??} below=${path#"$0"}
      printf "%s %s\0%s\0%s\0" $type "$(stat $follow -c "%a %s %b %i %Y" "$path")" "${below#/}" "$link"
    done' "$1" {} + || status=1
  }
fi
