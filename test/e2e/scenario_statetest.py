# SPDX-License-Identifier: Apache-2.0
"""cairnd statetest and cairnd t8n as the tools of others drive them: official files, traces
compared line by line, a transition on a committed example, and what both refuse."""

import json
import os
import pathlib
import subprocess
import tarfile

from harness import PATIENCE_S, expect

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE / "data"
VECTORS = pathlib.Path(os.environ.get("CAIRN_VECTORS", HERE.parents[2] / "shared" / "vectors"))

# Official archives and how many cases they hold: plain calls, refused senders, access lists.
OFFICIAL = [("GeneralStateTests/stExample", 34), ("GeneralStateTests/stEIP3607", 3), ("GeneralStateTests/stSLoadTest", 1)]


def cairnd(sandbox, code, *arguments, stdin=None, cwd=None):
    done = subprocess.run(
        [str(sandbox.binaries / "cairnd"), *[str(a) for a in arguments]], capture_output=True, text=True,
        timeout=PATIENCE_S, check=False, cwd=cwd, **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
    )
    line = " ".join(str(a) for a in arguments)
    expect(done.returncode == code, f"{line}: exit {done.returncode}, expected {code}: {done.stderr[-500:]}")
    return done


def write(sandbox, name, value):
    path = sandbox.dir / name
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def official_files(sandbox, name):
    archive = VECTORS / "ethereum" / f"{name}.tar.xz"
    expect(archive.exists(), f"no official vectors: {archive} (set CAIRN_VECTORS)")
    with tarfile.open(archive) as tar:
        tar.extractall(sandbox.dir / "official")
    files = sorted((sandbox.dir / "official" / name).rglob("*.json"))
    expect(files, f"{archive} holds no tests")
    return files


def check_results(results, files, count):
    expect(len(results) == count, f"{len(results)} results, expected {count}")
    posts = {}
    for path in files:
        for name, test in json.loads(path.read_text()).items():
            for fork, cases in test["post"].items():
                posts.setdefault((name, fork), []).extend(case["hash"] for case in cases)
    for entry in results:
        expect(list(entry) == ["name", "pass", "stateRoot", "fork"], f"members of a passed case: {entry}")
        expect(entry["pass"] is True, f"failed: {entry}")
        expect(entry["stateRoot"] in posts[entry["name"], entry["fork"]], f"root: {entry}")


def check_official(sandbox):
    total = 0
    for name, count in OFFICIAL:
        files = official_files(sandbox, name)
        done = cairnd(sandbox, 0, "statetest", *files)
        results = json.loads(done.stdout)
        check_results(results, files, count)
        roots = [json.loads(line)["stateRoot"] for line in done.stderr.splitlines()]
        expect(roots == [entry["stateRoot"] for entry in results], f"{name}: roots on standard error")
        total += count

        # The names on standard input: one array for each file.
        done = cairnd(sandbox, 0, "statetest", stdin="".join(f"{path}\n" for path in files))
        decoder = json.JSONDecoder()
        rest, arrays = done.stdout.strip(), []
        while rest:
            array, end = decoder.raw_decode(rest)
            arrays.append(array)
            rest = rest[end:].strip()
        expect(len(arrays) == len(files), f"{name}: {len(arrays)} arrays for {len(files)} files")
        expect([e for a in arrays for e in a] == results, f"{name}: names on standard input give the same")
    return total


def check_trace(sandbox):
    programs = DATA / "statetest" / "programs.json"
    done = cairnd(sandbox, 0, "statetest", "--trace", programs)
    wanted = (DATA / "statetest" / "programs.trace").read_text().splitlines()
    seen = done.stderr.splitlines()
    for number, (ours, theirs) in enumerate(zip(seen, wanted), 1):
        expect(ours == theirs, f"trace line {number}: {ours}\nexpected: {theirs}")
    expect(len(seen) == len(wanted), f"{len(seen)} trace lines, expected {len(wanted)}")
    quiet = cairnd(sandbox, 0, "statetest", programs)
    expect(quiet.stdout == done.stdout, "a trace changes no result")
    return len(wanted)


