#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a clear miss fails, a busy machine does not, and nothing passes by not being measured."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

COMPARE = pathlib.Path(__file__).resolve().parent / "compare.py"


def result(name, minimum, median, maximum, limit):
    return {
        "bench": name,
        "unit": "us",
        "median": median,
        "min": minimum,
        "max": maximum,
        "reps": 7,
        "limit": "recover",
        "limit_us": limit,
        "ratio": median / limit,
        "noisy": False,
    }


class Compare(unittest.TestCase):
    def run_it(self, targets, results, *more):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "t.json").write_text(json.dumps(targets), encoding="utf-8")
            lines = "".join(json.dumps(r) + "\n" for r in results)
            (folder / "r.jsonl").write_text(lines, encoding="utf-8")
            done = subprocess.run(
                [sys.executable, str(COMPARE), str(folder / "t.json"), str(folder / "r.jsonl"), *more],
                capture_output=True,
                text=True,
                check=False,
            )
            return done.returncode, done.stderr

    def test_rows(self):
        target = {"a": {"ratio_max": 1.5}}
        rows = [
            ("within", result("a", 100, 120, 130, 100), 0),
            ("at the target", result("a", 150, 150, 150, 100), 0),
            ("every repetition is slower", result("a", 160, 170, 180, 100), 1),
            ("slower by far, and one repetition by very far", result("a", 300, 310, 5000, 100), 1),
            ("the median is slower, the best is not", result("a", 140, 190, 400, 100), 0),
        ]
        for name, row, code in rows:
            with self.subTest(name):
                self.assertEqual(self.run_it(target, [row])[0], code)

    def test_says_what_was_missed(self):
        code, text = self.run_it({"a": {"ratio_max": 1}}, [result("a", 2, 2, 2, 1)])
        self.assertEqual(code, 1)
        self.assertIn("missed: a: ratio 2.000, at best 2.000, target 1", text)

    def test_a_median_beyond_the_target_is_said(self):
        self.assertIn("slow", self.run_it({"a": {"ratio_max": 1.5}}, [result("a", 140, 190, 400, 100)])[1])

    def test_not_measured(self):
        rows = [result("b", 1, 1, 1, 1)]
        self.assertEqual(self.run_it({"a": {"ratio_max": 1}}, rows)[0], 1)
        self.assertEqual(self.run_it({"a": {"ratio_max": 1}}, rows, "--partial")[0], 0)
        self.assertEqual(self.run_it({}, [])[0], 1)
        self.assertEqual(self.run_it({}, [], "--partial")[0], 1)


if __name__ == "__main__":
    unittest.main()
