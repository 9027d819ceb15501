# SPDX-License-Identifier: Apache-2.0
"""The wallet against `cairnd --dev`: accounts, payments, contract calls, and every exit code
that a person can meet."""

import http.server
import json
import os
import pty
import stat
import subprocess
import threading

from harness import PATIENCE_S, expect

FIRST = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
WORDS = "test test test test test test test test test test test junk"
NOWHERE = "0x00000000000000000000000000000000000000f0"


class Wallet:
    """`cairn` with a home of its own."""

    def __init__(self, sandbox, rpc):
        self.program = sandbox.binaries / "cairn"
        self.home = sandbox.dir / "wallet"
        self.password = sandbox.dir / "password"
        self.password.write_text("correct horse\n")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("CAIRN")}
        self.environment.update(CAIRN_HOME=str(self.home), CAIRN_RPC=rpc,
                                CAIRN_PASSWORD_FILE=str(self.password))

    def start(self, words, stdin="", environment=None):
        return subprocess.run(
            [str(self.program), "--json", *map(str, words)], env={**self.environment, **(environment or {})},
            input=stdin, text=True, capture_output=True, timeout=2 * PATIENCE_S, check=False)

    def attempt(self, *words):
        """A command that may fail: its exit code and what it said."""
        done = self.start(words)
        return done.returncode, done.stdout + done.stderr

    def run(self, *words, code=0, stdin="", **environment):
        """The JSON object of one command, which must end with this exit code."""
        done = self.start(words, stdin, environment)
        expect(done.returncode == code,
               f"cairn {' '.join(map(str, words))}: exit {done.returncode}, expected {code}: "
               f"{done.stdout[-400:]} {done.stderr[-400:]}")
        lines = done.stdout.splitlines()
        expect(len(lines) == 1, f"--json prints one line, not {lines}")
        answer = json.loads(lines[0])
        expect(answer["ok"] == (code == 0), f"ok is {answer['ok']} with exit {code}")
        if code:
            error = answer["error"]
            expect(error["code"] == code and error["message"], f"an error names its code: {error}")
        for secret in ("correct horse", WORDS):
            expect(secret not in done.stdout + done.stderr, "a secret is printed")
        return answer


