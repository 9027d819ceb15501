# SPDX-License-Identifier: Apache-2.0
"""Four validators, nothing goes wrong: transactions given to any of them are in every chain, all
have three peers, and the chains are one."""

from harness import expect, wait_until
from network import Network


def everybody_proposes(net):
    metrics = net.call(0, "qbft_getSignerMetrics", "0x1", hex(net.head(0)))
    expect(len(metrics) == 4, f"{metrics}")
    return all(int(m["proposedBlockCount"], 16) > 0 for m in metrics)


def run(sandbox, rng):
    with Network(sandbox, rng, load_each=40) as net:
        net.start()
        net.wait_peers(3)
        net.start_load()
        for i in range(4):
            wait_until(net.loads[i].done, f"the load of {net.names[i]}")
        net.stop_load()
        txs = net.check_acknowledged()
        expect(txs == 160, f"{txs} acknowledged")
        net.wait_head(20)
        height = net.check_equal()
        rounds = [net.call(i, "eth_getBlockByNumber", hex(height), False)["miner"] for i in range(4)]
        expect(len(set(rounds)) == 1, "one proposer")
        wait_until(lambda: everybody_proposes(net), "a block by each of the four")
        messages = net.check_signed()
        net.check_logs()
        net.check_deep(0)
        net.stop()
        return f"{height} blocks, {txs} transactions, {messages} signed messages"
