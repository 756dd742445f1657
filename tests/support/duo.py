"""Gate and ledger in one room: what either says to the other is heard in the order it was said."""

from collections import deque
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from schemas.base import Model
from schemas.checks import AssessedRegime, Candidate, DeadlineDue, OrderAssessed
from schemas.decisions import BreachRaised, Decided
from schemas.envelope import Output, Recorded, headers
from schemas.events import BY_MODEL, encode
from schemas.orders import Order, OrderAmended, OrderPlaced, OrderReturned, ShippedLine
from schemas.topics import CHECKS, DECISIONS, LICENSES, ORDERS
from services.hold_release.gate import Gate, deadlines
from services.hold_release.state import ORDER, OrderState
from services.license_check import ledger
from services.license_check.book import LICENSE, License, Reservation
from tests.chaos.logs import Entry, Logs, entry, logs_of
from tests.support.builders import (
    CLEAR,
    SECOND,
    SOURCE,
    T0,
    assessed,
    license_granted,
    line,
    order,
    settled,
    shipped,
)
from tests.support.folds import FoldRun

DUOS: list["Duo"] = []
"""Every duo of the running test, so that the checker looks at each when the test is over."""


class Duo:
    """One gate and one ledger, each on one partition."""

    def __init__(self) -> None:
        self.gate = FoldRun(Gate(), CHECKS.name, "")
        self.ledger = FoldRun(ledger.fold, LICENSES.name, "")
        self.said: list[Output] = []
        DUOS.append(self)

    def office(self, event: Model, license_id: str = "cn-1") -> None:
        """The license office says something."""
        self._pass_on(self._ledger(event, license_id, SECOND))

    def order(self, event: Model, order_id: str = "o1") -> None:
        """Something is said of an order; what follows from it happens at once."""
        self._pass_on(self._gate(event, f"erp/{order_id}", SECOND))

    def _gate(self, event: Model, key: str, after: timedelta) -> tuple[Output, ...]:
        self._together()
        return self.gate.say(event, key=key, after=after)

    def _ledger(self, event: Model, key: str, after: timedelta) -> tuple[Output, ...]:
        self._together()
        return self.ledger.say(event, key=key, after=after)

    def _together(self) -> None:
        """One clock for both."""
        self.gate.now = self.ledger.now = max(self.gate.now, self.ledger.now)

    def _pass_on(self, outputs: tuple[Output, ...]) -> None:
        waiting = deque(outputs)
        while waiting:
            one = waiting.popleft()
            self.said.append(one)
            if one.topic == LICENSES.name:
                waiting.extend(self._ledger(one.event, one.key, timedelta(milliseconds=1)))
            elif one.topic == CHECKS.name:
                waiting.extend(self._gate(one.event, one.key, timedelta(milliseconds=1)))

    def pass_time(self, by: timedelta) -> None:
        """Time passes, and the deadlines of orders that are over by then are told."""
        self._together()
        self.gate.now += by
        for key, aggregate in list(self.gate.aggregates.items()):
            state = aggregate[ORDER]
            assert isinstance(state, OrderState)
            for name, due in deadlines(state):
                if due <= self.gate.now:
                    told = DeadlineDue.model_validate({"entity": key, "deadline": name, "due": due})
                    self._pass_on(self._gate(told, key, timedelta(0)))

    def license(self, license_id: str = "cn-1") -> License:
        """A license as it stands."""
        found = self.ledger.aggregates[license_id][LICENSE]
        assert isinstance(found, License)
        return found

    def balance(self, license_id: str = "cn-1") -> tuple[str, str]:
        """Used and reserved."""
        own = self.license(license_id)
        return f"{own.used_quantity.normalize():f}", f"{own.reserved_quantity.normalize():f}"

    def reservations(self, license_id: str = "cn-1") -> list[Reservation]:
        """What is or was reserved on a license."""
        found = self.ledger.aggregates[license_id].values()
        return [each for each in found if isinstance(each, Reservation)]

    def decisions(self, order_id: str = "o1") -> list[Decided]:
        """Everything decided on an order, in its order."""
        return [
            each.event
            for each in self.said
            if each.topic == DECISIONS.name
            and isinstance(each.event, Decided)
            and each.event.order_id == order_id
        ]

    def last(self, order_id: str = "o1") -> Decided:
        """The decision that stands."""
        return max(self.decisions(order_id), key=lambda each: each.seq)

    def breaches(self) -> list[BreachRaised]:
        """Every breach told."""
        return [each.event for each in self.said if isinstance(each.event, BreachRaised)]

    def logs(self) -> Logs:
        """All that was said, as the checker reads it from the topics."""
        logged = [*self.gate.log, *self.ledger.log]
        found = [_entry(each.topic, each.key, each.id, each.source, each.event, at, each.logged_at)
                 for at, each in _numbered(logged)]  # fmt: skip
        placed = [
            each
            for each in self.gate.log
            if isinstance(each.event, OrderAssessed) and not each.event.check
        ]
        for at, one in enumerate(placed):
            order_ = one.event.order.model_dump()
            event = (OrderAmended if one.event.revision > 1 else OrderPlaced).model_validate(order_)
            found.append(_entry(ORDERS.name, one.key, one.id, SOURCE, event, at, T0))
        asked = [each for each in self.said if each.topic == ORDERS.name]
        for at, again in enumerate(asked, start=len(placed)):
            found.append(_entry(ORDERS.name, again.key, again.id, "/gate", again.event, at, T0))
        decisions = [each for each in self.said if each.topic == DECISIONS.name]
        for at, each in enumerate(decisions):
            found.append(_entry(DECISIONS.name, each.key, each.id, "/gate", each.event, at, T0))
        return logs_of(found)

    def to_ledger(self, kind: type[Model]) -> list[Any]:
        """Everything of a kind that was written to the ledger."""
        return [each.event for each in self.said if isinstance(each.event, kind)]


