"""Warnings before a license is used up or over: once a threshold and amendment, as events."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from schemas.base import Model, built, changed
from schemas.envelope import Output, Recorded, output_id
from schemas.fold import EPOCH, Saying, later
from schemas.licenses import LicenseAlerted
from schemas.regimes import end_of
from schemas.topics import LICENSES
from services.license_check.book import ZERO, License

LEVELS: Final = (80, 90, 95, 100)
"""Percent used or reserved."""
_LEFT_AT_FIRST: Final = 100 // (100 - LEVELS[0])
"""At the first level, one of so many parts is left."""
DAYS: Final = (30, 14, 7, 1)
"""Days before the end of the last day."""


def watched(license_: License, record: Recorded[Any]) -> tuple[License, list[Saying]]:
    """Tell of the highest level newly reached, in quantity and in value."""
    terms = license_.terms
    if terms is None:
        return license_, []
    left = license_.left()
    quantity, value = left.quantity, left.value
    # At a glance, for nearly every record asks: not even the lowest level is reached.
    if (quantity is None or quantity * _LEFT_AT_FIRST > (terms.quantity or ZERO)) and (
        value is None or value * _LEFT_AT_FIRST > (terms.value or ZERO)
    ):
        return license_, []
    found: list[Saying] = []
    limit = terms.quantity
    if limit is not None and license_.alerted_quantity < LEVELS[-1]:
        drawn = limit - (left.quantity or ZERO)
        level = _reached(drawn, limit, license_.alerted_quantity)
        if level:
            license_ = changed(license_, alerted_quantity=level)
            found.append(_used(license_, record, "quantity", level))
    limit = terms.value
    if limit is not None and license_.alerted_value < LEVELS[-1]:
        drawn = limit - (left.value or ZERO)
        level = _reached(drawn, limit, license_.alerted_value)
        if level:
            license_ = changed(license_, alerted_value=level)
            found.append(_used(license_, record, "value", level))
    return license_, found


def _reached(drawn: Decimal, limit: Decimal, told: int) -> int:
    """Give the highest level reached above what was told; 0: none."""
    percent = drawn * 100
    if percent < limit * LEVELS[0]:
        return 0
    return max((each for each in LEVELS if each > told and percent >= limit * each), default=0)


@later
def _used(license_: License, record: Recorded[Any], measure: str, level: int) -> Output:
    terms = license_.terms
    assert terms is not None, "watched above"
    quantity = measure == "quantity"
    event = built(
        LicenseAlerted,
        license_id=license_.license_id,
        alert="utilisation",
        threshold=level,
        amendment=license_.amendment,
        measure=measure,
        used=license_.used_quantity if quantity else license_.used_value,
        reserved=license_.reserved_quantity if quantity else license_.reserved_value,
        authorized=terms.quantity if quantity else terms.value,
        unit=terms.unit if quantity else terms.currency,
        valid_to=terms.valid_to,
        ledger_partition=record.partition,
        ledger_offset=record.offset,
    )
    return _output(record, event, measure, str(level))


def _output(record: Recorded[Any], event: Model, *parts: str) -> Output:
    return Output(LICENSES.name, record.key, output_id(record, "alerted", *parts), event)


def over_at(license_: License) -> datetime | None:
    """End of the license's last day, in its regime's zone."""
    terms = license_.terms
    return None if terms is None else end_of(terms.regime, terms.valid_to)


def _warned_at(over: datetime, days: int) -> datetime:
    """Tell when a warning some days before the end is due; at once, where there was no such day."""
    try:
        return over - timedelta(days=days)
    except OverflowError:
        return EPOCH


def next_warning(license_: License) -> datetime | None:
    """Tell when the next warning before expiry is due; None: none is."""
    over = over_at(license_)
    told = license_.alerted_days
    ahead = [days for days in DAYS if told is None or days < told]
    if over is None or license_.expired or not ahead:
        return None
    return _warned_at(over, ahead[0])


def expiring(
    license_: License, record: Recorded[Any], now: datetime
) -> tuple[License, list[Saying]]:
    """Warn of the end, by log time: the nearest threshold that passed and was not told."""
    over = over_at(license_)
    if over is None or now >= over:
        return license_, []
    told = license_.alerted_days
    passed = [days for days in DAYS if _warned_at(over, days) <= now]
    if not passed or (told is not None and passed[-1] >= told):
        return license_, []
    warned = changed(license_, alerted_days=passed[-1])
    return warned, [_ending(warned, record, passed[-1])]


@later
def _ending(license_: License, record: Recorded[Any], days: int) -> Output:
    terms = license_.terms
    assert terms is not None, "what ends has terms"
    event = built(
        LicenseAlerted,
        license_id=license_.license_id,
        alert="expiry",
        threshold=days,
        amendment=license_.amendment,
        valid_to=terms.valid_to,
        ledger_partition=record.partition,
        ledger_offset=record.offset,
    )
    return _output(record, event, "expiry", str(days))
