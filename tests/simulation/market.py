"""Some orders over a few licenses of every kind, their lives drawn by seed.

Lines of pieces, kilograms and grams, overlaps, documents, conditions, limits, licenses in other
money. Orders are amended, cancelled, shipped, returned, re-checked and taken off licenses, while
those shrink, end, are suspended and corrected, and while answers come late.
"""

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from schemas.checks import (
    AssessedRegime,
    Candidate,
    OrderAssessed,
    Rate,
    RecheckWanted,
    RequestedItem,
)
from schemas.classification import Verdict
from schemas.licenses import (
    BalanceAdjusted,
    LicenseAmended,
    LicenseReinstated,
    LicenseRevoked,
    LicenseSuspended,
)
from schemas.orders import (
    Component,
    Document,
    Order,
    OrderLine,
    OrderReturned,
    RecheckRequested,
    ShippedLine,
)
from schemas.topics import CHECKS, LICENSES
from services.hold_release.state import ORDER, OrderState
from tests.support.builders import (
    CLEAR,
    SOURCE,
    T0,
    assessed,
    cancelled,
    decided,
    license_granted,
    line,
    order,
    settled,
    shipped,
    terms,
)
from tests.support.late import LateDuo

CHINA: Final = ("cn-1", "cn-2", "cn-3")
HELD: Final = (*CHINA, "us-1")
HOUR: Final = timedelta(hours=1)
QUANTITIES: Final = (3, 6, 8, 10, 12, 15)
CONDITIONS: Final = (
    "quantity_per_shipment=6 kg", "max_shipments=2", "value_per_order=2500 USD", "no_reexport",
    "port=Shanghai", "acknowledge=K1",
)  # fmt: skip
RATES: Final = tuple(
    Rate.model_validate(
        {"rate_id": f"{one}{other}", "from": one, "to": other, "rate": rate,
         "at": T0 - timedelta(days=2), "source": "-"}
    )
    for one, other, rate in (("USD", "EUR", "0.9"), ("USD", "CNY", "7.1"), ("EUR", "CNY", "7.9"))
)  # fmt: skip
ITEM: Final = RequestedItem(
    codes=("1C905.b",),
    category=1,
    composition=(Component(element="Dy", mass_percent=Decimal(80)),),
)
GRAIN: Final = Decimal("0.000001")
ACTS: Final = (
    *("amend", "amend", "want", "want", "ship", "ship", "ship", "ship", "bring_back", "bring_back"),
    *("wait", "wait", "sleep", "stop", "stop", "suspend", "reinstate", "change", "change"),
    *("cancel", "cancel_line", "take_off", "correct"),
)


