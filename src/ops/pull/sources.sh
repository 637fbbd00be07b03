#!/bin/sh
# shellcheck disable=SC2034 # the text behind these functions reads status
# Functions that list what the sources of a pull mean on this node; records.sh and need_tools.sh stand in front, and:
#   sources  two lines for each source: its path and its wildcards for the shell (or nothing), both as decode reads them
#   more     the number of lines at the beginning of the input that belong to sources; 0 if `sources` is complete
#   patient  not empty: sources that are not there (yet) are left out
#
#   need_list_tools  ends the program if list_all could not work here
#   list_all  prints the listing: "home", the folder in which relative paths begin, ""; then for each match "source",
#             its path, and the path by which to ask for it (or nothing if it is the same), followed by its records;
#             at last "end", "", "". Every field ends with NUL.
# As with scp, a source that is a link is followed: to a folder by "LINK/.", to a file by its true path. Plain files
# share one find, and so do folders: a find for each of 3,000 matches took 22 s.
# shellcheck disable=SC2154 # sources, more and patient are set in front of this text
while [ "$more" -gt 0 ]; do # not by head, which may take the bytes behind them as well
  IFS= read -r line || exit
  sources="$sources$line
"
  more=$((more - 1))
done

exists() { [ -e "$1" ] || [ -L "$1" ]; }
is_file_link() { [ -L "$1" ] && [ -e "$1" ] && [ ! -d "$1" ]; }

# A source that vanishes when the listing has begun is left to find, which reports it and lists the others.
found=
missing() {
  [ -z "$patient" ] || return 0
  [ -n "$found" ] || die_without "$1"
  printf '%s\0' "$1"
}

# each FUNCTION: calls it with the path of each match
each() {
  call=$1
  while IFS= read -r typed && IFS= read -r glob; do
    decode "$typed"
    typed=$decoded
    decode "$glob"
    glob=$decoded
    set -- "$typed"
    exists "$typed" || [ -z "$glob" ] || eval "set -- $glob"
    if exists "$1"; then
      for match; do "$call" "$match"; done
    else
      missing "$typed"
    fi
  done <<END
$sources
END
}

print_plain() { is_file_link "$1" || [ -d "$1" ] || printf '%s\0' "$1"; }
print_folder() { [ ! -d "$1" ] || printf '%s/.\0' "$1"; }

list_link() {
  ! is_file_link "$1" || {
    path=$(readlink -f "$1"; echo .)
    path=${path%??}
    printf 'source\0%s\0%s\0' "$1" "$path"
    records "$path" one
  }
}

list_one() {
  if is_file_link "$1"; then
    list_link "$1"
  elif [ -d "$1" ]; then
    printf 'source\0%s/.\0\0' "$1"
    records "$1/." all
  else
    printf 'source\0%s\0\0' "$1"
    records "$1" one
  fi
}

# A folder is given as "FOLDER/.", so that only the folder itself is named "."
list_many() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  each print_plain | xargs -0 -r sh -c '[ $# = 0 ] || find -H "$@" -prune -printf "$0"' \
    'source\0%p\0\0%y %m %s %b %i %T@\0\0%l\0' || status=1
  # shellcheck disable=SC2016
  each print_folder | xargs -0 -r sh -c '
    [ $# = 0 ] || find -H "$@" \( -name . -printf "source\0%H\0\0$0" \) -o -printf "$0"' \
    '%y %m %s %b %i %T@\0%P\0%l\0' || status=1
}

# Not in list_all, whose standard error is dropped while it watches.
need_list_tools() {
  need find readlink
  if [ -n "$has_printf" ]; then need xargs; else need stat; fi
}

list_all() {
  printf 'home\0%s\0\0' "$PWD"
  if [ -n "$has_printf" ]; then
    each list_link
    found=yes
    list_many
  else
    each list_one
  fi
  printf 'end\0\0\0'
}
