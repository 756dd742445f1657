"""Orders, two licenses, gate and ledger through anything: an independent checker finds no fault."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from schemas.base import Model
from schemas.fold import Partition
from schemas.licenses import (
    BalanceAdjusted,
    LicenseAmended,
    LicenseReinstated,
    LicenseSuspended,
)
from schemas.orders import Order, OrderReturned, OrderShipped, ShippedLine
from services.license_check import ledger
from services.license_check.book import License
from tests.chaos.checker import check
from tests.support.builders import (
    SOURCE,
    cancelled,
    decided,
    license_granted,
    line,
    order,
    terms,
)
from tests.support.duo import Duo, needs

ZERO = Decimal(0)
LICENSES = ("cn-1", "cn-2")
names = st.sampled_from(["o1", "o2", "o3"])
licenses = st.sampled_from(LICENSES)
amounts = st.sampled_from(["1", "4", "7.5", "12", "30"])


class LifeMachine(RuleBasedStateMachine):
    """Whatever people do to orders and licenses, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.duo = Duo()
        self.orders: dict[str, Order] = {}
        self.checks: dict[str, int] = {}
        self.amendments = dict.fromkeys(LICENSES, 0)
        self.limits: dict[str, dict[str, Any]] = {}
        self.counted = 0

    @initialize(
        room=st.tuples(amounts, amounts),
        shipments=st.sampled_from([None, None, 2]),
        credit=st.sampled_from(["automatic", "officer"]),
        over=st.sampled_from([None, Decimal(10)]),
    )
    def enter(
        self, room: tuple[str, str], shipments: int | None, credit: str, over: Decimal | None
    ) -> None:
        for name, quantity in zip(LICENSES, room, strict=True):
            self.limits[name] = {
                "quantity": Decimal(quantity), "max_shipments": shipments,
                "return_credit": credit, "over_percent": over, "under_percent": over,
                "value": Decimal(4000), "currency": "USD",
            }  # fmt: skip
            self.duo.office(license_granted(name, **self.limits[name]), name)

    def number(self) -> int:
        self.counted += 1
        return self.counted

    @rule(name=names, quantity=amounts, lines=st.integers(1, 2), priced=st.booleans())
    def place_or_amend(self, name: str, quantity: str, lines: int, priced: bool) -> None:
        known = self.orders.get(name)
        value = Decimal(quantity) * 100 if priced else None
        whole = order(
            name,
            known.revision + 1 if known else 1,
            shipping="partial",
            lines=tuple(
                line(f"L{at}", quantity=Decimal(quantity), value=value)
                for at in range(1, lines + 1)
            ),
        )
        self.orders[name], self.checks[name] = whole, 0
        self.duo.order(needs(whole, *LICENSES), name)

    @rule(name=names)
    def determine_again(self, name: str) -> None:
        assume(name in self.orders)
        self.checks[name] += 1
        self.duo.order(needs(self.orders[name], *LICENSES, check=self.checks[name]), name)

    @rule(name=names, not_shipped=st.booleans())
    def cancel(self, name: str, not_shipped: bool) -> None:
        assume(name in self.orders)
        event = cancelled(self.orders[name].revision, order_id=name, not_shipped=not_shipped)
        self.duo.order(event, name)

    @rule(name=names, quantity=amounts, final=st.booleans(), again=st.booleans())
    def ship(self, name: str, quantity: str, final: bool, again: bool) -> None:
        """What was released leaves: as ordered, or otherwise."""
        assume(self.duo.decisions(name))
        last = self.duo.last(name)
        shipment = f"s{self.counted if again else self.number()}"
        self.duo.order(
            OrderShipped(
                order_source=SOURCE, order_id=name, revision=max(last.revision, 1),
                shipment_id=shipment, decision_id=last.decision_id, shipped_at=self.duo.gate.now,
                final=final,
                lines=(ShippedLine(line_id="L1", quantity=Decimal(quantity), unit="kg"),),
            ),
            name,
        )  # fmt: skip

    @rule(name=names, quantity=amounts, shipment=st.integers(1, 4))
    def come_back(self, name: str, quantity: str, shipment: int) -> None:
        assume(name in self.orders)
        self.duo.order(
            OrderReturned(
                order_source=SOURCE, order_id=name, shipment_id=f"s{shipment}",
                return_id=f"b{self.number()}", returned_at=self.duo.gate.now,
                lines=(ShippedLine(line_id="L1", quantity=Decimal(quantity), unit="kg"),),
            ),
            name,
        )  # fmt: skip

    @rule(name=licenses, quantity=amounts, ends=st.sampled_from([12, 12, 6]))
    def amend_license(self, name: str, quantity: str, ends: int) -> None:
        self.amendments[name] += 1
        self.limits[name]["quantity"] = Decimal(quantity)
        own = terms(name, **self.limits[name], valid_to=date(2026, ends, 28))
        self.duo.office(LicenseAmended(**own.model_dump(), amendment=self.amendments[name]), name)

    @rule(name=licenses, kind=st.sampled_from([LicenseSuspended, LicenseReinstated]))
    def change_license(self, name: str, kind: Any) -> None:
        self.amendments[name] += 1
        event = kind(
            license_id=name, amendment=self.amendments[name], effective_at=self.duo.ledger.now,
            reason="-",
        )  # fmt: skip
        self.duo.office(event, name)

    @rule(name=licenses, quantity=st.sampled_from(["-2", "3"]))
    def correct(self, name: str, quantity: str) -> None:
        event = BalanceAdjusted(
            adjustment_id=f"a{self.number()}", license_id=name, quantity=Decimal(quantity),
            unit="kg", document="d", officer="ann", note="-",
        )  # fmt: skip
        self.duo.office(event, name)

    @rule(name=names, license_id=licenses)
    def unassign(self, name: str, license_id: str) -> None:
        assume(self.duo.decisions(name))
        last = self.duo.last(name)
        act = decided(
            last.seq, "unassign", order_id=name, revision=last.revision, fact="license",
            value=license_id,
        )  # fmt: skip
        self.duo.order(act, name)

    @rule(hours=st.sampled_from([0, 1, 25]), seconds=st.integers(1, 40))
    def time_passes(self, hours: int, seconds: int) -> None:
        self.duo.pass_time(timedelta(hours=hours, seconds=seconds))

    @invariant()
    def the_books_balance(self) -> None:
        for name in LICENSES if self.limits else ():
            own = self.duo.license(name)
            assert own.terms is not None
            entries = self.duo.reservations(name)
            assert own.reserved_quantity == sum((e.open_quantity for e in entries), ZERO)
            assert own.reserved_value == sum((e.open_value for e in entries), ZERO)
            balance, over = own.balance(), own.overdraft()
            assert balance.quantity is not None
            overdrawn = over.quantity if over and over.quantity else ZERO
            told = own.used_quantity + own.reserved_quantity + balance.quantity - overdrawn
            assert told == own.terms.quantity

    def teardown(self) -> None:
        """The whole log, judged by other arithmetic; and folded again, it says the same."""
        if not self.limits:
            return
        found = check(self.duo.logs()).violations
        assert [each for each in found if each.invariant in ("I3", "I4")] == []
        assert refolded(self.duo) == {name: self.duo.license(name) for name in LICENSES}


def refolded(duo: Duo) -> dict[str, License]:
    """Fold the ledger's log from its start, without remembering anything in between."""
    aggregates: dict[str, dict[str, Model]] = {name: {} for name in LICENSES}
    partition, said = Partition(0), []
    for record in duo.ledger.log:
        step = ledger.fold(aggregates[record.key], record, partition.at(record.logged_at))
        partition = step.partition
        aggregates[record.key].update({n: e for n, e in step.changes.items() if e is not None})
        said += [(each.id, each.event.model_dump_json()) for each in step.outputs]
    assert said == [(each.id, each.event.model_dump_json()) for each in duo.ledger.outputs]
    return {name: found[""] for name, found in aggregates.items()}  # type: ignore[misc]


LifeMachine.TestCase.settings = settings(
    max_examples=20, stateful_step_count=15, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
TestLifeMachine = LifeMachine.TestCase
