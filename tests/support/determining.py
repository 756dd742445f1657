"""One order determined: which licenses are candidates for it, and what holds it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from schemas.checks import AssessedRegime, OrderAssessed, OrderClassified, Rate
from schemas.classification import ClassifiedLine, Reason, RegimeVerdict, Verdict
from schemas.orders import Order
from services.license_check.book import License
from services.license_check.determine import Rules, book_of, determine
from services.runtime.policies import read_ladder
from tests.support.builders import PACK, T0, order, terms, verdict

NEEDED = verdict(Verdict.LICENSE_REQUIRED)
FREE = verdict(Verdict.NO_LICENSE_REQUIRED)


def held(license_id: str = "cn-1", **changes: Any) -> License:
    return License(license_id=license_id, terms=terms(license_id, **changes))


def reason(code: str, regime: str = "CN", text: str = "words") -> Reason:
    return Reason(regime=regime, code=code, effect="for", rule="r", text=text)


def classified(
    whole: Order, regimes: dict[str, RegimeVerdict], reasons: Sequence[Reason], **changes: Any
) -> OrderClassified:
    fields = {
        "order_source": whole.order_source,
        "order_id": whole.order_id,
        "revision": whole.revision,
        "check": 0,
        "order": whole,
        "order_digest": "d" * 64,
        "as_of": T0,
        "lines": tuple(
            ClassifiedLine(line_id=each.line_id, regimes=regimes, reasons=tuple(reasons))
            for each in whole.lines
        ),
        "packs": (PACK,),
        "engine": "classify/1",
    }
    return OrderClassified.model_validate(fields | changes)


def judge(
    *licenses: License,
    whole: Order | None = None,
    regimes: dict[str, RegimeVerdict] | None = None,
    reasons: Sequence[Reason] = (),
    screening: bool = False,
    event_basis: bool = False,
    now: datetime = T0,
    rates: Sequence[Rate] = (),
    **changes: Any,
) -> OrderAssessed:
    event = classified(whole or order(), regimes or {"CN": NEEDED}, reasons, **changes)
    rules = Rules(require_screening=screening, event_basis=event_basis, ladder=read_ladder())
    return determine(event, book_of(licenses, {"0": 7}), now, rules, rates)


def found(assessed: OrderAssessed, regime: str = "CN") -> AssessedRegime:
    return assessed.lines[0].regimes[regime]


def candidates(assessed: OrderAssessed, regime: str = "CN") -> list[str]:
    return [each.license_id for each in found(assessed, regime).candidates]


def holds(assessed: OrderAssessed, regime: str = "CN") -> list[str]:
    return [each.code for each in found(assessed, regime).holds]
