#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seven hospitals, one poisoner, one vote: federated rounds on real data, as users play them.

Makes a throw-away network of four validators (`cairnd network init`, `cairnd network up`), gives every party
an account (`cairn account new`), and plays five rounds of federated learning on the breast cancer
data through nothing but the `cairn` commands and the node's RPC. From round 2 on hospital G poisons
its updates. After round 3 the members vote for a robust policy, and the timelock executes it.

Everything is integer arithmetic, so whoever runs this gets these very models, bit for bit. Every
figure below is compared with what the chain and the files say; any deviation ends with exit 1.

Environment: CAIRN_BIN  folder of cairnd and cairn (default build/release)
             ONCE       if set and not empty: end by itself instead of leaving the node running
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = HERE / "breast_cancer.csv"
ONE = 10**18

HOSPITALS = "A B C D E F G".split()
VALIDATORS = "V1 V2 V3 V4".split()
AGGREGATORS = "AGG1 AGG2".split()
OWNER = "OWNER"
WEIGHT = dict(zip(HOSPITALS, (64, 64, 64, 64, 55, 50, 40)))

FAMILY = "tumour-classifier"
CHAIN_ID = 20482
BLOCK_MS = 250
NODES = 4
POOL = 1000 * ONE
BOND, AGGREGATOR_BOND = 1000 * ONE, 2000 * ONE
VOTABLE = {**{h: 100_000 * ONE for h in HOSPITALS}, **{v: 75_000 * ONE for v in VALIDATORS}}
FUND = 8000 * ONE
SUPPLY = 1_019_000 * ONE

GENESIS_SHA256 = "0583375c56a850686f469592b8487c2825caf2ba7c60893ffe2fda73788134a0"


class Round:
    """What one round has to come out as."""

    def __init__(self, number, policy, accepted, correct, found, sha256):
        self.number, self.policy, self.accepted = number, policy, accepted.split()
        self.correct, self.found, self.sha256 = correct, found, sha256
        self.poison = number >= 2
        self.aggregator = AGGREGATORS[(number - 1) % 2]


ROUNDS = [
    Round(1, "FedAvg", "A B C D E F G", 98, 33,
          "c39f3909861cc9b4f2042b2ccfd8a17b4b3ecaebf757535b6407c7d288a7c060"),
    Round(2, "FedAvg", "A B C D E F G", 82, 3,
          "8a88df76098bd7686afb206c7cdd352bc0287c9672f6271b178b31de45794b38"),
    Round(3, "FedAvg", "A B C D E F G", 86, 7,
          "80db23b7f5cb7624a0a808db1412547c4bbce2024b1858844e272e8cfa6fcc17"),
    Round(4, "MultiKrum", "A B C D E F", 111, 32,
          "c2e4258c3149aaf4ba965cbb45bfa5a5ccb1618cced52b5d01e142115d01b768"),
    Round(5, "MultiKrum", "A B C D E F", 112, 33,
          "0f28118595f0674f799b122eb8b4f5f2d31aba29fec5244eade950965c5faecd"),
]

# Votes are min(tokens, cap) * (500000 + reputation / 2) / 10^6, reputation after round 3.
VOTES = {**{h: "for" for h in "ABCDEF"}, "V1": "for", "V2": "for", "V3": "for",
         "G": "against", "V4": "abstain"}


