# SPDX-License-Identifier: Apache-2.0
"""net_partition with a hundred partitions of every kind, for `make soak`."""

from scenario_net_partition import MORE_SPLITS, SPLITS
import scenario_net_partition


def run(sandbox, rng):
    return scenario_net_partition.run(sandbox, rng, [rng.choice(SPLITS + MORE_SPLITS) for _ in range(100)], 40000)
