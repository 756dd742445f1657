"""The raw topics, read to their end: the only thing the checker looks at.

Imports `schemas` and the client library, nothing of the services.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.base import Model
from schemas.envelope import read_headers
from schemas.events import decode
from schemas.orders import OfOrder, Order
from schemas.topics import BY_NAME, LICENSES, SOURCES, Topic, dead_letters

SILENT_S: Final = 30.0
POLL_S: Final = 0.2
READ: Final = (*SOURCES, *(dead_letters(topic) for topic in SOURCES))
Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as it stands in a topic. `event` is null where the bytes are not what they say."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    at: datetime
    headers: Headers = ()
    raw_key: bytes | None = None
    event: Any = None
    fault: str = ""
    id: str = ""
    source: str = ""
    cause: str = ""
    time: datetime | None = None

    @property
    def place(self) -> str:
        """Coordinates, as causes name them."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def sha256(self) -> str:
        """Digest of the value."""
        return hashlib.sha256(self.value or b"").hexdigest()


def entry(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
    at: datetime,
) -> Entry:
    """Read one record, by the rules of the contract alone."""
    try:
        text = (key or b"").decode()
    except UnicodeDecodeError:
        text = ""
    where = (topic, partition, offset, text, value, at, headers, key)
    if topic not in BY_NAME or topic.endswith(".dlt"):
        return Entry(*where)
    try:
        found = read_headers(headers)
        event = _event(topic, key, value, found)
    except (ValueError, KeyError, RecursionError) as error:
        return Entry(*where, fault=f"{type(error).__name__}: {error}"[:200])
    return Entry(
        *where,
        event=event,
        id=found["ce_id"],
        source=found["ce_source"],
        cause=found.get("ce_cause", ""),
        time=datetime.fromisoformat(found["ce_time"]),
    )


def _event(topic: str, key: bytes | None, value: bytes | None, found: dict[str, str]) -> Model:
    if value is None or key is None:
        raise ValueError("no key or no value")
    if found.get("ce_sha256") not in (None, hashlib.sha256(value).hexdigest()):
        raise ValueError("the value is not the one that was signed")
    event = decode(found["ce_type"], topic, value, found["ce_source"])
    if own_key(topic, event) not in (None, key.decode()):
        raise ValueError("the key is not the value's")
    return event


def own_key(topic: str, event: Model) -> str | None:
    """The key an event says it must stand under; None where it says none."""
    if topic == LICENSES.name:
        return getattr(event, "license_id", None)
    return event.key if isinstance(event, Order | OfOrder) else None


@dataclass
class Logs:
    """Every topic, each partition in offset order."""

    topics: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))

    def of(self, topic: Topic) -> list[Entry]:
        """All records of a topic."""
        return self.topics.get(topic.name, [])

    def firsts(self, topic: Topic) -> Iterator[Entry]:
        """The first readable record of each identity: later ones are duplicates."""
        seen: set[tuple[str, str]] = set()
        for each in self.of(topic):
            if each.event is not None and (each.source, each.id) not in seen:
                seen.add((each.source, each.id))
                yield each

    def by_key(self, topic: Topic) -> dict[str, list[Entry]]:
        """The first records of each identity, by key, in log order."""
        found: dict[str, list[Entry]] = defaultdict(list)
        for each in self.firsts(topic):
            found[each.key].append(each)
        return found

    def duplicates(self) -> int:
        """How many records repeat an identity that stands in their topic already."""
        total = 0
        for topic in SOURCES:
            readable = sum(each.event is not None for each in self.of(topic))
            total += readable - sum(1 for _ in self.firsts(topic))
        return total


def logs_of(entries: Iterable[Entry]) -> Logs:
    """Arrange records."""
    logs = Logs()
    for each in sorted(entries, key=lambda e: (e.topic, e.partition, e.offset)):
        logs.topics[each.topic].append(each)
    return logs


def read_logs(bootstrap: str, topics: Sequence[Topic] = READ) -> Logs:
    """Read topics from their start to their present end."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "exportgate-checker", "log_level": 2,
         "enable.auto.commit": False, "auto.offset.reset": "error",
         "fetch.message.max.bytes": 17 * 1024 * 1024}
    )  # fmt: skip
    try:
        return logs_of(_records(consumer, [topic.name for topic in topics]))
    finally:
        consumer.close()


def _records(consumer: Consumer, topics: Sequence[str]) -> Iterator[Entry]:
    wanted: dict[tuple[str, int], int] = {}
    for name in topics:
        for at in consumer.list_topics(name, timeout=SILENT_S).topics[name].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(name, at), timeout=SILENT_S)
            if low < high:
                wanted[name, at] = high
    consumer.assign([TopicPartition(name, at, 0) for name, at in wanted])
    heard = time.monotonic()
    while wanted:
        messages = consumer.consume(1_000, POLL_S)
        if messages:
            heard = time.monotonic()
        elif time.monotonic() - heard > SILENT_S:
            raise TimeoutError(f"nothing comes any more of {sorted(wanted)}")
        for message in messages:
            if (error := message.error()) is not None:
                raise KafkaException(error)
            place = (str(message.topic()), int(message.partition() or 0))
            if (message.offset() or 0) + 1 >= wanted.get(place, 0):
                wanted.pop(place, None)
            yield _entry_of(message)


def _entry_of(message: Any) -> Entry:
    moment = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
    return entry(
        message.topic(), message.partition(), message.offset(), message.key(), message.value(),
        tuple(message.headers() or ()), moment,
    )  # fmt: skip
