"""The demo, as a newcomer runs it: it ends in time, it adds up, and it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from infra.local.process import wait_until

COMMAND = [sys.executable, "-m", "services.cli", "demo"]
WITHIN_S = 45
SETTLED_WITHIN_S = 15
OUTCOMES = ("released", "held", "rejected", "closed", "undecided")


@pytest.fixture(scope="module")
def shown() -> subprocess.CompletedProcess[str]:
    began = time.monotonic()
    done = subprocess.run(
        [*COMMAND, "--json"], capture_output=True, text=True, timeout=120, check=False
    )
    assert time.monotonic() - began < WITHIN_S
    return done


@pytest.fixture(scope="module")
def result(shown: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(shown.stdout.splitlines()[-1])


def test_it_succeeds(shown: subprocess.CompletedProcess[str]) -> None:
    assert shown.returncode == 0, shown.stderr


def test_every_order_is_counted_once(result: dict[str, Any]) -> None:
    assert result["orders"] >= 1_000
    assert sum(result[outcome] for outcome in OUTCOMES) == result["orders"]
    assert result["undecided"] == 0


def test_orders_end_in_every_way(result: dict[str, Any]) -> None:
    assert result["released"] + result["closed"] >= 0.15 * result["orders"]
    assert result["held"] >= 0.15 * result["orders"]
    assert result["rejected"] >= 1
    assert result["closed"] >= 1
    assert result["examples"].keys() == {"released", "held", "rejected", "closed"}


def test_what_cannot_be_read_is_a_dead_letter(result: dict[str, Any]) -> None:
    assert result["dead_letters"] >= 5
    assert 1 <= result["unattributed"] < result["dead_letters"]


def test_latency_is_told(result: dict[str, Any]) -> None:
    assert 0 < result["p50_ms"] <= result["p99_ms"]


def test_people_see_what_happens(shown: subprocess.CompletedProcess[str]) -> None:
    for word in ("classification", "license-check", "hold-release"):
        assert f"{word:<15} ready" in shown.stderr
    assert "imported 4 licenses" in shown.stderr
    assert "orders decided" in shown.stderr
    assert "it is RELEASED" in shown.stderr
    assert "Held, by reason" in shown.stdout


@pytest.mark.skipif(not Path("/proc").exists(), reason="children are found in /proc")
def test_ended_from_outside_it_leaves_no_service_behind(tmp_path: Path) -> None:
    told = tmp_path / "stderr"
    with told.open("wb") as stream:
        demo = subprocess.Popen(
            COMMAND, stdout=subprocess.DEVNULL, stderr=stream,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )  # fmt: skip
    try:
        assert wait_until(lambda: "imported" in told.read_text(), WITHIN_S), told.read_text()
        children = children_of(demo.pid)

        demo.send_signal(signal.SIGTERM)
        demo.wait(SETTLED_WITHIN_S)

        assert len(children) >= 3
        assert wait_until(lambda: not any(map(is_running, children)), SETTLED_WITHIN_S)
        assert [path for path in tmp_path.iterdir() if path != told] == []
    finally:
        demo.kill()


def children_of(pid: int) -> list[int]:
    """Name the processes a process started."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text().split()]


def is_running(pid: int) -> bool:
    """Tell whether a process is neither gone nor a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