def check_choice(sandbox):
    """--fork, --index, --run leave out what was not asked for."""
    programs = DATA / "statetest" / "programs.json"
    rows = [
        (5, []), (5, ["--fork", "Cancun"]), (0, ["--fork", "London"]), (5, ["--index", "0"]), (0, ["--index", "1"]),
        (2, ["--run", "^(calls|bad_.*)$"]), (5, ["--statetest.fork", "cancun"]),
        (1, ["--run=underflow", "--index=0", "--trace=true", "--trace.format=json", "--trace.nomemory=true"]),
    ]
    for count, flags in rows:
        results = json.loads(cairnd(sandbox, 0, "statetest", *flags, programs).stdout)
        expect(len(results) == count, f"{flags}: {len(results)} cases, expected {count}")


def check_failures(sandbox):
    """Every way of a wrong verdict is told, and is exit code 1."""
    good = json.loads((DATA / "statetest" / "programs.json").read_text())["calls"]
    wrong = "0x" + "ab" * 32

    def changed(**members):
        test = json.loads(json.dumps(good))
        test["post"]["Cancun"][0].update(members)
        return {"t": test}

    unknown = json.loads(json.dumps(good))
    unknown["post"] = {"Atlantis": unknown["post"]["Cancun"]}
    rows = [
        ("post state root mismatch", changed(hash=wrong)),
        ("post state logs hash mismatch", changed(logs=wrong)),
        ("expected error", changed(expectException="TransactionException.NONCE_MISMATCH_TOO_LOW")),
        ("unexpected error", changed(txbytes="0xc0")),
        ("unsupported fork Atlantis", {"t": unknown}),
    ]
    for says, document in rows:
        done = cairnd(sandbox, 1, "statetest", write(sandbox, "wrong.json", document))
        (entry,) = json.loads(done.stdout)
        expect(entry["pass"] is False and says in entry["error"], f"expected '{says}': {entry}")


def check_hostile_tests(sandbox):
    good = json.loads((DATA / "statetest" / "programs.json").read_text())["calls"]

    def without(*path):
        test = json.loads(json.dumps(good))
        at = test
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]
        return {"t": test}

    def with_(value, *path):
        test = json.loads(json.dumps(good))
        at = test
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        return {"t": test}

    rows = [
        ("no JSON", '{"t": '), ("no JSON", ""), ("no JSON", "[" * 100000), ("the file", "[]"), ("the file", "7"),
        ("post", {"t": 1}), ("post", without("post")), ("Cancun", with_(7, "post", "Cancun")),
        ("currentNumber", without("env", "currentNumber")), ("currentGasLimit", with_("many", "env", "currentGasLimit")),
        ("currentTimestamp", with_("0x1" + "00" * 8, "env", "currentTimestamp")),
        ("currentCoinbase", with_("0x12", "env", "currentCoinbase")), ("accounts", without("pre")),
        ("an address as its name", with_({}, "pre", "0xzz")), ("balance", with_({"balance": "-1"}, "pre", "0x" + "01" * 20)),
        ("code", with_({"code": "0x123"}, "pre", "0x" + "01" * 20)), ("storage", with_({"storage": []}, "pre", "0x" + "01" * 20)),
        ("a slot's number", with_({"storage": {"x": "0x1"}}, "pre", "0x" + "01" * 20)),
        ("data", with_({"data": 9, "gas": 0, "value": 0}, "post", "Cancun", 0, "indexes")),
        ("hash", without("post", "Cancun", 0, "hash")), ("txbytes", with_("0xzz", "post", "Cancun", 0, "txbytes")),
        ("\\u001B", with_("\x1b[31m", "env", "currentNumber")),
    ]
    for says, document in rows:
        done = cairnd(sandbox, 2, "statetest", write(sandbox, "hostile.json", document))
        expect(says in done.stderr and done.stderr.startswith("error: state test "), f"expected '{says}' in: {done.stderr}")
        expect(done.stdout == "", f"an error says nothing on standard output: {done.stdout}")
    for says, *arguments in [
        ("there is no such file", sandbox.dir / "nowhere.json"), ("no regular expression", "--run", "[", "x"),
        ("expected a number", "--index", "one", "x"), ("did you mean --trace", "--trase", "x"),
        ("has no flag", "--trace.format", "md", "x"), ("another value", "--fork"),
    ]:
        done = cairnd(sandbox, 2, "statetest", *arguments)
        expect(says in done.stderr, f"expected '{says}' in: {done.stderr}")
    return len(rows) + 6


