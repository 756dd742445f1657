"""Writing: every record is acknowledged by all replicas, in order, or the process ends."""

from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.checks import ReservationVoided
from schemas.topics import DECISIONS, MIB
from services.runtime.codec import Send
from services.runtime.errors import Fatal, Unavailable

_FLUSH_S: Final = 1.0
_PING_S: Final = 3.0
_QUEUE_FULL_WAIT_S: Final = 0.05


class Sink:
    """An idempotent producer whose `send` returns when everything is acknowledged."""

    def __init__(self, bootstrap: str, client: str) -> None:
        """Connect. Without a message timeout: what was accepted is sent, however long it takes."""
        self._failed: KafkaError | None = None
        self.is_waiting = False
        """Whether records wait for the broker: that is no lack of progress of ours."""
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": client,
                "enable.idempotence": True,
                "acks": "all",
                "message.timeout.ms": 0,
                "linger.ms": 0,
                "partitioner": "murmur2",
                "message.max.bytes": 16 * MIB + MIB,
                "queue.buffering.max.messages": 500_000,
                "queue.buffering.max.kbytes": 512 * 1024,
                "log_level": 2,
            }
        )

    def send(self, records: list[Send]) -> None:
        """Write records and wait for every acknowledgement.

        Decisions are acknowledged before anything is voided: what a warehouse may still load must
        not be given to another order. Raises Fatal on any delivery error.
        """
        voids = any(isinstance(record.event, ReservationVoided) for record in records)
        if voids:
            self._send([record for record in records if record.topic == DECISIONS.name])
            records = [record for record in records if record.topic != DECISIONS.name]
        self._send(records)

    def ping(self) -> None:
        """Ask whether the broker answers. Raises Unavailable."""
        try:
            self._producer.list_topics(DECISIONS.name, timeout=_PING_S)
        except KafkaException as error:
            raise Unavailable(f"Kafka: {error}") from error

    def _send(self, records: list[Send]) -> None:
        if not records:
            return
        for record in records:
            self._produce(record)
        self.is_waiting = True
        while self._producer.flush(_FLUSH_S):
            self._check()
        self.is_waiting = False
        self._check()

    def _produce(self, record: Send) -> None:
        extra: dict[str, Any] = {} if record.partition < 0 else {"partition": record.partition}
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    value=record.value,
                    key=record.key,
                    headers=list(record.headers),
                    on_delivery=self._delivered,
                    **extra,
                )
            except BufferError:
                self._producer.poll(_QUEUE_FULL_WAIT_S)
                self._check()
            except KafkaException as error:
                raise Fatal(f"cannot write to {record.topic}: {error}") from error
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        del message
        if error is not None and self._failed is None:
            self._failed = error

    def _check(self) -> None:
        if self._failed is not None:
            raise Fatal(f"a record could not be delivered: {self._failed}")
