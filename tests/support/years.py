"""Years of orders in process: what a trader, its license office and its officers say, and the log.

Orders, amendments, cancellations, partial shipments, returns, licenses of every year that run out,
are amended, suspended or revoked, officers' findings, votes and rejections, re-checks, records that
come twice. What is said from outside goes through its bytes, as on a real log; what the stages say
is written and handed on, and whoever verifies the log reads the bytes. Equal arguments, equal logs.
"""

import hashlib
import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from schemas.base import Model, built, utc
from schemas.checks import OfficerDecided
from schemas.decisions import Decided, OrderHeld, OrderReleased
from schemas.envelope import Output, Recorded, derived_id
from schemas.orders import (
    Order,
    OrderAmended,
    OrderCancelled,
    OrderPlaced,
    OrderReturned,
    OrderShipped,
    ShippedLine,
    order_key,
)
from schemas.reference import ProductClassified
from schemas.topics import CHECKS, ORDERS, PARTITIONS, PRODUCTS
from services.classification.orders import Products
from services.classification.products import Product, entries_digest
from services.generator.goods import COVERED, CUSTOMERS, FREE, LICENSED, OVERLAP, UNCOVERED, VAGUE
from services.replay.simulate import Input, Simulation
from services.replay.stages import OWN, GateSettings
from services.replay.steady import steady
from services.runtime.codec import Raw, read, written
from services.runtime.murmur import partition_of
from services.runtime.packs import load_packs
from tests.support.license_office import DAY, EXPORTERS, HOUR, LicenseOffice

START: Final = date(2023, 11, 1)
END: Final = date(2026, 11, 1)
SETTINGS: Final = GateSettings(require_screening=False)
_KINDS: Final = ((FREE, 52), (LICENSED, 34), (VAGUE, 9), (OVERLAP, 5))
_LINES: Final = ((1, 60), (2, 25), (3, 10), (4, 5))
_TWICE: Final = 0.002
TOLD_EVERY: Final = 1_000
Send = Callable[[Raw], None]


class _Twice(Simulation):
    """A simulation whose records sometimes come twice, as after a producer's or stage's death."""

    chance: random.Random

    def _append(self, output: Output, cause: Recorded[Any] | None, source: str) -> None:
        super()._append(output, cause, source)
        if self.chance.random() < _TWICE:
            super()._append(output, cause, source)


