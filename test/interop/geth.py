#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cairnd statetest and cairnd t8n beside go-ethereum's evm, on samples of the official vectors.

usage: geth.py --evm EVM --cairnd CAIRND --vectors UNPACKED [--seed N] [--count N]
               [--only statetest,trace,t8n,tracers,blocks,odd] [--generated DIR] [--verbose]

statetest  the JSON array of results, case by case
trace      every EIP-3155 line of statetest --trace
t8n        state tests' transactions as a block: result, alloc and body, from files and from
           standard input, as RLP and as JSON with secret keys
tracers    the tracers of t8n --trace.tracer, which debug_trace* uses; only when asked for, as older
           versions of go-ethereum's than 1.17 tell less
blocks     blockchain tests, block after block, each on the world the one before left
odd        what a careless generator may hand over, and what must be refused: outputs, exit codes

A difference is printed with the first line or member that differs. Exit code 1 if there is any.
"""
import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

TIMEOUT_S = 60
# go-ethereum 1.17 fails these itself: an account with storage and nothing else is no collision
# to it (EIP-7610).
KNOWN = ("eip7610_create_collision",)
FILE_MAX_BYTES = 200_000  # larger ones take go-ethereum minutes to trace

# ---- RLP ------------------------------------------------------------------------------------------


def rlp_items(data):
    """The items of a list's payload, each as its whole encoding."""
    at, items = 0, []
    while at < len(data):
        head, size = rlp_head(data, at)
        items.append(data[at:at + head + size])
        at += head + size
    return items


def rlp_head(data, at):
    """How long the prefix is and how long the payload behind it."""
    b = data[at]
    if b < 0x80:
        return 0, 1
    base = 0x80 if b < 0xc0 else 0xc0
    if b - base <= 55:
        return 1, b - base
    width = b - base - 55
    return 1 + width, int.from_bytes(data[at + 1:at + 1 + width], "big")


def rlp_payload(item):
    head, _ = rlp_head(item, 0)
    return item[head:]


def rlp_prefix(size, base):
    if size <= 55:
        return bytes([base + size])
    width = (size.bit_length() + 7) // 8
    return bytes([base + 55 + width]) + size.to_bytes(width, "big")


def rlp_list(items):
    body = b"".join(items)
    return rlp_prefix(len(body), 0xc0) + body


def rlp_string(data):
    return data if len(data) == 1 and data[0] < 0x80 else rlp_prefix(len(data), 0x80) + data


def as_body_item(raw):
    """A transaction's bytes as a block's body holds them: typed ones are strings."""
    return raw if raw[0] >= 0xc0 else rlp_string(raw)


# ---- running the two ------------------------------------------------------------------------------

class Tools:
    def __init__(self, args):
        self.programs = {"geth": args.evm, "cairn": args.cairnd}
        self.verbose = args.verbose
        self.compared = {}
        self.differences = 0

    def run(self, which, words, stdin=None):
        """Exit code, standard output, standard error; None if it took too long."""
        try:
            done = subprocess.run([self.programs[which], *words], input=stdin, timeout=TIMEOUT_S,
                                  capture_output=True, check=False)
        except subprocess.TimeoutExpired:
            return None
        return done.returncode, done.stdout, done.stderr

    def count(self, part, cases=1):
        self.compared[part] = self.compared.get(part, 0) + cases

    def differ(self, part, where, geth, cairn):
        self.differences += 1
        if self.differences > 40 and not self.verbose:
            return
        print(f"DIFFERENCE {part} {where}\n  geth  {str(geth)[:600]}\n  cairn {str(cairn)[:600]}",
              flush=True)


