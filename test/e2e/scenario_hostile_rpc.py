# SPDX-License-Identifier: Apache-2.0
"""Hostile bytes on the RPC port: each gets its refusal, none stops the blocks or the answers
to others (threat model: RPC)."""

import json
import socket
import time

from harness import PATIENCE_S, expect, wait_until


def exchange(address, raw, seconds=PATIENCE_S):
    """Sends bytes, returns what comes back until the peer closes or one answer is complete."""
    with socket.create_connection(address, timeout=seconds) as s:
        try:
            s.sendall(raw)
        except (BrokenPipeError, ConnectionResetError):
            pass
        got = b""
        try:
            while True:
                chunk = s.recv(65536)
                if not chunk:
                    break
                got += chunk
                head, sep, body = got.partition(b"\r\n\r\n")
                if sep:
                    for line in head.split(b"\r\n"):
                        if line.lower().startswith(b"content-length:"):
                            if len(body) >= int(line.split(b":")[1]):
                                return got
        except (ConnectionResetError, TimeoutError):
            pass
        return got


def status(answer):
    parts = answer.split(b" ", 2)
    return int(parts[1]) if len(parts) > 2 and parts[0].startswith(b"HTTP/") else None


def post(body, headers=b"", length=None):
    return (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        + headers
        + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length)
        + body
    )


def rows():
    ok = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
    return [
        # name, bytes, HTTP status expected (None: just closed), JSON-RPC code expected
        ("good request", post(ok), 200, None),
        ("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10 + b"\r\n\r\n", None, None),
        ("bad JSON", post(b"{"), 200, -32700),
        ("empty body", post(b""), 200, -32700),
        ("empty batch", post(b"[]"), 200, -32600),
        ("number as request", post(b"1"), 200, -32600),
        ("no method", post(b'{"jsonrpc":"2.0","id":1}'), 200, -32600),
        ("unknown method", post(b'{"jsonrpc":"2.0","id":1,"method":"eth_nope","params":[]}'), 200, -32601),
        ("wrong parameter", post(b'{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x1"]}'), 200, -32602),
        ("deep JSON", post(b"[" * 5000 + b"]" * 5000), 200, -32700),
        ("duplicate keys", post(b'{"jsonrpc":"2.0","id":1,"id":2,"method":"eth_chainId"}'), 200, -32700),
        ("bad UTF-8", post(b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe","params":[]}'), 200, -32700),
        ("foreign host", post(ok).replace(b"Host: 127.0.0.1", b"Host: evil.example"), 403, None),
        ("wrong content type", post(ok).replace(b"application/json", b"text/plain"), 415, None),
        ("body too large", post(b"", length=6 * 1024 * 1024), 413, None),
        ("both lengths", post(ok, b"Transfer-Encoding: chunked\r\n"), 400, None),
        ("two lengths", post(ok, b"Content-Length: 3\r\n"), 400, None),
        ("long request line", b"POST /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 414, None),
        ("many headers", post(ok, b"".join(b"X-%d: %s\r\n" % (i, b"v" * 300) for i in range(200))), 431, None),
        ("huge transaction", post(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction",
                                              "params": ["0x" + "f8" * 200000]}).encode()), 200, "error"),
    ]


def run(sandbox, rng):
    node = sandbox.dev_node("--dev-period", "100").start()
    rpc = node.rpc()
    checked = 0
    for name, raw, want_status, want_code in rows():
        answer = exchange(node.address, raw)
        got = status(answer)
        expect(got == want_status, f"{name}: HTTP {got}, expected {want_status}: {answer[:200]!r}")
        if want_code is not None:
            body = json.loads(answer.partition(b"\r\n\r\n")[2])
            code = body.get("error", {}).get("code")
            expect(code is not None and want_code in ("error", code), f"{name}: code {code}, expected {want_code}")
        checked += 1
        expect(rpc.call("eth_chainId") == "0x539", f"an answer after '{name}'")

    # Truncations and random flips of a good request: never a hang, never the end of the node.
    good = post(b'{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["latest",true]}')
    for _ in range(150):
        raw = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        exchange(node.address, bytes(raw) + b"\r\n\r\n", 1)
        checked += 1

    # Idle connections beyond the limit must not lock others out.
    idle = []
    try:
        for _ in range(300):
            try:
                idle.append(socket.create_connection(node.address, timeout=1))
            except OSError:
                break
        begun = time.monotonic()
        wait_until(lambda: node_answers(node), "an answer beside 300 idle connections")
        waited = time.monotonic() - begun
    finally:
        for s in idle:
            s.close()
    first = int(rpc_number(node), 16)
    wait_until(lambda: int(rpc_number(node), 16) > first + 3, "blocks after the attack")
    expect(node.stop() == 0, "clean stop")
    return f"{checked} hostile requests refused, answer beside {len(idle)} idle connections after {waited:.2f} s"


def rpc_number(node):
    rpc = node.rpc()
    try:
        return rpc.call("eth_blockNumber")
    finally:
        rpc.close()


def node_answers(node):
    try:
        return rpc_number(node)
    except OSError:
        return None
