"""Files of order events, and of `check` lines made into orders. Pure: text in, events out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final

from pydantic import ValidationError

from schemas.base import Model, plain
from schemas.envelope import derived_id
from schemas.events import encode
from schemas.orders import (
    CANARY_SOURCE,
    OrderAmended,
    OrderCancelled,
    OrderPlaced,
    OrderReturned,
    OrderShipped,
)
from schemas.topics import ORDERS
from services.classification.check_input import BadLine, Line, load, parse_line, parse_moment
from services.classification.item import Party

TYPES: Final[dict[str, type[Model]]] = {
    model.__name__: model
    for model in (OrderPlaced, OrderAmended, OrderCancelled, OrderShipped, OrderReturned)
}
LINES_SOURCE: Final = "orders-submit"
NOON: Final = time(12, tzinfo=UTC)
BYTES_MAX: Final = ORDERS.max_bytes - 4_096
"""The topic's limit, less what key, headers and framing take of it."""
ID_MAX: Final = 128


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
    seen: dict[tuple[str, str], tuple[int, Submitted]] = {}
    for number, text in lines:
        try:
            event = _event(load(text))
            first, known = seen.setdefault((event.source, event.id), (number, event))
            if known != event:
                raise BadLine("id", f"stands in line {first} already, with other content")
            events.append(_checked(event))
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
        if len(raw[field]) > ID_MAX:
            raise BadLine(field, f"is longer than {ID_MAX} characters")
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


def _checked(event: Submitted) -> Submitted:
    """Refuse what the topic would not take, and a name that is not an order system's."""
    if event.event.order_source == CANARY_SOURCE:
        raise BadLine("data.order_source", f"{CANARY_SOURCE} is reserved for canary orders")
    size = len(encode(event.event))
    if size > BYTES_MAX:
        raise BadLine("data", f"takes {size} bytes; a record of orders holds {BYTES_MAX}")
    return event


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadLine("time", f"not RFC 3339: {text!r}") from error
    if moment.tzinfo is None:
        raise BadLine("time", "has no zone")
    return moment


Member = tuple[int, Line]
"""A line of an order, with its number in the file."""


def parse_lines(lines: Iterable[tuple[int, str]]) -> Parsed:
    """Read the input of `check`, grouped by `order_id` into one OrderPlaced each."""
    groups: dict[str, list[Member]] = {}
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
        differing = _differing(members)
        if differing:
            faults += differing
            continue
        try:
            events.append(_checked(_placed(order_id, [line for _, line in members])))
        except BadLine as bad:
            faults.append(Fault(members[0][0], bad.field, bad.error))
        except ValidationError as error:
            # That no good line is left follows from the faults of the lines.
            own = [e for e in error.errors() if (e["loc"], e["type"]) != (("lines",), "too_short")]
            faults += [_fault_of(members, e["loc"], e["msg"]) for e in own]
    return events, sorted(faults, key=lambda fault: fault.line)


_OF_ORDER: Final = (
    "exporter_country", "destination", "ship_from", "parties", "mode", "purpose", "incoterm",
)  # fmt: skip
"""Fields of `check` lines that an order has once: its lines must agree on them."""


def _differing(members: list[Member]) -> list[Fault]:
    """Find lines that contradict the first one of their order: no line may ship on its facts."""
    first, head = members[0]
    faults = []
    for number, line in members[1:]:
        if parse_moment(line.as_of) != parse_moment(head.as_of):
            faults.append(_contradiction(number, "as_of", first))
        faults += [
            _contradiction(number, field, first)
            for field in _OF_ORDER
            if getattr(line.item, field) != getattr(head.item, field)
        ]
        if line.id in [known.id for at, known in members if at < number]:
            faults.append(Fault(number, "id", "another line of this order has it already"))
    return faults


def _contradiction(number: int, field: str, first: int) -> Fault:
    return Fault(number, field, f"differs from line {first}, which is of the same order")


_OWN_NAMES: Final = {"exporter": "exporter_country", "line_id": "id"}


def _fault_of(members: list[Member], location: tuple[int | str, ...], error: str) -> Fault:
    """Name a fault of the order by the line and field of the file it came from."""
    number, own = members[0][0], location
    if len(location) > 2 and location[0] == "lines":
        number, own = members[int(location[1])][0], location[2:]
    if own and own[0] in _OWN_NAMES:
        return Fault(number, _OWN_NAMES[str(own[0])], error)
    return Fault(number, ".".join(str(part) for part in own) or None, error)


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
            "parties": [_party(party, head.destination, at) for party in head.parties or ()],
            "mode": head.mode,
            "purpose": head.purpose,
            "incoterm": head.incoterm,
            "lines": [_line(line) for line in lines],
        }
    )
    event_id = derived_id(LINES_SOURCE, order_id, order.model_dump_json())
    return Submitted(event_id, LINES_SOURCE, at, order.key, order)


def _party(party: Party, destination: str | None, at: datetime) -> dict[str, Any]:
    """A party without a country is taken to sit at the destination."""
    screened = {"result": party.screened, "list_version": "not stated", "at": at}
    return {
        "role": party.role,
        "name": party.name,
        "country": party.country or destination,
        "owner_country": party.owner_country,
        "id": party.id,
        "screened": screened if party.screened else None,
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
