# SPDX-License-Identifier: Apache-2.0
"""net_stop for up to a minute, for `make soak`: also longer than a line may be silent."""

import scenario_net_stop


def run(sandbox, rng, nodes=4):
    stops = [(1, 60), (nodes, 45), (2, 35), (1, 35), (nodes, 60), (2, 60)]
    stops += [(rng.choice((1, 1, 2, nodes)), rng.randint(1, 60)) for _ in range(10)]
    return scenario_net_stop.run(sandbox, rng, stops, 6000, nodes, interval=0.5)
