"""What every event model is made of: frozen, open to read, exact numbers, aware times."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, Self, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

_new: Final = object.__new__
_set_fields = BaseModel.__dict__["__dict__"].__set__
_set_given, _set_extra, _set_private = (
    BaseModel.__dict__[f"__pydantic_{slot}__"].__set__
    for slot in ("fields_set", "extra", "private")
)
"""The slots of a pydantic model, set without a look at the frozen class."""


del BaseModel.__getattr__  # type: ignore[attr-defined]
"""It looks for private attributes and extras, which no model here has; while it is there, reading
any field takes three times as long, and a fold reads a hundred a record (ADR 0006)."""


class Model(BaseModel):
    """A frozen value. Readers ignore fields they do not know; writers produce only known ones."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        populate_by_name=True,
        serialize_by_alias=True,
    )

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with some fields replaced, unchecked as in pydantic, at a quarter of its time.

        A fold copies its state several times a record, and frozen values need no deep copy.
        """
        assert not deep, "what is frozen is shared"
        changes = {} if update is None else update
        given = self.__pydantic_fields_set__
        if not changes.keys() <= given:  # else it is shared: a set is larger than its model
            given = {*given, *changes}
        return _fill(type(self), {**self.__dict__, **changes}, given)


M = TypeVar("M", bound="Model")


@cache
def _template(kind: type[Model]) -> tuple[dict[str, Any], set[str]]:
    """All fields in their order, with the defaults of those that may be left out; their names."""
    defaults = {
        name: None if info.is_required() else info.get_default(call_default_factory=True)
        for name, info in kind.model_fields.items()
    }
    return defaults, set(defaults)


def _fill(kind: type[M], values: dict[str, Any], given: set[str]) -> M:
    made = _new(kind)
    _set_fields(made, values)
    _set_given(made, given)
    _set_extra(made, None)
    _set_private(made, None)
    return made


def built(kind: type[M], **fields: Any) -> M:
    """Build a model from values taken from valid models: checking them again costs a fold most.

    For folds alone, and only with values that already went through validation; every field that
    has no default must be given.
    """
    defaults, names = _template(kind)
    return _fill(kind, {**defaults, **fields}, names)


def changed(model: M, **fields: Any) -> M:
    """Copy a model with fields replaced, unchecked like `built`."""
    made = _new(type(model))  # written out: a fold does it twice a record
    _set_fields(made, {**model.__dict__, **fields})
    _set_given(made, model.__pydantic_fields_set__)
    _set_extra(made, None)
    _set_private(made, None)
    return made


def assembled(kind: type[M], fields: dict[str, Any]) -> M:
    """Build a model from all of its fields, in their order: unchecked like `built`, and quicker."""
    return _fill(kind, fields, _template(kind)[1])


_PLAIN_AMOUNT: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,12})?").fullmatch
"""An amount as this software writes it. pydantic reads all others, and says what is wrong with
them; to count the digits of each takes it twice as long as all the rest."""
_ZERO: Final = Decimal(0)


def _read_amount(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Refuse binary floats: a quantity or an amount of money is a decimal string."""
    if type(value) is str and _PLAIN_AMOUNT(value):
        return Decimal(value)
    if isinstance(value, float | bool):
        raise ValueError("must be a decimal string, not a binary number")
    return read(value)


def _read_positive(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    number = _read_amount(value, read)
    return number if number > _ZERO else read(value)


def _read_non_negative(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    number = _read_amount(value, read)
    return number if number >= _ZERO else read(value)


def plain(value: Decimal) -> str:
    """Write a decimal without exponent and trailing zeros, so equal amounts have equal bytes."""
    if not value:
        return "0"  # whatever sign and places it came with
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def utc(value: datetime) -> datetime:
    """Normalise to UTC, so equal instants have equal bytes."""
    if value.tzinfo is UTC:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is outside the range of moments") from error


_written = (
    PlainSerializer(plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,18}(\.\d{1,12})?$"}),
)
_amount = WrapValidator(_read_amount)
Amount = Annotated[Decimal, Field(max_digits=30, decimal_places=12), _amount, *_written]
"""An exact number, as a decimal string. Its unit or currency stands in the field beside it."""
Sum = Annotated[Decimal, Field(max_digits=60, decimal_places=12), _amount, *_written]
"""A sum of amounts, as a fold remembers it: however many there are, it is exact."""
LARGEST = Decimal("999999999999999999.999999999999")
"""The largest amount an event can carry."""
Positive = Annotated[
    Decimal,
    Field(gt=0, max_digits=30, decimal_places=12),
    WrapValidator(_read_positive),
    *_written,
]
NonNegative = Annotated[
    Decimal,
    Field(ge=0, max_digits=30, decimal_places=12),
    WrapValidator(_read_non_negative),
    *_written,
]
Instant = Annotated[AwareDatetime, AfterValidator(utc)]
"""A moment with its zone, kept in UTC (RFC 3339)."""
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2. Whether the code exists is for classification to say."""
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""ISO 4217."""
OrderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Id = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Name = Annotated[str, StringConstraints(max_length=500)]
Text = Annotated[str, StringConstraints(max_length=100_000)]


def canonical(value: Any) -> bytes:
    """Serialise plain data to canonical JSON (RFC 8785 for data without floats)."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
