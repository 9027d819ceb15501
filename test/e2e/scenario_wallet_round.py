# SPDX-License-Identifier: Apache-2.0
"""A participant whose wallet is killed at every step of its commit and its reveal: nothing is lost,
and no update is committed twice."""

import json
import os
import pathlib
import signal
import subprocess
import threading

from harness import PATIENCE_S, expect, wait_until
from scenario_wallet import WORDS, Wallet
from scenario_wallet_tx import Between

DATA = pathlib.Path(__file__).resolve().parents[2] / "genesis" / "demo" / "breast_cancer.csv"
NAMES = ["A", "B", "AGG", "OWNER", "GUEST"]


class Killer(Between):
    """Passes questions on, and kills the one who asks: at question `at`, before it is passed on, or
    after the node has answered."""

    def __init__(self, address):
        super().__init__(address)
        self.at = None
        self.after = False
        self.count = 0
        self.victim = None
        self.hold = None
        outer = self

        class KillingHandler(self.RequestHandlerClass):
            def do_POST(self):
                outer.count += 1
                mine = outer.count == outer.at
                if outer.hold is not None:
                    outer.hold.wait(PATIENCE_S)
                if mine and not outer.after:
                    outer.strike()
                    self.close_connection = True
                    return
                if mine:
                    self.wfile = Silent(self.wfile)
                super().do_POST()
                if mine:
                    outer.strike()

        self.RequestHandlerClass = KillingHandler

    def strike(self):
        self.victim.send_signal(signal.SIGKILL)
        self.victim.wait()


class Silent:
    """Nothing that is written here arrives."""

    def __init__(self, under):
        self.under = under

    def write(self, data):
        return len(data)

    def __getattr__(self, name):
        return getattr(self.under, name)


def start(sandbox):
    w = Wallet(sandbox, "http://127.0.0.1:1")
    members = []
    for i, name in enumerate(NAMES):
        made = w.run("account", "import", name, "--mnemonic", "--light-kdf", "--path", f"m/44'/60'/0'/0/{i}",
                     stdin=WORDS + "\n")
        members.append({"address": made["address"], "tokens": "100000", "member": name in "AB",
                        "aggregator": name == "AGG"})
        setattr(w, name, made["address"])
    members.pop()  # the guest has neither tokens nor membership
    (sandbox.dir / "members.json").write_text(json.dumps(members))
    (sandbox.dir / "gov.json").write_text(json.dumps({"minBlocksFloor": "2", "blockPeriodMs": "50"}))
    node = sandbox.dev_node("--dev-period", "50", "--members", sandbox.dir / "members.json", "--gov",
                            sandbox.dir / "gov.json").start()
    w.environment["CAIRN_RPC"] = "http://{}:{}".format(*node.address)
    return w, node


def found(w, sandbox):
    base, update = sandbox.dir / "base.safetensors", sandbox.dir / "update.safetensors"
    w.run("train", "genesis", "--out", base)
    w.run("train", "update", "--data", DATA, "--party", "A", "--base", base, "--out", update)
    w.family = w.run("--yes", "--account", "OWNER", "model", "create-family", "t", "--params", "2049",
                     "--policy", "fedavg", "--weight-max", "64")["result"]["family"]
    w.run("--yes", "--account", "OWNER", "model", "register", w.family, base)
    for name in "AB":
        w.run("--yes", "--account", name, "reward", "bond", "participant", "1000")
    w.run("--yes", "--account", "AGG", "reward", "bond", "aggregator", "2010")
    w.base, w.update = base, update


def open_round(w):
    return w.run("--yes", "--account", "OWNER", "round", "open", w.family, "--base", w.base, "--n-min", "2",
                 "--n-max", "2", "--seed-span", "1", "--min-blocks", "2", "--commit-time", "1h", "--reveal-time",
                 "1h", "--challenge-time", "1s")["result"]["round"]


def commit_words(w, number, name="A", weight=64):
    return ["--yes", "--account", name, "round", "commit", number, "--update", w.update, "--base", w.base,
            "--weight", weight]


def entry(w, number, name="A"):
    return w.run("call", "Rounds", "entryOf", number, getattr(w, name))["values"][0]


