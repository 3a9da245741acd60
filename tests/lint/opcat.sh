#!/bin/sh
# lint.opcat: the committed catalogue is what its generator makes of the facts, and the generator refuses an overlay
# that contradicts the facts. Without python3 this fails; it never skips.
#   opcat.sh ROOT
set -eu
root=$1
generator=src/core/opcat_gen.py

command -v python3 >/dev/null || { echo "lint.opcat: python3 is missing (apt-get install python3)"; exit 1; }
python3 "$root/$generator" "$root" --check || {
    echo "lint.opcat: src/core/opcat.def or endpoint.def is stale; run $generator in the root of the repository"
    exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src/core" "$work/docs"
cp -r "$root/docs/eas" "$work/docs/"
cp "$root"/src/core/opcat.def "$root"/src/core/endpoint.def "$work/src/core/"

# must_refuse WHY SED-SCRIPT [FILE]: after this edit of the overlay (or FILE) the generator must stop or see a difference.
must_refuse() {
    cp "$root/src/core/opcat_overlay.json" "$work/src/core/"
    cp "$root/docs/eas/operations.json" "$root/docs/eas/endpoints.json" "$work/docs/eas/"
    file=$work/${3:-src/core/opcat_overlay.json}
    cp "$file" "$work/before"
    sed -i "$2" "$file"
    if cmp -s "$file" "$work/before"; then
        echo "lint.opcat: $1: the edit changed nothing"
        exit 1
    fi
    if python3 "$root/$generator" "$work" --check >"$work/said" 2>&1; then
        echo "lint.opcat: $1: not noticed"
        exit 1
    fi
}

must_refuse "an operation without a row" '/"CommitService"/d'
must_refuse "a row without an operation" 's/"CommitService"/"CommitServices"/'
must_refuse "an effect that does not exist" 's/"effect": "label"/"effect": "lable"/'
must_refuse "a minting GET that may be sent again" '/"CreateServiceInstanceToken"/s/"retry": "never"/"retry": "read"/'
must_refuse "a PUT that passes for a read" '/"CommitService"/s/"update", "retry": "never"/"read", "retry": "read"/'
must_refuse "a secret that passes for a read" '/"ListServices"/s/"secret"/"read"/'
must_refuse "something that can raise replicas as an update" '/"ScaleService"/s/"scale"/"update"/'
must_refuse "open and closed at once" '/"ScaleService"/s/"open": false/"open": true/'
must_refuse "closed without a reason" '/"StopService"/s/"open": true/"open": false/'
must_refuse "a reason without a touch" '/"StopBenchmarkTask"/s/"not open in this version"/"can raise replicas"/'
must_refuse "a row twice" 's/^  "CommitService".*/&\n&/'
must_refuse "a changed path" 's|"/api/v2/app_services"|"/api/v2/app_service"|' docs/eas/operations.json
must_refuse "a path twice in one method" 's|services/{ClusterId}/{ServiceName}/stop"|services/{ClusterId}/{ServiceName}/start"|' \
    docs/eas/operations.json
must_refuse "a literal beside a placeholder" 's|"/api/v2/public/instance_types"|"/api/v2/services/all/x"|' \
    docs/eas/operations.json
must_refuse "a host elsewhere" 's|pai-eas.cn-shanghai.aliyuncs.com|pai-eas.example.com|' docs/eas/endpoints.json
