"""What if: the same stream of words under another law, another license book, other prices.

Both courses are simulated, the one that was and the one that might have been, so that what differs
comes of the question alone. Orders, officers' acts and license events keep their moments; goods are
shipped when they were, where the order is released then.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from schemas.base import changed
from schemas.checks import ReservationGranted, ReservationRefused
from schemas.decisions import BreachRaised, Decided, OrderClosed, OrderReleased
from schemas.envelope import Recorded
from schemas.licenses import LicenseGranted, LicenseTerms
from schemas.orders import Order, OrderShipped
from schemas.reference import ProductClassified
from schemas.topics import LICENSES
from services.classification.orders import Products
from services.classification.pack_file import parse_pack
from services.classification.pack_set import PackSet, choose
from services.classification.policy import Pack
from services.classification.products import Product
from services.hold_release.state import OrderState
from services.license_check.ladder import Ladder
from services.replay.policies import parse_bundle
from services.replay.simulate import Input, Simulation
from services.replay.stages import GateSettings
from services.replay.steady import SteadyClassifier, steady
from services.runtime.packs import Choice, read_packs
from services.runtime.policies import read_ladder

EXHAUSTED: Final = "LICENSE_EXHAUSTED"
TOLD_EVERY: Final = 2_000
CANCELLED: Final = ("cancelled",)
"""What an order is closed for whose goods stay."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One course of things. What is left out is as it was."""

    name: str
    cn: Choice = "reported"
    packs: tuple[str, ...] = ()
    """Names of shipped pack versions that hold on all days, or texts of pack files."""
    law_of: date | None = None
    """A day whose law holds for the whole stream."""
    prices: Decimal = Decimal(1)
    """What values are multiplied by."""
    licenses: tuple[LicenseTerms, ...] | None = None
    """A license book instead of the one on record."""
    policies: bytes | None = None
    """The packs and the strategy that an archive keeps; None: those of this release."""


@dataclass(slots=True)
class Run:
    """What came of one order: its decisions, each with its reasons, and when it was first let go.

    A closed order's reason is how it ended: shipped or cancelled.
    """

    decisions: list[tuple[str, datetime, tuple[str, ...]]] = field(default_factory=list)
    released_at: datetime | None = None
    breached: bool = False
    """Whether something was shipped that was not released."""


@dataclass(slots=True)
class Drawn:
    """What came of one license."""

    runs_out: datetime | None = None
    """When something was first refused for want of what it had left, or nothing was left."""
    left: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Course:
    """What came of everything under one scenario."""

    runs: dict[str, Run] = field(default_factory=dict)
    licenses: dict[str, Drawn] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None
    inputs: int = 0


def packs_of(scenario: Scenario) -> PackSet:
    """The packs of a scenario. Raises PolicyError for a bad text, KeyError for an unknown name."""
    return _packs(scenario.cn, scenario.packs, scenario.policies)


def ladder_of(scenario: Scenario) -> Ladder:
    """The strategy that determination follows in it."""
    kept = parse_bundle(scenario.policies).ladder if scenario.policies is not None else None
    return kept or read_ladder()


@lru_cache(maxsize=4)
def _packs(cn: Choice, texts: tuple[str, ...], policies: bytes | None) -> PackSet:
    """Compiled once, also for the processes that begin as copies of this one."""
    packs, lexicon = read_packs()
    known = {pack.name: pack for pack in packs}
    if policies is not None:
        packs, lexicon, _ = parse_bundle(policies)
        known |= {pack.name: pack for pack in packs}
    keys = choose(cn)
    chosen = list(packs)
    for text in texts:
        own = parse_pack(text, "the pack", lexicon) if "\n" in text else known[text]
        chosen = [each for each in chosen if each.pack != own.pack and not _stands_in(each, own)]
        chosen.append(own)
        keys = {key: own.pack if _is_of(key, own) else name for key, name in keys.items()}
    return PackSet(chosen, lexicon, keys)


def _stands_in(other: Pack, own: Pack) -> bool:
    return other.name == own.name


def _is_of(key: str, pack: Pack) -> bool:
    """Whether a pack answers under a key of verdicts: CN for every Chinese pack."""
    return key == pack.regime or key.partition("-")[0] == pack.regime.partition("-")[0]


def classifier_of(scenario: Scenario) -> SteadyClassifier:
    """The classifier of a scenario; it remembers what it classified, so one serves a process."""
    return _classifier(scenario.cn, scenario.packs, scenario.policies, scenario.law_of)


@lru_cache(maxsize=4)
def _classifier(
    cn: Choice, texts: tuple[str, ...], policies: bytes | None, law_of: date | None
) -> SteadyClassifier:
    found = steady(_packs(cn, texts, policies))
    return replace(found, law_of=law_of) if law_of else found


