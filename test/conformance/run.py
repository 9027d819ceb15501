#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the conformance programs and adds up what they report: one table of category, cases,
passed, skipped. Beside every program's own verdict three things must hold:

- every group has exactly the cases that expected.tsv says (a vanished or a new group fails too);
- the cases of each category and fork are as many as the vectors' own manifest counts;
- every file under the vectors was read by a program here, or stands in elsewhere.tsv with the
  unit test that reads it or the reason why nothing does.

usage: run.py [--all] [--write] PROGRAM...

--all    runs the cases of heavy.txt too (make soak)
--write  writes expected.tsv anew from what was run
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VECTORS = pathlib.Path(os.environ.get("CAIRN_VECTORS", ROOT.parent / "shared/vectors")).resolve()
UNPACKED = pathlib.Path(os.environ.get("CAIRN_UNPACKED", ROOT / "build/vectors")).resolve()
EXPECTED = HERE / "expected.tsv"
ELSEWHERE = HERE / "elsewhere.tsv"
HEAVY = HERE / "heavy.txt"
SKIPPED_FILES = 1  # lines of heavy.txt
UNREAD_FILES = 4  # files that elsewhere.tsv gives a reason for instead of a test
# The manifest's names of forks that have another one here.
FORKS = {"EIP150": "TangerineWhistle", "EIP158": "SpuriousDragon",
         "ConstantinopleFix": "Petersburg"}

Group = collections.namedtuple("Group", "cases passed skipped")


def rows_of(path):
    """The lines of a table: fields by tabs, comments left out."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def run_all(programs, flags, report):
    """Runs the programs, as many at a time as there are cores. The names of those that failed."""
    env = dict(os.environ, CAIRN_REPORT=str(report), CAIRN_VECTORS=str(VECTORS),
               CAIRN_UNPACKED=str(UNPACKED))

    def run(program):
        begun = time.monotonic()
        done = subprocess.run([program, *flags], cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        name = pathlib.Path(program).name
        verdict = "ok" if done.returncode == 0 else f"FAILED ({done.returncode})"
        print(f"{name}: {verdict}, {time.monotonic() - begun:.1f} s", flush=True)
        if done.returncode != 0:
            print(done.stdout.decode(errors="replace"), flush=True)
        return name, done.returncode

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        # The longest first.
        ordered = sorted(programs, key=lambda p: not p.endswith(("_state", "_keys")))
        return [name for name, code in pool.map(run, ordered) if code != 0]


def read_report(path):
    groups, read = {}, set()
    for kind, name, *numbers in rows_of(path):
        if kind == "read":
            read.add(pathlib.Path(ROOT, name).resolve())
        else:
            groups[name] = Group(*map(int, numbers))
    return groups, read


# ---- the three checks -----------------------------------------------------------------------------

def check_expected(groups, with_heavy):
    """Against the committed numbers."""
    wrong, expected = [], {}
    for name, cases, skipped in rows_of(EXPECTED):
        expected[name] = (int(cases), 0 if with_heavy else int(skipped))
    for name in sorted(groups.keys() | expected.keys()):
        got = groups.get(name)
        have = (got.cases, got.skipped) if got else None
        if have != expected.get(name):
            wrong.append(f"{name}: cases and skipped {have}, expected {expected.get(name)}")
        elif got.passed + got.skipped != got.cases:
            wrong.append(f"{name}: {got.cases - got.passed - got.skipped} failed")
    return wrong


def check_manifest(groups):
    """Against what whoever made the vectors counted."""
    wrong = []
    manifest = json.loads((VECTORS / "ethereum/manifest.json").read_text(encoding="utf-8"))
    for entry in manifest["categories"]:
        name = entry["category"]
        if entry.get("archive") is None:
            continue
        by_fork = {f"{name} {FORKS.get(fork, fork)}": cases
                   for fork, cases in entry["cases"].items() if cases > 0}
        ours = {group: g.cases for group, g in groups.items() if group.startswith(name + " ")}
        if name in groups:
            by_fork, ours = sum(by_fork.values()), groups[name].cases
        if ours != by_fork:
            wrong.append(f"{name}: ran {ours}, the manifest counts {by_fork}")
    return wrong


def check_read(read):
    """Every file was read, or is named with where or why not. Also returns the latter."""
    wrong, unread = [], []
    elsewhere = {path: (where, why) for path, where, why in rows_of(ELSEWHERE)}
    for path in sorted(VECTORS.rglob("*")):
        name = str(path.relative_to(VECTORS))
        if path.is_dir():
            continue
        if name.endswith(".tar.xz"):
            inside = UNPACKED / name.removeprefix("ethereum/").removesuffix(".tar.xz")
            missed = [f for f in inside.rglob("*.json") if f.resolve() not in read]
            wrong += [f"{name}: {f.relative_to(inside)} was not read" for f in missed]
        elif path in read:
            if name in elsewhere:
                wrong.append(f"{name}: is read, and still stands in {ELSEWHERE.name}")
        elif name not in elsewhere:
            wrong.append(f"{name}: was not read and does not stand in {ELSEWHERE.name}")
        elif elsewhere[name][0] == "-":
            unread.append((name, elsewhere[name][1]))
        elif not mentions(elsewhere[name][0], path.name):
            wrong.append(f"{name}: {elsewhere[name][0]} does not name it")
    wrong += [f"{name}: stands in {ELSEWHERE.name}, and is not there"
              for name in elsewhere if not (VECTORS / name).is_file()]
    if len(unread) != UNREAD_FILES:
        wrong.append(f"{len(unread)} files are left out, expected {UNREAD_FILES}")
    return wrong, unread


def mentions(source, name):
    path = ROOT / source
    return path.is_file() and name in path.read_text(encoding="utf-8")


# ---- the table ------------------------------------------------------------------------------------

def category_of(group):
    """A row of the table is a folder of the vectors, or a program's own name for its cases."""
    if "trie" in group:
        return "TrieTests"
    parts = (group.split(" ")[0] if "/" in group else group).split("/")
    if parts[0] in ("GeneralStateTests", "BasicTests", "eip2537", "BlockchainTests"):
        return parts[0]
    return "/".join(parts[:2])


