#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One node, end to end: pre-signed transfers over HTTP, in batches and one by one over 16
keep-alive connections, until they are in blocks. Prints transfers per second and CPU of the
node per transfer in recover units."""

import argparse
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402
from report import cpu_seconds, load, recover_us, report  # noqa: E402

ACCOUNTS = 400
EACH = 40
CHAIN_ID = 20482
CASES = (  # name, transactions of one request, connections, transactions
    ("node/transfers-batch", 100, 16, ACCOUNTS * EACH),
    ("node/transfers-single", 1, 16, ACCOUNTS * EACH),
)


def measure(sandbox, batch, connections, count):
    senders = sandbox.program("tools/presign", "addresses", "--accounts", ACCOUNTS).split()
    raws = sandbox.program(
        "tools/presign", "transfers", "--accounts", ACCOUNTS, "--each", EACH, "--chain-id", CHAIN_ID
    ).split()[:count]
    net = sandbox.network(period="250ms", fund=senders, chain_id=CHAIN_ID)
    # A pool for all of them: one that is refused is recovered twice.
    node = sandbox.node(net / "validator-1", "--pool-size", f"{ACCOUNTS * EACH}+1024").start()
    rpc = node.rpc(30)
    port = node.address[1]
    before_cpu, begun = cpu_seconds(node.process.pid), time.monotonic()
    sent = load(sandbox.binaries, port, "--connections", connections, "--batch", batch, lines=raws)
    harness.expect(sent["errors"] == 0, f"refused: {sent['first_error']}")

    def empty():
        status = rpc.call("txpool_status")
        return int(status["pending"], 16) + int(status["queued"], 16) == 0

    harness.wait_until(empty, "an empty pool", 60)
    took = time.monotonic() - begun
    cpu = cpu_seconds(node.process.pid) - before_cpu
    counts = rpc.batch([("eth_getTransactionCount", [sender, "latest"]) for sender in senders])
    harness.expect(sum(int(n, 16) for n in counts) == len(raws), "all are included")
    rpc.close()
    node.stop()
    return len(raws) / took, cpu / len(raws) * 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--reps", type=int, default=3)
    options = parser.parse_args()
    for name, batch, connections, count in CASES:
        limits, cpus, rates = [], [], []
        for _ in range(options.reps):
            limits += recover_us(options.bin)
            with harness.Sandbox(options.bin, 0) as sandbox:
                rate, cpu = measure(sandbox, batch, connections, count)
            cpus.append(cpu)
            rates.append(rate)
        report(name, cpus, "recover", limits, statistics.median(rates))
    return 0


if __name__ == "__main__":
    sys.exit(main())
