# SPDX-License-Identifier: Apache-2.0
"""As many validators as may fail have a clock that is wrong, by half a second, seconds or an hour, from
their start or all of a sudden, either way: the others go on; from two seconds on the node says how wrong
it is; and when its clock is right again it signs, and proposes, as before."""

import struct
import time

from harness import expect, wait_until
from network import Network, faults

# Milliseconds that a clock is ahead, one after another, without a restart.
OFFSETS = [3600_000]
SAID_FROM_MS = 3000  # times in blocks are whole seconds


class Clock:
    """A file that clock.so reads with every look at the time."""

    def __init__(self, path):
        self.path = path
        self.set(0)

    def set(self, offset_ms):
        if not self.path.exists():
            self.path.write_bytes(bytes(8))
        with open(self.path, "r+b") as f:  # in place: it is mapped
            f.write(struct.pack("q", offset_ms))


def said(net, i):
    """The last that it said about its clock: milliseconds ahead, 0 if it agrees, None if nothing."""
    last = None
    for line in net.nodes[i].log_path.read_text(errors="replace").splitlines():
        if "agrees with the other validators'" in line:
            last = 0
        if "differs from the other validators'" in line:
            last = int(line.split("ahead_ms=")[1].split()[0])
    return last


def proposals(net, i, first):
    """Blocks of this validator from a height on."""
    head = net.head((i + 1) % net.count)
    if head < first:
        return 0
    rpc = net.nodes[(i + 1) % net.count].rpc()
    blocks = rpc.batch([("eth_getBlockByNumber", [hex(n), False]) for n in range(first, head + 1)])
    rpc.close()
    return sum(block["miner"] == net.addresses[i] for block in blocks)


def is_back(net, i):
    """It proposes, and others accept it: within two turns of everybody."""
    begin = net.head((i + 1) % net.count) + 1
    wait_until(lambda: proposals(net, i, begin) > 0, f"a block of {net.names[i]}; its log ends:\n{net.nodes[i].tail(8)}", 40)


def run(sandbox, rng, offsets=None, load_each=200, nodes=4, interval=0.1):
    offsets = OFFSETS if offsets is None else offsets
    with Network(sandbox, rng, nodes, load_each=load_each, request_timeout="1s") as net:
        wrong = rng.sample(range(nodes), faults(nodes))
        right = [i for i in range(nodes) if i not in wrong]
        clocks = {i: Clock(sandbox.dir / f"clock-{i}") for i in wrong}
        for i in wrong:
            net.nodes[i].environment |= {"LD_PRELOAD": str(sandbox.binaries / "clock.so"),
                                         "CAIRN_CLOCK": str(clocks[i].path)}
            clocks[i].set(offsets[0])
        net.start()
        net.wait_peers(nodes - 1)
        net.start_load(interval=interval)
        worst = 0.0
        lines = []
        for offset_ms in offsets:
            for i in wrong:
                clocks[i].set(offset_ms)
            net.wait_blocks(3 * nodes, *right)
            if abs(offset_ms) >= SAID_FROM_MS:
                for i in wrong:
                    wait_until(lambda i=i: abs((said(net, i) or 0) - offset_ms) <= 2000,
                               f"{net.names[i]} says that it is {offset_ms} ms ahead, and not {said(net, i)}", 40)
                lines.append(said(net, wrong[0]))
            net.wait_blocks(1)  # it follows all the same
            begun = time.monotonic()
            for i in wrong:
                clocks[i].set(0)
            for i in wrong:
                is_back(net, i)
            worst = max(worst, time.monotonic() - begun)
        for i in wrong:
            wait_until(lambda i=i: said(net, i) in (0, None), f"{net.names[i]} agrees again", 40)
        for i in right:
            expect(said(net, i) is None, f"{net.names[i]} was right: {said(net, i)}")
        net.stop_load()
        return (f"{', '.join(f'{o / 1000:+g} s' for o in offsets)} on {len(wrong)} of {nodes}, said as {lines} ms; a block of "
                f"its own at most {worst:.1f} s after the clock was right; {net.check_all()}")
