"""I3: every release is looked at by itself: may these goods leave, by what stands in the log?"""

from collections import defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from typing import Any, Final

from schemas.checks import (
    AssessedRegime,
    OfficerDecided,
    OrderAssessed,
    ReservationGranted,
    ReservationPosted,
    ReservationRefused,
    ReservationRequested,
    ReservationWithdrawn,
    Unreadable,
)
from schemas.classification import Verdict
from schemas.decisions import DecidedRegime, DrawnLicense, OrderReleased
from schemas.orders import Order, OrderCancelled, OrderLine, OrderShipped, RecheckRequested
from schemas.topics import CHECKS, ORDERS
from tests.chaos.account import Books
from tests.chaos.cover import ends
from tests.chaos.found import Violation
from tests.chaos.gone import Told
from tests.chaos.logs import Entry, Logs
from tests.chaos.measures import GRAMS, name
from tests.chaos.orders import decided

ZERO: Final = Decimal(0)
CLEAR: Final = (Verdict.NOT_APPLICABLE, Verdict.NO_LICENSE_REQUIRED)
LICENSED: Final = (Verdict.LICENSE_REQUIRED, Verdict.DENY_PRESUMED)
FRESH: Final = timedelta(seconds=30)
"""A grant older than this is confirmed before a release rests on it."""


@dataclass
class Known:
    """What `orders.checks` said of one order before a release was decided."""

    told: Told
    assessed: OrderAssessed | None = None
    grants: dict[str, list[Entry]] = field(default_factory=dict)
    """By reservation: each yes since the last no."""
    officers: list[OfficerDecided] = field(default_factory=list)
    unreadable: Entry | None = None
    cancelled: int = 0


def rightly_released(logs: Logs, books: Books) -> Iterator[Violation]:
    """Judge every release that was ever written, also those withdrawn since."""
    checks = logs.by_key(CHECKS)
    orders = logs.by_key(ORDERS)
    for key, by_seq in decided(logs).items():
        for contents in by_seq.values():
            for each in contents.values():
                if isinstance(each.event, OrderReleased):
                    for text in _faults(each.event, checks[key], orders[key], books):
                        yield Violation("I3", f"{key} seq {each.event.seq}", text)


def _faults(
    event: OrderReleased, checks: list[Entry], orders: list[Entry], books: Books
) -> Iterator[str]:
    cause = next((each for each in checks if each.place == event.caused_by), None)
    if cause is None:
        yield f"caused by {event.caused_by}, which is no record of this order"
        return
    known = _known([each for each in checks if each.offset <= cause.offset], event)
    if known.assessed is None:
        yield f"nothing assessed revision {event.revision}, check {event.check}"
        return
    if known.unreadable is not None and not known.officers:
        yield f"{known.unreadable.place} could not be read, and no officer settled it"
    if known.cancelled >= event.revision:
        yield "was cancelled before"
    basis = event.as_of if event.time_basis == "event" else event.log_time
    if event.valid_until is None or event.valid_until <= basis:
        yield f"valid until {event.valid_until}, decided at {basis}"
    yield from _same_order(known.assessed, orders)
    yield from _settled(event, known, books)


def _known(before: list[Entry], event: OrderReleased) -> Known:
    known = Known(told=Told.by(before))
    for each in before:
        said = each.event
        wanted = (event.revision, event.check)
        if isinstance(said, OrderAssessed) and (said.revision, said.check) == wanted:
            known.assessed = known.assessed or said
        elif isinstance(said, ReservationGranted) or _adjusted(said):
            known.grants.setdefault(said.reservation_id, []).append(each)
        elif isinstance(said, ReservationRefused | ReservationWithdrawn):
            known.grants.pop(said.reservation_id, None)
        elif isinstance(said, OfficerDecided):
            known.officers.append(said)
        elif isinstance(said, Unreadable):
            known.unreadable = each
        elif isinstance(said, OrderCancelled) and said.lines is None:
            known.cancelled = max(known.cancelled, said.revision)
    return known


def _adjusted(said: Any) -> bool:
    """An adjustment that was made says yes as a grant does."""
    made = isinstance(said, ReservationPosted) and said.operation == "adjust"
    return made and said.result in ("adjusted", "exists")


def _same_order(assessed: OrderAssessed, orders: list[Entry]) -> Iterator[str]:
    """What was judged must be what the order system said, to the last field."""
    judged = assessed.order.model_dump()
    for each in orders:
        of_revision = isinstance(each.event, Order) and each.event.revision == assessed.revision
        if of_revision and each.event.model_dump(include=set(Order.model_fields)) == judged:
            return
    rechecked = any(isinstance(each.event, RecheckRequested) for each in orders)
    yield f"the order assessed is not the one in the log{' (rechecked)' if rechecked else ''}"


