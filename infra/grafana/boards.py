"""What each dashboard shows: panels as plain values, made into Grafana's JSON by `generate`."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["lines", "stat", "bars", "table"]
EVERY: Final = "[$__rate_interval]"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression, and how its series are named."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `unit` is Grafana's; `width` is in its 24 columns."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = "lines"
    width: int = 8
    bad_above: float | None = None
    """A value above this is shown red."""


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    description: str
    panels: tuple[Panel, ...]


def of(metric: str, matchers: str = "") -> str:
    """Select a metric for the job and instances chosen at the top of the dashboard."""
    chosen = 'job=~"$job", instance=~"$instance"'
    return f"{metric}{{{', '.join(filter(None, (chosen, matchers)))}}}"


def total(metric: str, by: str = "", matchers: str = "") -> str:
    """Add a gauge up over instances."""
    return f"sum{_by(by)}({of(metric, matchers)})"


def rate(metric: str, by: str = "", matchers: str = "") -> str:
    """Rate of a counter a second, over instances."""
    return f"sum{_by(by)}(rate({of(metric, matchers)}{EVERY}))"


def most(metric: str, by: str = "", matchers: str = "") -> str:
    """Greatest value of a gauge over instances."""
    return f"max{_by(by)}({of(metric, matchers)})"


def quantile(q: str, histogram: str, by: str = "") -> str:
    """Quantile of a histogram, over instances."""
    labels = ", ".join(filter(None, ("le", by)))
    return f"histogram_quantile({q}, {rate(f'{histogram}_bucket', labels)})"


def age(metric: str, by: str) -> str:
    """Seconds since a moment that a gauge names."""
    return f"time() - min{_by(by)}({of(metric)})"


def _by(labels: str) -> str:
    return f" by ({labels}) " if labels else ""


def one(expr: str, legend: str = "") -> tuple[Query, ...]:
    """A panel's only query."""
    return (Query(expr, legend),)


HELD: Final = 'phase="held"'
PERCENTILES: Final = (("0.5", "p50"), ("0.9", "p90"), ("0.99", "p99"))
SLOW: Final = (
    Query("exportgate:decision_slow:ratio_rate5m", "5 minutes"),
    Query("exportgate:decision_slow:ratio_rate1h", "1 hour"),
    Query("exportgate:decision_slow:ratio_rate6h", "6 hours"),
)


def percentiles(histogram: str) -> tuple[Query, ...]:
    """Three quantiles of a histogram."""
    return tuple(Query(quantile(q, histogram), name) for q, name in PERCENTILES)


OVERVIEW: Final = Board(
    "exportgate-overview", "Gate overview", "Is every order decided, how fast, and which way?",
    (
        Panel("Decisions a second", "Decisions written, canaries left out.", "ops",
              one(rate("exportgate_decisions_total")), "stat", 4),
        Panel("Orders held", "Orders held now, each once.", "short",
              one(total("exportgate_orders", matchers=HELD)), "stat", 4),
        Panel("Value held", "Stated value of the lines of held orders, by currency.", "short",
              one(total("exportgate_order_value", "currency", HELD), "{{currency}}"), "stat", 8),
        Panel("Services that answer", "Processes Prometheus can read.", "short",
              one(total("up")), "stat", 4),
        Panel("Invariants broken", "Must stay 0.", "short",
              one(total("exportgate_invariant_violations_total")), "stat", 4, bad_above=0),
        Panel("Decisions by outcome", "Decisions a second: released, held, rejected, closed.",
              "ops", one(rate("exportgate_decisions_total", "outcome"), "{{outcome}}")),
        Panel("Decision latency", "From the append of the order's record to the acknowledgement "
              "of the decision.", "s", percentiles("exportgate_decision_duration_seconds")),
        Panel("Slower than a second", "Share of decisions beyond the objective; 1 % may.",
              "percentunit", SLOW),
        Panel("Orders by phase", "Where the orders in the gate's memory stand.", "short",
              one(total("exportgate_orders", "phase"), "{{phase}}")),
        Panel("Shipments blocked", "Orders held a second, by each reason they are held for.",
              "ops", one(rate("exportgate_shipments_blocked_total", "reason"), "{{reason}}")),
        Panel("Canary round trip", "A synthetic order through the whole pipeline.", "s",
              percentiles("exportgate_canary_roundtrip_seconds")),
        Panel("Breaches", "Goods that left without a release that covers them, ever.", "short",
              one(total("exportgate_breaches_total", "kind"), "{{kind}}"), bad_above=0),
        Panel("Age of the newest canary decided", "Alert after three intervals.", "s",
              (Query(f"time() - {most('exportgate_canary_last_decided_timestamp_seconds')}", "age"),
               Query(most("exportgate_canary_interval_seconds"), "interval"))),
        Panel("Canaries sent", "Synthetic orders a second.", "ops",
              one(rate("exportgate_canary_sent_total"), "sent")),
    ),
)  # fmt: skip

