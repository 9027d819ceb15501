# SPDX-License-Identifier: Apache-2.0
"""Who joins by a snapshot: four validators with transfers, a contract that logs and a model family; a
snapshot of one while it runs and is loaded; a fresh fifth machine, killed at every point of its
import without leaving half a store, imports it, follows, answers as the others do for what it has,
says so where it has nothing, verifies deeply and gives a snapshot itself. False files make none."""

import json
import os
import shutil
import signal
import subprocess
import time

from harness import PATIENCE_S, RpcError, expect, wait_until
from network import CHAIN_ID, Network
from scenario_damage import fails
from scenario_wallet import WORDS, Wallet

# NUMBER NUMBER SSTORE, NUMBER PUSH0 SSTORE, PUSH0 PUSH0 LOG0, STOP; and what deploys it.
CODE = "434355435f555f5fa000"
CREATION = f"0x60{len(CODE) // 2:02x}600a5f3960{len(CODE) // 2:02x}5ff3{CODE}"
POINTS = ["snapshot-group", "snapshot-made", "store-rename-before", "store-renamed"]


def make_wallet(sandbox):
    w = Wallet(sandbox, "http://127.0.0.1:1")
    w.owner = w.run("account", "import", "OWNER", "--mnemonic", "--light-kdf", stdin=WORDS + "\n")["address"]
    (sandbox.dir / "members.json").write_text(json.dumps([{"address": w.owner, "tokens": "1000", "member": True}]))
    w.code = sandbox.dir / "code.hex"
    w.code.write_text(CREATION + "\n")
    return w


def make_something(w):
    """A contract that logs, its calls, and a model family. @return the contract"""
    done = w.run("--yes", "--account", "OWNER", "tx", "deploy", w.code)
    for _ in range(4):
        w.run("--yes", "--gas-limit", "200000", "--account", "OWNER", "tx", "send", done["result"]["contract"], "0")
    w.run("--yes", "--account", "OWNER", "model", "create-family", "t", "--params", "2049", "--policy", "fedavg",
          "--weight-max", "64")
    return done["result"]["contract"]


def check_refusal(rpc, oldest, method, *params):
    try:
        rpc.call(method, *params)
    except RpcError as error:
        expect(error.code == -32001 and f"snapshot at block {oldest} " in error.message, f"{method}: {error}")
        expect(error.data == {"oldest": hex(oldest)}, f"{method}: {error.data}")
        return
    expect(False, f"{method} {params} of an old block was answered")


