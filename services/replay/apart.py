"""Orders that a question leaves alone are decided once, not in both courses.

An order stands alone where both laws say the same of its goods, whatever becomes of it, and nobody
ever looks into the license book for it: then it is decided alike in both courses, and nothing it
does changes what another may draw. Its course depends on its own words alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from schemas.checks import AssessedLine, AssessedRegime, OrderClassified
from schemas.classification import ClassifiedLine
from schemas.envelope import Recorded
from schemas.orders import Order
from schemas.topics import LICENSES, ORDERS
from services.license_check.book import License
from services.license_check.determine import Book
from services.replay import stages
from services.replay.goods import Goods, GoodsReader, Money, add_money
from services.replay.inputs import Word, heard
from services.replay.simulate import Simulation
from services.replay.stages import GateSettings
from services.replay.what_if import Run, Running, Scenario, classifier_of, ladder_of, packs_of


@dataclass(slots=True)
class Apart:
    """What came of the orders of one partition."""

    concerned: set[str] = field(default_factory=set)
    """Keys of those that the question may concern: they are simulated in both courses."""
    goods: dict[str, Goods] = field(default_factory=dict)
    """Theirs, in their last revision."""
    totals: Counter[str] = field(default_factory=Counter)
    """How the others stood at the end."""
    value: Money = field(default_factory=dict)
    unvalued: int = 0
    """What all are worth, and how many of their lines do not say it."""

    def add(self, other: "Apart") -> None:
        """Count in what came of another partition's; who is concerned there is kept elsewhere."""
        self.totals += other.totals
        add_money(self.value, other.value.items())
        self.unvalued += other.unvalued


def set_apart(
    scenarios: tuple[Scenario, Scenario],
    words: Iterable[Word],
    settings: GateSettings,
    end_ms: int,
) -> Apart:
    """Decide the orders of some words, as far as they stand alone; say which do not."""
    base, other = scenarios
    reader = GoodsReader(packs_of(base).lexicon)
    sim = _Alone(base, other, settings)
    course = Running(base, settings, sim)
    found = Apart(sim.concerned)
    for word in words:
        said = heard(word)
        if isinstance(said.event, Order):
            reader.take(said.key, said.event)
        if said.topic == ORDERS.name and base.prices != other.prices:
            sim.concerned.add(said.key)
        if said.key not in sim.concerned:
            course.hear(said)
    runs = course.end(end_ms).runs
    sim.concerned.update(key for key, day in sim.until.items() if _reaches(runs.get(key), day))
    for key, goods in reader.goods.items():
        add_money(found.value, goods.value)
        found.unvalued += goods.unvalued
        if key in sim.concerned:
            found.goods[key] = goods
    last = (run.decisions[-1][0] for key, run in runs.items()
            if key not in sim.concerned and run.decisions)  # fmt: skip
    found.totals.update(last)
    return found


def _reaches(run: Run | None, day: date) -> bool:
    """Whether an order was decided on a day or later, or stands released that long.

    A day is taken for two, since no two zones agree on one.
    """
    if run is None:
        return False
    word, at, _ = run.decisions[-1]
    stands = run.released_at is not None and word not in ("CLOSED", "REJECTED")
    return stands or at.date() >= day - timedelta(days=1)


