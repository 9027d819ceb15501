# SPDX-License-Identifier: Apache-2.0
"""Transactions of `cairn` through their whole life, a node that lies about them, and every exit
code of the table in `cairn help exit-codes`."""

import ctypes
import http.server
import json
import os
import re
import resource
import subprocess
import threading

from harness import PATIENCE_S, Rpc, expect
from scenario_wallet import FIRST, WORDS, Wallet

SECOND = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
THIRD = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"  # not in the wallet
# Runtime that reverts with its own call data, so that a call f(7) fails with an error f(7).
ECHO = "66365f5f37365ffd5f5260076019f3"


def open_wallet(sandbox, node):
    w = Wallet(sandbox, "http://{}:{}".format(*node.address))
    w.run("account", "import", "dev", "--mnemonic", "--light-kdf", stdin=WORDS + "\n")
    w.run("account", "import", "second", "--mnemonic", "--path", "m/44'/60'/0'/0/1", "--light-kdf",
          stdin=WORDS + "\n")
    return w


def deploys(w, sandbox):
    code = sandbox.dir / "echo.hex"
    code.write_text("0x" + ECHO + "\n")
    made = w.run("--yes", "--account", "dev", "tx", "deploy", code)
    echo = made["result"]["contract"]
    # As a compiler writes it, with a constructor that takes a struct: the arguments follow the code.
    artifact = sandbox.dir / "Echo.json"
    inputs = [{"type": "tuple[]", "components": [{"type": "uint256"}, {"type": "string"}]}, {"type": "address"}]
    artifact.write_text(json.dumps({"abi": [{"type": "constructor", "inputs": inputs}], "bytecode": {"object": ECHO}}))
    dry = w.run("--dry-run", "--account", "dev", "tx", "deploy", artifact, '[[7,"x"]]', SECOND)
    data = dry["transaction"]["input"]
    expect(data.startswith("0x" + ECHO) and data[2 + len(ECHO):][64:128].endswith(SECOND[2:].lower()),
           f"arguments follow the code: {data}")
    w.run("--yes", "--account", "dev", "tx", "deploy", artifact, "7", code=2)
    w.run("--yes", "--account", "dev", "tx", "deploy", sandbox.dir / "missing", code=2)
    (sandbox.dir / "unlinked.json").write_text(json.dumps({"bytecode": "0x60__$ab$__"}))
    w.run("--yes", "--account", "dev", "tx", "deploy", sandbox.dir / "unlinked.json", code=2)

    # An error that nobody knows: its selector and its bytes.
    error = w.run("call", echo, "f(uint256)(bool)", "7", code=11)["error"]
    expect(error["data"]["selector"] == "0xb3de648b" and error["data"]["data"] == "0xb3de648b" + "07".zfill(64),
           f"unknown error: {error}")
    expect("0xb3de648b" in error["message"] and "07".zfill(64) in error["message"], f"its bytes: {error}")
    known = w.run("call", echo, "ERC721NonexistentToken(uint256)(bool)", "7", code=11)["error"]
    expect(known["data"]["error"] == "ERC721NonexistentToken" and known["data"]["args"] == ["7"], f"known: {known}")
    panic = w.run("--yes", "--account", "dev", "tx", "call", echo, "Panic(uint256)", "0x11", code=13)["error"]
    expect(panic["data"]["error"] == "Panic" and "overflow" in panic["message"], f"panic: {panic}")
    text = w.run("--yes", "--account", "dev", "tx", "call", echo, "Error(string)", "not today", code=13)["error"]
    expect("not today" in text["message"], f"text: {text}")
    included = w.run("--yes", "--account", "dev", "--no-simulate", "--gas-limit", "100000", "tx", "call", echo,
                     "f(uint256)", "7", code=12)
    expect(included["error"]["data"]["data"] == "0xb3de648b" + "07".zfill(64), f"included: {included}")
    expect(w.run("tx", "wait", included["hash"], code=12)["status"] == "reverted", "wait tells of the revert")
    return echo


