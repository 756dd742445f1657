"""A stage: one topic read by one group, and what is done with each record."""

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final

from schemas.checks import Unreadable
from schemas.envelope import Output, Recorded, derived_id
from schemas.topics import BY_NAME, CHECKS, CLASSIFIED, ORDERS, Topic, dead_letters
from services.runtime import metrics
from services.runtime.codec import Raw, Read, Send, dead_letter, order_of, read, written
from services.runtime.crash import crash_point
from services.runtime.errors import Fatal
from services.runtime.metrics.collector import Measure, Remembering
from services.runtime.valve import Valve

SETTLE_EVERY_S: Final = 0.05
"""How long what was done may stay unremembered and uncommitted."""
HEADROOM: Final = 4096
"""What key, headers and framing of a record may take of the topic's limit."""
_TAKES_UNREADABLE: Final = (CLASSIFIED.name, CHECKS.name)
Judge = Callable[[Recorded[Any]], list[Output]]


def output_of(one: Read, output: Output, source: str) -> Send:
    """Encode an output. One above its topic's limit becomes Unreadable before it is written."""
    send = written(output, one.record, source)
    limit = BY_NAME[output.topic].max_bytes - HEADROOM
    if len(send.value or b"") <= limit:
        return send
    order = order_of(output.key)
    event = Unreadable(
        order_source=order[0] if order else None,
        order_id=order[1] if order else None,
        topic=output.topic,
        partition=one.raw.partition,
        offset=one.raw.offset,
        key=output.key,
        size=len(send.value or b""),
        sha256=hashlib.sha256(send.value or b"").hexdigest(),
        reason=f"TOO_LARGE: above {limit} bytes",
    )
    topic = output.topic if output.topic in _TAKES_UNREADABLE else CHECKS.name
    small = Output(topic, output.key, derived_id("too-large", output.id), event)
    return written(small, one.record, source)


class Stage(ABC):
    """What sensors and folds have in common: reading, dead letters, the valve, the places."""

    def __init__(self, *, name: str, topic: Topic, partitions: int) -> None:
        """Name the stage; its name is also its consumer group."""
        self.name = name
        self.topic = topic
        self.group = f"exportgate-{name}"
        self.source = f"/exportgate/{name}"
        self.partitions = partitions
        self.valve = Valve()
        self.stopped: set[int] = set()
        self.done: dict[int, int] = {}
        """Next offset to read, of each partition something was done on."""
        self.rewind: dict[int, int] = {}
        """Offsets to read again, by partition, once the valve is open."""
        self._settled_at = 0.0
        self.loading_from = ""
        """The dependency a partition's load waits for: that is no lack of progress of ours."""
        self.measure: Measure | None = None

    @property
    def remembering(self) -> Sequence[Remembering]:
        """What the collector of metrics may look at."""
        return ()

    @property
    def catching_up(self) -> bool:
        """Whether what was known is being folded again."""
        return False

    def prepare(self) -> None:  # noqa: B027 - most stages need nothing
        """Read what the judgement needs, before a batch. May raise Unavailable."""

    def read(self, raws: list[Raw]) -> list[Read]:
        """Decode a batch up to a record that stops its partition, or that shuts the valve.

        What follows the record that shut the valve is read again once it is opened.
        """
        reads = []
        for raw in raws:
            if raw.partition in self.stopped or self.valve.shut:
                self.rewind.setdefault(raw.partition, raw.offset)
                continue
            one = read(raw, self.partitions)
            unreadable = one.unreadable
            self.valve.saw(readable=not unreadable, key=raw.key or b"")
            if unreadable and not one.record.key and self.topic is not ORDERS:
                self.stopped.add(raw.partition)
            reads.append(one)
        metrics.CONSUMED.labels(self.name, self.topic.name).inc(len(raws))
        return reads

    def handle(self, reads: list[Read]) -> list[Send]:
        """Judge a batch; return everything to be written, in order."""
        sends: list[Send] = []
        for one in reads:
            unreadable = one.unreadable
            if unreadable:
                sends.append(self._dead_letter(one))
            if not unreadable or one.record.key:
                sends += self.judge(one)
            if one.raw.partition not in self.stopped or one.record.key:
                self.done[one.raw.partition] = one.raw.offset + 1
        crash_point(f"{self.name}:folded")
        return sends

    @abstractmethod
    def judge(self, one: Read) -> list[Send]:
        """Say what one record leads to."""

    def _dead_letter(self, one: Read) -> Send:
        event = one.record.event
        assert isinstance(event, Unreadable), "only what cannot be read is a dead letter"
        metrics.DEAD_LETTERS.labels(self.name, self.topic.name).inc()
        return dead_letter(one.raw, dead_letters(self.topic).name, event.reason, self.group)

    def due(self) -> list[Send]:
        """Say what time alone leads to."""
        return []

    def may_settle(self, *, force: bool) -> bool:
        """Tell whether it is time to remember and commit."""
        now = time.monotonic()
        if not force and now - self._settled_at < SETTLE_EVERY_S:
            return False
        self._settled_at = now
        return True

    def remember(self) -> None:  # noqa: B027 - a sensor remembers nothing
        """Remember what was acknowledged. May raise Unavailable or Conflict."""

    def committable(self) -> dict[int, int]:
        """Tell the next offset to read, of each partition something was done on."""
        return self.done

    def outgoing(self, sends: list[Send]) -> list[Send]:
        """Look over what is about to be written."""
        return sends

    # services.runtime.source.Owner

    def gained(self, partition: int, committed: int | None, low: int, high: int) -> int:
        """Start where the group stands; without a place, only at a log that starts at 0."""
        del high
        start = committed if committed is not None else 0
        if start < low:
            raise Fatal(
                f"{self.topic.name}/{partition} starts at {low}, but {start} was to be read next: "
                "records are missing from the log"
            )
        self.stopped.discard(partition)
        self.done.pop(partition, None)
        return start

    def dropped(self, partitions: list[int]) -> None:
        """Forget partitions."""
        for partition in partitions:
            self.done.pop(partition, None)
            self.stopped.discard(partition)
            self.rewind.pop(partition, None)


class Sensor(Stage):
    """A stage without memory: it reads a record, and what else it needs, and says one thing."""

    def __init__(
        self,
        *,
        name: str,
        topic: Topic,
        partitions: int,
        judge: Judge,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """Wrap a service's pure judgement."""
        super().__init__(name=name, topic=topic, partitions=partitions)
        self._judge = judge
        self._prepare = prepare

    def prepare(self) -> None:
        """Read what the judgement needs."""
        if self._prepare is not None:
            self._prepare()

    def judge(self, one: Read) -> list[Send]:
        """Say what one record leads to."""
        return [output_of(one, output, self.source) for output in self._judge(one.record)]
