"""Laws of the ledger, under any sequence of events: conservation, duplicates, order, shape."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from schemas.base import Model
from schemas.checks import (
    ReservationGranted,
    ReservationPosted,
    ReservationRequested,
    ReservationSettled,
    ReservationVoided,
    ReservationWithdrawn,
    Unreadable,
)
from schemas.licenses import (
    BalanceAdjusted,
    LicenseAmended,
    LicenseChange,
    LicenseReinstated,
    LicenseResolved,
    LicenseRevoked,
    LicenseSuspended,
)
from services.license_check.book import Reservation
from services.license_check.register import deadlines
from tests.support.builders import (
    adjust,
    confirm,
    due,
    license_granted,
    requested,
    settle,
    terms,
    unreadable,
    void,
)
from tests.support.folds import LedgerRun, said

QUICK = settings(
    max_examples=80, stateful_step_count=30, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
ids = st.sampled_from([f"r{at}" for at in range(6)])
shipments = st.sampled_from(["s1", "s2", "s3"])
quantities = st.decimals("0.001", "60", places=3).map(lambda number: f"{number:f}")
ZERO = Decimal(0)


class LedgerMachine(RuleBasedStateMachine):
    """Anything may be said to the ledger in any order; the books balance all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.run = LedgerRun()
        self.amendment = 0
        self.shipped: dict[tuple[str, str], Decimal] = {}
        self.breached = False

    @initialize(limit=st.sampled_from(["100", "37.5", "5"]), value=st.sampled_from([None, "900"]))
    def enters(self, limit: str, value: str | None) -> None:
        self.limits: dict[str, Any] = {"quantity": Decimal(limit)}
        if value:
            self.limits |= {"value": Decimal(value), "currency": "USD"}
        self.run.say(license_granted(**self.limits))

    @rule(name=ids, quantity=quantities, value=st.integers(0, 400))
    def request(self, name: str, quantity: str, value: int) -> None:
        outputs = self.run.say(requested(name, quantity, value=str(value), currency="USD"))
        assert len(outputs) == 1
        own = self.run.license
        if said(outputs) == ["Granted: granted"]:
            assert own.remaining_quantity is not None
            assert own.remaining_quantity >= ZERO, "granted beyond what is authorized"
            assert own.remaining_value is None or own.remaining_value >= ZERO

    @rule(name=ids, quantity=quantities, value=st.integers(0, 400))
    def adjust(self, name: str, quantity: str, value: int) -> None:
        before = {
            e.request.reservation_id: e.quantity for e in self.run.reservations() if e.request
        }
        outputs = self.run.say(adjust(name, quantity, str(value)))
        grew = Decimal(quantity) > before.get(name, ZERO)
        if grew and said(outputs) == ["Posted adjust: adjusted"]:
            assert (self.run.license.remaining_quantity or ZERO) >= ZERO

    @rule(name=ids, shipment=shipments, quantity=quantities, final=st.booleans())
    def settle(self, name: str, shipment: str, quantity: str, final: bool) -> None:
        used = self.run.license.used_quantity
        own = self.run.aggregates["cn-1"].get(name)
        if isinstance(own, Reservation) and own.open_quantity < Decimal(quantity):
            self.breached = self.breached or (name, shipment) not in self.shipped
        outputs = self.run.say(settle(name, shipment, quantity, final=final, value="1"))
        if said(outputs) == ["Posted settle: settled"]:
            assert self.run.license.used_quantity == used + Decimal(quantity)
            assert (name, shipment) not in self.shipped, "one shipment, settled twice"
            self.shipped[name, shipment] = Decimal(quantity)
        [output] = outputs
        assert isinstance(output.event, ReservationPosted)
        over = output.event.overdrawn
        remaining = self.run.license.remaining_quantity or ZERO
        assert (over.quantity if over else ZERO) == max(-remaining, ZERO)

    @rule(name=ids)
    def void(self, name: str) -> None:
        used = self.run.license.used_quantity
        self.run.say(void(name))
        assert self.run.license.used_quantity == used
        assert self.run.reservation(name).state == "closed"

    @rule(name=ids)
    def confirm(self, name: str) -> None:
        own = self.run.aggregates["cn-1"].get(name)
        [output] = self.run.say(confirm(name))
        if isinstance(output.event, ReservationGranted):
            assert isinstance(own, Reservation)
            assert own.state == "open"

    @rule(kind=st.sampled_from([LicenseSuspended, LicenseReinstated]), hours=st.integers(-2, 3))
    def change(self, kind: type[LicenseChange], hours: int) -> None:
        self.amendment += 1
        self.run.say(
            kind(
                license_id="cn-1",
                amendment=self.amendment,
                effective_at=self.run.now + timedelta(hours=hours),
                reason="-",
            )
        )

    @rule(
        limit=st.sampled_from(["3", "20", "50", "200"]),
        destinations=st.sampled_from([("DE",), ("DE",), ("FR",), ("*",)]),
        ends=st.sampled_from([date(2026, 12, 31), date(2026, 6, 2)]),
    )
    def amend(self, limit: str, destinations: tuple[str, ...], ends: date) -> None:
        self.amendment += 1
        self.limits["quantity"] = Decimal(limit)
        own = terms(**self.limits, destinations=destinations, valid_to=ends)
        self.run.say(LicenseAmended(**own.model_dump(), amendment=self.amendment))

    @rule(quantity=st.sampled_from(["-7", "4", "90"]), name=st.sampled_from(["a1", "a2", "a3"]))
    def correct(self, quantity: str, name: str) -> None:
        self.run.say(
            BalanceAdjusted(
                adjustment_id=name, license_id="cn-1", quantity=Decimal(quantity), unit="kg",
                document="d", officer="ann", note="-",
            )
        )  # fmt: skip

    @rule()
    def cannot_be_read(self) -> None:
        self.run.say(unreadable(topic="licenses", key="cn-1"))
        assert self.run.license.state_at(self.run.now) == "unknown"

    @rule()
    def resolve(self) -> None:
        for offset in self.run.license.unreadable_offsets:
            self.run.say(
                LicenseResolved(
                    license_id="cn-1", unreadable_offset=offset, officer="ann", note="-"
                )
            )

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.run.now += timedelta(hours=hours)
        for name, moment in deadlines(self.run.license):
            if moment <= self.run.now:
                self.run.say(due(name, moment, "cn-1"))

    @rule()
    def said_again_at_once(self) -> None:
        """A duplicate of any record right behind it changes nothing at all."""
        assume(not isinstance(self.run.log[-1].event, Unreadable | LicenseResolved))
        before = self.balances()
        outputs = self.run.repeat()
        assert self.balances() == before
        assert not [each for each in outputs if isinstance(each.event, ReservationWithdrawn)]

    @rule(back=st.integers(2, 20))
    def said_again_later(self, back: int) -> None:
        """A duplicate of what was granted, settled, given back or corrected comes any time."""
        assume(back <= len(self.run.log))
        event = self.run.log[-back].event
        known = self.run.aggregates["cn-1"].get(getattr(event, "reservation_id", ""))
        settled = isinstance(event, ReservationSettled) and (
            (event.reservation_id, event.shipment_id) in self.shipped
        )
        repeated = isinstance(known, Reservation) and (
            isinstance(event, ReservationRequested)
            or (isinstance(event, ReservationVoided) and known.state == "closed")
        )
        # A correction that was refused is no duplicate: the officer may say it again.
        corrected = (
            isinstance(event, BalanceAdjusted)
            and event.adjustment_id in self.run.license.adjustments
        )
        assume(settled or repeated or corrected)
        before = self.balances()
        self.run.repeat(-back)
        assert self.balances() == before

    def balances(self) -> tuple[Any, ...]:
        states = sorted((e.request.reservation_id if e.request else "-", e.state, e.quantity)
                        for e in self.run.reservations())  # fmt: skip
        return self.run.balances(), states

    @invariant()
    def reserved_is_the_sum_of_what_is_open(self) -> None:
        if "cn-1" not in self.run.aggregates:
            return
        own = self.run.license
        entries = list(self.run.reservations())
        assert own.reserved_quantity == sum((e.open_quantity for e in entries), ZERO)
        assert own.reserved_value == sum((e.open_value for e in entries), ZERO)

    @invariant()
    def the_books_balance(self) -> None:
        if "cn-1" not in self.run.aggregates:
            return
        own = self.run.license
        balance, over = own.balance(), own.overdraft()
        assert own.terms is not None
        overdrawn = over.quantity if over and over.quantity else ZERO
        assert balance.quantity is not None
        used, reserved = own.used_quantity, own.reserved_quantity
        assert own.terms.quantity == used + reserved + balance.quantity - overdrawn
        assert min(used, reserved, balance.quantity, overdrawn) >= ZERO

    @invariant()
    def what_stands_open_fits(self) -> None:
        """Beyond the license stands only what has left, or what was withdrawn and is not voided."""
        if "cn-1" not in self.run.aggregates:
            return
        own = self.run.license
        entries = list(self.run.reservations())
        stands = sum((e.open_quantity for e in entries if e.state == "open"), ZERO)
        assert own.terms is not None
        assert own.terms.quantity is not None
        room = max(own.terms.quantity - own.used_quantity, ZERO)
        assert stands <= room or self.breached


