#!/bin/sh
# Does docs/calling.md have each code of reasons.def, with its status, Retry-After and text, and no other? `codes.sh ROOT`.
set -eu
cd "${1:?usage: codes.sh ROOT}"
ours=$(mktemp) theirs=$(mktemp)
trap 'rm -f "$ours" "$theirs"' EXIT
sed -nE 's/^REASON\([A-Z_]+, +"[a-z_]+", +"([A-Za-z.]+)", *([0-9]+), *([0-9]+), *"(.*)"\)$/| `\1` | \2 | \3 s | \4 |/p' src/core/reasons.def |
    sed 's/ | 0 s | / |  | /' >"$ours"
[ "$(wc -l <"$ours")" = "$(grep -c '^REASON(' src/core/reasons.def)" ] || { echo "codes.sh: a row of reasons.def is not understood" >&2; exit 2; }
sed -nE 's/^(\| `Easgate\.[A-Za-z]+` \| [^|]* \| [^|]* \| [^|]* \|).*$/\1/p' docs/calling.md >"$theirs"
diff -u "$ours" "$theirs"
