#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One node, end to end: pre-signed transfers over HTTP, in batches and one by one over 16
keep-alive connections, until they are in blocks. Prints transfers per second and CPU of the
node per transfer in recover units."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402

ACCOUNTS = 400
EACH = 40
CHAIN_ID = 20482
CASES = (  # name, transactions of one request, connections, transactions
    ("node/transfers-batch", 100, 16, ACCOUNTS * EACH),
    ("node/transfers-single", 1, 16, ACCOUNTS * EACH),
)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def recover_us(binaries):
    out = subprocess.run([f"{binaries}/tools/recover_rate"], check=True, capture_output=True, text=True)
    return [float(line) for line in out.stdout.split()]


def measure(sandbox, batch, connections, count):
    senders = sandbox.program("tools/presign", "addresses", "--accounts", ACCOUNTS).split()
    raws = sandbox.program(
        "tools/presign", "transfers", "--accounts", ACCOUNTS, "--each", EACH, "--chain-id", CHAIN_ID
    ).split()[:count]
    net = sandbox.network(period="250ms", fund=senders, chain_id=CHAIN_ID)
    node = sandbox.node(net / "validator-1").start()
    rpc = node.rpc(30)
    port = node.address[1]
    before_cpu, begun = cpu_seconds(node.process.pid), time.monotonic()
    client = subprocess.run(
        [f"{sandbox.binaries}/tools/rpc_load", "--port", str(port), "--connections", str(connections),
         "--batch", str(batch)],
        input="\n".join(raws) + "\n", capture_output=True, text=True, check=True, timeout=60,
    )
    sent = json.loads(client.stdout)
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
        limit = statistics.median(limits)
        noisy = max(limits) - min(limits) > 0.2 * limit
        print(
            json.dumps(
                {
                    "bench": name,
                    "unit": "us",
                    "median": round(statistics.median(cpus), 2),
                    "min": round(min(cpus), 2),
                    "max": round(max(cpus), 2),
                    "reps": options.reps,
                    "limit": "recover",
                    "limit_us": round(limit, 2),
                    "ratio": round(statistics.median(cpus) / limit, 3),
                    "noisy": noisy,
                    "cpus": os.cpu_count(),
                    "per_second": round(statistics.median(rates)),
                }
            )
        )
        print(
            f"{name:36} {statistics.median(cpus):12.1f} us CPU {statistics.median(cpus) / limit:8.2f} x recover"
            f" ({limit:.1f} us)   {statistics.median(rates):8.0f} tx/s wall{'   noisy' if noisy else ''}",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
