# SPDX-License-Identifier: Apache-2.0
"""Real cairnd processes on loopback, for end-to-end tests. Standard library only.

Nothing sleeps for a fixed time where a condition can be awaited; everything has a deadline;
only processes started here are ever signalled."""

import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

# Nodes of tests call nobody unless they are told to, and share no fixed port.
os.environ.setdefault("CAIRND_P2P_LISTEN", "127.0.0.1:0")

# Bounds what hangs and measures nothing: a machine may be slow, and busy with something else.
PATIENCE_S = 120


class Failure(Exception):
    """A scenario's expectation that did not hold."""


class NotRun(Exception):
    """This machine cannot run a scenario; the text says why."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


def end_on_sigterm():
    """SIGTERM ends this process as Ctrl-C does: sandboxes end what they have started."""
    def end(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, end)


def wait_until(condition, what, seconds=PATIENCE_S):
    """Polls `condition` until it is true; its value is returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds:g} s in vain for: {what}")
        time.sleep(0.01)


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.code = error.get("code")
        self.message = error.get("message", "")
        self.data = error.get("data")


class Rpc:
    """One keep-alive connection. Not for sharing between threads."""

    def __init__(self, address, timeout=PATIENCE_S, connection_of=http.client.HTTPConnection):
        self.address = address
        self.timeout = timeout
        self.connection_of = connection_of
        self.connection = None
        self.ids = 0

    def post(self, body):
        """Raw bytes in, (status, bytes) out. Any failure closes the connection."""
        if self.connection is not None and self._is_stale():
            self.close()
        try:
            if self.connection is None:
                self.connection = self.connection_of(*self.address, timeout=self.timeout)
            self.connection.request(
                "POST", "/", body, {"Content-Type": "application/json"}
            )
            response = self.connection.getresponse()
            return response.status, response.read()
        except Exception:
            self.close()
            raise

    def _is_stale(self):
        """The node closes what has been idle for a minute: then something can be read, its end."""
        if self.connection.sock is None:
            return True
        readable = select.poll()
        readable.register(self.connection.sock, select.POLLIN)
        return bool(readable.poll(0))

    def call(self, method, *params):
        self.ids += 1
        request = {"jsonrpc": "2.0", "id": self.ids, "method": method, "params": list(params)}
        status, body = self.post(json.dumps(request).encode())
        expect(status == 200, f"{method}: HTTP {status}: {body[:200]!r}")
        answer = json.loads(body)
        expect(answer.get("id") == self.ids, f"{method}: answer to another id: {answer}")
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def batch(self, calls):
        """[(method, params)] -> [result or RpcError], in order."""
        requests = []
        for method, params in calls:
            self.ids += 1
            requests.append({"jsonrpc": "2.0", "id": self.ids, "method": method, "params": params})
        status, body = self.post(json.dumps(requests).encode())
        expect(status == 200, f"batch: HTTP {status}: {body[:200]!r}")
        by_id = {answer["id"]: answer for answer in json.loads(body)}
        return [
            RpcError(by_id[r["id"]]["error"]) if "error" in by_id[r["id"]] else by_id[r["id"]]["result"]
            for r in requests
        ]

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Node:
    """A cairnd process and its log."""

    def __init__(self, binary, arguments, log_path, environment=None):
        self.binary = str(binary)
        self.arguments = [str(a) for a in arguments]
        self.log_path = pathlib.Path(log_path)
        self.environment = environment
        self.process = None
        self.address = None
        self.starts = 0
        self.before = []  # a command that starts it
        self.connection_of = http.client.HTTPConnection  # how its RPC is reached

    def start(self, seconds=PATIENCE_S):
        """Starts and waits for the line that says where the RPC answers. A process that ends
        instead has ended when this fails: its exit code is its own."""
        self.starts += 1
        log = open(self.log_path, "ab")
        # One port for all nodes of the machine is none: who wants metrics says where.
        environment = {"CAIRND_METRICS_LISTEN": "off", **os.environ, **(self.environment or {})}
        self.process = subprocess.Popen(
            [*self.before, self.binary, *self.arguments], stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL,
            env=environment,
        )
        log.close()
        found = {}
        ready = threading.Event()

        def read(stream):
            for raw in stream:
                line = raw.decode(errors="replace")
                with open(self.log_path, "ab") as copy:
                    copy.write(b"[stdout] " + raw)
                match = re.search(r"http://([0-9.]+):([0-9]+)", line)
                if "ready" in line and match:
                    found["address"] = (match.group(1), int(match.group(2)))
                    ready.set()
            ready.set()

        threading.Thread(target=read, args=(self.process.stdout,), daemon=True).start()
        said = ready.wait(seconds)
        if "address" not in found:
            code = None
            if said:  # its output is closed, so it is ending
                try:
                    code = self.process.wait(seconds)
                except subprocess.TimeoutExpired:
                    pass
            self.kill()
            raise Failure(f"cairnd did not become ready (exit {code}); its log ends:\n{self.tail()}")
        self.address = found["address"]
        return self

    def rpc(self, timeout=PATIENCE_S):
        return Rpc(self.address, timeout, self.connection_of)

    def kill(self):
        """SIGKILL: no chance to tidy up."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self, seconds=PATIENCE_S):
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"cairnd did not stop within {seconds} s; its log ends:\n{self.tail()}") from None

    def log(self):
        """All that it has said; a last line may be half."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else "(no log)"

    def tail(self, lines=25):
        """The end of it, to be shown. What is looked for may be further up: see log()."""
        return "\n".join(self.log().splitlines()[-lines:])


