# Sourced by proofs whose work is done by a unit test: a real client and a stub upstream inside one process.
#   prove_by_unit NAME CLAIM TEST [VARIABLE=VALUE ...]
# Runs $EASGATE_BUILD/tests/TEST (default build/release) with the variables, prints the claim first and the test's FIGURE last.
# With EG_KEEP_EVERY=N among the variables each N-th log that the test judges is given to both verifiers, which must agree (tests/audit).
# Exit 0: it holds. 1: it does not. 77: the test is not built.
prove_by_unit() {
    local name=$1 claim=$2 test=$3 root build figure start=$SECONDS
    out='' keep='' # also for the trap
    shift 3
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
    build=${EASGATE_BUILD:-$root/build/release}
    echo "$name: $claim"
    if [ ! -x "$build/tests/$test" ]; then
        echo "$name: not tried: $build/tests/$test is not built"
        exit 77
    fi
    out=$(mktemp)
    case " $*" in *" EG_KEEP_EVERY="*) keep=$(mktemp -d) ;; esac
    trap 'rm -rf "$out" "$out.agree" ${keep:+"$keep"}' EXIT
    if ! env ${keep:+EG_KEEP_LOGS="$keep"} "$@" "$build/tests/$test" >"$out" 2>&1; then
        tail -40 "$out"
        echo "$name: FAILED"
        exit 1
    fi
    if [ -n "${keep:-}" ]; then
        "$root/tests/audit/agree.py" "$build/easgate" --list "$keep/cases" >"$out.agree" || { cat "$out.agree"; echo "$name: FAILED"; exit 1; }
        tail -1 "$out.agree"
    fi
    figure=$(sed -n 's/^FIGURE //p' "$out")
    if [ -z "$figure" ]; then
        echo "$name: FAILED: the test gave no figure"
        exit 1
    fi
    echo "$name: $figure ($((SECONDS - start)) s)"
}

# Sets $short to yes or no from the command line.
read_options() {
    short=no
    case "$#${1:-}" in
    0) ;;
    1--short) short=yes ;;
    *) echo "usage: ${0##*/} [--short]" >&2; exit 2 ;;
    esac
}
