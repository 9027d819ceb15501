# SPDX-License-Identifier: Apache-2.0
"""net_cables for longer than a line may be silent, for `make soak`: the lines are given up on, and
must be there again soon after healing."""

import scenario_net_cables

FAULTS = [("2|2", 13), ("3|1", 8), ("pull 4", 5), ("2|2", 35), ("3|1", 45), ("2|2", 70), ("pull 1", 40), ("1|1|1|1", 60), ("3|1", 100), ("2|1|1", 25),
          ("pull 4", 90), ("3|1", 20), ("2|2", 50)]
FAULTS_OF_7 = [("4|3", 35), ("5|2", 45), ("3|3|1", 70), ("pull 2", 40)]


def run(sandbox, rng, nodes=4):
    return scenario_net_cables.run(sandbox, rng, FAULTS if nodes == 4 else FAULTS_OF_7, 6000, nodes,
                                   interval=0.5, within_s=scenario_net_cables.WITHIN_S)  # what waits while no block comes must not be too much
