# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of whole processes share: their unit, the CPU of a process, one line of
JSON on stdout and one of text on stderr."""

import json
import os
import pathlib
import statistics
import subprocess
import sys


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def recover_us(binaries):
    out = subprocess.run([f"{binaries}/tools/recover_rate"], check=True, capture_output=True, text=True)
    return [float(line) for line in out.stdout.split()]


def load(binaries, port, *arguments, lines=()):
    """Runs tools/rpc_load; its answer as a dictionary."""
    out = subprocess.run(
        [f"{binaries}/tools/rpc_load", "--port", str(port), *map(str, arguments)],
        input="".join(f"{line}\n" for line in lines), check=True, capture_output=True, text=True, timeout=120,
    )
    return json.loads(out.stdout)


def report(name, ours, limit_name, limits, per_second=None):
    """Samples in microseconds of the subject and of its limit, taken in turn."""
    median, limit = statistics.median(ours), statistics.median(limits)
    noisy = max(limits) - min(limits) > 0.2 * limit
    line = {
        "bench": name, "unit": "us", "median": round(median, 2), "min": round(min(ours), 2),
        "max": round(max(ours), 2), "reps": len(ours), "limit": limit_name, "limit_us": round(limit, 2),
        "ratio": round(median / limit, 3), "noisy": noisy, "cpus": os.cpu_count(),
    }
    text = f"{name:36} {median:12.1f} us {median / limit:10.2f} x {limit_name} ({limit:.1f} us)"
    if per_second is not None:
        line["per_second"] = round(per_second)
        text += f"   {per_second:8.0f} /s"
    print(json.dumps(line), flush=True)
    print(text + ("   noisy" if noisy else ""), file=sys.stderr)