def first_difference(a, b, path=""):
    """Where two JSON values differ, or None."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            if key not in a or key not in b:
                return f"{path}/{key}", a.get(key, "(none)"), b.get(key, "(none)")
            found = first_difference(a[key], b[key], f"{path}/{key}")
            if found:
                return found
        return None
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            found = first_difference(x, y, f"{path}/{i}")
            if found:
                return found
        return None
    return None if a == b and type(a) is type(b) else (path, a, b)


# ---- statetest ------------------------------------------------------------------------------------

def by_case(results):
    """go-ethereum runs a file's forks in no order: as often as it says it."""
    return sorted((json.dumps(r, sort_keys=True) for r in results))


def statetest(tools, path, name):
    runs = {w: tools.run(w, ["statetest", path]) for w in ("geth", "cairn")}
    if None in runs.values():
        return
    geth, cairn = (json.loads(runs[w][1]) for w in ("geth", "cairn"))
    tools.count("statetest", len(geth))
    for a, b in zip(by_case(geth), by_case(cairn)):
        if a != b:
            tools.differ("statetest", name, a, b)
            return
    if len(geth) != len(cairn):
        tools.differ("statetest", name, len(geth), len(cairn))


def comparable(text):
    """A trace's line without what go-ethereum's own versions word differently, or what only a
    machine built like it can know: what an instruction that failed would have cost and why it
    failed, the output of a failed creation, the refund of that and of SELFDESTRUCT before London, names of
    bytes that are no instructions."""
    line = json.loads(text)
    if "error" in line:
        line["error"] = "reverted" if line["error"] == "execution reverted" else "failed"
        if line["error"] == "failed":
            line.pop("gasCost", None)
            line.pop("output", None)
            line.pop("opName", None)
            line.pop("refund", None)
    if line.get("op") == 255:
        line.pop("refund", None)
    if line.get("gasCost") == "0x0" and line.get("op") != 0:
        line.pop("opName")
    return line


def trace(tools, path, name, test):
    for fork in test["post"]:
        flags = ["statetest", "--trace", "--trace.format=json", "--statetest.fork", fork, "--run",
                 f"^{re.escape(name.split(' ', 1)[1]).replace(chr(92) + '-', '-')}$", path]
        runs = {w: tools.run(w, flags) for w in ("geth", "cairn")}
        if None in runs.values():
            return
        geth, cairn = (runs[w][2].decode().splitlines() for w in ("geth", "cairn"))
        tools.count("trace lines", len(geth))
        for i, (a, b) in enumerate(zip(geth, cairn)):
            tools.count("to the byte", a == b)
            if a != b and comparable(a) != comparable(b):
                tools.differ("trace", f"{name} {fork} line {i}", a, b)
                return
        if len(geth) != len(cairn):
            tools.differ("trace", f"{name} {fork}", len(geth), len(cairn))
            return


def generated(tools, path):
    """A file of test/diff/run.mjs --export, which expects what we computed: a go-ethereum that
    computes something else fails its case. Then every line of all traces."""
    for which in ("geth", "cairn"):
        done = tools.run(which, ["statetest", str(path)])
        if done is None:
            print(f"timeout: {which} {path.name}")
            return
        failed = [r for r in json.loads(done[1]) if not r["pass"]]
        for r in failed:
            tools.differ("generated", f"{path.name} {which}", r, "(expects ours)")
        if which == "geth":
            tools.count("generated programs", len(json.loads(done[1])))
    runs = [tools.run(w, ["statetest", "--trace", "--trace.format=json", str(path)])
            for w in ("geth", "cairn")]
    if None in runs:
        print(f"timeout: trace of {path.name}")
        return
    geth, cairn = (chunks(r) for r in runs)
    for name, lines in geth.items():
        tools.count("generated trace lines", len(lines))
        ours = cairn.get(name, [])
        for i, (a, b) in enumerate(zip(lines, ours)):
            if a != b and comparable(a) != comparable(b):
                tools.differ("generated trace", f"{path.name} {name} line {i}", a, b)
                break
        else:
            if len(lines) != len(ours):
                tools.differ("generated trace", f"{path.name} {name}", len(lines), len(ours))


