"""Three years of a busy ledger partition, as raw records: real events, with ids and times varied.

Each kind of event is written once by the codec; every further record of it has other bytes in the
same places. Of ten reservations eight ship, two of them in two parts, and two are given back.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count, islice
from typing import Final, NamedTuple

from schemas.base import Model
from schemas.checks import DeadlineDue
from schemas.envelope import Output, derived_id
from schemas.regimes import end_of
from schemas.topics import CHECKS, LICENSES
from services.license_check.alerts import DAYS
from services.runtime.codec import written
from services.runtime.murmur import partition_of
from tests.support.builders import (
    T0,
    confirm,
    license_granted,
    of_reservation,
    recorded,
    requested,
    settle,
    void,
)

PARTITIONS: Final = LICENSES.partitions
PARTITION: Final = 5
SPAN: Final = timedelta(days=3 * 365)
BEGIN: Final = datetime.now(UTC).replace(second=0, microsecond=0) - SPAN
"""The log ends now: the service would tell the deadlines that passed since."""
STANDING: Final = 100
"""Licenses that are valid at any moment, each for a year; as many follow in every year."""
ROUND: Final = 200
"""Reservations that are open beside each other."""
_PLAIN = ("requested", "confirmed", "settled")
STORIES: Final = (
    _PLAIN, _PLAIN, ("requested", "confirmed", "shipped", "settled"), _PLAIN,
    ("requested", "voided"), _PLAIN, ("requested", "confirmed", "shipped", "settled"), _PLAIN,
    ("requested", "confirmed", "voided"), _PLAIN,
)  # fmt: skip
_RESERVATION, _LICENSE, _ORDER = derived_id("reservation"), "CN-000000", "SO-0000000"
_ID, _REQUEST, _SHIPMENT = derived_id("event"), derived_id("request"), "SH-0000000"
_MINUTE: Final = f"{T0:%Y-%m-%dT%H:%M:}".encode()
Headers = tuple[tuple[str, bytes | None], ...]


class Line(NamedTuple):
    """One raw record, and its moment in milliseconds since 1970."""

    key: bytes
    value: bytes
    headers: Headers
    timestamp_ms: int


class _Template(NamedTuple):
    value: bytes
    headers: Headers

    def filled(self, swaps: tuple[tuple[bytes, bytes], ...], key: bytes, at: datetime) -> Line:
        """Put other ids and times in the places of its own."""
        value = self.value
        for old, new in swaps:
            value = value.replace(old, new)
        fresh = {
            "ce_id": swaps[0][1],
            "ce_time": at.isoformat().encode(),
            "ce_sha256": hashlib.sha256(value).hexdigest().encode(),
        }
        headers = tuple([(name, fresh.get(name, had)) for name, had in self.headers])
        return Line(key, value, headers, int(at.timestamp() * 1000))


def keys() -> list[str]:
    """Choose license ids that stand in the partition."""
    names = (f"CN-{number:06d}" for number in count())
    own = (each for each in names if partition_of(each.encode(), PARTITIONS) == PARTITION)
    return list(islice(own, 4 * STANDING))


def ledger_log(records: int) -> Iterator[Line]:
    """Write so many records, in even steps over three years."""
    step = SPAN / records
    names, calendar, steps = keys(), _calendar(), _steps()
    templates = _templates()
    due, entry = next(calendar)
    drawn_on: dict[int, bytes] = {}
    for number in range(records):
        at = BEGIN + step * number
        if due <= at:
            yield _of_license(names, entry, at)
            due, entry = next(calendar)
            continue
        reservation, kind, part = next(steps)
        if part == 0:
            drawn_on[reservation] = names[_standing_at(at, reservation)].encode()
        yield _of_story(templates[kind], drawn_on[reservation], reservation, part, at)


def _standing_at(at: datetime, number: int) -> int:
    """Choose among the licenses that are valid at a moment: each day some begin, some run out."""
    oldest = int((at - BEGIN) / timedelta(days=365) * STANDING) + 1
    return oldest + number * 37 % (STANDING - 2)


def _steps() -> Iterator[tuple[int, str, int]]:
    """Tell the stories of ever new reservations, a round of them beside each other."""
    start = 0
    while True:
        for part in range(max(map(len, STORIES))):
            for number in range(start, start + ROUND):
                story = STORIES[number % len(STORIES)]
                if part < len(story):
                    yield number, story[part], part
        start += ROUND


def _of_story(template: _Template, key: bytes, number: int, part: int, at: datetime) -> Line:
    swaps = (
        (_ID.encode(), b"%08x-0000-5000-8000-%012x" % (number, part)),
        (_RESERVATION.encode(), b"%08x-0000-5000-8000-00000000001f" % number),
        (_REQUEST.encode(), b"%08x-0000-5000-8000-00000000002f" % number),
        (_LICENSE.encode(), key),
        (_ORDER.encode(), b"SO-%07d" % number),
        (_SHIPMENT.encode(), b"SH-%07d" % (number + part * 1_000_000)),
        (_MINUTE, f"{at:%Y-%m-%dT%H:%M:}".encode()),
    )
    return template.filled(swaps, key, at)


def _templates() -> dict[str, _Template]:
    shipped = {"value": "500", "final": False}
    events: dict[str, Model] = {
        "requested": requested(_RESERVATION, "10", value="1000", currency="USD"),
        "confirmed": confirm(_RESERVATION),
        "shipped": settle(_RESERVATION, _SHIPMENT, "5", **shipped),
        "settled": settle(_RESERVATION, _SHIPMENT, "5", **{**shipped, "final": True}),
        "voided": void(_RESERVATION),
    }
    ids = {"order_id": _ORDER, "license_id": _LICENSE, "request_id": _REQUEST}
    return {kind: _written(_LICENSE, each.model_copy(update=ids)) for kind, each in events.items()}


def _written(key: str, event: Model) -> _Template:
    """Write an event as the gate does, on behalf of a record of its own topic."""
    cause = recorded(void("r1"), of_reservation("r1")["license_id"], topic=LICENSES.name)
    sent = written(Output(LICENSES.name, key, _ID, event), cause, f"/exportgate/{CHECKS.name}")
    assert sent.value is not None, "an event has a value"
    return _Template(sent.value, sent.headers)


class _Entry(NamedTuple):
    """What becomes of a license on its day: it is granted, or a deadline of it passes."""

    license: int
    deadline: str | None
    due: datetime


def _calendar() -> Iterator[tuple[datetime, _Entry]]:
    """List what concerns licenses alone, by its moment; those that were over before, never."""
    entries = []
    for at in range(4 * STANDING):
        granted = max(_first_day(at), BEGIN)
        entries.append((granted, _Entry(at, None, granted)))
        over = end_of("CN", _last_day(at))
        warned = [("license_expiring", over - timedelta(days=days)) for days in DAYS]
        told = [*warned, ("license_expired", over)]
        entries += [(due, _Entry(at, name, due)) for name, due in told if due > granted]
    yield from sorted(entries, key=lambda each: (each[0], each[1].license))
    yield datetime.max.replace(tzinfo=UTC), _Entry(0, None, BEGIN)


def _first_day(at: int) -> datetime:
    return BEGIN + timedelta(days=365) * (at - STANDING) / STANDING


def _last_day(at: int) -> date:
    return (_first_day(at) + timedelta(days=365)).date()


def _of_license(names: list[str], entry: _Entry, at: datetime) -> Line:
    name = names[entry.license]
    event: Model = (
        license_granted(
            name, quantity=Decimal(20_000), value=Decimal(3_000_000), currency="USD",
            valid_from=_first_day(entry.license).date(), valid_to=_last_day(entry.license),
        )
        if entry.deadline is None
        else DeadlineDue.model_validate(
            {"entity": name, "deadline": entry.deadline, "due": entry.due}
        )
    )  # fmt: skip
    own = derived_id(name, entry.deadline or "granted", entry.due.isoformat())
    return _written(name, event).filled(((_ID.encode(), own.encode()),), name.encode(), at)
