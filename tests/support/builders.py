"""Events as tests need them: whole and valid, with one thing changed at a time.

`recorded` sends every event through its bytes, so that a test sees what a service would read.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from schemas.base import Model
from schemas.checks import (
    AssessedLine,
    AssessedRegime,
    Bound,
    Candidate,
    DeadlineDue,
    HoldCause,
    OfficerDecided,
    OrderAssessed,
    RecheckWanted,
    RequestedItem,
    RequestedParty,
    ReservationAdjusted,
    ReservationConfirmRequested,
    ReservationRequested,
    ReservationSettled,
    ReservationVoided,
    Unreadable,
)
from schemas.classification import PackRef, RegimeVerdict, Status, Verdict
from schemas.envelope import Recorded, derived_id
from schemas.events import BY_MODEL, decode, encode
from schemas.licenses import LicenseGranted, LicenseTerms
from schemas.orders import (
    Exporter,
    Order,
    OrderCancelled,
    OrderLine,
    OrderParty,
    OrderShipped,
    ShippedLine,
)

T0: Final = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
"""When the tests' logs begin: 16:00 in Shanghai, 04:00 in New York."""
SOURCE: Final = "erp"
KEY: Final = "erp/o1"
PACK: Final = PackRef(regime="CN", pack="cn-reported@2025-10-09", digest="d" * 64)
REGIMES: Final = ("CN", "US", "EU")
SECOND: Final = timedelta(seconds=1)


def recorded(
    event: Model,
    key: str,
    *,
    topic: str,
    offset: int = 0,
    at: datetime = T0,
    event_id: str | None = None,
    partition: int = 0,
    source: str = SOURCE,
) -> Recorded[Any]:
    """Put an event in a log, through its bytes. Without an id it has one of its own."""
    read = event
    if not isinstance(event, Unreadable):  # that one is made by the reader, in its place
        read = decode(BY_MODEL[type(event)].name, topic, encode(event), source)
    return Recorded(
        event=read,
        id=event_id or derived_id("test", topic, str(partition), str(offset)),
        source=source,
        time=at,
        topic=topic,
        partition=partition,
        offset=offset,
        key=key,
        logged_at=at,
    )


# Orders


def line(line_id: str = "L1", **changes: Any) -> OrderLine:
    """A line of ten kilograms, worth 1,000 USD."""
    fields = {
        "line_id": line_id,
        "description": "dysprosium oxide powder",
        "quantity": Decimal(10),
        "unit": "kg",
        "value": Decimal(1000),
        "currency": "USD",
    }
    return OrderLine.model_validate(fields | changes)


def party(role: str, name: str, **changes: Any) -> OrderParty:
    """A party in Germany."""
    return OrderParty.model_validate({"role": role, "name": name, "country": "DE"} | changes)


PARTIES: Final = (party("consignee", "Weber GmbH"), party("end_user", "Weber GmbH"))


def order(order_id: str = "o1", revision: int = 1, **changes: Any) -> Order:
    """An order of one line from China to Germany."""
    fields = {
        "order_source": SOURCE,
        "order_id": order_id,
        "revision": revision,
        "exporter": Exporter(id="acme", country="CN"),
        "destination": "DE",
        "parties": PARTIES,
        "lines": (line(),),
    }
    return Order.model_validate(fields | changes)


def cancelled(revision: int = 1, **changes: Any) -> OrderCancelled:
    """A cancellation of the whole order."""
    fields = {"order_source": SOURCE, "order_id": "o1", "revision": revision}
    return OrderCancelled.model_validate(fields | changes)


def shipped(shipment_id: str, decision_id: str, **changes: Any) -> OrderShipped:
    """The whole first line leaves, finally."""
    fields = {
        "order_source": SOURCE,
        "order_id": "o1",
        "revision": 1,
        "shipment_id": shipment_id,
        "decision_id": decision_id,
        "shipped_at": T0 + timedelta(minutes=5),
        "final": True,
        "lines": (ShippedLine(line_id="L1", quantity=Decimal(10), unit="kg"),),
    }
    return OrderShipped.model_validate(fields | changes)


