"""A whole order: what is remembered changes no byte, and what was read is named."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas.checks import OrderClassified
from schemas.classification import ProductRef, Verdict
from schemas.events import encode
from schemas.orders import Finding, Order, OrderPlaced, RecheckRequested
from services.classification.classify import classify
from services.classification.item import Party
from services.classification.orders import Classifier, Products, classify_order, item_of
from services.classification.products import Product
from services.runtime.packs import load_packs
from tests.unit.classification.records import current, stale, unreadable

PACKS = load_packs("both")
AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
PARTY = {"role": "buyer", "name": "Rheintal Antriebe GmbH", "country": "DE"}
LINE = {"line_id": "1", "description": "Goods", "quantity": "1", "unit": "kg", "origin": "CN"}
ORDER: dict[str, Any] = {
    "order_source": "erp", "order_id": "O-1", "revision": 1, "destination": "DE",
    "exporter": {"id": "default", "country": "CN"}, "parties": [PARTY], "lines": [LINE],
}  # fmt: skip
CHANGES: list[dict[str, Any]] = [
    {},
    {"destination": "KP"},
    {"destination": "CN"},
    {"ship_from": "US"},
    {"exporter": {"id": "default", "country": "DE"}},
    {"exporter": {"id": "other", "country": "CN"}},
    {"parties": []},
    {"parties": [{**PARTY, "name": "MP Materials Corp."}]},
    {"parties": [{**PARTY, "role": "end_user"}]},
    {"parties": [{**PARTY, "name": "Nordhafen Elektro AG", "country": "US"}]},
    {"parties": [PARTY, {**PARTY, "role": "end_user", "name": "Jaia Robotix"}]},
    {"parties": [{**PARTY, "name": "Nordhafen Elektro AG"}], "destination": "CN"},
    {"parties": [{**PARTY, "owner_country": "US"}], "destination": "CN"},
    {"parties": [{**PARTY, "screened": {"result": "hit", "list_version": "1", "at": str(AT)}}]},
    {"requested_ship_date": "2026-12-01"},
    {"incoterm": "EXW"},
    {"purpose": "sample"},
    {"mode": "electronic"},
]
LINES: list[dict[str, Any]] = [
    {},
    {"sku": "SKU-1"},
    {"sku": "SKU-2"},
    {"description": "Holmium oxide"},
    {"description": "Dysprosium oxide", "sku": "SKU-1"},
    {"description": None, "sku": "SKU-2"},
    {"hs_code": "2805.30.12.00"},
    {"unit": "cubits"},
    {"origin": "US"},
    {"end_use": "missile guidance"},
    {"cas": "1308-87-8"},
    {"declared": {"cn": "1C905.b"}},
    {"composition": [{"element": "Dy", "mass_percent": "2"}]},
    {"language": "de"},
    {"quantity": "7", "value": "10", "currency": "CNY"},
]
RECORDS: list[Product | None] = [
    None, current(PACKS, CN=None), current(PACKS, CN="1C905.b"), stale(PACKS, CN="1C905.b"),
    unreadable(),
]  # fmt: skip


def known(product: Product | None) -> Products:
    """One product on record."""
    found = {} if product is None else {"default/SKU-1": product}
    return Products(found, {"3": 18} if found else {})


def classified(
    order: Order, classifier: Classifier, product: Product | None, at: datetime = AT
) -> bytes:
    found = classify_order(
        order, as_of=at, own_day=AT, digest="", classifier=classifier, products=known(product)
    )
    return encode(found)


def different() -> Iterator[tuple[Order, Product | None, datetime]]:
    """Orders that differ in one thing that counts, or in one that does not."""
    for change in CHANGES:
        for line in LINES:
            order = OrderPlaced.model_validate({**ORDER, **change, "lines": [{**LINE, **line}]})
            for number, product in enumerate(RECORDS):
                record = product and replace(product, digest=f"{number}" * 64)
                yield order, record, AT
            yield order, None, datetime(2026, 11, 12, tzinfo=UTC)
            yield order, None, AT - timedelta(days=500)


def test_what_is_remembered_changes_no_byte() -> None:
    cases = list(different())
    random.Random(1).shuffle(cases)
    shared = Classifier(PACKS)
    answers = [classified(order, shared, product, at) for order, product, at in cases]

    for (order, product, at), answer in zip(cases[::9], answers[::9], strict=True):
        assert answer == classified(order, Classifier(PACKS), product, at)
    assert answers == [classified(order, shared, product, at) for order, product, at in cases]


def test_an_order_is_judged_as_its_line_alone_with_all_its_parties() -> None:
    shared = Classifier(PACKS)
    for order, product, at in different():
        parties = tuple(
            Party(
                p.role, p.name, p.country, p.owner_country, p.id,
                p.screened.result if p.screened else None,
            )
            for p in order.parties
        )  # fmt: skip
        item = item_of(order, order.lines[0], at, parties)
        days = (AT,) if order.requested_ship_date is None else (AT, order.requested_ship_date)
        found = classify_order(
            order, as_of=at, own_day=AT, digest="", classifier=shared, products=known(product)
        ).lines[0]
        heard = product if order.exporter.id == "default" and item.sku == "SKU-1" else None
        wanted = classify(item, PACKS, days, heard)

        assert (found.regimes, found.reasons) == (wanted.regimes, wanted.reasons)


def test_of_two_days_that_weigh_the_same_the_first_is_told() -> None:
    order = OrderPlaced.model_validate({**ORDER, "lines": [{**LINE, "description": "Dy2O3"}]})
    later = datetime(2026, 12, 1, tzinfo=UTC)
    shared = Classifier(PACKS)
    one = classify_order(order, as_of=AT, own_day=later, digest="", classifier=shared)
    two = classify_order(order, as_of=later, own_day=AT, digest="", classifier=shared)
    fresh = classify_order(order, as_of=later, own_day=AT, digest="", classifier=Classifier(PACKS))

    assert two == fresh
    assert {one.lines[0].regimes["CN"].decision} == {Verdict.LICENSE_REQUIRED}


def test_the_record_that_was_read_is_named_once_and_how_far_they_were_read() -> None:
    lines = [{**LINE, "line_id": str(at), "sku": "SKU-1"} for at in (1, 2)]
    order = OrderPlaced.model_validate({**ORDER, "lines": [*lines, {**LINE, "line_id": "3"}]})
    found = classify_order(
        order, as_of=AT, own_day=None, digest="", classifier=Classifier(PACKS),
        products=known(current(PACKS, CN=None)),
    )  # fmt: skip

    assert found.products == (ProductRef(sku="SKU-1", offset=17, digest="a" * 64),)
    assert found.products_offsets == {"3": 18}
    assert [line.regimes["CN"].decision for line in found.lines] == [
        Verdict.NO_LICENSE_REQUIRED, Verdict.NO_LICENSE_REQUIRED, Verdict.REVIEW,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("exporter", "sku", "key"),
    [("other", "SKU-1", "default/SKU-1"), ("default/x", "SKU-1", "default/x/SKU-1")],
)
def test_another_exporters_record_says_nothing(exporter: str, sku: str, key: str) -> None:
    other = {**ORDER, "exporter": {"id": exporter, "country": "CN"}}
    order = OrderPlaced.model_validate({**other, "lines": [{**LINE, "sku": sku}]})
    found = classify_order(
        order, as_of=AT, own_day=None, digest="", classifier=Classifier(PACKS),
        products=Products({key: current(PACKS, CN=None)}),
    )  # fmt: skip

    assert found.products == ()
    assert found.lines[0].regimes["CN"].decision is Verdict.REVIEW


@pytest.mark.parametrize(
    ("code", "wanted"), [("1C905.b", "1C905.b"), ("none", "1C904.b"), (None, "1C904.b")]
)
def test_an_officer_of_the_order_has_the_last_word_but_waives_no_license(
    code: str | None, wanted: str
) -> None:
    finding = Finding(
        action="classify", line_id="1", regime="CN-GAZETTED", code=code, citation="letter",
        officers=("m.braun",), decided_at=AT,
    )  # fmt: skip
    line = {**LINE, "description": "Dysprosium oxide", "sku": "SKU-1"}
    order = RecheckRequested.model_validate(
        {**ORDER, "lines": [line], "check": 1, "findings": [finding], "cause": "officer",
         "cause_id": "x"}
    )  # fmt: skip
    found = classify_order(
        order, as_of=AT, own_day=None, digest="", classifier=Classifier(PACKS),
        products=known(current(PACKS, **{"CN-GAZETTED": "1C904.b"})),
    )  # fmt: skip
    verdict = found.lines[0].regimes["CN-GAZETTED"]

    assert (verdict.decision, verdict.control_code) == (Verdict.LICENSE_REQUIRED, wanted)


def test_a_day_is_a_day_in_each_zone() -> None:
    line = {**LINE, "description": "Dysprosium oxide"}
    order = OrderPlaced.model_validate({**ORDER, "lines": [line]})
    evening = datetime(2025, 4, 3, 16, tzinfo=UTC)
    shared = Classifier(PACKS)
    before = classify_order(
        order, as_of=evening - timedelta(seconds=1), own_day=None, digest="", classifier=shared
    )
    after = classify_order(order, as_of=evening, own_day=None, digest="", classifier=shared)

    assert evening.date() == date(2025, 4, 3)
    decisions = [each.lines[0].regimes["CN-GAZETTED"].decision for each in (before, after)]
    assert decisions == [Verdict.NO_LICENSE_REQUIRED, Verdict.LICENSE_REQUIRED]


@pytest.mark.parametrize(
    "moment",
    [datetime(9999, 12, 31, 23, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)],
)
def test_the_first_and_last_moments_stop_nothing(moment: datetime) -> None:
    order = OrderPlaced.model_validate({**ORDER, "lines": [LINE]})
    found = OrderClassified.model_validate_json(classified(order, Classifier(PACKS), None, moment))
    assert found.as_of == moment
    assert found.lines[0].regimes.keys() == PACKS.keys.keys()


def test_the_end_user_of_a_document_is_a_party() -> None:
    document = {
        "kind": "euc", "number": "E-1", "issuer": "A", "issued": "2026-06-01",
        "end_user": "MP Materials Corp.",
    }  # fmt: skip
    order = OrderPlaced.model_validate({**ORDER, "documents": [document]})
    found = classify_order(order, as_of=AT, own_day=None, digest="", classifier=Classifier(PACKS))
    assert found.lines[0].regimes["CN"].decision is Verdict.DENY_PRESUMED


def test_what_an_officer_states_counts_on_the_ship_date_too() -> None:
    finding = Finding(
        action="classify", line_id="1", regime="CN-GAZETTED", code="1C905.b", citation="letter",
        officers=("m.braun",), decided_at=AT,
    )  # fmt: skip
    order = RecheckRequested.model_validate(
        {**ORDER, "check": 1, "findings": [finding], "cause": "officer", "cause_id": "x",
         "requested_ship_date": "2025-04-10"}
    )  # fmt: skip
    eve = datetime(2025, 4, 3, 12, tzinfo=UTC)
    found = classify_order(order, as_of=eve, own_day=None, digest="", classifier=Classifier(PACKS))
    assert found.lines[0].regimes["CN-GAZETTED"].decision is Verdict.LICENSE_REQUIRED