def check_answers(net, whole, joined, oldest, accounts, contract):
    """What both have, both say alike; the one that joined says where it has nothing."""
    a, b = net.nodes[whole].rpc(), net.nodes[joined].rpc()

    def same(method, *params):
        answers = [rpc.call(method, *params) for rpc in (a, b)]
        if method == "eth_getBlockByNumber":  # each node has a quorum of seals of its own
            for block in answers:
                del block["extraData"], block["size"]
        expect(answers[0] == answers[1], f"{method} {params}: {str(answers[0])[:500]} and {str(answers[1])[:500]}")
        return answers[0]

    head = hex(min(net.head(whole), net.head(joined)))
    for n in (hex(oldest), head):
        for account in accounts:
            same("eth_getBalance", account, n)
            same("eth_getTransactionCount", account, n)
        expect(same("eth_getCode", contract, n) == "0x" + CODE, "the contract's code")
        same("eth_getStorageAt", contract, "0x0", n)
        same("eth_call", {"to": contract}, n)
        same("eth_getBlockReceipts", n)
    same("eth_getProof", contract, ["0x0"], head)
    for n in range(oldest, int(head, 16) + 1):
        same("eth_getBlockByNumber", hex(n), True)
    same("eth_getLogs", {"fromBlock": hex(oldest), "toBlock": head})
    families = same("model_listFamilies", {}, head)
    expect(len(families["items"]) == 1, f"the family: {families}")
    same("model_getFamily", families["items"][0]["id"], head)
    same("round_list", {}, head)

    old = oldest - 1
    plain = next(n for n in range(old, 0, -1)
                 if int(a.call("eth_getBlockByNumber", hex(n), False)["logsBloom"], 16) == 0)
    for method, *params in (
            ("eth_getBlockByNumber", hex(plain), False), ("eth_getBlockByNumber", hex(plain), True),
            ("eth_getBlockTransactionCountByNumber", hex(plain)), ("eth_getBlockReceipts", hex(plain)),
            ("eth_getBalance", accounts[0], hex(old)), ("eth_getCode", contract, hex(old)),
            ("eth_getStorageAt", contract, "0x0", "earliest"), ("eth_call", {"to": contract}, hex(old)),
            ("eth_getProof", contract, [], hex(old)), ("eth_feeHistory", "0x1", hex(old), [50]),
            ("eth_getLogs", {"fromBlock": "earliest", "toBlock": head})):
        check_refusal(b, oldest, method, *params)
    # The logs of system contracts are whole.
    rounds = a.call("eth_getLogs", {"fromBlock": "0x1", "toBlock": head})
    system = [log["address"] for log in rounds if log["address"] != contract.lower()]
    expect(system, "system contracts have logged")
    same("eth_getLogs", {"fromBlock": "0x1", "toBlock": head, "address": sorted(set(system))})
    state = b.call("eth_capabilities")["state"]
    expect(state["oldestBlock"] == hex(oldest), f"capabilities: {state}")
    expect(int(b.call("eth_gasPrice"), 16) >= 0, "a price")
    wait_until(lambda: b.call("eth_syncing") is False, "it knows that it is there")
    a.close()
    b.close()


def check_kills(sandbox, data, file):
    """Killed anywhere, an import leaves nothing, or the whole."""
    for point in POINTS:
        done = subprocess.run([str(sandbox.binaries / "crash/cairnd"), "snapshot", "import", str(file), "--data-dir",
                               str(data)], env={**os.environ, "CAIRN_CRASH_AT": point}, capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)
        expect(done.returncode == -signal.SIGKILL, f"{point}: exit {done.returncode} {done.stderr}")
        whole = (data / "store" / "data.mdb").exists()
        expect(whole == (point == "store-renamed"), f"a store after {point}: {whole}")
        if whole:
            sandbox.program("cairnd", "verify", "--data-dir", data)
            shutil.rmtree(data / "store")


def check_false_files(sandbox, rng, net, file):
    """No store comes of a file that is damaged or of another network."""
    fresh = sandbox.dir / "fresh"
    good = file.read_bytes()
    bad = sandbox.dir / "bad.snap"

    def refused(code, words, *more, genesis=net.data(0) / "genesis.json"):
        fails(sandbox, code, words, "cairnd", "snapshot", "import", bad, "--data-dir", fresh, "--genesis", genesis, *more)
        expect(not (fresh / "store").exists() and not (fresh / "store.new").exists(), "nothing is left")

    for _ in range(4):
        at = rng.randrange(12, len(good))
        bad.write_bytes(good[:at] + bytes([good[at] ^ (1 << rng.randrange(8))]) + good[at + 1:])
        refused(5, ["damaged or false", "hint:"])
        bad.write_bytes(good[:at])
        refused(5, ["cut short"])
    bad.write_bytes(b"hello")
    refused(5, ["the file is none"])
    bad.write_bytes(good)
    refused(6, ["not the trusted one"], "--trust-hash", "0x" + "11" * 32)
    refused(2, ["--trust-hash"], "--trust-hash", "0x11")
    other = sandbox.dir / "other"
    sandbox.program("cairnd", "network", "init", "--validators", 1, "--chain-id", CHAIN_ID, "--dir", other)
    refused(6, ["another network"], genesis=other / "genesis.json")


