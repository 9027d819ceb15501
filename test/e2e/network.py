# SPDX-License-Identifier: Apache-2.0
"""A network of real cairnd processes whose links can be cut. Every node calls the others through
a relay of this process, one listener for each directed pair, so that a partition needs no
privileges:

    node 1 --call--> relay 1>2 --call--> node 2

Ports are the kernel's choice, also after a restart: the relays are told where a node listens.
Where speed is measured (`direct`) the nodes call each other without relays; with `namespaces` each has
a network of its own, and cables."""

import asyncio
import json
import os
import pathlib
import re
import signal
import socket
import threading
import time

from harness import PATIENCE_S, Failure, Node, expect, wait_until
from load import Load

CHAIN_ID = 20482
SENDERS = 40  # of one node's load
CAPPED_TIMEOUT_S = 4  # of a round: what a test can wait for twice


def quorum(validators):
    """How many validators decide: two thirds, rounded up."""
    return -(-2 * validators // 3)


def faults(validators):
    """How many of them may fail."""
    return (validators - 1) // 3


class Link:
    """The lines that one node has begun to another one."""

    def __init__(self):
        self.port = None  # of our listener
        self.target = None  # (host, port) of the node; None: it is not there
        self.up = True  # False: lines are refused, and those that exist are cut
        self.flowing = True  # False: nothing arrives and nobody is told
        self.latency_s = 0.0
        self.tear = False  # the next bytes arrive in part, then the line is cut
        self.lines = set()


class Relays:
    """All links, on a thread of their own. Every change is made there."""

    def __init__(self, pairs, rng):
        self.rng = rng
        self.links = {pair: Link() for pair in pairs}
        self.loop = asyncio.new_event_loop()
        self.changed = None
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self._call(self._open())

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    async def _open(self):
        self.changed = asyncio.Condition()
        for link in self.links.values():
            def accept(reader, writer, link=link):
                return self._line(link, reader, writer)
            server = await asyncio.start_server(accept, "127.0.0.1", 0)
            link.port = server.sockets[0].getsockname()[1]

    async def _line(self, link, reader, writer):
        line = None
        try:
            if not link.up or link.target is None:
                return
            there_reader, there_writer = await asyncio.open_connection(*link.target)
            line = (writer, there_writer)
            link.lines.add(line)
            ways = [asyncio.ensure_future(self._way(link, reader, there_writer)),
                    asyncio.ensure_future(self._way(link, there_reader, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            there_writer.close()
        except OSError:
            pass
        finally:
            link.lines.discard(line)
            writer.close()

    async def _way(self, link, reader, writer):
        """One direction of a line, until it ends."""
        try:
            while True:
                data = await reader.read(65536)
                if not data:
                    return
                if link.latency_s > 0:
                    await asyncio.sleep(link.latency_s)
                async with self.changed:
                    await self.changed.wait_for(lambda: link.flowing)
                if link.tear:
                    link.tear = False
                    writer.write(data[: self.rng.randrange(len(data))])
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            return

    def change(self, pairs, **settings):
        """Sets `up`, `flowing`, `latency_s`, `tear` or `target` of these links."""
        async def apply():
            async with self.changed:
                for pair in pairs:
                    link = self.links[pair]
                    for name, value in settings.items():
                        setattr(link, name, value)
                    if not link.up:
                        for line in link.lines:
                            for writer in line:
                                writer.transport.abort()
                self.changed.notify_all()
        self._call(apply())

    def close(self):
        async def end():
            for link in self.links.values():
                for line in list(link.lines):
                    for writer in line:
                        writer.transport.abort()
            self.loop.call_soon(self.loop.stop)
        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join(PATIENCE_S)


class Network:
    """`cairnd network init`, and its nodes numbered from 0: validators, then observers."""

    def __init__(self, sandbox, rng, validators=4, observers=0, period="200ms", request_timeout="1s",
                 load_each=0, signers=None, direct=False, gas_limit="30M", arguments=(), init=(), namespaces=None):
        self.sandbox = sandbox
        self.rng = rng
        self.dir = sandbox.dir / "net"
        self.count = validators + observers
        self.validators = validators
        self.arguments = arguments  # of every node, beside the usual ones
        sandbox.program(
            "cairnd", "network", "init", "--validators", validators, "--observers", observers, "--chain-id", CHAIN_ID,
            "--block-period", period, "--request-timeout", request_timeout, "--gas-limit", gas_limit, *init, "--dir", self.dir,
        )
        self.names = ([f"validator-{i + 1}" for i in range(validators)]
                      + [f"observer-{i + 1}" for i in range(observers)])
        summary = json.loads((self.dir / "network.json").read_text())
        self.addresses = [node["address"].lower() for node in summary["nodes"]]
        keys = [re.match(r"enode://([0-9a-f]{128})@", node["enode"]).group(1) for node in summary["nodes"]]
        self.raws = []
        funds = []
        for i in range(self.count if load_each else 0):
            accounts = ["--accounts", SENDERS, "--seed", rng.randrange(1 << 32)]
            funds += sandbox.program("tools/presign", "addresses", *accounts).split()
            self.raws.append(sandbox.program("tools/presign", "transfers", *accounts, "--each",
                                             -(-load_each // SENDERS), "--chain-id", CHAIN_ID).split())
        self.senders = funds
        self._rewrite_genesis(funds, signers)
        self.namespaces = namespaces
        self.direct = direct
        relayed = not direct and namespaces is None
        pairs = [(i, j) for i in range(self.count) for j in range(self.count) if i != j and relayed]
        self.relays = Relays(pairs, rng)
        self.hosts = [namespaces.host(i) if namespaces else "127.0.0.1" for i in range(self.count)]
        self.ports = [30303] * self.count if namespaces else free_ports(self.count) if direct else [0] * self.count
        for i in range(self.count):
            enodes = [f"enode://{keys[j]}@{self.hosts[j]}:{self.relays.links[i, j].port if relayed else self.ports[j]}"
                      for j in range(self.count) if j != i]
            (self.data(i) / "static-nodes.json").write_text(json.dumps(enodes))
        self.nodes = [self._node(i) for i in range(self.count)]
        self.loads = {}

    def _rewrite_genesis(self, funds, signers):
        genesis = json.loads((self.dir / "genesis.json").read_text())
        for address in funds:
            genesis["alloc"][address.removeprefix("0x")] = {"balance": hex(1000 * 10**18)}
        genesis["config"]["qbft"]["maxrequesttimeoutseconds"] = CAPPED_TIMEOUT_S
        if signers is not None:
            wanted = sorted(self.addresses[i].removeprefix("0x") for i in signers)
            items = b"".join(b"\x94" + bytes.fromhex(a) for a in wanted)
            content = b"\xa0" + bytes(32) + rlp_list(items) + b"\xc0\x80\xc0"
            genesis["extraData"] = "0x" + rlp_list(content).hex()
        text = json.dumps(genesis)
        for name in self.names:
            (self.dir / name / "genesis.json").write_text(text)

    def data(self, i):
        return self.dir / self.names[i]

    def sign_log(self, i):
        return self.sandbox.dir / f"signed-{i}.log"

    def _node(self, i):
        # The build with named places also notes down every message it signs; not where speed counts.
        node = Node(self.sandbox.binaries / ("cairnd" if self.direct else "crash/cairnd"),
                    ["run", "--data-dir", self.data(i), "--rpc-listen", "127.0.0.1:0", "--rpc-namespaces",
                     "eth,net,txpool,qbft,model,round,qbft_proposeValidatorVote,qbft_discardValidatorVote", *self.arguments],
                    self.sandbox.dir / f"{self.names[i]}.log",
                    {"CAIRN_SIGN_LOG": str(self.sign_log(i)), "CAIRND_P2P_LISTEN": f"{self.hosts[i]}:{self.ports[i]}"})
        if self.namespaces:
            node.before = self.namespaces.command(i)
            node.connection_of = self.namespaces.connection_of(i)
        self.sandbox.nodes.append(node)
        return node

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        for load in self.loads.values():
            load.stopping = True
        for node in self.nodes:
            node.kill()
        self.relays.close()

    # ---- nodes ----

    def port(self, i):
        """Where the node listens for peers, as its last start has said."""
        return int(re.findall(r" p2p=enode://[0-9a-f]+@127\.0\.0\.1:([0-9]+)",
                              self.nodes[i].log_path.read_text(errors="replace"))[-1])

    def start(self, *which):
        for i in which or range(self.count):
            self.nodes[i].start()
            if not self.ports[i]:
                self.relays.change([(j, i) for j in range(self.count) if j != i], target=("127.0.0.1", self.port(i)))
            if i in self.loads:
                self.loads[i].reconnect(self.nodes[i].rpc())

    def kill(self, *which):
        for i in which:
            self.nodes[i].process.send_signal(signal.SIGKILL)
        for i in which:
            self.nodes[i].kill()

    def stop(self, *which):
        for i in which or range(self.count):
            if self.is_running(i):
                expect(self.nodes[i].stop() == 0, f"{self.names[i]} stops with exit code 0")

    def is_running(self, i):
        return self.nodes[i].process is not None and self.nodes[i].process.poll() is None

    def running(self):
        return [i for i in range(self.count) if self.is_running(i)]

    def call(self, i, method, *params):
        rpc = self.nodes[i].rpc()
        try:
            return rpc.call(method, *params)
        finally:
            rpc.close()

    def head(self, i):
        return int(self.call(i, "eth_blockNumber"), 16)

    def wait_head(self, number, *which, seconds=PATIENCE_S):
        """All of these nodes are at this block, or above."""
        for i in which or self.running():
            try:
                wait_until(lambda i=i: self.head(i) >= number, f"{self.names[i]} at block {number}", seconds)
            except Failure as failure:
                raise Failure(f"{failure} (it is at {self.head(i)}; its log ends:\n{self.nodes[i].tail(8)})") from None

    def wait_blocks(self, more, *which, seconds=PATIENCE_S):
        """All of these have so many blocks more than the best of them had. @return the number"""
        which = which or self.running()
        number = max(self.head(i) for i in which) + more
        self.wait_head(number, *which, seconds=seconds)
        return number

    def wait_peers(self, count, *which, seconds=PATIENCE_S):
        for i in which or self.running():
            wait_until(lambda i=i: int(self.call(i, "net_peerCount"), 16) == count, f"{count} peers of {self.names[i]}",
                       seconds)

    # ---- links ----

    def between(self, one, other):
        """Both directions of every link between two groups."""
        return [pair for a in one for b in other for pair in ((a, b), (b, a))]

    def split(self, one, other, silently):
        """No byte goes from one group to the other. Silently: as if the cable were cut."""
        pairs = self.between(one, other)
        if silently:
            self.relays.change(pairs, flowing=False)
        else:
            self.relays.change(pairs, up=False)

    def heal(self):
        self.relays.change(self.relays.links, up=True, flowing=True, latency_s=0.0)

    # ---- load ----

    def start_load(self, *which, interval=0.04, batch=4, patient=False):
        """Transfers by RPC to each of these nodes, from senders of its own."""
        for i in which or self.running():
            self.loads[i] = Load(self.raws[i], batch=batch, interval=interval, patient=patient)
            self.loads[i].start(self.nodes[i].rpc())

    def stop_load(self):
        for i, load in self.loads.items():
            load.stop()
            expect(not load.refused, f"{self.names[i]} refused: {load.refused[:3]}")

    # ---- what must hold ----

    def check_acknowledged(self, seconds=PATIENCE_S):
        """Each acknowledged transaction is in a block. @return how many"""
        rpc = self.nodes[self.running()[0]].rpc()
        hashes = [tx for load in self.loads.values() for tx in load.acknowledged]
        deadline = time.monotonic() + seconds
        waiting = hashes
        while waiting:
            some = waiting[:100]
            answers = rpc.batch([("eth_getTransactionReceipt", [tx]) for tx in some])
            for tx, answer in zip(some, answers):
                expect(answer is None or answer["status"] == "0x1", f"{tx}: {answer}")
            left = [tx for tx, answer in zip(some, answers) if answer is None]
            expect(not left or time.monotonic() < deadline, f"{len(left)} of {len(some)} acknowledged are in no block: {left[:3]}")
            waiting = left + waiting[100:]
        rpc.close()
        return len(hashes)

    def check_equal(self):
        """One chain: the same block at every height of the running nodes. @return the height"""
        which = self.running()
        height = min(self.head(i) for i in which)
        chains = []
        for i in which:
            rpc = self.nodes[i].rpc()
            chain = []
            for begin in range(0, height + 1, 100):
                answers = rpc.batch([("eth_getBlockByNumber", [hex(n), False])
                                     for n in range(begin, min(begin + 100, height + 1))])
                chain += [(block["hash"], block["stateRoot"]) for block in answers]
            chains.append(chain)
            rpc.close()
        for n in range(height + 1):
            seen = {chain[n] for chain in chains}
            expect(len(seen) == 1, f"block {n} differs: {seen}")
        return height

    def check_signed(self):
        """No validator has ever said two things in one round, or gone back. @return messages"""
        count = 0
        for i in range(self.count):
            said, last = {}, (0, 0)
            for line in self.sign_log(i).read_text().splitlines() if self.sign_log(i).exists() else []:
                kind, height, round_, digest = line.rsplit(" ", 3)
                at = (int(height), int(round_))
                before = said.setdefault((kind, at), digest)
                expect(before == digest, f"{self.names[i]} signed two of {kind} at {at}: {before} and {digest}")
                expect(at >= last, f"{self.names[i]} signed {kind} at {at} after {last}")
                last = at
                count += 1
        return count

    def check_evidence(self, liars=(), *which):
        """What the nodes themselves have on record of each other: nothing against an honest validator.
        @return how many records there are of each of the liars"""
        found = {self.addresses[i]: 0 for i in liars}
        for i in which or self.running():
            for record in self.call(i, "qbft_getEvidence"):
                who = record["author"].lower()
                expect(who in found, f"{self.names[i]} has evidence against {who}: {record}")
                found[who] += 1
        return found

    def check_all(self, allowed=(), deep=None):
        """Everything that must hold when the load has stopped: each acknowledged transaction is in the
        one chain, nobody has contradicted himself, and the chains (of these nodes; None: of all),
        executed once more, have the same roots. Stops all nodes. @return the counts as a sentence"""
        txs = self.check_acknowledged()
        self.wait_blocks(2)
        height = self.check_equal()
        messages = self.check_signed()
        self.check_evidence()
        self.check_logs(allowed)
        self.stop()
        which = range(self.count) if deep is None else deep
        for i in which:
            self.sandbox.program("cairnd", "verify", "--deep", "--data-dir", self.data(i), timeout=600)
        return (f"{height} equal blocks on {self.count} nodes, {txs} acknowledged and none lost, {messages} signed "
                f"messages and none contradicts, {len(which)} chains executed again")

    def check_logs(self, allowed=(), which=None):
        """Nobody has failed, and nobody of these honest nodes has taken another for a bad one; lines
        with one of these words apart."""
        for i in range(self.count) if which is None else which:
            path = self.nodes[i].log_path
            for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
                bad = [w for w in (" ERROR ", "assert", "Sanitizer", "breaks a rule", "than are answered") if w in line]
                expect(not bad or any(word in line for word in allowed), f"{self.names[i]} says: {line}")

    def check_deep(self, i):
        """Stops the node, and executes its chain again."""
        self.stop(i)
        self.sandbox.program("cairnd", "verify", "--deep", "--data-dir", self.data(i))


RESERVED = []  # sockets that keep a port for one of our nodes


def free_ports(count):
    """Ports for nodes that others must know before they run. The kernel gives them to nobody else
    while a socket is bound to them, and lets the node listen there: both want to share (SO_REUSEADDR)
    and ours never listens."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
    RESERVED.extend(sockets)
    return [s.getsockname()[1] for s in sockets]


def rlp_list(content):
    if len(content) < 56:
        return bytes([0xC0 + len(content)]) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([0xF7 + len(size)]) + size + content


def resources(node):
    """(descriptors, resident KiB) of a process."""
    pid = node.process.pid
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return len(os.listdir(f"/proc/{pid}/fd")), pages * os.sysconf("SC_PAGE_SIZE") // 1024
