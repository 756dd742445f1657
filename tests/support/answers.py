"""What the ledger would answer to the gate."""

from datetime import date
from typing import Any

from schemas.checks import (
    Balance,
    OfReservation,
    ReservationGranted,
    ReservationPosted,
    ReservationRefused,
    ReservationWithdrawn,
)

_HEAD = (
    "order_source", "order_id", "revision", "check", "reservation_id", "request_id", "license_id",
)  # fmt: skip


def _head(asked: OfReservation) -> dict[str, Any]:
    line_id, regime = getattr(asked, "line_id", "L1"), getattr(asked, "regime", "CN")
    place = {"line_id": line_id, "regime": regime, "ledger_partition": 0, "ledger_offset": 5}
    return {name: getattr(asked, name) for name in _HEAD} | place


def granted(asked: OfReservation, result: str = "granted", **changes: Any) -> ReservationGranted:
    """Yes: the quantity is set aside."""
    fields = {
        **_head(asked),
        "result": result,
        "quantity": "10",
        "unit": "kg",
        "valid_to": date(2026, 12, 31),
        "balance_before": Balance(),
        "balance_after": Balance(),
    }
    return ReservationGranted.model_validate(fields | changes)


def refused(asked: OfReservation, reason: str = "LICENSE_EXHAUSTED") -> ReservationRefused:
    """No."""
    return ReservationRefused(**_head(asked), reason=reason, text="0 kg remain")


def withdrawn(asked: OfReservation, reason: str = "LICENSE_SUSPENDED") -> ReservationWithdrawn:
    """No longer."""
    return ReservationWithdrawn(**_head(asked), reason=reason, text=f"cn-1: {reason}")


def posted(asked: OfReservation, operation: str, overdrawn: str | None = None) -> ReservationPosted:
    """Noted, with an overdraft or without."""
    over = {"quantity": overdrawn, "unit": "kg"} if overdrawn else None
    fields = {
        **_head(asked),
        "operation": operation,
        "result": "settled",
        "overdrawn": over,
        "balance_before": Balance(),
        "balance_after": Balance(),
    }
    return ReservationPosted.model_validate(fields)
