"""Every metric of the services: name, help, unit, labels. docs/reference/metrics.md is made of it.

Names follow Prometheus: one prefix, base units, `_total` on what only rises. Labels are bounded
(`services.runtime.metrics.family`), never an order or a party.
"""

from typing import Final

from schemas.decisions import HoldReason
from schemas.regimes import ZONES
from schemas.topics import BY_NAME, PARTITIONS
from services.runtime.metrics.family import NONE, counter, gauge, histogram, label
from services.runtime.metrics.groups import CURRENCIES, GROUPS

_LATENCY_S: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
"""1.0 is the objective's edge: nine of ten errors of a quantile are those of its bucket."""
_LIFETIME_S: Final = (1.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0)
PHASES: Final = ("unknown", "reserving", "released", "held", "rejected", "closed")
STATUSES: Final = (
    "in_force", "suspended", "not_yet", "not_listed", "repealed", "stale", "unknown",
)  # fmt: skip
LICENSES_SHOWN: Final = 20
"""Licenses an instance shows one by one: those nearest to exhaustion or expiry."""

STAGE: Final = label("stage", "classification, determine, ledger, gate", at_most=8)
TOPIC: Final = label("topic", "topic of the log", BY_NAME)
PARTITION: Final = label("partition", "its number", at_most=PARTITIONS * 4)
OUTCOME: Final = label("outcome", "decision", ("released", "held", "rejected", "closed"))
REASON: Final = label("reason", "hold reason, none", (*HoldReason, NONE))
REGIME: Final = label("regime", "regime, none where a reason has none", (*ZONES, NONE))
CATEGORY: Final = label("category", "1-4 of the reported rule, none", ("1", "2", "3", "4", NONE))
DESTINATION: Final = label("destination", "EU or country, else other", (*GROUPS, NONE))
ORIGIN: Final = label("origin", "EU or country, else other", (*GROUPS, NONE))
CURRENCY: Final = label("currency", "ISO 4217, else other", CURRENCIES)
PHASE: Final = label("phase", "where an order stands in the gate", PHASES)
LICENSE: Final = label("license", "license id: those nearest to their end", at_most=LICENSES_SHOWN)
MATERIAL: Final = label("material", "material of `exportgate status`", at_most=40)
PACK: Final = label("pack", "pack and version", at_most=16)
_BLOCKED: Final = (REASON, REGIME, CATEGORY, DESTINATION)

# The pipeline

