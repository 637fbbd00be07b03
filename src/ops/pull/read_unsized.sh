#!/bin/sh
# Reads files that do not report their size, such as those of /proc, to their end. The input holds their paths, each
# ended by NUL. For each file it prints pairs of hexadecimal digits between blanks and ends of lines, then "."; or "!"
# if the file cannot be read, with the reason on standard error. In digits, for only the end shows how many there are.
# shellcheck disable=SC2016 # expanded by the inner shell
exec xargs -0 sh -c '
status=0
for path; do
  if [ ! -f "$path" ] || [ ! -r "$path" ]; then
    if [ -e "$path" ] && [ ! -r "$path" ]; then reason="Permission denied"; else reason="cannot be read"; fi
    printf "ec2mpi: %s: %s\n" "$path" "$reason" >&2
    echo ! && status=1
  elif ! IFS= read -r start <"$path" && [ -z "$start" ]; then
    echo .
  elif od -An -v -tx1 <"$path"; then
    echo .
  else
    printf "ec2mpi: %s: cannot be read\n" "$path" >&2
    echo ! && status=1
  fi
done
exit $status' ec2mpi-pull
