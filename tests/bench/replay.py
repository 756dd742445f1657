"""Verify and what-if beside a bare read of the same archive: `python -m tests.bench.replay`.

The bare read is pyarrow decoding every column of every segment in one process: what anything that
looks at the archive must at least do. Rates are orders a second of wall time; memory is the sum of
the peaks of all processes at work. The last line is one JSON object.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from services.replay.manifest import read_manifest
from tests.audit.run import make, say

PROCESSES = 2
PEAK = """
import resource, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_module("services.cli", run_name="__main__", alter_sys=True)
finally:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    sys.stderr.write(f"peak {own} {child}\\n")
"""


def bare(root: Path) -> tuple[float, int]:
    """Read every segment; give seconds and records."""
    began, records = time.monotonic(), 0
    for found in read_manifest(root).segments().values():
        for entry in found:
            records += pq.read_table(root / entry["path"], use_threads=False).num_rows
    return time.monotonic() - began, records


def run(*arguments: str) -> tuple[float, int, dict[str, Any]]:
    """Run a command; give seconds, peak memory in MB and what it printed."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "exportgate", *arguments, "--json"],
        capture_output=True, check=True, env=os.environ,
    )  # fmt: skip
    seconds = time.monotonic() - began
    own, child = map(int, done.stderr.decode().rsplit("peak ", 1)[1].split()[:2])
    return seconds, (own + PROCESSES * child) // 1024, json.loads(done.stdout.splitlines()[-1])


def measure(root: Path) -> dict[str, Any]:
    """Measure on one archive."""
    read_s, records = bare(root)
    verify_s, verify_mb, report = run("verify", str(root), "--processes", str(PROCESSES))
    assert report["sound"], "the archive is not sound"
    orders = report["orders"]
    asked = ("--pack", "cn-reported@before-2025-10-09")
    what_s, what_mb, told = run("what-if", str(root), *asked)
    return {
        "orders": orders, "records": records, "bare_orders_per_s": round(orders / read_s),
        "verify_orders_per_s": round(orders / verify_s), "verify_mb": verify_mb,
        "verify_ratio": round(read_s / verify_s, 3),
        "what_if_orders_per_s": round(orders / what_s), "what_if_mb": what_mb,
        "what_if_ratio": round(read_s / what_s, 3), "freed": told["freed"]["orders"],
    }  # fmt: skip


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
