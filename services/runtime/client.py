"""The command line's way to the log: write events, read topics to their end, follow them."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition

from schemas.base import Model
from schemas.envelope import Recorded, headers
from schemas.events import BY_MODEL, encode
from schemas.topics import Topic
from services.runtime.broker import Cluster, connect
from services.runtime.codec import Raw, Read, Send, read
from services.runtime.murmur import partition_of
from services.runtime.settings import Settings
from services.runtime.sink import Sink
from services.runtime.source import Reader

SOURCE: Final = "/exportgate/cli"
BATCH: Final = 500
POLL_S: Final = 0.1
FOLDED_WITHIN_S: Final = 10.0


def now() -> datetime:
    """Tell the time, for events that an officer causes now."""
    return datetime.now(UTC)


def record(
    topic: Topic,
    key: str,
    event: Model,
    *,
    event_id: str,
    time: datetime,
    source: str = SOURCE,
    value: bytes | None = None,
) -> Send:
    """Encode an event for the log, under its CloudEvents identity."""
    written = encode(event) if value is None else value
    named = headers(
        event_id=event_id,
        source=source,
        event_type=BY_MODEL[type(event)].name,
        time=time.isoformat(),
        value=written,
    )
    return Send(topic.name, key.encode(), written, tuple(named), event=event)


class Client:
    """One connection of the command line."""

    def __init__(self, settings: Settings, topics: tuple[Topic, ...]) -> None:
        """Connect and check. Raises Unusable, saying what is wrong."""
        embedded = settings.broker_kind == "embedded"
        self._bootstrap = settings.kafka_bootstrap
        self._topics = {topic.name: topic for topic in topics}
        self.cluster: Cluster = connect(self._bootstrap, list(topics), embedded=embedded)
        self._reader = Reader(self._bootstrap, "exportgate-cli")
        self._sink: Sink | None = None

    def write(self, sends: list[Send], on_progress: Callable[[int], None] | None = None) -> None:
        """Write records and wait for every acknowledgement, a batch at a time."""
        if self._sink is None:
            self._sink = Sink(self._bootstrap, "exportgate-cli")
        for start in range(0, len(sends), BATCH):
            batch = sends[start : start + BATCH]
            self._sink.send(batch)
            if on_progress is not None:
                on_progress(len(batch))

    def read_all(self, topic: Topic) -> list[Read]:
        """Read a topic from its start to its present end, each partition in order."""
        ends = self._reader.ends(topic.name)
        raws = self._reader.between(
            topic.name,
            {at: low for at, (low, _) in ends.items()},
            {at: high for at, (_, high) in ends.items()},
        )
        return self._decoded(topic, raws)

    def read_key(self, topic: Topic, key: str) -> list[Read]:
        """Read what stands under one key, from the start to the present end."""
        name = key.encode()
        at = partition_of(name, self.cluster.partitions[topic.name])
        low, high = self._reader.ends(topic.name)[at]
        raws = self._reader.between(topic.name, {at: low}, {at: high})
        return self._decoded(topic, [raw for raw in raws if raw.key == name])

    def _decoded(self, topic: Topic, raws: list[Raw]) -> list[Read]:
        partitions = self.cluster.partitions[topic.name]
        return [read(raw, partitions) for raw in raws]

    def end_of(self, topic: Topic) -> dict[int, int]:
        """Tell the next offset of every partition."""
        return {at: high for at, (_, high) in self._reader.ends(topic.name).items()}

    def await_folded(self, topic: Topic, stage: str, end: dict[int, int]) -> bool:
        """Wait until a stage has remembered everything before `end`; tell whether it did.

        What a stage commits it has remembered before, so its readers see it.
        """
        group = Consumer({"bootstrap.servers": self._bootstrap, "group.id": f"exportgate-{stage}"})
        try:
            deadline = time.monotonic() + FOLDED_WITHIN_S
            while time.monotonic() < deadline:
                asked = [TopicPartition(topic.name, at) for at, high in end.items() if high]
                places = group.committed(asked, timeout=FOLDED_WITHIN_S) if asked else []
                if all(place.offset >= end[place.partition] for place in places):
                    return True
                time.sleep(POLL_S)
        finally:
            group.close()
        return False

    def follow(
        self, topic: Topic, start: dict[int, int], *, for_s: float | None = None
    ) -> Iterator[list[Read]]:
        """Yield what is appended from `start` on; an empty list where nothing was, for a while."""
        began = time.monotonic()
        place = dict(start)
        while for_s is None or time.monotonic() - began < for_s:
            ends = self.end_of(topic)
            raws = self._reader.between(topic.name, place, ends)
            place.update(ends)
            if not raws:
                time.sleep(POLL_S)
            yield self._decoded(topic, raws)

    def close(self) -> None:
        """Disconnect."""
        self._reader.close()


def events(reads: list[Read]) -> list[Recorded[Any]]:
    """Keep what could be read."""
    return [one.record for one in reads if not one.unreadable]
