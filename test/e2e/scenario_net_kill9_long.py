# SPDX-License-Identifier: Apache-2.0
"""net_kill9 with hundreds of kills, for `make soak`."""

import scenario_net_kill9


def run(sandbox, rng, nodes=4):
    return scenario_net_kill9.run(sandbox, rng, kills=[rng.choice((1, 1, 2, 2, 3, 4)) for _ in range(150)], nodes=nodes)