def _settled(event: OrderReleased, known: Known, books: Books) -> Iterator[str]:
    assert known.assessed is not None, "checked by the caller"
    told = {line.line_id: line.regimes for line in event.lines}
    lines = {line.line_id for line in known.assessed.order.lines}
    if not lines == set(told) == {line.line_id for line in known.assessed.lines}:
        yield f"lines {sorted(told)} are decided, {sorted(lines)} ordered"
        return
    for line in known.assessed.lines:
        if set(told[line.line_id]) != set(line.regimes):
            yield f"line {line.line_id}: regimes {set(told[line.line_id])} are decided"
            continue
        for regime, assessed in line.regimes.items():
            decision = told[line.line_id][regime]
            for text in _unsettled(event, known, books, line.line_id, regime, assessed, decision):
                yield f"line {line.line_id}, {regime}: {text}"


def _unsettled(
    event: OrderReleased,
    known: Known,
    books: Books,
    line_id: str,
    regime: str,
    assessed: AssessedRegime,
    told: DecidedRegime,
) -> Iterator[str]:
    verdict = assessed.verdict.decision
    people = {vote.officer for vote in known.officers}
    if told.decision is not verdict:
        yield f"assessed {verdict}, decided {told.decision}"
    if assessed.holds and not people:
        yield f"held for {[hold.code for hold in assessed.holds]}, and no officer settled it"
    if verdict in CLEAR:
        return
    if told.settled_by == "license":
        yield from _by_license(event, known, books, line_id, regime, assessed)
    elif verdict in LICENSED:
        yield f"{verdict} is settled by {told.settled_by}"
    elif told.settled_by != "officer" or not people:
        yield f"{verdict} is settled by {told.settled_by}, officers {people}"
    elif verdict is Verdict.OVERLAP_EXCLUDED and len(people) < 2:
        yield f"{verdict} is settled by one officer"
    if verdict is Verdict.DENY_PRESUMED and len(people) < 2:
        yield f"{verdict} without two officers"


def _by_license(
    event: OrderReleased,
    known: Known,
    books: Books,
    line_id: str,
    regime: str,
    assessed: AssessedRegime,
) -> Iterator[str]:
    drawn = [d for d in event.licenses if (d.line_id, d.regime) == (line_id, regime)]
    if not drawn and assessed.verdict.decision is Verdict.OVERLAP_EXCLUDED:
        # What the regime routed to needs itself, for the same line, settles the overlap too.
        routed = {(line_id, other) for other in assessed.verdict.routed_to}
        drawn = [d for d in event.licenses if (d.line_id, d.regime) in routed]
    if not drawn or len({each.license_id for each in drawn}) != len(drawn):
        yield f"{len(drawn)} licenses are drawn"
        return
    asked = []
    for own in drawn:
        facts = yield from _rests_on(event, known, books, own)
        if facts is None:
            return
        asked.append(facts)
    yield from _as_asked(event, known, books, asked, line_id, regime, assessed)


def _rests_on(
    event: OrderReleased, known: Known, books: Books, own: DrawnLicense
) -> Generator[str, None, ReservationRequested | None]:
    """Find the facts that the ledger granted or confirmed, at the place the release names."""
    for each in chain.from_iterable(known.grants.values()):
        grant = each.event
        place = (grant.ledger_partition, grant.ledger_offset)
        if place != (own.ledger_partition, own.ledger_offset):
            continue
        named = isinstance(grant, ReservationPosted) or grant.line_id == own.line_id
        if grant.license_id != own.license_id or not named:
            continue
        asked = books.granted_at.get((*place, grant.reservation_id))
        if asked is None:
            yield f"{grant.reservation_id} was granted on nothing that stands in the ledger"
            return None
        over = books.until.get((*place, grant.reservation_id))
        if over is None or event.valid_until is None or event.valid_until > over:
            yield f"valid until {event.valid_until}, {own.license_id} ends {over}"
        if event.log_time - _freshest(known, grant.reservation_id) > FRESH:
            yield f"rests on a grant of {each.at}, decided at {event.log_time}"
        return asked
    yield f"no grant stands that {own.license_id} was drawn by"
    return None


def _freshest(known: Known, reservation_id: str) -> datetime:
    """When the ledger last said yes."""
    return max(each.at for each in known.grants[reservation_id])


def outlasting(logs: Logs, books: Books) -> Iterator[Violation]:
    """I3: at rest, no release stands that names a later end than its licenses have."""
    for key, by_seq in decided(logs).items():
        for each in by_seq[max(by_seq)].values():
            event = each.event
            for own in event.licenses if isinstance(event, OrderReleased) else ():
                terms = books.accounts[own.license_id].terms
                if terms is None or event.valid_until > ends(terms):
                    text = f"valid until {event.valid_until}, beyond {own.license_id}"
                    yield Violation("I3", f"{key} seq {event.seq}", text)


