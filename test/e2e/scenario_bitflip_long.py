# SPDX-License-Identifier: Apache-2.0
"""bitflip with three thousand flips, for `make soak`."""

import scenario_bitflip


def run(sandbox, rng):
    return scenario_bitflip.run(sandbox, rng, flips=3000)
