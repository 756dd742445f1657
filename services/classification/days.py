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
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        return moment.date()
    try:
        return moment.astimezone(_zone(zone)).date()
    except OverflowError:  # the first or last day there is, seen from another zone
        return moment.date()
