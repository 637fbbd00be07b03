#!/bin/sh
# Does the program of the release-static preset stand alone? check_static.sh PROGRAM: it needs no library but libc and its
# parts, has at most 12 MB when it is stripped, and starts. Exit 77 (skipped) if it has not been built.
set -eu
[ -x "$1" ] || { echo "$1 has not been built: cmake --preset release-static && cmake --build --preset release-static"; exit 77; }
needed=$(ldd "$1" | awk '{ print $1 }' | grep -vE '^(linux-vdso|libc|libm|libdl|libpthread|librt|libresolv)\.so\.|^/lib[^ ]*/ld-linux' || true)
[ -z "$needed" ] || { echo "it needs $needed"; exit 1; }
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$1"
size=$(stat -c %s "$stripped")
[ "$size" -le 12000000 ] || { echo "it has $size bytes"; exit 1; }
"$1" --version | grep -q '^ec2mpi [0-9]'
