# SPDX-License-Identifier: Apache-2.0
"""Four validators whose set is a contract's: the DAO lets a fifth in and one out, by proposal, vote
and timelock; blocks go on and all five nodes have the same."""

import json
from concurrent.futures import ThreadPoolExecutor

from harness import expect, wait_until
from network import free_ports
from scenario_wallet import WORDS, Wallet

HOLDERS = ["A", "B", "C"]
EPOCH = 20  # blocks, in each of which a set of five changes once


def make_network(sandbox, members, validators=4, observers=1, epoch=EPOCH):
    """Folders of a network whose nodes listen where the kernel has room."""
    net = sandbox.dir / "net"
    (sandbox.dir / "members.json").write_text(json.dumps(members))
    (sandbox.dir / "gov.json").write_text(json.dumps({
        "minBlocksFloor": "2", "timelockSeconds": "1", "votingDelayBlocks": "4", "votingPeriodBlocks": "48",
        "lateQuorumBlocks": "8"}))
    sandbox.program(
        "cairnd", "network", "init", "--validators", validators, "--observers", observers,
        "--validators-by", "contract", "--block-period", "250ms", "--epoch", epoch, "--members", sandbox.dir / "members.json", "--gov",
        sandbox.dir / "gov.json", "--dir", net)
    folders = [net / f"validator-{i + 1}" for i in range(validators)]
    folders += [net / f"observer-{i + 1}" for i in range(observers)]
    ports = free_ports(len(folders))
    for folder in folders:
        text = (folder / "static-nodes.json").read_text()
        for i, port in enumerate(ports):
            text = text.replace(f":{30303 + i}\"", f":{port}\"")
        (folder / "static-nodes.json").write_text(text)
    return net, folders, ports


def decide(w, path, rpc):
    """A proposal from its file to its execution, by three members."""
    made = w.run("--yes", "--account", "A", "dao", "propose", path)["result"]["proposal"]
    wait_until(lambda: w.run("dao", "show", made)["state"] == "active", "the vote is open")
    # All at once: a vote lasts twelve seconds, and the machine may be busy.
    with ThreadPoolExecutor(len(HOLDERS)) as people:
        list(people.map(lambda name: w.run("--yes", "--account", name, "dao", "vote", made, "for"), HOLDERS))
    wait_until(lambda: w.run("dao", "show", made)["state"] == "succeeded", "the vote is over")
    w.run("--yes", "--account", "B", "dao", "queue", made)
    ready = int(w.run("dao", "show", made)["nextStep"]["from"])
    wait_until(lambda: int(rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16) > ready,
               "the timelock")
    done = w.run("--yes", "--account", "C", "dao", "execute", made)
    expect(w.run("dao", "show", made)["state"] == "executed", "executed")
    return int(rpc.call("eth_getTransactionReceipt", done["hash"])["blockNumber"], 16)


def set_by_call(rpc, number):
    """What the contract says on the state of a block."""
    to = rpc.contract
    raw = rpc.call("eth_call", {"to": to, "data": "0xb7ab4db5"}, hex(number))[2:]
    words = [raw[i:i + 64] for i in range(0, len(raw), 64)]
    return ["0x" + w[24:] for w in words[2:2 + int(words[1], 16)]]


def named(rpc, number):
    """The set by RPC: that of the contract on the state of the block, which validates the next one."""
    return rpc.call("qbft_getValidatorsByBlockNumber", number if isinstance(number, str) else hex(number))


def head(rpc):
    return int(rpc.call("eth_blockNumber"), 16)


def proposers(rpc, first, last):
    return {rpc.call("eth_getBlockByNumber", hex(n), False)["miner"] for n in range(first, last + 1)}


def make_members(w):
    members = []
    for i, name in enumerate(HOLDERS):
        made = w.run("account", "import", name, "--mnemonic", "--light-kdf", "--path", f"m/44'/60'/0'/0/{i}",
                     stdin=WORDS + "\n")
        members.append({"address": made["address"], "tokens": "100000", "member": True, "aggregator": False})
    return members


