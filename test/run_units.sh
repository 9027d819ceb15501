#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the unit test programs of all layers and fails if any fails or runs no test.
set -eu
for unit in "$@"; do
    echo "== ${unit##*/}"
    "$unit" --jobs "${JOBS:-2}" || exit 1
done
