#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Other people's clients (ethers, viem, cast), peers and EVMs against ours. Packages of
# test/package-lock.json are installed into build/interop. Most scripts wait more than they compute,
# so INTEROP_JOBS (default 3) run at a time; what one says is printed when it is over. Where there is
# Go, go-ethereum's tools are built once, for minutes; not with INTEROP_BUILD=no.
#
# usage: test/interop/run.sh [DIR with cairnd]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${1:-$root/build}
CAIRND=$bin/cairnd
CAIRN_BIN=$bin
work=$root/build/interop
NODE=${NODE:-node}
vectors=${CAIRN_UNPACKED:-$root/build/vectors}
export CAIRND CAIRN_BIN NODE root bin vectors
jobs=${INTEROP_JOBS:-3}

missing() {
    echo "interop: MISSING $1: $2" >&2
    skipped="${skipped:+$skipped, }$1"
}

[ -x "$CAIRND" ] || { echo "interop: there is no $CAIRND: run make first" >&2; exit 1; }
CAIRN_NODE_MODULES=$("$root/test/interop/packages.sh")
export CAIRN_NODE_MODULES

skipped= failed= passed=0
temporary=$(mktemp -d)
export temporary
declare -A names=()

cleanup() {
    local pid
    for pid in "${!names[@]}"; do kill "$pid" 2>/dev/null || continue; done
    rm -rf "$temporary"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Waits for the end of one job, whichever is first, and prints what it said.
reap() {
    local pid code=0 name
    wait -n -p pid "${!names[@]}" || code=$?
    name=${names[$pid]}
    unset "names[$pid]"
    cat "$temporary/$name"
    if [ "$code" -eq 0 ]; then
        passed=$((passed + 1))
    else
        echo "interop: $name FAILED (exit $code)"
        failed="$failed $name"
    fi
}

# job NAME COMMAND...: a command or one of the functions below. None hangs for ever.
job() {
    local name=$1
    shift
    [ "$(type -t "$1")" != function ] || set -- bash -euc '"$@"' job "$@"
    [ "${#names[@]}" -lt "$jobs" ] || reap
    timeout --kill-after=30 1200 "$@" >"$temporary/$name" 2>&1 </dev/null &
    names[$!]=$name
}

# The accounts that cairnd puts into a genesis, against the deployment on an independent EVM.
contracts_in_genesis() {
    "$NODE" "$root/test/contracts/run.mjs" --params >"$temporary/gov.json"
    "$CAIRND" network init --validators 1 --chain-id 1337 --dir "$temporary/net" --gov "$temporary/gov.json" >/dev/null
    CAIRN_GENESIS=$temporary/net/genesis.json "$NODE" "$root/test/contracts/run.mjs" genesis
}

# Programs of a generator on go-ethereum's evm and on ours: geth_programs EVM
geth_programs() {
    "$root/test/diff/run.sh" "$bin" --seed "${GETH_SEED:-1}" --count "${GETH_PROGRAMS:-500}" --export "$temporary/programs"
    geth_vectors "$1" --generated "$temporary/programs"
}

# geth_vectors EVM [FLAGS]
geth_vectors() {
    local evm=$1
    shift
    "${PYTHON:-/usr/bin/python3}" "$root/test/interop/geth.py" --evm "$evm" --cairnd "$CAIRND" --vectors "$vectors" "$@"
}
export -f contracts_in_genesis geth_programs geth_vectors

# The longest first.
has_anvil=
! "$work/node_modules/.bin/anvil" --version >/dev/null 2>&1 || has_anvil=yes
if [ -n "$has_anvil" ]; then
    # The system contracts on anvil; then those of our genesis, against the deployment on an independent EVM.
    job contracts "$NODE" "$root/test/contracts/run.mjs"
    job contracts_in_genesis contracts_in_genesis
else
    missing contracts "anvil has no binary for this machine"
fi
# Random programs against an independent EVM.
if [ -x "$bin/tools/evm_cases" ]; then
    job diff "$root/test/diff/run.sh" "$bin" --count 2000
else
    missing differential "make tools"
fi
# Proofs of a state of 100,000 accounts, checked by an independent trie.
for script in devp2p_genesis devp2p_hostile proofs devp2p ethers viem websocket vote; do
    job "$script" "$NODE" "$root/test/interop/$script.mjs"
done
if "$work/node_modules/.bin/cast" --version >/dev/null 2>&1; then
    job cast "$NODE" "$root/test/interop/cast.mjs"
else
    missing cast "the package has no binary for this machine"
fi
# Traces and all of the RPC beside anvil's.
if [ -n "$has_anvil" ]; then
    job trace "$NODE" "$root/test/interop/trace.mjs"
    job rpc_diff "$NODE" "$root/test/interop/rpc_diff.mjs"
fi

# go-ethereum's own tools: EVM=path and DEVP2P=path, or `evm` and `devp2p` where go installs
# programs, or built here once where there is Go.
EVM_VERSION=v1.17.10
gobin=$(go env GOBIN 2>/dev/null || :)
gopath=$(go env GOPATH 2>/dev/null || :)
# find_go NAME PATH: into $found, empty if it is nowhere
find_go() {
    for found in "$2" "$work/go/$1" "$(command -v "$1" || :)" "${gobin:+$gobin/$1}" "${gopath:+$gopath/bin/$1}"; do
        [ -z "$found" ] || [ ! -x "$found" ] || return 0
    done
    found=
}
# go_tool NAME VERSION PATH: the same, built if need be; why not, if it cannot be
go_tool() {
    find_go "$1" "$3"
    [ -z "$found" ] || return 0
    why="go absent"
    command -v go >/dev/null 2>&1 || return 0
    why="not built: INTEROP_BUILD=no"
    [ "${INTEROP_BUILD:-yes}" = yes ] || return 0
    echo "interop: building go-ethereum's $1 $2 into build/interop/go"
    why="it cannot be built here, see build/interop/go/log"
    mkdir -p "$work/go"
    GOBIN=$work/go timeout 900 go install "github.com/ethereum/go-ethereum/cmd/$1@$2" 2>"$work/go/log" ||
        tail -n 3 "$work/go/log" >&2
    find_go "$1" "$3"
}
go_tool evm "$EVM_VERSION" "${EVM:-}"
if [ -z "$found" ]; then
    missing geth "$why"
elif [ ! -d "$vectors" ]; then
    missing geth "make vectors"
else
    job geth geth_vectors "$found" --count "${GETH_COUNT:-60}" --seed "${GETH_SEED:-1}"
    job geth_programs geth_programs "$found"
fi
# go-ethereum's devp2p against our port; the last version whose tests speak eth/68.
go_tool devp2p v1.15.11 "${DEVP2P:-}"
job discv4 "$NODE" "$root/test/interop/discv4.mjs" ${found:+"$found"}
if [ -n "$found" ]; then
    job devp2p_geth "$NODE" "$root/test/interop/devp2p_geth.mjs" "$found"
else
    missing devp2p "$why"
fi
# Traces beside a running go-ethereum's: GETH=path, or `geth` where go installs programs. Building it
# takes much longer than evm, so that is left to whoever wants it.
find_go geth "${GETH:-}"
if [ -n "$found" ]; then
    export GETH=$found
    job trace_geth "$NODE" "$root/test/interop/trace_geth.mjs" --count "${TRACE_COUNT:-20}"
else
    missing geth-traces "GOBIN=$work/go go install github.com/ethereum/go-ethereum/cmd/geth@$EVM_VERSION"
fi
# One network with others' validators, minutes each: GoQuorum (CAIRN_GOQUORUM=its geth), Besu
# (CAIRN_BESU=besu).
if [ -n "${CAIRN_GOQUORUM:-}" ]; then
    job goquorum-network "$NODE" "$root/test/interop/mixed.mjs" goquorum
else
    missing goquorum-network "CAIRN_GOQUORUM does not name GoQuorum's geth"
fi
if [ -n "${CAIRN_BESU:-}" ]; then
    job besu-network "$NODE" "$root/test/interop/mixed.mjs" besu
else
    missing besu-network "CAIRN_BESU does not name besu"
fi

while [ "${#names[@]}" -gt 0 ]; do reap; done
echo "interop: $passed passed, $(echo "$failed" | wc -w) failed${failed:+:$failed}${skipped:+; not run: $skipped}"
[ -z "$failed" ]
