"""Orders as hypothesis builds them: every field, at the edges of what is allowed."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final, TypeVar

from hypothesis import strategies as st

from schemas.orders import LINES_MAX, Order

T = TypeVar("T")
_SMALLEST: Final = Decimal("0.000000000001")
_LARGEST: Final = Decimal("999999999999999999.999999999999")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
order_ids = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
countries = st.from_regex(r"[A-Z]{2}", fullmatch=True)
currencies = st.from_regex(r"[A-Z]{3}", fullmatch=True)
days = st.dates(date(1990, 1, 1), date(2090, 1, 1))
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def amounts(least: Decimal = _SMALLEST) -> st.SearchStrategy[Decimal]:
    """Exact numbers of up to 18 digits before and 12 after the point."""
    return st.decimals(least, _LARGEST, places=12) | st.integers(1, 10**18 - 1).map(Decimal)


def maybe(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    """The value, or nothing."""
    return st.none() | strategy


_from_zero = amounts(Decimal(0))
weights = st.fixed_dictionaries({"value": amounts(), "unit": texts})
screenings = st.fixed_dictionaries(
    {
        "result": st.sampled_from(["clear", "hit", "unknown"]),
        "list_version": texts,
        "at": moments,
    }
)
parties = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["buyer", "consignee", "end_user", "supplier", "forwarder"]),
        "name": texts,
        "country": countries,
        "owner_country": maybe(countries),
        "id": maybe(ids),
        "address": maybe(texts),
        "screened": maybe(screenings),
    }
)
documents = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["euc", "end_use_statement", "contract", "other"]),
        "number": texts,
        "issuer": texts,
        "issued": days,
        "valid_until": maybe(days),
        "items": maybe(st.lists(texts, max_size=2)),
        "quantity": maybe(amounts()),
        "unit": maybe(texts),
    }
)
lines: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "line_id": ids,
        "sku": maybe(ids),
        "description": maybe(texts),
        "quantity": amounts(),
        "unit": texts,
        "net_weight": maybe(weights),
        "value": maybe(_from_zero),
        "currency": maybe(currencies),
        "origin": maybe(countries),
        "composition": maybe(
            st.lists(
                st.fixed_dictionaries({"element": texts, "mass_percent": _from_zero}), max_size=2
            )
        ),
        "declared": maybe(st.fixed_dictionaries({"cn": maybe(texts), "us": maybe(texts)})),
        "license_ids": maybe(st.lists(ids, max_size=2)),
    }
)


def order_fields() -> st.SearchStrategy[dict[str, Any]]:
    """The fields of an order."""
    return st.fixed_dictionaries(
        {
            "order_source": ids,
            "order_id": order_ids,
            "revision": st.integers(1, 2**31),
            "exporter": st.fixed_dictionaries(
                {"id": ids, "name": maybe(texts), "country": countries}
            ),
            "ship_from": maybe(countries),
            "destination": countries,
            "parties": st.lists(parties, max_size=2),
            "mode": st.sampled_from(["physical", "electronic", "in_person"]),
            "shipping": st.sampled_from(["complete", "partial"]),
            "requested_ship_date": maybe(days),
            "purpose": st.sampled_from(["sale", "sample", "gift", "repair", "transfer"]),
            "documents": st.lists(documents, max_size=2),
            "lines": st.lists(
                lines,
                min_size=1,
                max_size=min(3, LINES_MAX),
                unique_by=lambda line: line["line_id"],
            ),
        }
    )


def orders() -> st.SearchStrategy[Order]:
    """Whole orders."""
    return order_fields().map(Order.model_validate)
