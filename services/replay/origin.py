"""Who may write what: a record in a place it cannot come from is found whatever it says."""

from typing import Any, Final

from schemas.checks import (
    DeadlineDue,
    OfficerDecided,
    OrderAssessed,
    OrderClassified,
    RecheckWanted,
    ReleaseStale,
    ReservationAdjusted,
    ReservationConfirmRequested,
    ReservationGranted,
    ReservationPosted,
    ReservationRefused,
    ReservationReleased,
    ReservationRequested,
    ReservationReturned,
    ReservationSettled,
    ReservationVoided,
    ReservationWithdrawn,
)
from schemas.decisions import (
    BreachRaised,
    OrderClosed,
    OrderHeld,
    OrderRejected,
    OrderReleased,
)
from schemas.licenses import LicenseAlerted, LicenseEventRefused
from schemas.orders import RecheckRequested
from schemas.topics import LICENSES
from services.replay.errors import Finding
from services.replay.stages import CLASSIFICATION, DETERMINE, GATE, LEDGER
from services.runtime.codec import Raw

WRITER: Final[dict[type, str]] = {
    OrderClassified: CLASSIFICATION,
    OrderAssessed: DETERMINE,
    RecheckRequested: GATE,
    ReleaseStale: GATE,
    **dict.fromkeys(
        (ReservationRequested, ReservationConfirmRequested, ReservationAdjusted,
         ReservationSettled, ReservationVoided, ReservationReturned, ReservationReleased,
         OrderReleased, OrderHeld, OrderRejected, OrderClosed, BreachRaised),
        GATE,
    ),
    **dict.fromkeys(
        (ReservationGranted, ReservationRefused, ReservationWithdrawn, ReservationPosted,
         LicenseAlerted, LicenseEventRefused),
        LEDGER,
    ),
}  # fmt: skip
"""The only source of each event that a stage says."""
UNCAUSED: Final = (DeadlineDue, ReleaseStale)
"""What a stage's timer or valve appends, caused by no record."""


FROM_OUTSIDE: Final = (OfficerDecided, RecheckWanted)
"""What may be written to `orders.checks` by others than the stages."""


def foreign(event: Any, source: str) -> str | None:
    """Say what is wrong where an event does not come from who alone may say it."""
    writer = WRITER.get(type(event))
    if writer is not None and source != writer:
        return f"{type(event).__name__} written by {source!r}, not by {writer}"
    return None


def origin_fault(raw: Raw, text: str) -> Finding:
    """Say that a record stands where it cannot come from, and of which order it is."""
    place = f"{raw.topic}/{raw.partition}/{raw.offset}"
    order = None if raw.topic == LICENSES.name else (raw.key or b"").decode(errors="replace")
    return Finding("origin", place, text, order=order, record=place)