class Sandbox:
    """A temporary directory, the programs under test, and the processes started in it."""

    def __init__(self, binaries, seed):
        self.binaries = pathlib.Path(binaries).resolve()
        self.seed = seed
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cairn-e2e-"))
        self.nodes = []

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        for node in self.nodes:
            node.kill()
        if kind is None or issubclass(kind, NotRun):
            shutil.rmtree(self.dir)
        else:
            print(f"    kept for a look: {self.dir}")

    def program(self, *arguments, expect_code=0, timeout=2 * PATIENCE_S, **options):
        """Runs a program of ours to its end and returns its standard output."""
        name, *rest = [str(a) for a in arguments]
        done = subprocess.run(
            [str(self.binaries / name), *rest], capture_output=True, text=True, timeout=timeout,
            stdin=subprocess.DEVNULL, check=False, **options,
        )
        expect(
            done.returncode == expect_code,
            f"{name} {' '.join(rest)}: exit {done.returncode}, expected {expect_code}\n{done.stderr[-2000:]}",
        )
        return done.stdout

    def network(self, validators=1, period="100ms", chain_id=20482, fund=()):
        """A network on disk; `fund` are addresses that start with 1000 ether."""
        net = self.dir / "net"
        self.program(
            "cairnd", "network", "init", "--validators", validators, "--chain-id", chain_id,
            "--block-period", period, "--dir", net,
        )
        if fund:
            genesis = json.loads((net / "genesis.json").read_text())
            for address in fund:
                genesis["alloc"][address.removeprefix("0x")] = {"balance": hex(1000 * 10**18)}
            text = json.dumps(genesis)
            for copy in [net / "genesis.json", *net.glob("validator-*/genesis.json")]:
                copy.write_text(text)
        return net

    def node(self, data_dir, *more, environment=None):
        node = Node(
            self.binaries / "cairnd",
            ["run", "--data-dir", data_dir, "--rpc-listen", "127.0.0.1:0", *more],
            self.dir / f"node-{len(self.nodes) + 1}.log", environment,
        )
        self.nodes.append(node)
        return node

    def dev_node(self, *more):
        node = Node(
            self.binaries / "cairnd", ["--dev", "--rpc-listen", "127.0.0.1:0", *more],
            self.dir / f"node-{len(self.nodes) + 1}.log",
        )
        self.nodes.append(node)
        return node
