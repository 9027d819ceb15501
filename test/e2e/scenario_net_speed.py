# SPDX-License-Identifier: Apache-2.0
"""How fast four validators on this machine are, and how fast a new node follows: blocks per second
when there is nothing in them, transactions per second of transfers given to all four, and the speed
at which an observer catches up with either chain. Says the figures; holds them to nothing but the
chain being one."""

import subprocess
import time

from harness import Failure, expect, wait_until
from network import Network


def catch_up(net, observer):
    """@return (blocks, seconds) of a node that starts with nothing, the start included"""
    head = net.head(0)
    begun = time.monotonic()
    net.start(observer)
    rpc = net.nodes[observer].rpc()
    wait_until(lambda: int(rpc.call("eth_blockNumber"), 16) >= head, f"{head} blocks", 300)
    took = time.monotonic() - begun
    rpc.close()
    return head, took


def empty_blocks(sandbox, rng, seconds):
    with Network(sandbox, rng, observers=1, period="10ms", direct=True) as net:
        net.start(0, 1, 2, 3)
        net.wait_peers(3)
        net.wait_head(3)
        first, begun = net.head(0), time.monotonic()
        while time.monotonic() - begun < seconds:
            net.wait_blocks(10)
        rate = (net.head(0) - first) / (time.monotonic() - begun)
        net.kill(1, 2)  # so that the chain stands still
        head, took = catch_up(net, 4)
        net.check_equal()
    return f"{rate:.0f} empty blocks/s; catching up {head / took:.0f} blocks/s ({head} in {took:.1f} s)"


def transfers(sandbox, rng, each):
    with Network(sandbox, rng, observers=1, period="200ms", direct=True, gas_limit="200M", load_each=each) as net:
        net.start(0, 1, 2, 3)
        net.wait_peers(3)
        net.wait_head(2)
        first, begun = net.head(0), time.monotonic()
        clients = []
        for i in range(4):
            lines = sandbox.dir / f"load-{i}"
            lines.write_text("\n".join(net.raws[i]) + "\n")
            with open(lines, "rb") as source:
                clients.append(subprocess.Popen(
                    [sandbox.binaries / "tools" / "rpc_load", "--port", str(net.nodes[i].address[1]), "--connections",
                     "1", "--batch", "50"], stdin=source, stdout=subprocess.PIPE))
        for client in clients:
            try:
                out, _ = client.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                client.kill()
                raise Failure("the pools do not take the load") from None
            expect(client.returncode == 0, f"load: {out!r}")
        count = sum(len(raws) for raws in net.raws[:4])
        rpc = net.nodes[0].rpc()
        at, seen = first, 0
        while seen < count:
            expect(time.monotonic() - begun < 60, f"{seen} of {count} are in blocks")
            if int(rpc.call("eth_blockNumber"), 16) == at:
                time.sleep(0.01)
                continue
            at += 1
            seen += int(rpc.call("eth_getBlockTransactionCountByNumber", hex(at)), 16)
        took = time.monotonic() - begun
        rpc.close()
        net.kill(1, 2)
        head, back = catch_up(net, 4)
        net.check_equal()
    return (f"{count / took:.0f} transfers/s in blocks ({count} in {at - first} blocks, {took:.1f} s); catching up "
            f"{count / back:.0f} transfers/s, {head / back:.0f} blocks/s")


def run(sandbox, rng, seconds=10, each=2000):
    first = empty_blocks(sandbox, rng, seconds)
    (sandbox.dir / "net").rename(sandbox.dir / "net-empty")
    return f"{first}; {transfers(sandbox, rng, each)}"
