"""Five hundred orders want one license at once, through two instances of each service."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.checks import ReservationGranted
from schemas.decisions import HoldReason
from schemas.licenses import LicenseReinstated, LicenseRevoked, LicenseSuspended
from schemas.orders import OrderCancelled, OrderPlaced
from schemas.topics import CHECKS, DECISIONS, LICENSES, ORDERS
from services.generator.goods import LICENSED
from services.runtime.client import events, record
from tests.integration.test_bad_input import order
from tests.support.gate import Gate, running_gate
from tests.support.rest import assert_nothing_wrong
from tests.support.stack import RealKafka, RealRedis

ORDERS_AT_ONCE = 500
ROOM = 37
FREED = 5
DYSPROSIUM = LICENSED[1]


@pytest.fixture
def gate(fresh_topics: RealKafka, flushed_redis: RealRedis, tmp_path: Path) -> Iterator[Gate]:
    """Two instances of each service; questions go to the first."""
    brokers = (fresh_topics.bootstrap, flushed_redis.url)
    with (
        running_gate(tmp_path / "one", *brokers) as first,
        running_gate(tmp_path / "two", *brokers),
    ):
        yield first


def test_one_license_and_five_hundred_orders(gate: Gate) -> None:
    """Exactly 37 fit; five cancelled and not shipped make room for five; nobody gets what is gone.

    One gate for all of it: starting six processes takes longer than the orders do.
    """
    gate.import_licenses([licensed("CN-37", "scarce", str(ROOM)), licensed("CN-1M", "ample")])
    released = exactly_as_many_as_there_is_room(gate)
    five_cancelled_make_room_for_five(gate, released)
    nothing_is_granted_above_a_revocation(gate)
    what_a_withdrawn_release_holds_is_granted_to_nobody(gate)
    officers_act_on_a_license_in_other_money(gate)
    assert_nothing_wrong(gate)


def licensed(license_id: str, holder: str, quantity: str = "1000000") -> dict[str, str]:
    """A license for the oxide, for one exporter."""
    return {
        "license_id": license_id, "type": "general", "authority": "MOFCOM", "regime": "CN",
        "holder": holder, "consignees": "*", "end_users": "*", "destinations": "DE",
        "categories": "1", "quantity": quantity, "unit": "kg", "valid_from": "2020-01-01",
        "valid_to": "2099-12-31",
    }  # fmt: skip


def place(gate: Gate, name: str, holder: str) -> set[str]:
    """Five hundred orders of one kilogram each, all at once."""
    client, sends = gate.client(), []
    for at in range(ORDERS_AT_ONCE):
        exporter = {"id": holder, "country": "CN"}
        placed = OrderPlaced.model_validate(order(f"{name}-{at}", DYSPROSIUM, exporter=exporter))
        line = placed.lines[0].model_copy(update={"quantity": 1})
        whole = OrderPlaced.model_validate(placed.model_dump() | {"lines": [line.model_dump()]})
        sends.append(record(ORDERS, whole.key, whole, event_id=whole.key, time=now(), source="erp"))
    client.write(sends)
    client.close()
    return {f"erp/{name}-{at}" for at in range(ORDERS_AT_ONCE)}


def now() -> datetime:
    return datetime.now(UTC)


def stand(latest: dict[str, Any], keys: set[str]) -> Counter[str]:
    """How many of some orders stand how."""
    return Counter(latest[key].decision for key in keys if key in latest)


def exactly_as_many_as_there_is_room(gate: Gate) -> set[str]:
    keys = place(gate, "B", "scarce")
    latest = gate.decisions(lambda seen: stand(seen, keys).total() == ORDERS_AT_ONCE, 60)

    assert stand(latest, keys) == {"RELEASED": ROOM, "HELD": ORDERS_AT_ONCE - ROOM}
    held = [latest[key] for key in keys if latest[key].decision == "HELD"]
    assert {reason.code for each in held for reason in each.reasons} == {
        HoldReason.LICENSE_EXHAUSTED
    }
    return {key for key in keys if latest[key].decision == "RELEASED"}


def five_cancelled_make_room_for_five(gate: Gate, released: set[str]) -> None:
    gone = sorted(released)[:FREED]
    client = gate.client()
    client.write(
        [
            record(
                ORDERS, key,
                OrderCancelled(
                    order_source="erp", order_id=key.split("/")[1], revision=1, not_shipped=True
                ),
                event_id=f"cancel-{key}", time=now(), source="erp",
            )
            for key in gone
        ]
    )  # fmt: skip
    client.close()
    gate.decisions(lambda seen: all(seen[key].decision == "CLOSED" for key in gone), 20)
    told = gate.json("licenses", "reevaluate", "CN-37", "--officer", "ann")
    assert told["rechecks"] >= ORDERS_AT_ONCE - ROOM

    keys = {f"erp/B-{at}" for at in range(ORDERS_AT_ONCE)}
    wanted = {"RELEASED": ROOM, "CLOSED": FREED, "HELD": ORDERS_AT_ONCE - ROOM - FREED}
    latest = gate.decisions(lambda seen: stand(seen, keys) == wanted, 40)
    assert stand(latest, keys) == wanted
    still = {key for key in keys if latest[key].decision == "RELEASED"}
    assert len(still - released) == FREED
    shown = gate.json("licenses", "show", "CN-37")
    assert (shown["reserved"], shown["remaining"], shown["state"]) == ("37", "0", "exhausted")


def nothing_is_granted_above_a_revocation(gate: Gate) -> None:
    """Revoked while the orders race it: five seconds later none stands released on it."""
    keys = place(gate, "R", "ample")
    gate.decisions(lambda seen: stand(seen, keys)["RELEASED"] >= 20, 30)
    client = gate.client()
    revoked = LicenseRevoked(
        license_id="CN-1M", amendment=1, effective_at=now(), reason="by the authority"
    )
    client.write([record(LICENSES, "CN-1M", revoked, event_id="revoke", time=now())])
    [above] = [
        each.offset
        for each in events(client.read_key(LICENSES, "CN-1M"))
        if isinstance(each.event, LicenseRevoked)
    ]

    latest = gate.decisions(lambda seen: stand(seen, keys) == {"HELD": ORDERS_AT_ONCE}, 30)
    assert stand(latest, keys) == {"HELD": ORDERS_AT_ONCE}
    answers = [each for each in events(client.read_all(CHECKS)) if _grant_on(each, "CN-1M")]
    assert answers, "some were granted before it"
    late = [
        each
        for each in answers
        if each.event.result != "exists" and each.event.ledger_offset > above
    ]
    assert late == []
    [revoked_at] = [
        each.logged_at
        for each in events(client.read_key(LICENSES, "CN-1M"))
        if isinstance(each.event, LicenseRevoked)
    ]
    standing: dict[str, str] = {}
    for each in events(client.read_all(DECISIONS)):
        if each.key in keys and each.logged_at <= revoked_at + timedelta(seconds=5):
            standing[each.key] = type(each.event).__name__
    assert "OrderReleased" not in standing.values()
    client.close()


def _grant_on(each: Any, license_id: str) -> bool:
    return isinstance(each.event, ReservationGranted) and each.event.license_id == license_id


def what_a_withdrawn_release_holds_is_granted_to_nobody(gate: Gate) -> None:
    """Suspended and reinstated at once: the goods of 37 releases may be on trucks for a day."""
    client = gate.client()
    for amendment, kind in ((1, LicenseSuspended), (2, LicenseReinstated)):
        event = kind(license_id="CN-37", amendment=amendment, effective_at=now(), reason="-")
        client.write([record(LICENSES, "CN-37", event, event_id=f"change-{amendment}", time=now())])
    keys = {f"erp/B-{at}" for at in range(ORDERS_AT_ONCE)}
    gate.decisions(lambda seen: stand(seen, keys)["RELEASED"] == 0, 5)
    told = gate.json("licenses", "reevaluate", "CN-37", "--officer", "ann")
    assert told["rechecks"] >= ORDERS_AT_ONCE - FREED
    assert client.await_folded(LICENSES, "ledger", client.end_of(LICENSES))
    shown = json.loads(gate.run("licenses", "show", "CN-37", "--json").stdout.splitlines()[-1])
    assert (shown["state"], shown["reserved"]) == ("exhausted", "37")
    latest = gate.decisions(lambda seen: stand(seen, keys)["RELEASED"] > 0, 3)
    assert stand(latest, keys) == {"HELD": ORDERS_AT_ONCE - FREED, "CLOSED": FREED}
    client.close()


def officers_act_on_a_license_in_other_money(gate: Gate) -> None:
    """A rate frees an order; the license is taken off it again, and its balance corrected."""
    money = {"value": "900", "currency": "EUR"}
    gate.import_licenses([licensed("CN-EUR", "euro") | money])
    exporter = {"id": "euro", "country": "CN"}
    placed = order("E-1", DYSPROSIUM, exporter=exporter)
    placed["lines"][0] |= {"value": "990", "currency": "USD"}
    whole = OrderPlaced.model_validate(placed)
    client = gate.client()
    client.write([record(ORDERS, whole.key, whole, event_id="e-1", time=now(), source="erp")])
    latest = gate.decisions(lambda seen: whole.key in seen, 20)
    assert {reason.code for reason in latest[whole.key].reasons} == {HoldReason.UNIT_MISMATCH}
    missed = gate.json("holds", "show", whole.key)["unfit"]
    assert [(each["license_id"], each["reason"]) for each in missed] == [
        ("CN-EUR", "UNIT_MISMATCH")
    ]

    rate = f"from,to,rate,at,source\nUSD,EUR,0.9,{now().isoformat()},ECB\n"
    done = gate.run("rates", "import", "-", "--json", stdin=rate)
    assert json.loads(done.stdout)["imported"] == 1, done.stderr
    freed = {}
    for _ in range(5):  # a rate is known within a second
        gate.json("licenses", "reevaluate", "CN-EUR", "--officer", "ann")
        freed = gate.decisions(lambda seen: seen[whole.key].decision == "RELEASED", 3)
        if freed[whole.key].decision == "RELEASED":
            break
    [drawn] = freed[whole.key].licenses
    assert (drawn.license_id, drawn.value, drawn.currency) == ("CN-EUR", Decimal(891), "EUR")

    told = gate.json("licenses", "unassign", "CN-EUR", whole.key, "--officer", "ann", "--note", "-")
    assert (told["decision"], told["changed"]) == ("HELD", True)
    fixed = gate.json(
        "licenses", "adjust", "CN-EUR", "--quantity", "3", "--document", "MOFCOM 7",
        "--officer", "ann", "--note", "counted",
    )  # fmt: skip
    assert (fixed["applied"], fixed["used"]) == (True, "3")
    history = gate.json("licenses", "show", "CN-EUR")["history"]
    assert [each["event"] for each in history][:2] == ["LicenseGranted", "ReservationRequested"]
    assert history[-1]["document"] == "MOFCOM 7"

    below = json.dumps(licensed("CN-EUR", "euro", "2") | money | {"amends": "CN-EUR"})
    for dry in (["--dry-run"], []):
        done = gate.run("licenses", "import", "-", *dry, stdin=below)
        assert done.returncode == 1
        assert (
            "below_used: 3 kg are used already" in json.loads(done.stdout.splitlines()[0])["error"]
        )
    assert gate.json("licenses", "show", "CN-EUR")["state"] == "unknown"
    client.close()
