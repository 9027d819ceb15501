# SPDX-License-Identifier: Apache-2.0
"""Validators are voted in and out under load, by qbft_proposeValidatorVote: from one to seven and down
to four others, one of whom was killed meanwhile. Blocks never stop."""

from harness import expect
from network import Network
from scenario_net_churn import signers, vote

MOST = 7


def run(sandbox, rng):
    with Network(sandbox, rng, validators=MOST, signers=[0], load_each=4000, period="100ms") as net:
        net.start()
        net.wait_peers(MOST - 1)
        net.start_load()
        net.wait_head(3)
        now = [0]
        sizes = [1]
        for who in range(1, MOST):
            vote(net, now, who, True)
            now.append(who)
            sizes.append(len(now))
            if len(now) == 4:
                net.kill(3)  # three of four go on
                net.wait_blocks(4)
                net.start(3)
                net.wait_peers(MOST - 1, 3)
        for who in (0, 2, 4):
            now.remove(who)
            vote(net, [*now, who], who, False)
            sizes.append(len(now))
        expect(signers(net, 0) == sorted(net.addresses[i] for i in now), "who is out follows on")
        net.stop_load()
        return f"validators {' -> '.join(map(str, sizes))}; {net.check_all(deep=[0, 1])}"
