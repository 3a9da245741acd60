#!/bin/sh
# Proves that the emulator holds nothing of the gateway's signer: `emulator_symbols.sh EXECUTABLE SOURCES`. Its verifier
# judges the signatures that the signer makes, which says something only as long as the two share no code. The
# encodings of base/ are linked (one object), so for these the sources must not call them.
set -eu
program=${1:?usage: emulator_symbols.sh EXECUTABLE SOURCES}
sources=${2:?usage: emulator_symbols.sh EXECUTABLE SOURCES}
symbols=$(nm "$program")
# without this, a stripped executable would pass
echo "$symbols" | grep -q ' T emu_verify$' || { echo "$program: no symbols to look at" >&2; exit 2; }
if echo "$symbols" | grep -E ' [A-Za-z] acs3_'; then
    echo "$program: these belong to the signer" >&2
    exit 1
fi
[ -f "$sources/emu_verify.c" ] && [ -f "$sources/emu_canon.c" ] || { echo "$sources: no verifier there" >&2; exit 2; }
if grep -nE 'enc_(percent|unpercent|untime_utc)' "$sources"/*.[ch]; then
    echo "$sources: the signer may use these, so the verifier must not" >&2
    exit 1
fi
if grep -nE 'enc_|base/enc\.h' "$sources/emu_verify.c" "$sources/emu_canon.c"; then
    echo "$sources: the verifier has encodings of its own" >&2
    exit 1
fi
