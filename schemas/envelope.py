"""CloudEvents 1.0 in Kafka's binary mode: attributes in `ce_*` headers, JSON in the value.

Identity: an input is (ce_source, ce_id); an output's id is UUIDv5 of what caused it, so a second
run of the same fold produces the same id (`https://cloudevents.io`, Kafka protocol binding).
"""

import hashlib
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Generic, NamedTuple, TypeVar

from schemas.base import Model

SPEC_VERSION: Final = b"1.0"
CONTENT_TYPE: Final = b"application/json"
_NAMESPACE: Final = hashlib.sha1(
    uuid.uuid5(uuid.NAMESPACE_URL, "urn:exportgate").bytes, usedforsecurity=False
)
_VARIANT: Final = {digit: f"{int(digit, 16) & 0x3 | 0x8:x}" for digit in "0123456789abcdef"}
"""First digit of the fourth group, which also carries the variant (RFC 9562 §4.1)."""

E_co = TypeVar("E_co", bound=Model, covariant=True)


class Recorded(NamedTuple, Generic[E_co]):
    """An event as it stands in the log: what it says, who said it, and where and when it stands.

    A tuple like Output: a frozen dataclass of so many fields takes a tenth of a recovery.
    """

    event: E_co
    id: str
    source: str
    time: datetime
    topic: str
    partition: int
    offset: int
    key: str
    logged_at: datetime
    traceparent: str | None = None
    value: bytes | None = None
    """The event as it was written, for who keeps it; none where nothing was read."""
    since: datetime | None = None
    """When the record of `orders` that led here was appended, where the record says so."""

    @property
    def place(self) -> str:
        """Coordinates in the log, as decisions and headers name them."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Output(NamedTuple):
    """An event to be written, with the identity it will have.

    A tuple, because a fold makes several a record, and a frozen dataclass takes twice as long.
    """

    topic: str
    key: str
    id: str
    event: Model
    value: bytes | None = None
    """The encoded event, where the fold had to encode it for its hash."""
    time: datetime | None = None
    """The event's own time; without one, that of its cause."""
    source: str | None = None
    """The event's source, where it is passed on unchanged; without one, the service's."""


def derived_id(*parts: str) -> str:
    """Derive an id (UUIDv5, RFC 9562 §5.5) from what it depends on; equal parts, equal id.

    Written out because the standard library's takes three times as long, several times an order.
    """
    digest = _NAMESPACE.copy()
    digest.update("\x1f".join(parts).encode())
    text = digest.hexdigest()
    variant = _VARIANT[text[16]]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def output_id(cause: Recorded[Model], kind: str, *parts: str) -> str:
    """Derive the id of what a record causes: `kind` and `parts` tell its outputs apart."""
    return derived_id(cause.source, cause.id, kind, *parts)


def headers(
    *,
    event_id: str,
    source: str,
    event_type: str,
    time: str,
    value: bytes,
    cause: str | None = None,
    traceparent: str | None = None,
    since: datetime | None = None,
) -> list[tuple[str, bytes]]:
    """Write the headers of one record. `ce_sha256` lets a reader find a flipped byte."""
    written = [
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", event_id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", event_type.encode()),
        ("ce_time", time.encode()),
        ("ce_sha256", hashlib.sha256(value).hexdigest().encode()),
        ("content-type", CONTENT_TYPE),
    ]
    if cause is not None:
        written.append(("ce_cause", cause.encode()))
    if traceparent is not None:
        written.append(("traceparent", traceparent.encode()))
    if since is not None:
        written.append(("ce_since", b"%d" % round(since.timestamp() * 1000)))
    return written


def read_headers(pairs: Iterable[tuple[str, bytes | None]] | None) -> dict[str, str]:
    """Read headers as text; the last of a name counts. Raises UnicodeDecodeError on bad UTF-8."""
    return {name: value.decode() for name, value in pairs or () if value is not None}
