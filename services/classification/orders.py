"""Classify a whole order: every line under every regime, with what officers found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from schemas.base import assembled, built, canonical, utc
from schemas.checks import OrderClassified
from schemas.classification import (
    ClassifiedLine,
    PackRef,
    ProductRef,
    Reason,
    RegimeVerdict,
    Status,
    Verdict,
)
from schemas.orders import Finding, Order, OrderLine, OrderParty, RecheckRequested
from schemas.reference import product_key
from schemas.regimes import ZONES
from services.classification.classify import ENGINE, Classified, classify
from services.classification.codes import code_verdict
from services.classification.days import day_of
from services.classification.item import Item, Party
from services.classification.pack_set import PackSet
from services.classification.parties import resembling
from services.classification.products import Product

Moments = tuple[date | datetime, ...]
Who = tuple[str, str, str | None, str | None, str | None, str | None]
SEEN_MAX: Final = 20_000
"""Lines remembered; the oldest is forgotten first."""
_ZONES: Final = tuple(dict.fromkeys(zone.key for zone in ZONES.values()))
NONE: Final = "none"
"""What an officer writes where a regime lists no such item."""


@dataclass(frozen=True, slots=True)
class Products:
    """What is on record about products, as last read: by record key, and how far it was read."""

    known: Mapping[str, Product] = field(default_factory=dict)
    offsets: Mapping[str, int] = field(default_factory=dict)

    def of(self, exporter_id: str, sku: str | None) -> Product | None:
        """Find the record of one exporter's product; an exporter with a slash can have none."""
        if sku is None or "/" in exporter_id:
            return None
        return self.known.get(product_key(exporter_id, sku))


NO_PRODUCTS: Final = Products()


@dataclass(frozen=True, slots=True)
class Context:
    """What the lines of an order have in common, as far as it counts; equal ones are one."""

    number: int
    parties: tuple[Party, ...] | None
    days: Moments
    """Moments to judge beside the order's own, each on other days than those before it."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """Classifies lines under a set of packs, and knows again what it has just seen.

    Classification is a pure function of the line, what is on record of its product, the rest of
    the order and the days, so what is remembered changes no byte; most lines of an order stream
    are products that came before.
    """

    packs: PackSet
    refs: tuple[PackRef, ...] = field(init=False, repr=False)
    verified_until: date | None = field(init=False, repr=False)
    _names: tuple[str, ...] = field(init=False, repr=False)
    _deemed: frozenset[str] = field(init=False, repr=False)
    _contexts: dict[Any, Context] = field(default_factory=dict, repr=False)
    _seen: dict[Any, Classified] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Say once what every answer says of the packs, and whom they speak of."""
        compiled = [c for key in self.packs.keys for c in self.packs.versions(key)]
        names = dict.fromkeys(name for each in compiled for name in each.names)
        deemed = [
            each.pack.jurisdiction.territory
            for each in compiled
            if each.pack.jurisdiction.domestic == "deemed"
        ]
        object.__setattr__(self, "_names", tuple(names))
        object.__setattr__(self, "_deemed", frozenset(c for inside in deemed for c in inside))
        object.__setattr__(self, "refs", self.packs.refs)
        object.__setattr__(self, "verified_until", self.packs.verified_until)

    def context(self, order: Order, moments: Moments) -> Context:
        """Find what an order's lines have in common; the first of `moments` is its own."""
        parties = tuple([_who(party) for party in order.parties]) + _on_documents(order)
        if order.destination not in self._deemed:
            # Only there does it count whose the parties are; elsewhere, whom they resemble.
            parties = tuple([who for who in parties if self._counts(who)])
        common = (
            order.exporter.country,
            order.destination,
            order.ship_from,
            parties,
            order.mode,
            order.purpose,
            order.incoterm,
            _regime_days(moments),
        )
        found = self._contexts.get(common)
        if found is None:
            if len(self._contexts) >= SEEN_MAX:
                self._contexts.clear()
                self._seen.clear()
            named = tuple(Party(*party) for party in parties) or None
            found = Context(len(self._contexts), named, _distinct_days(moments))
            self._contexts[common] = found
        return found

    def _counts(self, who: Who) -> bool:
        _, name, _, _, _, screened = who
        return screened == "hit" or resembling(name, self._names)

    def line(
        self,
        context: Context,
        line: OrderLine,
        product: Product | None,
        made: Callable[[], Item],
    ) -> Classified:
        """Classify one line, for its own day and others: the graver day counts.

        `made` makes the item, where the line is a new one.
        """
        key = (
            context.number,
            line.description,
            line.sku,
            product.digest if product else None,
            line.hs_code,
            line.unit,
            line.origin,
            line.end_use,
            line.cas,
            line.language,
            line.declared,
            line.composition,
        )
        found = self._seen.get(key)
        if found is None:
            found = classify(made(), self.packs, context.days, product)
            if len(self._seen) >= SEEN_MAX:
                self._seen.pop(next(iter(self._seen)))
            self._seen[key] = found
        return found


def _regime_days(moments: Moments) -> tuple[tuple[date, ...], ...]:
    """The day of each moment in each regime's zone, in order: of equally grave days the first."""
    return tuple(
        dict.fromkeys(tuple([day_of(moment, zone) for zone in _ZONES]) for moment in moments)
    )


def _distinct_days(moments: Moments) -> Moments:
    """Leave out moments that fall on the same days in every zone: they answer alike."""
    first: dict[Any, date | datetime] = {}
    for moment in moments:
        first.setdefault(_regime_days((moment,)), moment)
    return tuple(first.values())[1:]


