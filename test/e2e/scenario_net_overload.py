# SPDX-License-Identifier: Apache-2.0
"""More than all pools hold, given to four validators and an observer at once: who finds no room is
told so and comes again, and whatever a node has said yes to is in a block in the end, exactly once.
Meanwhile validators are killed, and the observer, which proposes nothing itself, is cut off with what
it has promised while everybody else's pool stays full."""

from harness import PATIENCE_S, expect, wait_until
from network import Network


def mined(net):
    """How often each transaction is in a block."""
    rpc = net.nodes[0].rpc()
    count = {}
    for n in range(1, net.head(0) + 1):
        for tx in rpc.call("eth_getBlockByNumber", hex(n), False)["transactions"]:
            count[tx] = count.get(tx, 0) + 1
    rpc.close()
    return count


def run(sandbox, rng, each=320, pool="160+64", gas_limit="1M", kills=1, arguments=()):
    with Network(sandbox, rng, observers=1, load_each=each, gas_limit=gas_limit,
                 arguments=["--pool-size", pool, *arguments]) as net:
        observer = 4
        net.start()
        net.wait_peers(4)
        net.start_load(interval=0, batch=20, patient=True)
        wait_until(lambda: all(load.waited for load in net.loads.values()), "every pool to be full")
        for _ in range(kills):
            net.split([observer], range(4), silently=rng.random() < 0.5)
            victim = rng.randrange(4)
            net.kill(victim)
            net.start(victim)
            net.wait_blocks(2, *(i for i in range(4) if i != victim))
            net.heal()
            net.wait_blocks(2, *range(4))
            net.kill(observer)
            net.start(observer)
        for i, load in net.loads.items():
            wait_until(load.done, f"the load of {net.names[i]}", 4 * PATIENCE_S)
        net.stop_load()
        txs = net.check_acknowledged()
        for i, load in net.loads.items():
            expect(len(load.acknowledged) > len(load.raws) // 2, f"{net.names[i]} acknowledged {len(load.acknowledged)}")
        wait_until(lambda: all(net.head(i) >= net.head(0) for i in range(net.count)), "all nodes at one height")
        count = mined(net)
        twice = [tx for tx, times in count.items() if times != 1]
        expect(not twice, f"{len(twice)} are in several blocks: {twice[:3]}")
        total = sum(len(raws) for raws in net.raws)
        expect(len(count) == total, f"{len(count)} of {total} sent are in blocks")
        height = net.check_equal()
        messages = net.check_signed()
        net.check_logs()
        waited = sum(load.waited for load in net.loads.values())
        return f"{height} blocks, {txs} acknowledged of {total}, {waited} times no room, {messages} signed messages"
