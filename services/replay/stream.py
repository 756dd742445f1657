"""A topic read alongside another, a batch at a time."""

from array import array
from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Final, TypeVar

from services.runtime.codec import Read

WINDOW: Final = 2_500
"""Records of an earlier topic kept for those they caused."""
BATCH: Final = 500
"""Records one stage takes before the next: alternating by record costs a fifth more."""
T = TypeVar("T")


def batches(each: Iterator[T]) -> Iterator[list[T]]:
    """Take a batch at a time."""
    while batch := list(islice(each, BATCH)):
        yield batch


class Stream:
    """A topic read alongside another: the record at an offset, unless it was too long ago."""

    def __init__(self, records: Iterator[Read]) -> None:
        """Read as far as is asked for."""
        self._batches = batches(records)
        self._window: OrderedDict[int, Read] = OrderedDict()
        self.speaking = array("q")
        """Offsets of the records that a sensor has to answer."""
        self._end = 0

    def at(self, offset: int) -> Read | None:
        """Read on to an offset; None where it was damaged, or too long ago."""
        while offset >= self._end and self._next():
            continue
        return self._window.get(offset)

    def _next(self) -> bool:
        """Read on by a batch; whether there was any."""
        batch = next(self._batches, [])
        for found in batch:
            self._end = found.raw.offset + 1
            self._window[found.raw.offset] = found
            if found.record.key:
                self.speaking.append(found.raw.offset)
            if len(self._window) > WINDOW:
                self._window.popitem(last=False)
        return bool(batch)

    def drain(self) -> None:
        """Read to the end."""
        while self._next():
            continue
