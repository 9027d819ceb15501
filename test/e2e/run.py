#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""End-to-end scenarios with real processes and real faults.

usage: run.py [--bin DIR] [--seed N] SCENARIO... | all
"""

import argparse
import importlib
import pathlib
import random
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import harness  # noqa: E402

# In the order of their running; each is a module scenario_<name>.py with run(sandbox, rng).
CI = [
    "smoke", "operator", "cli", "wallet", "wallet_tx", "wallet_keys", "wallet_round", "wallet_dao", "hostile_rpc", "statetest", "transitions",
    # What a kill, a disk or a file may do to a node, and what it says of itself.
    "kill9", "kill9_points", "damage", "journal", "bitflip", "ioerr", "powercut", "diskfull", "talk", "backup", "blockfile",
    # Four validators and what happens between them.
    "net_smoke", "net_kill9", "net_partition", "net_join", "net_churn", "net_overload", "validator_set", "net_hostile",
]
SOAK = [
    "kill9_long", "kill9_points_long", "ioerr_long", "powercut_long", "bitflip_long",
    "net_kill9_long", "net_partition_long", "validator_set_long", "net_speed",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bin", default=str(HERE.parent.parent / "build" / "release"), help="where cairnd and cairn are")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("scenario", nargs="+", choices=["all", *CI, *SOAK])
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time()) & 0xFFFFFFFF
    names = [n for s in options.scenario for n in (CI if s == "all" else [s])]

    failed = 0
    for name in names:
        begun = time.monotonic()
        print(f"== {name} (again: test/e2e/run.py --seed {seed} {name})", flush=True)
        try:
            with harness.Sandbox(options.bin, seed) as sandbox:
                module = importlib.import_module(f"scenario_{name}")
                text = module.run(sandbox, random.Random(f"{seed}/{name}"))
            print(f"   ok: {text} ({time.monotonic() - begun:.1f} s)", flush=True)
        except (harness.Failure, harness.RpcError, OSError) as failure:
            failed += 1
            print(f"   FAILED: {failure}", flush=True)
    print(f"e2e: {len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
