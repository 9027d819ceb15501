# SPDX-License-Identifier: Apache-2.0
"""What a node says of itself: at its start, when no block comes and why, to the service manager,
and on signals. A second process on one directory is told whose it is."""

import http.client
import json
import os
import signal
import socket
import threading

from harness import PATIENCE_S, expect, wait_until
from scenario_damage import fails


def get(node, path):
    connection = http.client.HTTPConnection(*node.address, timeout=PATIENCE_S)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def manager(sandbox):
    """The service manager's end of sd_notify. @return (path, what it heard)"""
    path = sandbox.dir / "notify"
    end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    end.bind(str(path))
    end.settimeout(0.5)
    heard = []

    def listen():
        while "STOPPING=1" not in heard:
            try:
                heard.append(end.recv(4096).decode())
            except TimeoutError:
                pass
            except OSError:
                return

    threading.Thread(target=listen, daemon=True).start()
    return path, heard


def run(sandbox, rng):
    net = sandbox.network(validators=4)
    summary = json.loads((net / "network.json").read_text())
    stalled = sandbox.node(net / "validator-1").start()  # alone of four: waits while the rest is tested

    alone = sandbox.dir / "alone"
    sandbox.program("cairnd", "network", "init", "--validators", 1, "--chain-id", 20483, "--block-period", "200ms",
                    "--dir", alone)
    data = alone / "validator-1"
    path, heard = manager(sandbox)
    node = sandbox.node(data, "--tx-journal", "async", environment={
        "NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1000000"}).start()
    wait_until(lambda: "READY=1" in heard, "READY for the service manager")
    wait_until(lambda: heard.count("WATCHDOG=1") >= 3, "signs of life")
    wait_until(lambda: any(h.startswith("STATUS=block ") for h in heard), "STATUS")
    log = node.log()
    for word in ["started", "version=", "chain=20483", "genesis=0x", "forks=", "validator=0x", "validates=yes",
                 "rpc=http://", "not a power cut", "no validator may fail"]:
        expect(word in log, f"the start does not say {word!r}:\n{log}")
    wait_until(lambda: "imported block" in node.log(), "a line per block")
    for field in ["number=", "hash=0x", "txs=", "gas=", "round=", "proposer=0x", "took="]:
        line = [x for x in node.log().splitlines() if "imported block" in x][-1]
        expect(field in line, f"the block line lacks {field}: {line}")

    fails(sandbox, 3, ["in use by process", str(node.process.pid), "hint: "], "cairnd", "run", "--data-dir", data,
          "--rpc-listen", "127.0.0.1:0")

    # Levels by signal, and by reading the file again.
    node.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: is_quiet(node), "quiet after SIGUSR2")
    toml = data / "cairnd.toml"
    text = toml.read_text()
    toml.write_text(text + '\n[log]\nlevel = "debug"\n')
    node.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reloaded log_level=debug" in node.log(), "SIGHUP reads the level again")
    toml.write_text(text + '\n[log]\nlevle = "debug"\n')
    node.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "not reloaded" in node.log() and "levle" in node.log(), "a mistake changes nothing")
    toml.write_text(text)
    expect(get(node, "/liveness")[0] == 200, "alive")
    wait_until(lambda: get(node, "/readiness")[0] == 200, "ready")
    expect(node.stop() == 0, "SIGTERM ends with exit code 0")
    wait_until(lambda: "STOPPING=1" in heard, "STOPPING")

    # Alone of four validators: says so, with the names of the missing.
    wait_until(lambda: "stalled" in stalled.log(), "the stall is said")
    line = [x for x in stalled.log().splitlines() if "stalled" in x][0]
    expect("3 of 4 validators missing" in line and "hint=" in line, f"stall line: {line}")
    for other in summary["nodes"][1:]:
        expect(other["address"].lower() in line.lower(), f"{other['address']} is not named: {line}")
    wait_until(lambda: "3 of 4 validators missing" in get(stalled, "/readiness")[1], "the reason not to be ready")
    expect(get(stalled, "/readiness")[0] == 503, "not ready")
    expect(stalled.stop() == 0, "and it stops like any other")

    # Its store is lost after it may have signed: it begins again, and says what that means.
    os.unlink(net / "validator-1" / "store" / "data.mdb")
    stalled.start()
    expect(stalled.rpc().call("eth_blockNumber") == "0x0", "from block 0")
    expect(stalled.stop() == 0, "stops")
    return "start, stall, readiness, signals and service manager"


def is_quiet(node):
    """Whether two blocks come without a line about them."""
    before = node.log().count("imported block")
    rpc = node.rpc()
    head = int(rpc.call("eth_blockNumber"), 16)
    wait_until(lambda: int(rpc.call("eth_blockNumber"), 16) >= head + 2, "two more blocks")
    rpc.close()
    return node.log().count("imported block") == before
