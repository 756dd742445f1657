"""What is counted of a batch once it is acknowledged; the rest is left to the collector."""

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from schemas.decisions import BreachRaised, Decided
from schemas.licenses import LicenseAlerted
from schemas.orders import CANARY_SOURCE
from services.runtime.codec import Send
from services.runtime.metrics import registry
from services.runtime.metrics.family import NONE

_OUTCOMES: Final = {name: name.lower() for name in ("RELEASED", "HELD", "REJECTED", "CLOSED")}
HELD_MAX: Final = 5_000
HELD: Final[deque[Decided]] = deque(maxlen=HELD_MAX)
"""Holds written and not yet counted by what they block (`services.runtime.metrics.collector`)."""
CANARIES: Final[set[str]] = set()
"""Ids of canary orders that stand in the gate's memory and are not over: to be cancelled."""


def wrote(stage: str, sends: Sequence[Send]) -> None:
    """Count a batch that was written and acknowledged."""
    for topic, count in Counter([send.topic for send in sends]).items():
        registry.PRODUCED.labels(stage, topic).inc(count)
    decided = [(send.event, send.since) for send in sends if isinstance(send.event, Decided)]
    if decided:
        _decided(decided)
    for send in sends:
        event = send.event
        if isinstance(event, BreachRaised):
            registry.BREACHES.labels(event.kind).inc()
        elif isinstance(event, LicenseAlerted):
            registry.LICENSE_ALERTS.labels(event.alert, str(event.threshold)).inc()


def lagging(stage: str, lag: Mapping[int, int]) -> None:
    """Show the lag of the partitions a stage owns; those it lost are no longer its own."""
    registry.LAG.replace({(stage, str(at)): records for at, records in lag.items()}, under=stage)


def _decided(decided: list[tuple[Decided, datetime | None]]) -> None:
    now = time.time()
    reasons: Counter[tuple[str, str]] = Counter()
    seconds: dict[str, list[float]] = {}
    for event, since in decided:
        outcome = _OUTCOMES[event.decision]
        spent = None if since is None else max(now - since.timestamp(), 0.0)
        if event.order_source == CANARY_SOURCE:
            _canary(event, outcome, spent)
            continue
        reasons[outcome, event.reasons[0].code.value if event.reasons else NONE] += 1
        if spent is not None:
            seconds.setdefault(outcome, []).append(spent)
        if outcome == "held":
            HELD.append(event)
    for labels, count in reasons.items():
        registry.DECISIONS.labels(*labels).inc(count)
    for outcome, amounts in seconds.items():
        registry.DECISION_SECONDS.observe_all(amounts, outcome)


def _canary(event: Decided, outcome: str, seconds: float | None) -> None:
    """The first decision on a canary is its round trip; that it is closed later is not."""
    if event.seq == 1 and seconds is not None:
        registry.CANARY_SECONDS.labels(outcome).observe(seconds)
        registry.CANARY_LAST.set(time.time() - seconds)
