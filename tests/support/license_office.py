"""The license office of the simulated years: grants, amendments, suspensions, re-checks."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from schemas.base import Model
from schemas.checks import RecheckWanted
from schemas.decisions import Decided
from schemas.envelope import derived_id
from schemas.licenses import (
    BalanceAdjusted,
    LicenseAmended,
    LicenseGranted,
    LicenseReinstated,
    LicenseRevoked,
    LicenseSuspended,
)
from schemas.topics import CHECKS, LICENSES
from services.generator.goods import COVERED, CUSTOMERS

EXPORTERS: Final = ("acme", "bolt", "cinder")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_UNITS: Final = {1: "kg", 2: "kg", 3: "pc", 4: "seat"}


class LicenseOffice(ABC):
    """What the authority and the license office say, over the years."""

    choice: random.Random
    count: int
    start: date
    end: date
    per_license: int
    held: dict[str, Decided]

    @abstractmethod
    def _own_id(self, text: str) -> str:
        """Name something of these years, and of no others."""

    @abstractmethod
    def _soon(self, at: datetime, low: timedelta, high: timedelta) -> datetime:
        """Choose a moment after another."""

    @abstractmethod
    def _plan(self, at: datetime, do: Callable[[datetime], None]) -> None:
        """Do something when its moment comes."""

    @abstractmethod
    def say(
        self, topic: str, key: str, event: Model, event_id: str, source: str, at: datetime
    ) -> None:
        """Say something at a moment."""

    def _schedule_licenses(self) -> None:
        for year in range(self.start.year, self.end.year + 1):
            for exporter in EXPORTERS:
                for category in (1, 2, 3, 4):
                    self._schedule_license(year, exporter, category)

    def _schedule_license(self, year: int, exporter: str, category: int) -> None:
        begins = max(date(year, 1, 1), self.start)
        license_id = self._own_id(f"CN-{exporter}-{year}-{category}-")
        room = self.per_license or max(self.count // 3 // len(EXPORTERS) // 12, 1)
        limited = {"value": str(room * 25 * 60_000), "currency": "CNY"}
        if exporter != "bolt":
            limited = {"quantity": str(room * 32), "unit": _UNITS[category]}
        terms = {
            "license_id": license_id, "type": "general", "authority": "MOFCOM", "regime": "CN",
            "holder": exporter, "consignees": ("*",), "end_users": ("*",),
            "destinations": COVERED, "categories": (str(category),),
            "valid_from": begins, "valid_to": date(year, 12, 31), **limited,
        }  # fmt: skip
        if exporter == "cinder":
            names = tuple(name for place in COVERED for name in CUSTOMERS[place])
            terms |= {"type": "individual", "end_users": names, "consignees": names}
        at = datetime.combine(begins, time(1), UTC)
        self._plan(at, lambda t: self._license(LicenseGranted.model_validate(terms), t))
        self._plan(at + HOUR, lambda t: self._recheck(f"license {license_id}", t))
        fate = self.choice.random()
        later = self._soon(at, 60 * DAY, 200 * DAY)
        if fate < 0.4:
            self._plan(later, lambda t: self._extend(license_id, terms, t))
        elif fate < 0.6:
            change = {"license_id": license_id, "reason": "audit", "officer": "zhao"}
            self._plan(later, lambda t: self._change(LicenseSuspended, change, 1, t))
            self._plan(later + 10 * DAY, lambda t: self._change(LicenseReinstated, change, 2, t))
            self._plan(later + 11 * DAY, lambda t: self._recheck(f"reinstated {license_id}", t))
        elif fate < 0.7:
            change = {"license_id": license_id, "reason": "terms broken", "officer": "zhao"}
            self._plan(later, lambda t: self._change(LicenseRevoked, change, 1, t))
        elif fate < 0.8:
            self._plan(later, lambda t: self._credit(license_id, limited, t))

    def _license(self, event: Any, at: datetime) -> None:
        event_id = f"{event.license_id}a{getattr(event, 'amendment', 0)}{type(event).__name__}"
        self.say(LICENSES.name, event.license_id, event, event_id, "/exportgate/cli", at)

    def _extend(self, license_id: str, terms: dict[str, Any], at: datetime) -> None:
        """The authority grants half as much again; what was held for want of it is looked at."""
        more = {name: str(Decimal(terms[name]) * 3 // 2) for name in ("quantity", "value")
                if name in terms}  # fmt: skip
        self._license(LicenseAmended.model_validate({**terms, **more, "amendment": 1}), at)
        self._plan(at + HOUR, lambda t: self._recheck(f"amended {license_id}", t))

    def _change(
        self, kind: type[Any], change: dict[str, str], amendment: int, at: datetime
    ) -> None:
        event = kind.model_validate({**change, "amendment": amendment, "effective_at": at})
        self._license(event, at)

    def _credit(self, license_id: str, limited: dict[str, str], at: datetime) -> None:
        back = {"quantity": "-2", "unit": limited["unit"]} if "unit" in limited else (
            {"value": "-900", "currency": "CNY"})  # fmt: skip
        event = BalanceAdjusted.model_validate(
            {"adjustment_id": f"{license_id}j", "license_id": license_id, "document": "MOFCOM 12/7",
             "officer": "zhao", "note": "returned goods", **back}
        )  # fmt: skip
        self._license(event, at)

    def _recheck(self, cause: str, at: datetime) -> None:
        """Orders held for want of a license are looked at again, oldest first."""
        waiting = [
            key
            for key, event in self.held.items()
            if any(r.code.value.startswith(("NO_LIC", "LICENSE_")) for r in event.reasons)
        ]
        for key in waiting[:50]:
            source, _, order_id = key.rpartition("/")
            event = RecheckWanted(order_source=source, order_id=order_id, cause="license",
                                  cause_id=derived_id(cause, key)[:36], officer="zhao")  # fmt: skip
            self.say(CHECKS.name, key, event, event.cause_id, "/exportgate/cli", at)
