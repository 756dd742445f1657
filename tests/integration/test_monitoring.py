"""Under load, every panel of every dashboard shows data; and nobody needs Prometheus to decide.

One stack for all: real Kafka and Redis, the three services, Prometheus and Alertmanager.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from infra.local.process import wait_until
from schemas.orders import CANARY_SOURCE
from services.cli.order_files import TYPES
from services.generator.scenario import Scenario, scenario
from services.materials.status import control_statuses
from services.runtime.packs import load_packs
from tests.chaos.traffic import Traffic, import_licenses
from tests.support.gate import Gate, differing, running_gate
from tests.support.prometheus import Monitoring, monitored
from tests.support.promql import panel_queries, rules
from tests.support.stack import RealKafka, RealRedis, renew_topics

ORDERS, SECONDS = 160, 10
SHOWN_WITHIN_S = 60
SETTLED_WITHIN_S = 30

pytestmark = pytest.mark.real


@dataclass
class Loaded:
    """A gate that has decided some orders while it was watched."""

    gate: Gate
    made: Scenario
    monitoring: Monitoring


@pytest.fixture(scope="module")
def loaded(
    kafka: RealKafka, redis_server: RealRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loaded]:
    renew_topics(kafka.bootstrap)
    with redis_server.client() as client:
        client.flushall()
    folder = tmp_path_factory.mktemp("watched")
    made = scenario(11, ORDERS)
    with running_gate(
        folder,
        kafka.bootstrap,
        redis_server.url,
        EXPORTGATE_TIME_BASIS="event",
        EXPORTGATE_CANARY_EVERY_S="2",
    ) as gate:
        ports = {name: service.port for name, service in gate.services.items()}
        with monitored(folder / "prometheus", ports) as monitoring:
            connected = gate.client()
            import_licenses(connected, made)
            connected.close()
            traffic = Traffic(kafka.bootstrap, made, seconds=SECONDS)
            traffic.start()
            traffic.sender.join()
            decided = wait_until(lambda: not traffic.unexpected(), SETTLED_WITHIN_S)
            traffic.stop()
            assert decided, traffic.unexpected()
            yield Loaded(gate, made, monitoring)


def nothing_changes() -> bool:
    """Whether no list says that anything will be otherwise: then that panel is rightly empty."""
    statuses = control_statuses(load_packs(), datetime.now(UTC).date())
    return all(each.change is None for by in statuses.values() for each in by.values())


def test_every_query_of_every_panel_returns_data(loaded: Loaded) -> None:
    missing = {query.name: query.filled("10s") for query in panel_queries()}
    if nothing_changes():
        missing.pop("exportgate-materials: Next known change")

    def look() -> bool:
        for name, expr in list(missing.items()):
            if loaded.monitoring.has_data(expr):
                missing.pop(name)
        return not missing

    assert wait_until(look, SHOWN_WITHIN_S), missing


def test_every_rule_is_loaded_and_evaluates(loaded: Loaded) -> None:
    names = sorted(rule.get("alert") or rule["record"] for rule in rules())

    assert wait_until(
        lambda: all(rule["health"] == "ok" for rule in loaded.monitoring.rules()), 15
    ), [rule for rule in loaded.monitoring.rules() if rule["health"] != "ok"]
    assert sorted(rule["name"] for rule in loaded.monitoring.rules()) == names


def test_prometheus_has_its_targets_and_its_alertmanager(loaded: Loaded) -> None:
    def up() -> set[str]:
        targets = loaded.monitoring.ask("targets")["activeTargets"]
        return {t["labels"].get("service", t["labels"]["job"])
                for t in targets if t["health"] == "up"}  # fmt: skip

    wanted = {*loaded.gate.services, "prometheus", "alertmanager"}
    assert wait_until(lambda: up() == wanted, 15), up()
    assert loaded.monitoring.ask("alertmanagers")["activeAlertmanagers"]


def test_counts_agree_with_the_logs(loaded: Loaded) -> None:
    """What the dashboards say of orders is what the decisions say; canaries are not among them."""
    expected: dict[str, int] = {}
    for each in loaded.made.expected.values():
        phase = each.decision.lower()
        expected[phase] = expected.get(phase, 0) + 1

    def phases() -> dict[str, int]:
        found = loaded.monitoring.ask("query", query="sum by (phase) (exportgate_orders)")
        counts = {s["metric"]["phase"]: int(s["value"][1]) for s in found["result"]}
        return {phase: count for phase, count in counts.items() if count}

    assert wait_until(lambda: phases() == expected, 20), (phases(), expected)


def test_the_canary_is_seen_and_cleared_away(loaded: Loaded) -> None:
    def canaries(latest: dict[str, Any]) -> list[Any]:
        return [each for key, each in latest.items() if key.startswith(f"{CANARY_SOURCE}/")]

    def cleared(latest: dict[str, Any]) -> bool:
        found = canaries(latest)
        return len(found) >= 3 and any(each.decision == "CLOSED" for each in found)

    latest = loaded.gate.decisions(cleared)

    assert cleared(latest), canaries(latest)
    assert loaded.monitoring.has_data("max(exportgate_canary_last_decided_timestamp_seconds) > 0")


def test_status_agrees_with_the_ledger_and_with_the_open_holds(loaded: Loaded) -> None:
    common = {"price": "100", "unit": "kg", "currency": "USD", "source": "Metal Desk",
              "at": "2026-06-01T00:00:00Z"}  # fmt: skip
    prices = [{"material": material, **common} for material in ("Nd", "alloys")]
    text = "".join(json.dumps(price) + "\n" for price in prices)
    assert loaded.gate.run("prices", "import", "-", stdin=text).returncode == 0
    older = loaded.gate.run("prices", "import", "-", stdin=text.replace("06-01", "05-31"))
    assert older.returncode == 1
    assert "older than the latest" in older.stdout

    found = loaded.gate.json("status", "--as-of", "2026-06-15", "--price-scenario", "+10,+20")

    book = {row["license_id"]: row for row in rows(loaded.gate, "licenses", "list")}
    left = {each["license_id"]: each for m in found["materials"] for each in m["licenses"]}
    assert left.keys() == book.keys()
    assert {n: each["remaining"] for n, each in left.items()} == {
        n: row["remaining"] for n, row in book.items()
    }
    assert by_currency(m["held"]["value"] for m in found["materials"]) == held_by_hand(loaded)
    assert found["totals"]["held_orders"] == len(held_orders(loaded))
    stakes = [m["at_stake"] for m in found["materials"] if m["at_stake"]]
    assert stakes
    for stake in stakes:
        assert Decimal(stake["scenarios"]["+20"]) == round(Decimal(stake["value"]) * 6 / 5, 2)


def held_orders(loaded: Loaded) -> list[dict[str, Any]]:
    held = rows(loaded.gate, "holds", "list")
    return [each for each in held if each["order_source"] != CANARY_SOURCE]


def held_by_hand(loaded: Loaded) -> dict[str, Decimal]:
    """Add up the lines of the generated orders that `holds list` names, in their last revision."""
    whole: dict[str, Any] = {}
    for event in loaded.made.events:
        if event.type in ("OrderPlaced", "OrderAmended"):
            whole[str(event.key)] = TYPES[event.type].model_validate(event.data)
    sums: dict[str, Decimal] = {}
    for each in held_orders(loaded):
        for line in whole[f"{each['order_source']}/{each['order_id']}"].lines:
            sums[line.currency] = sums.get(line.currency, Decimal(0)) + line.value
    return sums


def by_currency(parts: Any) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for part in parts:
        for currency, amount in part.items():
            sums[currency] = sums.get(currency, Decimal(0)) + Decimal(amount)
    return sums


def rows(gate: Gate, *command: str) -> list[dict[str, Any]]:
    done = gate.run(*command, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_without_prometheus_and_alertmanager_orders_are_decided_all_the_same(
    loaded: Loaded,
) -> None:
    loaded.monitoring.prometheus.kill()
    loaded.monitoring.alertmanager.kill()
    more = scenario(12, 40)

    loaded.gate.send(more)

    shipped = {key: e for key, e in more.expected.items() if key not in more.ship_when_released}
    more.expected = shipped
    assert not differing(more, loaded.gate.await_expected(more))