def salts(w, number, name="A", ending=".json"):
    prefix = f"{number}-{getattr(w, name)[2:].lower()}-"
    folder = w.home / "salts"
    return sorted(p for p in folder.iterdir() if p.name.startswith(prefix) and p.name.endswith(ending)) \
        if folder.exists() else []


def check_kept(w, number):
    """What is on chain has its salt here."""
    e = entry(w, number)
    if int(e["status"]) == 0:
        return e
    records = [json.loads(p.read_text()) for p in salts(w, number)]
    expect(e["digest"] in [r["digest"] for r in records], f"the salt of what was sent is lost: {e}")
    return e


def killed(w, killer, at, after, words):
    """Runs a command through the killer; true if it was killed, false if it came to its end."""
    killer.count, killer.at, killer.after = 0, at, after
    killer.victim = subprocess.Popen(
        [str(w.program), "--json", *map(str, words)], env={**w.environment, "CAIRN_RPC": killer.url},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = killer.victim.communicate(timeout=2 * PATIENCE_S)
    expect(killer.victim.returncode in (0, -signal.SIGKILL), f"exit {killer.victim.returncode}: {out} {err}")
    return killer.victim.returncode != 0


def commits(w, killer, rng):
    """One round per step: killed there, gone on from by either way, committed exactly once."""
    steps = 0
    after = False
    at = 1
    while True:
        number = open_round(w)
        if not killed(w, killer, at, after, commit_words(w, number)):
            expect(int(entry(w, number)["commits"]) == 1, "the uninterrupted commit")
            if after:
                break
            after, at = True, 1  # and once more, killed when the answer was on its way
            continue
        steps += 1
        check_kept(w, number)
        begun = len(salts(w, number))
        resume = rng.random() < 0.5
        if resume:
            action = w.run("--yes", "--account", "A", "round", "resume", number)["action"]
            expect((action == "none") == (begun == 0), f"{begun} begun, and resume says {action}")
        if not resume or begun == 0:
            w.run(*commit_words(w, number))
        e = check_kept(w, number)
        expect(int(e["status"]) == 1 and int(e["commits"]) == 1, f"step {at}: committed once: {e}")
        expect(len(salts(w, number)) == 1, f"step {at}: one commit, one salt: {salts(w, number)}")
        expect(len(salts(w, number, ending='.update')) == 1, "and one update")
        expect(not salts(w, number, ending=".commit"), "what is included is not kept for sending")
        # Nobody commits twice by asking twice.
        again = w.run(*commit_words(w, number))
        expect("hash" not in again and int(entry(w, number)["commits"]) == 1, "asked again: nothing is sent")
        at += 1 if not after else 3
    return steps


def overtaken(w, killer, node):
    """What was kept enters a block between the two questions by which the wallet learns its fate."""
    number = open_round(w)
    for at in range(1, 60):
        expect(killed(w, killer, at, False, commit_words(w, number)), "killed before its commit is sent")
        if salts(w, number, ending=".commit"):
            break
    raw = "0x" + salts(w, number, ending=".commit")[0].read_bytes().hex()
    between = Between(node.address)
    asked = []

    def mine_between(method):
        if method not in ("eth_getTransactionReceipt", "eth_getTransactionCount"):
            return
        asked.append(method)
        if len(asked) == 2:
            rpc = node.rpc()
            sent = rpc.call("eth_sendRawTransaction", raw)
            wait_until(lambda: rpc.call("eth_getTransactionReceipt", sent), "the commit's block")
            rpc.close()

    between.before = mine_between
    resumed = w.run("--yes", "--account", "A", "round", "resume", number, CAIRN_RPC=between.url)
    expect(resumed["action"] == "commit" and len(asked) >= 2, f"{resumed} after {asked}")
    e = check_kept(w, number)
    expect(int(e["status"]) == 1 and int(e["commits"]) == 1, f"committed once: {e}")


def reveals(w, killer, sandbox):
    number = open_round(w)
    w.run(*commit_words(w, number))
    w.run(*commit_words(w, number, "B", 50))
    w.run(*commit_words(w, number), code=13)
    expect(w.run("--yes", "--account", "A", "round", "resume", number)["action"] == "wait", "sealed: wait")
    wait_until(lambda: w.run("--account", "A", "round", "next", number)["items"][0]["action"] == "draw", "the seed")
    w.run("--yes", "--account", "A", "round", "draw", number)
    steps = 0
    words = ["--yes", "--account", "A", "round", "reveal", number, "--publish", sandbox.dir / "blobs"]
    while killed(w, killer, steps + 1, steps % 2 == 1, words):
        steps += 1
        check_kept(w, number)
    expect(int(entry(w, number)["status"]) == 2, "revealed")
    expect(len(list((sandbox.dir / "blobs").iterdir())) == 1, "published")
    # Killed once the reveal had left: the other account goes on with it.
    killer.count, killer.at = 0, None
    total = None
    for at in range(1, 60):
        if not killed(w, killer, at, True, ["--yes", "--account", "B", "round", "reveal", number]):
            break
        total = at
        if salts(w, number, "B", ".reveal"):
            break
    resumed = w.run("--yes", "--account", "B", "round", "resume", number)
    expect(resumed["action"] in ("reveal", "wait", "none"), f"{resumed}")
    expect(int(entry(w, number, "B")["status"]) == 2 and total, "the reveal was gone on with")
    expect(not salts(w, number, "B", ".reveal"), "nothing is left to send")
    expect(w.run("--yes", "--account", "A", "round", "resume", number)["action"] == "none", "nothing more to do")
    expect(w.run("--yes", "--account", "OWNER", "round", "resume", number)["action"] == "none", "nothing of its own")
    return steps, number


def proofs(w, node, sandbox, rng, number):
    """The round comes to its end; who took part carries the proof away and shows it without a node."""
    early = w.run("--account", "A", "proof", "export", "--round", number, code=11)
    expect("no receipt" in early["error"]["message"], f"{early}")
    w.run("--yes", "--account", "B", "round", "select", number)
    w.run("--yes", "--account", "AGG", "round", "aggregate", number, "--base", w.base, "--updates",
          sandbox.dir / "blobs", "--out", sandbox.dir / "new.safetensors")
    watch = w.run("--timeout", "1s", "round", "watch", number, code=14)
    expect(watch["states"] == ["challenge"], f"{watch}")
    wait_until(lambda: w.run("--account", "A", "round", "next", number)["items"][0]["action"] == "finalise", "the window")
    w.run("--yes", "--account", "A", "round", "finalise", number)
    expect(w.run("round", "watch", number)["states"] == ["finalised"], "watched to its end")
    events = [item["event"] for item in w.run("round", "log", number)["items"]]
    expect(events[0] == "RoundOpened" and {"Committed", "SeedDrawn", "Revealed", "Selected", "Aggregated",
                                           "ContributionProven"} <= set(events), f"log: {events}")
    w.run("--yes", "--account", "A", "reward", "claim", number, code=13)  # the pool was empty

    leaving = w.run("--yes", "--account", "AGG", "reward", "unbond", "aggregator", "10")["result"]
    expect(leaving["amount"] == str(10**19) and int(leaving["until"]) > 0, f"{leaving}")
    w.run("--yes", "--account", "AGG", "reward", "unbond", "aggregator", "1000000", code=13)
    w.run("--yes", "--account", "AGG", "reward", "unbond", "evaluator", "1", code=2)
    early = w.run("--yes", "--account", "AGG", "reward", "withdraw", "aggregator", code=13)["error"]
    expect(early["data"]["error"] == "TooEarly", f"{early}")
    w.run("--yes", "--account", "B", "reward", "withdraw", "participant", code=13)

    path = sandbox.dir / "proof.json"
    made = w.run("--account", "A", "proof", "export", "--round", number, "--out", path)
    expect(made["status"] == "accepted" and made["participant"] == w.A and made["seals"] == "1", f"{made}")
    rpc = node.rpc()
    block = rpc.call("eth_getBlockByNumber", hex(int(made["block"])), False)
    validators = sandbox.dir / "validators.json"
    validators.write_text(json.dumps(rpc.call("qbft_getValidatorsByBlockNumber", block["number"])))
    rpc.close()
    expect(made["blockHash"] == block["hash"], "the block's own hash")
    nowhere = {"CAIRN_RPC": "http://127.0.0.1:1", "CAIRN_HOME": str(sandbox.dir / "elsewhere")}
    w.run("proof", "verify", path, code=16, **nowhere)  # whom to trust is not known there
    shown = w.run("proof", "verify", path, "--validators", validators, **nowhere)
    expect(shown["round"] == number and shown["weight"] == made["weight"], f"{shown}")
    w.run("proof", "verify", path)  # here the validators were pinned
    others = sandbox.dir / "others.json"
    for names, code in ([[w.B], 16], [[w.A, w.B, *json.loads(validators.read_text())], 16], [[], 2], [[w.B, w.B], 2],
                        ["x", 2]):
        others.write_text(json.dumps(names))
        w.run("proof", "verify", path, "--validators", others, code=code, **nowhere)
    text = path.read_bytes()
    for _ in range(60):
        at = rng.randrange(len(text))
        changed = bytearray(text)
        changed[at] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        w.run("proof", "verify", path, "--validators", validators, code=16, **nowhere)
    for changed in (b"", text[:-1], text + b" ", text + text, text.replace(b'"format"', b'"x":1,"format"')):
        path.write_bytes(changed)
        w.run("proof", "verify", path, "--validators", validators, code=16, **nowhere)
    w.run("proof", "export", "--round", number, "--participant", "GUEST", code=11)
    w.run("proof", "export", "--round", "99", "--participant", "A", code=11)
    w.run("proof", "export", "--participant", "A", code=2)


def declined(w, sandbox):
    """A commit that nobody sent leaves nothing behind."""
    number = open_round(w)
    wrong = sandbox.dir / "wrong"
    wrong.write_text("battery staple\n")
    w.run(*commit_words(w, number)[1:], code=17)
    w.run(*commit_words(w, number), code=15, CAIRN_PASSWORD_FILE=str(wrong))
    w.run(*commit_words(w, number, "GUEST"), code=13)
    w.run(*commit_words(w, number, "OWNER"), code=13)
    w.run("--dry-run", *commit_words(w, number))
    for name in ("A", "GUEST", "OWNER"):
        left = [p.name for ending in ("json", "update", "commit") for p in salts(w, number, name, ending)]
        expect(not left, f"left behind: {left}")
    unsigned = sandbox.dir / "commit.json"
    w.run("--unsigned", unsigned, *commit_words(w, number))
    expect(len(salts(w, number)) == 1, "what is signed elsewhere needs its salt here")
    signed = w.run("--yes", "tx", "sign", unsigned)["raw"]
    w.run("--yes", "tx", "publish", signed)
    e = check_kept(w, number)
    expect(int(e["status"]) == 1, "committed by another machine")
    # Another update (here: another weight) replaces it, once, and both salts are kept.
    w.run(*commit_words(w, number, weight=50))
    expect(int(check_kept(w, number)["commits"]) == 2 and len(salts(w, number)) == 2, "replaced")
    return number


def alone(w, killer):
    """Two at once for one account: the second is told."""
    number = open_round(w)
    killer.count, killer.at, killer.hold = 0, None, None
    calls = []
    gate = threading.Event()
    original = killer.RequestHandlerClass.do_POST

    def held(self):
        # The first question after the lock is taken is held.
        if (w.home / "salts").exists() and any(p.name.startswith(f"{number}-") for p in (w.home / "salts").iterdir()):
            calls.append(1)
            gate.wait(PATIENCE_S)
        original(self)

    killer.RequestHandlerClass.do_POST = held
    first = subprocess.Popen(
        [str(w.program), "--json", *map(str, commit_words(w, number))],
        env={**w.environment, "CAIRN_RPC": killer.url}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    wait_until(lambda: calls, "the first holds the lock")
    w.run(*commit_words(w, number), code=3)
    gate.set()
    first.communicate(timeout=2 * PATIENCE_S)
    killer.RequestHandlerClass.do_POST = original
    expect(first.returncode == 0 and int(entry(w, number)["commits"]) == 1, "the first comes to its end")


def run(sandbox, rng):
    w, node = start(sandbox)
    found(w, sandbox)
    killer = Killer(node.address)
    steps = commits(w, killer, rng)
    overtaken(w, killer, node)
    more, number = reveals(w, killer, sandbox)
    proofs(w, node, sandbox, rng, number)
    declined(w, sandbox)
    alone(w, killer)
    for path in (w.home / "salts").iterdir():
        expect(os.stat(path).st_mode & 0o777 == 0o600, f"{path.name} is private")
    killer.shutdown()
    expect(node.stop() == 0, "the node stops")
    return f"killed at {steps} steps of a commit and {more} of a reveal: one commit each, every salt kept"
