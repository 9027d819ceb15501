# SPDX-License-Identifier: Apache-2.0
"""The k-th write or sync of the data directory fails, with EIO or ENOSPC: the node ends with
exit code 4 and a sentence or goes on, never crashes, and what it acknowledged is there after the
next start (threat model 4.4)."""

from harness import Failure, RpcError, expect, wait_until
from load import Load

EIO, ENOSPC = 5, 28
ACCOUNTS = 8
SAMPLES = 14
LAST = 200


def is_taken(rpc, raw):
    try:
        rpc.call("eth_sendRawTransaction", raw)
    except RpcError as error:
        if error.code == -32005:  # full
            return False
        expect("already known" in error.message or "nonce too low" in error.message, f"refused: {error}")
    return True


def run(sandbox, rng, every=False):
    seed = rng.randrange(1 << 32)
    rows = [(k, errno, k) for k in range(1, LAST + 1) for errno in (EIO, ENOSPC)]
    # A disk that stays full for a while, and one that is gone for good.
    rows += [(k, ENOSPC, k + 40) for k in range(1, LAST + 1, 10)] + [(k, EIO, 10**9) for k in range(5, LAST + 1, 20)]
    if not every:
        rows = rng.sample(rows[:40], 4) + rng.sample(rows, SAMPLES - 6) + rng.sample(rows[-30:], 2)
    senders = sandbox.program("tools/presign", "addresses", "--accounts", ACCOUNTS, "--seed", seed).split()
    raws = sandbox.program(
        "tools/presign", "transfers", "--accounts", ACCOUNTS, "--seed", seed, "--each", 10 * len(rows), "--chain-id", 20482
    ).split()
    net = sandbox.network(period="50ms", fund=senders)
    data = net / "validator-1"
    node = sandbox.node(data).start()
    wait_until(lambda: int(node.rpc().call("eth_blockNumber"), 16) >= 2, "two blocks")
    node.kill()
    load = Load(raws, batch=1, interval=0.005)
    started = False
    ended = {}
    for k, errno, until in rows:
        name = f"call {k} to {until} fails with {errno}"
        node.environment = {
            "LD_PRELOAD": str(sandbox.binaries / "faults.so"), "CAIRN_FAULT_DIR": str(data),
            "CAIRN_FAULT_AT": str(k), "CAIRN_FAULT_UNTIL": str(until), "CAIRN_FAULT_ERRNO": str(errno),
        }
        up = True
        try:
            node.start()
        except Failure:
            up = False  # refused on its way up
        if up:
            if started:
                load.reconnect(node.rpc())
            else:
                load.start(node.rpc())
                started = True
            before = len(load.acknowledged)
            try:
                wait_until(lambda: node.process.poll() is not None or len(load.acknowledged) >= before + 25,
                           "an end, or more acknowledged", 1.5)
            except Failure:
                pass  # neither: it waits for space, which the calls that fail are
        code = node.process.poll()
        if code is None:
            node.kill()
        else:
            code = node.process.wait()
            expect(code == 4, f"{name}: exit {code}\n{node.tail()}")
            expect("error: " in node.tail(8) and "hint: " in node.tail(8), f"{name}: no sentence\n{node.tail(8)}")
        ended[code] = ended.get(code, 0) + 1
    node.environment = None
    node.start()
    load.reconnect(node.rpc())
    load.stop()
    rpc = node.rpc()
    for raw, text in load.refused:
        expect("-32005" in text or "-32603" in text, f"refused otherwise: {text}")
    # A nonce after a refused one waits for it: send what was refused again, as the pool has room.
    for raw, _ in load.refused:
        wait_until(lambda raw=raw: is_taken(rpc, raw), "a transaction is taken again")
    for tx in load.acknowledged:
        receipt = wait_until(lambda tx=tx: rpc.call("eth_getTransactionReceipt", tx), f"acknowledged {tx}")
        expect(receipt["status"] == "0x1", f"{tx}: status {receipt['status']}")
    rpc.close()
    expect(node.stop() == 0, "clean stop at the end")
    sandbox.program("cairnd", "verify", "--deep", "--data-dir", data)
    return (f"{len(rows)} faults: {ended.get(4, 0)} ended it with exit 4, it went on after {ended.get(None, 0)}; "
            f"{len(load.acknowledged)} acknowledged, none lost, {len(load.refused)} refused")