def heavy_cases():
    lines = HEAVY.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def print_table(groups, unread, with_heavy):
    by_category = collections.OrderedDict()
    for name, g in sorted(groups.items()):
        sums = by_category.setdefault(category_of(name), [0, 0, 0])
        for i, n in enumerate(g):
            sums[i] += n
    print(f"\n{'category':44} {'cases':>7} {'passed':>7} {'skipped':>7}")
    for name, (cases, passed, skipped) in by_category.items():
        print(f"{name:44} {cases:7} {passed:7} {skipped:7}")
    total = [sum(s[i] for s in by_category.values()) for i in range(3)]
    print(f"{'total':44} {total[0]:7} {total[1]:7} {total[2]:7}")
    heavy = heavy_cases()
    print(f"\nskipped: {'nothing (--all)' if with_heavy else f'{len(heavy)} file, run by make soak'}")
    for line in [] if with_heavy else heavy:
        print(f"  {line}")
    print(f"not run by anything: {len(unread)} files")
    for name, why in unread:
        print(f"  {name}: {why}")


def main():
    args = sys.argv[1:]
    flags = [a for a in args if a == "--all"]
    programs = [a for a in args if not a.startswith("--")]
    if not programs or any(a.startswith("--") and a not in ("--all", "--write") for a in args):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report")
        report.touch()
        failed = run_all(programs, flags, report)
        groups, read = read_report(report)
    read.add(VECTORS / "ethereum/manifest.json")
    if "--write" in args:
        lines = [f"{name}\t{g.cases}\t{g.skipped}\n" for name, g in sorted(groups.items())]
        EXPECTED.write_text("# SPDX-License-Identifier: Apache-2.0\n"
                            "# group, cases, of these skipped (run.py --write)\n" + "".join(lines),
                            encoding="utf-8")
    missed, unread = check_read(read)
    wrong = check_expected(groups, "--all" in args) + check_manifest(groups) + missed
    if len(heavy_cases()) != SKIPPED_FILES:
        wrong.append(f"{HEAVY.name} leaves out {len(heavy_cases())}, expected {SKIPPED_FILES}")
    print_table(groups, unread, "--all" in args)
    for line in wrong:
        print("WRONG", line)
    print(f"conformance: {len(failed)} programs failed, {len(wrong)} numbers are wrong")
    return 1 if failed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