def run(sandbox, _rng):
    w = Wallet(sandbox, "http://127.0.0.1:1")
    net, folders, ports = make_network(sandbox, make_members(w))
    genesis = json.loads((net / "genesis.json").read_text())
    contract = genesis["config"]["qbft"]["validatorcontractaddress"]
    expect(genesis["extraData"].endswith("c0c080c0"), "no validators in the genesis' header")
    nodes = [sandbox.node(folder, "--p2p-listen", f"127.0.0.1:{port}").start()
             for folder, port in zip(folders, ports)]
    w.environment["CAIRN_RPC"] = "http://{}:{}".format(*nodes[0].address)
    rpcs = [node.rpc() for node in nodes]
    for rpc in rpcs:
        rpc.contract = contract
    rpc = rpcs[0]
    addresses = [n["address"] for n in json.loads((net / "network.json").read_text())["nodes"]]
    wait_until(lambda: min(map(head, rpcs)) > 4, "blocks at five nodes")
    expect(set_by_call(rpc, 0) == sorted(addresses[:4]), "genesis names the four")
    expect(rpc.call("eth_getBlockByNumber", "0x2", False)["miner"] in addresses[:4], "one of them proposes")

    # In: the observer nominates itself with its own key.
    epoch = w.run("call", "ValidatorSet", "currentEpoch")["values"][0]
    add = sandbox.dir / "add.json"
    add.write_text(sandbox.program("cairnd", "key", "nominate", epoch, "--data-dir", folders[4]))
    forged = json.loads(add.read_text())
    forged["actions"][0]["args"][0] = addresses[0]
    (sandbox.dir / "forged.json").write_text(json.dumps(forged))
    w.run("--yes", "--account", "A", "dao", "propose", sandbox.dir / "forged.json", code=13)
    added = decide(w, add, rpc)
    expect(set_by_call(rpc, added - 1) == sorted(addresses[:4]), "four before")
    expect(set_by_call(rpc, added) == sorted(addresses), "five from then on")
    expect(named(rpc, added - 1) == sorted(addresses[:4]) and named(rpc, added) == sorted(addresses), "as by RPC")
    wait_until(lambda: proposers(rpc, added + 1, head(rpc)) == set(addresses), "the fifth proposes too")
    wait_until(lambda: rpcs[4].call("qbft_status")["isValidator"], "the observer is a validator")

    # Out: one of the founders, in another epoch.
    remove = sandbox.dir / "remove.json"
    remove.write_text(json.dumps({"title": "Part with the second", "actions": [
        {"to": "ValidatorSet", "function": "removeValidator", "args": [addresses[1]]}]}))
    epoch_ends = (added // EPOCH + 1) * EPOCH
    early, told = w.attempt("--dry-run", "--account", "A", "dao", "propose", remove)
    expect(early == 13 or head(rpc) >= epoch_ends - 1, f"a second change in one epoch: exit {early}: {told}")
    wait_until(lambda: head(rpc) >= epoch_ends, "the next epoch")
    removed = decide(w, remove, rpc)
    left = [a for a in addresses if a != addresses[1]]
    expect(set_by_call(rpc, removed) == sorted(left), "four others")
    wait_until(lambda: proposers(rpc, removed + 1, head(rpc)) >= set(left), "blocks of the four others")
    expect(named(rpc, removed) == named(rpc, "latest") == sorted(left), "the same by RPC")
    expect(proposers(rpc, removed + 1, head(rpc)) == set(left), "it proposes no more")
    wait_until(lambda: not rpcs[1].call("qbft_status")["isValidator"], "and knows it")
    w.run("--yes", "--account", "A", "dao", "propose", remove, code=13)

    # It follows on, and a restarted node finds the set again.
    expect(nodes[2].stop() == 0, "a validator stops")
    nodes[2].start()
    rpcs[2] = nodes[2].rpc()
    last = head(rpc) + 4
    wait_until(lambda: min(map(head, rpcs)) >= last, "blocks at all five")
    for n in range(last + 1):
        hashes = {r.call("eth_getBlockByNumber", hex(n), False)["hash"] for r in rpcs}
        expect(len(hashes) == 1, f"block {n} differs: {hashes}")
    for node in nodes:
        expect(node.stop() == 0, "a node stops")
    said = sandbox.program("cairnd", "verify", "--deep", "--data-dir", folders[4])
    expect("all executed again" in said, f"verify: {said}")
    return f"4 -> 5 at block {added}, 5 -> 4 at block {removed}, {last} equal blocks on 5 nodes"
