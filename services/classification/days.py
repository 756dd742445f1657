"""Regime days: a date means that whole day, an instant the day it falls on in the zone."""

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=1024)
def day_of(moment: date | datetime, zone: str) -> date:
    """Give the regime's day; a naive datetime is read as its own date."""
    if isinstance(moment, datetime):
        return moment.astimezone(_zone(zone)).date() if moment.tzinfo else moment.date()
    return moment
