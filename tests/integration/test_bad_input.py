"""Records that nobody can read, between orders that anybody can: all on real Kafka and Redis."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.decisions import HoldReason
from schemas.envelope import headers
from schemas.licenses import LicenseGranted
from schemas.orders import OrderPlaced
from schemas.topics import LICENSES, ORDERS, dead_letters
from services.cli.license_files import LISTS
from services.generator.goods import FREE, LICENSED
from services.generator.scenario import scenario
from services.runtime.client import record
from services.runtime.codec import Send
from services.runtime.murmur import partition_of
from tests.support.gate import Gate, running_gate
from tests.support.stack import RealKafka, RealRedis

PLACED = "exportgate.order.placed.v1"
MIB = 1024 * 1024


@pytest.fixture
def gate(fresh_topics: RealKafka, flushed_redis: RealRedis, tmp_path: Path) -> Iterator[Gate]:
    with running_gate(tmp_path, fresh_topics.bootstrap, flushed_redis.url) as running:
        yield running


def order(order_id: str, good: Any, **changes: Any) -> dict[str, Any]:
    """One order of one line."""
    line = {
        "line_id": "1", "description": good.description, "hs_code": good.hs_code,
        "quantity": "2", "unit": good.unit, "origin": "CN",
    }  # fmt: skip
    parties = [
        {"role": role, "name": "Rheintal Antriebe GmbH", "country": "DE"}
        for role in ("buyer", "consignee", "end_user")
    ]
    return {
        "order_source": "erp", "order_id": order_id, "revision": 1, "destination": "DE",
        "exporter": {"id": "default", "country": "CN"}, "parties": parties, "lines": [line],
        **changes,
    }  # fmt: skip


def raw(key: bytes | None, value: bytes | None, *, kind: str = PLACED, partition: int = -1) -> Send:
    """A record as it is, under good headers."""
    named = headers(
        event_id=f"id-{key!r}", source="erp", event_type=kind,
        time=datetime.now(UTC).isoformat(), value=value or b"",
    )  # fmt: skip
    unsigned = tuple((name, text) for name, text in named if name != "ce_sha256")
    return Send(ORDERS.name, key, value, unsigned, partition)


def bad_records() -> dict[str, Send]:
    """One bad record of each kind, by the order it belongs to."""
    good = order("B-schema", FREE[0])
    other_key = json.dumps(order("SOMEBODY-ELSE", FREE[0])).encode()
    home = partition_of(b"erp/B-partition", ORDERS.partitions)
    stray = json.dumps(order("B-partition", FREE[0])).encode()
    return {
        "B-json": raw(b"erp/B-json", b'{"order_id": '),
        "B-utf8": raw(b"erp/B-utf8", b"\xff\xfe\x00"),
        "B-type": raw(b"erp/B-type", b"{}", kind="exportgate.order.teleported.v1"),
        "B-null": raw(b"erp/B-null", None),
        "B-large": raw(b"erp/B-large", b"x" * (MIB - 2048)),
        "B-schema": raw(b"erp/B-schema", json.dumps({**good, "lines": []}).encode()),
        "B-key": raw(b"erp/B-key", other_key),
        "B-partition": raw(b"erp/B-partition", stray, partition=(home + 1) % ORDERS.partitions),
        "B-deep": raw(b"erp/B-deep", b"[" * 10_000 + b"]" * 10_000),
    }


def test_what_cannot_be_read_is_held_and_kept_and_blocks_nobody(gate: Gate) -> None:
    bad = bad_records()
    nameless = raw(None, b"who am I?")
    healthy = [
        record(
            ORDERS, f"erp/H-{at}", OrderPlaced.model_validate(order(f"H-{at}", FREE[0])),
            event_id=f"h-{at}", time=datetime.now(UTC), source="erp",
        )
        for at in range(24)
    ]  # fmt: skip
    client = gate.client()
    client.write([*bad.values(), nameless, *healthy])

    latest = gate.decisions(lambda now: len(now) == len(bad) + len(healthy), within_s=15)

    for name in bad:
        held = latest[f"erp/{name}"]
        assert held.decision == "HELD", name
        assert {reason.code for reason in held.reasons} == {HoldReason.EVENT_UNREADABLE}
    assert all(latest[f"erp/H-{at}"].decision == "RELEASED" for at in range(24))
    letters = client.read_all(dead_letters(ORDERS))
    kept = sorted((one.raw.key or b"", one.raw.value or b"") for one in letters)
    sent = sorted((one.key or b"", one.value or b"") for one in (*bad.values(), nameless))
    assert kept == sent
    client.close()


def test_a_license_record_with_a_flipped_byte_releases_nothing(gate: Gate) -> None:
    row = next(r for r in scenario(1, 1).licenses if r["categories"] == "2")
    now = datetime.now(UTC)
    listed = {k: v.split(";") if k in LISTS else v for k, v in row.items()}
    terms = LicenseGranted.model_validate(
        {**listed, "valid_from": "2020-01-01", "valid_to": "2099-12-31", "quantity": "100"}
    )
    sent = record(LICENSES, terms.license_id, terms, event_id="g", time=now)
    assert sent.value is not None
    flipped = sent.value.replace(b'"quantity":"100"', b'"quantity":"900"')
    assert len(flipped) == len(sent.value)
    client = gate.client()
    client.write([sent._replace(value=flipped)])
    client.await_folded(LICENSES, "ledger", client.end_of(LICENSES))

    magnet = OrderPlaced.model_validate(order("M-1", LICENSED[6]))
    client.write([record(ORDERS, magnet.key, magnet, event_id="m", time=now, source="erp")])
    latest = gate.decisions(bool)

    assert latest[magnet.key].decision == "HELD"
    assert {r.code for r in latest[magnet.key].reasons} == {HoldReason.NO_LICENSE}
    client.close()


def test_a_flood_of_poison_shuts_the_valve_until_an_operator_opens_it(gate: Gate) -> None:
    client = gate.client()
    flood = [raw(f"erp/P-{at}".encode(), b"poison") for at in range(120)]
    client.write(flood)
    assert gate.becomes_unready("classification", "poison valve is shut", within_s=15)
    after = OrderPlaced.model_validate(order("AFTER", FREE[0]))
    now = datetime.now(UTC)
    client.write([record(ORDERS, after.key, after, event_id="a", time=now, source="erp")])

    decided_by = _open_until_decided(gate, after.key)

    assert decided_by[after.key].decision == "RELEASED"
    assert sum(d.decision == "HELD" for d in decided_by.values()) == len(flood)
    client.close()


def _open_until_decided(gate: Gate, key: str) -> dict[str, Any]:
    """Open the valve as often as the flood shuts it: each time it lets some through."""
    latest: dict[str, Any] = {}
    for _ in range(8):
        gate.run("valve", "open", "classification")
        latest = gate.decisions(lambda now: key in now and len(now) > 120, within_s=6)
        if key in latest and len(latest) > 120:
            break
    return latest
