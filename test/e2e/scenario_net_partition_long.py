# SPDX-License-Identifier: Apache-2.0
"""net_partition with a hundred partitions of every kind and healing within two capped timeouts, for `make soak`."""

from scenario_net_partition import CAPPED_TIMEOUT_S, MORE_SPLITS, SPLITS
import scenario_net_partition


def run(sandbox, rng):
    splits = [rng.choice(SPLITS + MORE_SPLITS) for _ in range(100)]
    return scenario_net_partition.run(sandbox, rng, splits, 40000, healing_s=2 * CAPPED_TIMEOUT_S)
