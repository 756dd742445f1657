"""What changes between two packs, as determinations an officer would notice."""

from typing import Any

from services.classification.policy import Entry, Pack

_FIELDS = ("code", "verdict", "license_type", "category", "when", "codes", "timeline", "missing")


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
    return out + _frame(before, after)


def _rules(pack: Pack) -> dict[str, Any]:
    listed = {f"listed {item.code}": item for item in pack.listed}
    negative = {f"not {item.rule}": item for item in pack.negatives}
    parties = {f"party {item.rule}": item for item in pack.parties}
    return {entry.rule: entry for entry in pack.entries} | listed | negative | parties


def _differences(rule: str, old: Any, new: Any) -> list[dict[str, str]]:
    names = _FIELDS if isinstance(old, Entry) else ("when", "columns", "other", "controls", "names")
    out = []
    for name in names:
        one, two = getattr(old, name, None), getattr(new, name, None)
        if one != two:
            out.append(_change(rule, name, _plain(one), _plain(two)))
    return out


def _frame(before: Pack, after: Pack) -> list[dict[str, str]]:
    out = []
    for name in ("effective", "verified_until", "jurisdiction", "exclusion", "chart"):
        one, two = getattr(before, name), getattr(after, name)
        if one != two:
            out.append(_change(f"pack {name}", "changed", _plain(one), _plain(two)))
    return out


def _say(rule: Any) -> str:
    return f"{getattr(rule, 'verdict', '')} {getattr(rule, 'title', rule)}".strip()


def _plain(value: object) -> str:
    return "" if value is None else str(value)[:200]


def _change(rule: str, what: str, before: str, after: str) -> dict[str, str]:
    return {"rule": rule, "what": what, "before": before, "after": after}
