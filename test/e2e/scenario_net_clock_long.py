# SPDX-License-Identifier: Apache-2.0
"""net_clock with every offset, both ways, for `make soak`."""

import scenario_net_clock


def run(sandbox, rng, nodes=4):
    offsets = [500, -500, 5000, -5000, 3600_000, -3600_000, 86400_000, -3600_000, 2500, -2500]
    return scenario_net_clock.run(sandbox, rng, offsets, 4000, nodes)
