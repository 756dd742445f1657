"""The control status of each material under each regime, on a day and at the next known change.

Pure: a material is classified as its probe, sold from China to Germany, like any line of an order.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from schemas.classification import LicenseType, RegimeVerdict, Status, Verdict
from services.classification.classify import classify
from services.classification.item import Item
from services.classification.pack_set import PackSet
from services.materials.catalog import MATERIALS, Material

DESTINATION: Final = "DE"
"""Where a material is taken to be sold to: a destination no list names on its own account."""
_PLAIN: Final = (Verdict.LICENSE_REQUIRED, Verdict.NO_LICENSE_REQUIRED)
"""What the status of an entry says by itself."""


@dataclass(frozen=True, slots=True)
class ControlStatus:
    """A material under one regime: on the day asked about, and from the next known change on."""

    today: RegimeVerdict
    change: date | None = None
    """Next day from which it is known to stand otherwise: an entry changes, or the list goes stale.

    Days are of the regime's zone."""
    then: RegimeVerdict | None = None
    """How it stands from then on."""


def control_statuses(packs: PackSet, day: date) -> dict[str, dict[str, ControlStatus]]:
    """Tell how every material stands under every regime on a day, by material and regime."""
    return {material.id: _statuses(material, packs, day) for material in MATERIALS}


def _statuses(material: Material, packs: PackSet, day: date) -> dict[str, ControlStatus]:
    verdicts = {day: classify(_item(material, day), packs).regimes}
    found = {}
    for regime, today in verdicts[day].items():
        found[regime] = ControlStatus(today)
        for change in _changes(regime, today, packs, day):
            if change not in verdicts:
                verdicts[change] = classify(_item(material, change), packs).regimes
            then = verdicts[change][regime]
            if _standing(then) != _standing(today):
                found[regime] = ControlStatus(today, change, then)
                break
    return found


def _changes(regime: str, today: RegimeVerdict, packs: PackSet, day: date) -> list[date]:
    """List the days ahead on which a regime may say something else, soonest first."""
    listed = date.fromisoformat(today.next_change) if today.next_change else None
    stale = packs.on(regime, day).pack.verified_until
    return sorted(each for each in (listed, stale) if each is not None and each > day)


def _standing(verdict: RegimeVerdict) -> tuple[str, str, str]:
    return verdict.status, verdict.decision, verdict.license_type


def _item(material: Material, day: date) -> Item:
    return Item(
        description=material.probe,
        exporter_country="CN",
        origin="CN",
        destination=DESTINATION,
        as_of=day,
        composition=material.composition,
    )


def told(verdict: RegimeVerdict) -> str:
    """Say a verdict in a table's words: `in_force`, `not_listed (code 4)`, `stale (REVIEW)`."""
    if verdict.decision is Verdict.NOT_APPLICABLE:
        return "does not apply"
    notes = []
    if verdict.status is Status.STALE or verdict.decision not in _PLAIN:
        notes.append(str(verdict.decision))
    if verdict.license_type is LicenseType.EXPORT_LICENSE_CODE_4:
        notes.append("code 4")
    return f"{verdict.status} ({', '.join(notes)})" if notes else str(verdict.status)
