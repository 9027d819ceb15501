#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the unit test programs of all layers and fails if any fails or runs no test.
set -eu
# Criterion itself leaks a few bytes at its end.
LSAN_OPTIONS=suppressions=$(dirname "$0")/lint/lsan.supp:print_suppressions=0
export LSAN_OPTIONS
for unit in "$@"; do
    echo "== ${unit##*/}"
    "$unit" --jobs "${JOBS:-2}" || exit 1
done
