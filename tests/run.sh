#!/bin/bash
# Builds and runs the tests; installs what they need first. Root, or sudo, for the local cluster.
#
#   tests/run.sh                          everything, on the dev build
#   tests/run.sh --preset asan            on the one with AddressSanitizer and UndefinedBehaviorSanitizer
#   tests/run.sh -L unit                  what follows is handed to ctest: only the unit tests
set -euo pipefail
cd "$(dirname "$0")/.."

preset=dev
if [[ ${1:-} == --preset ]]; then
  preset=$2
  shift 2
fi

tests/install_packages.sh
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"
run=(ctest --preset "$preset" --parallel 5 "$@")
((EUID == 0)) || run=(sudo "${run[@]}")
exec "${run[@]}"