def chunks(run):
    """A traced run's lines by the test's name: go-ethereum runs tests in no order."""
    names = [r["name"] for r in json.loads(run[1])]
    found, lines = {}, []
    for line in run[2].decode().splitlines():
        lines.append(line)
        if line.startswith('{"stateRoot"'):
            found[names[len(found)]] = lines
            lines = []
    return found


# ---- t8n ------------------------------------------------------------------------------------------

ORDER = ["Frontier", "Homestead", "EIP150", "EIP158", "Byzantium", "Constantinople",
         "ConstantinopleFix", "Istanbul", "Berlin", "London", "Paris", "Shanghai", "Cancun", "Prague"]


def at_least(fork, other):
    return ORDER.index(fork) >= ORDER.index(other)


def env_of(test, fork):
    """A state test's surroundings with what a block of the fork has beside them."""
    env = dict(test["env"])
    if at_least(fork, "Paris"):
        env["currentDifficulty"] = "0x0"
        env.setdefault("currentRandom", "0x" + "00" * 32)
    else:
        env.pop("currentRandom", None)
    if at_least(fork, "Shanghai"):
        env["withdrawals"] = [{"index": "0x1", "validatorIndex": "0x2", "address": "0x" + "ee" * 20,
                               "amount": "0x3"}]
    if at_least(fork, "Cancun"):
        env["parentBeaconBlockRoot"] = "0x" + "be" * 32
        env["blockHashes"] = {str(int(env["currentNumber"], 16) - 1): "0x" + "ab" * 32}
    else:
        env.pop("currentExcessBlobGas", None)  # go-ethereum panics on it
    if not at_least(fork, "London"):
        env.pop("currentBaseFee", None)
    return env


def json_txs(test, cases):
    """The template's transactions, to be signed by the tool."""
    t, txs = test["transaction"], []
    for case in cases:
        ix = case["indexes"]
        tx = {"nonce": t["nonce"], "gas": t["gasLimit"][ix["gas"]], "value": t["value"][ix["value"]],
              "input": t["data"][ix["data"]] or "0x", "secretKey": t["secretKey"],
              "v": "0x0", "r": "0x0", "s": "0x0", "type": "0x0"}
        if t["to"]:
            tx["to"] = t["to"]
        lists = t.get("accessLists")
        if lists and lists[ix["data"]] is not None:
            tx["accessList"] = lists[ix["data"]]
            tx["chainId"] = "0x1"
            tx["type"] = "0x1"
        if "maxFeePerGas" in t:
            tx |= {"maxFeePerGas": t["maxFeePerGas"], "type": "0x2", "chainId": "0x1",
                   "maxPriorityFeePerGas": t["maxPriorityFeePerGas"]}
        else:
            tx["gasPrice"] = t["gasPrice"]
        if "authorizationList" in t:
            return None
        txs.append({k: shorten(v) if k not in ("to", "input", "accessList", "secretKey") else v
                    for k, v in tx.items()})
    return txs


def shorten(text):
    return hex(int(text, 16)) if text not in ("", "0x") else "0x0"


def run_t8n(tools, folder, words, files, stdin):
    """Both tools on the same input: [(exit code, {output: text}, error)]."""
    results = []
    for which in ("geth", "cairn"):
        out = folder / f"out-{which}"
        out.mkdir(exist_ok=True)
        for old in out.iterdir():
            old.unlink()
        where = ["--output.basedir", str(out), "--output.result=result.json",
                 "--output.alloc=alloc.json", "--output.body=body.rlp"]
        if stdin is not None:
            where = ["--output.basedir", str(out), "--output.result=stdout",
                     "--output.alloc=stdout", "--output.body=stdout"]
        got = tools.run(which, ["t8n", *words, *where, *files], stdin)
        if got is None:
            return None
        code, stdout, stderr = got
        outputs = {"stdout": stdout.decode()}
        outputs |= {p.name: p.read_text() for p in sorted(out.iterdir())}
        results.append((code, outputs, stderr.decode()))
    return results


