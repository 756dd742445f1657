"""What is counted of decisions: once each, from the order's own record, never for a canary."""

from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import generate_latest

from schemas.base import Model
from schemas.decisions import DecisionReason, HoldReason, OrderHeld, OrderReleased
from schemas.envelope import Output, Recorded
from schemas.events import encode
from schemas.fold import Partition
from schemas.licenses import LicenseAlerted
from schemas.orders import CANARY_SOURCE
from schemas.topics import CHECKS, CLASSIFIED, DECISIONS, ORDERS
from services.hold_release.state import ORDER, OrderState
from services.runtime.codec import Raw, Send, read, written
from services.runtime.memory import Memory
from services.runtime.metrics import REGISTRY, registry
from services.runtime.metrics.collector import View
from services.runtime.metrics.groups import GROUPS
from services.runtime.metrics.observe import CANARIES, HELD, lagging, wrote
from services.runtime.metrics.orders import measure
from tests.support import builders
from tests.support.wire import PARTITIONS, raw
from tests.unit.runtime.metrics.reading import series, shown

NOW = datetime.now(UTC)
BLOCKED = {"reason": "NO_LICENSE", "regime": "CN", "category": "1", "destination": "EU"}


def decided(kind: type[Model], seq: int = 1, source: str = "erp", **changes: Any) -> Any:
    fields = {
        "order_source": source, "order_id": "o1", "decision_id": f"d{seq}", "revision": 1,
        "check": 0, "order_digest": "", "seq": seq, "as_of": NOW, "log_time": NOW,
        "time_basis": "log", "engine": "test", "caused_by": "x",
        "decision": "HELD" if kind is OrderHeld else "RELEASED",
        "chain": {"partition": 0, "index": 0, "prev": ""},
    }  # fmt: skip
    return kind.model_validate(fields | changes)


def sent(event: Model, seconds_ago: float = 0.2) -> Send:
    since = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return Send(DECISIONS.name, b"erp/o1", b"{}", (), event=event, since=since)


def no_license(line: str | None = "L1") -> DecisionReason:
    return DecisionReason(line_id=line, regime="CN", code=HoldReason.NO_LICENSE, text="none")


def gate_memory(*states: OrderState) -> View:
    memory = Memory(Partition(0))
    for state in states:
        memory.aggregates[state.key] = {ORDER: state}
    return View([memory])


def held_state(**changes: Any) -> OrderState:
    two = builders.order(lines=(builders.line(), builders.line("L2", value=None, currency=None)))
    fields = {
        "order_source": "erp", "order_id": "o1", "phase": "held", "revision": 1, "seq": 1,
        "assessment": encode(builders.assessed(two, builders.drawing("cn-1"))).decode(),
        "reasons": (no_license(),),
        "held_since": datetime.now(UTC) - timedelta(hours=3),
    }  # fmt: skip
    return OrderState.model_validate(fields | changes)


def test_a_decision_is_counted_from_the_append_of_its_order() -> None:
    before = series("exportgate_decision_duration_seconds_count")
    wrote("gate", [sent(decided(OrderReleased), 0.2), sent(decided(OrderReleased), 20)])

    after = series("exportgate_decision_duration_seconds_count")
    assert after["released",] - before.get(("released",), 0) == 2
    for at, least in (("0.1", 0), ("1.0", 1), ("30.0", 2)):
        assert shown("exportgate_decision_duration_seconds_bucket", le=at, outcome="released") >= (
            least
        )


def test_a_canary_counts_as_a_canary_alone() -> None:
    business = series("exportgate_decisions_total")
    before = shown("exportgate_canary_roundtrip_seconds_count", outcome="released")
    HELD.clear()
    held = decided(OrderHeld, seq=2, source=CANARY_SOURCE, reasons=(no_license(),))
    wrote("gate", [sent(decided(OrderReleased, source=CANARY_SOURCE)), sent(held)])

    assert series("exportgate_decisions_total") == business
    assert shown("exportgate_canary_roundtrip_seconds_count", outcome="released") == before + 1
    assert not HELD


def test_a_hold_counts_orders_lines_and_value_by_what_they_are_blocked_for() -> None:
    names = ("shipments", "lines", "value")
    before = [shown(f"exportgate_{n}_blocked_total", **BLOCKED, **extra(n)) for n in names]
    HELD.clear()
    wrote("gate", [sent(decided(OrderHeld, reasons=(no_license(), no_license("L2"))))])

    measure(gate_memory(held_state()))

    after = [shown(f"exportgate_{n}_blocked_total", **BLOCKED, **extra(n)) for n in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 2, 1000]
    assert not HELD


def extra(name: str) -> dict[str, str]:
    return {"currency": "USD"} if name == "value" else {}


def test_open_holds_are_what_stands_in_memory_now() -> None:
    measure(gate_memory(held_state(), held_state(order_id="o2", phase="released", reasons=())))
    assert shown("exportgate_orders", phase="held") == 1
    assert shown("exportgate_orders", phase="released") == 1
    assert shown("exportgate_holds_open", **BLOCKED) == 1
    assert shown("exportgate_order_lines_unvalued", phase="held") == 1
    value = {"category": "1", "origin": "none", "destination": "EU", "currency": "USD"}
    assert shown("exportgate_order_value", phase="held", **value) == 1000
    assert 10_700 < shown("exportgate_hold_oldest_age_seconds", reason="NO_LICENSE") < 10_900

    measure(gate_memory(held_state(phase="closed", reasons=())))
    assert series("exportgate_holds_open") == {}
    assert series("exportgate_hold_oldest_age_seconds") == {}
    assert shown("exportgate_orders", phase="held") == 0


