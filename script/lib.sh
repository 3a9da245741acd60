# Shared by the scripts: sourced by bash, after `cd` to the root of the repository.
set -euo pipefail

say() { printf '\n== %s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

BUILD_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config libevent-dev libssl-dev libcjson-dev libinih-dev
    libzstd-dev)
DEMO_PACKAGES=(curl ca-certificates)
TEST_PACKAGES=(libcmocka-dev clang libclang-rt-14-dev clang-format-14 python3 curl ca-certificates openssl procps strace
    jq binutils zstd)

# Install the Debian packages of the list that are missing.
need_packages() {
    local missing=() package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing: ${missing[*]}"
    local sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

# Node and npm: what is there when it is new enough, else Debian's.
need_node() {
    if command -v node >/dev/null && command -v npm >/dev/null &&
        [ "$(node -p 'parseInt(process.versions.node)')" -ge 18 ]; then
        return 0
    fi
    need_packages nodejs npm
}

# The official SDK packages, as tests/e2e/package-lock.json has them.
need_sdk() {
    local lock=tests/e2e/package-lock.json there=tests/e2e/node_modules/.package-lock.json
    [ ! -e $there ] || [ $lock -nt $there ] || return 0
    say "installing the official SDK packages"
    (cd tests/e2e && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
}

# build_preset PRESET [TARGET...]. Without the tests' library the tests are left out.
build_preset() {
    local preset=$1 log testing=OFF
    shift
    mkdir -p build
    log=build/$preset.log
    if pkg-config --exists cmocka; then testing=ON; fi
    if ! { cmake --preset "$preset" -DBUILD_TESTING=$testing && cmake --build --preset "$preset" ${1:+--target "$@"}; } >"$log" 2>&1; then
        tail -60 "$log"
        die "building $preset failed; the whole log is in $log"
    fi
}
