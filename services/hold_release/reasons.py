"""Who may settle each reason to hold (`design` §2): the table the gate and officers obey."""

from enum import Enum, auto
from typing import Final

from schemas.decisions import HoldReason as R


class Settler(Enum):
    """Who may settle a reason, and by what."""

    OFFICER_FACT = auto()
    """An officer states the fact or classification with citation; it is determined again."""
    TWO_OFFICERS = auto()
    """A license of the regime routed to, or the written finding of two officers."""
    LICENSE_AND_TWO_OFFICERS = auto()
    """Only a license that names this end user, and two officers."""
    NOBODY = auto()
    """Only a license, document or amendment event, and a re-check."""
    GATE = auto()
    """The gate itself, by determining again."""
    NEVER = auto()
    """Rejected; nobody."""


SETTLERS: Final = {
    R.CLASSIFICATION_UNCERTAIN: Settler.OFFICER_FACT,
    R.MISSING_FACT: Settler.OFFICER_FACT,
    R.LIST_STALE: Settler.OFFICER_FACT,
    R.EVENT_CONFLICT: Settler.OFFICER_FACT,
    R.TIME_IMPLAUSIBLE: Settler.OFFICER_FACT,
    R.EVENT_UNREADABLE: Settler.OFFICER_FACT,
    R.PARTY_UNSCREENED: Settler.OFFICER_FACT,
    R.OVERLAP_ROUTED: Settler.TWO_OFFICERS,
    R.CATCH_ALL: Settler.TWO_OFFICERS,
    R.PARTY_HIT: Settler.TWO_OFFICERS,
    R.DENY_PRESUMED: Settler.LICENSE_AND_TWO_OFFICERS,
    R.NO_LICENSE: Settler.NOBODY,
    R.LICENSE_EXPIRED: Settler.NOBODY,
    R.LICENSE_NOT_YET_VALID: Settler.NOBODY,
    R.LICENSE_EXHAUSTED: Settler.NOBODY,
    R.LICENSE_SUSPENDED: Settler.NOBODY,
    R.LICENSE_REVOKED: Settler.NOBODY,
    R.LICENSE_UNKNOWN: Settler.NOBODY,
    R.PARTY_MISMATCH: Settler.NOBODY,
    R.DESTINATION_MISMATCH: Settler.NOBODY,
    R.ITEM_MISMATCH: Settler.NOBODY,
    R.UNIT_MISMATCH: Settler.NOBODY,
    R.EUC_MISSING: Settler.NOBODY,
    R.CONDITION_OPEN: Settler.NOBODY,
    R.RELEASE_EXPIRED: Settler.GATE,
    R.AMENDED: Settler.GATE,
    R.LEDGER_SILENT: Settler.GATE,
    R.EMBARGO: Settler.NEVER,
}

ACKNOWLEDGED: Final = frozenset(
    {R.EVENT_CONFLICT, R.TIME_IMPLAUSIBLE, R.EVENT_UNREADABLE, R.PARTY_UNSCREENED}
)
"""Facts of the order, not of a classification: one officer's `release` with a note states them."""


def by_release(reason: R) -> int:
    """Tell how many officers' `release` settles a reason; 0: no release can.

    What an item is must be classified (`holds classify`), not waved through.
    """
    if reason in ACKNOWLEDGED:
        return 1
    two = (Settler.TWO_OFFICERS, Settler.LICENSE_AND_TWO_OFFICERS)
    return 2 if SETTLERS[reason] in two else 0
