# SPDX-License-Identifier: Apache-2.0
"""A network that the DAO grows from one validator to seven and makes four of again, one by one, under
load, while every node follows; the chain never stops, loses nothing and is the same everywhere."""

import json

from harness import expect, wait_until
from load import Load
from scenario_validator_set import decide, head, make_members, make_network, named
from scenario_wallet import Wallet

EPOCH = 8
MOST = 7
SENDERS = 8


def transfers(sandbox, net, folders, rng):
    """Signed transfers, and their senders' means in every node's genesis."""
    accounts = ["--accounts", SENDERS, "--seed", rng.randrange(1 << 32)]
    genesis = json.loads((net / "genesis.json").read_text())
    for address in sandbox.program("tools/presign", "addresses", *accounts).split():
        genesis["alloc"][address.removeprefix("0x")] = {"balance": hex(1000 * 10**18)}
    for folder in folders:
        (folder / "genesis.json").write_text(json.dumps(genesis))
    return sandbox.program("tools/presign", "transfers", *accounts, "--each", 4000, "--chain-id",
                           genesis["config"]["chainId"]).split()


def run(sandbox, rng):
    w = Wallet(sandbox, "http://127.0.0.1:1")
    net, folders, ports = make_network(sandbox, make_members(w), 1, MOST - 1, EPOCH)
    raws = transfers(sandbox, net, folders, rng)
    nodes = [sandbox.node(folder, "--p2p-listen", f"127.0.0.1:{port}").start()
             for folder, port in zip(folders, ports)]
    w.environment["CAIRN_RPC"] = "http://{}:{}".format(*nodes[0].address)
    rpcs = [node.rpc() for node in nodes]
    rpc = rpcs[0]
    load = Load(raws, interval=0.1, patient=True)
    load.start(nodes[0].rpc())
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
    load.stop()
    expect(not load.refused, f"refused: {load.refused[:3]}")
    for tx in load.acknowledged:
        wait_until(lambda tx=tx: rpc.call("eth_getTransactionReceipt", tx), f"{tx} in a block")
    last = head(rpc)
    wait_until(lambda: min(map(head, rpcs)) >= last, "the last block at all nodes")
    for n in range(last + 1):
        hashes = {r.call("eth_getBlockByNumber", hex(n), False)["hash"] for r in rpcs}
        expect(len(hashes) == 1, f"block {n} differs: {hashes}")
    for node in nodes:
        expect(node.stop() == 0, "a node stops")
    return (f"validators {' -> '.join(map(str, sizes))}, {last} equal blocks on {MOST} nodes, "
            f"{len(load.acknowledged)} acknowledged and none lost")
