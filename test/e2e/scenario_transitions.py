# SPDX-License-Identifier: Apache-2.0
"""config.transitions.qbft: period, timeout, reward, beneficiary, a named validator set, a contract
that names it and the way back, each from its block on; the same after a kill, and for `verify`,
which also calls the contract to judge the headers."""

import json
import shutil
import subprocess

from harness import PATIENCE_S, expect, wait_until

CONTRACT = "0000000000000000000000000000000000008888"
PAID = "0x00000000000000000000000000000000000000b0"


def names_one(address):
    """Code that answers every call with the list of this one address."""
    return "0x6020600052" + "6001602052" + "73" + address.removeprefix("0x") + "604052" + "60606000f3"


def run(sandbox, rng):
    net = sandbox.network(period="40ms")
    data = net / "validator-1"
    me = json.loads((net / "network.json").read_text())["nodes"][0]["address"].lower()
    other = "0x" + "%040x" % (int(me, 16) ^ 1)
    genesis = json.loads((data / "genesis.json").read_text())
    # The genesis lists two validators, of whom one does not exist: the first block names the set.
    pair = sorted([me, other])
    lists = bytes([0xC0 + 42]) + b"".join(b"\x94" + bytes.fromhex(a[2:]) for a in pair)
    body = b"\xa0" + bytes(32) + lists + b"\xc0" + b"\x80" + b"\xc0"
    genesis["extraData"] = "0x" + (b"\xf8" + bytes([len(body)]) + body).hex()
    genesis["alloc"][CONTRACT] = {"balance": "0x0", "code": names_one(me)}
    genesis["config"]["transitions"] = {"qbft": [
        {"block": 1, "validators": [me]},
        {"block": 5, "blockreward": "0x64", "miningbeneficiary": PAID},
        {"block": 8, "miningbeneficiary": "", "requesttimeoutseconds": 9},
        {"block": 10, "validatorselectionmode": "contract", "validatorcontractaddress": "0x" + CONTRACT},
        {"block": 14, "validatorselectionmode": "blockheader", "validators": [me], "blockreward": "0x0"},
        {"block": 16, "xblockperiodmilliseconds": 400},
        {"block": 18, "xblockperiodmilliseconds": 40},
    ]}
    (data / "genesis.json").write_text(json.dumps(genesis))
    node = sandbox.node(data).start()
    heads = []  # how far it is at each start
    for stop_at in (3, 7, 11, 13, 15, 20):
        rpc = node.rpc()
        wait_until(lambda rpc=rpc, stop_at=stop_at: int(rpc.call("eth_blockNumber"), 16) >= stop_at, f"block {stop_at}")
        rpc.close()
        node.kill()
        node.start()
        heads.append(int(node.rpc().call("eth_blockNumber"), 16))
    rpc = node.rpc()

    def paid(number):
        return int(rpc.call("eth_getBalance", PAID, hex(number)), 16)

    def reward_of_me(number):
        return int(rpc.call("eth_getBalance", me, hex(number)), 16)

    expect([paid(n) for n in (4, 5, 6, 7, 8, 9)] == [0, 100, 200, 300, 300, 300], f"beneficiary: {[paid(n) for n in range(4, 10)]}")
    expect(reward_of_me(8) - reward_of_me(7) == 100 and reward_of_me(7) == 0, "back to the proposer at 8")
    expect(reward_of_me(14) == reward_of_me(13) and reward_of_me(13) == 600, f"no reward from 14: {reward_of_me(14)}")
    for number in range(1, 21):
        block = rpc.call("eth_getBlockByNumber", hex(number), False)
        listed = me[2:] in block["extraData"][:150]
        expect(listed == (not 10 <= number < 14), f"block {number} lists {block['extraData'][:150]}")
        expect(other[2:] not in block["extraData"], f"block {number} lists one who was replaced")
    # The slow part takes its time, the fast parts do not wait.
    times = [int(rpc.call("eth_getBlockByNumber", hex(n), False)["timestamp"], 16) for n in range(1, 21)]
    expect(times == sorted(times), f"timestamps: {times}")
    expect([v.lower() for v in rpc.call("qbft_getValidatorsByBlockNumber", "pending")] == [me], "pending set")
    rpc.close()
    expect(node.stop() == 0, "clean stop")
    sandbox.program("cairnd", "verify", "--deep", "--data-dir", data)
    sandbox.program("cairnd", "verify", "--data-dir", data)

    # Headers of the contract's part are judged as well: one gets a false seal.
    copy = sandbox.dir / "copy"
    shutil.copytree(data, copy)
    block = 11
    node = sandbox.node(copy).start()
    rpc = node.rpc()
    extra = bytes.fromhex(rpc.call("eth_getBlockByNumber", hex(block), False)["extraData"][2:])
    rpc.close()
    node.stop()
    seal = extra[-65:]
    store = bytearray((copy / "store" / "data.mdb").read_bytes())
    places = 0
    at = store.find(seal)
    while at >= 0:
        store[at + 10] ^= 1
        places += 1
        at = store.find(seal)
    expect(places > 0, "the seal is in the store")
    (copy / "store" / "data.mdb").write_bytes(bytes(store))
    done = subprocess.run([str(sandbox.binaries / "cairnd"), "verify", "--data-dir", str(copy)], capture_output=True,
                          text=True, timeout=PATIENCE_S, check=False)
    expect(done.returncode == 5 and f"block {block}:" in done.stderr and "seal" in done.stderr,
           f"a false seal in the contract's part: exit {done.returncode}: {done.stderr}")
    return f"7 transitions over 20 blocks and 6 kills at {heads}"
