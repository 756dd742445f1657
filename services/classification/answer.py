"""The answer of `check`: one JSON object a line, or a few lines for people."""

from typing import Any

from schemas.classification import LicenseType, Reason, RegimeVerdict, Status, Verdict
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


_DECIDING = {
    Verdict.NOT_APPLICABLE: ("JURISDICTION",),
    Verdict.DENY_PRESUMED: ("DENY_PRESUMED", "EMBARGO"),
    Verdict.OVERLAP_EXCLUDED: ("OVERLAP_ROUTED",),
    Verdict.REVIEW: ("CATCH_ALL", "PARTY_HIT"),
}
_LICENSES = {
    LicenseType.EXPORT_LICENSE_CODE_4: "export license (code 4)",
    LicenseType.DUAL_USE_IF_REACTIVATED: "dual use if reactivated",
}
_SIGN = {"for": "+", "missing": "?", "against": "-", "note": " "}
_EFFECT = {Verdict.LICENSE_REQUIRED: "for", Verdict.REVIEW: "missing"}
_RANK = {"for": 0, "missing": 1, "against": 2, "note": 3}


def explain(line: Line, found: Classified) -> list[str]:
    """Say it for people, in at most 12 lines."""
    text = _cut(line.item.description or "(no description)", 90)
    lines = [f"{_flat(line.id)}  {text}"]
    lines += [_verdict_line(key, verdict) for key, verdict in found.regimes.items()]
    room = 12 - len(lines) - bool(found.missing)
    lines += [_reason_line(reason) for reason in _chosen(found, room)]
    if found.missing:
        lines.append(f"    missing: {_cut('; '.join(found.missing), 150)}")
    return lines


def _chosen(found: Classified, room: int) -> list[Reason]:
    """Give what decides under each regime, the gravest first, then the weightiest of the rest."""
    graver = sorted(found.regimes, key=lambda key: -found.regimes[key].decision.gravity)
    deciding = [_deciding(found, key) for key in graver]
    ranked = sorted(found.reasons, key=lambda reason: _RANK[reason.effect])
    first = [reason for reason in deciding if reason is not None]
    kept = list(dict.fromkeys([*first, *ranked]))[:room]
    return [reason for reason in ranked if reason in kept]


def _deciding(found: Classified, key: str) -> Reason | None:
    decision = found.regimes[key].decision
    codes = _DECIDING.get(decision, ())
    effect = _EFFECT.get(decision, "against")

    def nearness(reason: Reason) -> tuple[bool, bool, int]:
        return reason.code not in codes, reason.effect != effect, _RANK[reason.effect]

    return min((r for r in found.reasons if r.regime == key), key=nearness, default=None)


def _verdict_line(key: str, verdict: RegimeVerdict) -> str:
    parts = [f"  {key:<12}{verdict.decision:<20}"]
    if verdict.routed_to:
        parts.append(f"to {', '.join(verdict.routed_to)}")
    code = verdict.control_code or verdict.eccn or verdict.annex_i
    if code:
        parts.append(code)
    if verdict.category:
        parts.append(f"category {verdict.category}")
    if verdict.license_type in _LICENSES:
        parts.append(_LICENSES[verdict.license_type])
    if verdict.status not in (Status.IN_FORCE, Status.NOT_LISTED):
        parts.append(verdict.status)
    if verdict.next_change:
        parts.append(f"changes {verdict.next_change}")
    parts.append(f"[{verdict.pack}]")
    return "  ".join(parts)


def _reason_line(reason: Reason) -> str:
    said = ", ".join(f"“{_cut(m.text, 30)}”" for m in reason.matched[:3])
    tail = f" {said}" if said else ""
    cite = f" ({_cut(reason.citation, 60)})" if reason.citation else ""
    return f"    {_SIGN[reason.effect]} {reason.regime}: {_cut(reason.text, 110)}{tail}{cite}"


def _cut(text: str, size: int) -> str:
    flat = _flat(text)
    return flat if len(flat) <= size else f"{flat[: size - 1]}…"


def _flat(text: str) -> str:
    """A text on one line, whatever breaks it has and whatever it would do to a terminal."""
    return "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))
