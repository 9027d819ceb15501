# SPDX-License-Identifier: Apache-2.0
"""What happens to one validator's disk while the others go on under load: everything but its key is
lost, or the guard alone; the disk is full for a while, or every write fails; and all nodes are restarted
one after another. Nobody says anything twice, and each comes back by itself or by a start."""

import shutil
import time

from harness import Failure, expect, wait_until
from network import Network

EIO, ENOSPC = 5, 28
KEPT = ("keys", "genesis.json", "static-nodes.json", "cairnd.toml")  # what `network init` gave it
GONE = "store gone: the chain is fetched again"


def others_of(net, i):
    return [k for k in range(net.count) if k != i]


def signs_again(net, i):
    """It signs in the blocks that follow."""
    log = net.sign_log(i)
    before = log.stat().st_size
    wait_until(lambda: log.stat().st_size > before, f"{net.names[i]} signs again; its log ends:\n{net.nodes[i].tail(8)}", 40)


def last_signed(net, i):
    lines = net.sign_log(i).read_text().splitlines()
    return int(lines[-1].rsplit(" ", 3)[1]) if lines else 0


def lose(net, i, all_of_it):
    """Kills it in the middle of its work, and takes its files away. @return seconds until it signs again"""
    net.wait_blocks(1)
    net.kill(i)
    if all_of_it:
        for path in net.data(i).iterdir():
            if path.name in KEPT:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    else:
        shutil.rmtree(net.data(i) / "guard")
    signed = last_signed(net, i)
    head = net.wait_blocks(2, *others_of(net, i))
    begun = time.monotonic()
    net.start(i)
    net.wait_head(head, i, seconds=60)
    signs_again(net, i)
    took = time.monotonic() - begun
    first = next(int(line.rsplit(" ", 3)[1]) for line in net.sign_log(i).read_text().splitlines()
                 if int(line.rsplit(" ", 3)[1]) > signed)
    log = net.nodes[i].log_path.read_text(errors="replace")
    expect("none for this key" in log, f"{net.names[i]} says that its guard is lost")
    through = int(log.split("silent_through=")[-1].split()[0])
    expect(first > through, f"{net.names[i]} signed {first}, and was to be silent up to {through}")
    return took


def disk_fault(net, i, errno, calls):
    """Its writes fail, from one in the middle of its work on, so many times. It waits for space or ends
    with exit code 4 and a hint; the others go on. @return what it did"""
    net.kill(i)
    clean = dict(net.nodes[i].environment)
    at = net.rng.randrange(60, 140)
    net.nodes[i].environment = clean | {
        "LD_PRELOAD": str(net.sandbox.binaries / "faults.so"), "CAIRN_FAULT_DIR": str(net.data(i)),
        "CAIRN_FAULT_AT": str(at), "CAIRN_FAULT_UNTIL": str(at + calls), "CAIRN_FAULT_ERRNO": str(errno)}
    up = True
    try:
        net.start(i)
    except Failure:
        up = False  # so early that it was refused on its way up
    node = net.nodes[i]
    others = others_of(net, i)
    net.wait_blocks(5, *others)
    if up and errno == EIO:
        wait_until(lambda: node.process.poll() is not None, f"{net.names[i]} ends\n{node.tail(8)}", 60)
    ended = node.process.poll()
    if ended is not None:
        expect(ended == 4, f"{net.names[i]} ended with {ended}: {node.tail(8)}")
        expect("hint: " in node.tail(8), f"{net.names[i]} gives a hint: {node.tail(8)}")
        node.environment = clean
        net.start(i)
    net.wait_blocks(2, seconds=60)
    signs_again(net, i)
    if ended is None:
        net.kill(i)
        node.environment = clean
        net.start(i)
    net.wait_blocks(1, seconds=60)
    return "went on" if ended is None else "ended, went on after a start"


def run(sandbox, rng, times=1, load_each=600, nodes=4, interval=0.15):
    with Network(sandbox, rng, nodes, load_each=load_each * times) as net:
        net.start()
        net.wait_peers(nodes - 1)
        # Whose files are lost loses what it alone had acknowledged: it is given nothing.
        one = rng.randrange(nodes)
        net.start_load(*others_of(net, one), interval=interval)
        net.wait_head(5)
        wiped, guards, did = [], [], []
        for _ in range(times):
            wiped.append(lose(net, one, True))
            guards.append(lose(net, rng.choice(others_of(net, one)), False))
            did.append(disk_fault(net, rng.randrange(nodes), ENOSPC, 8))
            did.append(disk_fault(net, rng.randrange(nodes), EIO, 10**9))
            for i in rng.sample(range(nodes), nodes):  # a rolling restart: stop, start, next when it signs
                net.stop(i)
                net.wait_blocks(1, *others_of(net, i))
                net.start(i)
                net.wait_blocks(1)
                signs_again(net, i)
        net.stop_load()
        net.wait_peers(nodes - 1, seconds=60)
        return (f"{times} times: all files lost, signing {max(wiped):.1f} s after the start; guard lost, {max(guards):.1f} s; "
                f"disk full and failing: {', '.join(did[:4])}; {nodes * times} rolling restarts; "
                f"{net.check_all([GONE, 'cannot save', 'ERROR'])}")
