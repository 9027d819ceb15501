#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks the model of QBFT with spin: that nothing is found in it, and that spin finds what must be
# there when a rule is taken out. For each: states explored, depth, seconds.
#
# usage: run.sh quick|soak BUILD_DIR     MODEL_MINUTES: of each bitstate search (soak; default 20)
set -eu
what=$1
dir=$2/model
model=$(cd "$(dirname "$0")" && pwd)/qbft.pml
minutes=${MODEL_MINUTES:-20}
failures=0
runs=0
optimise=-O1

# search NAME "SPIN FLAGS" "COMPILER FLAGS" PAN FLAGS...: writes DIR/NAME/out.
search() {
    name=$1
    rm -rf "${dir:?}/$name"
    mkdir -p "$dir/$name"
    # shellcheck disable=SC2086
    (
        cd "$dir/$name"
        spin -a $2 "$model" >spin.out
        ${CC:-gcc} "$optimise" -w -DSAFETY -DNOCLAIM $3 -o pan pan.c
    )
    shift 3
    begun=$(date +%s)
    (cd "$dir/$name" && ./pan "$@" >out 2>&1) || true
    out=$dir/$name/out
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$out")
    depth=$(sed -n 's/.*depth reached \([0-9]*\),.*/\1/p' "$out")
    found=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' "$out")
    numbers="${states:-?} states, depth ${depth:-?}, $(($(date +%s) - begun)) s"
    runs=$((runs + 1))
}

bad() {
    echo "FAILED $name: $1; see $out" >&2
    failures=$((failures + 1))
}

# holds ...: every state that can be reached is explored and none breaks a rule.
holds() {
    search "$@"
    if [ "$found" != 0 ]; then
        bad "a rule is broken, or the search did not end"
    elif grep -qE 'max search depth too small|out of memory|Search not completed' "$out"; then
        bad "not everything was explored"
    else
        echo "holds  $name: $numbers"
    fi
}

# sampled ...: as many states as the bits and the time allow.
sampled() {
    search "$@" "-Q$minutes"
    if [ "$found" != 0 ]; then
        bad "a rule is broken, or the search did not end"
    else
        echo "holds  $name (bitstate): $numbers"
    fi
}

# broken NAME ... : without a rule spin must find the violation. $1: what pan calls it.
broken() {
    kind=$1
    shift
    optimise=-O0 # found soon: compiling is what takes time
    search "$@"
    optimise=-O1
    if [ "${found:-0}" != 0 ] && grep -q "$kind" "$out"; then
        echo "found  $name: $(sed -n "s/^pan:1: \($kind\).*/\1/p" "$out"), $numbers"
    else
        bad "spin did not find it"
    fi
}

agreement='assertion violated ((decided'
signature='assertion violated (((prepares\|assertion violated ((prepares\|assertion violated ((changes\|assertion violated ((commits\|assertion violated ((proposals'
stuck='invalid end state'
exact='-DCOLLAPSE -DMEMLIM=6000'
bits='-DBITSTATE -DMEMLIM=6000'
small='-DHEIGHTS=1 -DROUNDS=2'

case $what in
quick)
    holds safety "$small" "$exact" -E -m100000
    holds progress '-DHEIGHTS=1 -DROUNDS=3 -DFAIR -DEARLY=0 -DCRASHES=0' "$exact" -m100000
    broken "$signature" no-guard "$small -DNO_GUARD" "$exact" -E -m100000
    broken "$agreement" no-guard-agreement "$small -DNO_GUARD -DONLY_AGREEMENT" "$exact" -E -m100000
    broken "$agreement" no-lock "$small -DNO_LOCK -DCRASHES=0" "$exact" -E -m100000
    broken "$agreement" no-justification "$small -DNO_JUSTIFICATION -DCRASHES=0" "$exact" -E -m100000
    broken "$agreement" small-quorum "$small -DSMALL_QUORUM -DCRASHES=0" "$exact" -E -m100000
    broken "$stuck" no-rounds-left "$small -DFAIR -DEARLY=1 -DCRASHES=0" "$exact" -m100000
    ;;
soak)
    holds progress-crash '-DHEIGHTS=1 -DROUNDS=3 -DFAIR -DEARLY=0' "$exact" -m100000
    sampled two-heights '' "$bits" -E -m100000 -w33
    sampled three-rounds '-DHEIGHTS=1 -DCRASHES=2' "$bits" -E -m100000 -w33
    sampled four-rounds '-DHEIGHTS=1 -DROUNDS=4' "$bits" -E -m100000 -w33
    sampled five-validators '-DN=5 -DHEIGHTS=1' "$bits" -E -m100000 -w33
    sampled progress-early '-DHEIGHTS=1 -DROUNDS=4 -DFAIR -DEARLY=1' "$bits" -m100000 -w33
    broken "$signature" no-guard-two-heights '-DNO_GUARD' "$bits" -E -m100000 -w30
    ;;
*)
    echo "usage: run.sh quick|soak BUILD_DIR" >&2
    exit 2
    ;;
esac
echo "model: $runs searches, $failures failed"
[ "$failures" = 0 ]
