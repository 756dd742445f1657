"""Candidates: the type first, then the record, in the declared order; money at dated rates."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.checks import Rate
from schemas.classification import Verdict
from tests.support.builders import T0, line, order, verdict
from tests.support.determining import candidates, found, held, holds, judge


def test_a_value_in_other_money_is_drawn_at_a_rate_on_record() -> None:
    limited = held(value=Decimal(5000), currency="CNY")
    assert holds(judge(limited)) == ["UNIT_MISMATCH"]

    fields = {"rate_id": "x", "from": "USD", "to": "CNY", "rate": "7.2", "source": "PBoC"}
    rate = Rate.model_validate(fields | {"at": T0 - timedelta(days=3)})
    other = Rate.model_validate(fields | {"rate_id": "y", "to": "EUR", "at": T0})
    assessed = judge(limited, rates=(rate, other))

    [candidate] = found(assessed).candidates
    assert (candidate.value, candidate.currency) == (Decimal(7200), "CNY")
    assert assessed.rates == (rate,)


def test_a_type_serves_what_it_is_for_and_its_rung_decides() -> None:
    """Named by the order, individual for this end user, individual, registration, general, last."""
    kinds: dict[str, dict[str, Any]] = {
        "e": {"type": "exception"}, "g": {"type": "general"}, "r": {"type": "registration"},
        "i": {"type": "individual", "end_users": ("*",)}, "n": {"type": "individual"},
    }  # fmt: skip
    licenses = [held(name, **changes) for name, changes in kinds.items()]

    assert candidates(judge(*licenses, whole=order(purpose="repair"))) == list("nirge")
    assert candidates(judge(*licenses)) == list("nige")
    asked = order(lines=(line(license_ids=("g",)),))
    assert candidates(judge(*licenses, whole=asked)) == list("gnie")


@pytest.mark.parametrize(
    ("kind", "whole", "decision", "words"),
    [
        ("registration", {}, Verdict.LICENSE_REQUIRED, "for repair or exhibition or return"),
        ("exception", {}, Verdict.DENY_PRESUMED, "does not overcome DENY_PRESUMED"),
        ("exception", {"destination": "IR"}, Verdict.LICENSE_REQUIRED, "never used for IR"),
    ],
)
def test_a_type_that_does_not_serve_says_so(
    kind: str, whole: dict[str, Any], decision: Verdict, words: str
) -> None:
    own = held(type=kind, destinations=("*",))
    assessed = judge(own, whole=order(**whole), regimes={"CN": verdict(decision)})

    assert candidates(assessed) == []
    assert words in found(assessed).unfit[0].change


def test_what_strands_least_is_drawn_first() -> None:
    """Of licenses alike in all else, the one that leaves the smallest remainder behind."""
    licenses = [held("a", quantity=Decimal(90)), held("b", quantity=Decimal(11)),
                held("c", quantity=Decimal(9))]  # fmt: skip

    assert candidates(judge(*licenses)) == ["b", "a", "c"]