# Assessments


def verdict(decision: Verdict, **changes: Any) -> RegimeVerdict:
    """A verdict of a list in force."""
    fields = {
        "decision": decision,
        "applies": decision is not Verdict.NOT_APPLICABLE,
        "status": Status.IN_FORCE,
        "listed": decision is Verdict.LICENSE_REQUIRED,
        "pack": "cn-reported@2025-10-09",
        "digest": "d" * 64,
        "category": 1 if decision is Verdict.LICENSE_REQUIRED else None,
        "control_code": "1C905.b" if decision is Verdict.LICENSE_REQUIRED else None,
    }
    return RegimeVerdict.model_validate(fields | changes)


def settled(
    decision: Verdict = Verdict.NO_LICENSE_REQUIRED,
    *licenses: str,
    holds: Sequence[tuple[str, str]] = (),
    quantity: str = "10",
    **changes: Any,
) -> AssessedRegime:
    """One line under one regime, with candidates and holds."""
    return AssessedRegime(
        verdict=verdict(decision, **changes),
        candidates=tuple(
            Candidate(license_id=name, quantity=Decimal(quantity), unit="kg") for name in licenses
        ),
        holds=tuple(HoldCause(code=code, text=text) for code, text in holds),
        item=RequestedItem(codes=("1C905.b",), category=1),
    )


CLEAR: Final = settled()
NOT_APPLICABLE: Final = settled(Verdict.NOT_APPLICABLE)
Regimes = Mapping[str, AssessedRegime]


def drawing(*licenses: str, **changes: Any) -> dict[str, AssessedRegime]:
    """All regimes of a line that needs one of these licenses in China and is clear elsewhere."""
    return {"CN": settled(Verdict.LICENSE_REQUIRED, *licenses, **changes), "US": CLEAR, "EU": CLEAR}


def held_by(code: str, decision: Verdict = Verdict.REVIEW, *licenses: str) -> Regimes:
    """All regimes of a line that determination holds in China."""
    return {"CN": settled(decision, *licenses, holds=((code, code.lower()),)), "US": CLEAR}


ALL_CLEAR: Final[Regimes] = {"CN": CLEAR, "US": CLEAR, "EU": NOT_APPLICABLE}


def assessed(
    whole: Order | None = None,
    lines: Mapping[str, Regimes] | Regimes = ALL_CLEAR,
    *,
    check: int = 0,
    as_of: datetime = T0,
    bounds: Sequence[datetime] = (),
    **changes: Any,
) -> OrderAssessed:
    """An assessment; `lines` is by line, or the same for every line."""
    whole = whole or order()
    by_line = {each.line_id: lines.get(each.line_id, lines) for each in whole.lines}
    fields = {
        "order_source": whole.order_source,
        "order_id": whole.order_id,
        "revision": whole.revision,
        "check": check,
        "order": whole,
        "order_digest": derived_id(whole.model_dump_json()),
        "as_of": as_of,
        "days": (as_of.date(),),
        "lines": tuple(AssessedLine(line_id=at, regimes=found) for at, found in by_line.items()),
        "valid_until_bounds": tuple(Bound(until=until, why="a bound") for until in bounds),
        "book": {"0": 0},
        "packs": (PACK,),
        "engine": "test/1",
    }
    return OrderAssessed(**(fields | changes))


def decided(seq: int, action: str = "release", **changes: Any) -> OfficerDecided:
    """An officer's act on the hold numbered `seq`."""
    fields = {
        "order_source": SOURCE,
        "order_id": "o1",
        "revision": 1,
        "seq": seq,
        "action": action,
        "note": "seen",
        "officer": "ann",
        "decided_at": T0,
    }
    return OfficerDecided.model_validate(fields | changes)