def compare_t8n(tools, part, where, results):
    (code_g, out_g, err_g), (code_c, out_c, err_c) = results
    tools.count(part)
    # A panic of go-ethereum's is no verdict; and its codes tell kinds of errors apart, where
    # cairnd has the codes of all its commands.
    if "panic:" in err_g:
        return None
    if (code_g == 0) != (code_c == 0):
        tools.differ(part, f"{where} exit code", f"{code_g} {err_g}", f"{code_c} {err_c}")
        return None
    for name in sorted(out_g.keys() | out_c.keys()):
        a, b = out_g.get(name), out_c.get(name)
        if a == b:
            continue
        if a is None or b is None:
            tools.differ(part, f"{where} {name}", a, b)
            return None
        try:
            found = first_difference(json.loads(a), json.loads(b))
        except ValueError:
            found = ("text", a, b)
        # go-ethereum 1.16 and later write the alloc's file in no order.
        if found is None and name != "alloc.json" and not name.startswith("trace-"):
            tools.differ(part, f"{where} {name}: same JSON, other bytes", a, b)
        elif found:
            tools.differ(part, f"{where} {name} {found[0]}", found[1], found[2])
            return None
    return out_g


def t8n(tools, folder, name, test, rng):
    for fork, cases in test["post"].items():
        if fork not in ORDER:
            continue
        env = env_of(test, fork)
        alloc = (SYSTEM if fork == "Prague" else {}) | test["pre"]
        picked = rng.sample(cases, min(len(cases), 3))
        raws = [bytes.fromhex(c["txbytes"][2:]) for c in picked if "txbytes" in c]
        inputs = [("rlp", "0x" + rlp_list([as_body_item(r) for r in raws]).hex() if raws else None),
                  ("json", json_txs(test, picked))]
        words = [f"--state.fork={fork}", f"--state.reward={rng.choice([-1, 0, 2000000000000000000])}"]
        for how, txs in inputs:
            if txs is None:
                continue
            if rng.random() < 0.5:
                stdin = json.dumps({"alloc": alloc, "env": env,
                                    ("txs" if how == "json" else "txsRlp"): txs}).encode()
                files = ["--input.alloc=stdin", "--input.env=stdin", "--input.txs=stdin"]
            else:
                stdin = None
                suffix = "json" if how == "json" else "rlp"
                (folder / "alloc.json").write_text(json.dumps(alloc))
                (folder / "env.json").write_text(json.dumps(env))
                (folder / f"txs.{suffix}").write_text(json.dumps(txs))
                files = [f"--input.alloc={folder}/alloc.json", f"--input.env={folder}/env.json",
                         f"--input.txs={folder}/txs.{suffix}"]
            results = run_t8n(tools, folder, words, files, stdin)
            if results:
                compare_t8n(tools, "t8n", f"{name} {fork} {how} {'files' if stdin is None else 'stdin'}"
                            f" {words[1]}", results)


# Not withLog: the world of go-ethereum's t8n does not tell its tracers of logs.
TRACERS = [("callTracer", {}), ("callTracer", {"onlyTopCall": True}), ("prestateTracer", {}),
           ("prestateTracer", {"diffMode": True}), ("prestateTracer", {"includeEmpty": True}),
           ("prestateTracer", {"disableCode": True, "disableStorage": True}),
           ("flatCallTracer", {}),
           ("flatCallTracer", {"convertParityErrors": True, "includePrecompiles": True}),
           ("4byteTracer", {})]
PRECOMPILE_FAILED = "precompiled contract failed"


