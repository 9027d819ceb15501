#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds benchmark ratios against their targets, so that whoever made something slower notices.

A target is missed clearly, and fails, if even the fastest repetition was slower than it allows:
neighbours on a machine make repetitions slower, never faster. A median beyond the target alone
is said as a warning. In a full run, a target that nothing was measured for fails too: or a
renamed benchmark would never fail again.

usage: compare.py TARGETS.json RESULTS.jsonl [--partial]
"""

import json
import sys


def judge(targets, results, partial):
    """Returns (misses, warnings), each a list of sentences."""
    misses = []
    warnings = []
    for result in results:
        target = targets.get(result["bench"])
        if target is None:
            continue
        allowed = target["ratio_max"]
        best = result["ratio"] * result["min"] / result["median"]
        text = f"{result['bench']}: ratio {result['ratio']:.3f}, at best {best:.3f}, target {allowed}"
        if best > allowed:
            misses.append(text)
        elif result["ratio"] > allowed:
            warnings.append(text)
    measured = {result["bench"] for result in results}
    if not partial:
        misses += [f"{name}: not measured" for name in targets if name not in measured]
    if not results:
        misses.append("nothing was measured")
    return misses, warnings


def main():
    with open(sys.argv[1], encoding="utf-8") as targets_file:
        targets = json.load(targets_file)
    with open(sys.argv[2], encoding="utf-8") as results_file:
        results = [json.loads(line) for line in results_file if line.strip()]
    misses, warnings = judge(targets, results, "--partial" in sys.argv[3:])
    for text in warnings:
        print(f"slow (or a busy machine): {text}", file=sys.stderr)
    for text in misses:
        print(f"missed: {text}", file=sys.stderr)
    print(f"bench: {len(results)} measured, {len(misses)} missed their target", file=sys.stderr)
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