def elsewhere(w, sandbox):
    """Built on one machine, signed on another that has no node, sent from a third."""
    unsigned = sandbox.dir / "unsigned.json"
    signed = sandbox.dir / "signed.hex"
    w.run("--account", "dev", "--unsigned", unsigned, "tx", "send", SECOND, "2")
    w.run("--account", THIRD, "--unsigned", sandbox.dir / "watched.json", "tx", "send", SECOND, "0")
    w.run("--yes", "--account", THIRD, "tx", "send", SECOND, "0", code=15)
    nowhere = {"CAIRN_RPC": "http://127.0.0.1:1"}
    w.run("tx", "sign", unsigned, code=17, **nowhere)
    made = w.run("--yes", "tx", "sign", unsigned, "--out", signed, **nowhere)
    expect(signed.read_text() == made["raw"] and made["from"] == FIRST, f"signed: {made}")
    shown = w.run("tx", "decode", signed, **nowhere)["transaction"]
    expect(shown["hash"] == made["hash"] and shown["from"] == FIRST.lower(), f"decoded: {shown}")
    expect(w.run("tx", "decode", made["raw"], **nowhere)["transaction"] == shown, "hex and file agree")
    w.run("tx", "publish", signed, code=17)
    sent = w.run("--yes", "tx", "publish", signed)
    expect(sent["hash"] == made["hash"] and sent["status"] == "ok", f"published: {sent}")
    expect(w.run("--yes", "tx", "publish", signed)["block"] == sent["block"], "publishing twice sends once")
    for bad in ("0x", "0x01", "0xf8", made["raw"][:-2], made["raw"] + "00", "0xzz"):
        w.run("tx", "decode", bad, code=2)
    # s = 0: nobody signed this.
    w.run("tx", "decode", "0xc9808080808080" + "1b8080", code=16)
    foreign = json.loads(unsigned.read_text())
    for member, value, code in (("chainId", "0x2a", 0), ("type", "0x3", 2), ("nonce", 7, 2), ("chainId", "0x0", 2),
                                ("to", FIRST[:-1] + "7", 2), ("from", SECOND.replace("7", "8"), 2),
                                ("maxPriorityFeePerGas", "0xffffffffffffffff", 2), ("input", "0x1", 2),
                                ("from", "0x" + "11" * 20, 15)):
        (sandbox.dir / "changed.json").write_text(json.dumps({**foreign, member: value}))
        answer = w.run("--yes", "tx", "sign", sandbox.dir / "changed.json", code=code, **nowhere)
        if code == 0:
            other = w.run("--yes", "tx", "publish", answer["raw"], code=2)["error"]
            expect("chain 42" in other["message"], f"another chain's transaction: {other}")


