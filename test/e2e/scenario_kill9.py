# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments of a loaded run: nothing acknowledged is lost, the node starts by
itself, and `verify --deep` re-executes the chain to the same roots."""

import time

from harness import PATIENCE_S, expect, wait_until
from load import Load

KILLS = 20
ACCOUNTS = 20


def run(sandbox, rng, kills=KILLS, restart_s=PATIENCE_S):
    seed = rng.randrange(1 << 32)
    each = 15 * kills
    senders = sandbox.program("tools/presign", "addresses", "--accounts", ACCOUNTS, "--seed", seed).split()
    raws = sandbox.program(
        "tools/presign", "transfers", "--accounts", ACCOUNTS, "--seed", seed, "--each", each, "--chain-id", 20482
    ).split()
    net = sandbox.network(period="50ms", fund=senders)
    data = net / "validator-1"
    node = sandbox.node(data).start()
    load = Load(raws)
    load.start(node.rpc())

    slowest = 0.0
    finalised = {}  # number -> hash, as seen by a reader before a kill
    for _ in range(kills):
        reader = node.rpc()
        before = len(load.acknowledged)
        wait_until(lambda before=before: len(load.acknowledged) > before or load.done(), "acknowledged load")
        head = reader.call("eth_getBlockByNumber", "latest", False)
        finalised[head["number"]] = head["hash"]
        reader.close()
        # The moment of death is the point of the test: anywhere within a few blocks.
        time.sleep(rng.uniform(0.0, 0.15))
        node.kill()
        begun = time.monotonic()
        node.start()
        slowest = max(slowest, time.monotonic() - begun)
        load.reconnect(node.rpc())
    load.stop()
    expect(slowest <= restart_s, f"restart took {slowest:.1f} s")
    expect(not load.refused, f"refused under load: {load.refused[:3]}")
    expect(len(load.acknowledged) > kills, "the load did something between the kills")

    rpc = node.rpc()
    for number, block_hash in finalised.items():
        block = rpc.call("eth_getBlockByNumber", number, False)
        expect(block and block["hash"] == block_hash, f"block {number} changed over a kill")
    for tx in load.acknowledged:
        receipt = wait_until(lambda tx=tx: rpc.call("eth_getTransactionReceipt", tx), f"acknowledged {tx}")
        expect(receipt["status"] == "0x1", f"{tx}: status {receipt['status']}")
    rpc.close()
    expect(node.stop() == 0, "clean stop at the end")
    sandbox.program("cairnd", "verify", "--deep", "--data-dir", data)
    return f"{kills} kills, {len(load.acknowledged)} acknowledged, none lost, slowest restart {slowest:.2f} s"
