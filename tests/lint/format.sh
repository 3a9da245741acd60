#!/usr/bin/env bash
# lint.format: the sources are as clang-format 14 writes them. Headers are laid out by hand: contracts and tables read better
# so than it makes them.
# Usage: format.sh ROOT
set -eu
cd "$1"
command -v clang-format-14 >/dev/null || { echo "lint.format: clang-format-14 is missing (apt-get install clang-format-14)"; exit 1; }
find src tests -name node_modules -prune -o -name '*.c' -print0 | xargs -0 clang-format-14 --dry-run -Werror ||
    { echo "lint.format: clang-format-14 -i FILE mends it"; exit 1; }
