"""For how long an order stood released in one course of events, and did not in the other."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final

from services.replay.what_if import CANCELLED, Run

NOTHING: Final = timedelta(0)
_STANDS: Final = {"RELEASED": True, "HELD": False, "REJECTED": False}
"""What a decision makes of the goods' leave to go. Goods that went stay gone: CLOSED is neither."""


@dataclass(slots=True)
class Ahead:
    """One course ahead of the other."""

    time: timedelta = NOTHING
    """How long it stood released alone."""
    why: tuple[str, ...] | None = None
    """What the other was held for when that began."""
    never: bool = False
    """Whether the other is not released by the end."""


@dataclass(slots=True)
class _Course:
    stands: bool = False
    why: tuple[str, ...] = field(default=())

    def take(self, word: str, codes: tuple[str, ...]) -> None:
        self.stands = _STANDS.get(word, self.stands and codes != CANCELLED)
        self.why = codes


def ahead(base: Run, other: Run, end: datetime) -> tuple[Ahead, Ahead]:
    """Compare two courses of an order: how far the base was ahead, how far the other."""
    courses, found = (_Course(), _Course()), (Ahead(), Ahead())
    said = sorted(
        [(at, side, word, codes)
         for side, run in enumerate((base, other)) for word, at, codes in run.decisions],
        key=itemgetter(0),
    )  # fmt: skip
    last = end
    for moment, together in groupby(said, key=itemgetter(0)):
        _count(courses, found, moment - last)
        for _, side, word, codes in together:
            courses[side].take(word, codes)
        last = moment
    _count(courses, found, end - last)
    for side, each in enumerate(found):
        each.never = courses[side].stands and not courses[1 - side].stands
        if each.never and each.why is None:  # parted at the last moment there is
            each.why = courses[1 - side].why
    return found


def _count(courses: tuple[_Course, _Course], found: tuple[Ahead, Ahead], time: timedelta) -> None:
    one, two = courses
    if one.stands == two.stands or time <= NOTHING:
        return
    side, slower = (0, two) if one.stands else (1, one)
    found[side].time += time
    found[side].why = slower.why if found[side].why is None else found[side].why
