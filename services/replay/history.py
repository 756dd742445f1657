"""The license book at every offset: each license as the ledger left it, version by version.

What determination read is a copy; this is made from the archived `licenses` alone. It lies in a
file, since a busy license has one version a record, and only what is asked for is read.
"""

import os
import pickle
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from services.license_check.book import License
from services.license_check.determine import Book
from services.license_check.names import folded_name
from services.replay.stages import book_at, read_root

_PREFIX: Final = 4
_NAME: Final = "licenses-"
_INDEX: Final = ".index"
Group = tuple[str, str]
"""Regime and holder, as determination looks licenses up."""


@dataclass
class Versions:
    """Where the versions of one license lie. Version n holds from offset `since[n]` on."""

    partition: int
    since: "array[int]" = field(default_factory=lambda: array("q"))
    at: "array[int]" = field(default_factory=lambda: array("q"))
    size: "array[int]" = field(default_factory=lambda: array("q"))
    base: "array[int]" = field(default_factory=lambda: array("q"))
    bases: list[bytes] = field(default_factory=list)
    groups: set[Group] = field(default_factory=set)


class HistoryWriter:
    """Writes the versions of one partition's licenses."""

    def __init__(self, folder: Path, partition: int) -> None:
        """Begin a file."""
        self._path = folder / f"{_NAME}{partition:03d}"
        self._file: BinaryIO = self._path.open("wb")
        self._partition = partition
        self._end = 0
        self.licenses: dict[str, Versions] = {}

    def put(self, license_: License, since: int) -> None:
        """Note a version: what differs from the last whole text, and that text where it must be."""
        text = license_.model_dump_json(exclude_none=True).encode()
        known = self.licenses.setdefault(license_.license_id, Versions(self._partition))
        shared = _shared(known.bases[-1], text) if known.bases else 0
        if shared < len(text) // 2:
            known.bases.append(text)
            shared = len(text)
        note = shared.to_bytes(_PREFIX, "big") + text[shared:]
        self._file.write(note)
        known.since.append(since)
        known.at.append(self._end)
        known.size.append(len(note))
        known.base.append(len(known.bases) - 1)
        self._end += len(note)
        if license_.terms is not None:
            known.groups.add((license_.terms.regime, folded_name(license_.terms.holder)))

    def close(self) -> None:
        """Finish the file, and write beside it where which version lies."""
        self._file.close()
        self._path.with_suffix(_INDEX).write_bytes(pickle.dumps(self.licenses))


def _shared(one: bytes, other: bytes) -> int:
    """Length of what two texts begin with alike."""
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    low, high = 0, length
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@dataclass
class _Known:
    versions: Versions
    handle: int
    number: int = -1
    license: License | None = None

    def version(self, offset: int) -> int:
        return bisect_right(self.versions.since, offset) - 1

    def at(self, number: int) -> License | None:
        if number != self.number:
            self.number, self.license = number, None if number < 0 else self._read(number)
        return self.license

    def _read(self, number: int) -> License:
        own = self.versions
        note = os.pread(self.handle, own.size[number], own.at[number])
        shared = int.from_bytes(note[:_PREFIX], "big")
        return read_root(own.bases[own.base[number]][:shared] + note[_PREFIX:])


class History:
    """The book at any vector of offsets."""

    def __init__(self, parts: Mapping[Path, Mapping[str, Versions]]) -> None:
        """Open the files of all partitions."""
        self._groups: dict[Group, list[_Known]] = {}
        self._handles = []
        self._cache: dict[Group, tuple[tuple[int, ...], tuple[License, ...]]] = {}
        for path, licenses in parts.items():
            handle = os.open(path, os.O_RDONLY)
            self._handles.append(handle)
            for versions in licenses.values():
                known = _Known(versions, handle)
                for group in versions.groups:
                    self._groups.setdefault(group, []).append(known)

    def close(self) -> None:
        """Close the files."""
        for handle in self._handles:
            os.close(handle)

    def book(self, vector: Mapping[str, int]) -> Book:
        """The book when each partition had been folded up to before its offset."""
        return Book(_View(self, vector), dict(vector))

    def group(self, group: Group, vector: Mapping[str, int]) -> tuple[License, ...]:
        """The licenses of one regime and holder, then."""
        known = self._groups.get(group, [])
        numbers = tuple(one.version(vector.get(str(one.versions.partition), 0)) for one in known)
        cached = self._cache.get(group)
        if cached is not None and cached[0] == numbers:
            return cached[1]
        found = [one.at(number) for one, number in zip(known, numbers, strict=True)]
        licenses = [license_ for license_ in found if license_ is not None]
        here = tuple(book_at(licenses, {}).licenses.get(group, ()))
        self._cache[group] = (numbers, here)
        return here

    @property
    def groups(self) -> list[Group]:
        """Every regime and holder there ever was a license of."""
        return list(self._groups)


def open_history(folder: Path) -> History:
    """Open what the writers of all partitions wrote there."""
    return History(
        {
            path.with_suffix(""): pickle.loads(path.read_bytes())  # noqa: S301 - a moment ago, by us
            for path in sorted(folder.glob(f"{_NAME}*{_INDEX}"))
        }
    )


@dataclass(frozen=True, slots=True)
class _View(Mapping[Group, tuple[License, ...]]):
    history: History
    vector: Mapping[str, int]

    def __getitem__(self, group: Group) -> tuple[License, ...]:
        found = self.history.group(group, self.vector)
        if not found:
            raise KeyError(group)
        return found

    def __iter__(self) -> Iterator[Group]:
        return (g for g in self.history.groups if self.history.group(g, self.vector))

    def __len__(self) -> int:
        return sum(1 for _ in self)
