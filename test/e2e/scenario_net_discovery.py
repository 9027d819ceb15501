# SPDX-License-Identifier: Apache-2.0
"""Nodes that know nothing but a bootnode find each other and make blocks: four validators and an
observer, which is the bootnode. Then a flood on its port, a validator that comes back, one more node
that is not on the allow list, and the bootnode's death."""

import json
import pathlib
import re
import socket

from harness import PATIENCE_S, Node, Rpc, expect, wait_until
from network import CHAIN_ID

VALIDATORS = 4
PACKETS = 20000


def ipc(data, method):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(PATIENCE_S)
        s.connect(str(data / "cairnd.sock"))
        s.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += s.recv(65536)
        return json.loads(answer)["result"]


class Member:
    """A node of the network: its folder, its process, its questions."""

    def __init__(self, sandbox, data, *flags):
        self.data = data
        (data / "static-nodes.json").write_text("[]")
        self.node = Node(sandbox.binaries / "cairnd", ["run", "--data-dir", data, "--rpc-listen", "127.0.0.1:0", *flags],
                         sandbox.dir / f"{data.name}.log")
        sandbox.nodes.append(self.node)
        self.rpc = None

    def start(self):
        self.node.start()
        self.rpc = Rpc(self.node.address)
        return self

    def call(self, method, *params):
        return self.rpc.call(method, *params)

    def peers(self):
        return int(self.call("net_peerCount"), 16)

    def head(self):
        return int(self.call("eth_blockNumber"), 16)

    def info(self):
        return ipc(self.data, "admin_nodeInfo")


def flood(enode):
    """Rubbish, and nothing answers to it."""
    port = int(re.search(r":(?:\d+\?discport=)?(\d+)$", enode).group(1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", port))
        for i in range(PACKETS):
            s.send(i.to_bytes(4, "big") * (25 + i % 200))
        s.setblocking(False)
        try:
            raise AssertionError(f"an answer: {s.recv(2000)!r}")
        except BlockingIOError:
            pass


def run(sandbox, rng):
    net = sandbox.dir / "net"
    sandbox.program("cairnd", "network", "init", "--validators", VALIDATORS, "--observers", 2, "--chain-id", CHAIN_ID,
                    "--block-period", "200ms", "--system-contracts", "off", "--dir", net)
    boot = Member(sandbox, net / "observer-1", "--discovery", "on").start()
    info = boot.info()
    enode = info["enode"]
    expect(info["enr"].startswith("enr:") and info["ports"]["discovery"] != 0, f"{info}")

    members = [Member(sandbox, net / f"validator-{i + 1}", "--bootnodes", enode).start() for i in range(VALIDATORS)]
    wait_until(lambda: all(m.peers() == VALIDATORS for m in [boot, *members]), "everybody has found everybody")
    start = members[0].head()
    wait_until(lambda: members[0].head() >= start + 10, "ten blocks")

    # The chain goes on while somebody floods the port, and discovery afterwards.
    before = members[0].head()
    flood(enode)
    wait_until(lambda: boot.head() > before + 2, "blocks after a flood")

    # Away and back at another port: it is found by what it knows, the bootnode.
    victim = members[rng.randrange(VALIDATORS)]
    victim.node.kill()
    victim.start()
    wait_until(lambda: victim.peers() == VALIDATORS, "who comes back is found")

    # Whoever is not on a node's list is no peer of it, found or not.
    allowed = [m.info()["enode"] for m in [boot, *members]]
    permissions = sandbox.dir / "permissions.toml"
    permissions.write_text("nodes-allowlist = " + json.dumps(allowed) + "\n")
    guarded = members[0]
    expect(guarded.node.stop() == 0, "exit code")
    guarded.node.arguments += ["--permissions", str(permissions)]
    guarded.start()
    wait_until(lambda: guarded.peers() == VALIDATORS, "those on the list")
    late = Member(sandbox, net / "observer-2", "--bootnodes", enode).start()
    late_id = late.info()["id"]
    wait_until(lambda: late.peers() == VALIDATORS, "all but the one with a list")
    expect(all(p["id"] != late_id for p in ipc(guarded.data, "admin_peers")), "not on the list")

    # The bootnode is needed by newcomers only.
    boot.node.kill()
    head = late.head()
    wait_until(lambda: late.head() >= head + 5, "blocks without the bootnode")
    height = min(m.head() for m in [late, *members])
    hashes = {m.call("eth_getBlockByNumber", hex(height), False)["hash"] for m in [late, *members]}
    expect(len(hashes) == 1, f"one chain: {hashes}")
    for m in [late, *members]:
        expect(m.node.stop() == 0, "exit code")
    log = pathlib.Path(guarded.node.log_path).read_text()
    expect("panic" not in log, "no assertion")
    return f"{height} blocks, {VALIDATORS + 2} nodes by one bootnode, {PACKETS} packets of rubbish"
