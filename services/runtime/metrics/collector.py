"""Takes gauges from the folds' memories in a thread of its own, a little at a time.

It only reads, and holds no lock: copying a dict is one step of the interpreter, and entities are
frozen. Between slices it sleeps, so that a batch never waits long for it.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, Protocol, get_args

import structlog

from schemas.base import Model
from schemas.decisions import BreachRaised
from schemas.topics import CHECKS_STATE, LICENSES_STATE, Topic
from services.runtime.metrics import registry

log = structlog.get_logger()
EVERY_S: Final = 5.0
IDLE_FACTOR: Final = 9
"""A walk over many orders takes at most a tenth of the time."""
SLICE: Final = 100
PAUSE_S: Final = 0.002
LOOKS: Final = 3
_PASSING: Final = (ValueError, KeyError, RuntimeError, ArithmeticError)
ROOT: Final = ""
BREACH_KINDS: Final = get_args(BreachRaised.model_fields["kind"].annotation)


class Remembering(Protocol):
    """What the collector reads of a partition's memory."""

    aggregates: dict[str, dict[str, Model]]
    redelivered: int
    without_effect: int

    @property
    def catching_up(self) -> bool:
        """Whether it is being folded again."""


class View:
    """What a fold remembers, for reading alone."""

    def __init__(self, memories: Sequence[Remembering]) -> None:
        """Look at these partitions."""
        self._memories = memories

    def aggregates(self) -> Iterator[Mapping[str, Model]]:
        """Walk every aggregate, with a rest after each slice."""
        for memory in self._memories:
            each = iter(list(memory.aggregates.values()))
            while part := list(islice(each, SLICE)):
                yield from part
                time.sleep(PAUSE_S)

    def roots(self) -> Iterator[Model]:
        """Walk the nameless entity of each aggregate: the order, the license."""
        for aggregate in self.aggregates():
            root = aggregate.get(ROOT)
            if root is not None:
                yield root

    def root(self, key: str) -> Model | None:
        """Give one of them by its key."""
        for memory in self._memories:
            aggregate = memory.aggregates.get(key)
            if aggregate is not None:
                return aggregate.get(ROOT)
        return None


Measure = Callable[[View], None]


class Sampled(Protocol):
    """A stage, as the collector sees it."""

    name: str
    topic: Topic
    stopped: set[int]

    @property
    def measure(self) -> Measure | None:
        """What to take from its memory, if it has one."""

    @property
    def remembering(self) -> Sequence[Remembering]:
        """The memories of its partitions."""


def settled_look(broken: Callable[[], bool]) -> bool:
    """Whether it is so at every look: a record that is being applied looks broken for a moment."""
    for look in range(LOOKS):
        if not broken():
            return False
        if look + 1 < LOOKS:
            time.sleep(PAUSE_S)
    return True


def sample(stage: Sampled) -> None:
    """Take the gauges of one stage."""
    memories = stage.remembering
    registry.PARTITIONS_STOPPED.labels(stage.name).set(len(stage.stopped))
    if stage.measure is None:
        return
    registry.REFOLDING.labels(stage.name).set(sum(each.catching_up for each in memories))
    for memory in memories:
        again, memory.redelivered = memory.redelivered, 0
        nothing, memory.without_effect = memory.without_effect, 0
        registry.DUPLICATES.labels(stage.name, "delivered_again").inc(again)
        registry.DUPLICATES.labels(stage.name, "no_effect").inc(nothing)
    stage.measure(View(memories))
    registry.SAMPLED.labels(stage.name).set_to_current_time()


def expect(stage: Sampled) -> None:
    """Show what must stay 0 as 0: a counter that first appears at 1 has not risen for an alert."""
    registry.DEAD_LETTERS.labels(stage.name, stage.topic.name)
    for family in (registry.CONFLICTS, registry.UNAVAILABLE):
        family.labels(stage.name)
    for source in ("snapshot", "log"):
        registry.REFOLDS.labels(stage.name, source)
    for topic in (LICENSES_STATE, CHECKS_STATE):
        for result in ("written", "failed"):
            registry.SNAPSHOTS.labels(topic.name, result)
    for invariant in ("I2", "I3", "I4"):
        registry.VIOLATIONS.labels(invariant)
    for kind in BREACH_KINDS:
        registry.BREACHES.labels(kind)
    for alert in ("utilisation", "expiry"):
        registry.LICENSE_ALERTS.labels(alert, "80" if alert == "utilisation" else "30")


def collect(stages: Sequence[Sampled]) -> None:
    """Start the thread. What goes wrong in it is logged and concerns no order."""
    for stage in stages:
        expect(stage)
    threading.Thread(target=_run, args=(stages,), name="collector", daemon=True).start()


def _run(stages: Sequence[Sampled]) -> None:
    while True:
        began = time.monotonic()
        for stage in stages:
            try:
                sample(stage)
            except _PASSING as error:
                log.warning("gauges not taken", stage=stage.name, error=str(error))
        spent = time.monotonic() - began
        time.sleep(max(EVERY_S, IDLE_FACTOR * spent))
