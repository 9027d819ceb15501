# SPDX-License-Identifier: Apache-2.0
"""The journal of accepted transactions under every kind of damage: what is whole comes back,
what is lost is said, another file in its place is refused by name and left alone."""

from harness import expect, wait_until
from scenario_damage import fails


def records(journal):
    """[(begin, end)] of the records."""
    at, found = 8, []
    while at < len(journal):
        length = int.from_bytes(journal[at : at + 4], "big")
        found.append((at, at + 8 + length))
        at += 8 + length
    return found


def run(sandbox, rng):
    seed = rng.randrange(1 << 32)
    count = 12
    senders = sandbox.program("tools/presign", "addresses", "--accounts", count, "--seed", seed).split()
    raws = sandbox.program(
        "tools/presign", "transfers", "--accounts", count, "--seed", seed, "--each", 1, "--chain-id", 20482
    ).split()
    net = sandbox.network(period="1h", fund=senders)
    data = net / "validator-1"
    path = data / "pool.journal"
    copy = data / "pool.journal.damaged"
    node = sandbox.node(data).start()
    rpc = node.rpc()
    wait_until(lambda: int(rpc.call("eth_blockNumber"), 16) >= 1, "the first block")
    for raw in raws:
        rpc.call("eth_sendRawTransaction", raw)
    rpc.close()
    node.kill()
    good = path.read_bytes()
    places = records(good)
    expect(len(places) == count, f"{len(places)} records of {count}")

    def restart(content, pending, says):
        path.write_bytes(content)
        copy.unlink(missing_ok=True)
        node.start()
        rpc = node.rpc()
        status = rpc.call("txpool_status")
        rpc.close()
        node.kill()
        expect(int(status["pending"], 16) == pending, f"{says}: {status}, expected {pending}\n{node.tail()}")
        expect(says in node.tail(12), f"the log does not say {says!r}:\n{node.tail(12)}")

    victim = rng.randrange(1, count - 1)
    begin, end = places[victim]
    for name, at in {"length": begin + rng.randrange(4), "sum": begin + 4 + rng.randrange(4),
                     "transaction": begin + 8 + rng.randrange(end - begin - 8)}.items():
        flipped = bytearray(good)
        flipped[at] ^= 1 << rng.randrange(8)
        restart(bytes(flipped), count - 1, "records_kept=11")
        expect(copy.read_bytes() == bytes(flipped), f"{name}: the damaged file is kept")
        expect(path.read_bytes() == good[:begin] + good[end:], f"{name}: repaired")
    flipped = bytearray(good)
    flipped[rng.randrange(8)] ^= 1 << rng.randrange(8)
    restart(bytes(flipped), count, "records_kept=12")
    restart(good[: rng.randrange(places[-1][0] + 1, len(good))], count - 1, "torn tail")
    restart(good + bytes(rng.randrange(256) for _ in range(100)), count, "torn tail")
    restart(bytes(len(good)), 0, "open")

    foreign = b"my own notes, please keep them safe\n" * 3
    path.write_bytes(foreign)
    fails(sandbox, 5, ["pool.journal", "not a journal", "hint: "], "cairnd", "run", "--data-dir", data,
          "--rpc-listen", "127.0.0.1:0")
    expect(path.read_bytes() == foreign, "a foreign file is left alone")
    path.unlink()
    path.mkdir()
    fails(sandbox, 4, ["pool.journal"], "cairnd", "run", "--data-dir", data, "--rpc-listen", "127.0.0.1:0")
    path.rmdir()
    restart(good, count, "transactions back")
    return f"{count} accepted, damaged in 10 ways"