def run(sandbox, rng):
    w = make_wallet(sandbox)
    with Network(sandbox, rng, observers=2, load_each=1200, period="100ms",
                 init=["--members", sandbox.dir / "members.json"]) as net:
        net.start(0, 1, 2, 3)
        w.environment["CAIRN_RPC"] = "http://{}:{}".format(*net.nodes[0].address)
        net.start_load(0, 1, 2, 3)
        contract = make_something(w)
        net.wait_blocks(25)

        file = sandbox.dir / "chain.snap"
        said = json.loads(sandbox.program("cairnd", "snapshot", "export", "--to", file, "--json", "--data-dir", net.data(0)))
        oldest = said["block"]
        expect(file.stat().st_size == said["bytes"], f"the file's size: {said}")
        net.wait_head(oldest, 1)
        expect(net.call(1, "eth_getBlockByNumber", hex(oldest), False)["hash"] == said["hash"], "the block it says")
        past = sandbox.dir / "past.snap"
        sandbox.program("cairnd", "snapshot", "export", "--to", past, "--at", oldest - 20, "--data-dir", net.data(1))
        fails(sandbox, 2, ["want 1 to"], "cairnd", "snapshot", "export", "--to", sandbox.dir / "x", "--at", 10**9,
              "--data-dir", net.data(0))
        expect(not (sandbox.dir / "x").exists(), "no file")
        check_false_files(sandbox, rng, net, file)
        # Another node of the same chain, of a block of the past: the whole thing, too.
        sandbox.program("cairnd", "snapshot", "import", past, "--data-dir", sandbox.dir / "past", "--genesis",
                        net.data(0) / "genesis.json")
        deep = sandbox.program("cairnd", "verify", "--deep", "--data-dir", sandbox.dir / "past", "--genesis",
                               net.data(0) / "genesis.json")
        expect(f"from a snapshot at block {oldest - 20}" in deep, deep)

        check_kills(sandbox, net.data(4), file)
        begun = time.monotonic()
        sandbox.program("cairnd", "snapshot", "import", file, "--trust-hash", said["hash"], "--data-dir", net.data(4))
        imported = time.monotonic() - begun
        fails(sandbox, 2, ["is there already"], "cairnd", "snapshot", "import", file, "--data-dir", net.data(4))
        begun = time.monotonic()
        net.start(4)
        net.wait_head(net.head(0), 4)
        followed = time.monotonic() - begun
        net.wait_blocks(3)
        net.stop_load()
        txs = net.check_acknowledged()
        net.wait_blocks(1)
        check_answers(net, 0, 4, oldest, [w.owner, net.addresses[0], *net.senders[:3]], contract)
        sandbox.program("cairnd", "verify", "--data-dir", net.data(4))

        # Who begins at block 0 and sees it and one validator only takes old blocks from the validator.
        net.relays.change(net.between([5], [1, 2, 3]), up=False)
        net.start(5)
        net.wait_head(net.head(0), 5, seconds=60)

        # It restarts, follows, and gives what it has.
        net.stop(4)
        net.start(4)
        net.wait_blocks(2)
        net.check_logs()
        net.check_signed()
        net.check_deep(4)
        blocks = sandbox.dir / "blocks.rlp"
        sandbox.program("cairnd", "export", "--to", blocks, "--data-dir", net.data(4))
        fails(sandbox, 2, [f"snapshot at block {oldest}"], "cairnd", "export", "--to", blocks, "--from", 0, "--data-dir",
              net.data(4))
        again = sandbox.dir / "again.snap"
        sandbox.program("cairnd", "snapshot", "export", "--to", again, "--at", oldest, "--data-dir", net.data(4))
        expect(again.read_bytes() == file.read_bytes(), "a snapshot of the same block is the same file")
        fails(sandbox, 2, [f"want {oldest} to"], "cairnd", "snapshot", "export", "--to", again, "--at", oldest - 1,
              "--data-dir", net.data(4))
        net.stop()
        return (f"{txs} transactions; snapshot of block {oldest}: {said['bytes']} bytes, {said['accounts']} accounts, "
                f"{said['blocks']} blocks; imported in {imported:.1f} s, at the head in {followed:.1f} s")
