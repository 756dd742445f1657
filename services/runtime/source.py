"""Reading: one consumer, its partitions, their places. All calls come from one thread."""

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition

from services.runtime.codec import Raw, raw_of
from services.runtime.errors import Fatal, Unavailable

BATCH_MAX: Final = 500
IDLE_WAIT_S: Final = 0.1
SESSION_TIMEOUT_S: Final = 10.0
ZOMBIE_AFTER_S: Final = SESSION_TIMEOUT_S / 2
"""With no successful poll for so long, somebody else may own the partitions by now."""
FETCH_AGAIN_MS: Final = 10
"""A partition whose queue was full is fetched again so soon: after librdkafka's second, a backlog
would be read at the pace of one fetch a second, whatever the fold could do."""
CALL_TIMEOUT_S: Final = 15.0
COMMIT_TRIES: Final = 5
COMMIT_AGAIN_S: Final = 0.1
"""The group takes no commits while it shares the partitions out."""


class Owner(Protocol):
    """Who is told which partitions it owns."""

    def gained(self, partition: int, committed: int | None, low: int, high: int) -> int:
        """Load a partition; return the offset to read from."""

    def losing(self, partitions: list[int]) -> None:
        """Remember and commit what was done; then the partitions are somebody else's."""

    def lost(self, partitions: list[int]) -> None:
        """Drop the partitions: they already are somebody else's."""


