# SPDX-License-Identifier: Apache-2.0
"""net_byzantine for hundreds of blocks, each manner also by itself, for `make soak`."""

import scenario_net_byzantine
from scenario_net_byzantine import ALL


def run(sandbox, rng, nodes=7):
    return scenario_net_byzantine.run(sandbox, rng, 400, 6000, nodes, (ALL, rng.choice(("blocks,votes", "replay,blocks", ALL))), 0.4)
