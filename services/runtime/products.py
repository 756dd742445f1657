"""What is on record about products: topic `products`, followed to its end."""

import hashlib
import time
from typing import Any, Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.reference import ProductClassified
from schemas.topics import PRODUCTS
from services.classification.orders import Products
from services.classification.products import Product
from services.runtime import metrics
from services.runtime.codec import Raw, raw_of, read
from services.runtime.errors import Fatal, Unavailable

log = structlog.get_logger()
NAME: Final = "classification"
BATCH: Final = 500
WAIT_S: Final = 0.1
ENDS_WITHIN_S: Final = 5.0
FRESH_S: Final = 0.05
"""How long what was read counts as the newest; who writes a record waits so long for orders."""
SILENT_S: Final = 15.0
"""Records are there, and none came for so long: the broker is as good as away."""
_NOT_THERE: Final = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001 - librdkafka's own name


class ProductReader:
    """Keeps the newest record of every product, outside of any group.

    Newest is by the record's timestamp, then its place, so every instance agrees on it whatever
    order the partitions came in. A record that cannot be read takes the place of the one before
    it: it may have said anything. One whose key cannot be read names no product.
    """

    def __init__(
        self, bootstrap: str, client: str, partitions: int, fresh_s: float = FRESH_S
    ) -> None:
        """Connect; nothing is read yet."""
        self._partitions = partitions
        self._places = [TopicPartition(PRODUCTS.name, at) for at in range(partitions)]
        self._next = dict.fromkeys(range(partitions), 0)
        self._known: dict[str, Product] = {}
        self._when: dict[str, tuple[int, int, int]] = {}
        self._fresh_s, self._asked_at = fresh_s, -fresh_s
        self.products = Products()
        self._bootstrap = bootstrap
        self._admin = self._asking()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{client}-products",
                "client.id": f"{client}-products",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
                "fetch.message.max.bytes": PRODUCTS.max_bytes,
                "allow.auto.create.topics": False,
                "log_level": 2,
            }
        )
        starts = [TopicPartition(PRODUCTS.name, at, 0) for at in range(partitions)]
        self._consumer.assign(starts)

    def refresh(self) -> None:
        """Read all that was acknowledged up to `fresh_s` before this call. Raises Unavailable.

        To ask for the ends costs the broker more than an order does, so not every batch asks.
        """
        asked_at = time.monotonic()
        if asked_at - self._asked_at < self._fresh_s:
            return
        before = dict(self._next)
        ends = self._ends()
        deadline = time.monotonic() + SILENT_S
        while any(self._next[at] < end for at, end in ends.items()):
            for message in self._consumer.consume(BATCH, WAIT_S):
                if message.error() is None:
                    self._take(raw_of(message))
                    deadline = time.monotonic() + SILENT_S
                elif message.error().code() == _NOT_THERE:
                    raise Fatal(f"products: records are missing: {message.error()}")
            if time.monotonic() > deadline:
                raise Unavailable("products: nothing to read where records should be")
        if any(self._next[at] > end for at, end in ends.items()):
            raise Fatal("products: the log is shorter than it was")
        if self._next != before:
            offsets = {str(at): offset for at, offset in self._next.items() if offset}
            self.products = Products(self._known, offsets)
        self._asked_at = asked_at

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
            raise Unavailable(f"products: {error}") from error

    def _take(self, raw: Raw) -> None:
        self._next[raw.partition] = raw.offset + 1
        event = read(raw, self._partitions).record.event
        record = event if isinstance(event, ProductClassified) else None
        key = _key(raw)
        if record is None:
            metrics.DEAD_LETTERS.labels(NAME, PRODUCTS.name).inc()
            log.error("unreadable product record", key=key, partition=raw.partition,
                      offset=raw.offset, reason=getattr(event, "reason", ""))  # fmt: skip
        when = (raw.timestamp_ms, raw.partition, raw.offset)
        if key is None or when < self._when.get(key, when):
            return
        self._when[key] = when
        digest = hashlib.sha256(raw.value or b"").hexdigest()
        self._known[key] = Product(key.partition("/")[2], record, raw.offset, digest)

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()


def _key(raw: Raw) -> str | None:
    """Read a key as text, whatever it says."""
    try:
        return None if raw.key is None else raw.key.decode()
    except UnicodeDecodeError:
        return None
