# SPDX-License-Identifier: Apache-2.0
"""A proposal from its draft to its execution with `cairn dao`, with votes by transaction and by
signature; forged and stale ballots; a proposal that is taken back; a round that is watched."""

import json
from concurrent.futures import ThreadPoolExecutor

from harness import PATIENCE_S, expect, wait_until
from scenario_wallet import WORDS, Wallet

NAMES = ["A", "B", "C", "RELAY"]
DELAY, PERIOD = 12, 80  # blocks until a vote begins, and until it ends


def start(sandbox):
    w = Wallet(sandbox, "http://127.0.0.1:1")
    members = []
    for i, name in enumerate(NAMES):
        made = w.run("account", "import", name, "--mnemonic", "--light-kdf", "--path", f"m/44'/60'/0'/0/{i}",
                     stdin=WORDS + "\n")
        if name != "RELAY":
            members.append({"address": made["address"], "tokens": "100000", "member": True, "aggregator": False})
    (sandbox.dir / "members.json").write_text(json.dumps(members))
    (sandbox.dir / "gov.json").write_text(json.dumps({
        "minBlocksFloor": "2", "blockPeriodMs": "50", "timelockSeconds": "1", "votingDelayBlocks": str(DELAY),
        "votingPeriodBlocks": str(PERIOD), "lateQuorumBlocks": "8"}))
    node = sandbox.dev_node("--members", sandbox.dir / "members.json", "--gov", sandbox.dir / "gov.json").start()
    w.environment["CAIRN_RPC"] = "http://{}:{}".format(*node.address)
    w.blocks = Blocks(sandbox, w, node)
    w.blocks.more(3)  # votes of the past, which a proposal needs
    return w, node


class Blocks:
    """The chain's time, which is ours alone: the node makes a block for each transaction, and none else."""

    def __init__(self, sandbox, w, node):
        self.rpc = node.rpc()
        sender = sandbox.program("tools/presign", "addresses", "--accounts", 1, "--seed", 1).strip()
        self.raws = sandbox.program("tools/presign", "transfers", "--accounts", 1, "--seed", 1, "--each", 600,
                                    "--chain-id", 1337, "--max-fee", 2 * 10**9).split()
        w.run("--yes", "--account", "A", "tx", "send", sender, "1")

    def number(self):
        return int(self.rpc.call("eth_blockNumber"), 16)

    def more(self, count):
        """So many blocks."""
        end = self.number() + count
        while self.number() < end:
            sent = self.rpc.call("eth_sendRawTransaction", self.raws.pop(0))
            wait_until(lambda sent=sent: self.rpc.call("eth_getTransactionReceipt", sent), "a block")


def proposal(sandbox, title, bond):
    path = sandbox.dir / "proposal.json"
    path.write_text(json.dumps({"title": title, "actions": [
        {"to": "Rewards", "function": "setMinBond", "args": ["0", bond]}]}))
    return path


def state(w, p):
    return w.run("dao", "show", p)["state"]


def takes_back(w, sandbox):
    made = w.run("--yes", "--account", "A", "dao", "propose", proposal(sandbox, "Not this", "7"))["result"]["proposal"]
    shown = w.run("dao", "show", made)
    expect(shown["state"] == "pending" and shown["nextStep"]["action"] == "vote", f"pending: {shown}")
    w.run("--yes", "--account", "B", "dao", "cancel", made, code=13)
    w.run("--yes", "--account", "A", "dao", "cancel", made)
    shown = w.run("dao", "show", made)
    expect(shown["state"] == "canceled" and shown["nextStep"] is None, f"taken back: {shown}")
    w.run("dao", "watch", made, "--until", "succeeded", code=13)
    expect(w.run("dao", "watch", made)["states"] == ["canceled"], "nothing to watch")


