"""The faults of a drill: how each is done, how it is undone, and the alert it must fire."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from infra.local.process import wait_until
from schemas.envelope import derived_id
from schemas.licenses import LicenseGranted
from schemas.orders import OrderPlaced, OrderShipped, ShippedLine
from schemas.topics import LICENSES, ORDERS
from services.runtime.client import Client, record
from services.runtime.codec import Send
from services.runtime.remember import Remembered
from tests.chaos.world import World
from tests.support import builders

POISON: Final = 70
"""Enough to shut the valve once; what is read again afterwards must not shut it anew."""
SOURCE: Final = "drill"
ALONE: Final = "AT"
"""A destination that no license of the quiet load names."""
BACK_WITHIN_S: Final = 90


@dataclass(slots=True)
class Scene:
    """Where a fault happens."""

    world: World
    client: Client

    def service(self, name: str) -> Any:
        """One of the services."""
        return next(each for each in self.world.services if each.name == name)

    def all_ready(self) -> None:
        """Start what ended, as a supervisor would, and wait until every service is ready again."""
        for each in self.world.services:
            each.launch()
        wait_until(lambda: all(each.ready() for each in self.world.services), BACK_WITHIN_S)


@dataclass(frozen=True, slots=True)
class Drill:
    """One fault."""

    name: str
    alert: str
    do: Callable[[Scene], None]
    undo: Callable[[Scene], None] = Scene.all_ready


def _kill_service(scene: Scene) -> None:
    scene.service("classification").kill()


def _start_service(scene: Scene) -> None:
    scene.service("classification").launch()
    scene.all_ready()


def _stop_broker(scene: Scene) -> None:
    scene.world.kafka.kill()


def _start_broker(scene: Scene) -> None:
    scene.world.kafka.start()
    scene.all_ready()


def _stall_redis(scene: Scene) -> None:
    scene.world.redis.pause()


def _resume_redis(scene: Scene) -> None:
    scene.world.redis.resume()
    scene.all_ready()


def _flush_redis(scene: Scene) -> None:
    scene.world.flush_redis()


def _unreadable(scene: Scene, kind: str, count: int) -> None:
    headers = (("ce_type", b"exportgate.order.placed.v1"), ("ce_source", SOURCE.encode()),
               ("ce_time", b"now"), ("ce_id", b"x"))  # fmt: skip
    keys = (f"{SOURCE}/{kind}-{at}".encode() for at in range(count))
    scene.client.write([Send(ORDERS.name, key, b"\xff", headers) for key in keys])


def _some_poison(scene: Scene) -> None:
    """A few records that nobody can read."""
    _unreadable(scene, "B", 5)


def _poison(scene: Scene) -> None:
    """So many that the valve shuts, whatever else arrives."""
    _unreadable(scene, "P", POISON)


def _open_valve(scene: Scene) -> None:
    remembered = Remembered(scene.world.redis.url)
    remembered.set_flag("valve:classification", datetime.now(UTC).isoformat())
    scene.all_ready()


def _license(scene: Scene, name: str, **terms: Any) -> None:
    today = datetime.now(UTC).date()
    granted = LicenseGranted.model_validate(
        {
            "license_id": name, "type": "individual", "authority": "MOFCOM", "regime": "CN",
            "holder": "default", "consignees": ["*"], "end_users": ["*"], "destinations": [ALONE],
            "categories": ["1"], "quantity": "10", "unit": "kg",
            "valid_from": today - timedelta(days=30), "valid_to": today + timedelta(days=300),
        } | terms
    )  # fmt: skip
    event_id = derived_id("license", name)
    scene.client.write([record(LICENSES, name, granted, event_id=event_id, time=datetime.now(UTC))])


def _order(scene: Scene, number: str, kilograms: str) -> OrderPlaced:
    """An order of dysprosium oxide that only the drill's license covers."""
    line = builders.line(
        "1", description="Dysprosium oxide 99.99 %, powder", quantity=Decimal(kilograms),
        hs_code="2846901500", origin="CN",
    )  # fmt: skip
    parties = tuple(
        builders.party(role, "Donau Magnete GmbH", country=ALONE)
        for role in ("consignee", "end_user")
    )
    placed = OrderPlaced.model_validate(
        builders.order(number, order_source=SOURCE, destination=ALONE, lines=(line,),
                       parties=parties, exporter={"id": "default", "country": "CN"}).model_dump()
    )  # fmt: skip
    event_id = derived_id("drill", number)
    scene.client.write(
        [record(ORDERS, placed.key, placed, event_id=event_id, time=datetime.now(UTC),
                source=SOURCE)]
    )  # fmt: skip
    return placed


def _nearly_exhaust(scene: Scene) -> None:
    _license(scene, "DRILL-1")
    scene.client.await_folded(LICENSES, "ledger", scene.client.end_of(LICENSES))
    _order(scene, "N-1", "9.5")


def _exhaust(scene: Scene) -> None:
    _order(scene, "N-2", "0.5")


def _expiring(scene: Scene) -> None:
    _license(scene, "DRILL-2", valid_to=datetime.now(UTC).date() + timedelta(days=10))


def _breach(scene: Scene) -> None:
    """Goods leave that no license covers any more."""
    placed = _order(scene, "N-3", "4")
    shipped = OrderShipped(
        order_source=SOURCE, order_id="N-3", revision=1, shipment_id="S-3", decision_id="none",
        shipped_at=datetime.now(UTC), final=True,
        lines=(ShippedLine(line_id="1", quantity=Decimal(4), unit="kg"),),
    )  # fmt: skip
    event_id = derived_id("drill", "S-3")
    scene.client.write(
        [record(ORDERS, placed.key, shipped, event_id=event_id, time=datetime.now(UTC),
                source=SOURCE)]
    )  # fmt: skip


def _nothing(scene: Scene) -> None:
    """There is nothing to undo."""
    del scene


DRILLS: Final = (
    Drill("a service is killed", "ExportGateServiceDown", _kill_service, _start_service),
    Drill("the broker stops", "ExportGateBrokerUnreachable", _stop_broker, _start_broker),
    Drill("the broker stops, unseen", "ExportGateCanaryLate", _stop_broker, _start_broker),
    Drill("Redis stalls", "ExportGateRedisUnreachable", _stall_redis, _resume_redis),
    Drill("Redis stalls for long", "ExportGateNoProgress", _stall_redis, _resume_redis),
    Drill("Redis is flushed", "ExportGateRedisRefolding", _flush_redis),
    Drill("some poison", "ExportGateDeadLetters", _some_poison, _nothing),
    Drill("a flood of poison", "ExportGatePoisonValveShut", _poison, _open_valve),
    Drill("a license runs low", "ExportGateLicenseNearlyExhausted", _nearly_exhaust, _nothing),
    Drill("a license runs out", "ExportGateLicenseExhausted", _exhaust, _nothing),
    Drill("a license expires soon", "ExportGateLicenseExpiring", _expiring, _nothing),
    Drill("goods leave unreleased", "ExportGateBreach", _breach, _nothing),
)
