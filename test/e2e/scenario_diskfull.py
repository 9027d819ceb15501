# SPDX-License-Identifier: Apache-2.0
"""The disk fills up under load, stays full, and is freed: reads answer all the time, nothing
crashes or is lost, transactions are refused with -32005 while it lasts, a start on the full disk
answers too, and blocks come again by themselves."""

import os
import subprocess

from harness import RpcError, expect, wait_until

MIB = 1 << 20


def mount(sandbox):
    """A disk of 24 MiB, or None without the right to mount one."""
    place = sandbox.dir / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(place)],
                          capture_output=True, check=False)
    return place if done.returncode == 0 else None


def fill(place, leave):
    """Leaves this many bytes free."""
    ballast = place / "ballast"
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    if free > leave:
        with open(ballast, "ab") as out:
            out.write(bytes(free - leave))
    return ballast


def run(sandbox, rng):
    place = mount(sandbox)
    if place is None:
        return "SKIP: no right to mount a small disk"
    try:
        return on_small_disk(sandbox, rng, place)
    finally:
        for node in sandbox.nodes:
            node.kill()
        subprocess.run(["umount", str(place)], check=False)


def on_small_disk(sandbox, rng, place):
    seed = rng.randrange(1 << 32)
    senders = sandbox.program("tools/presign", "addresses", "--accounts", 4, "--seed", seed).split()
    raws = sandbox.program(
        "tools/presign", "transfers", "--accounts", 4, "--seed", seed, "--each", 10, "--chain-id", 20482
    ).split()
    net = sandbox.network(period="100ms", fund=senders)
    data = place / "validator-1"
    subprocess.run(["cp", "-a", str(net / "validator-1"), str(data)], check=True)
    node = sandbox.node(data).start()
    rpc = node.rpc()
    head = lambda: int(rpc.call("eth_blockNumber"), 16)  # noqa: E731
    acknowledged = [rpc.call("eth_sendRawTransaction", raw) for raw in raws[:8]]
    wait_until(lambda: rpc.call("eth_getTransactionReceipt", acknowledged[-1]), "inclusion")

    # Little space (below a twentieth): no transactions, but blocks go on.
    fill(place, 24 * MIB // 30)

    def refused():
        try:
            acknowledged.append(rpc.call("eth_sendRawTransaction", raws[len(acknowledged)]))
            return False
        except RpcError as error:
            expect(error.code == -32005, f"refused with {error}")
            return True

    wait_until(lambda: "little space" in node.log(), "little space is said")
    expect(refused(), "transactions are refused on a small rest")
    # Hardly any (below 1/80): no blocks either; everything that reads answers.
    ballast = fill(place, 4096 * 4)
    stopped = wait_until(lambda: "hardly any space" in node.log() and head(), "blocks stopped")
    seen = head()
    expect(seen - stopped <= 3, "no blocks on a full disk")
    for number in range(0, seen, max(1, seen // 20)):
        expect(rpc.call("eth_getBlockByNumber", hex(number), True), f"block {number} reads")
    for tx in acknowledged[:8]:
        expect(rpc.call("eth_getTransactionReceipt", tx), "receipts read")
    said = wait_until(lambda: "stalled" in node.log(), "the stall is said")
    expect(said, "stall line")
    expect("full" in node.log() or "space" in node.log(), "and why")
    rpc.close()

    # A start on the full disk answers as well.
    expect(node.stop() == 0, "stops on a full disk")
    node.start()
    rpc = node.rpc()
    expect(head() >= seen, "the head is there")
    expect(refused(), "and transactions are refused")

    ballast.unlink()
    after = head()
    wait_until(lambda: head() > after + 2, "blocks again by themselves")
    for raw in raws[len(acknowledged) :]:
        wait_until(lambda raw=raw: accepted(rpc, raw, acknowledged), "transactions again")
    for tx in acknowledged:
        wait_until(lambda tx=tx: rpc.call("eth_getTransactionReceipt", tx), f"acknowledged {tx}")
    rpc.close()
    expect(node.stop() == 0, "clean stop")
    sandbox.program("cairnd", "verify", "--deep", "--data-dir", data)
    return f"full at block {seen}, went on by itself; {len(acknowledged)} acknowledged, none lost"


def accepted(rpc, raw, acknowledged):
    try:
        acknowledged.append(rpc.call("eth_sendRawTransaction", raw))
        return True
    except RpcError as error:
        expect(error.code == -32005, f"refused with {error}")
        return False