def settled(ours, theirs):
    """Ours with go-ethereum's words for why a precompile failed: it has a sentence for each of its
    libraries' reasons."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if ours.get("error") == PRECOMPILE_FAILED and "error" in theirs:
            ours["error"] = theirs["error"]
        for key in ours.keys() & theirs.keys():
            settled(ours[key], theirs[key])
    if isinstance(ours, list) and isinstance(theirs, list):
        for a, b in zip(ours, theirs):
            settled(a, b)
    return ours


def tracers(tools, folder, name, test, rng):
    """The debug namespace's tracers, through t8n: a JSON value for each transaction."""
    fork = rng.choice([f for f in test["post"] if f in ORDER] or [None])
    if fork is None:
        return
    raws = [bytes.fromhex(c["txbytes"][2:]) for c in test["post"][fork] if "txbytes" in c]
    if not raws:
        return
    txs = "0x" + rlp_list([as_body_item(rng.choice(raws))]).hex()
    stdin = json.dumps({"alloc": (SYSTEM if fork == "Prague" else {}) | test["pre"],
                        "env": env_of(test, fork), "txsRlp": txs}).encode()
    files = ["--input.alloc=stdin", "--input.env=stdin", "--input.txs=stdin"]
    for tracer, config in TRACERS:
        # From Cancun on its tracers of calls are told of the system's calls before the block, too.
        if tracer in ("flatCallTracer", "4byteTracer") and at_least(fork, "Cancun"):
            continue
        words = [f"--state.fork={fork}", "--state.reward=-1", "--trace",
                 f"--trace.tracer={tracer}", f"--trace.jsonconfig={json.dumps(config)}"]
        results = run_t8n(tools, folder, words, files, stdin)
        if not results or '"rejected"' in results[0][1]["stdout"]:
            return
        traces = [[n for n in outputs if n.startswith("trace-")] for _, outputs, _ in results]
        if any(results[0][1][n] == "" for n in traces[0]):
            continue  # its callTracer trips over the system calls that come before Cancun's blocks
        (_, theirs, _), (_, ours, _) = results
        for n in set(traces[0]) & set(traces[1]):
            ours[n] = json.dumps(settled(json.loads(ours[n]), json.loads(theirs[n])))
        for outputs in (theirs, ours):
            outputs.pop("stdout")  # the t8n part's matter
        compare_t8n(tools, f"{tracer} {json.dumps(config)}", f"{name} {fork}", results)


def blocks(tools, folder, name, test):
    """The canonical chain of a blockchain test, one t8n after another."""
    fork = test["network"]
    genesis = test["genesisBlockHeader"]
    hashes = {str(int(genesis["number"], 16)): genesis["hash"]}
    alloc, parent = test["pre"], genesis
    for i, block in enumerate(test["blocks"]):
        header = block.get("blockHeader")
        if header is None or header["parentHash"] != parent["hash"]:
            return
        txs = rlp_items(rlp_payload(bytes.fromhex(block["rlp"][2:])))[1]
        env = {"currentCoinbase": header["coinbase"], "currentGasLimit": header["gasLimit"],
               "currentNumber": header["number"], "currentTimestamp": header["timestamp"],
               "currentDifficulty": "0x0", "currentRandom": header["mixHash"],
               "parentBaseFee": parent["baseFeePerGas"], "parentGasUsed": parent["gasUsed"],
               "parentGasLimit": parent["gasLimit"], "parentTimestamp": parent["timestamp"],
               "parentDifficulty": "0x0", "parentUncleHash": parent["uncleHash"],
               "parentExcessBlobGas": parent["excessBlobGas"],
               "parentBlobGasUsed": parent["blobGasUsed"],
               "parentBeaconBlockRoot": header["parentBeaconBlockRoot"],
               "withdrawals": [{k: v if k == "address" else shorten(v) for k, v in w.items()}
                               for w in block.get("withdrawals", [])], "blockHashes": hashes}
        stdin = json.dumps({"alloc": alloc, "env": env, "txsRlp": "0x" + txs.hex()}).encode()
        files = ["--input.alloc=stdin", "--input.env=stdin", "--input.txs=stdin"]
        results = run_t8n(tools, folder, [f"--state.fork={fork}"], files, stdin)
        if results is None:
            return
        outputs = compare_t8n(tools, "blocks", f"{name} block {i}", results)
        if outputs is None:
            return
        done = json.loads(outputs["stdout"])
        if done["result"]["stateRoot"] != header["stateRoot"]:
            tools.differ("blocks", f"{name} block {i}: state root", header["stateRoot"],
                         done["result"]["stateRoot"])
            return
        alloc, parent = done["alloc"], header
        hashes[str(int(header["number"], 16))] = header["hash"]


