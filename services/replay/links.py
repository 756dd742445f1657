"""What a fold said, held against what stands in the log: nothing missing, nothing added.

A stage may die and say again what it said: the same record twice is no fault. At the end of an
archive the last outputs may not have reached it, nor the causes of the first that did.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import ClassVar, Final

from services.replay.errors import Finding
from services.replay.manifest import Place

NO_CAUSE: Final = -1


@dataclass(slots=True)
class Said:
    """What a fold says to one partition. Packed: of a million orders there are many."""

    rows: bytearray = field(default_factory=bytearray)
    _ROW: ClassVar[Struct] = Struct(">q16s")

    def note(self, cause: int, digest: bytes) -> None:
        """Note the digest of what is said, and the offset of its cause."""
        self.rows += self._ROW.pack(cause, digest)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """(Cause offset, digest), in the order noted."""
        return self._ROW.iter_unpack(self.rows)


@dataclass(slots=True)
class Heard:
    """What stands in one partition that a fold may have said, packed."""

    rows: bytearray = field(default_factory=bytearray)
    _ROW: ClassVar[Struct] = Struct(">qq16s")

    def note(self, offset: int, cause: int, digest: bytes) -> None:
        """Note a record's offset, that of its cause, and the digest of what it says."""
        self.rows += self._ROW.pack(offset, cause, digest)

    def __iter__(self) -> Iterator[tuple[int, int, bytes]]:
        """(Offset, cause offset, digest), in the order noted."""
        return self._ROW.iter_unpack(self.rows)


@dataclass(slots=True)
class Link:
    """From one source partition to one target partition."""

    expected: Said = field(default_factory=Said)
    recorded: Heard = field(default_factory=Heard)


@dataclass(slots=True)
class Compared:
    """Where the two differ."""

    missing: list[int] = field(default_factory=list)
    """Offsets of causes of which an output is not in the log."""
    added: list[tuple[int, int]] = field(default_factory=list)
    """(offset, cause) of records that no fold says."""
    late: list[tuple[int, int]] = field(default_factory=list)
    """(offset, cause) of records that stand after what was said later."""
    in_flight: list[int] = field(default_factory=list)
    """Causes of the last outputs, that are not archived yet."""
    ahead: list[tuple[int, int]] = field(default_factory=list)
    """(offset, cause) of records whose cause is not archived yet."""
    last: int = NO_CAUSE
    """The last cause of which anything is recorded."""


def compare(link: Link, source: range, excused: Container[bytes]) -> Compared:
    """Compare a link, of whose source these offsets are there: none ahead yet, none pruned.

    `excused` outputs were held back by the runtime, on record.
    """
    said = set(link.expected)
    heard: set[tuple[int, bytes]] = set()
    found = Compared()
    for offset, cause, digest in link.recorded:
        if cause < found.last and (cause, digest) not in heard:
            found.late.append((offset, cause))
        found.last = max(found.last, cause)
        if (cause, digest) in said:
            heard.add((cause, digest))
        elif cause >= source.stop:
            found.ahead.append((offset, cause))
        elif cause >= source.start or cause < 0:
            found.added.append((offset, cause))
    for cause, digest in link.expected:
        if (cause, digest) in heard or digest in excused:
            continue
        if cause > found.last:
            found.in_flight.append(cause)
        else:
            found.missing.append(cause)
    return found


def findings_of(found: Compared, source: Place, target: Place) -> list[Finding]:
    """Name the records in which a fold and the log differ."""
    wrong = []
    for offset, cause in found.added:
        place = at(target, offset)
        text = "is not what the fold says"
        wrong.append(Finding("fold", place, text, record=place, cause=at(source, cause)))
    for offset, cause in found.late:
        place = at(target, offset)
        text = f"stands after what was said later than at {at(source, cause)}"
        wrong.append(Finding("fold", place, text, record=place))
    for cause in sorted(set(found.missing)):
        place = at(source, cause)
        text = f"what the fold says to {target[0]} is not there"
        wrong.append(Finding("fold", place, text, record=place, cause=place))
    return wrong


def at(place: Place, offset: int) -> str:
    """Coordinates of a record in words."""
    return f"{place[0]}/{place[1]}/{offset}"


OFFSET_MAX: Final = 2**63 - 1
"""The largest offset a log can have."""


def cause_of(headers: Iterable[tuple[str, bytes | None]]) -> tuple[Place, int] | None:
    """Read a record's cause (topic, partition), offset; None where it names none."""
    for name, value in headers:
        if name == "ce_cause" and value is not None:
            place, _, offset = value.decode(errors="replace").rpartition("/")
            topic, _, partition = place.rpartition("/")
            try:
                found = (topic, int(partition)), int(offset)
            except ValueError:
                return None
            return found if NO_CAUSE <= found[1] <= OFFSET_MAX else None
    return None