class _Alone(Simulation):
    """The gate without a ledger, for orders that need none and are the same to both laws."""

    def __init__(self, base: Scenario, other: Scenario, settings: GateSettings) -> None:
        super().__init__(classifier_of(base), settings, ladder=ladder_of(base))
        self.concerned: set[str] = set()
        self.until: dict[str, date] = {}
        """From this day on a release of an order ends, under one of the laws alone."""
        self._classify_otherwise = stages.classification(
            classifier_of(other), lambda: self.products, settings
        )
        self._otherwise: OrderClassified | None = None
        """What the other law says of the order under way, where it may lead elsewhere."""
        self._compared: dict[tuple[int, int], tuple[Any, Any, _Compared]] = {}
        self._asked = _Asked()

    def book(self) -> Book:
        """No book at all, that notes whether anybody looks into it."""
        return Book(self._asked, {})

    def _classify(self, record: Recorded[Any]) -> None:
        outputs = self._classify_with(record)
        self._otherwise = None
        if isinstance(record.event, Order):
            (otherwise,) = self._classify_otherwise(record)
            self._compare(record.key, outputs[0].event, otherwise.event)
        for output in outputs:
            self._append(output, record, stages.CLASSIFICATION)

    def _compare(self, key: str, one: Any, other: Any) -> None:
        """Note where two classifications differ; what comes of it, determination shows."""
        ends = {one.verified_until, other.verified_until}
        days = [day for day in ends if day is not None] if len(ends) > 1 else []
        for line, otherwise in zip(one.lines, other.lines, strict=True):
            found = self._compare_lines(line, otherwise)
            days += found.ends
            if not found.alike:
                self._otherwise = other
        if days:
            self.until[key] = min([*days, self.until.get(key, date.max)])

    def _compare_lines(self, one: ClassifiedLine, other: ClassifiedLine) -> "_Compared":
        """The same for lines. Most came before, and are made of the very same objects."""
        place = (id(one.regimes), id(other.regimes))
        known = self._compared.get(place)
        if known is None or known[0] is not one.regimes or known[1] is not other.regimes:
            known = self._compared[place] = (one.regimes, other.regimes, _compared(one, other))
        return known[2]

    def _determine(self, record: Recorded[Any]) -> None:
        self._asked.anything = False
        outputs = self._determine_with(record)
        if self._otherwise is not None:
            event = self._otherwise
            (otherwise,) = self._determine_with(record._replace(event=event, value=None))
            if not _settled_alike(outputs[0].event, otherwise.event):
                self._asked.anything = True
        if self._asked.anything:
            self._concern(record.key)
            return
        for output in outputs:
            self._append(output, record, stages.DETERMINE)

    def _decide(self, record: Recorded[Any]) -> None:
        outputs = self.gate.take(record)
        if any(output.topic == LICENSES.name for output in outputs):
            self._concern(record.key)
            return
        for output in outputs:
            self._append(output, record, stages.GATE)

    def _concern(self, key: str) -> None:
        """The question may concern an order: what was found of it here does not count."""
        self.concerned.add(key)
        self.orders.drop(key)
        self.gate.noted.pop(key, None)
        self._queue.clear()  # one order is under way at a time


class _Compared(NamedTuple):
    """How far two laws say the same of a line."""

    alike: bool
    ends: tuple[date, ...]
    """Days on which a release under one of them ends, and under the other does not."""


def _compared(one: ClassifiedLine, other: ClassifiedLine) -> _Compared:
    alike = (_regimes(one), one.reasons) == (_regimes(other), other.reasons)
    changes = [
        {line.regimes[name].next_change for line in (one, other) if name in line.regimes}
        for name in (*one.regimes, *other.regimes)
    ]
    ends = (day for days in changes if len(days) > 1 for day in days if day is not None)
    return _Compared(alike, tuple(sorted(map(date.fromisoformat, ends))))


_NAMES: Final = {"pack": "", "digest": "", "next_change": None}
"""What two laws may say differently of what they treat alike."""


def _regimes(line: ClassifiedLine) -> dict[str, dict[str, Any]]:
    return {name: {**verdict.__dict__, **_NAMES} for name, verdict in line.regimes.items()}


def _settled_alike(one: Any, other: Any) -> bool:
    """Whether two determinations leave the gate to do the same, in whatever words."""
    return all(map(_line_alike, one.lines, other.lines))


def _line_alike(one: AssessedLine, other: AssessedLine) -> bool:
    return one.regimes.keys() == other.regimes.keys() and all(
        _deciding(regime) == _deciding(other.regimes[name]) for name, regime in one.regimes.items()
    )


def _deciding(regime: AssessedRegime) -> Any:
    fields = {**regime.__dict__, "verdict": {**regime.verdict.__dict__, **_NAMES}}
    return {**fields, "holds": tuple(cause.code for cause in regime.holds)}


class _Asked(Mapping[tuple[str, str], tuple[License, ...]]):
    """An empty license book that notes whether anybody looked into it."""

    anything = False

    def __getitem__(self, group: tuple[str, str]) -> tuple[License, ...]:
        self.anything = True
        raise KeyError(group)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        self.anything = True
        return iter(())

    def __len__(self) -> int:
        self.anything = True
        return 0
