"""Verify and what-if beside a bare read of the same archive: `python -m tests.bench.replay`.

The bare read is pyarrow decoding every column of every segment in one process: what anything that
looks at the archive must at least do. Rates are orders a second of wall time; memory is the most
that all processes had at once, what they share counted once (PSS, looked at every half second; the
bench reads it under Linux). The last line is one JSON object.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from services.replay.manifest import read_manifest
from tests.audit.making import make, say

PROCESSES = 2
LOOK_EVERY_S = 0.5
SPENT = """
import resource, runpy, sys, time
sys.argv = sys.argv[1:]
try:
    runpy.run_module("services.cli", run_name="__main__", alter_sys=True)
finally:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = time.process_time() + children.ru_utime + children.ru_stime
    sys.stderr.write(f"spent {round(spent * 1000)}\\n")
"""


def bare(root: Path) -> tuple[float, int]:
    """Read every segment; give seconds and records."""
    began, records = time.monotonic(), 0
    for found in read_manifest(root).segments().values():
        for entry in found:
            records += pq.read_table(root / entry["path"], use_threads=False).num_rows
    return time.monotonic() - began, records


class Done(NamedTuple):
    """What a command took and said."""

    seconds: float
    cpu_ms: int
    peak_mb: int
    told: dict[str, Any]


def run(*arguments: str) -> Done:
    """Run a command."""
    began, peak_kb = time.monotonic(), 0
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-c", SPENT, "exportgate", *arguments, "--json"],
            stdout=told, stderr=said, env=os.environ,
        )  # fmt: skip
        while True:
            try:
                code = process.wait(LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                peak_kb = max(peak_kb, sum(map(pss_kb, family(process.pid))))
        seconds = time.monotonic() - began
        told.seek(0)
        said.seek(0)
        words = said.read().decode()
        assert code == 0, words
        cpu_ms = int(words.rsplit("spent ", 1)[1].split()[0])
        return Done(seconds, cpu_ms, peak_kb // 1024, json.loads(told.read().splitlines()[-1]))


def family(pid: int) -> list[int]:
    """A process and all that it began."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(each for child in children for each in family(child))]


def pss_kb(pid: int) -> int:
    """What a process has resident, its share of what it shares with others (kB)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def measure(root: Path) -> dict[str, Any]:
    """Measure on one archive."""
    read_s, records = bare(root)
    verified = run("verify", str(root), "--processes", str(PROCESSES))
    assert verified.told["sound"], "the archive is not sound"
    orders = verified.told["orders"]
    simulated = run("what-if", str(root), "--pack", "cn-reported@before-2025-10-09")
    return {
        "orders": orders, "records": records, "bare_orders_per_s": round(orders / read_s),
        **_figures("verify", verified, orders, read_s),
        **_figures("what_if", simulated, orders, read_s),
        "freed": simulated.told["freed"]["orders"],
    }  # fmt: skip


def _figures(name: str, done: Done, orders: int, read_s: float) -> dict[str, Any]:
    """Wall time says what a user waits; processor time says it on a machine that others use too."""
    return {
        f"{name}_orders_per_s": round(orders / done.seconds),
        f"{name}_orders_per_cpu_s": round(orders / (done.cpu_ms / 1000)),
        f"{name}_ratio": round(read_s / done.seconds, 3),
        f"{name}_peak_mb": done.peak_mb,
    }


def main() -> None:
    """Make an archive and measure on it, or on one that is there."""
    options = argparse.ArgumentParser()
    options.add_argument("--orders", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--archive", type=Path, help="an archive made before")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="exportgate-bench-") as folder:
        root = asked.archive or Path(folder) / "archive"
        if not root.exists():
            say(f"making {asked.orders:,} orders")
            make(root, asked.orders, PROCESSES, asked.seed)
        sys.stdout.write(json.dumps(measure(root)) + "\n")


if __name__ == "__main__":
    main()