HOLDS: Final = Board(
    "exportgate-holds", "Holds", "What is held, why, since when, and worth what?",
    (
        Panel("Open holds by reason", "Orders held now, once for each reason.", "short",
              one(total("exportgate_holds_open", "reason"), "{{reason}}"), "bars", 12),
        Panel("Oldest hold by reason", "How long the oldest has waited.", "s",
              one(most("exportgate_hold_oldest_age_seconds", "reason"), "{{reason}}"),
              "bars", 12),
        Panel("By regime", "Orders held now, by the regime that holds them.", "short",
              one(total("exportgate_holds_open", "regime"), "{{regime}}")),
        Panel("By category", "Orders held now, by category of the reported rule.", "short",
              one(total("exportgate_holds_open", "category"), "{{category}}")),
        Panel("By destination", "Orders held now, by where they go.", "short",
              one(total("exportgate_holds_open", "destination"), "{{destination}}")),
        Panel("Orders blocked", "Orders held a second, by reason.", "ops",
              one(rate("exportgate_shipments_blocked_total", "reason"), "{{reason}}")),
        Panel("Lines blocked", "Lines held a second, by reason.", "ops",
              one(rate("exportgate_lines_blocked_total", "reason"), "{{reason}}")),
        Panel("Value blocked", "Stated value held a second, by currency.", "short",
              one(rate("exportgate_value_blocked_total", "currency"), "{{currency}}")),
        Panel("Value held by destination", "Stated value of held orders now.", "short",
              one(total("exportgate_order_value", "destination, currency", HELD),
                  "{{destination}} {{currency}}")),
        Panel("Lines without a stated value", "Their value at stake is unknown, not 0.", "short",
              one(total("exportgate_order_lines_unvalued", "phase"), "{{phase}}")),
        Panel("Release to withdrawal", "How long a release stood before a hold withdrew it.", "s",
              percentiles("exportgate_release_to_withdrawal_seconds")),
    ),
)  # fmt: skip

_BY_LICENSES: Final = 'reason=~"NO_LICENSE|LICENSE_.*|.*_MISMATCH|EUC_MISSING|CONDITION_OPEN"'
LICENSES: Final = Board(
    "exportgate-licenses", "Licenses", "What is left of each license, and for how long?",
    (
        Panel("What is left", "The scarcer of quantity and value; those nearest to their end.",
              "percentunit", one(f"min by (license) ({of('exportgate_license_remaining_ratio')})",
                                 "{{license}}"), "bars", 12),
        Panel("Days to expiry", "Days a license may still be used; those nearest to their end.",
              "d", one(f"min by (license) ({of('exportgate_license_days_to_expiry')})",
                       "{{license}}"), "bars", 12),
        Panel("What is left, over time", "How fast licenses are drawn.", "percentunit",
              one(f"min by (license) ({of('exportgate_license_remaining_ratio')})",
                  "{{license}}"), width=6),
        Panel("Warnings given", "By the ledger, once a threshold and amendment, since start.",
              "short", one(total("exportgate_license_alerts_total", "alert, threshold"),
                           "{{alert}} {{threshold}}"), width=6),
        Panel("Licenses by state", "Active, suspended, unknown, expired …", "short",
              one(total("exportgate_licenses", "state"), "{{state}}"), width=6),
        Panel("Licenses by regime", "How many are in the book.", "short",
              one(total("exportgate_licenses", "regime"), "{{regime}}"), width=6),
        Panel("Held for want of a license", "Orders only a license, document or amendment frees.",
              "short", one(total("exportgate_holds_open", "reason, regime", _BY_LICENSES),
                           "{{reason}} {{regime}}"), width=12),
        Panel("Ledger entries", "Records of the ledger folded a second.", "ops",
              one(rate("exportgate_events_consumed_total", "stage", 'stage="ledger"'),
                  "{{stage}}"), width=12),
    ),
)  # fmt: skip

_MAP_BY: Final = "category, origin, destination, currency"
_HELD_SHARE: Final = (
    f"({total('exportgate_order_value', _MAP_BY, HELD)}) "
    f"/ ({total('exportgate_order_value', _MAP_BY)})"
)
_WAY: Final = "{{category}}: {{origin}} → {{destination}} {{currency}}"
MATERIALS: Final = Board(
    "exportgate-materials", "Materials",
    "How is each material controlled today, and what of it is held?",
    (
        Panel("Control status today", "Status and verdict of each material under each regime.",
              "short", one(most("exportgate_material_status",
                                "material, regime, status, verdict")), "table", 12),
        Panel("Next known change", "Day from which a material stands otherwise.",
              "dateTimeAsIso",
              one(f"{most('exportgate_material_next_change_timestamp_seconds', 'material, regime')}"
                  " * 1000"), "table", 12),
        Panel("The map: value by origin and destination", "Category of the reported rule, from "
              "where to where, stated value of orders held or released. By supplier and end user: "
              "`exportgate status --map`.", "short",
              one(total("exportgate_order_value", _MAP_BY), _WAY), "table", 12),
        Panel("The map: share held", "Part of that value that is held.", "percentunit",
              one(_HELD_SHARE, _WAY), "table", 12),
        Panel("Held value by category", "1 ores and powders, 2 alloys and magnets, 3 equipment, "
              "4 software, none.", "short",
              one(total("exportgate_order_value", "category, currency", HELD),
                  "{{category}} {{currency}}")),
        Panel("Packs in use", "Regime, pack and version, digest.", "short",
              one(most("exportgate_pack_info", "regime, pack, digest")), "table"),
        Panel("Packs are verified for", "Time left; then what is under them is held.", "s",
              one("min by (regime, pack) "
                  f"({of('exportgate_pack_verified_until_timestamp_seconds')}) - time()",
                  "{{pack}}"), "bars"),
        Panel("Sources last looked at", "Age of a pack's oldest look at its sources.", "s",
              one(age("exportgate_pack_last_checked_timestamp_seconds", "regime, pack"),
                  "{{pack}}"), "bars"),
    ),
)  # fmt: skip

