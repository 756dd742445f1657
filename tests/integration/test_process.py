"""Background processes: found again, never mistaken, and clear when they fail."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.process import Background, StartFailed, birth, free_port, wait_until
from infra.local.redis import RedisServer
from tests.support.stack import need_program

WAITS = (sys.executable, "-c", "import signal; signal.pause()")


def test_another_object_finds_and_stops_the_same_process(tmp_path: Path) -> None:
    first = Background("waits", WAITS, tmp_path)
    assert first.launch()

    second = Background("waits", WAITS, tmp_path)

    assert second.pid == first.pid
    assert not second.launch()
    assert second.stop()
    assert first.pid is None
    assert not second.stop()


def test_a_pid_that_now_belongs_to_another_process_is_never_signalled(tmp_path: Path) -> None:
    with subprocess.Popen(WAITS) as stranger:
        ours = Background("waits", WAITS, tmp_path)
        ours.pid_file.write_text(json.dumps({"pid": stranger.pid, "birth": "long ago"}))

        assert ours.pid is None
        assert not ours.stop()
        assert birth(stranger.pid) is not None
        stranger.kill()


def test_a_process_that_ends_at_once_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    fails = Background("fails", (sys.executable, "-c", "raise SystemExit('no disk')"), tmp_path)
    fails.launch()

    with pytest.raises(StartFailed, match="fails ended before it was ready") as raised:
        fails.wait_ready(lambda: False, 20)

    assert "no disk" in str(raised.value)


def test_a_process_that_is_never_ready_is_stopped_by_who_started_it(tmp_path: Path) -> None:
    waits = Background("waits", WAITS, tmp_path)
    waits.launch()

    with pytest.raises(StartFailed, match="not ready within"):
        waits.wait_ready(lambda: False, 0.2)

    assert waits.pid is None


def test_a_process_that_ignores_sigterm_is_ended_all_the_same(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    deaf = (
        "import pathlib, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(ready)!r}).touch(); [signal.pause() for _ in iter(int, 1)]"
    )
    process = Background("deaf", (sys.executable, "-c", deaf), tmp_path)
    process.launch()
    process.wait_ready(ready.exists, 20)

    assert process.stop(grace_s=0.2)

    assert process.pid is None


def test_a_paused_process_stops_when_told_to(tmp_path: Path) -> None:
    process = Background("waits", WAITS, tmp_path)
    process.launch()
    process.pause()

    assert process.stop(grace_s=10)

    assert process.pid is None


def test_a_tied_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    need_program("setpriv")
    # It dies only once the child runs as itself: `setpriv` has asked by then to end with it.
    script = (
        "import os, pathlib, signal;"
        "from infra.local.process import Background, wait_until;"
        f"tied = Background('tied', {WAITS!r}, pathlib.Path({str(tmp_path)!r}), tied=True);"
        "tied.launch();"
        "cmdline = pathlib.Path(f'/proc/{tied.pid}/cmdline');"
        "wait_until(lambda: (now := cmdline.read_bytes()) and b'pdeathsig' not in now, 10);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", script], check=False, timeout=20)
    child = Background("tied", WAITS, tmp_path)

    assert ended.returncode == -signal.SIGKILL
    assert wait_until(lambda: child.pid is None, 10)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    need_program("redis-server")
    port = free_port()
    taken = pytest.raises(StartFailed, match=f"port {port} is taken")
    with RedisServer(tmp_path / "one", port, tied=True), taken:
        RedisServer(tmp_path / "two", port).start()


def test_the_birth_of_no_process_is_none() -> None:
    assert birth(os.getpid()) is not None
    assert birth(2**22 + 1) is None
