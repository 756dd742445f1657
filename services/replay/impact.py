"""What two courses differ in: orders newly held or freed, what that is worth, how long it takes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from schemas.base import plain
from services.replay.apart import Apart
from services.replay.goods import UNSTATED, Goods, Money, add_money
from services.replay.what_if import Course, Run

DAY: Final = Decimal(86_400)
NEVER: Final = "never"
DIVERGENCES_SHOWN: Final = 1_000


@dataclass(slots=True)
class Group:
    """Orders that differ, put together under one name."""

    orders: int = 0
    never: int = 0
    """Of these, how many are not released by the end of the stream."""
    value: Money = field(default_factory=dict)
    days: Decimal = Decimal(0)

    def add(self, value: Iterable[tuple[str, Decimal]], days: Decimal, *, never: bool) -> None:
        """Count one order, or the lines of one that are of a material."""
        self.orders += 1
        self.never += never
        self.days += days
        add_money(self.value, value)

    def as_json(self) -> dict[str, Any]:
        """The group as plain data; days to a tenth."""
        return {
            "orders": self.orders,
            NEVER: self.never,
            "value": {name: plain(amount) for name, amount in sorted(self.value.items())},
            "days": plain(self.days.quantize(Decimal("0.1"))),
        }


@dataclass(slots=True)
class Impact:
    """The difference between two courses."""

    orders: int = 0
    held: Group = field(default_factory=Group)
    freed: Group = field(default_factory=Group)
    by: dict[str, dict[str, tuple[Group, Group]]] = field(default_factory=dict)
    """destination, customer, material, reason: by name, (newly held, freed)."""
    divergences: list[dict[str, Any]] = field(default_factory=list)
    diverging: int = 0


def impact(base: Course, other: Course, goods: Mapping[str, Goods]) -> Impact:
    """Compare two courses order by order."""
    found = Impact(by={name: {} for name in ("destination", "customer", "material", "reason")})
    end = max(each for each in (base.last, other.last) if each is not None)
    for key in sorted(base.runs.keys() | other.runs.keys()):
        found.orders += 1
        one, two = base.runs.get(key, Run()), other.runs.get(key, Run())
        _note_divergence(found, key, one, two)
        own = goods.get(key)
        if own is None:
            continue
        if one.released_at and _later(two.released_at, one.released_at):
            _count(found, own, 0, two, (two.released_at or end) - one.released_at)
        elif two.released_at and _later(one.released_at, two.released_at):
            _count(found, own, 1, one, (one.released_at or end) - two.released_at)
    return found


def _later(moment: datetime | None, than: datetime) -> bool:
    return moment is None or moment > than


def _count(found: Impact, own: Goods, side: int, slower: Run, delay: timedelta) -> None:
    days = Decimal(int(delay.total_seconds())) / DAY
    never = slower.released_at is None
    (found.held, found.freed)[side].add(own.value, days, never=never)
    reasons = next((codes for word, _, codes in slower.decisions if word == "HELD"), ())
    for by, name, value in [
        ("destination", own.destination, own.value),
        ("customer", own.customer, own.value),
        *(("material", name, value) for name, value in own.materials),
        *(("reason", code, own.value) for code in reasons or (UNSTATED,)),
    ]:
        groups = found.by[by].setdefault(name, (Group(), Group()))
        groups[side].add(value, days, never=never)


def _note_divergence(found: Impact, key: str, one: Run, two: Run) -> None:
    """Name the first decision at which an order's two courses part."""
    for at in range(max(len(one.decisions), len(two.decisions))):
        before = one.decisions[at] if at < len(one.decisions) else None
        after = two.decisions[at] if at < len(two.decisions) else None
        if before is not None and after is not None and _alike(before, after):
            continue
        found.diverging += 1
        if len(found.divergences) < DIVERGENCES_SHOWN:
            found.divergences.append(
                {"order": key, "seq": at + 1, "base": _told(before), "other": _told(after)}
            )
        return


def _alike(one: tuple[str, datetime, Any], other: tuple[str, datetime, Any]) -> bool:
    return one == other


def _told(decision: tuple[str, datetime, tuple[str, ...]] | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    word, at, codes = decision
    return {"decision": word, "at": at.isoformat(), "reasons": list(codes)}


def totals(course: Course, alone: Mapping[str, int]) -> dict[str, int]:
    """How orders stood at the end: each once, by its last decision."""
    ends = Counter(run.decisions[-1][0] for run in course.runs.values() if run.decisions)
    return dict(ends + Counter(alone))


def report(base: Course, other: Course, apart: Apart, names: tuple[str, str]) -> dict[str, Any]:
    """The whole comparison as plain data. What stands alone differs in nothing, and is counted."""
    found = impact(base, other, apart.goods)
    licenses = sorted(base.licenses.keys() | other.licenses.keys())
    return {
        "base": names[0], "other": names[1], "orders": found.orders + apart.totals.total(),
        "from": base.first.isoformat() if base.first else None,
        "to": base.last.isoformat() if base.last else None,
        "value": _worth(apart),
        "totals": {"base": totals(base, apart.totals), "other": totals(other, apart.totals)},
        "newly_held": found.held.as_json(), "freed": found.freed.as_json(),
        "unvalued_lines": apart.unvalued + sum(own.unvalued for own in apart.goods.values()),
        **{f"by_{by}": _rows(groups) for by, groups in found.by.items()},
        "licenses": [
            {"license_id": name, "base": _license(base, name), "other": _license(other, name)}
            for name in licenses
        ],
        "diverging": found.diverging, "divergences": found.divergences,
    }  # fmt: skip


def _worth(apart: Apart) -> dict[str, str]:
    """What all orders are worth, by currency."""
    every = dict(apart.value)
    for own in apart.goods.values():
        add_money(every, own.value)
    return {name: plain(amount) for name, amount in sorted(every.items())}


def _rows(groups: Mapping[str, tuple[Group, Group]]) -> list[dict[str, Any]]:
    ranked = sorted(groups.items(), key=lambda each: (-each[1][0].orders - each[1][1].orders,
                                                      each[0]))  # fmt: skip
    return [
        {"name": name, "newly_held": held.as_json(), "freed": freed.as_json()}
        for name, (held, freed) in ranked
    ]


def _license(course: Course, name: str) -> dict[str, Any] | None:
    drawn = course.licenses.get(name)
    if drawn is None:
        return None
    out = drawn.runs_out.isoformat() if drawn.runs_out else None
    return {"runs_out": out, "left": drawn.left}
