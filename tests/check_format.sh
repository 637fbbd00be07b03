#!/bin/sh
# Is every C++ file laid out as .clang-format says? To fix one: clang-format -i FILE
cd "$(dirname "$0")/.." || exit
find src include tests examples -name '*.[ch]pp' -print0 | xargs -0 clang-format --dry-run -Werror