@dataclass
class Years(LicenseOffice):
    """One world of orders. Several worlds share a log: each has the partitions `at % worlds`."""

    seed: int
    count: int
    take: Send
    world: int = 0
    worlds: int = 1
    start: date = START
    end: date = END
    partitions: int = PARTITIONS
    told: Callable[[int], None] = lambda _: None
    """Told how many more orders were placed."""
    per_license: int = 0
    """Orders a year that a license has room for; 0: chosen so that some run out."""
    orders: dict[str, Order] = field(default_factory=dict)
    held: dict[str, Decided] = field(default_factory=dict)
    _later: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)
    _numbered: int = 0
    _known: dict[str, Product] = field(default_factory=dict)
    _offsets: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.choice = random.Random(f"{self.seed}/{self.world}")
        classifier = steady(load_packs("reported"))
        self.sim = _Twice(classifier, SETTINGS, keep=self._keep, partitions=self.partitions)
        self.sim.chance = random.Random(f"twice/{self.seed}/{self.world}")
        self.sim.on_decision = self._decided

    # The log

    def _keep(
        self, record: Recorded[Any], output: Output, cause: Recorded[Any] | None, source: str
    ) -> Recorded[Any]:
        caused = cause
        if caused is None:
            caused = Recorded(record.event, record.id, source, record.time, record.topic, -1, -1,
                              record.key, record.logged_at)  # fmt: skip
        send = written(output, caused, source)
        headers = send.headers
        if cause is None and source not in OWN:
            headers = tuple(pair for pair in headers if pair[0] != "ce_cause")
        raw = Raw(record.topic, record.partition, record.offset, send.key, send.value, headers,
                  round(record.logged_at.timestamp() * 1000))  # fmt: skip
        self.take(raw)
        if raw.topic == PRODUCTS.name:
            self._note_product(raw)
        if source in OWN:
            # Encoded a moment ago: reading it back would take longer than all that made it.
            logged_at = datetime.fromtimestamp(raw.timestamp_ms / 1000, UTC)
            return record._replace(value=raw.value, since=send.since, time=utc(record.time),
                                   logged_at=logged_at)  # fmt: skip
        return read(raw, self.partitions).record

    def _note_product(self, raw: Raw) -> None:
        """Classification reads every product before the next order."""
        event = read(raw, self.partitions).record.event
        digest = hashlib.sha256(raw.value or b"").hexdigest()
        self._offsets[str(raw.partition)] = raw.offset + 1
        self._known[event.key] = Product(event.sku, event, raw.offset, digest)
        offsets = dict(sorted(self._offsets.items(), key=lambda each: int(each[0])))
        self.sim.products = Products(dict(self._known), offsets)

    def _own_id(self, text: str) -> str:
        """Name an order or license so that it falls into this world's partitions."""
        for at in range(1_000):
            name = f"{text}{at or ''}" if self.worlds > 1 else text
            key = name if text.startswith(("CN", "US")) else order_key("erp", name)
            if partition_of(key.encode(), self.partitions) % self.worlds == self.world:
                return name
        raise AssertionError("no name falls into this world")

    def say(
        self, topic: str, key: str, event: Model, event_id: str, source: str, at: datetime
    ) -> None:
        """Say something at a moment."""
        self.sim.say(Input(topic, key, event, event_id, source, at, at))

    # The course of things

    def run(self) -> None:
        """Say everything, in the order of time."""
        self._schedule_licenses()
        self._schedule_products()
        for placed, moment in enumerate(self._arrivals(), 1):
            self._catch_up(moment)
            self._place(moment)
            if not placed % TOLD_EVERY:
                self.told(TOLD_EVERY)
        self._catch_up(datetime.combine(self.end, time(), UTC) + 40 * DAY)

    def _arrivals(self) -> Iterator[datetime]:
        first = datetime.combine(self.start, time(6), UTC)
        span = int((datetime.combine(self.end, time(), UTC) - first).total_seconds() * 1000)
        for at in sorted(self.choice.randrange(span) for _ in range(self.count)):
            yield first + timedelta(milliseconds=at)

    def _plan(self, at: datetime, do: Callable[[datetime], None]) -> None:
        self._numbered += 1
        heapq.heappush(self._later, (at, self._numbered, do))

    def _catch_up(self, moment: datetime) -> None:
        while self._later and self._later[0][0] <= moment:
            at, _, do = heapq.heappop(self._later)
            do(at)

    def _soon(self, at: datetime, low: timedelta, high: timedelta) -> datetime:
        span = int((high - low).total_seconds() * 1000)
        return at + low + timedelta(milliseconds=self.choice.randrange(span))

    # Orders

    def _place(self, at: datetime) -> None:
        self._numbered += 1
        order = self._order(self._own_id(f"A{self.world}-{self._numbered}-"))
        self._say_order(OrderPlaced, order, at)
        fate = self.choice.random()
        if fate < 0.05:
            self._plan(self._soon(at, HOUR / 60, 2 * DAY), lambda t: self._amend(order.key, t))
        elif fate < 0.09:
            self._plan(self._soon(at, HOUR / 60, 3 * DAY), lambda t: self._cancel(order.key, t))

    def _say_order(self, kind: type[Order], order: Order, at: datetime) -> None:
        event = built(kind, **order.__dict__)
        self.orders[order.key] = order
        event_id = f"{order.order_id}r{order.revision}"
        self.say(ORDERS.name, order.key, event, event_id, "erp", at)

    def _order(self, order_id: str) -> Order:
        choice = self.choice
        deciding = choice.choices([k for k, _ in _KINDS], [w for _, w in _KINDS])[0]
        covered = deciding is not LICENSED or choice.random() < 0.85
        destination = choice.choice(COVERED if covered else UNCOVERED)
        customer = choice.choice(CUSTOMERS[destination])
        count = choice.choices([n for n, _ in _LINES], [w for _, w in _LINES])[0]
        goods = [choice.choice(deciding), *choice.sample(FREE, count - 1)]
        exporter = choice.choice(EXPORTERS)
        return Order.model_validate(
            {
                "order_source": "erp", "order_id": order_id, "revision": 1,
                "exporter": {"id": exporter, "country": "CN"}, "destination": destination,
                "parties": [{"role": role, "name": customer, "country": destination}
                            for role in ("consignee", "end_user")],
                "shipping": choice.choice(("complete", "partial")),
                "lines": [self._line(str(at), good) for at, good in enumerate(goods, 1)],
            }
        )  # fmt: skip

    def _line(self, line_id: str, good: Any) -> dict[str, Any]:
        quantity = self.choice.choice((2, 4, 10, 24, 50, 100))
        line = {"line_id": line_id, "description": good.description, "quantity": str(quantity),
                "unit": good.unit, "value": str(quantity * good.price), "currency": "CNY",
                "origin": "CN"}  # fmt: skip
        if good in VAGUE:
            line["sku"] = f"V{VAGUE.index(good)}-{good.unit}"
        return line if good.hs_code is None else {**line, "hs_code": good.hs_code}

    def _amend(self, key: str, at: datetime) -> None:
        order = self.orders.get(key)
        if order is None:
            return
        changed = order.lines[0].model_copy(
            update={"quantity": order.lines[0].quantity + self.choice.randrange(-1, 9)}
        )
        lines = (changed, *order.lines[1:])
        self._say_order(
            OrderAmended,
            order.model_copy(update={"revision": order.revision + 1, "lines": lines}), at,
        )  # fmt: skip

    def _cancel(self, key: str, at: datetime) -> None:
        order = self.orders.get(key)
        if order is None:
            return
        event = OrderCancelled(order_source="erp", order_id=order.order_id,
                               revision=order.revision,
                               not_shipped=self.choice.random() < 0.7)  # fmt: skip
        self.say(ORDERS.name, key, event, f"{order.order_id}c", "erp", at)

    # What decisions lead to

    def _decided(self, record: Recorded[Any]) -> None:
        event = record.event
        if not isinstance(event, Decided):
            return
        key = record.key
        self.held.pop(key, None)
        if isinstance(event, OrderReleased):
            if self.choice.random() < 0.93:
                when = self._soon(record.logged_at, HOUR, 4 * DAY)
                self._plan(when, lambda t: self._ship(event, t))
        elif isinstance(event, OrderHeld):
            held = event.model_copy()  # said twice, it is looked at once: after the second time
            self.held[key] = held
            self._plan(self._soon(record.logged_at, HOUR, 2 * DAY), lambda t: self._act(held, t))
        else:
            self.orders.pop(key, None)

    def _ship(self, released: OrderReleased, at: datetime) -> None:
        order = self.orders.get(released.key)
        breach = self.choice.random() < 0.002
        if order is None or not (breach or self._stands(released)):
            return
        halves = order.shipping == "partial" and self.choice.random() < 0.5
        parts = [Decimal("0.5"), Decimal("0.5")] if halves else [Decimal(1)]
        for number, part in enumerate(parts, 1):
            shipment = OrderShipped(
                order_source="erp", order_id=order.order_id, revision=order.revision,
                shipment_id=f"{order.order_id}s{number}", decision_id=released.decision_id,
                shipped_at=at, final=number == len(parts),
                lines=tuple(ShippedLine(line_id=line.line_id, quantity=line.quantity * part,
                                        unit=line.unit) for line in order.lines),
            )  # fmt: skip
            self.say(ORDERS.name, order.key, shipment, shipment.shipment_id, "wms", at)
        if self.choice.random() < 0.03:
            self._plan(self._soon(at, 5 * DAY, 20 * DAY), lambda t: self._return(order, t))

    def _stands(self, released: OrderReleased) -> bool:
        state: Any = self.sim.orders.state(released.key)
        return state is not None and state.decision_id == released.decision_id

    def _return(self, order: Order, at: datetime) -> None:
        line = order.lines[0]
        back = ShippedLine(line_id=line.line_id, quantity=Decimal(1), unit=line.unit)
        event = OrderReturned(order_source="erp", order_id=order.order_id,
                              shipment_id=f"{order.order_id}s1", return_id=f"{order.order_id}x",
                              returned_at=at, lines=(back,))  # fmt: skip
        self.say(ORDERS.name, order.key, event, event.return_id, "wms", at)

    def _act(self, held: OrderHeld, at: datetime) -> None:
        """An officer looks at a hold, a day or two later."""
        if self.held.get(held.key) is not held:
            return
        codes = {reason.code.value for reason in held.reasons}
        fate = self.choice.random()
        if fate < 0.05:
            self._officer(held, "reject", "li", at)
        elif "CLASSIFICATION_UNCERTAIN" in codes and fate < 0.6:
            line = next(
                str(r.line_id) for r in held.reasons if r.code == "CLASSIFICATION_UNCERTAIN"
            )
            self._officer(held, "classify", "li", at, line_id=line, code="none",
                          citation="data sheet of the maker")  # fmt: skip
        elif "OVERLAP_ROUTED" in codes and fate < 0.5:
            for officer in ("li", "weber"):
                self._officer(held, "release", officer, at, citation="license US-7, copy on file")
        elif fate > 0.97:
            self._cancel(held.key, at)

    def _officer(
        self, held: OrderHeld, action: str, officer: str, at: datetime, **more: str
    ) -> None:
        event = OfficerDecided.model_validate(
            {"order_source": "erp", "order_id": held.order_id, "revision": held.revision,
             "action": action, "seq": held.seq, "note": "seen", "officer": officer,
             "decided_at": at, **more}
        )  # fmt: skip
        event_id = derived_id("officer", officer, held.decision_id, action)
        self.say(CHECKS.name, held.key, event, event_id, "/exportgate/cli", at)

    # Products

    def _schedule_products(self) -> None:
        """Officers confirm what some of the vague goods are, one exporter after the other."""
        for exporter in EXPORTERS:
            for at, good in enumerate(VAGUE):
                moment = datetime.combine(self.start, time(3), UTC)
                when = self._soon(moment, 100 * DAY, 900 * DAY)
                sku = f"V{at}-{good.unit}"
                self._plan(when, lambda t, e=exporter, s=sku: self._confirm(e, s, t))  # type: ignore[misc]

    def _confirm(self, exporter: str, sku: str, at: datetime) -> None:
        packs = load_packs("reported")
        current = {key: packs.on(key, at.date()) for key in packs.keys}
        event = ProductClassified(
            exporter_id=exporter, sku=sku, codes=dict.fromkeys(current, "NONE"), officer="li",
            citation="data sheet of the maker", date=at.date(),
            packs={key: compiled.digest for key, compiled in current.items()},
            entries={key: entries_digest(compiled, None) for key, compiled in current.items()},
        )  # fmt: skip
        key = event.key
        if partition_of(key.encode(), self.partitions) % self.worlds != self.world:
            return
        self.say(PRODUCTS.name, key, event, f"product {key} {at}", "/exportgate/cli", at)
