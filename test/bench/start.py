#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From exec to the first answer of a node, against a program that opens the same store."""

import argparse
import os
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402
from report import report  # noqa: E402

BODY = b'{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}'
REQUEST = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    + str(len(BODY)).encode() + b"\r\n\r\n" + BODY
)


def answer_us(binary, data_dir):
    """Starts a node and asks as soon as it says where."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [f"{binary}/cairnd", "run", "--data-dir", str(data_dir), "--rpc-listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    try:
        for line in process.stdout:
            if "ready" in line:
                break
        port = int(line.strip().rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(REQUEST)
            answer = connection.recv(65536)
        took = (time.monotonic() - begun) * 1e6
        harness.expect(b'"result":"0x' in answer, f"no answer: {answer!r}")
        return took
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def open_us(binary, data_dir):
    begun = time.monotonic()
    subprocess.run([f"{binary}/tools/open_store", str(data_dir / "store")], check=True, stdout=subprocess.DEVNULL)
    return (time.monotonic() - begun) * 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--reps", type=int, default=7)
    parser.add_argument("--accounts", type=int, default=int(os.environ.get("START_ACCOUNTS", "100000")))
    options = parser.parse_args()
    for name, accounts in (("start/empty", 0), (f"start/accounts-{options.accounts}", options.accounts)):
        with harness.Sandbox(options.bin, 0) as sandbox:
            fund = [f"0x{i:040x}" for i in range(1 << 20, (1 << 20) + accounts)]
            data_dir = sandbox.network(period="250ms", fund=fund) / "validator-1"
            answer_us(options.bin, data_dir)  # writes block 0
            ours, limits = [], []
            for _ in range(options.reps):
                limits.append(open_us(options.bin, data_dir))
                ours.append(answer_us(options.bin, data_dir))
            report(name, ours, "open the store", limits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