CONSUMED: Final = counter(
    "exportgate_events_consumed_total", "Records read", STAGE, TOPIC, unit="records"
)
PRODUCED: Final = counter(
    "exportgate_events_produced_total", "Records written and acknowledged", STAGE, TOPIC,
    unit="records",
)  # fmt: skip
BATCH_SECONDS: Final = histogram(
    "exportgate_stage_duration_seconds",
    "From the poll of a batch to the acknowledgement of its output",
    STAGE,
    buckets=_LATENCY_S,
)
LAG: Final = gauge(
    "exportgate_consumer_lag_records", "Records that wait", STAGE, PARTITION, unit="records"
)
OLDEST_SECONDS: Final = gauge(
    "exportgate_oldest_unprocessed_age_seconds",
    "How long the oldest record of the last batch had waited when it was taken",
    STAGE,
    unit="seconds",
)
PARTITIONS_ASSIGNED: Final = gauge(
    "exportgate_partitions_assigned", "Partitions this instance owns", STAGE, unit="partitions"
)
PARTITIONS_STOPPED: Final = gauge(
    "exportgate_partitions_stopped",
    "Partitions that stand still at a record without a key or at a broken invariant",
    STAGE,
    unit="partitions",
)
LAST_PROGRESS: Final = gauge(
    "exportgate_last_progress_timestamp_seconds",
    "When the stage last finished a cycle (also an empty one)",
    STAGE,
    unit="seconds since 1970",
)
DEAD_LETTERS: Final = counter(
    "exportgate_dead_letters_total", "Records that could not be read", STAGE, TOPIC, unit="records"
)
DUPLICATES: Final = counter(
    "exportgate_duplicates_dropped_total",
    "Records of a fold that changed nothing: delivered again, or saying what was known",
    STAGE,
    label("cause", "delivered_again, no_effect", ("delivered_again", "no_effect")),
    unit="records",
)
REFOLDS: Final = counter(
    "exportgate_refolds_total",
    "Partitions recovered from a snapshot or the log because Redis had no usable state",
    STAGE,
    label("source", "snapshot, log", ("snapshot", "log")),
    unit="partitions",
)
REFOLDING: Final = gauge(
    "exportgate_refolding_partitions", "Partitions being folded again now", STAGE,
    unit="partitions",
)  # fmt: skip
SNAPSHOTS: Final = counter(
    "exportgate_snapshots_total",
    "Snapshots of a fold's partition",
    TOPIC,
    label("result", "written, failed", ("written", "failed")),
    unit="snapshots",
)
CONFLICTS: Final = counter(
    "exportgate_fenced_writes_total",
    "Writes refused because Redis stood elsewhere than expected",
    STAGE,
    unit="writes",
)
UNAVAILABLE: Final = counter(
    "exportgate_retries_total", "Waits for a dependency that did not answer", STAGE, unit="waits"
)
STALE_RELEASES: Final = counter(
    "exportgate_stale_releases_total",
    "Releases held back at sending because their cause was too old",
    unit="releases",
)
DEPENDENCY_UP: Final = gauge(
    "exportgate_dependency_up",
    "1 while a dependency answers, asked every 5 s",
    label("dependency", "kafka, redis", ("kafka", "redis")),
    unit="0 or 1",
)
VALVE_SHUT: Final = gauge(
    "exportgate_poison_valve_shut",
    "1 while a stage has stopped at a flood of unreadable records",
    STAGE,
    unit="0 or 1",
)
VIOLATIONS: Final = counter(
    "exportgate_invariant_violations_total",
    "Invariants found broken (docs/INVARIANTS.md): must stay 0",
    label("invariant", "I2 decisions, I3 releases, I4 balances", ("I2", "I3", "I4")),
    unit="findings",
)
SAMPLED: Final = gauge(
    "exportgate_sampled_timestamp_seconds",
    "When the gauges of orders and licenses were last taken from memory",
    STAGE,
    unit="seconds since 1970",
)

# Decisions

DECISIONS: Final = counter(
    "exportgate_decisions_total", "Decisions, by outcome and first reason", OUTCOME, REASON,
    unit="decisions",
)  # fmt: skip
DECISION_SECONDS: Final = histogram(
    "exportgate_decision_duration_seconds",
    "From the append of the order's record to `orders` (an officer's or a deadline's act: to "
    "`orders.checks`) to the acknowledgement of the decision",
    OUTCOME,
    buckets=_LATENCY_S,
)
BREACHES: Final = counter(
    "exportgate_breaches_total",
    "Goods that left without a release that covers them",
    label("kind", "kind of breach", at_most=8),
    unit="breaches",
)
WITHDRAWN_SECONDS: Final = histogram(
    "exportgate_release_to_withdrawal_seconds",
    "From a release to the hold that withdrew it",
    buckets=_LIFETIME_S,
)
BLOCKED: Final = counter(
    "exportgate_shipments_blocked_total",
    "Orders held, once for each reason, regime and category they are held for",
    *_BLOCKED,
    unit="orders",
)
BLOCKED_LINES: Final = counter(
    "exportgate_lines_blocked_total", "Lines those holds concern", *_BLOCKED, unit="lines"
)
BLOCKED_VALUE: Final = counter(
    "exportgate_value_blocked_total",
    "Stated value of those lines; without one it is unknown, not 0",
    *_BLOCKED,
    CURRENCY,
    unit="currency units",
)

# Orders in the gate's memory

