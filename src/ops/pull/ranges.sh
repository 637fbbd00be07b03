#!/bin/sh
# Sends parts of files: answers lines on its input. records.sh and need_tools.sh stand in front, and:
#   token  printed on its own line in front of all answers
#
#   FROM COUNT PATH   exactly COUNT bytes from FROM on, counted from 1; zeros where the file has no more. PATH as decode
#                     reads it
#   record 0 PATH     the record of the path; nothing if it is not there any more
# Each answer ends with a line end: the caller holds back last bytes that may be the beginning of the end mark. After a
# file that has become shorter the next answer still begins where it is expected; the record shows the change.
# shellcheck disable=SC2154 # token, decoded and status are set in front of this text
printf '%s\n' "$token"
need cat head tail
while read -r from count path; do
  decode "$path"
  path=$decoded
  if [ "$from" = record ]; then
    records "$path" one
  else
    [ -e "$path" ] || die_without "$path"
    # A pipe that has taken the file's place would never answer.
    [ -f "$path" ] || die "$path: not a file any more"
    [ -r "$path" ] || die "$path: Permission denied"
    {
      tail -c "+$from" "$path" </dev/null 2>/dev/null
      cat /dev/zero 2>/dev/null
    } | head -c "$count"
  fi
  echo
done
exit "$status"
