"""The license book as `determine` reads it: from what the ledger remembered in Redis."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from schemas.base import Model
from services.runtime.errors import Unavailable
from services.runtime.memory import MODULUS, digest_of
from services.runtime.remember import Place, Remembered

E = TypeVar("E", bound=Model)
_FROM_START: Final = 0


@dataclass(slots=True)
class _Part(Generic[E]):
    """One partition of the book, as last read."""

    offset: int = _FROM_START
    at: str = ""
    """Where Redis stood when it was looked at; equal places have equal books."""
    space: str = ""
    sum: int = 0
    digests: dict[bytes, int] = field(default_factory=dict)
    entities: dict[bytes, E] = field(default_factory=dict)


class BookReader(Generic[E]):
    """Keeps the roots of a fold's aggregates, refreshed by what changed since the last look."""

    def __init__(
        self, remembered: Remembered, places: list[Place], decode: Callable[[str, bytes], E]
    ) -> None:
        """Start with nothing; the first refresh reads everything."""
        self._remembered = remembered
        self._places = places
        self._decode = decode
        self._parts: dict[int, _Part[E]] = {}
        self._furthest: dict[int, int] = {}
        self.generation = 0
        """Rises whenever anything changed."""

    def refresh(self) -> None:
        """Read what changed. Raises Unavailable while a partition is missing or does not add up."""
        for place, at in zip(self._places, self._remembered.stand_at(self._places), strict=True):
            part = self._parts.get(place.partition, _Part())
            if at and at == part.at:
                continue
            if not self._read(place, part):
                part = _Part()
                if not self._read(place, part):
                    problem = "its book does not add up yet"
                    raise Unavailable(f"{place.topic}/{place.partition}: {problem}")
            part.at = at
            self._parts[place.partition] = part

    def _read(self, place: Place, part: _Part[E]) -> bool:
        """Bring one partition up to date; tell whether it adds up."""
        meta, changed = self._remembered.changed_since(place, part.offset)
        if meta is None:
            raise Unavailable(f"{place.topic}/{place.partition}: the ledger has no book there yet")
        if part.space not in ("", meta["space"]):
            return False
        if meta["offset"] < self._furthest.get(place.partition, 0):
            raise Unavailable(f"{place.topic}/{place.partition}: its book went back; it is awaited")
        self._furthest[place.partition] = meta["offset"]
        if part.offset != meta["offset"]:
            self.generation += 1
        for name, value in changed.items():
            digest = digest_of(name, value)
            if part.digests.get(name) == digest:
                continue
            part.sum = (part.sum - part.digests.get(name, 0) + digest) % MODULUS
            part.digests[name] = digest
            part.entities[name] = self._decode(name.decode(), value)
            self.generation += 1
        part.space, part.offset = meta["space"], meta["offset"]
        return bool(f"{part.sum:064x}" == meta["roots_sum"])

    def entities(self) -> list[E]:
        """List every entity of the book."""
        return [entity for part in self._parts.values() for entity in part.entities.values()]

    def offsets(self) -> Mapping[str, int]:
        """Tell how far each partition of the book has been folded."""
        return {str(at): part.offset for at, part in sorted(self._parts.items())}