def outbidding(sandbox):
    """An observer whose validator is not there yet, so that no block comes: pending, faster, cancelled."""
    net = sandbox.dir / "net"
    sandbox.program("cairnd", "network", "init", "--validators", 1, "--observers", 1, "--zero-base-fee=off",
                    "--block-period", "100ms", "--dir", net)
    genesis = json.loads((net / "genesis.json").read_text())
    genesis["alloc"][FIRST[2:].lower()] = {"balance": hex(1000 * 10**18)}
    for copy in net.glob("*-1/genesis.json"):
        copy.write_text(json.dumps(genesis))
        (copy.parent / "static-nodes.json").write_text("[]")
    node = sandbox.node(net / "observer-1").start()
    w = Wallet(sandbox, "http://{}:{}".format(*node.address))
    rpc = node.rpc()
    first = w.run("--yes", "--account", "dev", "--timeout", "1s", "tx", "send", SECOND, "3", code=14)
    expect(first["error"]["hint"].endswith(first["hash"]) and first["status"] == "pending", f"pending: {first}")
    faster = w.run("--yes", "--no-wait", "tx", "speed-up", first["hash"])
    expect(faster["hash"] != first["hash"] and faster["replaces"] == first["hash"], f"faster: {faster}")
    raced = w.run("--yes", "--account", "dev", "--no-wait", "tx", "send", SECOND, "5")
    cancelled = w.run("--yes", "--no-wait", "tx", "cancel", raced["hash"])
    enode = re.search(r" p2p=(enode://[0-9a-f]+@127\.0\.0\.1:[0-9]+)", node.log()).group(1)
    (net / "validator-1" / "static-nodes.json").write_text(json.dumps([enode]))
    validator = sandbox.node(net / "validator-1").start()
    included = w.run("tx", "wait", faster["hash"])
    expect(included["status"] == "ok" and included["block"], f"the faster one: {included}")
    expect(w.run("tx", "wait", cancelled["hash"])["status"] == "ok", "the cancellation is included")
    expect(rpc.call("eth_getTransactionReceipt", first["hash"]) is None, "the slow one is not")
    expect(rpc.call("eth_getTransactionReceipt", raced["hash"]) is None, "the cancelled one is not")
    w.run("--yes", "tx", "speed-up", faster["hash"], code=13)
    w.run("--yes", "tx", "cancel", "0x" + "ab" * 32, code=11)
    w.run("--timeout", "1s", "tx", "wait", "0x" + "ab" * 32, code=14)
    rpc.close()
    expect(node.stop() == 0 and validator.stop() == 0, "the nodes stop")


class Between(http.server.ThreadingHTTPServer):
    """A node in the middle: passes questions on and may change the answers."""

    def __init__(self, address):
        super().__init__(("127.0.0.1", 0), Handler)
        self.node = address
        self.change = {}
        self.before = lambda method: None  # what happens before a question is passed on
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        server.seen.append(question["method"])
        server.before(question["method"])
        rpc = Rpc(server.node)
        _, body = rpc.post(json.dumps(question).encode())
        rpc.close()
        change = server.change.get(question["method"])
        if change is not None:
            answer = json.loads(body)
            if "result" in answer and answer["result"] is not None:
                answer["result"] = change(answer["result"])
            body = json.dumps(answer).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the wallet has had enough

    def log_message(self, *_):
        pass


def lies(w, node):
    """Whatever a node says of our transaction, the wallet believes only what fits it."""
    between = Between(node.address)
    other = "0x" + "cd" * 32
    rows = [
        ("eth_sendRawTransaction", lambda _: other),
        ("eth_sendRawTransaction", lambda _: 7),
        ("eth_getTransactionReceipt", lambda r: {**r, "transactionHash": other}),
        ("eth_getTransactionReceipt", lambda r: {**r, "from": SECOND.lower()}),
        ("eth_getTransactionReceipt", lambda r: {**r, "status": "0x2"}),
        ("eth_getTransactionReceipt", lambda r: {k: v for k, v in r.items() if k != "status"}),
        ("eth_getTransactionReceipt", lambda r: {**r, "gasUsed": "0xffffffff"}),
        ("eth_getTransactionReceipt", lambda r: {**r, "contractAddress": SECOND.lower()}),
        ("eth_getTransactionReceipt", lambda r: {**r, "blockNumber": 7}),
        ("eth_getTransactionReceipt", lambda _: True),
        ("eth_getTransactionReceipt", lambda r: {**r, "pad": "x" * (17 << 20)}),
        ("eth_estimateGas", lambda _: "many"),
        ("eth_getTransactionCount", lambda _: "0x" + "f" * 17),
        ("eth_getBalance", lambda _: {"wei": 1}),
        ("eth_chainId", lambda _: []),
    ]
    for method, change in rows:
        between.change = {method: change}
        answer = w.run("--yes", "--account", "dev", "tx", "send", SECOND, "1wei", code=10, CAIRN_RPC=between.url)
        after = method in ("eth_sendRawTransaction", "eth_getTransactionReceipt")
        expect(("hash" in answer) == after, f"{method}: the hash is told once it was sent: {answer}")
    # Another chain between two commands: pinned, so refused before anything is signed.
    between.change = {"eth_chainId": lambda _: "0x2a"}
    between.seen.clear()
    w.run("--yes", "--account", "dev", "tx", "send", SECOND, "1wei", code=2, CAIRN_RPC=between.url)
    expect("eth_sendRawTransaction" not in between.seen, f"nothing was sent: {between.seen}")
    # A contract at another address than its creator and nonce give.
    between.change = {"eth_getTransactionReceipt": lambda r: {**r, "contractAddress": SECOND.lower()}}
    code = w.home.parent / "echo.hex"
    w.run("--yes", "--account", "dev", "tx", "deploy", code, code=10, CAIRN_RPC=between.url)
    # A pending transaction that is another one.
    between.change = {"eth_getTransactionByHash": lambda t: {**t, "value": "0x7"}}
    sent = w.run("--yes", "--account", "dev", "tx", "send", SECOND, "1wei")["hash"]
    w.run("--yes", "tx", "speed-up", sent, code=10, CAIRN_RPC=between.url)
    between.shutdown()
    return len(rows) + 3


