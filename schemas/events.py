"""Every event type: its name on the wire, its model, and the topics it may stand in."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import orjson

from schemas import checks, decisions, licenses, orders, reference
from schemas.base import Model
from schemas.topics import (
    CHECKS,
    CHECKS_STATE,
    CLASSIFIED,
    DECISIONS,
    LICENSES,
    LICENSES_STATE,
    ORDERS,
    PRODUCTS,
    REFERENCE,
    Topic,
)


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type; `name` is the `ce_type` header."""

    name: str
    model: type[Model]
    topics: tuple[Topic, ...]


def _type(family: str, model: type[Model], *topics: Topic, verb: str) -> EventType:
    return EventType(f"exportgate.{family}.{verb}.v1", model, topics)


_ORDER_WAY = (ORDERS, CLASSIFIED, CHECKS)

EVENT_TYPES: Final = (
    _type("order", orders.OrderPlaced, ORDERS, verb="placed"),
    _type("order", orders.OrderAmended, ORDERS, verb="amended"),
    _type("order", orders.RecheckRequested, ORDERS, verb="recheck-requested"),
    _type("order", orders.OrderCancelled, *_ORDER_WAY, verb="cancelled"),
    _type("order", orders.OrderShipped, *_ORDER_WAY, verb="shipped"),
    _type("order", orders.OrderReturned, *_ORDER_WAY, verb="returned"),
    _type("order", checks.Unreadable, CLASSIFIED, CHECKS, verb="unreadable"),
    _type("order", checks.OrderClassified, CLASSIFIED, verb="classified"),
    _type("order", checks.OrderAssessed, CHECKS, verb="assessed"),
    _type("order", checks.RecheckWanted, CHECKS, verb="recheck-wanted"),
    _type("order", checks.ReleaseStale, CHECKS, verb="release-stale"),
    _type("officer", checks.OfficerDecided, CHECKS, verb="decided"),
    _type("deadline", checks.DeadlineDue, CHECKS, LICENSES, verb="due"),
    _type("reservation", checks.ReservationRequested, LICENSES, verb="requested"),
    _type("reservation", checks.ReservationConfirmRequested, LICENSES, verb="confirm-requested"),
    _type("reservation", checks.ReservationReleased, LICENSES, verb="released"),
    _type("reservation", checks.ReservationAdjusted, LICENSES, verb="adjusted"),
    _type("reservation", checks.ReservationSettled, LICENSES, verb="settled"),
    _type("reservation", checks.ReservationVoided, LICENSES, verb="voided"),
    _type("reservation", checks.ReservationReturned, LICENSES, verb="returned"),
    _type("reservation", checks.ReservationGranted, CHECKS, verb="granted"),
    _type("reservation", checks.ReservationRefused, CHECKS, verb="refused"),
    _type("reservation", checks.ReservationWithdrawn, CHECKS, verb="withdrawn"),
    _type("reservation", checks.ReservationPosted, CHECKS, verb="posted"),
    _type("license", licenses.LicenseGranted, LICENSES, verb="granted"),
    _type("license", licenses.LicenseAmended, LICENSES, verb="amended"),
    _type("license", licenses.LicenseSuspended, LICENSES, verb="suspended"),
    _type("license", licenses.LicenseReinstated, LICENSES, verb="reinstated"),
    _type("license", licenses.LicenseRevoked, LICENSES, verb="revoked"),
    _type("license", licenses.LicenseResolved, LICENSES, verb="resolved"),
    _type("license", licenses.BalanceAdjusted, LICENSES, verb="balance-adjusted"),
    _type("license", licenses.LicenseEventRefused, LICENSES, verb="event-refused"),
    _type("license", licenses.LicenseAlerted, LICENSES, verb="alerted"),
    _type("decision", decisions.OrderReleased, DECISIONS, verb="released"),
    _type("decision", decisions.OrderHeld, DECISIONS, verb="held"),
    _type("decision", decisions.OrderRejected, DECISIONS, verb="rejected"),
    _type("decision", decisions.OrderClosed, DECISIONS, verb="closed"),
    _type("decision", decisions.BreachRaised, DECISIONS, verb="breach-raised"),
    _type("product", reference.ProductClassified, PRODUCTS, verb="classified"),
    _type("reference", reference.RateSet, REFERENCE, verb="rate-set"),
    _type("reference", reference.PriceObserved, REFERENCE, verb="price-observed"),
    _type("reference", reference.PackActivated, REFERENCE, verb="pack-activated"),
    _type("control", reference.FoldVersion, CHECKS, LICENSES, verb="fold-version"),
    _type("control", reference.SnapshotTaken, CHECKS_STATE, LICENSES_STATE, verb="snapshot-taken"),
)

BY_NAME: Final = {event_type.name: event_type for event_type in EVENT_TYPES}
BY_MODEL: Final = {event_type.model: event_type for event_type in EVENT_TYPES}
_ALLOWED: Final = {
    (event_type.name, topic.name): event_type.model
    for event_type in EVENT_TYPES
    for topic in event_type.topics
}


class NotAnEvent(ValueError):  # noqa: N818 - says what it is, as the log line reads
    """The value is not the event that its headers announce."""


def decode(event_type: str, topic: str, value: bytes, source: str) -> Model:
    """Read one event as it may stand in `topic`.

    An order event without `order_source` means its CloudEvents source.
    Raises NotAnEvent for an unknown type and ValueError (pydantic) for a bad value.
    """
    model = _ALLOWED.get((event_type, topic))
    if model is None:
        raise NotAnEvent(f"{topic} carries no {event_type}")
    try:
        event: Model = model.__pydantic_validator__.validate_json(value)
    except ValueError:
        if topic != ORDERS.name or b'"order_source"' in value:
            raise
    else:
        if topic == ORDERS.name:
            _refuse_repeated_names(value)
        return event
    # Order systems may leave out order_source; the usual record has it, so this path is rare.
    data = orjson.loads(value)
    if not isinstance(data, dict):
        raise NotAnEvent("not a JSON object")
    try:
        whole = orjson.dumps({**data, "order_source": source})
    except orjson.JSONEncodeError as error:  # a TypeError, which nobody takes for a bad value
        raise NotAnEvent("nested too deeply") from error
    _refuse_repeated_names(value)
    return model.model_validate_json(whole)


def _refuse_repeated_names(value: bytes) -> None:
    """Two readers of an object with one name twice may see two orders, so nobody reads it.

    Only order systems' own JSON is looked at; what this software writes has each name once, and
    so has what is the same when it is written again.
    """
    with suppress(orjson.JSONDecodeError):  # stricter than the reader whose word counts
        if orjson.dumps(orjson.loads(value)) == value:
            return
    try:
        json.loads(value, object_pairs_hook=_distinct)
    except RecursionError as error:
        raise NotAnEvent("nested too deeply") from error


def _distinct(pairs: list[tuple[str, object]]) -> None:
    if len(pairs) > 1 and len({name for name, _ in pairs}) != len(pairs):
        raise NotAnEvent("a name is given twice in one object")


def encode(event: Model) -> bytes:
    """Write one event. Absent means null, so that equal events have equal bytes."""
    written: bytes = event.__pydantic_serializer__.to_json(event, exclude_none=True)
    return written  # as `model_dump_json` has it, but for the way over a text and back
