"""The regimes licenses are issued under, and the zone whose days each counts in."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

ZONES: Final = {
    "CN": ZoneInfo("Asia/Shanghai"),
    "CN-GAZETTED": ZoneInfo("Asia/Shanghai"),
    "US": ZoneInfo("America/New_York"),
    "EU": ZoneInfo("Europe/Brussels"),
}
UTC_ZONE: Final = ZoneInfo("UTC")
_LAST: Final = date.max - timedelta(days=2)
"""Room for a zone before UTC: no later end of a day can be written in every zone."""


_asked: Final[dict[str, tuple[datetime, datetime, date]]] = {}
"""The day that each regime was asked for last, and from when until when it is that day."""


def day_in(regime: str, moment: datetime) -> date:
    """Tell the day an instant falls on for a regime (an unknown regime counts in UTC).

    A fold asks several times a record, nearly always for the same day.
    """
    last = _asked.get(regime)
    if last is not None and last[0] <= moment < last[1]:
        return last[2]
    zone = ZONES.get(regime, UTC_ZONE)
    try:
        day = moment.astimezone(zone).date()
    except OverflowError:  # the first or last day there is, seen from another zone
        return moment.date()
    if regime in ZONES and date.min < day < _LAST:
        begins, ends = (
            datetime.combine(each, time(), zone).astimezone(UTC)
            for each in (day, day + timedelta(days=1))
        )
        _asked[regime] = begins, ends, day
    return day


@lru_cache(maxsize=8_192)
def end_of(regime: str, day: date) -> datetime:
    """Tell when a day of a regime is over: the first moment that belongs to the next.

    Remembered, for a fold asks for the same few days at every record of a license.
    """
    zone = ZONES.get(regime, ZONES["CN"])
    return datetime.combine(min(day, _LAST) + timedelta(days=1), time(), zone)
