"""What two courses differ in: orders newly held or freed, what that is worth, how long it takes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from schemas.base import plain
from services.replay.apart import Apart
from services.replay.goods import UNSTATED, Goods, Money, add_money
from services.replay.in_order import side_by_side
from services.replay.standing import Ahead, ahead
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
    totals: tuple[Counter[str], Counter[str]] = field(
        default_factory=lambda: (Counter(), Counter())
    )
    """How orders stood at the end of each course: each once, by its last decision."""
    held: Group = field(default_factory=Group)
    freed: Group = field(default_factory=Group)
    by: dict[str, dict[str, tuple[Group, Group]]] = field(default_factory=dict)
    """destination, customer, material, reason: by name, (newly held, freed)."""
    divergences: list[dict[str, Any]] = field(default_factory=list)
    diverging: int = 0
    breaches: list[int] = field(default_factory=lambda: [0, 0])
    """Orders that were shipped without a release: in the base alone, in the other alone."""


def impact(
    base: Iterable[tuple[str, Run]],
    other: Iterable[tuple[str, Run]],
    goods: Iterable[tuple[str, Goods]],
    end: datetime,
) -> Impact:
    """Compare two courses order by order; each of the three is in the order of its keys."""
    found = Impact(by={name: {} for name in ("destination", "customer", "material", "reason")})
    for key, (one, two, own) in side_by_side(base, other, goods):
        if one is None and two is None:
            continue
        found.orders += 1
        for run, totals in zip((one, two), found.totals, strict=True):
            if run is not None and run.decisions:
                totals[run.decisions[-1][0]] += 1
        _compare(found, key, one or Run(), two or Run(), own, end)
    return found


def _compare(found: Impact, key: str, one: Run, two: Run, own: Goods | None, end: datetime) -> None:
    _note_divergence(found, key, one, two)
    if own is None:
        return
    if one.breached != two.breached:
        found.breaches[two.breached] += 1
    ways = ahead(one, two, end)
    side = max((0, 1), key=lambda at: (ways[at].time, ways[at].never))
    if ways[side].time or ways[side].never:
        _count(found, own, side, ways[side])


def _count(found: Impact, own: Goods, side: int, way: Ahead) -> None:
    days = Decimal(int(way.time.total_seconds())) / DAY
    (found.held, found.freed)[side].add(own.value, days, never=way.never)
    for by, name, value in [
        ("destination", own.destination, own.value),
        ("customer", own.customer, own.value),
        *(("material", name, value) for name, value in own.materials),
        *(("reason", code, own.value) for code in way.why or (UNSTATED,)),
    ]:
        groups = found.by[by].setdefault(name, (Group(), Group()))
        groups[side].add(value, days, never=way.never)


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


def report(
    courses: tuple[Course, Course], found: Impact, apart: Apart, names: tuple[str, str]
) -> dict[str, Any]:
    """The whole comparison as plain data. What stands alone differs in nothing, and is counted."""
    base, other = courses
    licenses = sorted(base.licenses.keys() | other.licenses.keys())
    was, would = (dict(each + apart.totals) for each in found.totals)
    return {
        "base": names[0], "other": names[1], "orders": found.orders + apart.totals.total(),
        "from": base.first.isoformat() if base.first else None,
        "to": base.last.isoformat() if base.last else None,
        "value": {name: plain(amount) for name, amount in sorted(apart.value.items())},
        "totals": {"base": was, "other": would},
        "newly_held": found.held.as_json(), "freed": found.freed.as_json(),
        "unvalued_lines": apart.unvalued,
        **{f"by_{by}": _rows(groups) for by, groups in found.by.items()},
        "licenses": [
            {"license_id": name, "base": _license(base, name), "other": _license(other, name)}
            for name in licenses
        ],
        "new_breaches": dict(zip(("base", "other"), found.breaches, strict=True)),
        "diverging": found.diverging, "divergences": found.divergences,
    }  # fmt: skip


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
