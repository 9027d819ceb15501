#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Long campaigns, part after part, until SOAK_HOURS are over. build/soak/report.txt starts with the
# commit and the compiler and has a line for each part: what ran, its verdict, how long, its numbers,
# its log. Zero violations is the only pass; "not run" is printed as such and is not a pass.
#
# Resumable: a part that passed is not run again on the same commit; what was cut off or failed is.
# Each part has a seed, which its line names: SOAK_SEED (default: the day).
#
# usage: soak.sh BUILD_DIR [PART...]   only these parts
set -eu
build=$1
shift
wanted=" $* "
hours=${SOAK_HOURS:-12}
seed=${SOAK_SEED:-$(date +%Y%m%d)}
python=${PYTHON:-/usr/bin/python3}
dir=$build/soak
report=$dir/report.txt
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
git diff --quiet HEAD 2>/dev/null || commit=$commit-changed
deadline=$(($(date +%s) + hours * 3600))
mkdir -p "$dir/parts"
[ "$(cat "$dir/commit" 2>/dev/null)" = "$commit" ] || rm -f "$dir"/parts/*
echo "$commit" >"$dir/commit"
{
    echo "commit $commit"
    "${CC:-gcc}" --version | head -n 1
} >"$report"
violations=0
missing=0
known=

say() {
    echo "$1" | tee -a "$report"
}

not_run() {
    say "not run: $1 ($2)"
    missing=$((missing + 1))
}

# part NAME COMMAND...: its last line that tells numbers goes into the report.
part() {
    name=$1
    shift
    [ "$wanted" = "  " ] || case $wanted in *" $name "*) ;; *) return 0 ;; esac
    known=yes
    result=$dir/parts/$name
    if [ -f "$result" ]; then
        say "$(cat "$result") (before)"
        return 0
    fi
    if [ "$(date +%s)" -ge "$deadline" ]; then
        not_run "$name" "SOAK_HOURS=$hours are over"
        return 0
    fi
    begun=$(date +%s)
    log=$dir/$name.log
    verdict=ok
    code=0
    "$@" >"$log" 2>&1 || code=$?
    if [ "$code" = 77 ]; then # this machine cannot
        not_run "$name" "$(grep SKIP "$log" | head -n 1)"
        return 0
    fi
    [ "$code" = 0 ] || verdict=VIOLATION
    numbers=$(grep -E '[0-9]' "$log" | tail -n 1 | cut -c1-160)
    line="$name: $verdict, $(($(date +%s) - begun)) s, seed $seed, log $log: $numbers"
    say "$line"
    if [ "$verdict" = ok ]; then echo "$line" >"$result"; else violations=$((violations + 1)); fi
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# ---- vectors: nothing sampled, nothing skipped ----------------------------------------------------
part vectors-all make conformance CONFORMANCE_FLAGS=--all
part sanitized make PROFILE=asan unit conformance
part lint-deep make -j2 lint BUILD=build/deep LINT_STATES=225000

# ---- the trie in its store: batches that end in every way -----------------------------------------
part trie-batches env CAIRN_TRIE_BATCHES=200000 CAIRN_SEED="$seed" \
    "$build/release/test/unit_chain" --filter 'nodes/*' --jobs 2

# ---- nodes under faults ---------------------------------------------------------------------------
for scenario in kill9 kill9_points ioerr powercut bitflip net_kill9 net_partition net_cables net_clock net_stop net_byzantine net_churn validator_set; do
    part "$(echo "$scenario" | tr _ -)-long" "$python" test/e2e/run.py --bin "$build/release" "${scenario}_long"
done
part net-repair "$python" test/e2e/run.py --bin "$build/release" net_repair
for scenario in net_kill9_long net_cables_long net_stop_long; do # seven of them
    part "$(echo "$scenario" | tr _ -)-of-7" "$python" test/e2e/run.py --bin "$build/release" --nodes 7 "$scenario"
done

# ---- many validators in virtual time --------------------------------------------------------------
part simulator make sim SIM=soak
part simulator-sanitized make PROFILE=asan sim SIM=quick
part simulator-twins make sim-twins TWINS='gcc-O0 gcc-O3 clang-14-O2' SIM_SAME=400

part model make model MODEL=soak

# ---- other implementations ------------------------------------------------------------------------
if have "${NODE:-node}"; then
    # Another seed each day, so that campaigns do not repeat each other.
    part differential test/diff/run.sh "$build/release" --count 200000 --seed "$seed"
    part planted-bugs test/diff/run.sh "$build/release" --planted yes --seed "$seed"
    part interop env GETH_COUNT=1500 GETH_PROGRAMS=20000 GETH_SEED="$seed" PROOFS=20000 \
        test/interop/run.sh "$(realpath -m "$build/release")"
    if [ -f "$dir/interop.log" ] && grep -q 'MISSING' "$dir/interop.log"; then
        not_run interop-parts "$(sed -n 's/.*MISSING \([^:]*\):.*/\1/p' "$dir/interop.log" | tr '\n' ' ')"
    fi
else
    not_run "differential planted-bugs interop" "node is missing"
fi

# ---- fuzzing: half an hour for each target, one part each, two at a time ----------------------------
part fuzz-build make PROFILE=fuzz fuzz-build
fuzz_one() {
    FUZZ_TARGETS=$1 FUZZ_JOBS=2 FUZZ_SEED=0 test/fuzz/run.sh "$build/fuzz/fuzz" "${FUZZ_SECONDS:-1800}"
}
targets=$(cd test/fuzz && ls -- *.c | sed 's/\.c$//')
# shellcheck disable=SC2086
set -- $targets
while [ $# -gt 0 ]; do
    part "fuzz-$1${2:+-$2}" fuzz_one "$1 ${2:-}"
    shift
    [ $# -eq 0 ] || shift
done

[ -n "$known" ] || not_run "$wanted" "no part of that name"
say "soak: $violations violations, $missing not run"
[ "$violations" = 0 ] && [ "$missing" = 0 ]
