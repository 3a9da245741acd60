# Bare Debian 12 folders for the scripts of full.d: sourced after lib.sh. The package sources, proxies, certificates and
# npm settings are those of this machine; nothing about them is written down here.

DEB_CACHE=$PWD/build/cache/debs # packages stay here between runs

need_root() {
    [ "$(id -u)" = 0 ] || die "needs root"
}

# This machine's sources of Debian 12 itself, as sources.list lines.
debian_sources() {
    local format='deb $(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' lines
    lines=$(apt-get indextargets --format "$format" 'Created-By: Packages' | sed -n 's/ Debian$//p' | sort -u)
    if [ -z "$lines" ]; then # the lists were never fetched
        apt-get update -q >/dev/null
        lines=$(apt-get indextargets --format "$format" 'Created-By: Packages' | sed -n 's/ Debian$//p' | sort -u)
    fi
    grep ' bookworm' <<<"$lines" || die "this machine has no package source of Debian 12"
}

# debian_base DIR [PACKAGE...]: Debian's minimal base and these packages in the folder DIR, with the network settings.
debian_base() {
    local dir=$1 sources mirror
    shift
    need_packages debootstrap ca-certificates
    mkdir -p "$DEB_CACHE"
    sources=$(debian_sources)
    mirror=$(awk '$3 == "bookworm" { print $2; exit }' <<<"$sources")
    debootstrap --variant=minbase --cache-dir="$DEB_CACHE" ${1:+--include="$(IFS=,; echo "$*")"} bookworm "$dir" "$mirror" \
        >"$dir.log" 2>&1 || { tail -20 "$dir.log"; die "debootstrap failed"; }
    rm -f "$dir.log"
    debian_network "$dir" "$sources"
}

debian_network() {
    local dir=$1 sources=$2 file
    printf '%s\n' "$sources" >"$dir/etc/apt/sources.list"
    apt-config dump | grep -iE '^Acquire::(http|https|ftp|Check|Retries)' >"$dir/etc/apt/apt.conf.d/90machine" || true
    cp -L /etc/resolv.conf /etc/hosts "$dir/etc/"
    mkdir -p "$dir/usr/local/share/ca-certificates"
    for file in /usr/local/share/ca-certificates/*.crt; do
        [ ! -e "$file" ] || cp "$file" "$dir/usr/local/share/ca-certificates/"
    done
    for file in /etc/npmrc "$(npm config get globalconfig 2>/dev/null || true)" "$HOME/.npmrc"; do
        [ ! -f "$file" ] || { cat "$file"; echo; } >>"$dir/root/.npmrc"
    done
}
