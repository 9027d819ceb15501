# SPDX-License-Identifier: Apache-2.0
"""Killed at every named place around a write, a sync or a send (test build, CAIRN_CRASH_AT):
nothing acknowledged is lost, nothing contradicting is ever signed, and every root is the same
when the chain is executed again."""

import pathlib
import re
import time

from harness import PATIENCE_S, Failure, Node, expect, wait_until
from load import Load

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ACCOUNTS = 12


def points():
    found = set()
    for folder in ("chain", "consensus"):
        for source in (ROOT / folder).rglob("*.c"):
            found |= set(re.findall(r'CRASH_POINT\("([a-z0-9-]+)"\)', source.read_text()))
    # An import of a snapshot is killed in a scenario of its own.
    return sorted(name for name in found if not name.startswith("snapshot-"))


SELDOM = {n for n in points() if n.startswith("journal-rewrite")}  # the journal is rewritten when it is large


def check_signed(log):
    """No two messages of one type, height and round with different digests."""
    seen, count = {}, 0
    for line in log.read_text().splitlines() if log.exists() else []:
        kind, height, round_, digest = line.split()
        count += 1
        before = seen.setdefault((kind, height, round_), digest)
        expect(before == digest, f"signed two of {kind} at height {height} round {round_}: {before} and {digest}")
    return count


def start_until_killed(node, environment, load, seconds):
    """Starts a node that is to kill itself. @return True once it is dead"""
    node.environment = environment
    try:
        node.start()
        load.reconnect(node.rpc())
    except Failure:
        return True  # killed on its way up
    deadline = time.monotonic() + seconds
    while node.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    return node.process.poll() is not None


def run(sandbox, rng, rounds=1):
    seed = rng.randrange(1 << 32)
    names = points()
    expect(len(names) >= 40, f"{len(names)} places")
    each = 25 * rounds * len(names)
    senders = sandbox.program("tools/presign", "addresses", "--accounts", ACCOUNTS, "--seed", seed).split()
    raws = sandbox.program(
        "tools/presign", "transfers", "--accounts", ACCOUNTS, "--seed", seed, "--each", each, "--chain-id", 20482
    ).split()
    net = sandbox.network(period="50ms", fund=senders)
    data = net / "validator-1"
    signed = sandbox.dir / "signed.log"
    node = Node(sandbox.binaries / "crash" / "cairnd",
                ["run", "--data-dir", data, "--rpc-listen", "127.0.0.1:0"], sandbox.dir / "node-crash.log")
    sandbox.nodes.append(node)
    load = Load(raws, batch=2, interval=0.01)
    node.environment = {"CAIRN_SIGN_LOG": str(signed)}
    order = [n for n in names if n.startswith("store-")]  # only the very first start makes a store
    rest = [n for n in names if n not in order]
    rng.shuffle(rest)
    missed = []
    load_started = False
    for name in (order + rest) * rounds:
        which = 1 if name.startswith(("store-", "start-", "stop-", "journal-rep")) else rng.randrange(1, 6)
        environment = {"CAIRN_SIGN_LOG": str(signed), "CAIRN_CRASH_AT": f"{name}:{which}"}
        journal = data / "pool.journal"
        if name.startswith("journal-repair") and journal.exists() and journal.stat().st_size > 400:
            # A damaged first record, which is one that is long in a block.
            content = bytearray(journal.read_bytes())
            content[20] ^= 1
            journal.write_bytes(bytes(content))
        if not load_started and name in rest:
            node.environment = {"CAIRN_SIGN_LOG": str(signed)}
            node.start()
            load.start(node.rpc())
            load_started = True
            wait_until(lambda: len(load.acknowledged) > 20, "acknowledged load")
            node.kill()
        dead = False
        if name.startswith("stop-"):
            node.environment = environment
            node.start()
            load.reconnect(node.rpc())
            node.process.terminate()
            dead = node.process.wait(PATIENCE_S) == -9
        else:
            dead = start_until_killed(node, environment, load, 3 if name in SELDOM else PATIENCE_S)
        if not dead:
            missed.append(name)
            node.kill()
        elif node.process.poll() not in (-9, None):
            raise Failure(f"{name}: ended with {node.process.poll()} instead\n{node.tail()}")
    node.environment = {"CAIRN_SIGN_LOG": str(signed)}
    node.start()
    load.reconnect(node.rpc())
    load.stop()
    expect(not set(missed) - SELDOM, f"never came to {sorted(set(missed) - SELDOM)}")
    expect(not load.refused, f"refused under load: {load.refused[:3]}")

    rpc = node.rpc()
    for tx in load.acknowledged:
        receipt = wait_until(lambda tx=tx: rpc.call("eth_getTransactionReceipt", tx), f"acknowledged {tx}")
        expect(receipt["status"] == "0x1", f"{tx}: status {receipt['status']}")
    rpc.close()
    expect(node.stop() == 0, "clean stop at the end")
    messages = check_signed(signed)
    expect(messages > 3 * len(names), f"{messages} signed messages on record")
    sandbox.program("cairnd", "verify", "--deep", "--data-dir", data)
    return (f"killed at {len(names) * rounds - len(missed)} places, {len(load.acknowledged)} acknowledged, none lost, "
            f"{messages} signed messages, none contradicts")
