"""What a hold blocks: lines and stated value, by reason, regime and category."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from schemas.checks import OrderAssessed
from schemas.decisions import DecisionReason
from schemas.orders import OrderLine

NO_CATEGORY: Final = "none"
Money = Mapping[str, Decimal]
"""Amounts by currency. A line without a stated value adds nothing: it is unknown, not 0."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """The lines that one reason holds under one regime, in one category of the reported rule."""

    reason: str
    regime: str
    category: str
    lines: int
    value: Money


@dataclass(frozen=True, slots=True)
class Flow:
    """What an order is worth in one category and from one origin."""

    category: str
    origin: str
    value: Money
    unvalued: int
    """Lines without a stated value."""


def blocked_by(
    reasons: Iterable[DecisionReason], assessed: OrderAssessed | None
) -> tuple[Blocked, ...]:
    """Tell what reasons block. One that names no line blocks the whole order.

    Each (reason, regime, category) stands once, however many lines say it.
    """
    if assessed is None:
        distinct = {(reason.code.value, reason.regime or "") for reason in reasons}
        return tuple(Blocked(code, regime, NO_CATEGORY, 0, {}) for code, regime in sorted(distinct))
    lines = {line.line_id: line for line in assessed.order.lines}
    categories = _categories(assessed)
    found: dict[tuple[str, str, str], dict[str, OrderLine]] = {}
    for reason in reasons:
        for line_id in (reason.line_id,) if reason.line_id in lines else lines:
            category = categories.get(line_id, NO_CATEGORY)
            place = (reason.code.value, reason.regime or "", category)
            found.setdefault(place, {})[line_id] = lines[line_id]
    return tuple(
        Blocked(*place, lines=len(held), value=value_of(held.values()))
        for place, held in sorted(found.items())
    )


def flows_of(assessed: OrderAssessed) -> tuple[Flow, ...]:
    """Tell what an order is worth by category and origin, each line once."""
    categories = _categories(assessed)
    found: dict[tuple[str, str], list[OrderLine]] = {}
    for line in assessed.order.lines:
        place = (categories.get(line.line_id, NO_CATEGORY), line.origin or "")
        found.setdefault(place, []).append(line)
    return tuple(
        Flow(*place, value=value_of(lines), unvalued=sum(not _is_valued(line) for line in lines))
        for place, lines in sorted(found.items())
    )


def value_of(lines: Iterable[OrderLine]) -> dict[str, Decimal]:
    """Add up the stated values of lines, by currency."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        if line.value is not None and line.currency is not None:
            sums[line.currency] = sums.get(line.currency, Decimal(0)) + line.value
    return sums


def _is_valued(line: OrderLine) -> bool:
    return line.value is not None and line.currency is not None


def _categories(assessed: OrderAssessed) -> dict[str, str]:
    """Category of the reported rule by line; a line that is in none is left out."""
    found = {}
    for line in assessed.lines:
        named = [each.verdict.category for each in line.regimes.values() if each.verdict.category]
        if named:
            found[line.line_id] = str(named[0])
    return found
