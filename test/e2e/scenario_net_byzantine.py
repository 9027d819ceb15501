# SPDX-License-Identifier: Apache-2.0
"""As many validators as may lie do (byz/cairnd): two blocks for one round, two votes, wrong blocks,
rounds and heights far ahead, old messages, garbage, silence, one or another at each height. The honest
ones go on, agree, lose nothing; what was signed twice is on record with all of them, and nothing is
against one of them."""

from harness import expect, wait_until
from network import Network, faults

ALL = "silent,blocks,badblock,votes,rounds,replay,garbage"
# What an honest node says about a liar.
ALLOWED = ("breaks a rule", "than are answered")


def run(sandbox, rng, blocks=40, load_each=300, nodes=4, manners=(ALL,), interval=0.2):
    with Network(sandbox, rng, nodes, load_each=load_each) as net:
        liars = rng.sample(range(nodes), faults(nodes))
        honest = [i for i in range(nodes) if i not in liars]
        for k, i in enumerate(liars):
            net.nodes[i].binary = str(sandbox.binaries / "byz" / "cairnd")
            net.nodes[i].environment |= {"CAIRN_BYZ": manners[k % len(manners)], "CAIRN_BYZ_SEED": str(rng.randrange(1 << 32))}
        net.start()
        wait_until(lambda: all(int(net.call(i, "net_peerCount"), 16) >= len(honest) - 1 for i in honest), "the honest are connected")
        net.start_load(*honest, interval=interval)
        net.wait_head(blocks, *honest, seconds=20 * blocks)
        wait_until(lambda: all(net.loads[i].done() for i in honest), "the load", 60)
        net.stop_load()
        txs = net.check_acknowledged()

        def records():
            return [net.check_evidence(liars, i) for i in honest]

        wait_until(lambda: all(sum(r.values()) > 0 for r in records()), f"evidence at all honest nodes: {records()}", 120)
        evidence = records()
        net.kill(*liars)
        net.wait_blocks(2, *honest, seconds=60)
        height = net.check_equal()
        messages = net.check_signed()
        net.check_logs(ALLOWED, honest)
        rounds = max(int(line.split(" round=")[1].split()[0]) for line in net.nodes[honest[0]].log_path.read_text().splitlines()
                     if "imported block" in line or "block number=" in line)
        net.stop()
        for i in honest:
            sandbox.program("cairnd", "verify", "--deep", "--data-dir", net.data(i), timeout=600)
        expect(txs > 0 and height >= blocks, f"{txs} transactions in {height} blocks")
        return (f"{len(liars)} of {nodes} lie; {height} equal blocks on {len(honest)} honest nodes, rounds up to {rounds}, {txs} "
                f"acknowledged and none lost, {messages} signed messages of the honest and none contradicts, records "
                f"against liars {[sum(r.values()) for r in evidence]}, against others none, {len(honest)} chains executed again")