PIPELINE: Final = Board(
    "exportgate-pipeline", "Pipeline health", "Does every stage move, and what stands in its way?",
    (
        Panel("Records read", "Records a second, by stage.", "ops",
              one(rate("exportgate_events_consumed_total", "stage"), "{{stage}}")),
        Panel("Records written", "Records a second, by stage and topic.", "ops",
              one(rate("exportgate_events_produced_total", "stage, topic"),
                  "{{stage}} → {{topic}}")),
        Panel("Records that wait", "Lag, by stage.", "short",
              one(total("exportgate_consumer_lag_records", "stage"), "{{stage}}")),
        Panel("Age of the oldest record taken", "How long it had waited.", "s",
              one(most("exportgate_oldest_unprocessed_age_seconds", "stage"), "{{stage}}")),
        Panel("Batch duration, p99", "From poll to acknowledgement.", "s",
              one(quantile("0.99", "exportgate_stage_duration_seconds", "stage"), "{{stage}}")),
        Panel("Last cycle", "Seconds since each stage last finished one.", "s",
              one(age("exportgate_last_progress_timestamp_seconds", "stage"), "{{stage}}")),
        Panel("Dependencies", "1 while Kafka and Redis answer.", "short",
              one(f"min by (dependency) ({of('exportgate_dependency_up')})", "{{dependency}}")),
        Panel("Waits for a dependency", "Tries a second without an answer.", "ops",
              one(rate("exportgate_retries_total", "stage"), "{{stage}}")),
        Panel("Partitions owned", "By stage; 12 in all.", "short",
              one(total("exportgate_partitions_assigned", "stage"), "{{stage}}")),
        Panel("Partitions that stand still", "At a record without a key or a broken invariant.",
              "short", one(total("exportgate_partitions_stopped", "stage"), "{{stage}}"),
              bad_above=0),
        Panel("Poison valve", "1 while shut.", "short",
              one(most("exportgate_poison_valve_shut", "stage"), "{{stage}}"), bad_above=0),
        Panel("Dead letters", "Records nobody could read, a second.", "ops",
              one(rate("exportgate_dead_letters_total", "stage, topic"), "{{topic}}")),
        Panel("Duplicates dropped", "Records of a fold that changed nothing, a second.", "ops",
              one(rate("exportgate_duplicates_dropped_total", "stage, cause"),
                  "{{stage}} {{cause}}")),
        Panel("Refolding now", "Partitions being folded again from the log.", "short",
              one(total("exportgate_refolding_partitions", "stage"), "{{stage}}")),
        Panel("Refolds", "Partitions recovered without Redis, since start, and from what.",
              "short", one(total("exportgate_refolds_total", "stage, source"),
                           "{{stage}} from {{source}}")),
        Panel("Snapshots", "Written or failed, since start.", "short",
              one(total("exportgate_snapshots_total", "topic, result"), "{{topic}} {{result}}")),
        Panel("Writes refused", "Redis stood elsewhere than expected, a second.", "ops",
              one(rate("exportgate_fenced_writes_total", "stage"), "{{stage}}")),
        Panel("Stale releases", "Releases held back and confirmed first, a second.", "ops",
              one(rate("exportgate_stale_releases_total"), "held back")),
        Panel("Age of gauges", "Seconds since orders and licenses were last looked at.", "s",
              one(age("exportgate_sampled_timestamp_seconds", "stage"), "{{stage}}")),
        Panel("CPU", "Cores used, by service.", "short",
              one(f"sum by (service) (rate({of('process_cpu_seconds_total')}{EVERY}))",
                  "{{service}}")),
        Panel("Memory", "Resident bytes, by service.", "bytes",
              one(total("process_resident_memory_bytes", "service"), "{{service}}")),
        Panel("Open files", "File descriptors, by service.", "short",
              one(total("process_open_fds", "service"), "{{service}}")),
    ),
)  # fmt: skip

BOARDS: Final = (OVERVIEW, HOLDS, LICENSES, MATERIALS, PIPELINE)