def _as_asked(
    event: OrderReleased,
    known: Known,
    books: Books,
    asked: list[ReservationRequested],
    line_id: str,
    regime: str,
    assessed: AssessedRegime,
) -> Iterator[str]:
    """The facts the licenses were drawn on must be those of the order and of its classification."""
    assert known.assessed is not None, "checked by the caller"
    order = known.assessed.order
    line = next(line for line in order.lines if line.line_id == line_id)
    yield from _enough(asked, line, books.gone.elsewhere(asked, line, known.told))
    for back in books.gone.came_back(asked, known.told):
        yield f"rests on {back}, of which goods came back"
    for each in asked:
        yield from _same_facts(event, each, order, line, regime, assessed)


def _enough(asked: list[ReservationRequested], line: OrderLine, gone: Decimal) -> Iterator[str]:
    """What is set aside, and what left before on other licenses, is what the line wants.

    Exactly, or more while a recall is waited for.
    """
    if any(each.unit != line.unit for each in asked):
        yield f"asked in {[each.unit for each in asked]}, ordered in {line.unit}"
    quantity = sum((each.quantity for each in asked), ZERO)
    value = sum((each.value or ZERO for each in asked), ZERO)
    if quantity + gone < line.quantity:
        yield f"{quantity} {line.unit} are set aside, {gone} left, {line.quantity} ordered"
    if line.value is not None and value < Fraction(line.value) * (
        1 - Fraction(gone) / Fraction(line.quantity)
    ):
        yield f"{value} is set aside, worth {line.value}, of which {gone} {line.unit} left"
    if len(asked) == 1 and quantity == line.quantity and _lighter(asked[0], line):
        yield f"weight: asked {asked[0].net_weight}, ordered {line.net_weight}"


def _lighter(asked: ReservationRequested, line: OrderLine) -> bool:
    if name(line.unit) in GRAMS:
        return False
    if asked.net_weight is None or line.net_weight is None:
        return asked.net_weight != line.net_weight
    if asked.net_weight.unit != line.net_weight.unit:
        return True
    return asked.net_weight.value < line.net_weight.value


def _same_facts(
    event: OrderReleased,
    asked: ReservationRequested,
    order: Order,
    line: OrderLine,
    regime: str,
    assessed: AssessedRegime,
) -> Iterator[str]:
    parties = tuple((p.role, p.name) for p in order.parties)
    verdict = assessed.verdict
    overlap = verdict.decision is Verdict.OVERLAP_EXCLUDED
    routed = overlap and asked.regime in verdict.routed_to
    denied = verdict.decision is Verdict.DENY_PRESUMED or (routed and asked.names_end_user)
    facts: dict[str, tuple[Any, Any]] = {
        "order": (asked.key, event.key),
        "line": (asked.line_id, line.line_id),
        "regime": (asked.regime, asked.regime if routed else regime),
        "currency": (asked.currency, line.currency),
        "exporter": (asked.exporter, order.exporter.id),
        "destination": (asked.destination, order.destination),
        "port": (asked.port, order.port),
        "parties": (tuple((p.role, p.name) for p in asked.parties or ()), parties),
        "documents": (asked.documents, order.documents),
        "ship date": (asked.requested_ship_date, order.requested_ship_date),
        "basis": (asked.time_basis, event.time_basis),
        "denial": (asked.names_end_user, denied),
    }
    yield from (f"{name}: asked {a}, ordered {b}" for name, (a, b) in facts.items() if a != b)
    codes = {verdict.control_code, verdict.annex_i, verdict.eccn}
    if not overlap and not set(asked.item.codes) <= codes:
        yield f"asked for {asked.item.codes}, classified as {codes}"
    if not overlap and asked.item.category != verdict.category:
        yield f"asked for category {asked.item.category}, classified as {verdict.category}"


def none_outlives(logs: Logs, books: Books) -> Iterator[Violation]:
    """I4: at rest, goods are set aside for a release only, or because they may have left."""
    contents = decided(logs)
    left: dict[str, set[str]] = defaultdict(set)
    for each in logs.firsts(CHECKS):
        if isinstance(each.event, OrderShipped) and each.event.final:
            left[each.event.key] |= {line.line_id for line in each.event.lines}
    for account in books.accounts.values():
        for rid, held in account.open.items():
            by_seq = contents.get(held.order, {})
            line = [next(iter(by_seq[seq].values())).event for seq in sorted(by_seq)]
            place = (account.license_id, held.request.line_id)
            rested = [
                isinstance(event, OrderReleased)
                and place in {(d.license_id, d.line_id) for d in event.licenses}
                for event in line
            ]
            last = line[-1] if line else None
            if last is None or not any(rested):
                state = "nothing" if last is None else last.decision
                yield Violation("I4", held.order, f"{rid} is open on {place}; it is {state}")
            elif last.cause == "shipped" and held.request.line_id in left.get(
                held.order, {held.request.line_id}
            ):
                # A line that the shipments do not name waits for the recall window.
                yield Violation("I4", held.order, f"{rid} is open on {place} after it shipped")
