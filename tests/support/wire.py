"""Records as they come off the wire, whole or spoiled."""

from datetime import datetime
from typing import Any, Final

from schemas.base import Model
from schemas.envelope import headers
from schemas.events import BY_MODEL, encode
from services.runtime.codec import Raw, Read, read
from services.runtime.murmur import partition_of
from tests.support.builders import SOURCE, T0

PARTITIONS: Final = 12


def raw(
    event: Model,
    key: str,
    topic: str,
    *,
    offset: int = 0,
    at: datetime = T0,
    event_id: str = "",
    **changes: Any,
) -> Raw:
    """Write an event as a producer would, in the partition its key belongs in."""
    value = encode(event)
    written = headers(
        event_id=event_id or f"{topic}-{offset}",
        source=SOURCE,
        event_type=BY_MODEL[type(event)].name,
        time=at.isoformat(),
        value=value,
    )
    whole = Raw(
        topic=topic,
        partition=partition_of(key.encode(), PARTITIONS),
        offset=offset,
        key=key.encode(),
        value=value,
        headers=tuple(written),
        timestamp_ms=int(at.timestamp() * 1000),
    )
    return whole._replace(**changes)


def reading(event: Model, key: str, topic: str, **how: Any) -> Read:
    """Write an event and read it again."""
    return read(raw(event, key, topic, **how), PARTITIONS)
