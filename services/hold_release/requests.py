"""What the gate asks of the ledger, word for word: requests, their facts, their totals."""

import hashlib
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any, Final

from schemas.base import LARGEST, built
from schemas.checks import (
    Candidate,
    RequestedItem,
    RequestedParty,
    ReservationAdjusted,
    ReservationConfirmRequested,
    ReservationGranted,
    ReservationReleased,
    ReservationRequested,
    ReservationVoided,
)
from schemas.classification import Verdict
from schemas.envelope import derived_id
from schemas.events import encode
from schemas.fold import EPOCH
from schemas.orders import Order, OrderLine, Weight
from services.hold_release.settlement import Need, needs
from services.hold_release.state import OrderState, Reservation, Totals
from services.hold_release.turn import Turn

ANSWER_WITHIN: Final = timedelta(seconds=10)
_PLACES: Final = Decimal("0.000000000001")
_EXACT: Final = Context(prec=80)
_NOT_FACTS: Final[dict[str, Any]] = {
    "revision": 0,
    "check": 0,
    "attempt": 0,
    "reservation_id": "",
    "request_id": "",
    "as_of": EPOCH,
    "answer_by": EPOCH,
    # Totals are compared as numbers; rates move from day to day and change no fact of the order.
    "quantity": Decimal(1),
    "net_weight": None,
    "gross_weight": None,
    "value": None,
    "order_value": None,
    "conversions": (),
    "partial": False,
    "alone": None,
}
_NOT_GOODS: Final[dict[str, Any]] = {
    "quantity": Decimal(1),
    "net_weight": None,
    "gross_weight": None,
    "value": None,
    "license_ids": None,
}


