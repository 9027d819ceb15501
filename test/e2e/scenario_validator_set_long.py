# SPDX-License-Identifier: Apache-2.0
"""A network that the DAO grows from one validator to seven and makes four of again, one by one, while
every node follows; the chain never stops and is the same everywhere."""

import json

from harness import expect, wait_until
from scenario_validator_set import decide, head, make_members, make_network, named
from scenario_wallet import Wallet

EPOCH = 8
MOST = 7


def run(sandbox, _rng):
    w = Wallet(sandbox, "http://127.0.0.1:1")
    net, folders, ports = make_network(sandbox, make_members(w), 1, MOST - 1, EPOCH)
    nodes = [sandbox.node(folder, "--p2p-listen", f"127.0.0.1:{port}").start()
             for folder, port in zip(folders, ports)]
    w.environment["CAIRN_RPC"] = "http://{}:{}".format(*nodes[0].address)
    rpcs = [node.rpc() for node in nodes]
    rpc = rpcs[0]
    addresses = [n["address"] for n in json.loads((net / "network.json").read_text())["nodes"]]
    path = sandbox.dir / "change.json"
    now = addresses[:1]
    sizes = [1]
    changed = 0
    for i in [*range(1, MOST), 1, 2, 3]:
        wait_until(lambda: head(rpc) >= (changed // EPOCH + 1) * EPOCH, "the next epoch")
        if addresses[i] not in now:
            epoch = w.run("call", "ValidatorSet", "currentEpoch")["values"][0]
            path.write_text(sandbox.program("cairnd", "key", "nominate", epoch, "--data-dir", folders[i]))
            now.append(addresses[i])
        else:
            path.write_text(json.dumps({"title": f"Part with node {i + 1}", "actions": [
                {"to": "ValidatorSet", "function": "removeValidator", "args": [addresses[i]]}]}))
            now.remove(addresses[i])
        changed = decide(w, path, rpc)
        expect(named(rpc, changed) == sorted(now), f"{len(now)} validators from block {changed} on")
        wait_until(lambda: min(map(head, rpcs)) >= changed + 3, f"blocks of {len(now)} at all nodes")
        sizes.append(len(now))
    last = head(rpc)
    wait_until(lambda: min(map(head, rpcs)) >= last, "the last block at all nodes")
    for n in range(last + 1):
        hashes = {r.call("eth_getBlockByNumber", hex(n), False)["hash"] for r in rpcs}
        expect(len(hashes) == 1, f"block {n} differs: {hashes}")
    for node in nodes:
        expect(node.stop() == 0, "a node stops")
    return f"validators {' -> '.join(map(str, sizes))}, {last} equal blocks on {MOST} nodes"
