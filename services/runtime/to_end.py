"""A topic read to its end before a batch is judged: products, rates. Outside of any group."""

import time
from abc import ABC, abstractmethod
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.topics import Topic
from services.runtime.codec import Raw, raw_of
from services.runtime.errors import Fatal, Unavailable

BATCH: Final = 500
WAIT_S: Final = 0.1
ENDS_WITHIN_S: Final = 5.0
SILENT_S: Final = 15.0
"""Records are there, and none came for so long: the broker is as good as away."""
_NOT_THERE: Final = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001 - librdkafka's own name


class TopicReader(ABC):
    """Reads one topic whole, and then whatever was added since the last look."""

    def __init__(
        self, topic: Topic, bootstrap: str, client: str, partitions: int, fresh_s: float
    ) -> None:
        """Connect; nothing is read yet. `fresh_s`: how long what was read counts as the newest."""
        self._fresh_s, self._asked_at = fresh_s, -fresh_s
        self.topic = topic
        self.partitions = partitions
        self._places = [TopicPartition(topic.name, at) for at in range(partitions)]
        self._next = dict.fromkeys(range(partitions), 0)
        self._bootstrap = bootstrap
        self._admin = self._asking()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{client}-{topic.name}",
                "client.id": f"{client}-{topic.name}",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
                "fetch.message.max.bytes": topic.max_bytes,
                "allow.auto.create.topics": False,
                "log_level": 2,
            }
        )
        self._consumer.assign([TopicPartition(topic.name, at, 0) for at in range(partitions)])

    @property
    def offsets(self) -> dict[str, int]:
        """How far each partition was read; those without records are left out."""
        return {str(at): offset for at, offset in self._next.items() if offset}

    def refresh(self) -> None:
        """Read all that was acknowledged up to `fresh_s` before this call. Raises Unavailable.

        To ask for the ends costs the broker more than an order does, so not every batch asks.
        """
        asked_at = time.monotonic()
        if asked_at - self._asked_at < self._fresh_s:
            return
        name, before = self.topic.name, dict(self._next)
        ends = self._ends()
        deadline = time.monotonic() + SILENT_S
        while any(self._next[at] < end for at, end in ends.items()):
            for message in self._consumer.consume(BATCH, WAIT_S):
                if message.error() is None:
                    raw = raw_of(message)
                    self._next[raw.partition] = raw.offset + 1
                    self.take(raw)
                    deadline = time.monotonic() + SILENT_S
                elif message.error().code() == _NOT_THERE:
                    raise Fatal(f"{name}: records are missing: {message.error()}")
            if time.monotonic() > deadline:
                raise Unavailable(f"{name}: nothing to read where records should be")
        if any(self._next[at] > end for at, end in ends.items()):
            raise Fatal(f"{name}: the log is shorter than it was")
        if self._next != before:
            self.moved()
        self._asked_at = asked_at

    @abstractmethod
    def take(self, raw: Raw) -> None:
        """Take one record, in the order of its partition."""

    def moved(self) -> None:  # noqa: B027 - not every reader sums up
        """Take note that a look found something new."""

    def _asking(self) -> AdminClient:
        """Connect to ask for ends: the consumer's own connection waits for records to come."""
        return AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 2})

    def _ends(self) -> dict[int, int]:
        asked: dict[TopicPartition, Any] = {at: OffsetSpec.latest() for at in self._places}
        try:
            found = self._admin.list_offsets(asked, request_timeout=ENDS_WITHIN_S)
            return {
                place.partition: future.result(ENDS_WITHIN_S).offset
                for place, future in found.items()
            }
        except (KafkaException, TimeoutError) as error:
            # It would go on asking under the leader epoch it knows; a new one learns the present.
            self._admin = self._asking()
            raise Unavailable(f"{self.topic.name}: {error}") from error

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()