# ---- inputs to refuse -----------------------------------------------------------------------------

GOOD_ENV = {"currentCoinbase": "0x" + "cc" * 20, "currentGasLimit": "0x1000000",
            "currentNumber": "0x5", "currentTimestamp": "0x3a98", "currentDifficulty": "0x0",
            "currentRandom": "0x" + "00" * 32, "currentBaseFee": "0x7", "withdrawals": [],
            "parentBeaconBlockRoot": "0x" + "00" * 32, "currentExcessBlobGas": "0x0",
            "blockHashes": {"4": "0x" + "ab" * 32}}
SYSTEM = {"0x00000961ef480eb55e80d19ad83579a64c007002": {"code": "0x00", "balance": "0x0"},
          "0x0000bbddc7ce488642fb579f8b00f3a590007251": {"code": "0x00", "balance": "0x0"}}
SENDER = "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b"
KEY = "0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8"


def transfer(**more):
    tx = {"nonce": "0x0", "gas": "0x186a0", "value": "0x1", "input": "0x", "to": "0x" + "aa" * 20,
          "gasPrice": "0x10", "v": "0x0", "r": "0x0", "s": "0x0", "secretKey": KEY, "type": "0x0"}
    return {k: v for k, v in (tx | more).items() if v is not None}


def without(env, *names):
    return {k: v for k, v in env.items() if k not in names}


