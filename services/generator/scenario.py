"""A seeded scenario: order events, the license book they meet, and what must come of each order.

`random.Random(seed)` is the only source of choice, so equal arguments make equal scenarios. Which
lines name a known product is drawn apart, so that everything else is as it would be without.
"""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from services.generator.goods import (
    CATALOGUE,
    COVERED,
    CUSTOMERS,
    FREE,
    LICENSED,
    OVERLAP,
    UNCOVERED,
    VAGUE,
    Good,
)

SOURCE: Final = "erp"
EXPORTER: Final = "default"
_KINDS: Final = ("free", "licensed", "uncovered", "vague", "overlap")
_WEIGHTS: Final = (47, 32, 8, 10, 3)
"""Per hundred orders: 40 need a license (licensed and uncovered), 21 end up held."""
_LINES: Final = ((1, 60), (2, 25), (3, 10), (4, 5))
"""How many lines, per hundred orders: 1.6 on average."""
_AMENDED, _CANCELLED, _CANCELLED_FIRST, _SHIPPED = 0.05, 0.04, 0.01, 0.10
_KNOWN: Final = 0.85
"""Of the lines that say what the goods are: with the vague ones, 80 % of all are known products."""
_SKUS: Final = {good: sku for sku, good in CATALOGUE.items()}
_UNITS: Final = {1: "kg", 2: "kg", 3: "pc", 4: "seat"}


