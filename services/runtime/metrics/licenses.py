"""The ledger's memory as gauges, and its balances checked against what is reserved."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from schemas.base import Model
from schemas.decisions import HoldReason
from schemas.regimes import day_in
from services.license_check.book import LICENSE, ZERO, License, Reservation, utilisation
from services.runtime.metrics import registry
from services.runtime.metrics.collector import View, settled_look


def measure(view: View) -> None:
    """Show states, and of the licenses nearest to their end what is left and for how long."""
    now = datetime.now(UTC)
    states: Counter[tuple[str, ...]] = Counter()
    left: dict[str, tuple[float, int]] = {}
    for aggregate in view.aggregates():
        license_ = aggregate.get(LICENSE)
        if not isinstance(license_, License) or license_.terms is None:
            continue
        states[license_.terms.regime, state_of(license_, now)] += 1
        left[license_.license_id] = (remaining_ratio(license_), days_left(license_, now))
        if settled_look(lambda entities=aggregate: not adds_up(entities)):  # type: ignore[misc]
            registry.VIOLATIONS.labels("I4").inc()
    registry.LICENSES_IN_BOOK.replace(dict(states))
    scarce = sorted(left, key=lambda name: (left[name][0], left[name][1], name))
    soon = sorted(left, key=lambda name: (left[name][1], left[name][0], name))
    half = registry.LICENSES_SHOWN // 2
    shown = dict.fromkeys((*scarce[:half], *soon[:half]))
    registry.REMAINING.replace({(name,): left[name][0] for name in shown})
    registry.DAYS_LEFT.replace({(name,): left[name][1] for name in shown})


def adds_up(aggregate: Mapping[str, Model]) -> bool:
    """Whether what a license says is reserved is the sum of its open reservations (I4)."""
    entities = list(aggregate.values())
    license_ = next((each for each in entities if isinstance(each, License)), None)
    if license_ is None:
        return True
    opened = [each for each in entities if isinstance(each, Reservation)]
    quantity = sum((each.open_quantity for each in opened), ZERO)
    value = sum((each.open_value for each in opened), ZERO)
    return (license_.reserved_quantity, license_.reserved_value) == (quantity, value)


def remaining_ratio(license_: License) -> float:
    """What is left of a license, 0 to 1: the scarcer of quantity and value; 1 without a limit."""
    if license_.terms is None:
        return 0.0
    return float(max(1 - (utilisation(license_) or ZERO), ZERO))


def days_left(license_: License, now: datetime) -> int:
    """Days on which it may still be used, today included; 0 once it has expired."""
    if license_.terms is None:
        return 0
    today = day_in(license_.terms.regime, now)
    return max((license_.terms.valid_to - today).days + 1, 0)


def state_of(license_: License, now: datetime) -> str:
    """Name the state of a license at a moment, the graver first."""
    standing = license_.standing_at(now)
    early = license_.refusal_at(now) is HoldReason.LICENSE_NOT_YET_VALID
    return "not_yet_valid" if standing == "active" and early else str(standing)
