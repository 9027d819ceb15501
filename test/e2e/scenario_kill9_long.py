# SPDX-License-Identifier: Apache-2.0
"""kill9 with a thousand kills and at most five seconds for a start, for `make soak`."""

import scenario_kill9


def run(sandbox, rng):
    return scenario_kill9.run(sandbox, rng, kills=1000, restart_s=5.0)