def test_canaries_are_no_open_orders() -> None:
    measure(gate_memory(held_state(order_source=CANARY_SOURCE)))

    assert series("exportgate_holds_open") == {}
    assert shown("exportgate_orders", phase="held") == 0


def test_open_canaries_are_remembered_to_be_cancelled() -> None:
    of: dict[str, Any] = {"order_source": CANARY_SOURCE, "reasons": ()}
    released = held_state(**of, order_id="canary-1", phase="released")
    measure(gate_memory(released, held_state(**of, order_id="canary-2", phase="closed")))
    assert {"canary-1"} == CANARIES

    measure(gate_memory())
    assert set() == CANARIES


def test_orders_of_every_make_and_destination_make_no_series_of_their_own() -> None:
    """Each of these says a currency, a country, a SKU and a party that no other order says."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    states: list[OrderState] = []
    before = len(HELD)
    for number in range(400):
        two = letters[number % 26] + letters[number // 26]
        line = builders.line(sku=f"SKU-{number}", supplier=f"Supplier {number}", currency=f"X{two}",
                             origin=two)  # fmt: skip
        parties = (builders.party("end_user", f"Customer {number}", country=two),)
        whole = builders.order(f"o{number}", destination=two, lines=(line,), parties=parties)
        assessed = builders.assessed(whole, builders.drawing("cn-1"))
        states.append(held_state(order_id=f"o{number}", assessed=assessed))
        held = decided(OrderHeld, reasons=(no_license(),), order_id=f"o{number}")
        wrote("gate", [sent(held)])
    assert len(HELD) == before + 400

    measure(gate_memory(*states))

    groups = len(GROUPS) + 2
    assert len(series("exportgate_order_value")) <= groups * groups
    assert len(series("exportgate_holds_open")) <= groups
    assert len(series("exportgate_value_blocked_total")) <= 2 * groups * 20
    assert sum(series("exportgate_holds_open").values()) == 400
    text = generate_latest(REGISTRY).decode()
    for word in ("SKU-", "Supplier", "Customer", "Weber", "o399"):
        assert word not in text


def test_a_withdrawn_release_tells_how_long_it_stood() -> None:
    released = decided(OrderReleased, seq=1, log_time=NOW - timedelta(seconds=50))
    release = {"decision_id": "d1", "revision": 1, "seq": 1, "valid_until": NOW,
               "value": released.model_dump_json()}  # fmt: skip
    before = shown("exportgate_release_to_withdrawal_seconds_sum")
    HELD.clear()
    wrote("gate", [sent(decided(OrderHeld, seq=2, reasons=(no_license(),)))])

    measure(gate_memory(held_state(seq=2, release=release)))

    assert round(shown("exportgate_release_to_withdrawal_seconds_sum") - before) == 50


def test_the_append_of_an_order_is_passed_on_from_stage_to_stage() -> None:
    first = raw(builders.wanted("c"), "erp/o1", CHECKS.name)
    at = first.timestamp_ms
    cause = read(first, PARTITIONS).record
    out = written(Output(CLASSIFIED.name, "erp/o1", "x", builders.cancelled()), cause, "/s")
    again = Raw(CLASSIFIED.name, first.partition, 5, b"erp/o1", out.value, out.headers, at + 9_000)

    second: Recorded[Any] = read(again, PARTITIONS).record

    assert second.since is not None
    assert second.since.timestamp() * 1000 == at
    onward = written(Output(CHECKS.name, "erp/o1", "y", builders.cancelled()), second, "/s")
    assert onward.since == second.since
    on_orders = again._replace(topic=ORDERS.name)
    assert read(on_orders, PARTITIONS).record.since is None


def test_nonsense_about_the_append_holds_nobody() -> None:
    for said in (b"soon", b"-1", b"9" * 40, b""):
        one = raw(builders.wanted("c"), "erp/o1", CHECKS.name)
        one = one._replace(headers=(*one.headers, ("ce_since", said)))
        assert not read(one, PARTITIONS).unreadable
        assert read(one, PARTITIONS).record.since is None


def test_the_lag_of_a_lost_partition_is_gone() -> None:
    lagging("gate", {0: 5, 1: 7})
    lagging("ledger", {0: 1})
    lagging("gate", {1: 2})

    assert series("exportgate_consumer_lag_records") | {} == {
        ("1", "gate"): 2, ("0", "ledger"): 1,
    }  # fmt: skip
    registry.LAG.replace({})


def test_a_warning_of_the_ledger_is_counted_by_its_threshold() -> None:
    warned = {"license_id": "cn-1", "alert": "utilisation", "threshold": 90, "amendment": 0,
              "valid_to": NOW.date(), "ledger_partition": 0, "ledger_offset": 1}  # fmt: skip
    before = shown("exportgate_license_alerts_total", alert="utilisation", threshold="90")
    event = LicenseAlerted.model_validate(warned)
    wrote("ledger", [Send("licenses", b"cn-1", b"{}", (), event=event)])

    assert (
        shown("exportgate_license_alerts_total", alert="utilisation", threshold="90") == before + 1
    )
