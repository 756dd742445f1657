"""Progress of long work: how much of it is done, how fast, how long it will take."""

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Final

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from services.cli.output import ERR, say

SAY_EVERY_S: Final = 5.0
DRAW_EVERY_S: Final = 0.1


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Things a second."""
        return Text(f"{task.speed or 0:,.0f}/s")


class Meter:
    """A bar on a terminal; elsewhere a line on stderr every few seconds."""

    def __init__(self, what: str, things: str = "records") -> None:
        """Name the work."""
        self._what, self._things = what, things
        self._began = self._said = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=ERR,
            transient=True,
            auto_refresh=False,  # no thread of its own: processes may begin as copies of this one
            disable=not ERR.is_terminal,
        )
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> "Meter":
        """Begin to draw."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """Leave nothing of it on the screen."""
        self._bar.stop()

    def told(self, done: int, total: int) -> None:
        """Say how far the work is."""
        self._bar.update(self._task, completed=done, total=total)
        now = time.monotonic()
        if now - self._said < (DRAW_EVERY_S if ERR.is_terminal else SAY_EVERY_S):
            return
        self._said = now
        if ERR.is_terminal:
            self._bar.refresh()
            return
        rate = done / max(now - self._began, 0.001)
        left = f", {(total - done) / rate:,.0f} s left" if rate else ""
        say(f"{self._what}: {done:,} of {total:,} {self._things}, {rate:,.0f}/s{left}")


class Meters:
    """One meter after the other, for work of several parts."""

    def __init__(self, things: str = "records") -> None:
        """Say what is counted."""
        self._things = things
        self._part = ""
        self._open = ExitStack()

    def __enter__(self) -> "Meters":
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing of them on the screen."""
        self._open.close()

    def told(self, part: str, done: int, total: int) -> None:
        """Say how far a part of the work is."""
        if part != self._part:
            self._open.close()
            self._part = part
            self._meter = self._open.enter_context(Meter(part, self._things))
        self._meter.told(done, total)