def odd_inputs():
    """(name, fork, alloc, env, txs): what a careless generator may hand over."""
    # The contracts of EIP-7002 and EIP-7251, without which Prague has no blocks elsewhere.
    rich = SYSTEM | {SENDER: {"balance": "0xde0b6b3a7640000"}}
    # BLOCKHASH(1) of block 5, stored.
    asks = rich | {"0x" + "aa" * 20: {"balance": "0x0", "code": "0x600140600055"}}
    fees = {"gasPrice": None, "maxFeePerGas": "0x20", "maxPriorityFeePerGas": "0x1", "type": "0x2",
            "chainId": "0x1"}
    yield "plain", "Prague", rich, GOOD_ENV, [transfer()]
    for fork in ("FrontierToHomesteadAt5", "HomesteadToEIP150At5", "EIP158ToByzantiumAt5",
                 "ByzantiumToConstantinopleAt5",
                 "ByzantiumToConstantinopleFixAt5", "ConstantinopleFixToIstanbulAt5",
                 "MuirGlacier", "ArrowGlacier", "GrayGlacier", "BerlinToLondonAt5"):
        for number in ("0x4", "0x5"):
            env = without(GOOD_ENV, "currentRandom", "withdrawals", "currentExcessBlobGas") | {
                "currentDifficulty": "0x20000", "currentNumber": number}
            yield f"{fork} at {number}", fork, rich, env, [transfer(), transfer(nonce="0x1", **fees)]
    for fork in ("ParisToShanghaiAtTime15k", "ShanghaiToCancunAtTime15k", "CancunToPragueAtTime15k",
                 "Merge", "Paris"):
        for time in ("0x3a97", "0x3a98"):
            env = without(GOOD_ENV, "currentExcessBlobGas") | {"currentTimestamp": time}
            if "Cancun" in fork and time == "0x3a98" or fork.startswith("Cancun"):
                env["currentExcessBlobGas"] = "0x0"
            yield (f"{fork} at {time}", fork, rich, env,
                   [transfer(), transfer(nonce="0x1", **fees)])
    yield "no such fork", "Nonsense", rich, GOOD_ENV, []
    yield "an extra EIP", "Shanghai+1153", rich, GOOD_ENV, [transfer()]
    for name in GOOD_ENV:
        yield f"without {name}", "Prague", rich, without(GOOD_ENV, name), [transfer()]
    yield "block hash is missing", "Cancun", asks, GOOD_ENV, [transfer()]
    yield "block hash is there", "Cancun", asks, GOOD_ENV | {
        "blockHashes": {"1": "0x" + "01" * 32, "4": "0x" + "04" * 32}}, [transfer()]
    yield "difficulty after the merge", "Prague", rich, GOOD_ENV | {"currentDifficulty": "0x1"}, []
    yield "a beacon root too early", "Shanghai", rich, GOOD_ENV, []
    yield "ommers", "London", rich, without(GOOD_ENV, "currentRandom", "withdrawals", "currentExcessBlobGas") | {
        "currentDifficulty": "0x20000",
        "ommers": [{"delta": 1, "address": "0x" + "bb" * 20}]}, [transfer()]
    for uncles in ("0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347", "0x" + "12" * 32):
        for fork in ("Frontier", "Homestead", "Byzantium", "Constantinople", "MuirGlacier", "London",
                     "ArrowGlacier", "GrayGlacier"):
            for number, gap in (("0x5", 3), ("0x500000", 9), ("0xe00000", 25), ("0x1000000", 2000)):
                env = without(GOOD_ENV, "currentRandom", "withdrawals", "currentDifficulty",
                              "currentExcessBlobGas", "blockHashes") | {
                    "parentDifficulty": "0x2000000", "parentTimestamp": "0x1000",
                    "parentUncleHash": uncles, "currentTimestamp": hex(0x1000 + gap),
                    "currentNumber": number}
                yield f"{fork} difficulty of {number} after {gap} s {uncles[:6]}", fork, rich, env, []
    yield "base fee by the parent", "London", rich, without(
        GOOD_ENV, "currentRandom", "withdrawals", "currentBaseFee", "currentExcessBlobGas") | {
            "currentDifficulty": "0x20000", "parentBaseFee": "0x100", "parentGasUsed": "0x900000",
            "parentGasLimit": "0x1000000"}, [transfer(gasPrice="0x1000")]
    yield "alloc with leading zeros", "Prague", SYSTEM | {
        SENDER: {"balance": "0x0de0b6b3a7640000", "nonce": "0x00"},
        "0x" + "dd" * 20: {"balance": "100", "storage": {"0x" + "03" * 32: "0x00"}}
    }, GOOD_ENV, [transfer()]
    yield "alloc without prefixes", "Prague", SYSTEM | {SENDER[2:]: {"balance": "0xffffffff"}}, GOOD_ENV, []
    yield "empty accounts", "Prague", rich | {"0x" + "dd" * 20: {"balance": "0x0"}}, GOOD_ENV, []
    yield "no alloc", "Prague", SYSTEM, GOOD_ENV, []
    yield "no txs", "Prague", rich, GOOD_ENV, []
    yield "rejected", "Prague", rich, GOOD_ENV, [
        transfer(nonce="0x5"), transfer(gas="0x5207"), transfer(value="0xffffffffffffffffffff"),
        transfer(gasPrice="0x1"),
        transfer(**(fees | {"maxPriorityFeePerGas": "0x21"})), transfer(gas="0x2000000"),
        transfer(nonce="0xffffffffffffffff"), transfer(), transfer(),
        transfer(nonce="0x1", **(fees | {"maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x1"})),
        transfer(nonce="0x1", type="0x4", authorizationList=[], gasPrice=None, maxFeePerGas="0x20",
                 maxPriorityFeePerGas="0x1", chainId="0x1"),
        transfer(nonce="0x1", to=None, input="0x" + "00" * 49153, gas="0xf00000"),
        transfer(nonce="0x1", input="0x" + "01" * 100, gas="0x5a00")]
    yield "sender is a contract", "Prague", SYSTEM | {
        SENDER: {"balance": "0xde0b6b3a7640000", "code": "0x00"}}, GOOD_ENV, [transfer()]
    yield "sender is delegated", "Prague", SYSTEM | {
        SENDER: {"balance": "0xde0b6b3a7640000", "code": "0xef0100" + "aa" * 20}}, GOOD_ENV, [transfer()]
    yield "typed too early", "Istanbul", rich, without(GOOD_ENV, "currentRandom", "withdrawals", "currentExcessBlobGas") | {
        "currentDifficulty": "0x20000"}, [transfer(**fees)]
    yield "no secret key", "Prague", rich, GOOD_ENV, [transfer(secretKey=None)]
    yield "a field is no number", "Prague", rich, GOOD_ENV, [transfer(gas="many")]
    yield "a field is missing", "Prague", rich, GOOD_ENV, [transfer(gas=None)]
    yield "txs is no list", "Prague", rich, GOOD_ENV, {"a": 1}
    yield "unprotected", "Prague", rich, GOOD_ENV, [transfer(protected=False)]


