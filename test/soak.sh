#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Long campaigns, part after part, until SOAK_HOURS are over. Writes build/soak/report.txt as it
# goes: what ran, for how long, and its verdict. "not run" is printed as such and is not a pass.
# usage: soak.sh BUILD_DIR
set -eu
build=$1
hours=${SOAK_HOURS:-12}
python=${PYTHON:-/usr/bin/python3}
mkdir -p "$build/soak"
report=$build/soak/report.txt
deadline=$(($(date +%s) + hours * 3600))
{
    echo "commit $(git rev-parse HEAD 2>/dev/null || echo unknown)"
    cc --version | head -n 1
} >"$report"
failed=0

part() {
    name=$1
    shift
    if [ "$(date +%s)" -ge "$deadline" ]; then
        echo "not run: $name" | tee -a "$report"
        failed=1
        return 0
    fi
    begun=$(date +%s)
    if "$@" >"$build/soak/$name.log" 2>&1; then verdict=ok; else verdict=FAILED failed=1; fi
    echo "$name: $verdict, $(($(date +%s) - begun)) s, log $build/soak/$name.log" | tee -a "$report"
}

part vectors-all make conformance CONFORMANCE_FLAGS=--all
part kill9-long "$python" test/e2e/run.py --bin "$build/release" kill9_long
part simulator make sim SIM=soak
part simulator-sanitized make PROFILE=asan sim SIM=quick
part sanitized make PROFILE=asan unit conformance
if command -v "${NODE:-node}" >/dev/null 2>&1; then
    # Another seed each day, named in the log, so that campaigns do not repeat each other.
    part differential test/diff/run.sh "$build/release" --count 200000 --seed "$(date +%Y%m%d)"
else
    echo "not run: differential (node is missing)" | tee -a "$report"
    failed=1
fi
part fuzz make fuzz FUZZ_SECONDS=1800
[ "$failed" = 0 ]
