#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Random programs on Cairn and on an independent EVM (npm's @ethereumjs/vm): any difference fails.
#
# usage: test/diff/run.sh [DIR with tools/evm_cases] [more arguments of run.mjs: --count --seed ...]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=${1:-$root/build/release}
[ $# -eq 0 ] || shift
evm=$dir/tools/evm_cases
[ -x "$evm" ] || { echo "diff: there is no $evm: run make tools first" >&2; exit 1; }
CAIRN_NODE_MODULES=${CAIRN_NODE_MODULES:-$("$root/test/interop/packages.sh")}
export CAIRN_NODE_MODULES
exec "${NODE:-node}" "$root/test/diff/run.mjs" --evm "$evm" --out "$root/build/diff" "$@"
