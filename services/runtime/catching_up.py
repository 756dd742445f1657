"""How far a partition is that is being folded again, for who waits: a line now and then."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.runtime.memory import Memory

log = structlog.get_logger()
SAY_EVERY: Final = timedelta(seconds=2)


@dataclass(slots=True)
class _Begun:
    """Where and when a partition began, and when something was said of it last."""

    offset: int
    at: datetime
    said_at: datetime


class CatchingUp:
    """Says for one stage which partitions are being folded again, and how long it will take."""

    def __init__(self, stage: str, clock: Callable[[], datetime]) -> None:
        """Say it in the name of a stage."""
        self._stage = stage
        self._clock = clock
        self._begun: dict[int, _Begun] = {}

    def began(self, partition: int, memory: Memory) -> None:
        """Note where a partition that was just loaded goes on from."""
        self._begun.pop(partition, None)
        if memory.catching_up:
            now = self._clock()
            self._begun[partition] = _Begun(memory.offset, now, now)

    def look(self, memories: Mapping[int, Memory]) -> None:
        """Say how far each is, if it is time; and once that it has caught up."""
        if not self._begun:
            return
        now = self._clock()
        for partition, begun in list(self._begun.items()):
            memory = memories.get(partition)
            if memory is None or not memory.catching_up:
                del self._begun[partition]
            if memory is not None and (not memory.catching_up or now - begun.said_at >= SAY_EVERY):
                begun.said_at = now
                self._say(partition, memory, begun, now)

    def _say(self, partition: int, memory: Memory, begun: _Begun, now: datetime) -> None:
        done = memory.offset - begun.offset
        left = max(memory.whole_from - memory.offset, 0)
        seconds = (now - begun.at).total_seconds()
        rate = done / seconds if seconds > 0 else 0.0
        log.info(
            "folding again" if left else "caught up",
            stage=self._stage,
            partition=partition,
            done=done,
            left=left,
            per_second=round(rate),
            seconds_left=round(left / rate) if rate else None,
        )
