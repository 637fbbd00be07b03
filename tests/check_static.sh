#!/bin/sh
# Does the program that has all libraries inside stand alone? check_static.sh PROGRAM: it needs no library but libc and its
# parts, has at most 14 MB when it is stripped (13 MB here, with the optimization of the tests), and starts.
set -eu
needed=$(ldd "$1" | awk '{ print $1 }' | grep -vE '^(linux-vdso|libc|libm|libdl|libpthread|librt|libresolv)\.so\.|^/lib[^ ]*/ld-linux' || true)
[ -z "$needed" ] || { echo "it needs $needed"; exit 1; }
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$1"
size=$(stat -c %s "$stripped")
[ "$size" -le 14000000 ] || { echo "it has $size bytes"; exit 1; }
"$1" --version | grep -q '^ec2mpi [0-9]'
