#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Replays every corpus and every past crash, then fuzzes each target for a while.
#
#   test/fuzz/run.sh DIRECTORY_OF_FUZZERS [SECONDS_PER_TARGET]
#
# FUZZ_TARGETS  names, default all of them    FUZZ_JOBS  targets at a time, default 2
# FUZZ_SEED     of the mutations; by default the same inputs come on every run, 0: others each time
# FUZZ_FRESH    directory for inputs found, default beside the fuzzers (kept between runs)
# New crash inputs are left in DIRECTORY/crashes; a fixed one moves to test/fuzz/regress/TARGET.
set -u
cd "$(dirname "$0")/../.." || exit 1
[ $# -ge 1 ] || { sed -n '5,9s/^# *//p' "$0"; exit 2; }
dir=$(realpath "$1") seconds=${2:-20} jobs=${FUZZ_JOBS:-2} seed=${FUZZ_SEED:-1}
fresh=${FUZZ_FRESH:-$dir/found} crashes=$dir/crashes
mkdir -p "$fresh" "$crashes"
targets=${FUZZ_TARGETS:-$(cd test/fuzz && ls -- *.c | sed 's/\.c$//')}

# Longest input that the real parser would be handed.
max_len() {
    case $1 in
        genesis | keystore | safetensors) echo 16384 ;;
        tx | header_block) echo 8192 ;;
        *) echo 4096 ;;
    esac
}

run_target() {
    local t=$1 log=$dir/$1.log corpus=test/fuzz/corpus/$1 regress=test/fuzz/regress/$1
    local -a seeds=() extra=()
    [ -x "$dir/$t" ] || { echo "FAIL $t: not built"; return 1; }
    [ -d "$corpus" ] && seeds+=("$corpus")
    [ -d "$regress" ] && seeds+=("$regress")
    [ ${#seeds[@]} -gt 0 ] || { echo "FAIL $t: no seeds in $corpus"; return 1; }
    [ -f "test/fuzz/$t.dict" ] && extra+=("-dict=test/fuzz/$t.dict")
    # A time for one input bounds what hangs: the processor may be somebody else's for a while.
    extra+=("-rss_limit_mb=1024" "-timeout=60" "-seed=$seed" "-max_len=$(max_len "$t")")
    extra+=("-artifact_prefix=$crashes/$t-" "-print_final_stats=1")
    mkdir -p "$fresh/$t"

    if ! "$dir/$t" "${extra[@]}" -runs=0 "${seeds[@]}" >"$log" 2>&1; then
        tail -n 25 "$log"
        echo "FAIL $t: a seed or a past crash fails"
        return 1
    fi
    if [ "$seconds" -gt 0 ] &&
        ! "$dir/$t" "${extra[@]}" -max_total_time="$seconds" "$fresh/$t" "${seeds[@]}" >"$log" 2>&1; then
        tail -n 25 "$log"
        echo "FAIL $t: see $crashes"
        return 1
    fi
    printf 'ok   %-14s %4d seeds %9s runs %6s edges\n' "$t" \
        "$(find "${seeds[@]}" -type f | wc -l)" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)" \
        "$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)"
}

failed=0 running=0
for t in $targets; do
    if [ "$running" -ge "$jobs" ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    run_target "$t" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
[ "$failed" -eq 0 ] || { echo "fuzz: failed"; exit 1; }
