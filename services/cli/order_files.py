"""Files of order events, and of `check` lines made into orders. Pure: text in, events out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final

from pydantic import ValidationError

from schemas.base import Model, plain
from schemas.envelope import derived_id
from schemas.orders import (
    OrderAmended,
    OrderCancelled,
    OrderPlaced,
    OrderReturned,
    OrderShipped,
)
from services.classification.check_input import BadLine, Line, load, parse_line, parse_moment
from services.classification.item import Party

TYPES: Final[dict[str, type[Model]]] = {
    model.__name__: model
    for model in (OrderPlaced, OrderAmended, OrderCancelled, OrderShipped, OrderReturned)
}
LINES_SOURCE: Final = "orders-submit"
NOON: Final = time(12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Submitted:
    """One event to be sent."""

    id: str
    source: str
    time: datetime
    key: str
    event: Any


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line of a file is refused."""

    line: int
    field: str | None
    error: str


Parsed = tuple[list[Submitted], list[Fault]]


def parse_events(lines: Iterable[tuple[int, str]]) -> Parsed:
    """Read `{"type", "id", "source", "time", "data"}` a line; every fault of the file is found."""
    events: list[Submitted] = []
    faults: list[Fault] = []
    for number, text in lines:
        try:
            events.append(_event(load(text)))
        except BadLine as bad:
            faults.append(Fault(number, bad.field, bad.error))
        except ValidationError as error:
            faults += [Fault(number, _place(e["loc"]), e["msg"]) for e in error.errors()]
    return events, faults


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(("data", *(str(part) for part in location)))


def _event(raw: dict[str, Any]) -> Submitted:
    for field in ("type", "id", "source", "time"):
        if not isinstance(raw.get(field), str) or not raw[field]:
            raise BadLine(field, "needed, a string")
    model = TYPES.get(raw["type"])
    if model is None:
        raise BadLine("type", f"{raw['type']!r} is none of {', '.join(TYPES)}")
    if not isinstance(raw.get("data"), dict):
        raise BadLine("data", "needed, an object")
    data = {**raw["data"]}
    data.setdefault("order_source", raw["source"])
    event: Any = model.model_validate(data)
    key = raw.get("key", event.key)
    if key != event.key:
        raise BadLine("key", f"differs from the order's own, {event.key}")
    return Submitted(raw["id"], raw["source"], _moment(raw["time"]), event.key, event)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadLine("time", f"not RFC 3339: {text!r}") from error
    if moment.tzinfo is None:
        raise BadLine("time", "has no zone")
    return moment


def parse_lines(lines: Iterable[tuple[int, str]]) -> Parsed:
    """Read the input of `check`, grouped by `order_id` into one OrderPlaced each."""
    groups: dict[str, list[tuple[int, Line]]] = {}
    faults: list[Fault] = []
    for number, text in lines:
        try:
            line = parse_line(text)
        except BadLine as bad:
            faults.append(Fault(number, bad.field, bad.error))
            continue
        groups.setdefault(line.order_id or line.id, []).append((number, line))
    events: list[Submitted] = []
    for order_id, members in groups.items():
        try:
            events.append(_placed(order_id, [line for _, line in members]))
        except ValidationError as error:
            first = error.errors()[0]
            at = first["loc"]
            row = int(at[1]) if len(at) > 1 and at[0] == "lines" else 0
            place = ".".join(str(part) for part in at)
            faults.append(Fault(members[row][0], place, first["msg"]))
    return events, faults


def _placed(order_id: str, lines: list[Line]) -> Submitted:
    head = lines[0].item
    moment = parse_moment(lines[0].as_of)
    at = moment if isinstance(moment, datetime) else datetime.combine(moment, NOON)
    order = OrderPlaced.model_validate(
        {
            "order_source": LINES_SOURCE,
            "order_id": order_id,
            "revision": 1,
            "exporter": {"id": "default", "country": head.exporter_country},
            "ship_from": head.ship_from,
            "destination": head.destination,
            "parties": [_party(party, head.destination) for party in head.parties or ()],
            "mode": head.mode,
            "purpose": head.purpose,
            "lines": [_line(line) for line in lines],
        }
    )
    event_id = derived_id(LINES_SOURCE, order_id, order.model_dump_json())
    return Submitted(event_id, LINES_SOURCE, at, order.key, order)


def _party(party: Party, destination: str | None) -> dict[str, Any]:
    """A party without a country is taken to sit at the destination."""
    return {
        "role": party.role,
        "name": party.name,
        "country": party.country or destination,
        "owner_country": party.owner_country,
        "id": party.id,
    }


def _line(line: Line) -> dict[str, Any]:
    item = line.item
    return {
        "line_id": line.id,
        "sku": item.sku,
        "description": item.description,
        "language": item.language,
        "hs_code": item.hs_code,
        "quantity": None if item.quantity is None else plain(item.quantity),
        "unit": item.unit,
        "value": None if item.value is None else plain(item.value),
        "currency": item.currency,
        "origin": item.origin,
        "end_use": item.end_use,
        "cas": item.cas,
        "declared": dict(item.declared) if item.declared else None,
        "composition": [
            {"element": element, "mass_percent": plain(percent)}
            for element, percent in item.composition
        ]
        or None,
    }
