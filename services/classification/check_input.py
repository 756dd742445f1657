"""One input line of `check`: strict types, named faults, fields not named are never read."""

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from services.classification.item import Item, Party

ROLES = frozenset(
    ("buyer", "consignee", "intermediate_consignee", "end_user", "supplier", "forwarder")
)
_MODES = ("physical", "electronic", "in_person")
_PURPOSES = ("sale", "sample", "gift", "exhibition", "repair", "return", "transfer")
MAX_DESCRIPTION = 100_000


class BadLine(Exception):  # noqa: N818 - a line is bad; the name is used by other commands
    """A line that cannot be answered."""

    def __init__(self, field: str | None, error: str, id: object = None) -> None:
        super().__init__(error)
        self.field = field
        self.error = error
        self.id = id


@dataclass(frozen=True, slots=True)
class Line:
    """A readable input line."""

    id: str
    order_id: str | None
    as_of: str
    item: Item


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise BadLine(key, "key is given twice")
            seen.add(key)
    return found


def load(text: str) -> dict[str, Any]:
    """Read one JSON object; numbers stay exact, duplicate keys are refused."""

    def constant(name: str) -> Any:
        raise BadLine(None, f"{name} is not a JSON number")

    try:
        value = json.loads(
            text, object_pairs_hook=_refuse_twice, parse_float=Decimal, parse_constant=constant
        )
    except BadLine:
        raise
    except (ValueError, RecursionError) as error:
        raise BadLine(None, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadLine(None, "not a JSON object")
    if _SURROGATE.search(text):
        _refuse_halves(value)
    return value


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _refuse_halves(data: dict[str, Any]) -> None:
    """Refuse half a character (a lone surrogate): no output can write it."""
    for key, value in data.items():
        try:
            json.dumps((key, value), ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError as error:
            name = key if key.isprintable() else None
            raise BadLine(name, "holds half a surrogate pair, which is no character") from error


def parse_line(text: str, as_of: str | None = None) -> Line:
    """Read one line; `as_of` is what the command was given, used where the line has none."""
    data = load(text)
    known = data.get("id")
    try:
        return _line(data, as_of)
    except BadLine as error:
        error.id = known if isinstance(known, str) else None
        raise


def _line(data: dict[str, Any], default: str | None) -> Line:
    ident = _string(data, "id")
    if ident is None or not 1 <= len(ident) <= 128:
        raise BadLine("id", "is needed: a string of 1 to 128 characters")
    for key in ("description", "exporter_country", "destination"):
        if key not in data:
            raise BadLine(key, "is needed (null where unknown)")
    when = _string(data, "as_of") or default
    if when is None:
        raise BadLine("as_of", "is needed, in the line or as --as-of")
    item = Item(
        description=_description(data),
        exporter_country=_string(data, "exporter_country"),
        destination=_string(data, "destination"),
        as_of=parse_moment(when),
        **{key: _string(data, key) for key in _PLAIN},
        quantity=_amount(data, "quantity", positive=True),
        value=_amount(data, "value", positive=False),
        parties=_parties(data.get("parties")),
        declared=_declared(data.get("declared")),
        composition=_composition(data.get("composition")),
        mode=_choice(data, "mode", _MODES),
        purpose=_choice(data, "purpose", _PURPOSES),
    )
    return Line(ident, _string(data, "order_id"), when, item)


_PLAIN = (
    "language", "hs_code", "unit", "origin", "ship_from", "end_use", "sku", "cas", "currency",
    "incoterm",
)  # fmt: skip


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_moment(text: str) -> date | datetime:
    """Read `YYYY-MM-DD` or RFC 3339 (with its zone)."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadLine("as_of", f"{text[:40]!r} is not a date or RFC 3339 time") from None
    if moment.tzinfo is None:
        raise BadLine("as_of", "a time needs its zone")
    return moment


def _string(data: dict[str, Any], key: str) -> str | None:
    value = data.get(key)
    if value is None or isinstance(value, str):
        return value
    if key == "hs_code" and isinstance(value, int) and not isinstance(value, bool):
        raise BadLine(key, "must be a string, so that leading zeros stay")
    raise BadLine(key, "must be a string or null")


def _description(data: dict[str, Any]) -> str | None:
    text = _string(data, "description")
    if text is not None and len(text) > MAX_DESCRIPTION:
        raise BadLine("description", f"is longer than {MAX_DESCRIPTION} characters")
    return text


def _amount(data: dict[str, Any], key: str, *, positive: bool) -> Decimal | None:
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadLine(key, "must be a number or a decimal string")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise BadLine(key, "is not a number") from None
    if not number.is_finite():
        raise BadLine(key, "is not finite")
    if positive and number <= 0:
        raise BadLine(key, "must be above 0")
    return number


def _choice(data: dict[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    value = _string(data, key)
    if value is None:
        return allowed[0]
    if value not in allowed:
        raise BadLine(key, f"must be one of {', '.join(allowed)}")
    return value


def _parties(value: Any) -> tuple[Party, ...] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise BadLine("parties", "must be an object of role and party, or null")
    return tuple(_party(role, found) for role, found in value.items() if found is not None)


def _party(role: str, value: Any) -> Party:
    where = f"parties.{role}"
    if role not in ROLES:
        raise BadLine(where, f"must be one of {', '.join(sorted(ROLES))}")
    if isinstance(value, str):
        return Party(role, value)
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise BadLine(where, "must be a name or an object with a name")
    texts: dict[str, str | None] = {}
    for key in ("country", "owner_country", "id"):
        texts[key] = _string({f"{where}.{key}": value.get(key)}, f"{where}.{key}")
    screened = value.get("screened")
    if isinstance(screened, dict):
        screened = screened.get("result")
    if screened not in (None, "clear", "hit", "unknown"):
        raise BadLine(f"{where}.screened", "must be clear, hit or unknown")
    return Party(role, value["name"], screened=screened, **texts)


def _declared(value: Any) -> dict[str, str | None]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadLine("declared", "must be an object or null")
    named = {f"declared.{key}": value.get(key) for key in ("cn", "us", "eu")}
    return {key[9:]: _string(named, key) for key in named}


def _composition(value: Any) -> tuple[tuple[str, Decimal], ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadLine("composition", "must be a list")
    out: list[tuple[str, Decimal]] = []
    for index, part in enumerate(value):
        where = f"composition[{index}]"
        if not isinstance(part, dict) or not isinstance(part.get("element"), str):
            raise BadLine(where, "must be an object with element and mass_percent")
        amount = _amount({where: part.get("mass_percent")}, where, positive=False)
        if amount is None or not 0 <= amount <= 100:
            raise BadLine(where, "mass_percent must be 0 to 100")
        out.append((part["element"], amount))
    return tuple(out)
