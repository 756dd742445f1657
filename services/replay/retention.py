"""How long records must be kept, and what may be removed: nothing younger, ever."""

from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.topics import LICENSES, PRODUCTS, REFERENCE
from services.classification.source import load_model
from services.replay.errors import ArchiveError, Finding
from services.replay.manifest import Entry, Manifest

SOURCE: Final = "policy/retention.yaml"
STANDING: Final = (PRODUCTS.name, REFERENCE.name, LICENSES.name)
"""However old, what is recorded there may be what today's orders and balances rest on."""


class Period(BaseModel):
    """One regime's duty to keep records, with its authority."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    regime: str
    years: int = Field(ge=5, description="no regime here allows less")
    counted_from: Literal["end of the year of the record"]
    citation: str = Field(min_length=1)
    tag: Literal["C", "I", "G", "J"]


class Retention(BaseModel):
    """The duties of all regimes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    periods: tuple[Period, ...] = Field(min_length=1)

    def keep_from(self, today: date) -> date:
        """The first day whose records must be kept, by the longest period.

        A period counts from the end of the record's calendar year, which is never earlier than the
        end of a transaction that the record itself ends.
        """
        years = max(period.years for period in self.periods)
        return date(today.year - years, 1, 1)


def read_retention() -> Retention:
    """Read the duties that ship with this release; a bad file raises PolicyError."""
    text = resources.files("policy").joinpath("retention.yaml").read_text(encoding="utf-8")
    return load_model(text, SOURCE, Retention)


@dataclass(frozen=True, slots=True)
class Prunable:
    """What may go, and why the rest may not."""

    before: date
    entries: tuple[Entry, ...]


def prunable(manifest: Manifest, today: date, before: date | None = None) -> Prunable:
    """Choose segments that end before a day. Raises ArchiveError where that day is too late.

    Only whole runs from the start of a partition go: what is left stays without gaps.
    """
    keep_from = read_retention().keep_from(today)
    if before is not None and before > keep_from:
        raise ArchiveError(f"records from {keep_from} on must be kept; nothing is removed")
    limit = before or keep_from
    chosen = []
    for (topic, _), entries in manifest.segments().items():
        if topic in STANDING:
            continue
        for entry in entries:
            if date.fromisoformat(entry["last_day"]) >= limit:
                break
            chosen.append(entry)
    return Prunable(limit, tuple(chosen))


def untimely(manifest: Manifest, today: date) -> list[Finding]:
    """Name what was removed though it had to be kept, or later than its entry says."""
    keep_from = read_retention().keep_from(today).isoformat()
    until = {
        path: min(str(entry["before"].get("day")), keep_from)
        for entry in manifest.of_kind("pruned")
        for path in entry["paths"]
    }
    return [
        Finding("manifest", entry["path"], f"was removed, and records up to {entry['last_day']} "
                f"are in it: they must be kept")
        for entry in manifest.of_kind("segment")
        if entry["last_day"] >= until.get(entry["path"], "9999")
    ]  # fmt: skip


def prune(manifest: Manifest, found: Prunable) -> int:
    """Put on record what goes, then remove it. Killed in between, the next prune removes it."""
    if found.entries:
        manifest.append(
            {
                "kind": "pruned",
                "paths": [entry["path"] for entry in found.entries],
                "before": {"day": found.before.isoformat(), "rule": SOURCE},
            }
        )
    removed = 0
    for path in manifest.pruned:
        file = manifest.root / path
        if file.exists():
            file.unlink()
            removed += 1
    return removed
