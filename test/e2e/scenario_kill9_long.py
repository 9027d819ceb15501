# SPDX-License-Identifier: Apache-2.0
"""kill9 with a thousand kills, for `make soak`."""

import scenario_kill9


def run(sandbox, rng):
    return scenario_kill9.run(sandbox, rng, kills=1000)
