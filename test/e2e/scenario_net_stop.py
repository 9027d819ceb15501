# SPDX-License-Identifier: Apache-2.0
"""Validators stand still (SIGSTOP) for a while: one, as many as may fail, all. The others go on if
they are enough; who stood still has caught up and signs again within ten seconds."""

import signal
import time

from harness import expect, wait_until
from network import Network, faults

CAUGHT_UP_S = 10

# (how many stand still, for how long)
STOPS = [(1, 3), (2, 1), (4, 6)]


def stand_still(net, which, seconds):
    """@return seconds until all of them were where the others are, and signed"""
    others = [i for i in range(net.count) if i not in which]
    for i in which:
        net.nodes[i].process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    if len(which) <= faults(net.validators):  # the others make blocks all the while
        while time.monotonic() - begun < seconds:
            net.wait_blocks(1, *others)
    else:
        time.sleep(seconds)  # how long they stand still is the fault itself
    signed = {i: net.sign_log(i).stat().st_size for i in which}
    begun = time.monotonic()
    for i in which:
        net.nodes[i].process.send_signal(signal.SIGCONT)
    net.wait_blocks(1, seconds=60)
    for i in which:
        wait_until(lambda i=i: net.sign_log(i).stat().st_size > signed[i], f"{net.names[i]} signs again", 60)
    return time.monotonic() - begun


def run(sandbox, rng, stops=None, load_each=400, nodes=4, interval=0.15):
    stops = STOPS if stops is None else stops
    with Network(sandbox, rng, nodes, load_each=load_each) as net:
        net.start()
        net.wait_peers(nodes - 1)
        net.start_load(interval=interval)
        net.wait_blocks(2)
        took = []
        for count, seconds in stops:
            took.append(stand_still(net, rng.sample(range(nodes), min(count, nodes)), seconds))
            expect(took[-1] <= CAUGHT_UP_S, f"{count} that stood still for {seconds} s needed {took[-1]:.1f} s")
        net.stop_load()
        net.wait_peers(nodes - 1)
        said = net.check_all()
        return (f"{len(stops)} times " + ", ".join(f"{c} for {s} s" for c, s in stops[:6]) + f": caught up and signing in "
                f"{', '.join(f'{t:.1f}' for t in took[:12])} s (worst {max(took):.1f}); {said}")
