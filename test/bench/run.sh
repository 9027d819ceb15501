#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmarks of a folder (or the one named) and compares ratios with targets.json.
# usage: run.sh DIR [NAME]; JSON lines on stdout and in DIR/results.jsonl, text on stderr.
set -eu
dir=$1
only=${2:-}
here=$(dirname "$0")
CAIRN_COMMIT=$(git -C "$here" rev-parse --short HEAD 2>/dev/null || echo unknown)
export CAIRN_COMMIT
: >"$dir/results.jsonl"
for program in "$dir"/*; do
    [ -x "$program" ] && [ ! -d "$program" ] || continue
    name=${program##*/}
    [ -z "$only" ] || [ "$only" = "$name" ] || continue
    echo "== $name" >&2
    "$program" >>"$dir/results.jsonl"
done
for name in start rpc node net import; do
    [ -z "$only" ] || [ "$only" = "$name" ] || continue
    echo "== $name" >&2
    python3 "$here/$name.py" --bin "$(dirname "$dir")" >>"$dir/results.jsonl"
done
cat "$dir/results.jsonl"
python3 "$here/compare.py" "$here/targets.json" "$dir/results.jsonl" ${only:+--partial}
