"""From a Kafka record to an event and back. What cannot be read becomes Unreadable, an input."""

import hashlib
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, NamedTuple

from confluent_kafka import Message

from schemas.base import Model, utc
from schemas.checks import Unreadable
from schemas.envelope import Output, Recorded, derived_id, headers, read_headers
from schemas.events import BY_MODEL, NotAnEvent, decode, encode
from schemas.orders import OfOrder, Order
from schemas.reference import ProductClassified
from schemas.topics import LICENSES, ORDERS, PRODUCTS, REFERENCE
from services.runtime.errors import Fatal
from services.runtime.murmur import partition_of

CONTROL: Final = "#"
"""Control records are keyed `#<partition>` and stand where they are told to."""
_ORDER_KEY: Final = re.compile(r"^(?P<source>.{1,128})/(?P<order>[A-Za-z0-9._-]{1,64})$", re.DOTALL)
_REASON_MAX: Final = 300
_MILLISECONDS_MAX: Final = 13
"""Digits of a moment before the year 2286."""


class Raw(NamedTuple):
    """A record as it came, kept so that a dead letter equals it byte for byte."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int


class Read(NamedTuple):
    """A record read: the event, or Unreadable in its place."""

    raw: Raw
    record: Recorded[Any]

    @property
    def unreadable(self) -> bool:
        """Whether a dead letter is owed. (A passed-on Unreadable is a readable event.)"""
        return isinstance(self.record.event, Unreadable) and self.record.event.topic == (
            self.raw.topic
        )


class Send(NamedTuple):
    """A record to be written."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    partition: int = -1
    event: Model | None = None
    caused_at: datetime | None = None
    since: datetime | None = None
    """When the record of `orders` that led here was appended; else, what caused it."""


def raw_of(message: Message) -> Raw:
    """Copy what matters out of a message of librdkafka."""
    return Raw(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
        message.timestamp()[1],
    )


def read(raw: Raw, partitions: int) -> Read:
    """Read one record. Never raises for what the record contains, except without a usable key.

    Raises Fatal where a record of a fold's topic has no key: nobody knows what it concerns.
    """
    logged_at = datetime.fromtimestamp(raw.timestamp_ms / 1000, UTC)
    try:
        return Read(raw, _recorded(raw, partitions, logged_at))
    except (ValueError, KeyError, NotAnEvent, UnicodeDecodeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}".replace("\n", " ")[:_REASON_MAX]
        return Read(raw, _unreadable(raw, reason, logged_at))


def _recorded(raw: Raw, partitions: int, logged_at: datetime) -> Recorded[Any]:
    if raw.value is None:
        raise NotAnEvent("the value is null")
    if raw.key is None:
        raise NotAnEvent("the key is null")
    found = read_headers(raw.headers)
    digest = found.get("ce_sha256")
    if digest is not None and digest != hashlib.sha256(raw.value).hexdigest():
        raise NotAnEvent("the value is not the one that was written (ce_sha256)")
    source = found["ce_source"]
    event = decode(found["ce_type"], raw.topic, raw.value, source)
    key = raw.key.decode()
    own = _key_of(event, key)
    if own != key:
        raise NotAnEvent(f"the key says {key!r}, the value {own!r}"[:_REASON_MAX])
    if not key.startswith(CONTROL) and raw.partition != partition_of(raw.key, partitions):
        raise NotAnEvent(f"stands in partition {raw.partition}, where its key does not belong")
    return Recorded(
        event,
        found["ce_id"],
        source,
        _time(found["ce_time"]),
        raw.topic,
        raw.partition,
        raw.offset,
        key,
        logged_at,
        found.get("traceparent"),
        raw.value,
        None if raw.topic == ORDERS.name else since_of(found.get("ce_since")),
    )


def since_of(text: str | None) -> datetime | None:
    """Read when the order's record was appended. It is only measured: nonsense is no fault."""
    if text is None or not text.isdecimal() or len(text) > _MILLISECONDS_MAX:
        return None
    return datetime.fromtimestamp(int(text) / 1000, UTC)


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise NotAnEvent("ce_time has no zone")
    return utc(moment)


def _key_of(event: Model, key: str) -> str:
    """Tell the key an event must stand under."""
    if _keyed_by_license(type(event)):
        license_id = event.license_id  # type: ignore[attr-defined]
        return key if license_id is None else str(license_id)
    if isinstance(event, (Order, OfOrder, ProductClassified)):
        return event.key
    return key


@cache
def _keyed_by_license(kind: type[Model]) -> bool:
    """Whether it concerns a license: all that names one, but for the ledger's answers to orders.

    Asked once a kind, for to look for a field that a model lacks takes longer than all the rest.
    """
    names = kind.model_fields
    of_order = issubclass(kind, (Order, OfOrder))
    told = not of_order or ("reservation_id" in names and "ledger_offset" not in names)
    return "license_id" in names and told


def order_of(key: str) -> tuple[str, str] | None:
    """Split an order key into source and id; None where it is none."""
    match = _ORDER_KEY.match(key)
    return (match["source"], match["order"]) if match else None


def _unreadable(raw: Raw, reason: str, logged_at: datetime) -> Recorded[Any]:
    key = _readable_key(raw)
    of_order = raw.topic not in (LICENSES.name, PRODUCTS.name, REFERENCE.name)
    order = order_of(key) if of_order and key is not None else None
    if of_order and order is None:
        key = None
    event = Unreadable(
        order_source=order[0] if order else None,
        order_id=order[1] if order else None,
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=key,
        size=len(raw.value or b""),
        sha256=hashlib.sha256(raw.value or b"").hexdigest(),
        reason=reason,
    )
    coordinates = (raw.topic, str(raw.partition), str(raw.offset))
    return Recorded(
        event=event,
        id=derived_id("unreadable", *coordinates),
        source="/exportgate/runtime",
        time=logged_at,
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=key or "",
        logged_at=logged_at,
    )


def _readable_key(raw: Raw) -> str | None:
    try:
        key = (raw.key or b"").decode()
    except UnicodeDecodeError:
        return None
    return key if key and len(key) <= 193 and key.isprintable() else None  # 128 + "/" + 64


def dead_letter(raw: Raw, topic: str, reason: str, group: str) -> Send:
    """Copy a record to its dead-letter topic: bytes and headers untouched, ours added."""
    added = {
        "kafka_dlt-original-topic": raw.topic,
        "kafka_dlt-original-partition": str(raw.partition),
        "kafka_dlt-original-offset": str(raw.offset),
        "kafka_dlt-original-timestamp": str(raw.timestamp_ms),
        "kafka_dlt-original-consumer-group": group,
        "kafka_dlt-exception-message": reason,
    }
    extra = tuple((name, text.encode()) for name, text in added.items())
    return Send(topic, raw.key, raw.value, (*raw.headers, *extra), raw.partition)


def written(output: Output, record: Recorded[Any], source: str) -> Send:
    """Encode an output, naming what caused it."""
    event_type = BY_MODEL.get(type(output.event))
    if event_type is None:
        raise Fatal(f"{type(output.event).__name__} has no name on the wire")
    value = encode(output.event) if output.value is None else output.value
    time = record.time if output.time is None else output.time
    since = record.since or record.logged_at
    return Send(
        topic=output.topic,
        key=output.key.encode(),
        value=value,
        headers=tuple(
            headers(
                event_id=output.id,
                source=source if output.source is None else output.source,
                event_type=event_type.name,
                time=time.isoformat(),
                value=value,
                cause=record.place,
                traceparent=record.traceparent,
                since=since,
            )
        ),
        event=output.event,
        caused_at=record.logged_at,
        since=since,
    )