LedgerMachine.TestCase.settings = QUICK
TestLedgerMachine = LedgerMachine.TestCase


@settings(max_examples=60, deadline=None)
@given(
    order=st.permutations(range(4)),
    quantities=st.lists(st.decimals("0.001", "25", places=3), min_size=4, max_size=4),
    parts=st.lists(st.decimals("0.001", "1", places=3), min_size=4, max_size=4),
)
def test_independent_reservations_commute(
    order: list[int], quantities: list[Decimal], parts: list[Decimal]
) -> None:
    """Where there is room for all, the order of other people's orders changes no balance."""

    def play(sequence: list[int]) -> tuple[Any, ...]:
        run = LedgerRun()
        run.say(license_granted())
        for at in sequence:
            quantity = quantities[at]
            run.say(requested(f"r{at}", f"{quantity:f}"))
            run.say(settle(f"r{at}", f"s{at}", f"{quantity * parts[at]:.12f}"))
            if at % 2:
                run.say(void(f"r{at}"))
        own = run.license
        return own.used_quantity, own.reserved_quantity, own.remaining_quantity

    assert play(order) == play(sorted(order))


EVENTS = st.one_of(
    st.builds(requested, ids, quantities),
    st.builds(settle, ids, shipments, quantities, final=st.booleans()),
    st.builds(void, ids),
    st.builds(confirm, ids),
    st.builds(adjust, ids, quantities),
    st.just(unreadable(topic="licenses", key="cn-1")),
)


