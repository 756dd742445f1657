"""The shape of a fold: one aggregate, one record, what changes, what is said. Pure and total."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Context, getcontext, setcontext
from functools import partial, update_wrapper
from types import MappingProxyType
from typing import Final, NamedTuple, ParamSpec, Protocol, overload

from schemas.base import Model
from schemas.envelope import Output, Recorded

GENESIS: Final = "0" * 64
"""`prev` of the first decision of a chain."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Partition(NamedTuple):
    """What a fold knows of its whole partition."""

    number: int
    log_time: datetime = EPOCH
    """Running maximum of the record timestamps: what "now" means to a fold."""
    chain_index: int = 0
    chain_prev: str = GENESIS

    def at(self, logged_at: datetime) -> "Partition":
        """Move log time on to a record; it never goes back."""
        if logged_at <= self.log_time:
            return self
        return Partition(self.number, logged_at, self.chain_index, self.chain_prev)


FORGET_EVERY: Final = 4_096
"""At every so many offsets of a partition, what is long over is forgotten: by log time, so that
whoever folds the log forgets at the same records."""


class Forget(Protocol):
    """Tells when an entity is long over, and need not be remembered any more."""

    def __call__(self, entity: Model) -> datetime | None:
        """Give the log time from which it may be forgotten; None: not while it is as it is."""


def long_over(aggregate: Mapping[str, Model], log_time: datetime, forget: Forget) -> list[str]:
    """Name the entities of an aggregate that may be forgotten."""
    due = ((name, forget(entity)) for name, entity in aggregate.items())
    return [name for name, at in due if at is not None and at <= log_time]


_NOTHING: Final[Mapping[str, Model | None]] = MappingProxyType({})


Saying = Callable[[], Output]
"""An event to write, not yet put into words: everything it is made of is frozen."""


P = ParamSpec("P")


def later(say: Callable[P, Output]) -> Callable[P, Saying]:
    """Keep what an event is made of, and put it into words only for somebody who looks."""

    return update_wrapper(partial(partial, say), say)


class Said(Sequence[Output]):
    """Events to write, put into words when somebody looks: of what is folded again, nobody does."""

    __slots__ = ("_made", "_sayings")

    def __init__(self, sayings: Sequence[Saying]) -> None:
        """Keep what will be said."""
        self._sayings = sayings
        self._made: tuple[Output, ...] | None = None

    def __len__(self) -> int:
        """Count without a word."""
        return len(self._sayings)

    @overload
    def __getitem__(self, at: int) -> Output: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Output]: ...
    def __getitem__(self, at: int | slice) -> Output | Sequence[Output]:
        """Say it, once."""
        if self._made is None:
            self._made = tuple([say() for say in self._sayings])
        return self._made[at]


class Step(NamedTuple):
    """What one record does: entities that change (None: forgotten), events to write."""

    partition: Partition
    changes: Mapping[str, Model | None] = _NOTHING
    outputs: Sequence[Output] = ()


DIGITS: Final = 60
"""Enough for any sum of amounts an event can carry, and for their product with a percentage."""


def count_exactly() -> None:
    """Have decimals summed without rounding: amounts of thirty digits need more than usual."""
    if getcontext().prec < DIGITS:
        setcontext(Context(prec=DIGITS))


class Fold(Protocol):
    """Folds one topic. An aggregate is every entity under one record key, by its name."""

    def __call__(
        self, aggregate: Mapping[str, Model], record: Recorded[Model], partition: Partition
    ) -> Step:
        """Apply one record. `partition` already stands at the record's log time."""
