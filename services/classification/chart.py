"""Licence columns and Country Chart: whether a listed code needs a license for a destination."""

from collections.abc import Iterable

from schemas.classification import Verdict
from services.classification.policy import Listed, Pack


def decide(pack: Pack, listed: Listed | None, destination: str) -> tuple[Verdict, str]:
    """Decide for one listed code and destination. No mark is no clearance of other rules."""
    if pack.licensing == "always":
        return Verdict.LICENSE_REQUIRED, "listed: a license is required"
    if listed is None:
        return Verdict.REVIEW, "the code is not among those the pack holds"
    whole, part = _marks(pack, listed, destination)
    if whole:
        return Verdict.LICENSE_REQUIRED, f"{', '.join(whole)} applies to {destination}"
    if part or not (listed.columns or listed.other):
        why = ", ".join(part) or "the entry names no column"
        return Verdict.REVIEW, f"{why}: the paragraph decides for {destination}"
    if destination not in pack.chart_open:
        return Verdict.REVIEW, f"{destination} has no row in the Country Chart"
    return Verdict.NO_LICENSE_REQUIRED, f"no column applies to {destination}"


def _marks(pack: Pack, listed: Listed, destination: str) -> tuple[list[str], list[str]]:
    whole: list[str] = []
    part: list[str] = []
    for column in listed.columns:
        name = column.rstrip("?")
        if destination in pack.chart.get(name, ()):
            (part if column.endswith("?") else whole).append(f"{name} column")
    for other in listed.other:
        why, where = other.split("=", 1)
        if where == "all":
            whole.append(f"{why} control for all destinations")
        elif where in ("*", "all?") or destination in _split(where):
            part.append(f"{why} control")
    return whole, part


def _split(where: str) -> Iterable[str]:
    return where.split(" ")