ORDERS_IN_GATE: Final = gauge(
    "exportgate_orders", "Orders in the gate's memory, each once", PHASE, unit="orders"
)
ORDER_VALUE: Final = gauge(
    "exportgate_order_value",
    "Stated value of the lines of orders that are not over, each line once",
    CATEGORY,
    ORIGIN,
    DESTINATION,
    PHASE,
    CURRENCY,
    unit="currency units",
)
UNVALUED: Final = gauge(
    "exportgate_order_lines_unvalued", "Lines of such orders without a stated value", PHASE,
    unit="lines",
)  # fmt: skip
HOLDS_OPEN: Final = gauge(
    "exportgate_holds_open",
    "Orders held now, once for each reason, regime and category they are held for",
    *_BLOCKED,
    unit="orders",
)
HOLD_OLDEST: Final = gauge(
    "exportgate_hold_oldest_age_seconds", "Age of the oldest hold for a reason", REASON,
    unit="seconds",
)  # fmt: skip

# Licenses in the ledger's memory

LICENSES_IN_BOOK: Final = gauge(
    "exportgate_licenses",
    "Licenses in the book",
    REGIME,
    label(
        "state",
        "state today",
        ("active", "not_yet_valid", "suspended", "unknown", "revoked", "expired", "exhausted",
         "overdrawn"),
    ),
    unit="licenses",
)  # fmt: skip
REMAINING: Final = gauge(
    "exportgate_license_remaining_ratio",
    "What is left of a license, the scarcer of quantity and value",
    LICENSE,
    unit="ratio",
)
DAYS_LEFT: Final = gauge(
    "exportgate_license_days_to_expiry", "Days a license may still be used, today included",
    LICENSE, unit="days",
)  # fmt: skip
LICENSE_ALERTS: Final = counter(
    "exportgate_license_alerts_total",
    "Warnings the ledger gave (LicenseAlerted), each once a threshold and amendment",
    label("alert", "utilisation, expiry", ("utilisation", "expiry")),
    label("threshold", "percent used or reserved, days to the end",
          ("80", "90", "95", "100", "30", "14", "7", "1")),
    unit="warnings",
)  # fmt: skip

# Lists

PACK_INFO: Final = gauge(
    "exportgate_pack_info",
    "1 for each pack in use",
    REGIME,
    PACK,
    label("digest", "first 12 digits of its SHA-256", at_most=16),
    unit="1",
)
PACK_VERIFIED_UNTIL: Final = gauge(
    "exportgate_pack_verified_until_timestamp_seconds",
    "When a pack goes stale; a pack without a list behind it has none",
    REGIME,
    PACK,
    unit="seconds since 1970",
)
PACK_CHECKED: Final = gauge(
    "exportgate_pack_last_checked_timestamp_seconds",
    "When the oldest source of a pack was last looked at",
    REGIME,
    PACK,
    unit="seconds since 1970",
)
MATERIAL_STATUS: Final = gauge(
    "exportgate_material_status",
    "1 for the status a material has under a regime today",
    MATERIAL,
    REGIME,
    label("status", "status on the list", STATUSES),
    label("verdict", "verdict", at_most=8),
    unit="1",
)
MATERIAL_CHANGE: Final = gauge(
    "exportgate_material_next_change_timestamp_seconds",
    "Next known day on which that status changes",
    MATERIAL,
    REGIME,
    unit="seconds since 1970",
)

# The canary

CANARY_SENT: Final = counter("exportgate_canary_sent_total", "Canary orders sent", unit="orders")
CANARY_SECONDS: Final = histogram(
    "exportgate_canary_roundtrip_seconds",
    "From the append of a canary order to the acknowledgement of its decision",
    OUTCOME,
    buckets=_LATENCY_S,
)
CANARY_LAST: Final = gauge(
    "exportgate_canary_last_decided_timestamp_seconds",
    "When the newest canary order that this instance decided was appended",
    unit="seconds since 1970",
)
CANARY_INTERVAL: Final = gauge(
    "exportgate_canary_interval_seconds", "Time between canary orders; 0: off", unit="seconds"
)
