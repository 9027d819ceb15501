# SPDX-License-Identifier: Apache-2.0
"""Nodes in network namespaces of their own, joined by cables and a switch: cables are pulled, the
switch falls apart and heals, and no connection hears a word of it. A side without a quorum makes no
block, one with it goes on; after healing everybody has the next block within two capped timeouts,
however long it took."""

import time

from harness import expect
from namespaces import Namespaces
from network import CAPPED_TIMEOUT_S, Network, quorum

# (sides; "pull": so many cables out, for how many seconds)
FAULTS = [("2|2", 9), ("pull 1", 3)]
# A machine that is busy with other things is no measure: in the long run only.
WITHIN_S = 2 * CAPPED_TIMEOUT_S


def hurt(net, what, rng):
    """@return those who can still make blocks"""
    nodes = rng.sample(range(net.count), net.count)
    if what.startswith("pull"):
        out = int(what.split()[1])
        net.namespaces.pull(*nodes[:out])
        groups = [[i] for i in nodes[:out]] + [nodes[out:]]
    else:
        groups = []
        for size in map(int, what.split("|")):
            groups.append(nodes[:size])
            nodes = nodes[size:]
        net.namespaces.split(groups)
    best = max(groups, key=len)
    return best if len(best) >= quorum(net.validators) else []


def hurt_and_heal(net, what, seconds, rng):
    """@return seconds from healing to the next block at the first node, and at all"""
    able = hurt(net, what, rng)
    begun = time.monotonic()
    settled = None
    while time.monotonic() - begun < seconds:  # how long it takes is the fault itself
        time.sleep(0.2)
        heads = [net.head(i) for i in range(net.count)]
        if settled is None and time.monotonic() - begun > 1:  # what was on its way has arrived
            settled = heads
    for i in range(net.count):
        if i in able:
            expect(heads[i] > settled[i], f"{net.names[i]} goes on ({what})")
        else:
            expect(heads[i] == settled[i], f"{net.names[i]} made a block without a quorum ({what})")
    begun = time.monotonic()
    net.namespaces.heal()
    top = max(heads)
    first = None
    while True:
        heads = [net.head(i) for i in range(net.count)]
        if first is None and max(heads) > top:
            first = time.monotonic() - begun
        if min(heads) > top:
            break
        expect(time.monotonic() - begun < 60, f"no block in 60 s after healing ({what} for {seconds} s): {heads}")
        time.sleep(0.02)
    return first, time.monotonic() - begun


def run(sandbox, rng, todo=None, load_each=400, nodes=4, interval=0.15, within_s=60):
    todo = FAULTS if todo is None else todo
    with Namespaces(nodes) as namespaces, Network(sandbox, rng, nodes, load_each=load_each, namespaces=namespaces) as net:
        net.start()
        net.wait_peers(nodes - 1)
        net.start_load(interval=interval)
        net.wait_blocks(2)
        said = []
        worst = 0.0
        for what, seconds in todo:
            first, everywhere = hurt_and_heal(net, what, seconds, rng)
            print(f"      {what} for {seconds} s: the next block {first:.1f} s after healing, everywhere {everywhere:.1f} s",
                  flush=True)
            worst = max(worst, everywhere)
            said.append((what, seconds, everywhere))
            net.wait_blocks(2)
        net.stop_load()
        net.wait_peers(nodes - 1, seconds=60)
        for what, seconds, everywhere in said:
            expect(everywhere <= within_s, f"{everywhere:.1f} s after {what} for {seconds} s")
        return f"{len(todo)} times cut, worst {worst:.1f} s to a block everywhere; {net.check_all()}"