def t8n(sandbox, code, *flags, stdin=None):
    return cairnd(sandbox, code, "t8n", *flags, stdin=stdin, cwd=DATA / "t8n")


def check_t8n(sandbox):
    outputs = ["--output.result=stdout", "--output.alloc=stdout", "--output.body=stdout"]
    wanted = json.loads((DATA / "t8n" / "expected.json").read_text())
    inputs = {name: json.loads((DATA / "t8n" / f"{name}.json").read_text()) for name in ("alloc", "env", "txs")}
    expect(json.loads(t8n(sandbox, 0, *outputs).stdout) == wanted, "the example's result, alloc and body")

    # The same through standard input.
    from_stdin = ["--input.alloc", "stdin", "--input.env", "stdin", "--input.txs", "stdin", "--state.fork=Prague"]
    done = t8n(sandbox, 0, *outputs, *from_stdin, stdin=json.dumps(inputs))
    expect(json.loads(done.stdout) == wanted, "inputs on standard input")

    # The body is an input again: the same block without what was rejected.
    body = write(sandbox, "txs.rlp", json.dumps(wanted["body"]))
    again = json.loads(t8n(sandbox, 0, *outputs, "--input.txs", body).stdout)
    expect("rejected" not in again["result"], "nothing of a body is rejected")
    expect(again["body"] == wanted["body"] and again["alloc"] == wanted["alloc"], "a body gives the same world")
    expect(again["result"] == {k: v for k, v in wanted["result"].items() if k != "rejected"}, "and the same result")

    # Files, a directory that is not there yet, traces.
    out = sandbox.dir / "out" / "deep"
    done = t8n(sandbox, 0, "--output.basedir", out, "--trace")
    expect(done.stdout == "" and done.stderr == "", "files only")
    expect(json.loads((out / "result.json").read_text()) == wanted["result"], "result.json")
    expect(json.loads((out / "alloc.json").read_text()) == wanted["alloc"], "alloc.json")
    traces = sorted(out.glob("trace-*.jsonl"))
    expect(len(traces) == 3, f"a trace for each transaction: {traces}")
    hashes = [receipt["transactionHash"] for receipt in wanted["result"]["receipts"]]
    expect(traces[0].name == f"trace-0-{hashes[0]}.jsonl", f"a trace's name: {traces[0]}")
    lines = [json.loads(line) for line in traces[0].read_text().splitlines()]
    expect(lines[0]["opName"] == "PUSH1" and lines[-1]["output"] == "", f"a trace: {lines}")