class _Lines:
    """The lines of one order by id, and what they are worth together in each currency."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.by_id = {line.line_id: line for line in order.lines}
        self.worth: dict[str | None, Decimal | None] = {}

    def worth_in(self, currency: str | None) -> Decimal | None:
        """Add up what the lines are worth; None unless each states it in this currency."""
        if currency not in self.worth:
            own = [line.value for line in self.order.lines if line.currency == currency]
            stated = [value for value in own if value is not None]
            total = sum(stated, Decimal(0))
            whole = len(stated) == len(self.order.lines) and total <= LARGEST
            self.worth[currency] = total if whole else None
        return self.worth[currency]


_known: list[_Lines] = []
"""The order looked at last: one record asks for each of its lines, many times."""


def _lines(order: Order) -> _Lines:
    found = _known[0] if _known else None
    if found is None or found.order is not order:
        found = _Lines(order)
        _known[:] = [found]
    return found


def totals_of(state: OrderState, line_id: str) -> Totals:
    """Read what a line wants in all."""
    lines = _lines(_order(state))
    line = lines.by_id[line_id]
    return built(
        Totals,
        quantity=line.quantity,
        net_weight=line.net_weight,
        gross_weight=line.gross_weight,
        value=line.value,
        order_value=lines.worth_in(line.currency),
    )


def unit_of(state: OrderState, line_id: str) -> str:
    """Read the unit that a line is stated in."""
    return _line(state, line_id).unit


def goods_digest(state: OrderState, line_id: str) -> str:
    """Digest what a line delivers, and to whom, but for how much: what left of other goods is none.

    Whoever was screened again is the same; so are goods that a regime classifies anew.
    """
    order, line = _order(state), _line(state, line_id)
    parts = (line.model_copy(update=_NOT_GOODS), *(_parties(order) or ()))
    text = b"".join([order.destination.encode(), *(encode(each) for each in parts)])
    return hashlib.sha256(text).hexdigest()


def part(line: Totals, quantity: Decimal, value: Decimal | None) -> Totals:
    """Cut totals down to a part of the line: weights go with the quantity, and are rounded up."""
    if quantity == line.quantity:
        return line
    return line.model_copy(
        update={
            "quantity": quantity,
            "net_weight": _share(line.net_weight, quantity, line.quantity),
            "gross_weight": _share(line.gross_weight, quantity, line.quantity),
            "value": value,
        }
    )


def share_of(value: Decimal, quantity: Decimal, whole: Decimal) -> Decimal:
    """Tell what a part of a line is worth, rounded down: the rest is never asked for short."""
    exact = _EXACT.divide(_EXACT.multiply(value, quantity), whole)
    return exact.quantize(_PLACES, rounding=ROUND_FLOOR, context=_EXACT)


def _share(weight: Weight | None, quantity: Decimal, whole: Decimal) -> Weight | None:
    if weight is None:
        return None
    exact = _EXACT.divide(_EXACT.multiply(weight.value, quantity), whole)
    return Weight(
        value=exact.quantize(_PLACES, rounding=ROUND_CEILING, context=_EXACT), unit=weight.unit
    )


def _order(state: OrderState) -> Order:
    assert state.assessed is not None, "only an assessed order asks"
    return state.assessed.order


def _line(state: OrderState, line_id: str) -> OrderLine:
    return _lines(_order(state)).by_id[line_id]


def _parties(order: Order) -> tuple[RequestedParty, ...] | None:
    return (
        tuple(
            built(RequestedParty, role=party.role, name=party.name, country=party.country)
            for party in order.parties
        )
        or None
    )


def conversions(state: OrderState, line_id: str, candidate: Candidate) -> tuple[Any, ...]:
    """Pick the rates that determination used between the line's currency and the license's."""
    assert state.assessed is not None, "only an assessed order asks"
    pair = {_line(state, line_id).currency, candidate.currency}
    return tuple(rate for rate in state.assessed.rates if {rate.from_, rate.to} == pair)


def licensed_by(need: Need, candidate: Candidate) -> str:
    """Name the regime whose license is drawn: an overlap draws on one that it is routed to.

    Assessments from before candidates named theirs mean the first.
    """
    if candidate.regime is not None:
        return candidate.regime
    verdict = need.assessed.verdict
    overlaps = verdict.decision is Verdict.OVERLAP_EXCLUDED and verdict.routed_to
    return verdict.routed_to[0] if overlaps else need.regime


def request(
    turn: Turn,
    need: Need,
    candidate: Candidate,
    attempt: int,
    totals: Totals,
    *,
    partial: bool = False,
) -> ReservationRequested:
    """Put a request together; the facts are those of the order as it was determined."""
    state = turn.state
    order, line = _order(state), _line(state, need.line_id)
    reservation_id = derived_id(
        state.key,
        str(state.revision),
        str(state.check),
        need.line_id,
        need.regime,
        candidate.license_id,
        str(attempt),
    )
    return built(
        ReservationRequested,
        order_source=state.order_source,
        order_id=state.order_id,
        revision=state.revision,
        check=state.check,
        reservation_id=reservation_id,
        request_id=derived_id(reservation_id, "request"),
        license_id=candidate.license_id,
        line_id=need.line_id,
        regime=licensed_by(need, candidate),
        attempt=attempt,
        as_of=turn.as_of,
        time_basis=turn.time_basis,
        requested_ship_date=order.requested_ship_date,
        exporter=order.exporter.id,
        exporter_name=order.exporter.name,
        item=candidate.item or need.assessed.item or RequestedItem(codes=()),
        parties=_parties(order),
        destination=order.destination,
        port=order.port,
        purpose=order.purpose,
        shipping=order.shipping,
        unit=line.unit,
        currency=line.currency,
        conversions=conversions(state, need.line_id, candidate),
        documents=order.documents,
        names_end_user=need.assessed.verdict.decision is Verdict.DENY_PRESUMED,
        partial=partial,
        alone=alone(state) or None,
        answer_by=turn.now + ANSWER_WITHIN,
        **dict(totals),
    )


def alone(state: OrderState) -> bool:
    """Tell whether an order waits for one reservation and nothing else."""
    return len(_order(state).lines) == 1 and len(list(needs(state))) == 1


def facts_digest(asked: ReservationRequested) -> str:
    """Digest what a reservation rests on; ids, times of asking and totals are not part of it."""
    return hashlib.sha256(encode(asked.model_copy(update=_NOT_FACTS))).hexdigest()


def _head(state: OrderState, entry: Reservation | ReservationGranted) -> dict[str, Any]:
    return {
        "order_source": state.order_source,
        "order_id": state.order_id,
        "revision": state.revision,
        "check": state.check,
        "reservation_id": entry.reservation_id,
        "license_id": entry.license_id,
    }


def say_confirm(turn: Turn, entry: Reservation) -> str:
    """Ask the ledger whether a grant still stands; return the id of the question."""
    request_id = derived_id(entry.reservation_id, "confirm", turn.record.id)
    event = ReservationConfirmRequested(**_head(turn.state, entry), request_id=request_id)
    turn.to_ledger(entry.license_id, "confirm", event, entry.reservation_id)
    return request_id


def say_adjust(
    turn: Turn, entry: Reservation, totals: Totals, rates: tuple[Any, ...], request_id: str
) -> None:
    """Tell the ledger the new totals of a reservation."""
    event = ReservationAdjusted(
        **_head(turn.state, entry), request_id=request_id, conversions=rates, **dict(totals)
    )
    turn.to_ledger(entry.license_id, "adjust", event, entry.reservation_id)


def say_released(turn: Turn, entry: Reservation, decision_id: str) -> None:
    """Tell the ledger that a release rests on a reservation."""
    event = ReservationReleased(
        **_head(turn.state, entry),
        request_id=derived_id(entry.reservation_id, "released"),
        decision_id=decision_id,
    )
    turn.to_ledger(entry.license_id, "released", event, entry.reservation_id)


def say_void(turn: Turn, entry: Reservation | ReservationGranted, cause: str) -> None:
    """Give a reservation back."""
    event = ReservationVoided(
        **_head(turn.state, entry),
        request_id=derived_id(entry.reservation_id, "void"),
        cause=cause,
    )
    turn.to_ledger(entry.license_id, "void", event, entry.reservation_id)