PR_CAPBSET_DROP, CAP_IPC_LOCK = 24, 14


def without_locked_memory():
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    if os.getuid() == 0:  # for whom the limit does not count, unless he gives that up
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)


def codes(w, sandbox):
    """Those of the table that the rest does not meet: 3 and 70."""
    blocked = sandbox.dir / "a-file"
    blocked.write_text("not a folder")
    w.run("--yes", "account", "new", "x", "--no-words", "--light-kdf", code=3, CAIRN_HOME=str(blocked))
    # Keys live in locked memory or nowhere. (The address sanitizer makes mlock do nothing.)
    if b"__asan_init" in w.program.read_bytes():
        return
    done = subprocess.run(
        [str(w.program), "--json", "--yes", "account", "new", "x", "--no-words", "--light-kdf"],
        env={**w.environment, "CAIRN_HOME": str(sandbox.dir / "unlocked")}, preexec_fn=without_locked_memory,
        capture_output=True, text=True, timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL)
    expect(done.returncode == 70, f"no locked memory: exit {done.returncode}: {done.stdout}{done.stderr}")
    expect(json.loads(done.stdout)["error"]["kind"] == "internal", done.stdout)


def help_and_words(w):
    nearest = w.run("help", "raunds", code=2)["error"]
    expect(nearest["hint"] == "did you mean `cairn help rounds`?", f"nearest topic: {nearest}")
    expect("account" in w.run("help", "acount", code=2)["error"]["hint"], "nearest noun")
    expect("tx send" in w.run("help", "tx", "sned", code=2)["error"]["hint"], "nearest verb")
    w.run("help", "nonsense", code=2)
    table = w.run("help", "exit-codes")["help"]
    for code in (0, 2, 3, 10, 11, 12, 13, 14, 15, 16, 17, 70):
        expect(f"\n {code:2}  " in "\n" + table, f"{code} is in the table")


def rewards(w):
    unknown = w.run("--yes", "--account", "dev", "reward", "claim", "99", code=11)["error"]
    expect("99" in unknown["message"] and "AlreadyDone" not in str(unknown), f"an unknown round: {unknown}")


def run(sandbox, _rng):
    node = sandbox.dev_node().start()
    w = open_wallet(sandbox, node)
    deploys(w, sandbox)
    elsewhere(w, sandbox)
    lied = lies(w, node)
    codes(w, sandbox)
    help_and_words(w)
    rewards(w)
    expect(node.stop() == 0, "the node stops")
    outbidding(sandbox)
    return f"deploy, sign elsewhere, publish, {lied} lies, speed-up, cancel, wait, exit codes"
