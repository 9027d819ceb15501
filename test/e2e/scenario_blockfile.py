# SPDX-License-Identifier: Apache-2.0
"""A chain goes through a block file into another data directory, which runs on from there; a stopped
import goes on; a bad file is named with its byte and leaves whole blocks only."""

import json
import re
import signal
import subprocess

from harness import expect, wait_until
from load import Load
from scenario_damage import fails


def head_of(text):
    match = re.search(r"ok: (\d+) blocks, (\d+) transactions .*; (\d+) were there; head (\d+) (0x[0-9a-f]{64})", text)
    expect(match is not None, f"what import says: {text!r}")
    return [int(match.group(i)) for i in (1, 2, 3, 4)] + [match.group(5)]


def boundaries(data):
    """Where each block begins in a file of them: (offset, length)."""
    found = []
    at = 0
    while at < len(data):
        first = data[at]
        expect(first >= 0xF8, f"a block at byte {at}")
        size = first - 0xF7
        length = 1 + size + int.from_bytes(data[at + 1 : at + 1 + size], "big")
        found.append((at, length))
        at += length
    return found


def run(sandbox, rng):
    seed = rng.randrange(1 << 32)
    senders = sandbox.program("tools/presign", "addresses", "--accounts", 16, "--seed", seed).split()
    raws = sandbox.program(
        "tools/presign", "transfers", "--accounts", 16, "--seed", seed, "--each", 50, "--chain-id", 20482
    ).split()
    net = sandbox.network(period="50ms", fund=senders)
    data = net / "validator-1"
    node = sandbox.node(data).start()
    load = Load(raws, batch=20)
    load.start(node.rpc())
    rpc = node.rpc()
    wait_until(load.done, "the load")
    load.stop()
    wait_until(lambda: rpc.call("txpool_status")["pending"] == "0x0", "an empty pool")
    wait_until(lambda: int(rpc.call("eth_blockNumber"), 16) >= 40, "forty blocks")

    # From a running node, then the rest from the stopped one.
    part = sandbox.dir / "part.rlp"
    running = sandbox.program("cairnd", "export", "--to", part, "--until", 20, "--data-dir", data)
    expect("blocks 0 to 20" in running, running)
    rpc.close()
    expect(node.stop() == 0, "stop")
    whole = sandbox.dir / "chain.rlp"
    said = sandbox.program("cairnd", "export", "--to", whole, "--data-dir", data)
    head = int(re.search(r"blocks 0 to (\d+), (\d+) transactions", said).group(1))
    txs = int(re.search(r"blocks 0 to (\d+), (\d+) transactions", said).group(2))
    expect(txs == len(load.acknowledged) == len(raws), f"{txs} of {len(raws)} transactions exported")
    expect(whole.read_bytes().startswith(part.read_bytes()), "a part is how the whole begins")
    places = boundaries(whole.read_bytes())
    expect(len(places) == head + 1, "one item per block")

    def fresh(name):
        sandbox.program("cairnd", "init", "--genesis", net / "genesis.json", "--data-dir", sandbox.dir / name)
        return sandbox.dir / name

    # A part, then all: what is there is compared and skipped.
    copy = fresh("copy")
    first = head_of(sandbox.program("cairnd", "import", part, "--data-dir", copy))
    expect(first[0] == 20 and first[2] == 1 and first[3] == 20, f"first part: {first}")
    second = head_of(sandbox.program("cairnd", "import", whole, "--data-dir", copy))
    expect(second[0] == head - 20 and second[2] == 21 and second[3] == head, f"the rest: {second}")
    third = head_of(sandbox.program("cairnd", "import", whole, "--data-dir", copy))
    expect(third[0] == 0 and third[2] == head + 1 and third[4] == second[4], f"nothing new: {third}")
    sandbox.program("cairnd", "verify", "--deep", "--data-dir", copy)

    # Killed on the way: whole blocks only, and it goes on.
    killed = fresh("killed")
    process = subprocess.Popen(
        [str(sandbox.binaries / "cairnd"), "import", str(whole), "--data-dir", str(killed)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )
    wait_until(lambda: (killed / "store" / "data.mdb").exists() or process.poll() is not None, "a store")
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = head_of(sandbox.program("cairnd", "import", whole, "--data-dir", killed))
    expect(again[0] + again[2] == head + 1 and again[4] == second[4], f"after the kill: {again}")
    sandbox.program("cairnd", "verify", "--deep", "--data-dir", killed)

    # Bad files. Each names the byte where the bad block begins; the blocks before it are there.
    def refused(name, content, code, words, kept):
        path = sandbox.dir / f"{name}.rlp"
        path.write_bytes(content)
        where = fresh(name)
        fails(sandbox, code, words, "cairnd", "import", path, "--data-dir", where)
        if kept is not None:
            rest = head_of(sandbox.program("cairnd", "import", whole, "--data-dir", where))
            expect(rest[2] == kept + 1 and rest[3] == head, f"{name}: blocks up to {kept} were kept: {rest}")

    content = whole.read_bytes()
    bad = 15 + rng.randrange(head - 20)
    at, length = places[bad]
    flipped = bytearray(content)
    flipped[at + 40] ^= 1  # the parent's hash
    refused("flipped", bytes(flipped), 2, [f"byte {at}:", f"the head is block {bad - 1}"], bad - 1)
    refused("cut", content[: at + length // 2], 2, [f"byte {at}:", "cut short"], bad - 1)
    refused("gap", content[:at] + content[at + length :], 2, [f"byte {at}:", "missing"], bad - 1)
    refused("tail", content[: at] + b"no blocks", 2, [f"byte {at}:", "no block begins here"], bad - 1)
    refused("huge", content[: at] + b"\xfb\xff\xff\xff\xff", 2, [f"byte {at}:", "10 MiB"], bad - 1)
    unsealed = bytearray(content)
    seal = bytes(flipped[at : at + length]).rfind(b"\xb8\x41", 0, 1200)  # 65 bytes: the last seal of the header
    if seal > 0:
        unsealed[at + seal + 20] ^= 1
        refused("unsealed", bytes(unsealed), 2, [f"byte {at}:"], bad - 1)

    # Another network's file, a running node, and files that are none.
    other = sandbox.dir / "other"
    genesis = json.loads((net / "genesis.json").read_text())
    genesis["alloc"]["00000000000000000000000000000000000000aa"] = {"balance": "0x1"}
    (sandbox.dir / "other.json").write_text(json.dumps(genesis))
    sandbox.program("cairnd", "init", "--genesis", sandbox.dir / "other.json", "--data-dir", other)
    fails(sandbox, 6, ["byte 0:", "another genesis"], "cairnd", "import", whole, "--data-dir", other)
    fails(sandbox, 2, ["cairnd import"], "cairnd", "import", "--data-dir", copy)
    fails(sandbox, 2, ["No such file"], "cairnd", "import", sandbox.dir / "none.rlp", "--data-dir", copy)
    fails(sandbox, 2, ["--until"], "cairnd", "export", "--to", part, "--until", head + 9, "--data-dir", copy)
    fails(sandbox, 2, ["--from"], "cairnd", "export", "--to", part, "--from", "x", "--data-dir", copy)

    # The copy, with the validator's key, goes on where the chain ended.
    node.arguments[node.arguments.index("--data-dir") + 1] = str(data)
    shift = data / "store"
    shift.rename(sandbox.dir / "old-store")
    (copy / "store").rename(shift)
    (data / "pool.journal").unlink()
    node.start()
    rpc = node.rpc()
    expect(rpc.call("eth_getBlockByNumber", hex(head), False)["hash"] == second[4], "the same head")
    wait_until(lambda: int(rpc.call("eth_blockNumber"), 16) > head + 1, "blocks after it")
    fails(sandbox, 3, ["in use"], "cairnd", "import", whole, "--data-dir", data)
    rpc.close()
    expect(node.stop() == 0, "stop")
    return f"{head} blocks and {txs} transfers through a file; killed, resumed and refused where they should be"
