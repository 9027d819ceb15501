# SPDX-License-Identifier: Apache-2.0
"""powercut in a thousand variants, for `make soak`."""

import scenario_powercut


def run(sandbox, rng):
    return scenario_powercut.run(sandbox, rng, variants=1000)
