#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Four validators on this machine, and an observer that comes late. CPU of one node in recover
units, averaged over the four, and how many per second: empty blocks at the shortest period, and
transfers from several connections to all four until they are in blocks; then the observer's CPU
while it catches up with either chain from genesis (beside import.py's, which is the same without
a network)."""

import argparse
import pathlib
import random
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402
from network import Network  # noqa: E402
from report import cpu_seconds, recover_us, report  # noqa: E402

VALIDATORS = range(4)
EMPTY_BLOCKS = 600
EACH = 4000  # transfers given to each validator


def network(sandbox, **options):
    net = Network(sandbox, random.Random(0), observers=1, direct=True, **options)
    net.start(*VALIDATORS)
    net.wait_peers(3)
    net.wait_head(3)
    return net


def cpu_of(net, which):
    return sum(cpu_seconds(net.nodes[i].process.pid) for i in which)


def catch_up(net, units):
    """The observer, which starts with nothing. @return (CPU, seconds) per unit"""
    net.kill(1, 2)  # the chain stands still
    head = net.head(0)
    net.start(4)
    before, begun = cpu_of(net, [4]), time.monotonic()
    net.wait_head(head, 4, seconds=300)
    took, cpu = time.monotonic() - begun, cpu_of(net, [4]) - before
    net.check_equal()
    return cpu / units, took / units


def empty_blocks(sandbox):
    with network(sandbox, period="10ms") as net:
        first, before, begun = net.head(0), cpu_of(net, VALIDATORS), time.monotonic()
        net.wait_head(first + EMPTY_BLOCKS, *VALIDATORS, seconds=120)
        count = net.head(0) - first
        took, cpu = time.monotonic() - begun, cpu_of(net, VALIDATORS) - before
        return (cpu / count / len(VALIDATORS), took / count), catch_up(net, net.head(0))


def transfers(sandbox):
    with network(sandbox, period="200ms", gas_limit="200M", load_each=EACH) as net:
        count = sum(len(net.raws[i]) for i in VALIDATORS)
        before, begun, clients = cpu_of(net, VALIDATORS), time.monotonic(), []
        for i in VALIDATORS:
            lines = sandbox.dir / f"load-{i}"
            lines.write_text("\n".join(net.raws[i]) + "\n")
            with open(lines, "rb") as source:
                clients.append(subprocess.Popen(
                    [sandbox.binaries / "tools" / "rpc_load", "--port", str(net.nodes[i].address[1]), "--connections",
                     "1", "--batch", "50"], stdin=source, stdout=subprocess.PIPE))
        for client in clients:
            out, _ = client.communicate(timeout=120)
            harness.expect(client.returncode == 0 and b'"errors":0' in out, f"load: {out!r}")
        rpc, at, seen = net.nodes[0].rpc(30), 0, 0
        while seen < count:
            harness.expect(time.monotonic() - begun < 120, f"{seen} of {count} are in blocks")
            if int(rpc.call("eth_blockNumber"), 16) == at:
                time.sleep(0.01)
                continue
            at += 1
            seen += int(rpc.call("eth_getBlockTransactionCountByNumber", hex(at)), 16)
        took, cpu = time.monotonic() - begun, cpu_of(net, VALIDATORS) - before
        rpc.close()
        net.wait_head(at, *VALIDATORS)
        return (cpu / count / len(VALIDATORS), took / count), catch_up(net, count)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--reps", type=int, default=3)
    options = parser.parse_args()
    for subject, names in ((empty_blocks, ("net/empty-block", "net/catch-up-empty-block")),
                           (transfers, ("net/transfer", "net/catch-up-transfer"))):
        limits, samples = [], ([], [])
        for _ in range(options.reps):
            limits += recover_us(options.bin)
            with harness.Sandbox(options.bin, 0) as sandbox:
                for all_of_one, sample in zip(samples, subject(sandbox)):
                    all_of_one.append(sample)
        for name, sample in zip(names, samples):
            report(name, [cpu * 1e6 for cpu, _ in sample], "recover", limits,
                   1 / statistics.median(took for _, took in sample))
    return 0


if __name__ == "__main__":
    sys.exit(main())
