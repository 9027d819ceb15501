# SPDX-License-Identifier: Apache-2.0
"""The keys of `cairn`: copied, renamed, given another password, removed, put into a backup; what
they sign besides transactions; where settings come from; that no secret leaks."""

import json
import os
import stat
import subprocess

from harness import PATIENCE_S, expect
from scenario_wallet import FIRST, WORDS, Wallet

NOWHERE = "http://127.0.0.1:1"
KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # of FIRST, published
MAIL = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "Vote": [{"name": "proposal", "type": "uint256"}, {"name": "tags", "type": "string[]"}],
    },
    "primaryType": "Vote",
    "domain": {"name": "Cairn", "chainId": 1337},
    "message": {"proposal": "7", "tags": ["a", "b\u001b[2J"]},
}


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def keeping(w, sandbox):
    out = sandbox.dir / "copy.json"
    w.run("account", "export", "dev", code=2)
    w.run("account", "export", "dev", "--out", out)
    expect(mode(out) == 0o600 and json.loads(out.read_text())["version"] == 3, "a keystore file, 0600")
    w.run("account", "export", "dev", "--out", out, code=3)
    w.run("account", "export", "nobody", "--out", out, code=15)
    bare = sandbox.dir / "bare.hex"
    w.run("account", "export", "dev", "--private-key", "--out", bare, code=17)
    expect(not bare.exists(), "nothing is written without a yes")
    w.run("--yes", "account", "export", "dev", "--private-key", "--out", bare)
    expect(bare.read_text() == "0x" + KEY + "\n" and mode(bare) == 0o600, "the bare key, 0600")
    w.run("--yes", "account", "export", "dev", "--private-key", "--out", bare, code=3)

    w.run("account", "rename", "dev", "other", code=3)
    w.run("account", "rename", "dev", "../dev", code=2)
    w.run("account", "rename", "nobody", "x", code=15)
    w.run("account", "rename", "dev", "main")
    expect([a["name"] for a in w.run("account", "list")["accounts"]] == ["main", "other"], "renamed")

    fresh = sandbox.dir / "fresh"
    fresh.write_text("another horse\n")
    w.run("account", "passwd", "main", code=2)
    w.run("account", "passwd", "main", "--new-password-file", fresh, "--light-kdf", "--password-file", fresh, code=15)
    w.run("account", "passwd", "main", "--new-password-file", fresh, "--light-kdf")
    w.run("--yes", "--account", "main", "sign", "message", "--text", "x", code=15)
    w.run("--yes", "--account", "main", "--password-file", fresh, "sign", "message", "--text", "x")
    w.run("account", "passwd", "main", "--password-file", fresh, "--new-password-file", w.password, "--light-kdf")

    w.run("account", "remove", "other", code=17)
    folder = sandbox.dir / "backup"
    saved = w.run("account", "backup", folder)
    expect(saved["keys"] == "2" and mode(folder) == 0o700, f"backup: {saved}")
    w.run("account", "backup", folder, code=2)
    w.run("--yes", "account", "remove", "other")
    expect([a["name"] for a in w.run("account", "list")["accounts"]] == ["main"], "removed")
    back = w.run("account", "list", CAIRN_HOME=str(folder))["accounts"]
    expect([a["name"] for a in back] == ["main", "other"], f"restored: {back}")
    signed = w.run("--yes", "--account", "other", "sign", "message", "--text", "x", CAIRN_HOME=str(folder))
    expect(len(signed["signature"]) == 132, "a key of the backup signs")


def damaged(w):
    """Whatever is wrong within a keystore file, wrong and broken look alike; hostile ones are bounded."""
    path = w.home / "keystore" / "main.json"
    whole = path.read_text()
    file = json.loads(whole)
    crypto = file["crypto"]

    def attempt(change, code):
        text = json.dumps({**file, "crypto": {**crypto, **change}})
        path.write_text(text)
        return w.run("--yes", "--account", "main", "sign", "message", "--text", "x", code=code)["error"]["message"]

    flipped = f"{int(crypto['ciphertext'][:2], 16) ^ 1:02x}" + crypto["ciphertext"][2:]
    mac = f"{int(crypto['mac'][:2], 16) ^ 1:02x}" + crypto["mac"][2:]
    broken = attempt({"ciphertext": flipped}, 15)
    expect(attempt({"mac": mac}, 15) == broken, "a wrong MAC says nothing else")
    path.write_text(whole)
    wrong = w.home.parent / "wrong"
    wrong.write_text("battery staple\n")
    said = w.run("--yes", "--account", "main", "--password-file", wrong, "sign", "message", "--text", "x", code=15)
    expect(said["error"]["message"] == broken, "a wrong password says nothing else")
    for params in ({"n": 1 << 30}, {"n": 1 << 21}, {"r": 1 << 20}, {"p": 1 << 20}, {"n": 3}, {"dklen": 1 << 30}):
        attempt({"kdfparams": {**crypto["kdfparams"], **params}}, 3)
    attempt({"kdf": "none"}, 3)
    path.write_text(json.dumps({**file, "address": "70997970c51812dc3a010c7d01b50e0d17dc79c8"}))
    w.run("--yes", "--account", "main", "sign", "message", "--text", "x", code=3)
    path.write_text("{")
    w.run("--yes", "--account", "main", "sign", "message", "--text", "x", code=15)
    path.write_text(whole)


