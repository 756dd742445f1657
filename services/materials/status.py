"""The control status of each material under each regime, on a day and at the next known change.

Pure: a material is classified as its probe, sold from China to Germany, like any line of an order.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from schemas.classification import RegimeVerdict
from services.classification.classify import classify
from services.classification.item import Item
from services.classification.policy import PackSet
from services.materials.catalog import MATERIALS, Material

DESTINATION: Final = "DE"
"""Where a material is taken to be sold to: a destination no list names on its own account."""


@dataclass(frozen=True, slots=True)
class ControlStatus:
    """A material under one regime: on the day asked about, and from the next known change on."""

    today: RegimeVerdict
    then: RegimeVerdict | None
    """From `today.next_change`; null where none is known."""


def control_statuses(packs: PackSet, day: date) -> dict[str, dict[str, ControlStatus]]:
    """Tell how every material stands under every regime on a day, by material and regime."""
    return {material.id: _statuses(material, packs, day) for material in MATERIALS}


def _statuses(material: Material, packs: PackSet, day: date) -> dict[str, ControlStatus]:
    found = classify(_item(material, day), packs).regimes
    later = {
        change: classify(_item(material, date.fromisoformat(change)), packs).regimes
        for change in {verdict.next_change for verdict in found.values()}
        if change is not None
    }
    return {
        regime: ControlStatus(
            verdict, later[verdict.next_change][regime] if verdict.next_change else None
        )
        for regime, verdict in found.items()
    }


def _item(material: Material, day: date) -> Item:
    return Item(
        description=material.probe,
        exporter_country="CN",
        origin="CN",
        destination=DESTINATION,
        as_of=day,
        composition=material.composition,
    )


_SAID_AS_VERDICT: Final = ("REVIEW", "OVERLAP_EXCLUDED", "DENY_PRESUMED", "NOT_APPLICABLE")


def told(verdict: RegimeVerdict) -> str:
    """Say a verdict in a table's words: `in_force`, `not_listed (code 4)`, `stale (REVIEW)`."""
    notes = []
    if verdict.decision in _SAID_AS_VERDICT or verdict.status == "stale":
        notes.append(str(verdict.decision))
    if verdict.license_type == "export_license_code_4":
        notes.append("code 4")
    return f"{verdict.status} ({', '.join(notes)})" if notes else str(verdict.status)