def votes_of(tokens, reputation):
    return tokens * (500_000 + reputation // 2) // 1_000_000


def accepted_reputation(r):
    return r + ((1_000_000 - r) >> 3)


def refused_reputation(r):
    return r - (r >> 3)


# ---- talking ---------------------------------------------------------------------------------

WRONG = []
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def bold(text):
    return f"\033[1m{text}\033[0m" if COLOUR else text


def say(text=""):
    print(text, flush=True)


def expect(what, have, want):
    """Compares a figure with the expected one; the run goes on, and fails at its end."""
    if have == want:
        return
    WRONG.append(f"{what}: have {have}, want {want}")
    say(bold(f"  WRONG  {WRONG[-1]}"))


def amount(units):
    whole, rest = divmod(units, ONE)
    return f"{whole}.{rest // 10**12:06d}"


class Failed(Exception):
    """A step that had to work did not."""


# ---- the network -----------------------------------------------------------------------------


class Network:
    """Four validators in a temporary folder, and everybody's wallet."""

    def __init__(self, binaries, folder):
        self.cairnd, self.cairn = binaries / "cairnd", binaries / "cairn"
        self.folder = folder
        self.node = None
        self.log = folder / "node.log"
        self.address = {}
        self.password = folder / "password"
        self.password.write_text("demonstration\n")
        self.password.chmod(0o600)
        self.rpc_port = free_ports(8545, NODES)
        self.p2p_port = free_ports(30303, NODES)
        self.urls = [f"http://127.0.0.1:{self.rpc_port + i}" for i in range(NODES)]
        self.url = self.urls[0]
        self.environment = {**{k: v for k, v in os.environ.items() if not k.startswith("CAIRN")},
                            "CAIRN_HOME": str(folder / "wallet"), "CAIRN_RPC": self.url,
                            "CAIRN_PASSWORD_FILE": str(self.password)}

    def run(self, *words, account=None, may_fail=False):
        """One `cairn` command; its JSON object."""
        command = [str(self.cairn), "--json", "--yes", "--quiet"]
        if account:
            command += ["--account", account]
        done = subprocess.run([*command, *map(str, words)], env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=240, check=False)
        try:
            answer = json.loads(done.stdout)
        except ValueError as error:
            raise Failed(f"cairn {' '.join(map(str, words))}: exit {done.returncode}, no JSON: "
                         f"{done.stdout[:200]!r} {done.stderr[:400]!r}") from error
        answer["exit"] = done.returncode
        if done.returncode != 0 and not may_fail:
            raise Failed(f"cairn {' '.join(map(str, words))} (account {account}): exit "
                         f"{done.returncode}: {answer['error']['message']}")
        return answer

    def all(self, jobs, at_once=4):
        """Several commands at once, each by another account. Results in the order of `jobs`."""
        with ThreadPoolExecutor(max_workers=at_once) as pool:
            return [f.result() for f in [pool.submit(job) for job in jobs]]

    def view(self, contract, function, *args):
        """The first value that a system contract's view returns."""
        return self.run("call", contract, function, *args)["values"][0]

    def make_accounts(self, names):
        """A key for everyone. Scrypt is set low here: these keys live for a minute."""
        made = self.all([lambda n=n: self.run("account", "new", n, "--no-words", "--light-kdf")
                         for n in names])
        self.address = {m["name"]: m["address"] for m in made}
        self.name = {address: name for name, address in self.address.items()}

    def start(self, members, governance):
        """Genesis, data directory, node; returns when it answers."""
        files = {"members.json": members, "gov.json": governance}
        for name, content in files.items():
            (self.folder / name).write_text(json.dumps(content, indent=1))
        net = self.folder / "net"
        done = subprocess.run(
            [self.cairnd, "network", "init", "--validators", str(NODES), "--chain-id", str(CHAIN_ID),
             "--rpc-port", str(self.rpc_port), "--p2p-port", str(self.p2p_port), "--block-period", f"{BLOCK_MS}ms", "--members", self.folder / "members.json",
             "--gov", self.folder / "gov.json", "--dir", net],
            text=True, capture_output=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failed(f"cairnd network init: exit {done.returncode}\n{done.stdout}{done.stderr}")
        self.spawn([self.cairnd, "network", "up", net])

    def spawn(self, command):
        with open(self.log, "wb") as log:
            # In a session of its own, so that Ctrl-C reaches it in order: after us.
            self.node = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                         start_new_session=True)
        # A first block says that the validators have found each other.
        self.until("the validators make blocks", self.has_blocks)

    def ask(self, url, method, *params):
        """The result of one RPC call; None if nobody answers."""
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        request = urllib.request.Request(url, json.dumps(question).encode(),
                                         {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer).get("result")
        except (OSError, ValueError):
            return None

    def has_blocks(self):
        if self.node.poll() is not None:
            raise Failed(f"the nodes ended with exit {self.node.returncode}")
        return all(int(self.ask(url, "eth_blockNumber") or "0x0", 16) > 0 for url in self.urls)

    def same_chain(self):
        """The height that all nodes have, and the hashes they have there."""
        height = min(int(self.ask(url, "eth_blockNumber"), 16) for url in self.urls)
        return height, {self.ask(url, "eth_getBlockByNumber", hex(height), False)["hash"]
                        for url in self.urls}

    def until(self, what, condition, seconds=120):
        """Asks again and again. Nothing waits longer than `seconds`."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise Failed(f"waited {seconds} s for this: {what}")
            time.sleep(0.1)

    def stop(self):
        if self.node is None or self.node.poll() is not None:
            return
        self.node.terminate()
        try:
            self.node.wait(60)
        except subprocess.TimeoutExpired:
            self.node.kill()
            self.node.wait()


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_ports(wanted, count):
    """The first of `count` ports in a row that nobody listens on, from `wanted` on."""
    for first in range(wanted, 65000 - count, count):
        if all(is_free(port) for port in range(first, first + count)):
            return first
    raise Failed("no free ports")


# ---- the story -------------------------------------------------------------------------------


class Story:
    """The consortium's five rounds and its vote."""

    def __init__(self, network):
        self.net = network
        self.models = {0: network.folder / "genesis.safetensors"}
        self.reputation = {**{h: 500_000 for h in HOSPITALS}, **{v: 500_000 for v in VALIDATORS}}
        self.earned = {name: 0 for name in (*HOSPITALS, *AGGREGATORS)}
        self.treasury = 0
        self.table = []

    # -- before the first round

    def found(self):
        net = self.net
        say(bold("1. The consortium"))
        began = time.monotonic()
        net.make_accounts([*HOSPITALS, *VALIDATORS, *AGGREGATORS, OWNER])
        # Eleven people will vote at once. Forty blocks are ten seconds, ample for that; a
        # machine that is slow at making their accounts gets a longer vote.
        voting = min(480, max(40, int(16 * (time.monotonic() - began) * 1000 / BLOCK_MS)))
        a = net.address
        tokens = {**VOTABLE, **{g: AGGREGATOR_BOND for g in AGGREGATORS}, OWNER: FUND}
        for h in HOSPITALS:
            tokens[h] += BOND
        members = [{"address": a[n], "tokens": str(t // ONE), "member": n in VOTABLE,
                    "aggregator": n in AGGREGATORS} for n, t in tokens.items()]
        net.start(members, {
            "minBlocksFloor": "2", "blockPeriodMs": str(BLOCK_MS), "timelockSeconds": "10",
            "votingDelayBlocks": "1", "votingPeriodBlocks": str(voting),
            "lateQuorumBlocks": str(voting // 2)})
        say(f"  seven hospitals, four validator organisations, two aggregators; four validator nodes, "
            f"RPC at {net.url}")
        say(f"  chain {CHAIN_ID}, a block every {BLOCK_MS} ms, votes last {voting} blocks; contracts in the "
            "genesis block")

        net.run("train", "genesis", "--out", self.models[0])
        family = net.run("model", "create-family", FAMILY, "--params", 2049, "--policy", "fedavg",
                         "--weight-max", 64, "--clip", 2**21, account=OWNER)["result"]["family"]
        self.family = family
        net.run("model", "register", family, self.models[0], account=OWNER)
        jobs = [lambda h=h: net.run("reward", "bond", "participant", BOND // ONE, account=h)
                for h in HOSPITALS]
        jobs += [lambda g=g: net.run("reward", "bond", "aggregator", AGGREGATOR_BOND // ONE, account=g)
                 for g in AGGREGATORS]
        jobs += [lambda: net.run("reward", "fund", family, FUND // ONE, account=OWNER)]
        net.all(jobs)
        sha256 = net.run("model", "hash", self.models[0])["sha256"]
        expect("genesis model", sha256, GENESIS_SHA256)
        say(f"  model family {FAMILY}, genesis model {sha256[:16]}.., pool {FUND // ONE} CAIRN")
        say()

    # -- one round

    def train_and_commit(self, number, base, hospital, poison):
        update = self.net.folder / f"update-{number}-{hospital}.safetensors"
        words = ["train", "update", "--data", DATA, "--party", hospital, "--base", base, "--out", update]
        trained = self.net.run(*words, *(["--poison"] if poison else []))
        expect(f"round {number}: declared weight of {hospital}", trained["weight"], WEIGHT[hospital])
        return self.net.run("round", "commit", number, "--update", update, "--base", base,
                            "--weight", trained["weight"], account=hospital)

    def advice(self, number, account):
        return self.net.run("round", "next", number, account=account)["items"][0]["action"]

    def play(self, r):
        net, n, base = self.net, r.number, self.models[r.number - 1]
        new = self.models[n] = net.folder / f"round-{n}.safetensors"
        blobs = net.folder / "blobs" / str(n)
        say(bold(f"Round {n}: policy {r.policy}") + (", G poisons its update" if r.poison else ""))

        opened = net.run("round", "open", self.family, "--base", base, "--pool", POOL // ONE,
                         "--n-min", 5, "--n-max", len(HOSPITALS), "--seed-span", 1, "--min-blocks", 2,
                         "--commit-time", "120s", "--reveal-time", "120s", "--aggregate-time", "60s",
                         "--challenge-time", "1s", "--claim-time", "180d", account=OWNER)
        expect(f"round {n}: its number", opened["result"]["round"], str(n))
        net.all([lambda h=h: self.train_and_commit(n, base, h, r.poison and h == "G")
                 for h in HOSPITALS])
        # The seventh commit closes the window; the seed comes from blocks after that.
        net.until("the seed can be drawn", lambda: self.advice(n, "A") == "draw")
        net.run("round", "draw", n, account="A")
        net.all([lambda h=h: net.run("round", "reveal", n, "--publish", blobs, account=h)
                 for h in HOSPITALS])
        net.run("round", "select", n, account="B")
        aggregate = net.run("round", "aggregate", n, "--base", base, "--updates", blobs, "--out", new,
                            account=r.aggregator)
        expect(f"round {n}: posted model", aggregate["result"]["newFileSha256"], "0x" + r.sha256)
        # Anybody can compute it again while it can be challenged; V1 does.
        net.run("round", "check", n, "--base", base, "--updates", blobs, account="V1")
        net.until("the challenge window is over", lambda: self.advice(n, "V1") == "finalise")
        net.run("round", "finalise", n, account="V1")
        self.judge(r, new)

    def judge(self, r, model):
        """Compares everything the round left behind, and tells it."""
        net, n = self.net, r.number
        status = net.run("round", "status", n)
        rows = {row["name"]: row for row in status["participants"]}
        total = sum(WEIGHT[h] for h in r.accepted)
        expect(f"round {n}: state", status["state"], "finalised")
        expect(f"round {n}: total weight", status["info"]["totalWeight"], str(total))
        expect(f"round {n}: participants", sorted(rows), HOSPITALS)
        expect(f"round {n}: accepted", sorted(h for h in rows if rows[h]["status"] == "accepted"),
               r.accepted)

        part = POOL * 7500 // 10_000
        paid = POOL * 700 // 10_000
        self.earned[r.aggregator] += paid
        expect(f"round {n}: claimable by {r.aggregator}",
               int(net.view("Rewards", "claimable", n, net.address[r.aggregator])), paid)
        claimable = self.views(HOSPITALS, lambda a: ("Rewards", "claimable", n, a))
        reputations = self.views(HOSPITALS, lambda a: ("Reputation", "reputation", a))
        say("    who  result    weight      reward  reputation")
        for h in HOSPITALS:
            row, ok = rows.get(h, {}), h in r.accepted
            reward = part * WEIGHT[h] // total if ok else 0
            before = self.reputation[h]
            self.reputation[h] = accepted_reputation(before) if ok else refused_reputation(before)
            self.earned[h] += reward
            paid += reward
            expect(f"round {n}: weight of {h}", row.get("weight"), str(WEIGHT[h]) if ok else "0")
            expect(f"round {n}: reward of {h}", row.get("reward"), str(reward))
            expect(f"round {n}: claimable by {h}", claimable[h], reward)
            expect(f"round {n}: reputation of {h}", reputations[h], self.reputation[h])
            say(f"    {h}    {row.get('status', '?'):9} {row.get('weight', '?'):>6}"
                f"  {amount(int(row.get('reward', 0))):>10}  {reputations[h]:>10}"
                + (f"   {row['reason']}" if row.get("reason") else ""))
        self.treasury += POOL - paid
        expect(f"round {n}: treasury", self.balances(["TimelockController"])["TimelockController"],
               self.treasury)

        sha256 = net.run("model", "hash", model)["sha256"]
        expect(f"round {n}: model file", sha256, r.sha256)
        verified = net.run("model", "verify", model)
        expect(f"round {n}: version of the file", verified["version"], status["info"]["resultVersion"])
        score = net.run("train", "evaluate", model, "--data", DATA, "--party", "evaluators")
        expect(f"round {n}: correct of 114", score["correct"], r.correct)
        expect(f"round {n}: cancers found of 35", score["malignantFound"], r.found)
        say(f"    aggregated by {r.aggregator}; model {sha256[:16]}..: {score['correct']} of "
            f"{score['n']} correct ({score['correct'] / score['n']:.1%}), "
            f"{score['malignantFound']} of {score['malignant']} cancers found")
        say()
        self.table.append((n, r.policy, "".join(sorted(h for h in rows
                                                       if rows[h]["status"] == "accepted")),
                           score["correct"], score["malignantFound"], sha256))

    # -- the vote

    def vote(self):
        net = self.net
        say(bold("The vote: the members see the damage on chain and want a robust policy"))
        params = net.run("model", "family", self.family)["params"]
        wanted = {**params, "policy": "MultiKrum", "f": "1"}
        values = {**wanted, "policy": self.contract("MultiKrum")}
        for who in ("A", "G"):
            answer = net.run("tx", "call", "ModelRegistry", "setFamilyParams", self.family,
                             f"({','.join(values.values())})", account=who, may_fail=True)
            error = (answer.get("error") or {}).get("data") or {}
            expect(f"direct change by {who}: refused before it is sent",
                   (answer["exit"], error.get("error")), (13, "NotAllowed"))
        say("  nobody can change it alone: NotAllowed")

        file = net.folder / "proposal.json"
        file.write_text(json.dumps({
            "title": "Select by MultiKrum, f = 1",
            "description": "Round 2 and 3 missed 32 and 28 of 35 cancers. One of us sends poison.",
            "actions": [{"to": "ModelRegistry", "function": "setFamilyParams",
                         "args": [self.family, wanted]}]}))
        net.run("dao", "propose", file, account="A")
        early = net.run("dao", "execute", "latest", account="A", may_fail=True)
        expect("executing a proposal nobody has voted on", early["exit"], 13)
        net.until("votes count", lambda: self.proposal()["state"] == "active")
        net.all([lambda v=v, s=s: net.run("dao", "vote", "latest", s, account=v)
                 for v, s in VOTES.items()], at_once=len(VOTES))
        net.until("the vote is over", lambda: self.proposal()["state"] != "active", seconds=300)

        tally = {"for": 0, "against": 0, "abstain": 0}
        for voter, support in VOTES.items():
            tally[support] += votes_of(VOTABLE[voter], self.reputation[voter])
        shown = self.proposal()
        for word, votes in tally.items():
            expect(f"votes {word}", int(shown["tally"][word]), votes)
        expect("quorum", int(shown["tally"]["quorum"]), sum(VOTABLE.values()) * 2 // 10)
        expect("the proposal", shown["state"], "succeeded")
        say("  for {} (A-F, V1-V3), against {} (G), abstain {} (V4); quorum {}".format(
            *(amount(int(shown["tally"][w])) for w in ("for", "against", "abstain", "quorum"))))

        net.run("dao", "queue", "latest", account="V1")
        early = net.run("dao", "execute", "latest", account="V1", may_fail=True)
        expect("executing before the timelock", early["exit"], 13)
        say("  queued; executing before the timelock is refused: "
            + (early.get("error") or {}).get("message", "?"))
        eta = int(self.proposal()["eta"])
        net.until("the timelock is over", lambda: self.chain_time() >= eta)
        net.run("dao", "execute", "latest", account="V1")
        expect("the proposal", self.proposal()["state"], "executed")
        after = net.run("model", "family", self.family)
        expect("the family's policy", (after["policyName"], after["params"]["f"]), ("MultiKrum", "1"))
        say("  executed: the family selects by MultiKrum, f = 1")
        say()

    def proposal(self):
        return self.net.run("dao", "show", "latest")

    def contract(self, name):
        """The address of a system contract, from the directory on chain."""
        return self.net.view("Directory", "get", "0x" + name.encode().hex().ljust(64, "0"))

    def chain_time(self):
        text = self.net.run("network", "status")["time"]
        return int(time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))) - time.timezone

    # -- the end

    def views(self, names, words):
        """A number per name, asked for at once: `words` makes the view from an address."""
        address = {n: self.net.address.get(n) or self.contract(n) for n in names}
        asked = self.net.all([lambda n=n: self.net.view(*words(address[n])) for n in names])
        return dict(zip(names, map(int, asked)))

    def balances(self, names):
        return self.views(names, lambda a: ("CairnToken", "balanceOf", a))

    def settle(self):
        """Everybody claims; then all tokens that were ever minted are found again."""
        net = self.net
        say(bold("Money"))
        for name, have in self.balances(list(self.earned)).items():
            expect(f"balance of {name} before claiming", have, VOTABLE.get(name, 0))
        net.all([lambda n=n: net.run("reward", "claim", "--all", account=n) for n in self.earned])
        held = self.balances([*net.address, "Rewards", "TimelockController"])
        for name, earned in self.earned.items():
            expect(f"balance of {name}", held[name], VOTABLE.get(name, 0) + earned)
        expect("earned by AGG1 and AGG2", (self.earned["AGG1"], self.earned["AGG2"]),
               (210 * ONE, 140 * ONE))

        expect("supply", int(net.view("CairnToken", "totalSupply")), SUPPLY)
        expect("sum of all balances", sum(held.values()), SUPPLY)
        promised = sum(int(net.view("Rewards", f)) for f in ("totalBonded", "totalPools", "totalOwed"))
        expect("what Rewards holds is what it owes", held["Rewards"], promised)
        expect("bonds", int(net.view("Rewards", "totalBonded")),
               7 * BOND + 2 * AGGREGATOR_BOND)
        expect("unspent pool", int(net.view("Rewards", "totalPools")), FUND - 5 * POOL)
        expect("left unclaimed", int(net.view("Rewards", "totalOwed")), 0)
        expect("treasury", held["TimelockController"], self.treasury)
        say("  claimed: " + "  ".join(f"{n} {amount(e)}" for n, e in self.earned.items()))
        say(f"  treasury {amount(self.treasury)}, bonds {amount(promised - (FUND - 5 * POOL))}, "
            f"unspent pool {amount(FUND - 5 * POOL)}")
        say(f"  every one of {SUPPLY // ONE:,} CAIRN is accounted for" if not WRONG else
            "  see what is WRONG above")
        say()

    def lineage(self):
        net, last = self.net, ROUNDS[-1]
        say(bold("The deployed model and where it comes from"))
        net.run("model", "approve", self.models[last.number], account=OWNER)
        net.run("model", "deploy", self.models[last.number], "--channel", "stable", account=OWNER)
        nodes = net.run("model", "lineage", f"{FAMILY}@stable")["nodes"]
        expect("the family's last version", net.run("model", "show", f"{FAMILY}:{last.number}")["version"],
               nodes[0]["version"])
        expect("lineage, newest first", [v["fileSha256"][2:] for v in nodes],
               [r.sha256 for r in reversed(ROUNDS)] + [GENESIS_SHA256])
        for depth, v in enumerate(nodes):
            origin = f"round {v['roundId']}" if v["roundId"] != "0" else "genesis"
            say(f"  {'  ' * depth}{v['version'][:12]}  {origin}, {v['status']}, sha256 "
                f"{v['fileSha256'][2:18]}..")
        say()

    def agreement(self):
        """The same chain on every validator, sealed by a quorum of them."""
        net = self.net
        say(bold("The ledger"))
        height, hashes = net.same_chain()
        expect("block hashes at one height, over all nodes", len(hashes), 1)
        validators = net.ask(net.url, "qbft_getValidatorsByBlockNumber", hex(height))
        expect("validators", len(validators), NODES)
        net.until("every node has all the others as peers", lambda: all(
            net.ask(url, "net_peerCount") == hex(NODES - 1) for url in net.urls))
        say(f"  {NODES} validators, block {height} has the same hash on all: {hashes.pop()[:18]}..")
        say()

    def summary(self):
        say(bold("round  policy     accepted  correct of 114   cancers found of 35  model"))
        for n, policy, accepted, correct, found, sha256 in self.table:
            say(f"{n:>5}  {policy:9}  {accepted:8}  {correct:>3} {correct / 114:>8.1%}     "
                f"{found:>2}                   {sha256[:16]}..")
        say()


def play(network):
    story = Story(network)
    story.found()
    say(bold("2. The rounds"))
    for r in ROUNDS[:3]:
        story.play(r)
    story.vote()
    for r in ROUNDS[3:]:
        story.play(r)
    story.settle()
    story.lineage()
    story.agreement()
    story.summary()


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    once = os.environ.get("ONCE", "") not in ("", "0")
    binaries = Path(os.environ.get("CAIRN_BIN") or ROOT / "build" / "release").resolve()
    for program in ("cairnd", "cairn"):
        if not (binaries / program).exists():
            say(f"error: {binaries / program} is missing\nhint: make, or set CAIRN_BIN")
            return 2
    signal.signal(signal.SIGTERM, interrupted)
    folder = Path(tempfile.mkdtemp(prefix="cairn-demo-"))
    network = Network(binaries, folder)
    began = time.monotonic()
    code = 1
    try:
        play(network)
        code = 1 if WRONG else 0
        took = time.monotonic() - began
        if WRONG:
            say(bold(f"{len(WRONG)} figures are wrong:"))
            for line in WRONG:
                say(f"  {line}")
        else:
            say(f"Every figure is the expected one. {took:.0f} s.")
        if not once:
            say(f"\nThe nodes keep running:\n  RPC   {' '.join(network.urls)}\n"
                f"  for the wallet: export CAIRN_RPC={network.url} CAIRN_HOME={folder / 'wallet'} "
                f"CAIRN_PASSWORD_FILE={network.password}\n"
                f"  try: cairn round status 4    (and: cairn --help)\n"
                f"  log: {network.log}\nCtrl-C stops it and removes {folder}.")
            network.node.wait()
            say(f"error: the nodes ended by themselves, exit {network.node.returncode}")
            code = 1
    except Failed as failure:
        say(bold(f"error: {failure}"))
        if network.log.exists():
            say("last lines of the nodes' log:")
            say("".join(network.log.read_text(errors="replace").splitlines(keepends=True)[-15:]))
    except KeyboardInterrupt:
        say("\nstopping")
    finally:
        network.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
