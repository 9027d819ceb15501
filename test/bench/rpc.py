#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPU of the node for one request of each common method over 16 keep-alive connections, against
a server of the same library that gives a constant answer."""

import argparse
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402
from report import cpu_seconds, load, report  # noqa: E402

RICH = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
TOKEN_CALL = '{"to":"%s","data":"0x18160ddd"}'  # totalSupply()
REQUESTS = 20000


def cases(token):
    return (
        ("eth_chainId", "[]"),
        ("eth_blockNumber", "[]"),
        ("eth_getBalance", f'["{RICH}","latest"]'),
        ("eth_getTransactionCount", f'["{RICH}","pending"]'),
        ("eth_getBlockByNumber", '["latest",false]'),
        ("eth_call", f'[{TOKEN_CALL % token},"latest"]'),
    )


def run(binaries, pid, port, method, params):
    before = cpu_seconds(pid)
    result = load(binaries, port, "--count", REQUESTS, "--method", method, "--params", params)
    harness.expect(result["errors"] == 0 and result["answers"] == REQUESTS, f"{method}: {result}")
    return (cpu_seconds(pid) - before) * 1e6 / REQUESTS, REQUESTS / result["seconds"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--reps", type=int, default=5)
    options = parser.parse_args()
    constant = subprocess.Popen(
        [f"{options.bin}/tools/constant_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    constant_port = int(constant.stdout.readline())
    with harness.Sandbox(options.bin, 0) as sandbox:
        node = sandbox.dev_node("--zero-base-fee").start()
        token = node.rpc(10).call("reward_getParams")["token"]
        for method, params in cases(token):
            ours, limits, rates = [], [], []
            for _ in range(options.reps):
                limits.append(run(options.bin, constant.pid, constant_port, "eth_chainId", "[]")[0])
                cpu, rate = run(options.bin, node.process.pid, node.address[1], method, params)
                ours.append(cpu)
                rates.append(rate)
            report(f"rpc/{method}", ours, "constant", limits, statistics.median(rates))
        node.stop()
    constant.stdin.close()
    constant.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