def wanted(cause_id: str, recheck_by: datetime | None = None) -> RecheckWanted:
    """Somebody wants the order determined again."""
    return RecheckWanted(
        order_source=SOURCE, order_id="o1", cause="pack", cause_id=cause_id, recheck_by=recheck_by
    )


def unreadable(offset: int = 7, topic: str = "orders", key: str = KEY) -> Unreadable:
    """A record that could not be read."""
    return Unreadable(
        topic=topic, partition=0, offset=offset, key=key, size=3, sha256="0" * 64, reason="not JSON"
    )


def due(name: str, moment: datetime, entity: str = KEY) -> DeadlineDue:
    """A deadline."""
    return DeadlineDue.model_validate({"entity": entity, "deadline": name, "due": moment})


# Licenses


def terms(license_id: str = "cn-1", **changes: Any) -> LicenseTerms:
    """A license of 100 kg that covers the usual line."""
    fields = {
        "license_id": license_id,
        "type": "individual",
        "authority": "MOFCOM",
        "regime": "CN",
        "holder": "acme",
        "consignees": ("Weber GmbH",),
        "end_users": ("Weber GmbH",),
        "destinations": ("DE",),
        "codes": ("1C905",),
        "quantity": Decimal(100),
        "unit": "kg",
        "valid_from": date(2026, 1, 1),
        "valid_to": date(2026, 12, 31),
    }
    return LicenseTerms.model_validate(fields | changes)


def license_granted(license_id: str = "cn-1", amendment: int = 0, **changes: Any) -> LicenseGranted:
    """The license enters the book."""
    own = terms(license_id, **changes).model_dump()
    return LicenseGranted.model_validate(own | {"amendment": amendment})


def requested(reservation_id: str = "r1", quantity: str = "10", **changes: Any) -> Any:
    """A request for the usual line."""
    fields = {
        **of_reservation(reservation_id),
        "line_id": "L1",
        "regime": "CN",
        "attempt": 0,
        "as_of": T0,
        "time_basis": "log",
        "exporter": "acme",
        "item": RequestedItem(codes=("1C905.b",), category=1, materials=("Dy",)),
        "parties": tuple(
            RequestedParty(role=each.role, name=each.name, country=each.country) for each in PARTIES
        ),
        "destination": "DE",
        "purpose": "sale",
        "quantity": quantity,
        "unit": "kg",
        "answer_by": T0 + timedelta(seconds=10),
    }
    return ReservationRequested.model_validate(fields | changes)


def of_reservation(reservation_id: str, license_id: str = "cn-1") -> dict[str, Any]:
    """What every reservation event carries."""
    return {
        "order_source": SOURCE,
        "order_id": "o1",
        "revision": 1,
        "check": 0,
        "reservation_id": reservation_id,
        "request_id": f"{reservation_id}-request",
        "license_id": license_id,
    }


def settle(reservation_id: str, shipment_id: str, quantity: str, **changes: Any) -> Any:
    """Goods leave on a reservation."""
    fields = {
        **of_reservation(reservation_id),
        "shipment_id": shipment_id,
        "shipped_at": T0,
        "quantity": quantity,
        "unit": "kg",
        "final": False,
    }
    return ReservationSettled.model_validate(fields | changes)


def void(reservation_id: str) -> ReservationVoided:
    """A reservation is given back."""
    return ReservationVoided(**of_reservation(reservation_id), cause="cancelled")


def confirm(reservation_id: str) -> ReservationConfirmRequested:
    """Does it still stand?"""
    return ReservationConfirmRequested(**of_reservation(reservation_id))


def adjust(reservation_id: str, quantity: str, value: str | None = None) -> ReservationAdjusted:
    """New totals for a reservation."""
    fields = {
        **of_reservation(reservation_id),
        "request_id": f"{reservation_id}-{quantity}-{value}",
        "quantity": quantity,
        "value": value,
    }
    return ReservationAdjusted.model_validate(fields)
