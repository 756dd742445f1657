"""Whether a regime reaches a transaction, from the links its pack names. Knows no country."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import iso3166

from schemas.classification import Reason
from services.classification.item import Item
from services.classification.policy import Pack

Answer = Literal["yes", "no", "open", "review", "broker", "origin", "content"]
_KNOWN = frozenset(iso3166.countries_by_alpha2) | {"XK"}


@dataclass(frozen=True, slots=True)
class Reach:
    """The answer, why, and what is missing.

    `open`: reached only if a fact not stated says so; `broker`: reached for listed goods;
    `content`: another rule of the regime looks at where what is in the goods comes from; `origin`:
    and one at where they come from themselves, which is inside the territory or not known.
    """

    answer: Answer
    reasons: tuple[Reason, ...] = ()
    missing: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def known(code: str | None) -> bool:
    """Tell whether a country code exists."""
    return code is not None and code in _KNOWN


def reach(pack: Pack, key: str, item: Item, *, foreign_words: bool) -> Reach:
    """Say whether the regime reaches the order, and what it rests on."""
    rule = pack.jurisdiction
    inside = rule.territory
    exporter, origin = item.exporter_country, item.origin
    location = item.ship_from or exporter
    exporting = (rule.exporter == "applies" and exporter in inside) or (
        rule.location == "applies" and location in inside
    )
    by_origin = rule.origin == "applies" and origin in inside
    unknown = _unknown_link(pack, item, location)
    if not exporting and not by_origin:
        if unknown:
            text = f"{_unknown(item, unknown)}: whether {pack.title} applies is open"
            whither = () if known(item.destination) else ("destination",)
            answer: Answer = "open" if unknown == "origin" and not whither else "review"
            return Reach(answer, (_missing(key, pack, text),), (unknown, *whither))
        return _outside(pack, key, item, location)
    if not known(item.destination):
        text = _unknown(item, "destination")
        return Reach("review", (_missing(key, pack, text),), ("destination",))
    if item.destination in inside:
        return _domestic(pack, key, item, foreign_words=foreign_words)
    return Reach("yes")


def _unknown(item: Item, name: str) -> str:
    value = getattr(item, name)
    return f"{name} {value!r} is not a known country" if value else f"{name} is not stated"


def _unknown_link(pack: Pack, item: Item, location: str | None) -> str:
    rule = pack.jurisdiction
    if rule.exporter == "applies" and not known(item.exporter_country):
        return "exporter_country"
    if rule.location != "none" and not known(location):
        return "ship_from" if item.ship_from else "exporter_country"
    if rule.origin == "applies" and not known(item.origin):
        return "origin"
    return ""


def _outside(pack: Pack, key: str, item: Item, location: str | None) -> Reach:
    rule = pack.jurisdiction
    if rule.location == "review" and location in rule.territory and item.exporter_country:
        text = f"goods leave {location} for an exporter in {item.exporter_country}: who exports?"
        return Reach(
            "review", (_missing(key, pack, text, "CLASSIFICATION_UNCERTAIN"),), ("who exports",)
        )
    if rule.exporter == "broker" and item.exporter_country in rule.territory:
        text = f"an exporter in {item.exporter_country} with goods from {location}: brokering"
        return Reach("broker", (_missing(key, pack, text, "CLASSIFICATION_UNCERTAIN"),))
    link = f"exporter {item.exporter_country}, goods from {location}"
    text = f"{link}: {pack.title} does not reach this order"
    answer: Answer = "content" if rule.content_rule else "no"
    if rule.origin_rule and (item.origin in rule.territory or not known(item.origin)):
        answer = "origin"
    missing = () if known(item.origin) else ("origin",)
    return Reach(answer, (_note(key, pack, text),), missing)


def _domestic(pack: Pack, key: str, item: Item, *, foreign_words: bool) -> Reach:
    """An order inside the territory is no export, unless somebody in it is foreign."""
    inside = pack.jurisdiction.territory
    text = f"destination {item.destination} is inside the territory"
    if pack.jurisdiction.domestic == "deemed":
        who = _foreign(item, inside)
        if not who and foreign_words:
            who = "the description speaks of a foreign-owned party"
        if who:
            return Reach(
                "review",
                (
                    _missing(
                        key, pack, f"{text}, but {who}: possible deemed export", "MISSING_FACT"
                    ),
                ),
                ("whether the recipient is foreign",),
            )
    return Reach("no", (_note(key, pack, text),))


def _foreign(item: Item, inside: tuple[str, ...]) -> str:
    for party in item.parties or ():
        if party.role not in ("buyer", "consignee", "end_user", "intermediate_consignee"):
            continue
        for country in (party.country, party.owner_country):
            if country and country not in inside:
                return f"{party.role} {party.name} belongs to {country}"
    return ""


def _missing(key: str, pack: Pack, text: str, code: str = "MISSING_FACT") -> Reason:
    return _reason(key, pack, code, "missing", text)


def _note(key: str, pack: Pack, text: str) -> Reason:
    return _reason(key, pack, "JURISDICTION", "note", text)


def _reason(
    key: str, pack: Pack, code: str, effect: Literal["missing", "note"], text: str
) -> Reason:
    rule = pack.jurisdiction
    return Reason(
        regime=key,
        code=code,
        effect=effect,
        rule=f"{pack.name}#jurisdiction",
        text=text,
        citation=rule.citation,
        evidence_tag=rule.tag,
    )
