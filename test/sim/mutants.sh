#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The simulator's teeth: each program has one planted bug, and each must be found within 2,000
# seeds. Two at a time. usage: mutants.sh PROGRAM...
set -u
missed=0
look() {
    name=${1##*/}
    if out=$("$1" --seeds 2000 --heights 12 --stop); then
        echo "MISSED  $name: 2,000 seeds and no violation"
        return 1
    fi
    echo "found   $name: $(printf '%s\n' "$out" | sed -n 's/^VIOLATION //p;s/^seeds \([0-9]*\).*/(seed \1)/p' | tr '\n' ' ' | cut -c 1-150)"
}
for program in "$@"; do look "$program" || missed=1; done
exit $missed
