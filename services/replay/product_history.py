"""What was on record about products at any offsets of `products`, as classification read it."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.reference import ProductClassified
from schemas.topics import PRODUCTS
from services.classification.orders import NO_PRODUCTS, Products
from services.classification.products import Product
from services.replay.reading import Archive
from services.runtime.codec import read

Stamp = tuple[int, int, int]
"""Timestamp, partition, offset: the greatest is the newest, whatever order they came in."""


@dataclass
class ProductHistory:
    """Every record of every product."""

    known: dict[str, list[tuple[Stamp, Product]]] = field(default_factory=dict)
    moments: dict[tuple[int, int], int] = field(default_factory=dict)
    """By partition and offset: when the record there was written (ms)."""
    begins: dict[int, int] = field(default_factory=dict)
    """The first offset of each partition: what is before it was pruned."""
    _cache: tuple[dict[str, int], Products] | None = None
    _read_at: tuple[dict[str, int], int | None] | None = None

    def at(self, vector: dict[str, int]) -> Products:
        """What was known when each partition had been read up to before its offset."""
        if not vector:
            return NO_PRODUCTS
        if self._cache is None or self._cache[0] != vector:
            self._cache = (vector, Products(_Then(self.known, vector), vector))
        return self._cache[1]

    def read_at(self, vector: dict[str, int]) -> int | None:
        """When the last record below these offsets was written (ms); None where one is not there.

        Nothing can be read before it is written.
        """
        if self._read_at is None or self._read_at[0] != vector:
            found = [
                self.moments.get((int(partition), end - 1))
                for partition, end in vector.items()
                if end > self.begins.get(int(partition), 0)
            ]
            last = None if None in found else max(filter(None, found), default=0)
            self._read_at = (vector, last)
        return self._read_at[1]


@dataclass(frozen=True, slots=True)
class _Then(Mapping[str, Product]):
    known: Mapping[str, list[tuple[Stamp, Product]]]
    vector: Mapping[str, int]

    def __getitem__(self, key: str) -> Product:
        read_by_then = [
            (stamp, product)
            for stamp, product in self.known[key]
            if stamp[2] < self.vector.get(str(stamp[1]), 0)
        ]
        if not read_by_then:
            raise KeyError(key)
        return max(read_by_then, key=lambda found: found[0])[1]

    def __iter__(self) -> Iterator[str]:
        return (key for key in self.known if key in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None


def product_history(archive: Archive) -> ProductHistory:
    """Read `products` to its archived end."""
    found = ProductHistory()
    partitions = archive.partitions(PRODUCTS.name)
    for at in range(partitions):
        found.begins[at] = archive.begin(PRODUCTS.name, at)
        for row in archive.rows(PRODUCTS.name, at):
            raw = row
            event = read(raw, partitions).record.event
            found.moments[raw.partition, raw.offset] = raw.timestamp_ms
            key = _key(raw.key)
            if key is None:
                continue
            record = event if isinstance(event, ProductClassified) else None
            digest = hashlib.sha256(raw.value or b"").hexdigest()
            product = Product(key.partition("/")[2], record, raw.offset, digest)
            stamp = (raw.timestamp_ms, raw.partition, raw.offset)
            found.known.setdefault(key, []).append((stamp, product))
    return found


def _key(key: bytes | None) -> str | None:
    try:
        return None if key is None else key.decode()
    except UnicodeDecodeError:
        return None
