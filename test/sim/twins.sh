#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Programs that differ in nothing but their compiler run the same seeds: each seed twice in each of
# them, and all come to the same hash of events and effects. usage: twins.sh PROGRAM...
set -eu
first=
for program in "$@"; do
    said=$("$program" --same "${SIM_SAME:-24}")
    echo "${program#*/release/}: $said"
    [ -n "$first" ] || first=$said
    if [ "$said" != "$first" ]; then
        echo "$program runs otherwise than $1" >&2
        exit 1
    fi
done