def _numbered(logged: list[Recorded[Any]]) -> list[tuple[int, Recorded[Any]]]:
    return [(each.offset, each) for each in logged]


def _entry(
    topic: str, key: str, event_id: str, source: str, event: Model, at: int, when: datetime
) -> Entry:
    value = encode(event)
    named = headers(
        event_id=event_id, source=source, event_type=BY_MODEL[type(event)].name,
        time=when.isoformat(), value=value,
    )  # fmt: skip
    return entry(topic, 0, at, key.encode(), value, tuple(named), when)


def needs(
    whole: Order | None = None, *licenses: str, check: int = 0, **changes: Any
) -> OrderAssessed:
    """An assessment: every line needs one of these licenses in China, and draws what it states."""
    whole = whole or order()
    lines = {
        line.line_id: {
            "CN": _drawing(licenses or ("cn-1",), line.quantity, line.unit),
            "US": CLEAR,
            "EU": CLEAR,
        }
        for line in whole.lines
    }
    return assessed(whole, lines, check=check, **changes)


def _drawing(licenses: tuple[str, ...], quantity: Decimal, unit: str) -> AssessedRegime:
    from schemas.classification import Verdict

    found = settled(Verdict.LICENSE_REQUIRED)
    able = tuple(Candidate(license_id=name, quantity=quantity, unit=unit) for name in licenses)
    return found.model_copy(update={"candidates": able})


DAY = timedelta(days=1)


def of(quantity: str, revision: int = 1, order_id: str = "o1", **changes: Any) -> Any:
    return order(order_id, revision, lines=(line(quantity=Decimal(quantity), **changes),))


def released(wants: str = "10", *licenses: str, **license_: Any) -> Duo:
    duo = Duo()
    for name in licenses or ("cn-1",):
        duo.office(license_granted(name, **license_), name)
    duo.order(needs(of(wants), *licenses))
    assert duo.last().decision == "RELEASED"
    return duo


def part(quantity: str, **changes: Any) -> dict[str, Any]:
    lines = (ShippedLine(line_id="L1", quantity=Decimal(quantity), unit="kg"),)
    return {"lines": lines, "final": False, **changes}


def ships(duo: Duo, quantity: str, shipment: str = "s1", **changes: Any) -> None:
    duo.order(shipped(shipment, duo.last().decision_id, **part(quantity, **changes)))


def comes_back(shipment: str, quantity: str, return_id: str = "b1") -> OrderReturned:
    lines = (ShippedLine(line_id="L1", quantity=Decimal(quantity), unit="kg"),)
    return OrderReturned(
        order_source=SOURCE, order_id="o1", shipment_id=shipment, return_id=return_id,
        returned_at=T0 + DAY, lines=lines,
    )  # fmt: skip