class Liar(http.server.BaseHTTPRequestHandler):
    """A node that says what it was told to say."""

    answers = {}

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result = self.answers.get(question["method"])
        body = result if isinstance(result, bytes) else json.dumps(
            {"jsonrpc": "2.0", "id": question["id"], "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def accounts(w):
    made = w.run("account", "import", "dev", "--mnemonic", "--light-kdf", stdin=WORDS + "\n")
    expect(made["address"] == FIRST, f"the customary words give {made['address']}")
    w.run("account", "import", "again", "--mnemonic", "--light-kdf", stdin=WORDS + "\n", code=3)
    w.run("account", "import", "x", "--mnemonic", stdin="test test test\n", code=2)
    w.run("account", "import", "x", "--mnemonic", stdin=WORDS.replace("junk", "test") + "\n", code=2)
    second = w.run("account", "import", "second", "--mnemonic", "--path", "m/44'/60'/0'/0/1",
                   "--light-kdf", stdin=WORDS + "\n")["address"]
    expect(second == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", f"second account {second}")
    w.run("account", "new", "alice", "--no-words", "--light-kdf")
    w.run("account", "new", "alice", "--no-words", "--light-kdf", code=3)
    w.run("account", "new", "../alice", "--no-words", code=2)
    w.run("account", "new", "bob", code=17)
    w.run("account", "new", "bob", "--no-words", code=2, CAIRN_PASSWORD_FILE="/nowhere")
    listed = w.run("account", "list", CAIRN_RPC="http://127.0.0.1:1")["accounts"]
    expect([a["name"] for a in listed] == ["alice", "dev", "second"], f"list is {listed}")

    key = w.home.parent / "key.hex"
    key.write_text("0x" + "00" * 31 + "01\n")
    one = w.run("account", "import", "one", "--key-file", key, "--light-kdf")["address"]
    expect(one == "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", f"key one is {one}")
    key.write_text("00" * 32)
    w.run("account", "import", "zero", "--key-file", key, code=2)
    w.run("account", "import", "copy", "--keystore", w.home / "keystore" / "one.json", code=3)
    taken = w.run("--yes", "account", "new", "one", code=3)
    expect("already" in taken["error"]["message"], f"a taken name is refused before words are shown: {taken}")

    for path in (w.home / "keystore").iterdir():
        mode = stat.S_IMODE(path.stat().st_mode)
        expect(mode == 0o600, f"{path.name} has mode {mode:o}")
    expect(stat.S_IMODE((w.home / "keystore").stat().st_mode) == 0o700, "the keystore folder is open")


def payments(w):
    before = int(w.run("account", "balance", "alice")["wei"])
    sent = w.run("--yes", "tx", "send", "alice", "1.5", "--account", "dev")
    expect(sent["status"] == "ok" and int(sent["gasUsed"]) == 21000, f"payment: {sent}")
    after = int(w.run("account", "balance", "alice")["wei"])
    expect(after - before == 15 * 10**17, f"alice has {after}")
    shown = w.run("tx", "show", sent["hash"])
    expect(shown["status"] == "ok", f"shown: {shown}")
    legacy = w.run("--yes", "--legacy", "tx", "send", "alice", "7wei", "--account", "dev")
    expect(legacy["status"] == "ok", "a legacy payment")

    w.run("tx", "send", "alice", "1", "--account", "dev", code=17)
    w.run("--yes", "tx", "send", "alice", "1000000", "--account", "dev", code=13)
    w.run("--yes", "tx", "send", "alice", "1", "--account", "nobody", code=15)
    w.run("--yes", "tx", "send", "alice", "1", code=2)
    w.run("--yes", "tx", "send", FIRST[:-1] + "7", "1", "--account", "dev", code=2)
    w.run("--yes", "tx", "send", "alice", "one", "--account", "dev", code=2)
    w.run("tx", "show", "0x" + "ab" * 32, code=11)
    w.run("--yes", "tx", "send", "alice", "1", "--account", "dev", code=10, CAIRN_RPC="http://127.0.0.1:1")
    wrong = w.home.parent / "wrong"
    wrong.write_text("battery staple\n")
    w.run("--yes", "tx", "send", "alice", "1", "--account", "dev", code=15,
          CAIRN_PASSWORD_FILE=str(wrong))

    dry = w.run("--dry-run", "tx", "send", "alice", "1", "--account", "dev")
    expect(dry["dryRun"] and dry["transaction"]["value"] == hex(10**18), f"dry run: {dry}")
    unsigned = w.home.parent / "unsigned.json"
    w.run("--unsigned", unsigned, "tx", "send", "alice", "1", "--account", "dev")
    expect(json.loads(unsigned.read_text())["from"] == FIRST, "the unsigned transaction's sender")
    hurried = w.run("--yes", "--no-wait", "tx", "send", "alice", "1", "--account", "dev")
    expect(hurried["status"] == "sent", "--no-wait does not wait")


def contracts(w):
    supply = int(w.run("call", "CairnToken", "totalSupply")["values"][0])
    held = int(w.run("call", "CairnToken", "balanceOf", "dev")["values"][0])
    expect(0 <= held <= supply, f"{held} of {supply}")
    expect(w.run("call", "CairnToken", "symbol()(string)")["values"] == ["CAIRN"], "the token's symbol")
    w.run("call", "CairnToken", "nothing", code=2)
    w.run("call", "CairnToken", "balanceOf(address)(uint256)", "x", code=15)
    w.run("call", NOWHERE, "f()(uint256)", code=11)
    refused = w.run("--yes", "tx", "call", "CairnToken", "transfer", "alice", str(supply + 1),
                    "--account", "dev", code=13)["error"]
    expect(refused["data"]["error"] == "ERC20InsufficientBalance", f"refused: {refused}")
    alone = w.run("--yes", "tx", "call", "Rewards", "setMinBond", "0", "1", "--account", "dev",
                  code=13)["error"]
    expect(alone["data"]["error"] == "NotAllowed", f"refused: {alone}")
    # Sent against the advice: included, reverted, explained.
    spoilt = w.run("--yes", "--no-simulate", "--gas-limit", "200000", "tx", "call", "CairnToken",
                   "transfer", "alice", str(supply + 1), "--account", "dev", code=12)
    expect(spoilt["error"]["data"]["error"] == "ERC20InsufficientBalance", f"reverted: {spoilt}")
    shown = w.run("tx", "show", spoilt["hash"])
    expect(shown["status"] == "reverted" and shown["call"]["function"] == "transfer", f"shown: {shown}")
    w.run("round", "status", "99", code=11)
    w.run("model", "show", "0x123456", code=11)
    w.run("dao", "show", "latest", code=11)
    expect(w.run("round", "list")["rounds"] == [], "no rounds yet")
    w.run("acount", "list", code=2)


def models(w, sandbox):
    first = sandbox.dir / "first.safetensors"
    made = w.run("train", "genesis", "--out", first)
    expect(w.run("model", "hash", first)["sha256"] == made["sha256"], "one file, two hashes")
    # The same tensors as other tools write them: metadata, another order.
    raw = first.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + length])
    loose = json.dumps({"__metadata__": {"by": "someone"}, **dict(reversed(header.items()))}).encode()
    other = sandbox.dir / "other.safetensors"
    other.write_bytes(len(loose).to_bytes(8, "little") + loose + raw[8 + length:])
    w.run("model", "hash", other, code=16)
    back = sandbox.dir / "back.safetensors"
    w.run("model", "canon", other, back)
    expect(back.read_bytes() == raw, "the canonical form is not what it was")
    w.run("model", "verify", first, code=16)
    for size in (0, 4, 8, 100, len(raw) - 1):
        broken = sandbox.dir / "broken.safetensors"
        broken.write_bytes(raw[:size])
        w.run("model", "hash", broken, code=16)
    w.run("model", "hash", sandbox.dir / "missing", code=2)


def pins(w):
    """A node that is suddenly another chain is refused; so is one that answers nonsense."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    block = {"hash": "0x" + "11" * 32, "number": "0x5", "timestamp": "0x5", "gasLimit": "0x1c9c380"}
    Liar.answers = {"eth_chainId": "0x7", "eth_getBlockByNumber": block, "eth_getCode": "0x",
                    "web3_clientVersion": "liar"}
    w.run("network", "status", CAIRN_RPC=url)
    Liar.answers["eth_chainId"] = "0x8"
    w.run("network", "status", code=2, CAIRN_RPC=url)
    w.run("network", "forget", url)
    w.run("network", "status", CAIRN_RPC=url)
    Liar.answers["eth_chainId"] = "0x7"
    w.run("--rpc", url, "network", "add", "liars", code=0)
    Liar.answers["eth_getBlockByNumber"] = {**block, "hash": "0x" + "22" * 32}
    w.run("--network", "liars", "network", "status", code=2)
    w.run("network", "forget", "liars")
    w.run("--network", "nowhere", "account", "balance", "dev", code=2)
    for nonsense in ("7", 7, None, "0x", "0x10000000000000000", [], b"", b"[", b"{}", b"\xff" * 100,
                     b"[" * 100000, b'{"id":1,"result":"0x7"'):
        Liar.answers["eth_chainId"] = nonsense
        w.run("network", "status", code=10, CAIRN_RPC=url)
    server.shutdown()


def terminal(w):
    """On a terminal the question is asked, the harmless answer is the default."""
    for typed, code in ((b"\n", 17), (b"n\n", 17), (b"y\n", 0)):
        control, worker = pty.openpty()
        process = subprocess.Popen(
            [str(w.program), "tx", "send", "alice", "1", "--account", "dev"], env=w.environment,
            stdin=worker, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(worker)
        os.write(control, typed)
        _, err = process.communicate(timeout=PATIENCE_S)
        os.close(control)
        expect(process.returncode == code, f"answer {typed!r}: exit {process.returncode}: {err!r}")
        expect(b"[y/N]" in err, f"no question: {err!r}")


def reading(w):
    head = w.run("block")["block"]
    again = w.run("block", head["hash"])["block"]
    expect(again == head == w.run("block", str(int(head["number"], 16)))["block"], "one block by three names")
    w.run("block", "99999999", code=11)
    w.run("block", "0x" + "ab" * 32, code=11)
    w.run("block", "never", code=11)
    minted = w.run("logs", "CairnToken", "Transfer")["logs"]
    expect(all(set(row) == {"block", "tx", "logIndex", "args"} for row in minted), f"logs: {minted[:1]}")
    w.run("logs", "CairnToken", "Nothing", code=2)
    w.run("logs", "CairnToken", "Transfer(", code=2)
    gas = int(w.run("estimate", "CairnToken", "approve", "dev", "1", "--account", "dev")["gas"])
    expect(21000 < gas < 100000, f"estimate: {gas}")
    w.run("estimate", "CairnToken", "transfer", FIRST, str(10**30), "--account", "dev", code=13)

    data = w.run("abi", "encode", "f(uint256,string)", "7", "hello")["data"]
    expect(w.run("abi", "decode", "f(uint256,string)", data)["values"] == ["7", "hello"], "there and back")
    expect(w.run("abi", "encode", "(uint256)", "7")["data"] == "0x" + "07".zfill(64), "a bare list")
    expect(w.run("abi", "decode", "(uint256)", "0x" + "07".zfill(64))["values"] == ["7"], "and back")
    for words in (["encode", "f(uint8)", "256"], ["encode", "f(uint8)"], ["encode", "f("], ["decode", "f(uint8)", "0x"],
                  ["decode", "g(uint256,string)", data], ["decode", "(uint256)", "0x07"], ["decode", "(uint8)", "7"]):
        w.run("abi", *words, code=2)


def doctor(w):
    def states(**options):
        return {(f["check"], f["state"]) for f in w.run("doctor", "--account", "dev", **options)["findings"]}

    w.password.chmod(0o600)
    healthy = states()
    expect({("permissions", "ok"), ("chain", "ok"), ("clock", "ok"), ("contracts", "ok")} <= healthy, f"{healthy}")
    expect("problem" not in {state for _, state in healthy}, f"{healthy}")
    key = w.home / "keystore" / "dev.json"
    key.chmod(0o644)
    sick = w.run("doctor", "--account", "dev", code=3)
    repairs = [f["repair"] for f in sick["findings"] if f["state"] == "problem"]
    expect(repairs == [f"chmod 600 {w.home}/keystore/*"], f"{repairs}")
    subprocess.run(["sh", "-c", repairs[0]], check=True)
    expect("problem" not in {state for _, state in states()}, "the repair repairs")
    w.password.chmod(0o644)
    w.run("doctor", code=3)
    w.password.chmod(0o600)
    away = w.run("doctor", code=10, CAIRN_RPC="http://127.0.0.1:1")
    expect(any(f["check"] == "node" and f["repair"] for f in away["findings"]), f"{away}")


def completion(w):
    def words(*typed, **environment):
        return w.run("completion", "words", "--", *typed, **environment)["words"]

    expect("account" in words("") and words("acc") == ["account"], "nouns")
    expect("send" in words("tx", "") and words("tx", "sp") == ["speed-up"], "verbs")
    expect(words("--json", "--account", "dev", "tx", "spe") == ["speed-up"], "flags before do not disturb")
    expect(words("tx", "send", "de") == ["dev"] and words("--account", "al") == ["alice"], "accounts")
    expect(words("dao", "vote", "x", "") == ["for", "against", "abstain"], "words to choose from")
    expect(words("dao", "vote", "lat") == ["latest"] and words("round", "status", "") == [], "none yet")
    expect(words("dao", "vote", "x", "for", "--b") == ["--by-sig"], "a command's flags")
    expect("--max-fee" in words("tx", "send", "--m"), "global flags")
    expect("rounds" in words("help", "r") and words("completion", "z") == ["zsh"], "topics, shells")
    expect(words("round", "status", "", CAIRN_RPC="http://127.0.0.1:1") == [], "no node, no words")
    w.run("completion", "fish", code=2)
    # In a real shell.
    script = 'source <(cairn completion bash); COMP_WORDS=(cairn tx spe); COMP_CWORD=2; _cairn; echo "${COMPREPLY[@]}"'
    path = f"{w.program.parent}:{w.environment['PATH']}"
    done = subprocess.run(["bash", "-c", script], env={**w.environment, "PATH": path}, capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)
    expect(done.stdout == "speed-up\n", f"bash: {done.stdout!r} {done.stderr!r}")


def run(sandbox, _rng):
    node = sandbox.dev_node().start()
    w = Wallet(sandbox, "http://{}:{}".format(*node.address))
    accounts(w)
    payments(w)
    contracts(w)
    models(w, sandbox)
    reading(w)
    doctor(w)
    completion(w)
    pins(w)
    terminal(w)
    expect(node.stop() == 0, "the node stops")
    return "accounts, payments, calls, reading, doctor, completion, models, pinned chains, a lying node, a terminal"
