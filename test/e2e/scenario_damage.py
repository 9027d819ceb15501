# SPDX-License-Identifier: Apache-2.0
"""Bad files: genesis, keystore, safetensors, data directory. Each refusal names what is wrong,
ends with the documented exit code, and changes nothing."""

import json
import pathlib
import subprocess

from harness import PATIENCE_S, expect, wait_until


def fails(sandbox, code, words, *arguments, **options):
    name, *rest = [str(a) for a in arguments]
    done = subprocess.run(
        [str(sandbox.binaries / name), *rest], capture_output=True, text=True, timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL, check=False, **options,
    )
    shown = f"{name} {' '.join(rest)}: exit {done.returncode}\n{done.stderr[-1500:]}"
    expect(done.returncode == code, f"expected exit {code}; {shown}")
    for word in words:
        expect(word.lower() in done.stderr.lower(), f"the message does not say {word!r}; {shown}")


def run(sandbox, rng):
    net = sandbox.network()
    data = net / "validator-1"
    genesis = json.loads((net / "genesis.json").read_text())
    count = 0

    def bad_genesis(change, words):
        nonlocal count
        broken = json.loads(json.dumps(genesis))
        change(broken)
        path = sandbox.dir / f"genesis-{count}.json"
        path.write_text(broken if isinstance(broken, str) else json.dumps(broken))
        fails(sandbox, 2, words, "cairnd", "genesis", "check", path)
        count += 1

    bad_genesis(lambda g: g.pop("config"), ["config"])
    bad_genesis(lambda g: g["config"].pop("chainId"), ["chainId"])
    bad_genesis(lambda g: g.update(gasLimit="zero"), ["gasLimit"])
    bad_genesis(lambda g: g.update(extraData="0x00"), ["extraData"])
    bad_genesis(lambda g: g["alloc"].update({"0x12": {"balance": "0x1"}}), ["alloc"])
    truncated = sandbox.dir / "truncated.json"
    truncated.write_text(json.dumps(genesis)[: len(json.dumps(genesis)) // 2])
    fails(sandbox, 2, ["genesis"], "cairnd", "genesis", "check", truncated)
    count += 1

    # A node of another genesis refuses the store and leaves it alone.
    node = sandbox.node(data).start()
    rpc = node.rpc()
    wait_until(lambda: int(rpc.call("eth_blockNumber"), 16) >= 3, "three blocks")
    fails(sandbox, 3, ["in use"], "cairnd", "run", "--data-dir", data, "--rpc-listen", "127.0.0.1:0")
    head = rpc.call("eth_getBlockByNumber", "0x2", False)
    rpc.close()
    node.stop()
    original = (data / "genesis.json").read_text()
    other = json.loads(original)
    other["config"]["chainId"] = 4242
    (data / "genesis.json").write_text(json.dumps(other))
    fails(sandbox, 6, ["genesis"], "cairnd", "run", "--data-dir", data, "--rpc-listen", "127.0.0.1:0")
    (data / "genesis.json").write_text(original)
    node.start()
    rpc = node.rpc()
    expect(rpc.call("eth_getBlockByNumber", "0x2", False) == head, "nothing changed by the refusal")
    rpc.close()
    node.stop()
    count += 2

    # A store whose pages were overwritten is refused or found by verify, never a crash.
    store = data / "store" / "data.mdb"
    damaged = bytearray(store.read_bytes())
    for _ in range(64):
        at = rng.randrange(8192, len(damaged) - 64)
        damaged[at : at + 16] = bytes(rng.randrange(256) for _ in range(16))
    copy = sandbox.dir / "damaged"
    subprocess.run(["cp", "-a", str(data), str(copy)], check=True)
    (copy / "store" / "data.mdb").write_bytes(bytes(damaged))
    done = subprocess.run(
        [str(sandbox.binaries / "cairnd"), "verify", "--deep", "--data-dir", str(copy)],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )
    expect(done.returncode in (0, 4, 5, 6), f"verify on a damaged store: exit {done.returncode}\n{done.stderr[-800:]}")
    count += 1

    # The wallet's files.
    home = sandbox.dir / "wallet"
    environment = dict(CAIRN_HOME=str(home / "config"), HOME=str(home), PATH="/usr/bin:/bin")
    password = sandbox.dir / "password"
    password.write_text("correct horse\n")
    bad = {
        "not-json": "{",
        "no-crypto": "{}",
        "huge-scrypt": json.dumps({"version": 3, "crypto": {
            "cipher": "aes-128-ctr", "cipherparams": {"iv": "00" * 16}, "ciphertext": "00" * 32, "kdf": "scrypt",
            "kdfparams": {"n": 1 << 30, "r": 8, "p": 1, "dklen": 32, "salt": "00" * 32}, "mac": "00" * 32}}),
    }
    for name, text in bad.items():
        path = sandbox.dir / f"{name}.json"
        path.write_text(text)
        done = subprocess.run(
            [str(sandbox.binaries / "cairn"), "account", "import", name, "--keystore", str(path),
             "--password-file", str(password), "--yes"],
            capture_output=True, text=True, timeout=PATIENCE_S, env=environment, stdin=subprocess.DEVNULL, check=False,
        )
        expect(done.returncode in (2, 3, 15), f"keystore {name}: exit {done.returncode}\n{done.stderr}")
        expect(done.stderr.strip(), f"keystore {name}: no message")
        count += 1
    for name, content in {
        "empty": b"",
        "short": b"\x08\x00\x00\x00",
        "huge-header": b"\xff\xff\xff\xff\xff\xff\xff\x7f" + b"{}",
        "not-json": (8).to_bytes(8, "little") + b"{{{{{{{{",
        "overlap": header({"a": {"dtype": "I32", "shape": [4], "data_offsets": [0, 16]},
                           "b": {"dtype": "I32", "shape": [4], "data_offsets": [8, 24]}}) + bytes(24),
        "short-data": header({"a": {"dtype": "I32", "shape": [400], "data_offsets": [0, 1600]}}) + bytes(16),
    }.items():
        path = sandbox.dir / f"{name}.safetensors"
        path.write_bytes(content)
        for verb in (["model", "hash", str(path)], ["model", "canon", str(path), str(sandbox.dir / "out.st")]):
            done = subprocess.run(
                [str(sandbox.binaries / "cairn"), *verb], capture_output=True, text=True, timeout=PATIENCE_S,
                env=environment, stdin=subprocess.DEVNULL, check=False,
            )
            expect(done.returncode in (2, 16), f"{verb} {name}: exit {done.returncode}\n{done.stderr}")
            expect(not pathlib.Path(sandbox.dir / "out.st").exists(), f"{verb} {name} wrote a file")
            count += 1
    return f"{count} damaged inputs refused with their exit codes"


def header(entries):
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(len(text)) % 8)
    return len(text).to_bytes(8, "little") + text
