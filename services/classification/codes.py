"""What a confirmed code means for an order, on its day."""

from schemas.classification import Match, RegimeVerdict
from services.classification.days import day_of
from services.classification.facts import Facts
from services.classification.item import Item
from services.classification.pack_set import PackSet
from services.classification.products import meant
from services.classification.regime import evaluate_code


def code_verdict(regime: str, code: str | None, item: Item, packs: PackSet) -> RegimeVerdict:
    """Judge the order as if the goods were exactly what the code says."""
    zone = packs.versions(regime)[-1].pack.zone
    day = day_of(item.as_of, zone)
    compiled = packs.on(regime, day)
    facts = Facts(content=True)
    usual = meant(code or None)
    if code and usual:
        facts.codes = (("", usual, Match(field="code", text=code, start=0, end=len(code))),)
    return evaluate_code(regime, compiled, item, facts, day, packs)
