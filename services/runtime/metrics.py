"""Every metric of the services: name, help, unit, labels. Labels are bounded, never an order id."""

from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from schemas.base import Model
from schemas.decisions import Decided

REGISTRY: Final = CollectorRegistry()

_LATENCY_S: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip

CONSUMED: Final = Counter(
    "exportgate_events_consumed_total",
    "Records read, by stage and topic",
    ("stage", "topic"),
    registry=REGISTRY,
)
PRODUCED: Final = Counter(
    "exportgate_events_produced_total",
    "Records written and acknowledged, by stage and topic",
    ("stage", "topic"),
    registry=REGISTRY,
)
BATCH_SECONDS: Final = Histogram(
    "exportgate_stage_duration_seconds",
    "From the poll of a batch to the acknowledgement of its output",
    ("stage",),
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
LAG: Final = Gauge(
    "exportgate_consumer_lag_records",
    "Records that wait, by stage and partition",
    ("stage", "partition"),
    registry=REGISTRY,
)
DECISIONS: Final = Counter(
    "exportgate_decisions_total",
    "Decisions written, by outcome and the first reason (empty where there is none)",
    ("outcome", "reason"),
    registry=REGISTRY,
)
DECISION_SECONDS: Final = Histogram(
    "exportgate_decision_duration_seconds",
    "From the append of the record that led to a decision to its acknowledgement",
    ("outcome",),
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
BLOCKED: Final = Counter(
    "exportgate_shipments_blocked_total",
    "Orders held, by each reason they are held for and its regime",
    ("reason", "regime"),
    registry=REGISTRY,
)
DEAD_LETTERS: Final = Counter(
    "exportgate_dead_letters_total",
    "Records that could not be read, by stage and topic",
    ("stage", "topic"),
    registry=REGISTRY,
)
REFOLDS: Final = Counter(
    "exportgate_refolds_total",
    "Partitions folded again from the log because Redis had no usable state",
    ("stage",),
    registry=REGISTRY,
)
CONFLICTS: Final = Counter(
    "exportgate_fenced_writes_total",
    "Writes refused because Redis stood elsewhere than expected",
    ("stage",),
    registry=REGISTRY,
)
UNAVAILABLE: Final = Counter(
    "exportgate_retries_total",
    "Waits for a dependency that did not answer",
    ("stage",),
    registry=REGISTRY,
)
STALE_RELEASES: Final = Counter(
    "exportgate_stale_releases_total",
    "Releases held back at sending because their cause was too old",
    registry=REGISTRY,
)
VALVE_SHUT: Final = Gauge(
    "exportgate_poison_valve_shut",
    "1 while a stage has stopped at a flood of unreadable records",
    ("stage",),
    registry=REGISTRY,
)
PARTITIONS: Final = Gauge(
    "exportgate_partitions_assigned",
    "Partitions this instance owns",
    ("stage",),
    registry=REGISTRY,
)
LAST_PROGRESS: Final = Gauge(
    "exportgate_last_progress_timestamp_seconds",
    "When the stage last finished a cycle",
    ("stage",),
    registry=REGISTRY,
)


def decided(event: Model, caused_at: datetime | None) -> None:
    """Count a decision once it is acknowledged."""
    if not isinstance(event, Decided):
        return
    outcome = event.decision.lower()
    reason = event.reasons[0].code.value if event.reasons else ""
    DECISIONS.labels(outcome, reason).inc()
    if caused_at is not None:
        seconds = (datetime.now(UTC) - caused_at).total_seconds()
        DECISION_SECONDS.labels(outcome).observe(max(seconds, 0.0))
    if event.decision == "HELD":
        for code, regime in {(r.code.value, r.regime or "") for r in event.reasons}:
            BLOCKED.labels(code, regime).inc()