class Market:
    """Orders, licenses, and what happens next."""

    def __init__(self, seed: int, orders: int = 2) -> None:
        self.random = random.Random(seed)
        self.duo = LateDuo(self.random, self._determine, self.random.choice((0.0, 0.0, 0.1)))
        self.plain = self.random.random() < 0.6
        self.acts = 0
        self.amended = dict.fromkeys(HELD, 0)
        self.terms = {name: self._license(name) for name in HELD}
        for name, own in self.terms.items():
            self.duo.office(license_granted(name, **own), name)
        self.orders: dict[str, Order] = {}
        self.kinds: dict[tuple[str, str], str] = {}
        self.left: list[tuple[str, str, tuple[ShippedLine, ...]]] = []
        for at in range(orders):
            self._amend(f"o{at + 1}")

    def go_on(self) -> None:
        """Let one more thing happen."""
        self.acts += 1
        act = self.random.choice(ACTS)
        getattr(self, f"_{act}")(self.random.choice(list(self.orders)))

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _of(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    # Licenses

    def _license(self, name: str) -> dict[str, Any]:
        quantity = Decimal(self._of(7, 12, 20, 100))
        own: dict[str, Any] = {
            "regime": "US" if name.startswith("us") else "CN", "codes": ("*",), "end_users": ("*",),
            "consignees": ("*",), "destinations": ("DE", "FR"), "quantity": quantity,
            "return_credit": self._of("automatic", "officer"),
        }  # fmt: skip
        if self.plain and self._chance(0.6):
            return own
        soon = (T0 + timedelta(days=self._of(1, 3, 10))).date()
        for share, changes in (
            (0.25, {"value": Decimal(self._of(700, 1500)), "currency": self._of("USD", "CNY")}),
            (0.2, {"over_percent": Decimal(self._of(5, 20))}),
            (0.25, {"max_shipments": self._of(1, 2, 3)}),
            (0.2, {"requires": ("euc",)}),
            (0.25, {"conditions": (self.random.choice(CONDITIONS),)}),
            (0.25, {"valid_to": soon}),
            (0.15, {"unit": "g", "quantity": quantity * 1000}),
            (0.2, {"quantity_basis": self._of("gross", "element:Dy")}),
        ):
            own |= changes if self._chance(share) else {}
        return own

    def _change(self, _: str) -> None:
        """Amend a license, also below what is reserved."""
        name = self.random.choice(HELD)
        own = self.terms[name]
        new: dict[str, Any] = self._of(
            {"quantity": own["quantity"] * Decimal(self._of("0.5", "0.8", "2"))},
            {"quantity": own["quantity"] * Decimal(self._of("0.5", "0.8", "2"))},
            {"valid_to": (self.duo.ledger.now + timedelta(days=self._of(1, 4, 30))).date()},
            {"requires": self._of((), ("euc",))},
            {"max_shipments": self._of(None, 1, 2, 4)},
            {"conditions": self._of((), ("quantity_per_shipment=6 kg",), ("port=Shanghai",))},
        )
        self.amended[name] += 1
        whole = terms(name, **(own | new))
        event = whole.model_dump() | {"amendment": self.amended[name]}
        self.duo.office(LicenseAmended.model_validate(event), name)
        if self.duo.license(name).terms == whole:
            self.terms[name] = own | new

    def _office(self, kind: Any) -> None:
        name = self.random.choice(HELD)
        self.amended[name] += 1
        at = self.duo.ledger.now + self._of(timedelta(0), timedelta(0), 2 * HOUR)
        event = kind(license_id=name, amendment=self.amended[name], effective_at=at, reason="-")
        self.duo.office(event, name)

    def _suspend(self, _: str) -> None:
        self._office(self._of(LicenseSuspended, LicenseSuspended, LicenseRevoked))

    def _reinstate(self, _: str) -> None:
        self._office(LicenseReinstated)

    def _correct(self, _: str) -> None:
        name = self.random.choice(HELD)
        event = BalanceAdjusted(
            adjustment_id=f"a{self.acts}", license_id=name, quantity=Decimal(self._of(-3, 2, 5)),
            document="-", officer="ann", note="-",
        )  # fmt: skip
        self.duo.office(event, name)

    # Orders

    def _line(self, line_id: str) -> OrderLine:
        unit, quantity = self._of("kg", "kg", "kg", "pcs", "g"), Decimal(self._of(*QUANTITIES))
        fields: dict[str, Any] = {
            "quantity": quantity * (1000 if unit == "g" else 1), "unit": unit,
            "value": quantity * 100, "currency": self._of("USD", "USD", "USD", "EUR"),
        }  # fmt: skip
        if unit == "pcs" or self._chance(0.4):
            net = quantity * Decimal(self._of("1", "0.5", "0.8"))
            fields["net_weight"] = {"value": net, "unit": self._of("kg", "kg", "lb")}
        if self._chance(0.7):
            fields["gross_weight"] = {"value": quantity * Decimal("1.2"), "unit": "kg"}
        if self._chance(0.15):
            fields["description"] = self._of("terbium metal", "dysprosium powder")
        return line(line_id, **fields)

    def _amend(self, order_id: str) -> None:
        """State the order again: some lines as they were, some for more or less, some anew."""
        old = self.orders.get(order_id)
        before = {} if old is None else {each.line_id: each for each in old.lines}
        lines = []
        for line_id in ("L1", "L2", "L3")[: self._of(1, 1, 2, 3)]:
            self.kinds.setdefault((order_id, line_id), self._of("CN", "CN", "CN", "both", "over"))
            now = self._line(line_id)
            if line_id in before and self._chance(0.7):
                same = before[line_id]
                more = now.quantity * (1000 if same.unit == "g" else 1)
                changes = {} if self._chance(0.5) or now.unit == "g" else {"quantity": more}
                now = same.model_copy(update=changes)
            lines.append(now)
        whole = order(
            order_id, 1 if old is None else old.revision + 1, lines=tuple(lines),
            destination=self._of("DE", "DE", "DE", "FR"), shipping=self._of("complete", "partial"),
            port=self._of("Shanghai", None), documents=self._documents(),
        )  # fmt: skip
        self.orders[order_id] = whole
        self.duo.order(self._assess(whole), order_id)

    def _documents(self) -> tuple[Document, ...]:
        shared: dict[str, Any] = {"issuer": "-", "issued": date(2026, 1, 1)}
        shared["end_user"] = "Weber GmbH"
        euc = Document(
            kind="euc", number=self._of("E1", "E2"), unit="kg",
            quantity=self._of(None, Decimal(15), Decimal(30)), **shared,
        )  # fmt: skip
        return self._of((), (euc,), (euc, Document(kind="other", number="K1", **shared)))  # type: ignore[no-any-return]

    def _assess(self, whole: Order, **changes: Any) -> OrderAssessed:
        now = max(self.duo.gate.now, self.duo.ledger.now)
        china = self.random.sample(CHINA, self._of(1, 2, 3, 3))
        lines = {each.line_id: self._regimes(whole.order_id, each, china) for each in whole.lines}
        bounds = [now + timedelta(days=20)]
        return assessed(whole, lines, as_of=now, rates=RATES, bounds=bounds, **changes)

    def _regimes(self, order_id: str, own: OrderLine, china: list[str]) -> dict[str, Any]:
        kind = self.kinds[order_id, own.line_id]
        if kind == "over":
            found = self._drawing(Verdict.OVERLAP_EXCLUDED, own, ["us-1"], routed_to=("US",))
            able = tuple(
                each.model_copy(update={"regime": "US", "item": ITEM}) for each in found.candidates
            )
            return {"CN": found.model_copy(update={"candidates": able}), "US": CLEAR}
        required = Verdict.LICENSE_REQUIRED
        american = self._drawing(required, own, ["us-1"], eccn="1C905.b")
        return {
            "CN": self._drawing(required, own, china), "US": american if kind == "both" else CLEAR,
        }  # fmt: skip

    def _drawing(
        self, decision: Verdict, own: OrderLine, names: list[str], **changes: Any
    ) -> AssessedRegime:
        able = tuple(
            Candidate(
                license_id=name, quantity=own.quantity, unit=own.unit,
                currency=self.terms[name].get("currency"),
            )
            for name in names
        )  # fmt: skip
        found = settled(decision, **changes)
        return found.model_copy(update={"candidates": able, "item": ITEM})

    def _determine(self, wish: RecheckRequested) -> OrderAssessed:
        whole = Order.model_validate({name: getattr(wish, name) for name in Order.model_fields})
        return self._assess(whole, check=wish.check, findings=wish.findings)

    def _state(self, order_id: str) -> OrderState:
        found = self.duo.gate.aggregates[f"{SOURCE}/{order_id}"][ORDER]
        assert isinstance(found, OrderState)
        return found

    def _want(self, order_id: str) -> None:
        by = self._of(None, self.duo.gate.now + timedelta(minutes=5))
        event = RecheckWanted(
            order_source=SOURCE, order_id=order_id, cause="-", cause_id=f"w{self.acts}",
            recheck_by=by,
        )  # fmt: skip
        self.duo.order(event, order_id)

    def _ship(self, order_id: str) -> None:
        """Ship on a release, mostly the last; all of a line, a part, or too much."""
        released = [d for d in self.duo.decisions(order_id) if d.decision == "RELEASED"]
        if not released:
            return
        on = released[-1] if self._chance(0.85) else self.random.choice(released)
        state = self._state(order_id)
        ordered = [each for each in self.orders[order_id].lines if self._chance(0.75)]
        told = [self._part(each, state.shipped_of(each.line_id, each.unit)) for each in ordered]
        lines = tuple(each for each in told if each is not None)
        if not lines:
            return
        name = f"s{self.acts}"
        event = shipped(
            name, on.decision_id, order_id=order_id, revision=on.revision, lines=lines,
            final=self._chance(0.15), shipped_at=self.duo.gate.now - self._of(0, 0, 10) * HOUR,
        )  # fmt: skip
        self.duo.order(event, order_id)
        self.left.append((order_id, name, lines))

    def _part(self, own: OrderLine, gone: Decimal) -> ShippedLine | None:
        rest = max(own.quantity - gone, Decimal(0))
        quantity = self._of(
            rest, rest / 2, rest / 2, own.quantity * Decimal(self._of("0.3", "1.1"))
        )
        quantity = Decimal(int(quantity)) if own.unit == "pcs" else quantity
        if not quantity:
            return None
        unit = own.unit if self._chance(0.94) else self._of("kg", "g", "drum")
        fields: dict[str, Any] = {"line_id": own.line_id, "quantity": quantity, "unit": unit}
        if unit != own.unit:
            return ShippedLine.model_validate(fields)
        share = quantity / own.quantity
        for name, weight in (("net_weight", own.net_weight), ("gross_weight", own.gross_weight)):
            if weight is not None and self._chance(0.6):
                value = (weight.value * share).quantize(GRAIN) + GRAIN
                fields[name] = {"value": value, "unit": weight.unit}
        return ShippedLine.model_validate(fields)

    def _bring_back(self, _: str) -> None:
        if not self.left:
            return
        order_id, name, lines = self.random.choice(self.left)
        goods = self.random.choice(lines)
        if goods.unit != "pcs":
            goods = goods.model_copy(
                update={"quantity": goods.quantity * self._of(1, Decimal("0.5"))}
            )
        event = OrderReturned(
            order_source=SOURCE, order_id=order_id, shipment_id=name, return_id=f"b{self.acts}",
            returned_at=self.duo.gate.now, lines=(goods,),
        )  # fmt: skip
        self.duo.order(event, order_id)

    def _cancel(self, order_id: str) -> None:
        if self._chance(0.3):
            self._say_cancelled(order_id)

    def _cancel_line(self, order_id: str) -> None:
        self._say_cancelled(order_id, lines=(self._of("L1", "L2", "L3"),))

    def _say_cancelled(self, order_id: str, **changes: Any) -> None:
        revision = max(1, self.orders[order_id].revision - self._of(0, 0, 0, 1))
        event = cancelled(revision, order_id=order_id, not_shipped=self._chance(0.5), **changes)
        self.duo.order(event, order_id)

    def _take_off(self, order_id: str) -> None:
        state = self._state(order_id)
        if not state.seq:
            return
        event = decided(
            state.seq, "unassign", order_id=order_id, revision=state.revision, fact="license",
            value=self.random.choice(HELD), line_id=self._of(None, "L1"),
        )  # fmt: skip
        self.duo.order(event, order_id)

    # Time

    def _wait(self, _: str) -> None:
        self.duo.pass_time(timedelta(seconds=self._of(5, 15, 60, 3600)))

    def _sleep(self, _: str) -> None:
        self.duo.pass_time(self._of(25 * HOUR, 25 * HOUR, 100 * HOUR, 500 * HOUR))

    def _stop(self, _: str) -> None:
        """Nobody reads a topic for a while."""
        topics = (LICENSES.name, CHECKS.name)
        self.duo.stopped = {each for each in topics if self._chance(0.5)}
        self.duo.catch_up()
