# SPDX-License-Identifier: Apache-2.0
"""One validator makes blocks, includes transactions, stops cleanly and starts again where it
was; `verify --deep` finds the same roots."""

from harness import expect, wait_until


def run(sandbox, rng):
    seed = rng.randrange(1 << 32)
    senders = sandbox.program("tools/presign", "addresses", "--accounts", 4, "--seed", seed).split()
    raws = sandbox.program(
        "tools/presign", "transfers", "--accounts", 4, "--seed", seed, "--each", 5, "--chain-id", 20482
    ).split()
    net = sandbox.network(fund=senders)
    data = net / "validator-1"
    node = sandbox.node(data).start()
    rpc = node.rpc()
    expect(rpc.call("eth_chainId") == hex(20482), "chain id is the genesis's")
    hashes = [rpc.call("eth_sendRawTransaction", raw) for raw in raws]
    for tx in hashes:
        receipt = wait_until(lambda tx=tx: rpc.call("eth_getTransactionReceipt", tx), f"receipt of {tx}")
        expect(receipt["status"] == "0x1", f"transfer {tx} failed: {receipt}")
    for sender in senders:
        expect(rpc.call("eth_getTransactionCount", sender, "latest") == "0x5", f"nonce of {sender}")
    first = int(rpc.call("eth_blockNumber"), 16)
    wait_until(lambda: int(rpc.call("eth_blockNumber"), 16) >= first + 5, "five more blocks")
    head = rpc.call("eth_getBlockByNumber", "latest", False)
    rpc.close()
    expect(node.stop() == 0, "SIGTERM ends with exit code 0")

    node.start()
    rpc = node.rpc()
    again = rpc.call("eth_getBlockByNumber", head["number"], False)
    expect(again == head, "the head before the stop is unchanged after it")
    wait_until(
        lambda: int(rpc.call("eth_blockNumber"), 16) > int(head["number"], 16), "a block after the restart"
    )
    rpc.close()
    expect(node.stop() == 0, "second stop")
    sandbox.program("cairnd", "verify", "--deep", "--data-dir", data)
    return f"{len(hashes)} transfers, head {int(head['number'], 16)}"