@settings(max_examples=60, deadline=None)
@given(events=st.lists(EVENTS, max_size=12))
def test_a_license_nobody_entered_grants_nothing_and_nothing_raises(events: list[Model]) -> None:
    run = LedgerRun()
    for event in events:
        run.say(event)

    assert not [word for word in said(run.outputs) if word.startswith("Granted")]


@settings(max_examples=60, deadline=None)
@given(events=st.lists(EVENTS, max_size=15))
def test_the_same_log_folds_to_the_same_bytes(events: list[Model]) -> None:
    first, second = LedgerRun(), LedgerRun()
    for run in (first, second):
        run.say(license_granted())
        for event in events:
            run.say(event)

    assert first.values == second.values
    assert [each.id for each in first.outputs] == [each.id for each in second.outputs]
    assert len({each.id for each in first.outputs}) == len(first.outputs), "two outputs, one id"


@settings(max_examples=60, deadline=None)
@given(events=st.lists(EVENTS, max_size=15), revoked_at=st.integers(0, 15))
def test_nothing_is_granted_above_a_revocation(events: list[Model], revoked_at: int) -> None:
    run = LedgerRun()
    run.say(license_granted())
    for event in events[:revoked_at]:
        run.say(event)
    run.say(LicenseRevoked(license_id="cn-1", amendment=1, effective_at=run.now, reason="-"))
    run.outputs.clear()
    for event in events[revoked_at:]:
        run.say(event)

    assert not [word for word in said(run.outputs) if word.startswith("Granted: granted")]
    assert not [entry for entry in run.reservations() if entry.state == "open"]
