#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds benchmark ratios against their targets: a clear miss, beyond the spread of the run,
fails, so that whoever made it slower notices."""

import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as targets_file:
        targets = json.load(targets_file)
    with open(sys.argv[2], encoding="utf-8") as results_file:
        results = [json.loads(line) for line in results_file if line.strip()]
    missed = 0
    for result in results:
        target = targets.get(result["bench"])
        if target is None:
            continue
        spread = 1 + (result["max"] - result["min"]) / result["median"] / 2
        if result["ratio"] > target["ratio_max"] * spread:
            missed += 1
            print(
                f"missed: {result['bench']} ratio {result['ratio']:.3f}, target {target['ratio_max']}"
                f" (spread of this run {spread:.2f})",
                file=sys.stderr,
            )
    print(f"bench: {len(results)} measured, {missed} missed their target", file=sys.stderr)
    return 1 if missed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
