"""What is known of many orders, in files: read side by side by key, without holding them all."""

import heapq
import pickle
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

Row = tuple[str, Any]
"""An order's key, and what is known of it."""


def write(path: Path, known: Mapping[str, Any]) -> Path:
    """Write what is known, in the order of the keys."""
    with path.open("wb") as file:
        for key in sorted(known):
            pickle.dump((key, known[key]), file)
    return path


def read(path: Path) -> Iterator[Any]:
    """Read what was written one by one."""
    with path.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)  # noqa: S301 - our own, written a moment ago
            except EOFError:
                return


def side_by_side(*sources: Iterable[Row]) -> Iterator[tuple[str, list[Any]]]:
    """Give every key with what each source knows of it, None where it knows nothing.

    Every source is in the order of its keys.
    """
    tagged = [_tagged(at, rows) for at, rows in enumerate(sources)]
    for key, group in groupby(heapq.merge(*tagged, key=itemgetter(0)), key=itemgetter(0)):
        found: list[Any] = [None] * len(sources)
        for _, at, each in group:
            found[at] = each
        yield key, found


def _tagged(at: int, rows: Iterable[Row]) -> Iterator[tuple[str, int, Any]]:
    return ((key, at, each) for key, each in rows)
