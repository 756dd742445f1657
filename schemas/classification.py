"""What an item is under each regime, and the evidence for saying so."""

from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from schemas.base import Id, Model


class Verdict(StrEnum):
    """Least to grave. Within a regime findings combine by the graver; across regimes never."""

    NOT_APPLICABLE = "NOT_APPLICABLE"
    NO_LICENSE_REQUIRED = "NO_LICENSE_REQUIRED"
    REVIEW = "REVIEW"
    LICENSE_REQUIRED = "LICENSE_REQUIRED"
    OVERLAP_EXCLUDED = "OVERLAP_EXCLUDED"
    DENY_PRESUMED = "DENY_PRESUMED"

    @property
    def gravity(self) -> int:
        """Rank in the order of declaration."""
        return _GRAVITY[self]


_GRAVITY = {verdict: rank for rank, verdict in enumerate(Verdict)}


def gravest(verdicts: list[Verdict]) -> Verdict:
    """Combine findings: more evidence of risk never lowers a verdict."""
    return max(verdicts, key=_GRAVITY.__getitem__, default=Verdict.REVIEW)


class Status(StrEnum):
    """Where an entry stands on the day asked about."""

    IN_FORCE = "in_force"
    SUSPENDED = "suspended"
    NOT_YET = "not_yet"
    NOT_LISTED = "not_listed"
    REPEALED = "repealed"
    STALE = "stale"
    UNKNOWN = "unknown"


class LicenseType(StrEnum):
    """The type of license a verdict calls for."""

    NONE = "none"
    DUAL_USE = "dual_use"
    DUAL_USE_IF_REACTIVATED = "dual_use_if_reactivated"
    EXPORT_LICENSE_CODE_4 = "export_license_code_4"
    UNKNOWN = "unknown"


RECORD_CONFLICT: Final = "product#conflict"
"""Rule of the reason that holds a line whose words and product record disagree."""


class RegimeVerdict(Model):
    """One item under one regime (R in the contract). Fields of other regimes stay absent."""

    decision: Verdict
    applies: bool = Field(description="whether the regime reaches this transaction at all")
    status: Status
    listed: bool = Field(description="matches an entry, whatever its status or jurisdiction")
    license_type: LicenseType = LicenseType.NONE
    pack: str = Field(description="pack and version: cn-reported@2025-10-09")
    digest: str = Field(description="SHA-256 of the pack's canonical JSON, hex")
    next_change: str | None = Field(
        default=None, description="next day (in the regime's zone) an entry read changes status"
    )
    category: int | None = Field(default=None, description="CN: 1-4 of the reported rule")
    control_code: str | None = Field(default=None, description="CN: list code, e.g. 1C905.b")
    routed_to: tuple[str, ...] = Field(default=(), description="CN: regimes that control instead")
    eccn: str | None = Field(default=None, description="US: ECCN, EAR99, or null when undecided")
    subject_to_ear: bool | None = Field(default=None, description="US: whether the EAR apply")
    controls: tuple[str, ...] = Field(default=(), description="US: reasons for control")
    annex_i: str | None = Field(default=None, description="EU: code of Annex I, 2021/821")


class Match(Model):
    """Words or code that made a rule apply, and where they stand."""

    field: str
    text: str
    start: int = Field(description="first character, counted in code points from 0")
    end: int = Field(description="one past the last character")


class Reason(Model):
    """One piece of evidence for or against a verdict."""

    regime: str
    code: str
    effect: Literal["for", "against", "missing", "note"]
    rule: str = Field(description="rule or entry of the pack")
    text: str = Field(description="the sentence an officer reads")
    citation: str = ""
    evidence_tag: str = Field(default="", description="C confirmed, I inferred, G general, J own")
    matched: tuple[Match, ...] = ()


class ClassifiedLine(Model):
    """A line of an order under every regime."""

    line_id: Id
    regimes: dict[str, RegimeVerdict]
    reasons: tuple[Reason, ...] = ()
    missing: tuple[str, ...] = ()


class PackRef(Model):
    """A pack that was read."""

    regime: str
    pack: str
    digest: str


class ProductRef(Model):
    """A product record that was read."""

    sku: str
    offset: int
    digest: str
