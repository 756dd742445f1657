"""Classify a whole order: every line under every regime, with what officers found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.base import canonical
from schemas.checks import OrderClassified
from schemas.classification import (
    ClassifiedLine,
    ProductRef,
    Reason,
    RegimeVerdict,
    Status,
    Verdict,
)
from schemas.orders import Finding, Order, OrderLine, RecheckRequested
from schemas.reference import product_key
from schemas.regimes import ZONES
from services.classification.classify import ENGINE, Classified, classify, verdict_for_code
from services.classification.item import Item, Party
from services.classification.policy import PackSet
from services.classification.products import Product

SEEN_MAX: Final = 20_000
"""Lines remembered; the oldest is forgotten first."""
NONE: Final = "none"
"""What an officer writes where a regime lists no such item."""


@dataclass(frozen=True, slots=True)
class Products:
    """What is on record about products, as last read: by record key, and how far it was read."""

    known: Mapping[str, Product] = field(default_factory=dict)
    offsets: Mapping[str, int] = field(default_factory=dict)

    def of(self, exporter_id: str, sku: str | None) -> Product | None:
        """Find the record of one exporter's product."""
        return None if sku is None else self.known.get(product_key(exporter_id, sku))


NO_PRODUCTS: Final = Products()


@dataclass(frozen=True, slots=True)
class Classifier:
    """Classifies lines under a set of packs, and knows again what it has just seen.

    Classification is a pure function of the line and the days, so what is remembered changes no
    byte; most lines of an order stream are products that came before.
    """

    packs: PackSet
    _seen: dict[Any, Classified] = field(default_factory=dict, repr=False)

    def line(
        self, item: Item, days: tuple[date | datetime, ...], product: Product | None = None
    ) -> Classified:
        """Classify one line for its own day and others; the graver day counts."""
        on_record = product.digest if product else None
        key = (_what_counts(item), _regime_days((item.as_of, *days)), on_record)
        found = self._seen.get(key)
        if found is None:
            found = classify(item, self.packs, _distinct_days(item, days), product)
            if len(self._seen) >= SEEN_MAX:
                self._seen.pop(next(iter(self._seen)))
            self._seen[key] = found
        return found


def _what_counts(item: Item) -> tuple[Any, ...]:
    """Everything classification reads of a line, but the time."""
    return (
        item.description,
        item.hs_code,
        item.unit,
        item.exporter_country,
        item.destination,
        item.origin,
        item.ship_from,
        item.end_use,
        item.cas,
        item.language,
        item.parties,
        tuple(sorted(item.declared.items())),
        item.composition,
        item.mode,
        item.purpose,
        item.incoterm,
        item.sku,
    )


def _regime_days(moments: tuple[date | datetime, ...]) -> frozenset[tuple[date, ...]]:
    """The day of each moment in each regime's zone."""
    return frozenset(tuple(_day(moment, zone) for zone in ZONES.values()) for moment in moments)


def _day(moment: date | datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date() if isinstance(moment, datetime) else moment


def _distinct_days(item: Item, days: tuple[date | datetime, ...]) -> tuple[date | datetime, ...]:
    """Leave out moments that fall on the same days in every zone: they answer alike."""
    seen, kept = {_regime_days((item.as_of,))}, []
    for moment in days:
        own = _regime_days((moment,))
        if own not in seen:
            seen.add(own)
            kept.append(moment)
    return tuple(kept)


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
    packs = classifier.packs
    recheck = order if isinstance(order, RecheckRequested) else None
    findings = recheck.findings if recheck else ()
    days: list[date | datetime] = [own_day] if own_day is not None else []
    if order.requested_ship_date is not None:
        days.append(order.requested_ship_date)
    parties = _parties(order)
    lines: list[ClassifiedLine] = []
    used: dict[str, ProductRef] = {}
    for line in order.lines:
        product = products.of(order.exporter.id, line.sku)
        if product is not None:
            used[product.sku] = ProductRef(
                sku=product.sku, offset=product.offset, digest=product.digest
            )
        item = item_of(order, line, as_of, parties)
        found = classifier.line(item, tuple(days), product)
        lines.append(_line(found, item, line.line_id, findings, packs))
    return OrderClassified(
        order_source=order.order_source,
        order_id=order.order_id,
        revision=order.revision,
        check=recheck.check if recheck else 0,
        order=whole(order),
        order_digest=digest,
        as_of=as_of,
        lines=tuple(lines),
        findings=findings,
        packs=packs.refs,
        verified_until=packs.verified_until,
        products=tuple(used.values()),
        products_offsets=dict(products.offsets),
        engine=ENGINE,
    )


def whole(order: Order) -> Order:
    """The order itself, without what the kind of its event adds."""
    return Order.model_construct(**{name: getattr(order, name) for name in Order.model_fields})


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


def _parties(order: Order) -> tuple[Party, ...] | None:
    if not order.parties:
        return None
    return tuple(
        Party(
            role=party.role,
            name=party.name,
            country=party.country,
            owner_country=party.owner_country,
            id=party.id,
            screened=party.screened.result if party.screened else None,
        )
        for party in order.parties
    )


def _line(
    found: Classified,
    item: Item,
    line_id: str,
    findings: Sequence[Finding],
    packs: PackSet,
) -> ClassifiedLine:
    regimes, reasons = dict(found.regimes), list(found.reasons)
    for finding in findings:
        if finding.action != "classify" or finding.line_id not in (None, line_id):
            continue
        for regime, verdict in found.regimes.items():
            if finding.regime in (None, regime):
                regimes[regime] = _with_finding(regime, verdict, finding, item, packs)
                reasons.append(_reason(regime, finding))
    return ClassifiedLine(
        line_id=line_id, regimes=regimes, reasons=tuple(reasons), missing=found.missing
    )


def _with_finding(
    regime: str, verdict: RegimeVerdict, finding: Finding, item: Item, packs: PackSet
) -> RegimeVerdict:
    """An officer's word settles what was uncertain or stale; elsewhere the graver counts."""
    code = None if finding.code in (None, NONE) else finding.code
    stated = verdict_for_code(regime, code, item, packs)
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
