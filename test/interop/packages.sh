#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the packages of test/package-lock.json into build/interop, if that was not done, and
# prints where they are.
# usage: packages.sh
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$root/build/interop
NODE=${NODE:-node}
NPM=${NPM:-npm}

command -v "$NODE" >/dev/null || { echo "interop: node is missing: apt install nodejs npm" >&2; exit 1; }
command -v "$NPM" >/dev/null || { echo "interop: npm is missing: apt install npm" >&2; exit 1; }
mkdir -p "$work"
if ! cmp -s "$root/test/package-lock.json" "$work/installed.json"; then
    cp "$root/test/package.json" "$root/test/package-lock.json" "$work/"
    (cd "$work" && "$NPM" ci --no-audit --no-fund --fetch-retries=5 --loglevel=error) >&2
    cp "$root/test/package-lock.json" "$work/installed.json"
fi
echo "$work/node_modules"