def votes(w, sandbox):
    made = w.run("--yes", "--account", "A", "dao", "propose", proposal(sandbox, "Lower bond", "5"))["result"]["proposal"]
    w.run("--timeout", "1s", "dao", "watch", made, "--until", "executed", code=14)
    # Signed while pending, without a node's consent; sent by one who has no votes.
    w.blocks.more(DELAY + 1)
    expect(state(w, made) == "active", "the vote is open")
    w.run("--account", "B", "dao", "vote", made, "for", "--by-sig", code=17)
    w.run("--yes", "--account", "B", "dao", "vote", made, "for", "--out", "x", code=2)
    plain, reasoned = sandbox.dir / "plain.json", sandbox.dir / "reasoned.json"
    ballot = w.run("--yes", "--account", "B", "dao", "vote", made, "for", "--by-sig", "--out", plain)["ballot"]
    expect(ballot == json.loads(plain.read_text()) and ballot["support"] == "for", f"{ballot}")
    w.run("--yes", "--account", "C", "dao", "vote", made, "abstain", "--by-sig", "--reason", "caf\u00e9 & co",
          "--out", reasoned)
    for change, code in (({"support": "against"}, 16), ({"proposal": "7"}, 16), ({"reason": "else"}, 16),
                         ({"voter": ballot["governor"]}, 16), ({"signature": "0x00"}, 16), ({"signature": None}, 16),
                         ({"chainId": "7"}, 2), ({"governor": ballot["voter"]}, 2), ({"support": "maybe"}, 2),
                         ({"proposal": None}, 2)):
        forged = sandbox.dir / "forged.json"
        forged.write_text(json.dumps({**ballot, **change}))
        w.run("--yes", "--account", "RELAY", "dao", "submit", forged, code=code)
    w.run("--yes", "--account", "RELAY", "dao", "submit", sandbox.dir / "missing", code=2)
    sent = w.run("--yes", "--account", "RELAY", "dao", "submit", plain)
    expect(sent["result"]["support"] == "for" and int(sent["result"]["weight"]) > 0, f"{sent}")
    w.run("--yes", "--account", "RELAY", "dao", "submit", plain, code=16)  # its nonce is used
    w.run("--yes", "--account", "RELAY", "dao", "submit", reasoned)
    w.run("--yes", "--account", "A", "dao", "vote", made, "for", "--reason", "cheaper")
    w.run("--yes", "--account", "A", "dao", "vote", made, "for", code=13)
    listed = {row["name"]: row for row in w.run("dao", "votes", made)["items"]}
    expect({n: listed[n]["support"] for n in "ABC"} == {"A": "for", "B": "for", "C": "abstain"}, f"{listed}")
    expect(listed["A"]["reason"] == "cheaper" and listed["C"]["reason"] == "caf\u00e9 & co", f"{listed}")
    w.run("--yes", "dao", "queue", made, "--account", "RELAY", code=13)
    with ThreadPoolExecutor(1) as other:
        watch = other.submit(w.run, "dao", "watch", made, "--until", "succeeded")
        w.blocks.more(PERIOD)
        expect(watch.result(PATIENCE_S)["states"][-1] == "succeeded", f"{watch.result()}")
    step = w.run("dao", "show", made)["nextStep"]
    expect(step["action"] == "queue" and step["who"] == "anyone", f"{step}")
    w.run("--yes", "--account", "RELAY", "dao", "queue", made)
    step = w.run("dao", "show", made)["nextStep"]
    expect(step["action"] == "execute" and int(step["from"]) > 0, f"{step}")
    wait_until(lambda: w.blocks.more(1) or w.attempt("--dry-run", "--account", "RELAY", "dao", "execute", made)[0] == 0,
               "the timelock")
    w.run("--yes", "--account", "RELAY", "dao", "execute", made)
    expect(w.run("dao", "watch", made)["states"] == ["executed"], "executed")
    expect(w.run("call", "Rewards", "minBond", "0")["values"] == ["5"], "the bond is lower")


def run(sandbox, _rng):
    w, node = start(sandbox)
    takes_back(w, sandbox)
    votes(w, sandbox)
    w.run("round", "watch", "1", code=11)
    w.run("round", "log", "1", code=11)
    expect(node.stop() == 0, "the node stops")
    return "proposed, taken back, voted by transaction and signature, queued, executed; 11 forgeries refused"
