#!/bin/bash
# The whole of ec2mpi on one Debian 12 machine, without any cloud: builds it (some minutes), makes a cluster of four
# hosts out of Linux namespaces, and runs an MPI program over them. Root or sudo; leaves build/release and nothing else.
#
#   ./examples/quickstart.sh
set -euo pipefail
cd "$(dirname "$0")/.."
source=$PWD

as_root=()
((EUID == 0)) || as_root=(sudo)
name=quickstart-$$
cluster() { "${as_root[@]}" "$source/tests/cluster/cluster" --name "$name" "$@"; }

folder=
clean_up() {
  cluster down || true
  [[ -z $folder ]] || "${as_root[@]}" rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

say() { printf '\n== %s\n' "$*"; }

# Shows a command as you would type it, then runs it: on the "laptop", the one machine that reaches the hosts.
laptop() {
  local word shown=
  for word; do
    [[ $word == *[!a-zA-Z0-9_./-]* ]] && word="'$word'"
    shown+=" $word"
  done
  printf '\n$%s\n' "$shown"
  cluster exec -- env PATH="$source/build/release:$PATH" "$@"
}

say "Installing the missing packages of tests/packages.txt"
tests/install_packages.sh

say "Building build/release/ec2mpi"
cmake --preset release >/dev/null
cmake --build --preset release --target ec2mpi

say "Four hosts that do not know each other, each with its own address, disk and sshd"
cluster up 4 --bare
folder=$(mktemp -d)
there=$(cluster path)
"${as_root[@]}" cp "$there"/{amazon_instances_info,key.pem} "$folder"
cp examples/ec2mpi.toml examples/spread.py "$folder"
cd "$folder"
printf 'In the folder: %s\n' "$(ls -x)"

laptop ec2mpi ips
laptop ec2mpi nodes
# shellcheck disable=SC2016  # for the nodes' shells
laptop ec2mpi exec-all 'echo "$(uname -n) has $(nproc) cores"'
laptop ec2mpi setup
laptop ec2mpi push spread.py ./
laptop ec2mpi run spread
laptop ec2mpi pull -w master spread_result.json results/

say "The result, as the master wrote it"
find results -type f -exec cat {} +
say "All of it worked. Cleaning up"
