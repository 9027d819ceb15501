#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""End-to-end scenarios with real processes and real faults.

usage: run.py [--bin DIR] [--seed N] [--jobs N] [--nodes N] SCENARIO... | all

Each scenario is a process of its own; most wait more than they compute, so --jobs of them run at
a time. What one says is printed when it is over. --seed N (or CAIRN_SEED) runs it again as it was,
as far as the machine's scheduler allows. --nodes: so many validators, where the scenario leaves the
choice. One that this machine cannot run says why and counts as "not run": exit code 77 if it was
asked for by name.
"""

import argparse
import importlib
import inspect
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import harness  # noqa: E402

# Each is a module scenario_<name>.py with run(sandbox, rng).
CI = [
    "smoke", "operator", "cli", "wallet", "wallet_tx", "wallet_keys", "wallet_round", "wallet_dao", "hostile_rpc", "statetest", "transitions",
    # What a kill, a disk or a file may do to a node, and what it says of itself.
    "kill9", "kill9_points", "damage", "journal", "bitflip", "ioerr", "powercut", "diskfull", "talk", "backup", "blockfile",
    # Four validators and what happens between them.
    "net_smoke", "net_kill9", "net_partition", "net_cables", "net_clock", "net_byzantine", "net_join", "net_churn", "net_discovery", "net_overload", "snapshot", "validator_set", "net_hostile",
]
# Those of `all` that take longest begin first, so that none is left to run alone.
LONGEST = ["net_overload", "wallet_round", "net_partition", "validator_set", "net_join", "kill9_points", "bitflip", "net_hostile"]
SOAK = [
    "kill9_long", "kill9_points_long", "ioerr_long", "powercut_long", "bitflip_long",
    "net_kill9_long", "net_partition_long", "net_cables_long", "net_clock_long", "net_byzantine_long",
    "net_stop", "net_stop_long", "net_repair", "net_churn_long", "validator_set_long",
]
LIMIT_S = 1200  # for a scenario that hangs; those of the soak may take hours


NOT_RUN = 77


def run_here(name, binaries, seed, nodes):
    """One scenario in this process. @return the exit code"""
    begun = time.monotonic()
    more = {} if nodes is None else {"nodes": nodes}
    again = f"--seed {seed}" + (f" --nodes {nodes}" if more else "")
    print(f"== {name} (again: test/e2e/run.py {again} {name})", flush=True)
    try:
        with harness.Sandbox(binaries, seed) as sandbox:
            module = importlib.import_module(f"scenario_{name}")
            if more and "nodes" not in inspect.signature(module.run).parameters:
                raise harness.Failure(f"{name} has a number of nodes of its own")
            text = module.run(sandbox, random.Random(f"{seed}/{name}"), **more)
    except harness.NotRun as reason:
        print(f"   SKIP {name} was NOT RUN: {reason}", flush=True)
        return NOT_RUN
    except (harness.Failure, harness.RpcError) as failure:
        print(f"   FAILED: {failure}", flush=True)
        return 1
    except Exception:  # a bug of the scenario, or what nobody has thought of
        print(f"   FAILED: {traceback.format_exc()}", flush=True)
        return 1
    used = os.times()
    cpu = used.user + used.system + used.children_user + used.children_system
    print(f"   ok: {text} ({time.monotonic() - begun:.1f} s, {cpu:.1f} s of processors)", flush=True)
    return 0


class Job:
    """A scenario in a process of its own, its words in a file."""

    def __init__(self, name, options, seed):
        self.name = name
        self.words = tempfile.TemporaryFile()
        self.ends = time.monotonic() + LIMIT_S if name in CI else None
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--bin", options.bin, "--seed", str(seed), "--here", name]
            + ([] if options.nodes is None else ["--nodes", str(options.nodes)]),
            stdout=self.words, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def is_over(self):
        if self.process.poll() is None and self.ends is not None and time.monotonic() > self.ends:
            self.process.terminate()  # its sandbox ends its nodes
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
            self.words.write(f"   FAILED: {self.name} did not end within {LIMIT_S} s\n".encode())
        return self.process.poll() is not None

    def tell(self):
        self.words.seek(0)
        print(self.words.read().decode(errors="replace"), end="", flush=True)
        return self.process.returncode


def run_all(names, options, seed):
    """@return the names of those that failed, and of those that could not run here"""
    waiting, running, failed, not_run = list(names), [], [], []
    try:
        while waiting or running:
            while waiting and len(running) < options.jobs:
                running.append(Job(waiting.pop(0), options, seed))
            for job in [j for j in running if j.is_over()]:
                running.remove(job)
                code = job.tell()
                if code != 0:
                    (not_run if code == NOT_RUN else failed).append(job.name)
            time.sleep(0.05)
    finally:
        for job in running:
            job.process.terminate()
        for job in running:
            job.process.wait()
    return failed, not_run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bin", default=str(HERE.parent.parent / "build" / "release"), help="where cairnd and cairn are")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=1, help="scenarios at a time (default 1)")
    parser.add_argument("--nodes", type=int, default=None, help="validators, where the scenario leaves the choice")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("scenario", nargs="+", choices=["all", *CI, *SOAK])
    options = parser.parse_args()
    seed = options.seed
    if seed is None:
        seed = int(os.environ.get("CAIRN_SEED") or time.time()) & 0xFFFFFFFF
    everything = LONGEST + [n for n in CI if n not in LONGEST]
    names = [n for s in options.scenario for n in (everything if s == "all" else [s])]
    if options.here:
        harness.end_on_sigterm()
        return max(run_here(name, options.bin, seed, options.nodes) for name in names)

    begun = time.monotonic()
    failed, not_run = run_all(names, options, seed)
    print(f"e2e: {len(names) - len(failed) - len(not_run)} passed, {len(failed)} failed, {time.monotonic() - begun:.0f} s"
          + (f": {' '.join(failed)}" if failed else "") + (f"; NOT RUN: {' '.join(not_run)}" if not_run else ""))
    # Of all there may be some that are not for this machine; what was asked for by name is wanted.
    return 1 if failed else NOT_RUN if not_run and "all" not in options.scenario else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
