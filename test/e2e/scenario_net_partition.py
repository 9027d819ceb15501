# SPDX-License-Identifier: Apache-2.0
"""Cables are cut, with and without a word to either end: a side without a quorum makes no block, a
side with one goes on, and after healing all are one chain again within two capped timeouts. Lines
that are slow, one-way or torn in the middle of a frame stop nobody."""

import time

from harness import PATIENCE_S, expect, wait_until
from network import CAPPED_TIMEOUT_S, Network, quorum

# (sides, how): the first side is the larger one.
SPLITS = [("3|1", "silent"), ("2|2", "silent"), ("2|2", "cut")]
MORE_SPLITS = [("3|1", "cut"), ("2|1|1", "silent"), ("1|1|1|1", "cut"), ("2|1|1", "cut"), ("1|1|1|1", "silent")]


def groups_of(text, rng):
    sizes = text.split("|")
    nodes = rng.sample(range(sum(map(int, sizes))), sum(map(int, sizes)))
    groups = []
    for size in sizes:
        groups.append(nodes[: int(size)])
        nodes = nodes[int(size):]
    return groups


def timed_out(net, i):
    """How often it has asked the others for another round."""
    log = net.sign_log(i)
    return log.read_text().count("round change") if log.exists() else 0


def split_and_heal(net, text, how):
    """@return seconds from healing to two more blocks everywhere"""
    groups = groups_of(text, net.rng)
    for k, one in enumerate(groups):
        net.split(one, [i for other in groups[k + 1:] for i in other], how == "silent")
    rounds = [timed_out(net, i) for i in range(net.count)]
    enough = quorum(net.validators)
    stuck = [i for group in groups if len(group) < enough for i in group]
    for i in stuck:  # after a second round in vain what was on its way has arrived or never will
        wait_until(lambda i=i: timed_out(net, i) > rounds[i] + 1, f"{net.names[i]} misses the others ({text}, {how})")
    heads = {i: net.head(i) for i in stuck}
    if len(groups[0]) >= enough:
        net.wait_blocks(5, *groups[0])
    else:
        for i in stuck:
            rounds[i] = timed_out(net, i)
        wait_until(lambda: timed_out(net, stuck[0]) > rounds[stuck[0]], "another round in vain")
    for i in stuck:
        expect(net.head(i) == heads[i], f"{net.names[i]} made a block without a quorum ({text}, {how})")
    begun = time.monotonic()
    net.heal()
    net.wait_blocks(2)
    return time.monotonic() - begun


def trouble_lines(net):
    """Slow, one-way and torn lines, while blocks are made."""
    pairs = list(net.relays.links)
    net.relays.change(pairs, latency_s=0.02)
    net.wait_blocks(3)
    net.relays.change(pairs, latency_s=0.0)
    a, b = net.rng.sample(range(net.count), 2)
    net.relays.change([(a, b)], flowing=False)
    net.wait_blocks(3)
    net.relays.change([(a, b)], flowing=True)
    for _ in range(6):
        net.relays.change([net.rng.choice(pairs)], tear=True)
        net.wait_blocks(1)
    net.relays.change(pairs, tear=False)
    net.wait_peers(net.count - 1)


def run(sandbox, rng, splits=SPLITS, load_each=1500, healing_s=PATIENCE_S, nodes=4):
    with Network(sandbox, rng, nodes, load_each=load_each) as net:
        net.start()
        net.wait_peers(nodes - 1)
        net.start_load()
        slowest = 0.0
        for text, how in splits:
            slowest = max(slowest, split_and_heal(net, text, how))
        expect(slowest <= healing_s, f"two blocks only {slowest:.1f} s after healing")
        trouble_lines(net)
        net.stop_load()
        txs = net.check_acknowledged()
        height = net.check_equal()
        messages = net.check_signed()
        net.check_logs()
        net.check_deep(rng.randrange(nodes))
        net.stop()
        return (f"{len(splits)} partitions, {height} blocks, {txs} transactions, {messages} signed messages, two more "
                f"blocks everywhere at most {slowest:.1f} s after healing")
