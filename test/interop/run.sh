#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Other people's clients (ethers, viem, cast), peers and EVMs against ours. Packages of
# test/package-lock.json are installed into build/interop.
#
# usage: test/interop/run.sh [DIR with cairnd]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
CAIRND=${1:-$root/build}/cairnd
export CAIRND
work=$root/build/interop
NODE=${NODE:-node}

missing() {
    echo "interop: MISSING $1: $2" >&2
    skipped="${skipped:+$skipped, }$1"
}

[ -x "$CAIRND" ] || { echo "interop: there is no $CAIRND: run make first" >&2; exit 1; }
CAIRN_NODE_MODULES=$("$root/test/interop/packages.sh")
export CAIRN_NODE_MODULES

skipped=
failed=0
for client in ethers viem websocket vote devp2p devp2p_hostile devp2p_genesis; do
    "$NODE" "$root/test/interop/$client.mjs" || failed=$((failed + 1))
done
if "$work/node_modules/.bin/cast" --version >/dev/null 2>&1; then
    "$NODE" "$root/test/interop/cast.mjs" || failed=$((failed + 1))
else
    missing cast "the package has no binary for this machine"
fi
# Proofs of a state of 100,000 accounts, checked by an independent trie.
"$NODE" "$root/test/interop/proofs.mjs" || failed=$((failed + 1))
# Random programs against an independent EVM.
if [ -x "$(dirname "$CAIRND")/tools/evm_cases" ]; then
    "$root/test/diff/run.sh" "$(dirname "$CAIRND")" --count 2000 || failed=$((failed + 1))
else
    missing differential "make tools"
fi
# Traces beside anvil's. The system contracts on anvil; then the accounts that cairnd puts into a genesis, against the
# deployment on an independent EVM.
if "$work/node_modules/.bin/anvil" --version >/dev/null 2>&1; then
    "$NODE" "$root/test/interop/trace.mjs" || failed=$((failed + 1))
    "$NODE" "$root/test/interop/rpc_diff.mjs" || failed=$((failed + 1))
    CAIRN_BIN=$(dirname "$CAIRND") "$NODE" "$root/test/contracts/run.mjs" || failed=$((failed + 1))
    net=$(mktemp -d)
    "$NODE" "$root/test/contracts/run.mjs" --params >"$net/gov.json"
    "$CAIRND" network init --validators 1 --chain-id 1337 --dir "$net/net" --gov "$net/gov.json" >/dev/null &&
        CAIRN_GENESIS=$net/net/genesis.json "$NODE" "$root/test/contracts/run.mjs" genesis ||
        failed=$((failed + 1))
    rm -rf "$net"
else
    missing contracts "anvil has no binary for this machine"
fi
# go-ethereum's own tools: EVM=path and DEVP2P=path, or `evm` and `devp2p` where go installs
# programs, or built here once where there is Go (minutes).
EVM_VERSION=v1.17.10
vectors=${CAIRN_UNPACKED:-$root/build/vectors}
gobin=$(go env GOBIN 2>/dev/null || :)
gopath=$(go env GOPATH 2>/dev/null || :)
# find_go NAME PATH: into $found, empty if it is nowhere
find_go() {
    for found in "$2" "$work/go/$1" "$(command -v "$1" || :)" "${gobin:+$gobin/$1}" "${gopath:+$gopath/bin/$1}"; do
        [ -z "$found" ] || [ ! -x "$found" ] || return 0
    done
    found=
}
# go_tool NAME VERSION PATH: the same, built if need be
go_tool() {
    find_go "$1" "$3"
    [ -z "$found" ] && command -v go >/dev/null 2>&1 || return 0
    echo "interop: building go-ethereum's $1 $2 into build/interop/go"
    mkdir -p "$work/go"
    GOBIN=$work/go timeout 900 go install "github.com/ethereum/go-ethereum/cmd/$1@$2" 2>"$work/go/log" ||
        tail -n 3 "$work/go/log" >&2
    find_go "$1" "$3"
}
go_tool evm "$EVM_VERSION" "${EVM:-}"
evm=$found
if [ -z "$evm" ]; then
    if command -v go >/dev/null 2>&1; then missing geth "evm cannot be built here, see build/interop/go/log"
    else missing geth "go absent"; fi
elif [ ! -d "$vectors" ]; then
    missing geth "make vectors"
else
    geth="${PYTHON:-/usr/bin/python3} $root/test/interop/geth.py --evm $evm --cairnd $CAIRND --vectors $vectors"
    $geth --count "${GETH_COUNT:-60}" --seed "${GETH_SEED:-1}" || failed=$((failed + 1))
    programs=$(mktemp -d)
    "$root/test/diff/run.sh" "$(dirname "$CAIRND")" --seed "${GETH_SEED:-1}" --count "${GETH_PROGRAMS:-500}" \
        --export "$programs" && $geth --generated "$programs" || failed=$((failed + 1))
    rm -rf "$programs"
fi
# go-ethereum's devp2p against our port; the last version whose tests speak eth/68.
go_tool devp2p v1.15.11 "${DEVP2P:-}"
if [ -n "$found" ]; then
    "$NODE" "$root/test/interop/devp2p_geth.mjs" "$found" || failed=$((failed + 1))
elif command -v go >/dev/null 2>&1; then missing devp2p "it cannot be built here, see build/interop/go/log"
else missing devp2p "go absent"; fi
# Traces beside a running go-ethereum's: GETH=path, or `geth` where go installs programs. Building it
# takes much longer than evm, so that is left to whoever wants it.
find_go geth "${GETH:-}"
GETH=$found
if [ -n "$GETH" ]; then
    export GETH
    "$NODE" "$root/test/interop/trace_geth.mjs" --count "${TRACE_COUNT:-20}" || failed=$((failed + 1))
else
    missing geth-traces "GOBIN=$work/go go install github.com/ethereum/go-ethereum/cmd/geth@$EVM_VERSION"
fi
echo "interop: $failed failed${skipped:+, not run: $skipped}"
[ "$failed" -eq 0 ]
