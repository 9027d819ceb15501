# SPDX-License-Identifier: Apache-2.0
"""Validators are killed under load, one, two at once, or all: nothing acknowledged is lost, no
validator contradicts itself, and blocks go on without anybody's help."""

import time

from harness import expect, wait_until
from network import Network, faults


def run(sandbox, rng, kills=(1, 2, 4, 1), nodes=4):
    with Network(sandbox, rng, nodes, load_each=200 * len(kills)) as net:
        net.start()
        net.wait_peers(nodes - 1)
        net.start_load()
        slowest = 0.0
        for count in kills:
            which = rng.sample(range(nodes), min(count, nodes))
            done = sum(len(load.acknowledged) for load in net.loads.values())
            wait_until(lambda done=done: sum(len(load.acknowledged) for load in net.loads.values()) > done + 20
                       or all(load.done() for load in net.loads.values()), "acknowledged load")
            # The moment of death is the point of the test: anywhere within two blocks.
            time.sleep(rng.uniform(0.0, 0.4))
            net.kill(*which)
            if count <= faults(nodes):  # the others go on
                net.wait_blocks(2)
            begun = time.monotonic()
            net.start(*which)
            net.wait_blocks(2)
            slowest = max(slowest, time.monotonic() - begun)
        net.stop_load()
        txs = net.check_acknowledged()
        net.wait_blocks(2)
        height = net.check_equal()
        messages = net.check_signed()
        net.check_logs()
        net.check_deep(rng.randrange(nodes))
        net.stop()
        expect(txs > 20 * len(kills), f"{txs} acknowledged")
        return (f"{sum(kills)} kills in {len(kills)} strokes, {height} blocks, {txs} acknowledged, none lost, "
                f"{messages} signed messages, none contradicts, two more blocks at most {slowest:.1f} s after a start")
