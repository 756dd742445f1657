"""What an officer confirms of a product frees and stops its orders, on real Kafka and Redis."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local.process import wait_until
from schemas.checks import OrderClassified
from schemas.decisions import HoldReason
from schemas.orders import OrderPlaced
from schemas.topics import CLASSIFIED, ORDERS, PRODUCTS, REFERENCE
from services.runtime.client import events, record
from services.runtime.codec import Send
from tests.support.gate import Gate, running_gate
from tests.support.stack import RealKafka, RealRedis

VAGUE, HARMLESS, CHAIR = "Goods, item A-4711", "Steel bracket, galvanised", "Office chair, grey"


def order(order_id: str, sku: str, description: str) -> Send:
    """One order of one line."""
    line = {
        "line_id": "1", "sku": sku, "description": description, "quantity": "2", "unit": "pcs",
        "origin": "CN",
    }  # fmt: skip
    parties = [
        {"role": role, "name": "Rheintal Antriebe GmbH", "country": "DE"}
        for role in ("buyer", "consignee", "end_user")
    ]
    placed = OrderPlaced.model_validate(
        {"order_source": "erp", "order_id": order_id, "revision": 1, "destination": "DE",
         "exporter": {"id": "default", "country": "CN"}, "parties": parties, "lines": [line]}
    )  # fmt: skip
    now = datetime.now(UTC)
    return record(ORDERS, placed.key, placed, event_id=order_id, time=now, source="erp")


def product(sku: str, code: str | None) -> dict[str, Any]:
    """What an officer says a product is under the reported Chinese rule."""
    return {
        "exporter_id": "default", "sku": sku, "codes": {"CN": code}, "officer": "li.wei",
        "citation": "data sheet DS-17", "date": "2026-06-01",
    }  # fmt: skip


def imported(gate: Gate, *products: dict[str, Any], option: str = "--json") -> dict[str, Any]:
    """Import product records as a user does."""
    text = "".join(json.dumps(each) + "\n" for each in products)
    done = gate.run("products", "import", "-", "--json", option, stdin=text)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def stands(gate: Gate, decision: str, *order_ids: str) -> dict[str, Any]:
    """Wait until orders stand as said."""
    keys = [f"erp/{order_id}" for order_id in order_ids]

    def as_said(latest: dict[str, Any]) -> bool:
        return all(key in latest and latest[key].decision == decision for key in keys)

    latest = gate.decisions(as_said, within_s=20)
    assert as_said(latest), {key: latest.get(key) for key in keys}
    return latest


def test_a_record_frees_what_was_vague_and_stops_what_was_not(
    fresh_topics: RealKafka, flushed_redis: RealRedis, tmp_path: Path
) -> None:
    with running_gate(tmp_path, fresh_topics.bootstrap, flushed_redis.url) as gate:
        client = gate.client()
        client.write(
            [order("V", "A-1", VAGUE), order("T", "L-40", HARMLESS), order("C", "S-1", CHAIR)]
        )
        stands(gate, "HELD", "V")
        stands(gate, "RELEASED", "T", "C")

        none, listed = product("A-1", None), product("L-40", "1C905.b")
        assert imported(gate, none, listed, option="--dry-run")["would_import"] == 2
        assert client.read_all(PRODUCTS) == []
        summary = imported(gate, none, listed)
        assert (summary["imported"], summary["rechecks"]) == (2, 2)

        stands(gate, "RELEASED", "V", "C")
        latest = stands(gate, "HELD", "T")
        assert {r.code for r in latest["erp/T"].reasons} == {HoldReason.NO_LICENSE}
        again = imported(gate, none, listed)
        assert (again["imported"], again["unchanged"], again["rechecks"]) == (0, 2, 0)
        again = imported(gate, none, listed, option="--recheck")
        assert (again["imported"], again["unchanged"], again["rechecks"]) == (0, 2, 2)

        _unreadable(gate, "A-1")
        client.write([order("V2", "A-1", VAGUE)])
        stands(gate, "HELD", "V2")
        _what_was_read_is_on_record(gate)
        _what_is_on_record_is_shown(gate)
        _a_pack_is_activated(gate)
        client.close()


def _what_is_on_record_is_shown(gate: Gate) -> None:
    listed = gate.run("products", "list", "--json").stdout.splitlines()
    rows = {row["sku"]: row for row in map(json.loads, listed)}
    assert rows["L-40"]["standing"] == {"CN": "current"}
    assert rows["A-1"] == {"exporter_id": "default", "sku": "A-1", "readable": False}

    shown = gate.run("products", "show", "L-40").stdout
    assert "1C905.b" in shown
    assert "data sheet DS-17" in shown
    assert gate.run("products", "show", "NEVER-SEEN").returncode == 1


def _a_pack_is_activated(gate: Gate) -> None:
    """Every order that stands is determined again; a second activation records nothing more."""
    assert gate.json("policy", "impact", "cn-reported")["changes"] == []
    assert gate.json("policy", "impact", "cn-gazetted")["orders"] == 4

    alone = gate.run("policy", "activate", "cn-reported", "--officer", "li", "--officer", "li")
    assert (alone.returncode, "two different officers" in alone.stderr) == (1, True)
    two = ("policy", "activate", "cn-reported", "--officer", "li", "--officer", "braun")
    first, second = gate.json(*two), gate.json(*two)
    assert (first["recorded"], first["rechecks"]) == (True, 4)
    assert (second["recorded"], second["rechecks"]) == (False, 4)

    client = gate.client()
    (record,) = events(client.read_all(REFERENCE))
    assert record.event.officers == ("li", "braun")

    def checked_again() -> bool:
        found = (one.event for one in events(client.read_all(CLASSIFIED)))
        return {"C"} <= {e.order_id for e in found if isinstance(e, OrderClassified) and e.check}

    assert wait_until(checked_again, 10)
    stands(gate, "RELEASED", "C")
    client.close()


def _unreadable(gate: Gate, sku: str) -> None:
    """Spoil what is on record of a product."""
    client = gate.client()
    client.write([Send(PRODUCTS.name, f"default/{sku}".encode(), b"{", ())])
    client.close()


def _what_was_read_is_on_record(gate: Gate) -> None:
    client = gate.client()
    read = {
        (one.event.order_id, one.event.check): one.event
        for one in events(client.read_all(CLASSIFIED))
        if isinstance(one.event, OrderClassified)
    }
    ends = {str(at): end for at, end in client.end_of(PRODUCTS).items() if end}
    before, after = read["V", 0], read["V", 1]
    assert (before.products, before.products_offsets) == ((), {})
    assert [ref.sku for ref in after.products] == ["A-1"]
    assert read["V2", 0].products_offsets == ends
    assert read["C", 0].products == ()
    assert read["V2", 0].products[0].offset > after.products[0].offset
    client.close()
