#!/bin/bash
# Builds and runs the tests; installs what they need first. Root, or sudo, for the local cluster.
#
#   tests/run.sh                          everything, on the dev build
#   tests/run.sh --preset asan            on the one with AddressSanitizer and UndefinedBehaviorSanitizer
#   tests/run.sh -L unit                  what follows is handed to ctest: only the unit tests
#   tests/run.sh --openmpi5               the tests of jobs, on hosts that are Debian 13 with Open MPI 5: makes a tree of it once,
#                                         in $EC2MPI_DEBIAN13 [/var/tmp/ec2mpi-debian13]; what follows is handed to pytest
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

# Complete or not there at all: made beside its place, then renamed. From where this machine's own packages come.
make_debian13() {
  local packages=openmpi-bin,python3-mpi4py,openssh-server,openssh-client,sudo,procps,psmisc,iproute2,util-linux mirror
  command -v debootstrap >/dev/null || as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y debootstrap >/dev/null
  # shellcheck disable=SC1091,SC2016  # a file of the system; a format of apt-get
  mirror=$(. /etc/os-release && apt-get indextargets --format '$(REPO_URI)' "Codename: $VERSION_CODENAME" 'Component: main' \
    'Created-By: Packages' | head -n 1)
  echo "making a Debian 13 tree in $1"
  as_root rm -rf "$1.new"
  as_root debootstrap --variant=minbase --include="$packages" trixie "$1.new" ${mirror:+"$mirror"} >"$1.log" 2>&1 ||
    { tail -n 20 "$1.log"; exit 1; }
  as_root mv "$1.new" "$1"
  rm "$1.log"
}

run_openmpi5() {
  local root=${EC2MPI_DEBIAN13:-/var/tmp/ec2mpi-debian13}
  [[ -d $root ]] || make_debian13 "$root"
  as_root chroot "$root" mpirun --version | head -n 1
  cmake --preset dev >/dev/null
  cmake --build --preset dev --target ec2mpi
  as_root env EC2MPI_HOSTS_ROOT="$root" EC2MPI_BINARY="$PWD/build/dev/ec2mpi" /usr/bin/python3 -B -m pytest -q -p no:cacheprovider \
    tests/e2e/test_{run,jobs,series,flavours,losses}.py "$@"
}

if [[ ${1:-} == --openmpi5 ]]; then
  tests/install_packages.sh
  run_openmpi5 "${@:2}"
  exit
fi

preset=dev
if [[ ${1:-} == --preset ]]; then
  preset=$2
  shift 2
fi

tests/install_packages.sh
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"
# The suites wait much of their time: one that was measured uses a processor for a third of it.
run=(ctest --preset "$preset" --parallel "$((2 * $(nproc) + 1))" "$@")
((EUID == 0)) || run=(sudo "${run[@]}")
"${run[@]}" || {
  status=$?
  # ctest names the suites only, and what they printed stands far above.
  echo "The tests that failed:"
  grep -hE -A 3 '^(FAILED|ERROR) |^(FAIL|ERROR): |: Failure$' "build/$preset/Testing/Temporary/LastTest.log" | cut -c 1-200 | tail -n 40
  exit "$status"
}
