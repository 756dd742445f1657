"""Values that are no event, equal bytes for equal content, ids, and what is generated."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import generate
from schemas.base import Model, canonical
from schemas.envelope import derived_id
from schemas.events import decode, encode

PLACED = "exportgate.order.placed.v1"


def _decode(value: Any) -> Model:
    return decode(PLACED, "orders", json.dumps(value).encode(), "test")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"quantity": NaN}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    ],
    ids=["empty", "null", "list", "not-utf8", "nan", "deep-list", "deep-object"],
)
def test_a_value_that_is_no_event_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError):
        decode(PLACED, "orders", value, "test")


def test_what_is_generated_is_what_is_committed() -> None:
    assert generate.drifted() == []


@given(st.permutations(["a", "b", "c"]), st.sampled_from(["1", "1.0", "1.00"]))
def test_equal_content_has_equal_bytes(order: list[str], quantity: str) -> None:
    line = {"line_id": "1", "quantity": quantity, "unit": "kg", "description": "x"}
    value = {
        "order_source": "erp", "order_id": "O-1", "revision": 1, "destination": "DE",
        "exporter": {"id": "default", "country": "CN"}, "lines": [line],
    }  # fmt: skip
    reference = encode(_decode(value))
    line["quantity"] = "1"

    assert encode(_decode(value)) == reference
    assert canonical({name: 1 for name in order}) == b'{"a":1,"b":1,"c":1}'


@given(st.lists(st.text(min_size=1), min_size=2, max_size=4, unique=True))
def test_ids_differ_where_what_they_depend_on_differs(parts: list[str]) -> None:
    assert derived_id(*parts) == derived_id(*parts)
    assert derived_id(*parts) != derived_id(*reversed(parts)) or parts == parts[::-1]
    assert derived_id(*parts)[14] == "5"
