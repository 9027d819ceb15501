# SPDX-License-Identifier: Apache-2.0
"""A backup under load is one block's state, verifies, and starts as a node; the validator itself
may be restored from it and never contradicts what it signed."""

import hashlib
import json
import shutil

from harness import expect, wait_until
from load import Load
from scenario_damage import fails


def run(sandbox, rng):
    seed = rng.randrange(1 << 32)
    senders = sandbox.program("tools/presign", "addresses", "--accounts", 8, "--seed", seed).split()
    raws = sandbox.program(
        "tools/presign", "transfers", "--accounts", 8, "--seed", seed, "--each", 100, "--chain-id", 20482
    ).split()
    net = sandbox.network(period="50ms", fund=senders)
    data = net / "validator-1"
    node = sandbox.node(data).start()
    load = Load(raws, batch=2, interval=0.005)
    load.start(node.rpc())
    rpc = node.rpc()
    copies = []
    for i in range(3):
        seen = int(rpc.call("eth_blockNumber"), 16)
        wait_until(lambda seen=seen: int(rpc.call("eth_blockNumber"), 16) > seen + 1, "two blocks")
        copy = sandbox.dir / f"backup-{i}"
        sandbox.program("cairnd", "backup", "--to", copy, "--data-dir", data)
        listed = json.loads((copy / "backup.json").read_text())
        for name, digest in listed["sha256"].items():
            expect(hashlib.sha256((copy / name).read_bytes()).hexdigest() == digest, f"{name} has its sum")
        expect({"store/data.mdb", "genesis.json", "cairnd.toml"} <= set(listed["sha256"]), f"{listed}")
        expect(not (copy / "keys").exists() and not (copy / "guard").exists(), "no key and no guard")
        block = rpc.call("eth_getBlockByNumber", hex(listed["head"]), False)
        expect(block["hash"] == listed["hash"] and listed["head"] > seen, f"head of the copy: {listed}")
        sandbox.program("cairnd", "verify", "--deep", "--data-dir", copy)
        copies.append((copy, listed["head"]))
    fails(sandbox, 2, ["backup", "hint: "], "cairnd", "backup", "--to", copies[0][0], "--data-dir", data)
    fails(sandbox, 2, ["there is no store"], "cairnd", "backup", "--to", sandbox.dir / "x", "--data-dir", sandbox.dir)
    load.stop()
    head = int(rpc.call("eth_blockNumber"), 16)
    rpc.close()
    expect(node.stop() == 0, "stop")

    # The store is replaced by the older one while the guard is there: nothing is signed again.
    copy, old_head = copies[0]
    shutil.rmtree(data / "store")
    shutil.copytree(copy / "store", data / "store")
    (data / "pool.journal").unlink()
    node.start()
    rpc = node.rpc()
    expect(int(rpc.call("eth_blockNumber"), 16) == old_head, "the older head")
    wait_until(lambda: "signed above the store's head" in node.log(), "the guard is ahead, and it is said")
    expect(int(rpc.call("eth_blockNumber"), 16) == old_head, "no block that would contradict")
    rpc.close()
    expect(node.stop() == 0, "stop")
    return f"3 backups under load up to block {head}; an older store under its guard signs nothing"