def course_of(
    scenario: Scenario,
    inputs: Iterable[Input],
    settings: GateSettings,
    told: Callable[[int], None] = lambda _: None,
    end_ms: int = 0,
) -> Course:
    """Simulate one course to the last word, or to the end, and to what falls due by then."""
    run = Running(scenario, settings, Simulation(classifier_of(scenario), settings,
                                                 ladder=ladder_of(scenario)))  # fmt: skip
    for count, said in enumerate(inputs, 1):
        run.hear(said)
        if not count % TOLD_EVERY:
            told(TOLD_EVERY)
    return run.end(end_ms)


class Running:
    """One course under way."""

    def __init__(self, scenario: Scenario, settings: GateSettings, sim: Simulation) -> None:
        """Begin."""
        self._scenario, self._sim = scenario, sim
        self._sim.on_decision, self._sim.on_answer = self._decided, self._answered
        self._products: dict[str, Product] = {}
        self._now = datetime.min.replace(tzinfo=UTC)
        self.course = Course()

    def hear(self, said: Input) -> None:
        """Take one word from outside."""
        course = self.course
        if course.first is None:
            course.first = said.at
            self._enter_licenses(said.at)
        course.last = self._now = max(self._now, said.at)
        course.inputs += 1
        if isinstance(said.event, ProductClassified):
            self._note_product(said)
        elif said.topic != LICENSES.name or self._scenario.licenses is None:
            self._sim.pass_until(said.at)  # what is due by then may end a release or renew it
            self._sim.say(self._priced(self._shipped(said)))

    def _enter_licenses(self, at: datetime) -> None:
        """Another book is there before the first word."""
        for terms in self._scenario.licenses or ():
            event = LicenseGranted.model_validate(terms.model_dump())
            said = f"what-if/{terms.license_id}"
            self._sim.say(Input(LICENSES.name, terms.license_id, event, said, "what-if", at, at))

    def _note_product(self, said: Input) -> None:
        record = said.event
        assert isinstance(record, ProductClassified), "asked by the caller"
        self._products[said.key] = Product(record.sku, record, len(self._products), said.id)
        self._sim.products = Products(dict(self._products), {})

    def _shipped(self, said: Input) -> Input:
        """A shipment names the decision of the course it is in."""
        event = said.event
        if not isinstance(event, OrderShipped):
            return said
        state = self._sim.orders.state(said.key)
        if not isinstance(state, OrderState) or state.release is None:
            return said
        return replace(said, event=changed(event, decision_id=state.release.decision_id))

    def _priced(self, said: Input) -> Input:
        factor, event = self._scenario.prices, said.event
        if factor == 1 or not isinstance(event, Order):
            return said
        return replace(said, event=priced(event, factor))

    def _decided(self, record: Recorded[Any]) -> None:
        event = record.event
        run = self.course.runs.get(record.key)
        if not isinstance(event, Decided):
            if run is not None and isinstance(event, BreachRaised):
                run.breached = True
            return
        if run is None:
            run = self.course.runs[record.key] = Run()
        codes = tuple(dict.fromkeys(reason.code.value for reason in event.reasons))
        if isinstance(event, OrderClosed) and event.cause is not None:
            codes = (event.cause,)
        run.decisions.append((event.decision, record.logged_at, _shared(codes)))
        if run.released_at is None and isinstance(event, OrderReleased):
            run.released_at = record.logged_at

    def _answered(self, record: Recorded[Any]) -> None:
        event = record.event
        if isinstance(event, ReservationRefused) and event.reason == EXHAUSTED:
            self._ran_out(event.license_id, record.logged_at)
        elif isinstance(event, ReservationGranted):
            after = event.balance_after
            if after.quantity == 0 or after.value == 0:
                self._ran_out(event.license_id, record.logged_at)

    def _ran_out(self, license_id: str, at: datetime) -> None:
        drawn = self.course.licenses.setdefault(license_id, Drawn())
        drawn.runs_out = drawn.runs_out or at

    def end(self, end_ms: int) -> Course:
        """Let what falls due by then come to pass, and say how every license ended."""
        if self.course.first is not None:
            moment = max(self._now, datetime.fromtimestamp(end_ms / 1000, UTC))
            self._sim.pass_until(moment)
            self.course.last = moment
        for license_ in self._sim.licenses():
            balance = license_.balance()
            drawn = self.course.licenses.setdefault(license_.license_id, Drawn())
            drawn.left = balance.model_dump(mode="json", exclude_none=True)
        return self.course


@lru_cache(maxsize=4096)
def _shared(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Equal reasons of a million orders, kept once."""
    return codes


def priced(order: Order, factor: Decimal) -> Order:
    """An order whose goods cost more, or less."""
    lines = tuple(
        line if line.value is None else changed(line, value=_cents(line.value * factor))
        for line in order.lines
    )
    return changed(order, lines=lines)


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01")).normalize()
