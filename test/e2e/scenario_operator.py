# SPDX-License-Identifier: Apache-2.0
"""What an operator of two validators does on the local socket: sees why no block comes, connects
them, restricts who may connect, reloads, changes the log level, stops the node."""

import json
import os
import re
import signal
import socket
import stat
import urllib.error
import urllib.request

from harness import PATIENCE_S, RpcError, expect, wait_until


class Local:
    """A node's local socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def call(self, method, *params):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        self.socket.sendall(json.dumps(body).encode() + b"\n")
        answer = json.loads(self.file.readline())
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def close(self):
        self.file.close()
        self.socket.close()


def ready(node, query=""):
    url = f"http://{node.address[0]}:{node.address[1]}/readiness{query}"
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        text = refusal.read()
        return refusal.code, json.loads(text) if refusal.code == 503 else text


def is_ready(node):
    """What it says when it is ready."""
    code, body = ready(node)
    return body if code == 200 else None


def with_reasons(node, count):
    """Its answer, once it has so many reasons not to be ready."""
    code, body = ready(node)
    return (code, body) if code == 503 and len(body["reasons"]) == count else None


def scrape(url):
    """The samples of /metrics by name and labels."""
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        expect(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), "content type")
        lines = answer.read().decode().splitlines()
    samples = {}
    for line in lines:
        if line.startswith("# "):
            continue
        match = re.fullmatch(r'(cairn_[a-z0-9_]+(?:\{[a-z]+="[^"\\]*"\})?) ([0-9.]+)', line)
        expect(match, f"no sample: {line}")
        expect(match.group(1) not in samples, f"twice: {line}")
        samples[match.group(1)] = float(match.group(2))
    return samples


def refused(call, *params):
    try:
        call(*params)
    except RpcError as error:
        return str(error)
    return None


def run(sandbox, rng):
    net = sandbox.network(validators=2)
    folders = [net / "validator-1", net / "validator-2"]
    allowed = sandbox.dir / "permissions.toml"
    for folder in folders:
        (folder / "static-nodes.json").write_text("[]")
    allowed.write_text("nodes-allowlist = []  # nobody yet\n")
    # Each starts with no line to the other, and nobody may call the first.
    nodes = [
        sandbox.node(folders[0], "--p2p-listen", "127.0.0.1:0", "--guard-reset-height", 1,
                     "--permissions", allowed, "--metrics-listen", "127.0.0.1:0").start(),
        sandbox.node(folders[1], "--p2p-listen", "127.0.0.1:0", "--guard-reset-height", 1).start(),
    ]
    path = folders[0] / "cairnd.sock"
    expect(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "the socket is its owner's alone")
    one, two = Local(path), Local(folders[1] / "cairnd.sock")
    infos = [one.call("admin_nodeInfo"), two.call("admin_nodeInfo")]
    expect(one.call("admin_datadir") == str(folders[0].resolve()), "data directory")
    http = nodes[0].rpc()
    for method in ["admin_peers", "admin_shutdown", "qbft_proposeValidatorVote"]:
        expect("-32601" in refused(http.call, method), f"{method} over HTTP")
    expect(one.call("qbft_proposeValidatorVote", infos[1]["address"], False) is True, "a vote, locally")
    expect(one.call("qbft_getPendingVotes") == {infos[1]["address"]: False}, "it waits")
    expect(one.call("qbft_discardValidatorVote", infos[1]["address"]) is True, "and goes")

    # Not allowed: the line does not come about, and the stall names who is missing.
    expect(two.call("admin_addPeer", infos[0]["enode"]) is True, "a peer to call")
    expect("-32602" in refused(two.call, "admin_addPeer", "enode://nobody"), "no enode")
    stall = wait_until(lambda: one.call("qbft_status")["stall"], "a stall is seen")
    status = one.call("qbft_status")
    expect(status["missing"] == [infos[1]["address"]], f"who is missing: {status}")
    expect(infos[1]["address"] in stall["why"] and stall["hint"], f"{stall}")
    expect(one.call("admin_peers") == [], "nobody is let in")
    code, body = wait_until(lambda: with_reasons(nodes[0], 2), "two reasons: no peer, no blocks")
    expect(code == 503 and body["peers"] == 0, f"{body}")
    screen = sandbox.program("cairnd", "status", "--data-dir", folders[0])
    expect("STALLED" in screen and infos[1]["address"] in screen, screen)

    # A mistake in the file changes nothing; then the right one lets it in and blocks come.
    allowed.write_text('nodes-allowlist = ["enode://short@127.0.0.1:1"]\n')
    expect("is no enode" in refused(one.call, "admin_reload"), "a wrong allow list")
    allowed.write_text(f'nodes-allowlist = [\n  "{infos[1]["enode"]}",\n]\n')
    changed = one.call("admin_reload")["changed"]
    expect(any("1 added" in line for line in changed), f"{changed}")
    wait_until(lambda: int(http.call("eth_blockNumber"), 16) >= 3, "blocks")
    peers = one.call("admin_peers")
    expect(len(peers) == 1 and peers[0]["id"] == "0x" + infos[1]["id"], f"{peers}")
    expect(peers[0]["network"]["inbound"] is True and peers[0]["isValidator"] is True, f"{peers}")
    wait_until(lambda: one.call("qbft_status")["stall"] is None, "it is over")
    wait_until(lambda: one.call("qbft_status")["missing"] == [], "nobody is missing")
    body = wait_until(lambda: is_ready(nodes[0]), "readiness")
    expect(body["ready"] is True and body["peers"] == 1, f"{body}")
    expect(ready(nodes[0], "?minPeers=2")[0] == 503, "more peers wanted")
    wait_until(lambda: ready(nodes[0], "?minPeers=1&maxBlocksBehind=2&maxHeadAge=20s")[0] == 200, "all three")
    expect(ready(nodes[0], "?maxHeadAge=soon")[0] == 400, "no time")

    # What a scraper sees: every line is a comment or a sample, and the samples are of this node.
    found = scrape(re.search(r"url=(http://[0-9.:]+/metrics)", nodes[0].log_path.read_text()).group(1))
    expect(found["cairn_head_block"] >= 3 and found["cairn_p2p_peers"] == 1, f"{found}")
    expect(found["cairn_qbft_is_validator"] == 1 and found["cairn_qbft_round_changes_total"] >= 1, f"{found}")
    commits = found["cairn_block_commit_seconds_count"]
    expect(commits >= 3 and found['cairn_block_commit_seconds_bucket{le="+Inf"}'] == commits, f"{found}")
    expect(found['cairn_qbft_messages_total{type="commit"}'] >= 1, f"{found}")

    # By signal: nobody again; the line is cut.
    allowed.write_text("nodes-allowlist = []\n")
    nodes[0].process.send_signal(signal.SIGHUP)
    wait_until(lambda: one.call("admin_peers") == [], "the line is cut")
    expect(one.call("admin_setLogLevel", "warn,p2p=debug") is True, "log level")
    expect("-32602" in refused(one.call, "admin_setLogLevel", "loud"), "no level")
    status = json.loads(sandbox.program("cairnd", "status", "--json", "--data-dir", folders[0]))
    expect(status["peers"] == 0 and status["head"]["number"] >= 3, f"{status}")

    expect(one.call("admin_shutdown") is True, "asked to stop")
    expect(nodes[0].process.wait(PATIENCE_S) == 0, "and stops cleanly")
    expect(not path.exists(), "the socket is gone")
    sandbox.program("cairnd", "status", "--data-dir", folders[0], expect_code=2)
    for connection in (one, two, http):
        connection.close()
    expect(nodes[1].stop() == 0, "the other one stops")
    return f"head {status['head']['number']}"
