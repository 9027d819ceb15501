#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The simulator's teeth: each program has one planted bug, and each must be found within 2,000
# seeds. Two at a time. usage: mutants.sh PROGRAM...
set -u
look() {
    name=${1##*/}
    if out=$("$1" --seeds 2000 --heights 12 --stop); then
        echo "MISSED  $name: 2,000 seeds and no violation"
        return 1
    fi
    echo "found   $name: $(printf '%s\n' "$out" | sed -n 's/^VIOLATION //p;s/^seeds \([0-9]*\).*/(seed \1)/p' | tr '\n' ' ' | cut -c 1-150)"
}
missed=0
while [ $# -gt 0 ]; do
    look "$1" &
    first=$!
    second=
    shift
    if [ $# -gt 0 ]; then
        look "$1" &
        second=$!
        shift
    fi
    wait "$first" || missed=1
    [ -z "$second" ] || wait "$second" || missed=1
done
exit $missed
