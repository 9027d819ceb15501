# SPDX-License-Identifier: Apache-2.0
"""Strangers on the port of a validator. Some never get past the handshake: noise, silence, half a
handshake, a byte at a time, sizes that cannot be, and hundreds of connections: blocks keep their
pace, nobody's line is cut, and descriptors and memory are given back. Others are what they say and
send as much as they can of what costs us most: no validator's message is lost for it."""

import json
import os

import re
import socket
import struct
import subprocess
import threading
import time

from harness import PATIENCE_S, expect, wait_until
from network import Network, resources

HANDSHAKE_S = 5  # then whoever has not finished is closed (threat model: p2p)


def rows(rng):
    """name, bytes, whether the node must close at once"""
    noise = rng.randbytes(2048)
    size = rng.randrange(300, 400)
    return [
        ("noise", noise, True),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + bytes(1000), True),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise, True),
        ("zeros", bytes(2048), True),
        ("size 65535", b"\xff\xff" + noise, True),
        ("size 0", b"\x00\x00" + noise, True),
        ("an EIP-8 size and noise", struct.pack(">H", size) + b"\x04" + rng.randbytes(size - 1), True),
        ("an old handshake, which reads as a longer new one", b"\x04" + rng.randbytes(306), False),
        ("one byte", b"\x01", False),
        ("half a handshake", struct.pack(">H", size) + b"\x04" + rng.randbytes(size // 2), False),
        ("nothing", b"", False),
    ]


def until_closed(address, raw, seconds=PATIENCE_S):
    """@return (seconds until the node closed, bytes that it said)"""
    begun = time.monotonic()
    said = b""
    with socket.create_connection(address, timeout=seconds) as s:
        try:
            s.sendall(raw)
            while chunk := s.recv(4096):
                said += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass
    return time.monotonic() - begun, said


def dribble(address, raw, end):
    """A byte every 50 ms, again and again."""
    while not end.is_set():
        try:
            with socket.create_connection(address, timeout=5) as s:
                for i in range(len(raw)):
                    if end.wait(0.05):
                        return
                    s.sendall(raw[i : i + 1])
        except OSError:
            end.wait(0.05)


def gaps(net, i, first, last):
    """Seconds between these blocks, (mean, longest), from the node's own log."""
    at = {}
    for line in net.nodes[i].log_path.read_text(errors="replace").splitlines():
        if "imported block number=" in line:
            clock = line.split("T", 1)[1].split("Z", 1)[0].split(":")
            seconds = int(clock[0]) * 3600 + int(clock[1]) * 60 + float(clock[2])
            at[int(line.split("number=")[1].split()[0])] = seconds
    found = [(at[n + 1] - at[n]) % 86400 for n in range(first, last) if n in at and n + 1 in at]
    return sum(found) / len(found), max(found)


# Of tools/peer_flood, and how much memory each may take for a while (MiB).
FLOODS = {"prepares": 64, "round-changes": 96, "poor-txs": 128, "big-txs": 160, "bodies": 96, "noise": 64}


def flooded(net, sandbox, kind, limit_mib):
    """Four strangers send this for some seconds. @return messages sent"""
    node = net.nodes[0]
    enode = re.findall(r" p2p=(enode://[0-9a-f]+@127\.0\.0\.1:[0-9]+)", node.log_path.read_text(errors="replace"))[-1]
    begun = len(node.log_path.read_text(errors="replace"))
    height = net.head(1)
    before = most = resources(node)[1]
    flood = subprocess.Popen([str(sandbox.binaries / "tools" / "peer_flood"), enode, kind, "4", "3"],
                             stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.nice(19))
    while flood.poll() is None:
        most = max(most, resources(node)[1])
        time.sleep(0.02)
    said = json.loads(flood.stdout.read())
    log = node.log_path.read_text(errors="replace")[begun:]
    expect(flood.returncode == 0 and said["sent"] > 0, f"{kind}: {said}")
    expect("one is lost" not in log, f"{kind}: a validator's message was lost")
    expect(most - before < limit_mib * 1024, f"{kind}: memory grew by {(most - before) // 1024} MiB")
    net.wait_head(height + 3)
    return said["sent"]


def run(sandbox, rng):
    with Network(sandbox, rng, load_each=2000) as net:
        net.start()
        net.wait_peers(3)
        net.start_load()
        begin = net.head(0)
        net.wait_blocks(12)
        quiet, quiet_worst = gaps(net, 0, begin, net.head(0))
        address = ("127.0.0.1", net.port(0))
        descriptors, memory = resources(net.nodes[0])
        first = net.head(0)
        gone = [net.nodes[i].log().count("peer gone") for i in range(4)]

        results = {}
        waiting = []
        for name, raw, at_once in rows(rng):
            def once(name=name, raw=raw):
                results[name] = until_closed(address, raw)
            thread = threading.Thread(target=once)
            thread.start()
            if at_once:
                thread.join()
            else:  # those that wait for the deadline wait together
                waiting.append(thread)
        for thread in waiting:
            thread.join()
        for name, _, at_once in rows(rng):
            expect(name in results, f"{name}: no end")
            took, said = results[name]
            expect(not said, f"{name}: the node answers {len(said)} bytes to who proves no key")
            expect(took < HANDSHAKE_S or not at_once, f"{name}: closed after {took:.1f} s, not at once")

        # A few hundred at once, that say nothing, half of it, or one byte after another.
        end = threading.Event()
        threads = [threading.Thread(target=dribble, args=(address, rng.randbytes(400), end)) for _ in range(10)]
        for thread in threads:
            thread.start()
        flood, most = [], 0
        half = struct.pack(">H", 400) + b"\x04" + rng.randbytes(100)
        until = time.monotonic() + HANDSHAKE_S + 2
        while time.monotonic() < until:
            for _ in range(50):
                s = socket.create_connection(address, timeout=PATIENCE_S)
                try:
                    s.sendall(half)
                except OSError:
                    pass
                flood.append(s)
            most = max(most, resources(net.nodes[0])[0])
            for s in flood[:-150]:
                s.close()
            flood = flood[-150:]
            time.sleep(0.1)
        expect(most <= descriptors + 64 + 16, f"{most} descriptors, {descriptors} before")
        for i in range(4):
            expect(net.nodes[i].log().count("peer gone") == gone[i], f"{net.names[i]} has lost a peer")

        # A wide bound: the machine may be busy with other things now that it was not busy with before.
        last = net.head(0)
        mean, worst = gaps(net, 0, first, last)
        expect(mean <= 3 * quiet + 0.3, f"a block every {mean:.3f} s, and {quiet:.3f} s before")

        # While one address holds all the places it may, a restarted validator still gets in.
        net.kill(1)
        net.start(1)
        net.wait_peers(3, 1)
        end.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        for s in flood:
            s.close()
        net.stop_load()
        net.check_acknowledged()
        net.wait_blocks(2)
        wait_until(lambda: resources(net.nodes[0])[0] <= descriptors + 2, "descriptors are given back")
        grown = resources(net.nodes[0])[1] - memory
        expect(grown < 65536, f"memory has grown by {grown} KiB")
        sent = {kind: flooded(net, sandbox, kind, limit) for kind, limit in FLOODS.items()}
        net.wait_peers(3)
        net.check_equal()
        net.check_logs(["more requests than are answered"])
        net.stop()
        return (f"{last - first} blocks meanwhile, one in {mean:.3f} s ({quiet:.3f} s before), longest wait {worst:.2f} s "
                f"({quiet_worst:.2f} s before), "
                f"{most} descriptors at most ({descriptors} before), memory +{grown} KiB, sent {sent}")
