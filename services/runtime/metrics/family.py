"""A metric with its unit and bounded labels: what no list names, or is one too many, is `other`.

Nothing a user writes (a SKU, a party, a currency) can make a series of its own.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, Generic, TypeVar

import prometheus_client as prometheus
from prometheus_client.metrics import MetricWrapperBase

REGISTRY: Final = prometheus.CollectorRegistry()
OTHER: Final = "other"
NONE: Final = "none"
SERIES_MAX: Final = 1_000
"""Label sets one metric may have in a process, whatever its labels would allow."""
W = TypeVar("W", bound=MetricWrapperBase)
FAMILIES: Final[list["Family[Any]"]] = []
"""Every metric, in the order of declaration."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label: the values it may take, or how many of them."""

    name: str
    meaning: str
    known: frozenset[str] | None = None
    """All values there are; None: the first `at_most` that come."""
    at_most: int = 64

    @property
    def bound(self) -> int:
        """How many values there can be, `other` included."""
        return 1 + (self.at_most if self.known is None else len(self.known))


def label(name: str, meaning: str, known: Iterable[str] | None = None, at_most: int = 64) -> Label:
    """Declare a label."""
    return Label(name, meaning, None if known is None else frozenset(known), at_most)


class Family(Generic[W]):
    """One metric: `labels` gives the series to count in, cached and bounded."""

    kind: str

    def __init__(
        self, made: W, *, name: str, meaning: str, unit: str, labels: tuple[Label, ...]
    ) -> None:
        """Wrap a metric of the client library and enter it in the list."""
        self.name = name
        self.meaning = meaning
        self.unit = unit
        self.label_list = labels
        self._made = made
        self._children: dict[tuple[str, ...], W] = {}
        self._seen: list[set[str]] = [set() for _ in labels]
        self._lock = Lock()
        FAMILIES.append(self)

    def labels(self, *values: str) -> W:
        """Give the series of these label values."""
        child = self._children.get(values)
        return self._child(values) if child is None else child

    def _child(self, values: tuple[str, ...]) -> W:
        with self._lock:
            bounded = tuple(map(self._bounded, range(len(values)), values))
            known = self._children.get(bounded)
            if known is None and len(self._children) >= SERIES_MAX:
                bounded = (OTHER,) * len(values)
                known = self._children.get(bounded)
            child: W = known or (self._made.labels(*bounded) if bounded else self._made)
            self._children[bounded] = child
            return child

    def _bounded(self, at: int, value: str) -> str:
        declared, seen = self.label_list[at], self._seen[at]
        value = value or NONE
        if declared.known is not None:
            return value if value in declared.known else OTHER
        if value not in seen and len(seen) >= declared.at_most:
            return OTHER
        seen.add(value)
        return value

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which Prometheus stores it."""
        return (self.name,)


class CounterFamily(Family[prometheus.Counter]):
    """Only rises; `rate()` and `increase()` it."""

    kind = "counter"

    def inc(self, amount: float = 1) -> None:
        """Count, where there are no labels."""
        self.labels().inc(amount)


class GaugeFamily(Family[prometheus.Gauge]):
    """Stands where it stands."""

    kind = "gauge"

    def set(self, value: float) -> None:
        """Set, where there are no labels."""
        self.labels().set(value)

    def replace(self, rows: Mapping[tuple[str, ...], float], under: str | None = None) -> None:
        """Set every series at once: what bounded labels make equal is summed, the rest goes.

        With `under`, only the series whose first label has this value.
        """
        with self._lock:
            for seen in self._seen if under is None else ():
                seen.clear()
            sums: dict[tuple[str, ...], float] = {}
            for values, amount in rows.items():
                bounded = tuple(map(self._bounded, range(len(values)), values))
                if bounded not in sums and len(sums) >= SERIES_MAX:
                    bounded = (OTHER,) * len(values)
                sums[bounded] = sums.get(bounded, 0) + amount
            for gone in [each for each in self._children if each not in sums]:
                if under in (None, gone[0]):
                    self._children.pop(gone)
                    self._made.remove(*gone)
            for values, amount in sums.items():
                child = self._children.get(values)
                if child is None:
                    child = self._children[values] = self._made.labels(*values)
                child.set(amount)


class HistogramFamily(Family[prometheus.Histogram]):
    """Distribution of durations."""

    kind = "histogram"
    bounds: tuple[float, ...] = ()
    """Upper bounds of the buckets; what is above the last is in one more."""

    def observe(self, amount: float) -> None:
        """Observe, where there are no labels."""
        self.labels().observe(amount)

    def observe_all(self, amounts: Sequence[float], *labels: str) -> None:
        """Observe a batch under one set of labels.

        Into the library's own buckets, which it fills one value at a time, 3 µs each.
        """
        series = self.labels(*labels)
        series._sum.inc(sum(amounts))  # noqa: SLF001 - see above
        found = Counter(bisect_left(self.bounds, amount) for amount in amounts)
        for at, count in found.items():
            series._buckets[at].inc(count)  # noqa: SLF001

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which Prometheus stores it."""
        return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))


def counter(name: str, meaning: str, *labels: Label, unit: str = "") -> CounterFamily:
    """Declare a counter."""
    names = tuple(each.name for each in labels)
    made = prometheus.Counter(name, meaning, names, registry=REGISTRY)
    return CounterFamily(made, name=name, meaning=meaning, unit=unit, labels=labels)


def gauge(name: str, meaning: str, *labels: Label, unit: str = "") -> GaugeFamily:
    """Declare a gauge."""
    names = tuple(each.name for each in labels)
    made = prometheus.Gauge(name, meaning, names, registry=REGISTRY)
    return GaugeFamily(made, name=name, meaning=meaning, unit=unit, labels=labels)


def histogram(
    name: str, meaning: str, *labels: Label, buckets: tuple[float, ...]
) -> HistogramFamily:
    """Declare a histogram of seconds."""
    names = tuple(each.name for each in labels)
    made = prometheus.Histogram(name, meaning, names, buckets=buckets, registry=REGISTRY)
    family = HistogramFamily(made, name=name, meaning=meaning, unit="seconds", labels=labels)
    family.bounds = buckets
    return family