def classify_order(
    order: Order,
    *,
    as_of: datetime,
    own_day: datetime | None,
    digest: str,
    classifier: Classifier,
    products: Products = NO_PRODUCTS,
) -> OrderClassified:
    """Classify an order for `as_of`, the record's own day (None: event basis) and its ship date."""
    recheck = order if isinstance(order, RecheckRequested) else None
    findings = recheck.findings if recheck else ()
    days: list[date | datetime] = [own_day] if own_day is not None else []
    if order.requested_ship_date is not None:
        days.append(order.requested_ship_date)
    context = classifier.context(order, (as_of, *days))
    lines: list[ClassifiedLine] = []
    used: dict[str, ProductRef] = {}
    for line in order.lines:
        product = products.of(order.exporter.id, line.sku)
        if product is not None:
            used[product.sku] = ProductRef(
                sku=product.sku, offset=product.offset, digest=product.digest
            )
        made = partial(item_of, order, line, as_of, context.parties)
        found = classifier.line(context, line, product, made)
        moments = (as_of, *context.days)
        lines.append(_line(found, made, line.line_id, findings, moments, classifier.packs))
    return built(
        OrderClassified,
        order_source=order.order_source,
        order_id=order.order_id,
        revision=order.revision,
        check=recheck.check if recheck else 0,
        order=whole(order),
        order_digest=digest,
        as_of=utc(as_of),
        lines=tuple(lines),
        findings=findings,
        packs=classifier.refs,
        verified_until=classifier.verified_until,
        products=tuple(used.values()),
        products_offsets=dict(products.offsets),
        engine=ENGINE,
    )


def whole(order: Order) -> Order:
    """The order itself, without what the kind of its event adds."""
    fields = order.__dict__
    return assembled(Order, {name: fields[name] for name in Order.model_fields})


def item_of(
    order: Order, line: OrderLine, as_of: datetime, parties: tuple[Party, ...] | None
) -> Item:
    """One line, with what matters of its order."""
    return Item(
        description=line.description,
        exporter_country=order.exporter.country,
        destination=order.destination,
        as_of=as_of,
        language=line.language,
        hs_code=line.hs_code,
        quantity=line.quantity,
        unit=line.unit,
        origin=line.origin,
        ship_from=order.ship_from,
        end_use=line.end_use,
        sku=line.sku,
        cas=line.cas,
        value=line.value,
        currency=line.currency,
        parties=parties,
        declared=line.declared.model_dump() if line.declared else {},
        composition=tuple((c.element, c.mass_percent) for c in line.composition or ()),
        mode=order.mode,
        purpose=order.purpose,
        incoterm=order.incoterm,
    )


def _who(party: OrderParty) -> Who:
    """What counts of a party, in the order of `Party`: not when it was screened."""
    screened = party.screened.result if party.screened else None
    return party.role, party.name, party.country, party.owner_country, party.id, screened


def _on_documents(order: Order) -> tuple[Who, ...]:
    """The end users that the order's documents name are parties of it, stated or not."""
    names = dict.fromkeys([each.end_user for each in order.documents if each.end_user])
    return tuple([("end_user", name, None, None, None, None) for name in names])


def _line(
    found: Classified,
    made: Callable[[], Item],
    line_id: str,
    findings: Sequence[Finding],
    moments: Moments,
    packs: PackSet,
) -> ClassifiedLine:
    if not findings:
        # Nothing here comes from outside: to validate it again would cost more than to find it.
        return built(
            ClassifiedLine, line_id=line_id, regimes=found.regimes, reasons=found.reasons,
            missing=found.missing,
        )  # fmt: skip
    regimes, reasons = dict(found.regimes), list(found.reasons)
    for finding in findings:
        if finding.action != "classify" or finding.line_id not in (None, line_id):
            continue
        for regime, verdict in found.regimes.items():
            if finding.regime in (None, regime):
                items = [replace(made(), as_of=moment) for moment in moments]
                regimes[regime] = _with_finding(regime, verdict, finding, items, packs)
                reasons.append(_reason(regime, finding))
    return ClassifiedLine(
        line_id=line_id, regimes=regimes, reasons=tuple(reasons), missing=found.missing
    )


def _with_finding(
    regime: str, verdict: RegimeVerdict, finding: Finding, items: Sequence[Item], packs: PackSet
) -> RegimeVerdict:
    """An officer's word settles what was uncertain or stale; elsewhere the graver counts.

    `items`: the line on each day that counts. What the code means on the gravest is what it means.
    """
    found = [code_verdict(regime, finding.code, item, packs) for item in items]
    stated = max(found, key=lambda each: each.decision.gravity)
    uncertain = verdict.decision is Verdict.REVIEW or verdict.status is Status.STALE
    graver = stated.decision.gravity >= verdict.decision.gravity
    milder_on_stale = uncertain and verdict.decision.gravity <= Verdict.REVIEW.gravity
    return stated if graver or milder_on_stale else verdict


def _reason(regime: str, finding: Finding) -> Reason:
    by = ", ".join(finding.officers)
    return Reason(
        regime=regime,
        code="OFFICER",
        effect="note",
        rule="officer",
        text=f"{by} stated {finding.code or NONE}",
        citation=finding.citation,
        evidence_tag="O",
    )


def content(order: Order) -> bytes:
    """The order as canonical JSON: what its digest is taken of. Its revision is part of it."""
    return canonical(
        order.model_dump(mode="json", exclude_none=True, include=set(Order.model_fields))
    )
