# SPDX-License-Identifier: Apache-2.0
"""Who comes late has the whole chain soon: an observer started when the chain is long, a validator
whose store is lost (its guard is not), all but one validator's stores lost at once, and a process
that stood still for ten seconds."""

import shutil
import signal
import time

from harness import expect, wait_until
from network import Network

STOPPED_S = 10


def wipe(net, i):
    """The chain is lost. What the node has promised and told nobody yet is in its journal, which stays."""
    shutil.rmtree(net.data(i) / "store")


def signs_again(net, i):
    """It signs in the blocks that follow."""
    before = len(net.sign_log(i).read_text())
    wait_until(lambda: len(net.sign_log(i).read_text()) > before, f"{net.names[i]} signs again")


def run(sandbox, rng):
    with Network(sandbox, rng, observers=1, load_each=3000, period="100ms") as net:
        net.start(0, 1, 2, 3)
        net.start_load(0, 1, 2, 3)
        net.wait_head(60)

        begun = time.monotonic()
        net.start(4)
        net.wait_head(net.head(0), 4)
        joined = time.monotonic() - begun
        net.wait_blocks(3)
        expect(not (net.sign_log(4)).exists(), "an observer signs nothing")
        wait_until(lambda: net.call(4, "eth_syncing") is False, "it knows that it is there")

        one = rng.randrange(4)
        net.kill(one)
        wipe(net, one)
        begun = time.monotonic()
        net.start(one)
        net.wait_head(net.head((one + 1) % 4), one)
        came_back = time.monotonic() - begun
        signs_again(net, one)

        # Those with empty stores make up the quorum: they must sync from the one that is left.
        kept = rng.randrange(4)
        lost = [i for i in range(4) if i != kept]
        net.stop_load()
        txs = net.check_acknowledged()
        net.wait_blocks(2)
        net.kill(*lost)
        head = net.head(kept)
        for i in lost:
            wipe(net, i)
        begun = time.monotonic()
        net.start(*lost)
        net.wait_head(head + 3, *lost)
        all_back = time.monotonic() - begun
        net.wait_blocks(3)

        still = rng.randrange(4)
        net.nodes[still].process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        others = [i for i in range(4) if i != still]
        while time.monotonic() - begun < STOPPED_S:
            net.wait_blocks(1, *others)
        net.nodes[still].process.send_signal(signal.SIGCONT)
        begun = time.monotonic()
        net.wait_blocks(0)
        caught_up = time.monotonic() - begun
        signs_again(net, still)

        net.wait_peers(4)
        height = net.check_equal()
        messages = net.check_signed()
        net.check_logs(["store gone: the chain is fetched again"])
        net.check_deep(4)
        net.check_deep(rng.randrange(4))
        net.stop()
        return (f"{height} blocks, {txs} transactions, {messages} signed messages; observer joined in {joined:.1f} s, "
                f"validator without store in {came_back:.1f} s, three of four in {all_back:.1f} s, after standing still "
                f"in {caught_up:.1f} s")
