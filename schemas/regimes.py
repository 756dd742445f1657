"""The regimes licenses are issued under, and the zone whose days each counts in."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

ZONES: Final = {
    "CN": ZoneInfo("Asia/Shanghai"),
    "CN-GAZETTED": ZoneInfo("Asia/Shanghai"),
    "US": ZoneInfo("America/New_York"),
    "EU": ZoneInfo("Europe/Brussels"),
}
UTC_ZONE: Final = ZoneInfo("UTC")


def day_in(regime: str, moment: datetime) -> date:
    """Tell the day an instant falls on for a regime (an unknown regime counts in UTC)."""
    return moment.astimezone(ZONES.get(regime, UTC_ZONE)).date()
