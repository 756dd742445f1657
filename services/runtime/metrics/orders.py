"""The gate's memory as gauges: what stands where, what is held, for how long, worth what."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import orjson

from schemas.decisions import Decided
from schemas.orders import CANARY_SOURCE
from services.hold_release.blocked import Blocked, Flow, blocked_by, flows_of
from services.hold_release.state import OrderState
from services.runtime.metrics import registry
from services.runtime.metrics.collector import View
from services.runtime.metrics.groups import group_of
from services.runtime.metrics.observe import CANARIES, HELD


def measure(view: View) -> None:
    """Count the holds written since the last time, then show how all orders stand."""
    while HELD:
        event = HELD.popleft()
        state = view.root(event.key)
        if isinstance(state, OrderState):
            _count(event, state)
    standing, canaries = _Standing(), set()
    for root in view.roots():
        if not isinstance(root, OrderState):
            continue
        if root.order_source != CANARY_SOURCE:
            standing.add(root)
        elif not root.terminal:
            canaries.add(root.order_id)
    CANARIES.intersection_update(canaries)
    CANARIES.update(canaries)
    _KNOWN.clear()
    _KNOWN.update(standing.known)
    standing.show(datetime.now(UTC))


def _count(event: Decided, state: OrderState) -> None:
    destination = group_of(state.assessed.order.destination if state.assessed else None)
    for each in blocked_by(event.reasons, state.assessed):
        labels = (each.reason, each.regime, each.category, destination)
        registry.BLOCKED.labels(*labels).inc()
        registry.BLOCKED_LINES.labels(*labels).inc(each.lines)
        for currency, amount in each.value.items():
            registry.BLOCKED_VALUE.labels(*labels, currency).inc(float(amount))
    for release in (*state.past, *((state.release,) if state.release else ())):
        if release.seq == event.seq - 1:
            released_at = datetime.fromisoformat(orjson.loads(release.value)["log_time"])
            registry.WITHDRAWN_SECONDS.observe((event.log_time - released_at).total_seconds())


@dataclass(frozen=True, slots=True)
class _Worth:
    """What one order adds to the sums."""

    destination: str
    flows: tuple[Flow, ...] = ()
    blocked: tuple[Blocked, ...] = ()


_KNOWN: Final[dict[str, tuple[OrderState, _Worth]]] = {}
"""By order key, of the last walk: what is gone, or another instance's by now, is dropped."""


def _worth(state: OrderState) -> _Worth:
    """Read what an order is worth, once for as long as its state is the same."""
    known = _KNOWN.get(state.key)
    if known is not None and known[0] is state:
        return known[1]
    assessed = state.assessed
    held = state.phase == "held"
    worth = _Worth(
        destination=group_of(assessed.order.destination if assessed else None),
        flows=() if assessed is None else tuple(flows_of(assessed)),
        blocked=tuple(blocked_by(state.reasons, assessed)) if held else (),
    )
    return worth


@dataclass(slots=True)
class _Standing:
    """Sums over all orders, gathered one by one and shown at once."""

    phases: Counter[str] = field(default_factory=Counter)
    open: Counter[tuple[str, ...]] = field(default_factory=Counter)
    value: dict[tuple[str, ...], float] = field(default_factory=dict)
    unvalued: Counter[str] = field(default_factory=Counter)
    oldest: dict[str, datetime] = field(default_factory=dict)
    known: dict[str, tuple[OrderState, _Worth]] = field(default_factory=dict)

    def add(self, state: OrderState) -> None:
        self.phases[state.phase] += 1
        if state.terminal:
            return
        worth = _worth(state)
        self.known[state.key] = (state, worth)
        for flow in worth.flows:
            self.unvalued[state.phase] += flow.unvalued
            for currency, amount in flow.value.items():
                place = (flow.category, group_of(flow.origin), worth.destination, state.phase,
                         currency)  # fmt: skip
                self.value[place] = self.value.get(place, 0.0) + float(amount)
        for each in worth.blocked:
            self._hold(each, worth.destination, state.held_since)

    def _hold(self, each: Blocked, destination: str, since: datetime | None) -> None:
        self.open[each.reason, each.regime, each.category, destination] += 1
        if since is not None:
            self.oldest[each.reason] = min(self.oldest.get(each.reason, since), since)

    def show(self, now: datetime) -> None:
        registry.ORDERS_IN_GATE.replace({(name,): self.phases[name] for name in registry.PHASES})
        registry.HOLDS_OPEN.replace(dict(self.open))
        registry.ORDER_VALUE.replace(dict(self.value))
        registry.UNVALUED.replace({(name,): count for name, count in self.unvalued.items()})
        ages: dict[tuple[str, ...], float] = {
            (why,): (now - since).total_seconds() for why, since in self.oldest.items()
        }
        registry.HOLD_OLDEST.replace(ages)
