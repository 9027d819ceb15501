#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Catching up: a chain from a block file into an empty data directory, every seal and signature
checked, every transaction executed. CPU per transfer (blocks full of transfers) and per block
(empty ones) in recover units, and how many per second."""

import argparse
import os
import pathlib
import resource
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402
from report import load, recover_us, report  # noqa: E402

ACCOUNTS = 400
EACH = 40
CHAIN_ID = 20482
EMPTY_BLOCKS = 1000


def chain_of(sandbox, transfers):
    """A block file, and the genesis it is of."""
    senders = sandbox.program("tools/presign", "addresses", "--accounts", ACCOUNTS).split()
    net = sandbox.network(period="250ms" if transfers else "10ms", fund=senders, chain_id=CHAIN_ID)
    node = sandbox.node(net / "validator-1", "--pool-size", f"{ACCOUNTS * EACH}+1024").start()
    rpc = node.rpc(30)
    if transfers:
        raws = sandbox.program(
            "tools/presign", "transfers", "--accounts", ACCOUNTS, "--each", EACH, "--chain-id", CHAIN_ID
        ).split()
        sent = load(sandbox.binaries, node.address[1], "--connections", 16, "--batch", 100, lines=raws)
        harness.expect(sent["errors"] == 0, f"refused: {sent['first_error']}")
        harness.wait_until(lambda: rpc.call("txpool_status")["pending"] == "0x0", "an empty pool", 60)
    else:
        harness.wait_until(lambda: int(rpc.call("eth_blockNumber"), 16) >= EMPTY_BLOCKS, "the blocks", 120)
    rpc.close()
    harness.expect(node.stop() == 0, "stop")
    chain = sandbox.dir / "chain.rlp"
    said = sandbox.program("cairnd", "export", "--to", chain, "--data-dir", net / "validator-1")
    words = said.split()  # ok: blocks 0 to N, T transactions, ...
    return chain, net / "genesis.json", int(words[4].rstrip(",")), int(words[5])


def import_once(sandbox, chain, genesis, name):
    """Seconds of CPU and of the clock."""
    data = sandbox.dir / name
    sandbox.program("cairnd", "init", "--genesis", genesis, "--data-dir", data)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    sandbox.program("cairnd", "import", chain, "--data-dir", data)
    took, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--reps", type=int, default=3)
    options = parser.parse_args()
    for name, transfers in (("import/transfer", True), ("import/empty-block", False)):
        limits, cpus, rates = [], [], []
        with harness.Sandbox(options.bin, 0) as sandbox:
            chain, genesis, blocks, txs = chain_of(sandbox, transfers)
            units = txs if transfers else blocks
            print(f"# {name}: {blocks} blocks, {txs} transactions, {os.path.getsize(chain)} bytes", file=sys.stderr)
            for i in range(options.reps):
                limits += recover_us(options.bin)
                cpu, took = import_once(sandbox, chain, genesis, f"copy-{i}")
                cpus.append(cpu / units * 1e6)
                rates.append(units / took)
        report(name, cpus, "recover", limits, statistics.median(rates))
    return 0


if __name__ == "__main__":
    sys.exit(main())