def signing(w, sandbox):
    letter = sandbox.dir / "letter"
    letter.write_bytes(b"hello")
    w.run("sign", "message", letter, "--account", "main", code=17)
    signed = w.run("--yes", "sign", "message", letter, "--account", "main")
    expect(signed["digest"] == "0x50b2c43fd39106bafbba0da34fc430e1f91e3c96ea2acee2bc34119f92b37750", f"{signed}")
    # The same from ethers: new Wallet(KEY).signMessage("hello").
    expect(signed["signature"] == "0xf16ea9a3478698f695fd1401bfe27e9e4a7e8e3da94aa72b021125e31fa899cc"
           "573c48ea3fe1d4ab61a9db10c19032026e3ed2dbccba5a178235ac27f94504311c", f"{signed}")
    expect(w.run("--yes", "sign", "message", "--text", "hello", "--account", "main")["signature"] == signed["signature"],
           "a file and a text")
    expect(w.run("--yes", "sign", "message", "-", "--account", "main", stdin="hello")["signature"]
           == signed["signature"], "standard input")
    s = signed["signature"]
    expect(w.run("verify", "message", letter, "--signature", s)["signer"] == FIRST, "who signed")
    w.run("verify", "message", letter, "--signature", s, "--signer", "main")
    w.run("verify", "message", "--text", "hullo", "--signature", s, "--signer", "main", code=16)
    w.run("verify", "message", letter, "--signature", s[:-2] + "1d", code=2)
    w.run("verify", "message", letter, "--signature", "0x" + "00" * 64 + "1b", code=16)
    w.run("verify", "message", letter, code=2)
    w.run("sign", "message", letter, "--text", "x", code=2)

    data = sandbox.dir / "typed.json"
    data.write_text(json.dumps(MAIL))
    typed = w.run("--yes", "sign", "typed", data, "--account", "main")
    expect(w.run("verify", "typed", data, "--signature", typed["signature"])["signer"] == FIRST, "who signed")
    for change in ({"domain": {"name": "Cairn", "chainId": 7}}, {"message": {"proposal": "8", "tags": []}}):
        data.write_text(json.dumps({**MAIL, **change}))
        w.run("verify", "typed", data, "--signature", typed["signature"], "--signer", "main", code=16)
    for change in ({"primaryType": "Nothing"}, {"message": {}}, {"types": []}, {"message": {"proposal": "x", "tags": []}}):
        data.write_text(json.dumps({**MAIL, **change}))
        w.run("--yes", "sign", "typed", data, "--account", "main", code=2)
    # Every field is shown before the question, control characters made harmless.
    data.write_text(json.dumps(MAIL))
    done = subprocess.run([str(w.program), "sign", "typed", str(data), "--account", "main", "--yes"], env=w.environment,
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL)
    for words in ("domain.chainId: 1337", "message.proposal: 7", "message.tags[0]: a", "message.tags[1]: b"):
        expect(words in done.stderr, f"{words} is shown: {done.stderr}")
    expect("\x1b" not in done.stderr and done.stdout.strip() == typed["signature"], "shown harmlessly")


def settings(w):
    def rows(*words, **environment):
        return {r["name"]: (r["value"], r["source"]) for r in
                w.run(*words, "config", "show", **environment)["settings"]}

    shown = rows()
    expect(shown["rpc"] == (NOWHERE, "CAIRN_RPC") and shown["home"][1] == "CAIRN_HOME", f"{shown}")
    expect(shown["password-file"] == (str(w.password), "CAIRN_PASSWORD_FILE"), f"{shown}")
    expect(shown["timeout"] == ("60s", "default") and shown["account"] == (None, "not set"), f"{shown}")
    shown = rows("--rpc", "http://x", "--account", "main", "--timeout", "5s", "--color", "always", NO_COLOR="1",
                 CAIRN_ACCOUNT="other")
    expect(shown["rpc"] == ("http://x", "--rpc") and shown["account"] == ("main", "--account"), f"{shown}")
    expect(shown["timeout"] == ("5s", "--timeout") and shown["color"] == ("always", "--color"), f"{shown}")
    shown = rows(NO_COLOR="1", CAIRN_ACCOUNT="other", CAIRN_RPC="")
    expect(shown["color"] == ("never", "NO_COLOR") and shown["account"] == ("other", "CAIRN_ACCOUNT"), f"{shown}")
    expect(shown["rpc"] == ("http://127.0.0.1:8545", "default"), f"{shown}")
    networks = w.home / "networks.json"
    networks.write_text(json.dumps({"current": "clinic", "networks": {
        "clinic": {"rpc": "http://10.0.0.5:8545", "account": "main", "chainId": "7"}}}))
    shown = rows(CAIRN_RPC="")
    expect(shown["rpc"] == ("http://10.0.0.5:8545", "the network's profile"), f"{shown}")
    expect(shown["network"] == ("clinic", "cairn network use") and shown["chain"][0] == "7", f"{shown}")
    # Typed data for another chain than the profile's is not signed.
    data = w.home.parent / "typed.json"
    refused = w.run("--yes", "--network", "clinic", "sign", "typed", data, "--account", "main", code=2)
    expect("chain 1337" in refused["error"]["message"], f"{refused}")
    networks.write_text("{")
    w.run("config", "show", code=2)
    networks.unlink()


def silence(w):
    """Neither arguments nor flags take a secret."""
    w.run("account", "import", "x", "--mnemonic", WORDS, code=2)
    w.run("account", "import", "x", "--private-key", KEY, code=2)


def run(sandbox, _rng):
    w = Wallet(sandbox, NOWHERE)
    w.run("account", "import", "dev", "--mnemonic", "--light-kdf", stdin=WORDS + "\n")
    w.run("account", "new", "other", "--no-words", "--light-kdf")
    keeping(w, sandbox)
    damaged(w)
    signing(w, sandbox)
    settings(w)
    silence(w)
    return "copies, names, passwords, a backup, damaged files, signatures, settings"
