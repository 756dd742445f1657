"""What another set of packs would decide otherwise, and nothing else."""

from datetime import UTC, datetime
from typing import Any

from schemas.classification import Verdict
from schemas.orders import OrderPlaced
from services.classification.impact import Change, Standing, impact
from services.classification.orders import Classifier, Products
from services.classification.pack_set import PackSet
from services.runtime.packs import load_packs, read_packs
from tests.unit.classification.records import current
from tests.unit.classification.test_products import changed

BOTH = load_packs("both")
AT = datetime(2026, 7, 1, 12, tzinfo=UTC)


def standing(order_id: str, *lines: dict[str, Any]) -> Standing:
    """An order of these lines as it stands."""
    whole = [
        {"line_id": str(at), "quantity": "1", "unit": "kg", "origin": "CN", **line}
        for at, line in enumerate(lines, start=1)
    ]
    order = OrderPlaced.model_validate(
        {"order_source": "erp", "order_id": order_id, "revision": 1, "destination": "DE",
         "exporter": {"id": "default", "country": "CN"}, "lines": whole}
    )  # fmt: skip
    return Standing(order, AT, None)


ORDERS = [
    standing("A", {"description": "Dysprosium oxide"}, {"description": "Office chair"}),
    standing("B", {"description": "Terbium oxide"}),
    standing("C", {"description": "Goods", "sku": "SKU-1"}),
]


def against(after: PackSet, products: Products | None = None) -> list[Change]:
    before, later = Classifier(BOTH), Classifier(after)
    return list(impact(ORDERS, before, later, products or Products()))


def test_the_same_packs_change_nothing() -> None:
    assert against(BOTH) == []


def test_each_line_that_an_entry_changes_is_named_with_both_verdicts() -> None:
    (found,) = against(changed("1c905-b", verdict=Verdict.DENY_PRESUMED))

    assert (found.key, found.line_id, found.regime) == ("erp/A", "1", "CN-GAZETTED")
    assert (found.before, found.after) == ("LICENSE_REQUIRED", "DENY_PRESUMED")


def test_a_record_that_goes_stale_is_part_of_the_impact() -> None:
    known = {"default/SKU-1": current(BOTH, **{"CN-GAZETTED": None})}
    found = against(changed("1c909-b", title="another"), Products(known))

    assert [(c.key, c.before, c.after) for c in found] == [
        ("erp/C", "NO_LICENSE_REQUIRED", "REVIEW")
    ]


def test_a_regime_that_is_read_no_more_is_named() -> None:
    packs, lexicon = read_packs()
    fewer = PackSet(packs, lexicon, {key: p for key, p in BOTH.keys.items() if key != "CN"})
    found = against(fewer)

    assert {c.regime for c in found} == {"CN"}
    assert {c.after for c in found} == {None}
