# SPDX-License-Identifier: Apache-2.0
"""kill9_points twenty times over, for `make soak`."""

import scenario_kill9_points


def run(sandbox, rng):
    return scenario_kill9_points.run(sandbox, rng, rounds=20)
