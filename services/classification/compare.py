"""What changes between two packs, as determinations an officer would notice."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from services.classification.policy import Pack

_SILENT: Final = frozenset(("rule", "title", "citation", "tag"))
"""Fields of a rule that decide nothing."""
_FRAME: Final = (
    "zone", "effective", "verified_until", "jurisdiction", "licensing", "chart", "chart_open",
    "unlisted_code", "signals", "exclusion",
)  # fmt: skip
"""What decides about all rules of a pack together."""
_LIST_MAX: Final = 8


def changes(before: Pack, after: Pack) -> list[dict[str, str]]:
    """List rules added, removed or changed in effect; titles and citations do not count."""
    out: list[dict[str, str]] = []
    old, new = _rules(before), _rules(after)
    for rule in sorted(old.keys() | new.keys()):
        if rule not in new:
            out.append(_change(rule, "removed", _say(old[rule]), ""))
        elif rule not in old:
            out.append(_change(rule, "added", "", _say(new[rule])))
        else:
            out += _differences(rule, old[rule], new[rule])
    for name in _FRAME:
        one, two = getattr(before, name), getattr(after, name)
        if isinstance(one, BaseModel) and type(one) is type(two):
            out += _differences(f"pack {name}", one, two)
        elif isinstance(one, Mapping):
            out += _columns(f"pack {name}", one, two)
        elif one != two:
            out.append(_change(f"pack {name}", "changed", *_sides(one, two)))
    return out


def _columns(rule: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        _change(rule, key, *_sides(old.get(key), new.get(key)))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _rules(pack: Pack) -> dict[str, Any]:
    listed = {f"listed {item.code}": item for item in pack.listed}
    named = (
        ("not", pack.negatives),
        ("party", pack.parties),
        ("destination", pack.destinations),
        ("end use", pack.end_uses),
    )
    several = {f"{kind} {rule.rule}": rule for kind, rules in named for rule in rules}
    return {entry.rule: entry for entry in pack.entries} | listed | several


def _differences(rule: str, old: BaseModel, new: BaseModel) -> list[dict[str, str]]:
    out = []
    for name in type(old).model_fields:
        one, two = getattr(old, name), getattr(new, name)
        if name not in _SILENT and one != two:
            out.append(_change(rule, name, *_sides(one, two)))
    return out


def _sides(one: object, two: object) -> tuple[str, str]:
    """Both values in words; of long lists what one holds and the other does not."""
    if isinstance(one, tuple) and isinstance(two, tuple) and max(len(one), len(two)) > _LIST_MAX:
        one, two = (tuple(each for each in a if each not in b) for a, b in ((one, two), (two, one)))
    return _plain(one), _plain(two)


def _say(rule: Any) -> str:
    return f"{getattr(rule, 'verdict', '')} {getattr(rule, 'title', rule)}".strip()


def _plain(value: object) -> str:
    return "" if value is None else str(value)[:200]


def _change(rule: str, what: str, before: str, after: str) -> dict[str, str]:
    return {"rule": rule, "what": what, "before": before, "after": after}