@dataclass(frozen=True, slots=True)
class GeneratedEvent:
    """One record for `orders`. With `raw` it is malformed on purpose, and sent as it is."""

    type: str
    id: str
    source: str
    time: datetime
    key: str | None
    data: dict[str, Any]
    raw: bytes | None = None

    def as_line(self) -> dict[str, Any]:
        """The event as `orders submit` takes it."""
        return {
            "type": self.type, "id": self.id, "source": self.source,
            "time": self.time.isoformat(), "data": self.data,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come of an order once everything is decided."""

    decision: str
    reasons: frozenset[str] = frozenset()
    cause: str | None = None


@dataclass(slots=True)
class Scenario:
    """Everything to be sent, and everything to be expected."""

    events: list[GeneratedEvent] = field(default_factory=list)
    licenses: list[dict[str, str]] = field(default_factory=list)
    products: list[dict[str, Any]] = field(default_factory=list)
    """Product records, as `products import` takes them; the outcome is the same without."""
    expected: dict[str, Expectation] = field(default_factory=dict)
    ship_when_released: set[str] = field(default_factory=set)
    unattributed: int = 0


def scenario(
    seed: int,
    count: int,
    *,
    start: date = date(2026, 6, 1),
    end: date = date(2026, 6, 30),
    malformed: int = 0,
) -> Scenario:
    """Make `count` well-formed orders dated `start` to `end`, and `malformed` records."""
    choice = random.Random(seed)  # noqa: S311 - a seeded stream, not a secret
    known = random.Random(seed)  # noqa: S311
    made = Scenario(licenses=_licenses(start, end), products=_products(start))
    for number in range(1, count + 1):
        _order(made, choice, known, f"O-{seed}-{number:06d}", _moment(choice, start, end))
    for number in range(1, malformed + 1):
        _malformed(made, choice, f"BAD-{seed}-{number:04d}", _moment(choice, start, end))
    made.events.sort(key=lambda event: (event.time, event.id))
    return made


def _licenses(start: date, end: date) -> list[dict[str, str]]:
    """One ample general license a category, valid well around the orders' days."""
    return [
        {
            "license_id": f"CN-GEN-{start.year}-{category}",
            "type": "general",
            "authority": "MOFCOM",
            "regime": "CN",
            "holder": EXPORTER,
            "consignees": "*",
            "end_users": "*",
            "destinations": ";".join(COVERED),
            "categories": str(category),
            "quantity": "1000000000",
            "unit": _UNITS[category],
            "valid_from": (start - timedelta(days=150)).isoformat(),
            "valid_to": (end + timedelta(days=180)).isoformat(),
        }
        for category in (1, 2, 3, 4)
    ]


def _products(start: date) -> list[dict[str, Any]]:
    """What an officer confirmed of every good that says what it is."""
    return [
        {
            "exporter_id": EXPORTER,
            "sku": sku,
            "codes": {**({"CN": None} if good.kind == "free" else {}), "US": None, "EU": None}
            | dict(good.codes),
            "officer": "catalogue officer",
            "citation": f"data sheet of {sku}",
            "date": (start - timedelta(days=30)).isoformat(),
        }
        for sku, good in CATALOGUE.items()
    ]


def _moment(choice: random.Random, start: date, end: date) -> datetime:
    seconds = choice.randrange((end - start).days * 86_400 + 43_200)
    return datetime.combine(start, time(6), UTC) + timedelta(seconds=seconds)


def _order(
    made: Scenario, choice: random.Random, known: random.Random, order_id: str, at: datetime
) -> None:
    kind = choice.choices(_KINDS, _WEIGHTS)[0]
    data = _data(choice, known, order_id, kind)
    expectation = _expectation(kind)
    fate = choice.random()
    key = f"{SOURCE}/{order_id}"
    amended = choice.random() < _AMENDED
    made.events.append(_event("OrderPlaced", f"{order_id}-1", at, data))
    if fate < _CANCELLED + _CANCELLED_FIRST:
        first = fate < _CANCELLED_FIRST
        moved = timedelta(seconds=-1 if first else 1)
        cancel = {
            "order_source": SOURCE, "order_id": order_id, "revision": 1, "not_shipped": True,
        }  # fmt: skip
        made.events.append(_event("OrderCancelled", f"{order_id}-c", at + moved, cancel))
        expectation = Expectation("CLOSED", cause="cancelled")
    elif amended:
        later = _amendment(choice, data)
        made.events.append(
            _event("OrderAmended", f"{order_id}-2", at + timedelta(seconds=1), later)
        )
    elif fate > 1 - _SHIPPED and expectation.decision == "RELEASED":
        made.ship_when_released.add(key)
        expectation = Expectation("CLOSED", cause="shipped")
    made.expected[key] = expectation


def _event(kind: str, event_id: str, at: datetime, data: dict[str, Any]) -> GeneratedEvent:
    key = f"{data['order_source']}/{data['order_id']}"
    return GeneratedEvent(kind, event_id, SOURCE, at, key, data)


def _expectation(kind: str) -> Expectation:
    reasons = {
        "uncovered": {"DESTINATION_MISMATCH"},
        "vague": {"CLASSIFICATION_UNCERTAIN"},
        "overlap": {"OVERLAP_ROUTED"},
    }.get(kind)
    return Expectation("HELD", frozenset(reasons)) if reasons else Expectation("RELEASED")


def _data(choice: random.Random, known: random.Random, order_id: str, kind: str) -> dict[str, Any]:
    destination = choice.choice(UNCOVERED if kind == "uncovered" else COVERED)
    customer = choice.choice(CUSTOMERS[destination])
    lines = choice.choices([n for n, _ in _LINES], [w for _, w in _LINES])[0]
    deciding = {
        "licensed": LICENSED, "uncovered": LICENSED, "vague": VAGUE, "overlap": OVERLAP,
    }.get(kind, FREE)  # fmt: skip
    goods = [choice.choice(deciding), *choice.sample(FREE, lines - 1)]
    choice.shuffle(goods)
    return {
        "order_source": SOURCE,
        "order_id": order_id,
        "revision": 1,
        "exporter": {"id": EXPORTER, "name": "Default Exporter Co., Ltd.", "country": "CN"},
        "destination": destination,
        "parties": [
            {"role": role, "name": customer, "country": destination}
            for role in ("buyer", "consignee", "end_user")
        ],
        "lines": [
            _line(choice, str(at), good, _sku(known, good))
            for at, good in enumerate(goods, start=1)
        ],
    }


def _sku(known: random.Random, good: Good) -> str | None:
    return _SKUS.get(good) if known.random() < _KNOWN else None


def _line(choice: random.Random, line_id: str, good: Good, sku: str | None) -> dict[str, Any]:
    quantity = choice.choice((1, 2, 5, 10, 25, 50, 100))
    line: dict[str, Any] = {
        "line_id": line_id,
        "description": good.description,
        "quantity": str(quantity),
        "unit": good.unit,
        "value": str(quantity * good.price),
        "currency": choice.choice(("CNY", "USD", "EUR")),
        "origin": "CN",
    }
    if sku is not None:
        line["sku"] = sku
    return line if good.hs_code is None else {**line, "hs_code": good.hs_code}


def _amendment(choice: random.Random, data: dict[str, Any]) -> dict[str, Any]:
    """Another quantity on one line; what the goods are, and so the outcome, stays."""
    lines = [dict(line) for line in data["lines"]]
    changed = choice.choice(lines)
    changed["quantity"] = str(int(changed["quantity"]) + choice.randrange(1, 9))
    return {**data, "revision": 2, "lines": lines}


_BROKEN: Final = (
    b"\xff\xfe not json",
    b'{"order_id": ',
    b"[]",
    b"null",
    json.dumps({"order_id": "x", "lines": []}).encode(),
)


def _malformed(made: Scenario, choice: random.Random, order_id: str, at: datetime) -> None:
    """A record nobody can read; every fifth has no usable key either."""
    keyed = choice.random() >= 0.2
    key = f"{SOURCE}/{order_id}" if keyed else None
    raw = choice.choice(_BROKEN)
    made.events.append(GeneratedEvent("OrderPlaced", f"{order_id}-1", SOURCE, at, key, {}, raw))
    if key is None:
        made.unattributed += 1
    else:
        made.expected[key] = Expectation("HELD", frozenset({"EVENT_UNREADABLE"}))
