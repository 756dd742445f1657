"""Classification of one order line under every regime: pure, total, deterministic."""

from dataclasses import dataclass
from datetime import date, datetime

from schemas.classification import Reason, RegimeVerdict, Status, Verdict, gravest
from services.classification.days import day_of
from services.classification.facts import Facts, gather
from services.classification.item import Item
from services.classification.pack_set import PackSet, Standing
from services.classification.products import Product, evaluate_product
from services.classification.regime import Outcome, evaluate, excluded

ENGINE = "classification/1"


@dataclass(frozen=True, slots=True)
class Classified:
    """A line under every regime; `decision` is the gravest, for display alone."""

    regimes: dict[str, RegimeVerdict]
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]
    decision: Verdict


def classify(
    item: Item,
    packs: PackSet,
    days: tuple[date | datetime, ...] = (),
    product: Product | None = None,
) -> Classified:
    """Classify a line for its `as_of` and for further days; the graver day counts.

    With `product`, what is on record about the goods is heard too.
    """
    facts = gather(item, packs.lexicon)
    regimes: dict[str, RegimeVerdict] = {}
    reasons: list[Reason] = list(facts.notes)
    missing: list[str] = []
    judged: Judged = {}
    by_moment = [_on(item, facts, packs, moment, product, judged) for moment in (item.as_of, *days)]
    for key in packs.keys:
        worst = max((found[key] for found in by_moment), key=_gravity)
        verdict = worst.verdict
        if len(by_moment) > 1:
            changes = [found[key].verdict.next_change for found in by_moment]
            soonest = min((c for c in changes if c is not None), default=None)
            if verdict.next_change != soonest:
                verdict = verdict.model_copy(update={"next_change": soonest})
        regimes[key] = verdict
        reasons += worst.reasons
        missing += worst.missing
    return Classified(
        regimes,
        tuple(reasons),
        tuple(dict.fromkeys(missing)),
        gravest([verdict.decision for verdict in regimes.values()]),
    )


Judged = dict[Standing, Outcome]
"""Outcomes by where a regime's packs stand: most further days change nothing."""


def _on(
    item: Item,
    facts: Facts,
    packs: PackSet,
    moment: date | datetime,
    product: Product | None,
    judged: Judged,
) -> dict[str, Outcome]:
    """Every regime on the day that a moment falls on in its zone."""
    outcomes = {}
    for key in packs.keys:
        day = day_of(moment, packs.versions(key)[-1].pack.zone)
        standing = packs.standing(key, day)
        found = judged.get(standing)
        if found is None:
            compiled = standing.compiled
            found = judged[standing] = (
                evaluate(key, compiled, item, facts, day, packs)
                if product is None
                else evaluate_product(key, compiled, item, facts, day, packs, product)
            )
        outcomes[key] = found
    return {key: excluded(key, outcome, outcomes, packs) for key, outcome in outcomes.items()}


def _gravity(outcome: Outcome) -> tuple[int, bool]:
    """Of equally grave days the one past the list's last verified day counts: it holds."""
    return outcome.verdict.decision.gravity, outcome.verdict.status is Status.STALE
