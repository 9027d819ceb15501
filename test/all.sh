#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make test` runs once the programs are built: everything that needs nothing but Debian. Ends
# with a table of times and one line that says whether all passed.
#
# usage: all.sh DIR     with the programs under test; called by make, with MAKE and PYTHON set
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
# shellcheck source=test/steps.sh
. test/steps.sh

# MAKE may be several words.
make_now() { $MAKE --no-print-directory "$@"; }

step 'the tests themselves, compiled' make_now tests
step 'units'                          make_now unit
step 'official vectors'               make_now conformance
step 'simulator'                      make_now sim
step 'simulator, planted bugs'        make_now mutants
step 'benchmark comparison'           "$PYTHON" test/bench/test_compare.py
step 'end to end'                     "$PYTHON" test/e2e/run.py --bin "$out" --seed "${CAIRN_SEED:-1}" --jobs "${E2E_JOBS:-3}" all
steps_are_over 'make test'
