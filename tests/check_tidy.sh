#!/bin/bash
# Does clang-tidy find faults (.clang-tidy says which)? Some 7 minutes on two cores. What includes CLI11 is left out: one
# such file takes it 25 seconds, six times as long as any other, and holds little besides flags.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake -S . -B build/tidy -G Ninja -DCMAKE_BUILD_TYPE=Debug -DEC2MPI_TESTS=OFF -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
# Debian 12's Asio does not know that clang 19 has coroutines.
tidy=(clang-tidy-19 -p build/tidy --quiet --extra-arg=-DASIO_HAS_CO_AWAIT=1 --extra-arg=-DASIO_HAS_STD_COROUTINE=1)
if (($#)); then
  exec "${tidy[@]}" "$@"
fi
grep -rLE --include='*.cpp' 'CLI/CLI|session/options|session/option_values|cli/session/command' src |
  xargs -P "$(nproc)" -n 1 "${tidy[@]}" 2> >(grep -v 'warnings generated' >&2)
