"""Equal content has equal bytes, and what was written is what is read."""

import json
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import Field, TypeAdapter, ValidationError

from schemas.base import Amount, Model, NonNegative, Positive, canonical, plain
from schemas.events import BY_MODEL, decode, encode
from schemas.generate import writer_schema
from schemas.orders import Order, OrderPlaced, Screening, Weight, order_key
from tests.unit.schemas.strategies import amounts, moments, order_fields, order_ids, orders, zones

PLACED = "exportgate.order.placed.v1"
WRITER = Draft202012Validator(writer_schema(OrderPlaced))


def _encodable(data: Any) -> bool:
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate is no text
        return False
    return True


plain_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
).filter(_encodable)


@given(orders())
def test_what_was_written_is_read_back(order: Order) -> None:
    value = encode(order)
    event = decode(PLACED, "orders", value, "elsewhere")
    assert isinstance(event, OrderPlaced)
    assert event.model_dump() == order.model_dump()
    assert encode(event) == value


@given(orders())
def test_what_we_write_fits_our_writers_schema(order: Order) -> None:
    assert list(WRITER.iter_errors(json.loads(encode(order)))) == []


@given(orders())
def test_what_we_write_has_no_float_and_no_null(order: Order) -> None:
    value = encode(order)
    assert b":null" not in value
    json.loads(value, parse_float=pytest.fail)


@given(order_fields(), st.randoms(use_true_random=False))
def test_the_order_of_fields_does_not_matter(fields: dict[str, Any], chance: Any) -> None:
    shuffled = list(fields.items())
    chance.shuffle(shuffled)
    assert encode(Order(**dict(shuffled))) == encode(Order(**fields))


@pytest.mark.parametrize("text", ["1", "1.0", "1.00", "1.000000000000", "01", "+1", "10e-1"])
def test_equal_amounts_have_equal_bytes(text: str) -> None:
    assert encode(Weight.model_validate({"value": text, "unit": "kg"})) == (
        b'{"value":"1","unit":"kg"}'
    )


@pytest.mark.parametrize(
    "amount, text",
    [
        ("1E+5", "100000"),
        ("0.10", "0.1"),
        ("0E-9", "0"),
        ("100", "100"),
        ("1E-12", "0.000000000001"),
    ],
)
def test_an_amount_is_written_without_exponent(amount: str, text: str) -> None:
    assert plain(Decimal(amount)) == text


@given(amounts(), st.integers(0, 6))
def test_trailing_zeros_change_nothing(amount: Decimal, zeros: int) -> None:
    scaled = Decimal(plain(amount) + ("" if "." in plain(amount) else ".") + "0" * zeros)
    assert scaled == amount
    assert plain(scaled) == plain(amount)
    assert Decimal(plain(amount)) == amount


@given(moments, zones)
def test_equal_instants_have_equal_bytes(moment: datetime, zone: tzinfo) -> None:
    def bytes_of(at: datetime) -> bytes:
        return encode(Screening(result="clear", list_version="1", at=at))

    assert bytes_of(moment.astimezone(zone)) == bytes_of(moment)
    text = b'{"result":"clear","list_version":"1","at":"%s"}'
    read = Screening.model_validate_json(text % moment.astimezone(zone).isoformat().encode())
    assert encode(read) == bytes_of(moment)


@given(plain_data, st.randoms(use_true_random=False))
def test_canonical_bytes_do_not_depend_on_the_order_of_keys(data: Any, chance: Any) -> None:
    assert canonical(_shuffled(data, chance)) == canonical(data)
    assert canonical(json.loads(canonical(data))) == canonical(data)


def _shuffled(data: Any, chance: Any) -> Any:
    if isinstance(data, dict):
        pairs = [(key, _shuffled(value, chance)) for key, value in data.items()]
        chance.shuffle(pairs)
        return dict(pairs)
    if isinstance(data, list):
        return [_shuffled(value, chance) for value in data]
    return data


def test_canonical_bytes_are_sorted_and_bare() -> None:
    assert canonical({"b": [1, None], "a": {"d": "é", "c": True}}) == (
        '{"a":{"c":true,"d":"é"},"b":[1,null]}'.encode()
    )


def test_an_event_cannot_be_changed() -> None:
    weight = Weight(value=Decimal(1), unit="kg")
    with pytest.raises(ValidationError):
        weight.unit = "t"  # type: ignore[misc]


@given(st.floats() | st.booleans())
def test_no_binary_number_is_an_amount(number: float) -> None:
    with pytest.raises(ValidationError):
        Weight.model_validate({"value": number, "unit": "kg"})


@given(st.text(min_size=1, max_size=20), order_ids)
def test_different_orders_have_different_keys(source: str, order_id: str) -> None:
    """An order id has no slash, so the last slash of a key ends the source."""
    assert order_key(source, order_id).rpartition("/")[::2] == (source, order_id)


@given(st.binary(max_size=200))
def test_no_bytes_are_read_by_accident_or_raise_anything_else(value: bytes) -> None:
    with pytest.raises(ValueError):
        decode(PLACED, "orders", value, "s")


_NEAR = st.from_regex(r"\A[-+ ]?[0-9]{0,20}(\.[0-9]{0,14})?([eE][-+]?[0-9]{1,2})?\Z")


@pytest.mark.parametrize(
    ("quick", "whole"),
    [
        (Amount, Annotated[Decimal, Field(max_digits=30, decimal_places=12)]),
        (Positive, Annotated[Decimal, Field(gt=0, max_digits=30, decimal_places=12)]),
        (NonNegative, Annotated[Decimal, Field(ge=0, max_digits=30, decimal_places=12)]),
    ],
)
@given(text=_NEAR | st.text(max_size=8))
def test_an_amount_is_read_at_a_glance_as_pydantic_reads_it(
    quick: Any, whole: Any, text: str
) -> None:
    def told(kind: Any) -> object:
        try:
            return str(TypeAdapter(kind).validate_python(text))
        except ValidationError as error:
            return [each["msg"] for each in error.errors()]

    assert told(quick) == told(whole)


def _kinds(kind: type[Model]) -> list[type[Model]]:
    return [kind, *(each for below in kind.__subclasses__() for each in _kinds(below))]


def test_no_model_needs_the_hook_that_slows_every_field() -> None:
    kinds = _kinds(Model)
    assert len(kinds) > len(BY_MODEL)
    for kind in kinds:
        assert not any("__getattr__" in vars(each) for each in kind.__mro__), kind
        assert not kind.__private_attributes__, kind
        assert kind.model_config.get("extra") in ("ignore", "forbid"), kind


def test_a_field_that_is_not_there_is_an_attribute_error() -> None:
    weight = Weight(value=Decimal(1), unit="kg")
    assert getattr(weight, "price", None) is None
    with pytest.raises(AttributeError, match="price"):
        weight.price  # type: ignore[attr-defined] # noqa: B018 - reading it is the test
