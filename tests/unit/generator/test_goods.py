"""The goods are what their author says they are, to whichever customer they go."""

from datetime import date
from decimal import Decimal

import pytest

from schemas.classification import RECORD_CONFLICT, Verdict
from services.classification.classify import classify
from services.classification.item import Item
from services.generator.goods import (
    CATALOGUE,
    COVERED,
    CUSTOMERS,
    FREE,
    LICENSED,
    OVERLAP,
    UNCOVERED,
    VAGUE,
    Good,
)
from services.generator.scenario import scenario
from services.runtime.packs import load_packs
from tests.unit.classification.records import current

VERDICTS = {
    "free": {Verdict.NO_LICENSE_REQUIRED},
    "licensed": {Verdict.LICENSE_REQUIRED},
    "vague": {Verdict.REVIEW},
    "overlap": {Verdict.OVERLAP_EXCLUDED},
}


@pytest.mark.parametrize(
    "good", [*FREE, *LICENSED, *VAGUE, *OVERLAP], ids=lambda good: good.description
)
def test_a_good_has_the_verdict_it_was_chosen_for(good: Good) -> None:
    for destination in (*COVERED, *UNCOVERED):
        item = Item(
            description=good.description, hs_code=good.hs_code, quantity=Decimal(2),
            unit=good.unit, exporter_country="CN", origin="CN", destination=destination,
            as_of=date(2026, 6, 15),
        )  # fmt: skip
        china = classify(item, load_packs("reported")).regimes["CN"]

        assert {china.decision} == VERDICTS[good.kind], destination
        assert china.category == good.category or good.kind == "vague", destination


RECORDS = {row["sku"]: row["codes"] for row in scenario(1, 1).products}


@pytest.mark.parametrize("sku", CATALOGUE)
def test_its_product_record_says_the_same(sku: str) -> None:
    packs, good = load_packs("reported"), CATALOGUE[sku]
    record = current(packs, **RECORDS[sku])
    item = Item(
        description=good.description, hs_code=good.hs_code, quantity=Decimal(2), unit=good.unit,
        exporter_country="CN", origin="CN", destination="DE", as_of=date(2026, 6, 15),
    )  # fmt: skip
    with_record = classify(item, packs, (), record)

    assert {with_record.regimes["CN"].decision} == VERDICTS[good.kind]
    assert with_record.regimes["CN"].category == good.category
    assert RECORD_CONFLICT not in {reason.rule for reason in with_record.reasons}


def test_all_four_categories_are_ordered_in_both_languages() -> None:
    assert {good.category for good in LICENSED} == {1, 2, 3, 4}
    for goods in (FREE, LICENSED):
        assert 0 < sum(not good.description.isascii() for good in goods) < len(goods)


def test_every_destination_has_a_customer() -> None:
    assert set(CUSTOMERS) == {*COVERED, *UNCOVERED}
    assert not set(COVERED) & set(UNCOVERED)
