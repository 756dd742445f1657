"""What is on record about products: topic `products`, followed to its end."""

import hashlib
from typing import Final

import structlog

from schemas.reference import ProductClassified
from schemas.topics import PRODUCTS
from services.classification.orders import Products
from services.classification.products import Product
from services.runtime import metrics
from services.runtime.codec import Raw, read
from services.runtime.to_end import TopicReader

log = structlog.get_logger()
NAME: Final = "classification"
FRESH_S: Final = 0.05
"""How long what was read counts as the newest; who writes a record waits so long for orders."""


class ProductReader(TopicReader):
    """Keeps the newest record of every product, outside of any group.

    Newest is by the record's timestamp, then its place, so every instance agrees on it whatever
    order the partitions came in. A record that cannot be read takes the place of the one before
    it: it may have said anything. One whose key cannot be read names no product.
    """

    def __init__(
        self, bootstrap: str, client: str, partitions: int, fresh_s: float = FRESH_S
    ) -> None:
        """Connect; nothing is read yet."""
        super().__init__(PRODUCTS, bootstrap, client, partitions, fresh_s)
        self._known: dict[str, Product] = {}
        self._when: dict[str, tuple[int, int, int]] = {}
        self.products = Products()

    def moved(self) -> None:
        """Put what is known now together, with how far was read."""
        self.products = Products(self._known, self.offsets)

    def take(self, raw: Raw) -> None:
        """Keep a record if it is the newest of its product."""
        event = read(raw, self.partitions).record.event
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


def _key(raw: Raw) -> str | None:
    """Read a key as text, whatever it says."""
    try:
        return None if raw.key is None else raw.key.decode()
    except UnicodeDecodeError:
        return None
