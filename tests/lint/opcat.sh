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
cp "$root"/src/core/opcat.def "$root"/src/core/endpoint.def "$root"/src/core/bounds.def "$work/src/core/"

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

# The generator itself must say no, so that the edit could not be committed together with fresh tables.
must_stop() {
    must_refuse "$@"
    grep -q '^opcat_gen.py: ' "$work/said" || { echo "lint.opcat: $1: seen only as a difference"; exit 1; }
}

must_stop "an operation without a row" '/"CommitService"/d'
must_stop "a row without an operation" 's/"CommitService"/"CommitServices"/'
must_stop "an effect that does not exist" 's/"effect": "label"/"effect": "lable"/'
must_stop "a minting GET that passes for a read" '/"DescribeServiceSignedUrl"/s/"mint"/"read"/'
must_stop "a PUT that passes for a read" '/"CommitService"/s/"update"/"read"/'
must_stop "a secret that passes for a read" '/"ListConfigs"/s/"secret"/"read"/'
must_stop "something that can raise replicas as an update" '/"ScaleService"/s/"scale"/"update"/'
must_stop "a row twice" 's/^    "CommitService".*/&\n&/'
must_stop "a field without a meaning" '/"UpdateServiceSafetyLock"/s/, "fields": {"Lock": "free"}//'
must_stop "a path parameter without a meaning" 's/"TaskName": "owned:benchmark_tasks", //'
must_stop "a meaning that does not exist" 's/"Instance": "replicas"/"Instance": "replica"/'
must_stop "a count that is free" 's/"Instance": "replicas"/"Instance": "free"/'
must_stop "a nested count that is free" 's/"integer! cron_target"/"integer! free"/'
must_stop "hardware that is free" 's/"integer bounded:max_cpu"/"integer free"/'
must_stop "a network that is free" 's/"vpc_id": "string bounded:vpcs"/"vpc_id": "string free"/'
must_stop "money that is free" 's/"AutoRenewal": "bounded:auto_renewal"/"AutoRenewal": "free"/'
must_stop "a reason that is gone" 's/ # the operation itself needs @secrets//'
must_stop "a token that is no secret" 's/"token": "string secret"/"token": "string free"/'
must_stop "something unconfirmed that passes" 's/"spot_price_limit": "number refused"/"spot_price_limit": "number free # why not"/'
must_stop "an unconfirmed key that was added" 's/"rdma": "integer refused"/&, "quota_id": "string bounded:quotas"/'
must_stop "a key that bounds.def does not have" 's/"bounded:log_projects"/"bounded:log_project"/'
must_stop "a required key that bounds.def does not have" 's/\["label_keys"\]/["label_key"]/'
must_stop "a flag for a text" 's/"image": "string bounded:images"/"image": "string bounded:internet"/'
must_stop "a key that is no number for a number" 's/"integer bounded:max_memory"/"integer bounded:images"/'
must_stop "a raise that is left out" '/"ScaleService"/s/"raise": "scale", //'
must_stop "a raise without a touch" '/"StopService"/s/"lifecycle"/"lifecycle", "raise": "start"/'
must_stop "a field that the operation does not have" '/"UpdateServiceSafetyLock"/s/"Lock": "free"/&, "Key": "free"/'
must_stop "a new query value" '/"action": "StopService"/,/"query"/s/"query": \[/"query": [{"name":"Force","type":"boolean","required":false}/' \
    docs/eas/operations.json
must_stop "a count of nothing" 's/"list": "ListGateway"/"list": "ListGateways"/'
must_stop "an owner that is no list of names" 's/"owner": "groups"/"owner": "max_gateways"/'
must_refuse "a changed path" 's|"/api/v2/app_services"|"/api/v2/app_service"|' docs/eas/operations.json
must_refuse "a path twice in one method" 's|services/{ClusterId}/{ServiceName}/stop"|services/{ClusterId}/{ServiceName}/start"|' \
    docs/eas/operations.json
must_refuse "a literal beside a placeholder" 's|"/api/v2/public/instance_types"|"/api/v2/services/all/x"|' \
    docs/eas/operations.json
must_refuse "a host elsewhere" 's|pai-eas.cn-shanghai.aliyuncs.com|pai-eas.example.com|' docs/eas/endpoints.json