def odd(tools, folder):
    for name, fork, alloc, env, txs in odd_inputs():
        stdin = json.dumps({"alloc": alloc, "env": env, "txs": txs}).encode()
        files = ["--input.alloc=stdin", "--input.env=stdin", "--input.txs=stdin"]
        results = run_t8n(tools, folder, [f"--state.fork={fork}"], files, stdin)
        if results:
            compare_t8n(tools, "odd", name, results)


# ---- the parts ------------------------------------------------------------------------------------

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--evm", required=True)
    parser.add_argument("--cairnd", required=True)
    parser.add_argument("--vectors", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=60, help="files of each part")
    parser.add_argument("--only", default="statetest,trace,t8n,blocks,odd")
    parser.add_argument("--generated", help="folder of test/diff/run.mjs --export; these alone")
    parser.add_argument("--match", default="", help="only files whose path holds this")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    parts = [] if args.generated else args.only.split(",")
    rng = random.Random(args.seed)
    tools = Tools(args)
    vectors = pathlib.Path(args.vectors)

    def sample(*folders):
        paths = [p for f in folders for p in sorted((vectors / f).rglob("*.json"))
                 if p.stat().st_size < FILE_MAX_BYTES and args.match in str(p)
                 and not any(k in str(p) for k in KNOWN)]
        return rng.sample(paths, min(len(paths), args.count))

    def tests(path):
        """(name, test) of a file."""
        doc = json.loads(path.read_text(encoding="utf-8"))
        return [(f"{path.relative_to(vectors)} {n}", t) for n, t in doc.items() if n[0] != "_"]

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path in sorted(pathlib.Path(args.generated).glob("*.json")) if args.generated else []:
            generated(tools, path)
        for path in [] if args.generated else sample("GeneralStateTests", "LegacyTests", "eest/state_tests"):
            where = str(path.relative_to(vectors))
            if "statetest" in parts:
                statetest(tools, str(path), where)
            if "trace" in parts:
                trace(tools, str(path), *rng.choice(tests(path)))
            if "t8n" in parts:
                test_name, test = rng.choice(tests(path))
                t8n(tools, folder, test_name, test, rng)
            if "tracers" in parts:
                tracers(tools, folder, *rng.choice(tests(path)), rng)
        if "blocks" in parts:
            for path in sample("BlockchainTests/ValidBlocks", "eest/blockchain_tests"):
                blocks(tools, folder, *rng.choice(tests(path)))
        if "odd" in parts:
            odd(tools, folder)
    if not tools.compared:
        print("geth: nothing was compared")
        return 1
    said = ", ".join(f"{n} {part}" for part, n in tools.compared.items())
    print(f"geth: {said}; {tools.differences} differences (seed {args.seed})")
    return 1 if tools.differences else 0


if __name__ == "__main__":
    sys.exit(main())
