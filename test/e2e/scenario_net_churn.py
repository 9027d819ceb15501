# SPDX-License-Identifier: Apache-2.0
"""Validators are voted in and out under load, by qbft_proposeValidatorVote: 1, 2, 3, 4, then three
of them, one of these killed and back, then two, one, and four again. Blocks never stop."""

from harness import expect, wait_until
from network import Network


def signers(net, i):
    return sorted(net.call(i, "qbft_getValidatorsByBlockNumber", "latest"))


def vote(net, voters, who, add):
    """A majority of the present validators asks for it; @return blocks until it was so"""
    before = net.head(voters[0])
    present = signers(net, voters[0])
    address = net.addresses[who]
    wanted = sorted(set(present) | {address}) if add else sorted(set(present) - {address})
    expect(len(present) == len(voters), f"{len(present)} validators, and not {len(voters)}")
    majority = voters[: len(voters) // 2 + 1]
    for i in majority:
        net.call(i, "qbft_proposeValidatorVote", address, add)
    for i in net.running():
        wait_until(lambda i=i: signers(net, i) == wanted, f"{net.names[i]} with {len(wanted)} validators")
    for i in majority:
        net.call(i, "qbft_discardValidatorVote", address)
    net.wait_blocks(4)
    return net.head(voters[0]) - before


def run(sandbox, rng):
    with Network(sandbox, rng, signers=[0], load_each=3000, period="100ms") as net:
        net.start()
        net.wait_peers(3)
        net.start_load()
        net.wait_head(3)
        expect(signers(net, 0) == [net.addresses[0]], "one validator at first")
        vote(net, [0], 1, True)
        vote(net, [0, 1], 2, True)
        vote(net, [0, 1, 2], 3, True)
        vote(net, [1, 2, 3, 0], 0, False)
        expect(net.call(0, "qbft_status")["isValidator"] is False, "node 1 is out, and knows it")
        net.kill(2)  # three need all three: the chain waits for it
        net.start(2)
        net.wait_blocks(4)
        vote(net, [1, 2, 3], 2, False)
        vote(net, [1, 3], 3, False)
        vote(net, [1], 3, True)
        vote(net, [3, 1], 0, True)
        vote(net, [0, 1, 3], 2, True)
        net.stop_load()
        txs = net.check_acknowledged()
        height = net.check_equal()
        messages = net.check_signed()
        net.check_logs()
        net.check_deep(rng.randrange(4))
        net.stop()
        return f"10 changes of the set, {height} blocks, {txs} transactions, {messages} signed messages"
