# SPDX-License-Identifier: Apache-2.0
"""The power fails: a diary of all writes and syncs of a loaded run is cut at a moment, what was
not synced by then is kept, dropped or torn at 512 bytes, and the data directory is made from the
rest. It opens, no block or transaction that was told to anybody before that moment is missing,
and the guard knows everything that was sent."""

import os
import shutil
import struct
import time

from harness import expect, wait_until
from load import Load

VARIANTS = 24
ACCOUNTS = 8
WRITE, SYNC, WRITE_SYNCED, SIZE, RENAME, REMOVE, MADE = range(1, 8)
HEAD = struct.Struct("=qIIQQ")


def read_diary(path):
    """[(seconds, kind, name, offset, data)]"""
    raw, at, entries = path.read_bytes(), 0, []
    while at + HEAD.size <= len(raw):
        ns, kind, name_len, offset, length = HEAD.unpack_from(raw, at)
        at += HEAD.size
        name = raw[at : at + name_len].decode()
        at += name_len
        has_data = kind in (WRITE, WRITE_SYNCED, RENAME)
        data = raw[at : at + length] if has_data else b""
        at += length if has_data else 0
        entries.append((ns / 1e9, kind, name, offset, data))
    return entries


def put(files, name, offset, data):
    content = files.setdefault(name, bytearray())
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def after_cut(start, entries, rng):
    """The files as a disk may hold them after the last of `entries`."""
    files = {name: bytearray(content) for name, content in start.items()}
    waiting = {}  # name -> writes that no sync has covered
    for _, kind, name, offset, data in entries:
        if kind == WRITE:
            waiting.setdefault(name, []).append((offset, data))
        elif kind == SYNC:
            for write in waiting.pop(name, []):
                put(files, name, *write)
        elif kind == WRITE_SYNCED:
            put(files, name, offset, data)
        elif kind == SIZE:
            for write in waiting.pop(name, []):
                put(files, name, *write)
            content = files.setdefault(name, bytearray())
            del content[offset:]
            content.extend(bytes(offset - len(content)))
        elif kind == RENAME:
            target = data.decode()
            for known in [n for n in files if n == name or n.startswith(name + "/")]:
                files[target + known[len(name) :]] = files.pop(known)
        elif kind == REMOVE:
            files.pop(name, None)
            waiting.pop(name, None)
        elif kind == MADE:
            files[name] = bytearray()
            waiting.pop(name, None)
    how = rng.choice(["drop", "keep", "mix", "torn"])
    for name, writes in waiting.items():
        for offset, data in writes:
            if how == "keep" or (how == "mix" and rng.random() < 0.5):
                put(files, name, offset, data)
            elif how == "torn":
                for at in range(0, len(data), 512):
                    if rng.random() < 0.5:
                        put(files, name, offset + at, data[at : at + 512])
    return files, how


def run(sandbox, rng, variants=VARIANTS):
    seed = rng.randrange(1 << 32)
    senders = sandbox.program("tools/presign", "addresses", "--accounts", ACCOUNTS, "--seed", seed).split()
    raws = sandbox.program(
        "tools/presign", "transfers", "--accounts", ACCOUNTS, "--seed", seed, "--each", 60, "--chain-id", 20482
    ).split()
    net = sandbox.network(period="50ms", fund=senders)
    data = net / "validator-1"
    node = sandbox.node(data).start()
    wait_until(lambda: int(node.rpc().call("eth_blockNumber"), 16) >= 2, "two blocks")
    node.stop()
    watched = [data / "store" / "data.mdb", data / "guard" / "data.mdb", data / "pool.journal"]
    start = {str(path): path.read_bytes() for path in watched}
    diary = sandbox.dir / "diary"
    node.environment = {"LD_PRELOAD": str(sandbox.binaries / "faults.so"), "CAIRN_FAULT_DIR": str(data),
                        "CAIRN_FAULT_DIARY": str(diary)}
    node.start()
    told = []  # (moment, block number, hash): what a reader has seen
    acknowledged = {}  # hash -> moment
    load = Load(raws, batch=2, interval=0.002)
    load.start(node.rpc())
    reader = node.rpc()
    while not load.done():
        for tx in list(load.acknowledged):
            acknowledged.setdefault(tx, time.monotonic())
        head = reader.call("eth_getBlockByNumber", "latest", False)
        told.append((time.monotonic(), int(head["number"], 16), head["hash"]))
    reader.close()
    load.stop()
    # Killed, it might have written what is not in the diary yet.
    expect(node.stop() == 0, "clean stop")
    entries = read_diary(diary)
    expect(len(entries) > 200, f"{len(entries)} entries in the diary")
    # The diary must explain the files, or the cuts prove nothing.
    files, _ = after_cut(start, entries, AlwaysKeep())
    for path in watched:
        disk = path.read_bytes()
        expect(bytes(files[str(path)]) == disk[: len(files[str(path)])], f"the diary does not give {path.name}")

    copy = sandbox.dir / "after"
    ways = {}
    for i in range(variants):
        cut = rng.randrange(1, len(entries) + 1)
        files, how = after_cut(start, entries[:cut], rng)
        ways[how] = ways.get(how, 0) + 1
        moment = entries[cut - 1][0]
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(data, copy, ignore=shutil.ignore_patterns("*.sock"))
        for path in watched:
            (copy / path.relative_to(data)).write_bytes(bytes(files[str(path)]))
        name = f"variant {i}: {cut} of {len(entries)} entries, {how}"
        after = sandbox.node(copy)
        sandbox.nodes.remove(after)
        after.start()
        rpc = after.rpc()
        seen = [(number, block_hash) for when, number, block_hash in told if when < moment]
        if seen:
            number, block_hash = max(seen)
            block = rpc.call("eth_getBlockByNumber", hex(number), False)
            expect(block and block["hash"] == block_hash, f"{name}: block {number} was told and is gone")
        for tx in [t for t, when in acknowledged.items() if when < moment]:
            receipt = wait_until(lambda tx=tx: rpc.call("eth_getTransactionReceipt", tx), f"{name}: {tx}")
            expect(receipt["status"] == "0x1", f"{name}: {tx} failed")
        rpc.close()
        expect(after.stop() == 0, f"{name}: stops")
        log = after.log_path.read_text(errors="replace")
        expect("signed above" not in log, f"{name}: the guard is ahead of the store\n{log[-600:]}")
        os.unlink(after.log_path)
        sandbox.program("cairnd", "verify", "--deep", "--data-dir", copy)
    told_ways = ", ".join(f"{how} {n}" for how, n in sorted(ways.items()))
    return f"{variants} cuts of {len(entries)} writes and syncs ({told_ways}), {len(acknowledged)} acknowledged"


class AlwaysKeep:
    """Stands for the random numbers where nothing is left to chance."""

    def choice(self, _):
        return "keep"
