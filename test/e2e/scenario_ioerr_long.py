# SPDX-License-Identifier: Apache-2.0
"""ioerr with each of the first 200 writes and syncs, for `make soak`."""

import scenario_ioerr


def run(sandbox, rng):
    return scenario_ioerr.run(sandbox, rng, every=True)
