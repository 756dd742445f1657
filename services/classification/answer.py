"""The answer of `check`: one JSON object a line, or a few lines for people."""

from typing import Any

from schemas.classification import Reason
from services.classification.check_input import Line
from services.classification.classify import ENGINE, Classified

_PLAIN = (
    "decision",
    "applies",
    "status",
    "listed",
    "license_type",
    "pack",
    "digest",
    "next_change",
)
_OWN = {
    "CN": ("category", "control_code", "routed_to"),
    "CN-GAZETTED": ("category", "control_code", "routed_to"),
    "US": ("eccn", "subject_to_ear", "controls"),
    "US-ADDENDUM": ("eccn", "subject_to_ear", "controls"),
    "EU": ("annex_i",),
}


def answer(line: Line, found: Classified) -> dict[str, Any]:
    """Give the object of the contract, section 2."""
    regimes = {}
    for key, verdict in found.regimes.items():
        data = verdict.model_dump(mode="json")
        regimes[key] = {name: data[name] for name in (*_PLAIN, *_OWN.get(key, ()))}
    return {
        "id": line.id,
        "order_id": line.order_id,
        "as_of": line.as_of,
        "decision": found.decision.value,
        "regimes": regimes,
        "reasons": [reason.model_dump(mode="json") for reason in found.reasons],
        "missing": list(found.missing),
        "engine": ENGINE,
    }


_SIGN = {"for": "+", "missing": "?", "against": "-", "note": " "}
_RANK = {"for": 0, "missing": 1, "against": 2, "note": 3}


def explain(line: Line, found: Classified) -> list[str]:
    """Say it for people, in at most 12 lines."""
    text = _flat(line.item.description or "(no description)")
    lines = [f"{line.id}  {text[:90]}"]
    lines += [
        _verdict_line(key, verdict.model_dump(mode="json"))
        for key, verdict in found.regimes.items()
    ]
    room = 11 - len(lines) - bool(found.missing)
    chosen = sorted(found.reasons, key=lambda r: _RANK[r.effect])[:room]
    lines += [_reason_line(reason) for reason in chosen]
    if found.missing:
        lines.append(f"    missing: {_flat('; '.join(found.missing))[:150]}")
    return lines


def _verdict_line(key: str, verdict: dict[str, Any]) -> str:
    parts = [f"  {key:<12}{verdict['decision']:<20}"]
    code = verdict.get("control_code") or verdict.get("eccn") or verdict.get("annex_i")
    if code:
        parts.append(str(code))
    if verdict.get("category"):
        parts.append(f"category {verdict['category']}")
    if verdict["status"] not in ("in_force", "not_listed"):
        parts.append(verdict["status"])
    if verdict["next_change"]:
        parts.append(f"changes {verdict['next_change']}")
    parts.append(f"[{verdict['pack']}]")
    return "  ".join(parts)


def _reason_line(reason: Reason) -> str:
    said = ", ".join(f"“{_flat(m.text)[:30]}”" for m in reason.matched[:3])
    tail = f" {said}" if said else ""
    cite = f" ({reason.citation[:60]})" if reason.citation else ""
    return f"    {_SIGN[reason.effect]} {reason.regime}: {_flat(reason.text)[:110]}{tail}{cite}"


def _flat(text: str) -> str:
    """A text on one line, whatever breaks it has."""
    return " ".join(text.split())
