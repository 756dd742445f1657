"""Goods that the line calls one thing and their product record another are held."""

from datetime import UTC, datetime

import pytest

from schemas.classification import RECORD_CONFLICT, Reason, Verdict
from schemas.orders import Finding
from tests.support.builders import verdict
from tests.support.determining import held, holds, judge

CONFLICT = Reason(
    regime="CN",
    code="CLASSIFICATION_UNCERTAIN",
    effect="missing",
    rule=RECORD_CONFLICT,
    text="the record says 1C904.b, but the line speaks of 1C905.b",
)
STATED = Finding(
    action="classify",
    regime="CN",
    code="1C905.b",
    citation="data sheet",
    officers=("li.wei",),
    decided_at=datetime(2026, 6, 1, tzinfo=UTC),
)


@pytest.mark.parametrize("decision", [Verdict.LICENSE_REQUIRED, Verdict.REVIEW])
def test_a_conflict_holds_whatever_license_covers(decision: Verdict) -> None:
    assessed = judge(held(), regimes={"CN": verdict(decision)}, reasons=[CONFLICT])

    assert holds(assessed) == ["CLASSIFICATION_UNCERTAIN"]


def test_goods_routed_to_another_regime_are_held_by_a_conflict_too() -> None:
    routed = {
        "CN": verdict(Verdict.OVERLAP_EXCLUDED, routed_to=("US",)),
        "US": verdict(Verdict.LICENSE_REQUIRED, eccn="1C003"),
    }
    assessed = judge(held(regime="US"), regimes=routed, reasons=[CONFLICT])

    assert holds(assessed) == ["CLASSIFICATION_UNCERTAIN"]


@pytest.mark.parametrize(
    ("code", "decision", "codes"),
    [
        ("1C905.b", Verdict.LICENSE_REQUIRED, []),
        ("none", Verdict.LICENSE_REQUIRED, ["CLASSIFICATION_UNCERTAIN"]),
        (None, Verdict.LICENSE_REQUIRED, ["CLASSIFICATION_UNCERTAIN"]),
        ("none", Verdict.NO_LICENSE_REQUIRED, []),
        (None, Verdict.NO_LICENSE_REQUIRED, []),
    ],
)
def test_an_officer_who_says_what_the_goods_are_ends_the_conflict(
    code: str | None, decision: Verdict, codes: list[str]
) -> None:
    stated = STATED.model_copy(update={"code": code})
    regimes = {"CN": verdict(decision)}
    assessed = judge(held(), regimes=regimes, reasons=[CONFLICT], findings=(stated,))

    assert holds(assessed) == codes
