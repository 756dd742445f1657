"""Background processes that are found again by a pid file, and never mistaken for another's.

A pid alone may since belong to somebody else, so the file also keeps when that process started.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

POLL_S = 0.05
PORT_FREED_S = 3
TAIL_LINES = 25
REPOSITORY = Path(__file__).resolve().parents[2]


class StartFailed(RuntimeError):  # noqa: N818 - reads as what happened
    """A process of the local stack did not start, or ended before it was ready."""


def local_dir() -> Path:
    """Where everything local lives: data, logs, pid files, downloaded jars."""
    chosen = os.environ.get("EXPORTGATE_LOCAL_DIR")
    return Path(chosen).resolve() if chosen else REPOSITORY / ".local"


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_open(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def claim_port(port: int, name: str) -> None:
    """Make sure that a port is free; one just killed may need a moment to let go of it."""
    if not wait_until(lambda: not port_open(port), PORT_FREED_S):
        raise StartFailed(f"port {port} is taken by a process that is not this {name}")


def wait_until(ready: Callable[[], bool], deadline_s: float) -> bool:
    """Ask until it is so or the time is over; answers whether it is so."""
    end = time.monotonic() + deadline_s
    while not ready():
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_S)
    return True


def birth(pid: int) -> str | None:
    """When a running process started, in the kernel's own words; None when it does not run."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        # The second field is the program's name in parentheses and may hold spaces.
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _birth_without_proc(pid)
    return None if fields[0] in "ZX" else fields[19]


def _birth_without_proc(pid: int) -> str | None:
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or None


@dataclass
class Background:
    """One background process: its pid file and log lie in `folder`."""

    name: str
    command: Sequence[str]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    tied: bool = False
    """Ends with the thread that started it, where the system can (for tests and the demo)."""
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def pid_file(self) -> Path:
        """Holds the pid and the birth of the process."""
        return self.folder / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        """What the process wrote to stdout and stderr."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The pid while our process runs, else None."""
        if self._child is not None:
            self._child.poll()  # an ended child stays a zombie until somebody looks
        try:
            seen = json.loads(self.pid_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        pid = int(seen["pid"])
        return pid if birth(pid) == seen["birth"] else None

    def launch(self) -> bool:
        """Start it unless it runs already; answers whether it was started now."""
        if self.pid is not None:
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [*self.command]
        if self.tied and (setpriv := shutil.which("setpriv")):
            command = [setpriv, "--pdeathsig", "KILL", "--", *command]
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                start_new_session=True,
            )
        self._remember(self._child.pid)
        return True

    def _remember(self, pid: int) -> None:
        fresh = self.pid_file.with_suffix(".pid.new")
        fresh.write_text(json.dumps({"pid": pid, "birth": birth(pid)}))
        fresh.replace(self.pid_file)

    def wait_ready(self, ready: Callable[[], bool], deadline_s: float) -> None:
        """Wait until it answers; else say why not, and stop it if it was started here.

        One that ran before is left as it is: not ready may be what its owner wants to look at.
        """
        if wait_until(lambda: self.pid is None or ready(), deadline_s) and self.pid is not None:
            return
        ended = self.pid is None
        if self._child is not None:
            self.stop(grace_s=1)
        what = "ended before it was ready" if ended else f"was not ready within {deadline_s:g} s"
        raise StartFailed(f"{self.name} {what}; the end of {self.log}:\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of the log."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(lines[-TAIL_LINES:])

    def send(self, number: signal.Signals) -> bool:
        """Signal it if it still is the process we started; answers whether it was."""
        pid = self.pid
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        return True

    def stop(self, grace_s: float = 20) -> bool:
        """End it, politely and then not; answers whether it ran."""
        ran = self.send(signal.SIGTERM)
        if ran:
            self.send(signal.SIGCONT)  # a paused process cannot hear the first signal
            if not wait_until(lambda: self.pid is None, grace_s):
                self.kill()
        self.pid_file.unlink(missing_ok=True)
        return ran

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.send(signal.SIGKILL)
        if not wait_until(lambda: self.pid is None, 10):
            raise StartFailed(f"{self.name} survived SIGKILL")

    def pause(self) -> None:
        """Freeze it; its sockets stay open."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self.send(signal.SIGCONT)