def rlp(payload, short):
    """A string (short form from 0x80) or list (from 0xc0) of at least two bytes."""
    if len(payload) < 56:
        return bytes([short + len(payload)]) + payload
    length = len(payload).to_bytes((len(payload).bit_length() + 7) // 8, "big")
    return bytes([short + 55 + len(length)]) + length + payload


def check_official_transitions(sandbox):
    """A state test is a block of one transaction: the official root and logs judge t8n, too."""
    count = 0
    for name, _ in OFFICIAL:
        for path in sorted((sandbox.dir / "official" / name).rglob("*.json")):
            for test in json.loads(path.read_text()).values():
                for case in test["post"]["Cancun"]:
                    env = test["env"] | {"withdrawals": [], "parentBeaconBlockRoot": "0x" + "00" * 32, "currentDifficulty": "0x0"}
                    tx = bytes.fromhex(case["txbytes"][2:])
                    body = rlp(tx if tx[0] >= 0xC0 else rlp(tx, 0x80), 0xC0)
                    refused = "expectException" in case
                    done = cairnd(
                        sandbox, 0, "t8n", "--state.fork=Cancun", "--input.alloc=stdin", "--input.env=stdin",
                        "--input.txs=stdin", "--output.result=stdout", "--output.alloc=",
                        f"--state.reward={-1 if refused else 0}",
                        stdin=json.dumps({"alloc": test["pre"], "env": env, "txsRlp": "0x" + body.hex()}),
                    )
                    result = json.loads(done.stdout)["result"]
                    expect(("rejected" in result) == refused, f"{path.name}: rejected {result.get('rejected')}")
                    expect(result["stateRoot"] == case["hash"], f"{path.name}: root {result['stateRoot']}, not {case['hash']}")
                    expect(result["logsHash"] == case["logs"], f"{path.name}: logs {result['logsHash']}, not {case['logs']}")
                    count += 1
    return count


def check_hostile_t8n(sandbox):
    def env_without(name):
        env = json.loads((DATA / "t8n" / "env.json").read_text())
        del env[name]
        return ["--input.env", write(sandbox, "env.json", env)]

    def env_with(**members):
        env = json.loads((DATA / "t8n" / "env.json").read_text()) | members
        return ["--input.env", write(sandbox, "env.json", env)]

    def tx_with(name, value):
        txs = json.loads((DATA / "t8n" / "txs.json").read_text())
        txs[0][name] = value
        return ["--input.txs", write(sandbox, "txs.json", txs)]

    def make(*arguments):
        return list(arguments)

    rows = [
        ("there is no such file", lambda: make("--input.alloc", "nowhere.json")),
        ("no JSON", lambda: make("--input.txs", write(sandbox, "bad.json", '[{"nonce"'))),
        ("no rules of that name", lambda: make("--state.fork", "Atlantis")),
        ("expected a number", lambda: make("--state.chainid", "one")),
        ("expected wei or -1", lambda: make("--state.reward=-2")),
        ("did you mean --output.result", lambda: make("--output.resul", "x")),
        ("accounts", lambda: make("--input.alloc", "txs.json")),
        ("env", lambda: make("--input.env", "txs.json")),
        ("txs", lambda: make("--input.txs", "env.json")),
        ("currentNumber", lambda: env_without("currentNumber")),
        ("currentRandom", lambda: env_without("currentRandom")),
        ("withdrawals", lambda: env_without("withdrawals")),
        ("parentBaseFee", lambda: env_without("parentBaseFee")),
        ("parentBeaconBlockRoot", lambda: env_without("parentBeaconBlockRoot")),
        ("currentDifficulty must be zero", lambda: env_with(currentDifficulty="0x1")),
        ("currentDifficulty", lambda: env_with(x=0) + ["--state.fork=Berlin"]),
        ("blockHashes lacks", lambda: env_with(blockHashes={})),
        ("a block number", lambda: env_with(blockHashes={"x": "0x1"})),
        ("amount", lambda: env_with(withdrawals=[{"index": 1, "validatorIndex": 1, "address": "0x" + "00" * 20}])),
        ("exceeds 64 bits", lambda: env_with(parentBlobGasUsed="0xffffffffffffffff", parentExcessBlobGas="0x1")),
        ("nonce", lambda: tx_with("nonce", "x")),
        ("type", lambda: tx_with("type", "0x7")),
        ("accessList", lambda: tx_with("accessList", 1)),
        ("storageKeys", lambda: tx_with("accessList", [{"address": "0x" + "00" * 20}])),
        ("no key of secp256k1", lambda: tx_with("secretKey", "0x" + "ff" * 32)),
        ("RLP list", lambda: make("--input.txs", write(sandbox, "txs.rlp", '"0xc301"'))),
        ("hex", lambda: make("--input.txs", write(sandbox, "txs.rlp", '"0xc"'))),
    ]
    for says, flags in rows:
        done = t8n(sandbox, 2, "--output.result=stdout", "--output.alloc=", *flags())
        expect(says in done.stderr and done.stderr.startswith("error: "), f"expected '{says}' in: {done.stderr}")
        expect(done.stdout == "", f"an error says nothing on standard output: {done.stdout}")
    # What does not decode is rejected by its place, and the rest executed.
    body = json.loads((DATA / "t8n" / "expected.json").read_text())["body"]
    broken = write(sandbox, "txs.rlp", json.dumps("0xc3010203"))
    result = json.loads(t8n(sandbox, 0, "--output.result=stdout", "--output.alloc=", "--input.txs", broken).stdout)["result"]
    expect([r["index"] for r in result["rejected"]] == [0, 1, 2], f"what does not decode: {result['rejected']}")
    expect(result["receipts"] == [] and body.startswith("0x"), "nothing was executed")
    return len(rows)


def run(sandbox, _rng):
    cases = check_official(sandbox)
    lines = check_trace(sandbox)
    check_choice(sandbox)
    check_failures(sandbox)
    check_t8n(sandbox)
    transitions = 1 + check_official_transitions(sandbox)
    refused = check_hostile_tests(sandbox) + check_hostile_t8n(sandbox)
    return f"{cases} official cases, {lines} trace lines, {transitions} transitions, {refused} refusals"