class Source:
    """Polls one topic for one group and hands over batches."""

    def __init__(
        self, *, bootstrap: str, topic: str, group: str, owner: Owner, client: str
    ) -> None:
        """Connect; partitions come with the first polls."""
        self.topic = topic
        self._owner = owner
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "client.id": client,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "session.timeout.ms": int(SESSION_TIMEOUT_S * 1000),
                "heartbeat.interval.ms": 2000,
                "partition.assignment.strategy": "cooperative-sticky",
                "fetch.wait.max.ms": 50,
                "fetch.message.max.bytes": 17 * 1024 * 1024,
                "queued.min.messages": 2000,
                "fetch.queue.backoff.ms": FETCH_AGAIN_MS,
                "queued.max.messages.kbytes": 65536,
                "allow.auto.create.topics": False,
                "log_level": 2,
            }
        )
        self.assigned: set[int] = set()
        self.polled_at = time.monotonic()
        self._failure: BaseException | None = None
        self._consumer.subscribe(
            [topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def poll(self) -> list[Raw]:
        """Take what is there: one record with a short wait, then the rest without."""
        messages = self._consumer.consume(1, IDLE_WAIT_S)
        if messages:
            messages += self._consumer.consume(BATCH_MAX - 1, 0)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        self.polled_at = time.monotonic()
        raws = []
        for message in messages:
            error = message.error()
            if error is None:
                raws.append(raw_of(message))
            elif not error.retriable() and error.code() not in _PASSING:
                raise Fatal(f"{self.topic}: {error}")
        return raws

    @property
    def is_zombie(self) -> bool:
        """Whether the last successful poll is so long ago that ownership is in doubt."""
        return time.monotonic() - self.polled_at > ZOMBIE_AFTER_S

    def pause(self) -> None:
        """Stop fetching, but go on polling, so the partitions stay ours."""
        self._consumer.pause([TopicPartition(self.topic, at) for at in self.assigned])

    def resume(self) -> None:
        """Fetch again."""
        self._consumer.resume([TopicPartition(self.topic, at) for at in self.assigned])

    def seek(self, partition: int, offset: int) -> None:
        """Read a partition from another place."""
        self._consumer.seek(TopicPartition(self.topic, partition, offset))

    def commit(self, offsets: dict[int, int], *, wait: bool) -> None:
        """Commit the next offset to read, of each partition named."""
        places = [TopicPartition(self.topic, at, offset) for at, offset in offsets.items()]
        if not places:
            return
        for left in reversed(range(COMMIT_TRIES)):
            try:
                self._consumer.commit(offsets=places, asynchronous=not wait)
            except KafkaException as error:
                passing = error.args[0].code() == KafkaError.REBALANCE_IN_PROGRESS
                if not (passing and wait and left):
                    raise Unavailable(f"commit to {self.topic}: {error}") from error
                time.sleep(COMMIT_AGAIN_S)
            else:
                return

    def positions(self, partitions: list[int]) -> dict[int, tuple[int | None, int, int]]:
        """Tell (committed or None, low, high) of each partition, as the broker says."""
        asked = [TopicPartition(self.topic, at) for at in partitions]
        try:
            committed = self._consumer.committed(asked, timeout=CALL_TIMEOUT_S)
            found = {}
            for place in committed:
                low, high = self._consumer.get_watermark_offsets(place, timeout=CALL_TIMEOUT_S)
                offset = None if place.offset == OFFSET_INVALID else place.offset
                found[place.partition] = (offset, low, high)
        except KafkaException as error:
            raise Unavailable(f"{self.topic}: {error}") from error
        return found

    def lag(self) -> dict[int, int]:
        """Tell how many records wait in each partition, by the last fetch."""
        waiting = {}
        places = [TopicPartition(self.topic, at) for at in self.assigned]
        for place in self._consumer.position(places):
            low, high = self._consumer.get_watermark_offsets(place, cached=True)
            if place.offset >= 0 and high >= 0:
                waiting[place.partition] = max(high - max(place.offset, low), 0)
        return waiting

    def close(self) -> None:
        """Leave the group; what was revoked is remembered and committed first."""
        self._consumer.close()

    # librdkafka's callbacks run inside poll, and must not raise into it.

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._guard(lambda: self._assign(consumer, [place.partition for place in places]))

    def _on_revoke(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._leave(consumer, places, self._owner.losing)

    def _on_lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._leave(consumer, places, self._owner.lost)

    def _assign(self, consumer: Consumer, partitions: list[int]) -> None:
        starts = []
        for partition, (committed, low, high) in self.positions(partitions).items():
            offset = self._owner.gained(partition, committed, low, high)
            starts.append(TopicPartition(self.topic, partition, offset))
        consumer.incremental_assign(starts)
        self.assigned.update(partitions)

    def _leave(
        self,
        consumer: Consumer,
        places: list[TopicPartition],
        tell: Callable[[list[int]], None],
    ) -> None:
        partitions = [place.partition for place in places]
        self._guard(lambda: tell(partitions))
        self.assigned.difference_update(partitions)
        self._guard(lambda: consumer.incremental_unassign(places))

    def _guard(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (Fatal, Unavailable, KafkaException) as error:
            self._failure = Fatal(f"{self.topic}: {error}")
            self._failure.__cause__ = error


_PASSING: Final = (
    KafkaError._PARTITION_EOF,  # noqa: SLF001 - librdkafka's own names
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._RESOLVE,  # noqa: SLF001
)


class Reader:
    """Reads single records and whole topics, outside of any group."""

    def __init__(self, bootstrap: str, client: str) -> None:
        """Connect."""
        self._lock = threading.Lock()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{client}-reader",
                "client.id": f"{client}-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
                "allow.auto.create.topics": False,
                "log_level": 2,
            }
        )

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """Tell (low, high) of every partition of a topic."""
        try:
            metadata = self._consumer.list_topics(topic, timeout=CALL_TIMEOUT_S).topics[topic]
            return {
                at: self._consumer.get_watermark_offsets(
                    TopicPartition(topic, at), timeout=CALL_TIMEOUT_S
                )
                for at in metadata.partitions
            }
        except KafkaException as error:
            raise Unavailable(f"{topic}: {error}") from error

    def between(self, topic: str, start: dict[int, int], end: dict[int, int]) -> list[Raw]:
        """Read each partition from `start` to before `end`, in offset order."""
        wanted = {at: end[at] for at, offset in start.items() if offset < end[at]}
        if not wanted:
            return []
        found: list[Raw] = []
        with self._lock:
            self._consumer.assign([TopicPartition(topic, at, start[at]) for at in wanted])
            deadline = time.monotonic() + CALL_TIMEOUT_S
            while wanted:
                # One with a wait, then what is there: to wait for a full batch is to wait in vain.
                messages = self._consumer.consume(1, IDLE_WAIT_S)
                for message in messages + self._consumer.consume(BATCH_MAX - 1, 0):
                    if message.error() is not None:
                        raise Unavailable(f"{topic}: {message.error()}")
                    deadline = time.monotonic() + CALL_TIMEOUT_S
                    raw = raw_of(message)
                    if raw.partition in wanted and raw.offset < wanted[raw.partition]:
                        found.append(raw)
                    if raw.offset >= end[raw.partition] - 1:
                        wanted.pop(raw.partition, None)
                if time.monotonic() > deadline:
                    raise Unavailable(f"{topic}: nothing to read where records should be")
            self._consumer.unassign()
        return found

    def one(self, topic: str, partition: int, offset: int) -> Raw | None:
        """Read one record; None where it is not there."""
        found = self.between(topic, {partition: offset}, {partition: offset + 1})
        return next((raw for raw in found if raw.offset == offset), None)

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()
