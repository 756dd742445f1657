"""The last look before a decision is written: a wrongful release stops its partition."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from schemas.base import Model
from schemas.decisions import OrderHeld, OrderReleased
from schemas.envelope import Output, Recorded
from schemas.fold import Partition, Step
from schemas.topics import CHECKS, DECISIONS
from services.runtime.folded import Folded, Folding
from services.runtime.guard import broken
from services.runtime.memory import Memory
from tests.simulation.test_faults import play
from tests.support import builders
from tests.support.builders import T0
from tests.support.wire import PARTITIONS, reading
from tests.unit.runtime.metrics.reading import shown

SETTLED = {"CN": {"decision": "LICENSE_REQUIRED", "settled_by": "license", "license_ids": ["x"]},
           "US": {"decision": "NOT_APPLICABLE", "settled_by": "none"}}  # fmt: skip
DRAWN = {"license_id": "x", "line_id": "L1", "regime": "CN", "quantity": "1", "unit": "kg",
         "ledger_partition": 0, "ledger_offset": 1}  # fmt: skip


def released(**changes: Any) -> OrderReleased:
    fields = {
        "order_source": "erp", "order_id": "o1", "decision_id": "d", "revision": 1, "check": 0,
        "order_digest": "", "seq": 1, "decision": "RELEASED", "as_of": T0, "log_time": T0,
        "time_basis": "log", "valid_until": T0 + timedelta(days=1), "engine": "e",
        "caused_by": "x", "chain": {"partition": 0, "index": 0, "prev": ""},
        "lines": [{"line_id": "L1", "regimes": SETTLED}], "licenses": [DRAWN],
    }  # fmt: skip
    return OrderReleased.model_validate(fields | changes)


def said(event: Model) -> list[Output]:
    return [Output(DECISIONS.name, "erp/o1", "d", event)]


def test_a_sound_release_passes() -> None:
    assert broken(said(released())) is None


OPEN = {"decision": "REVIEW", "settled_by": None}
UNNAMED = {"decision": "LICENSE_REQUIRED", "settled_by": "license"}
NO_TIME_LEFT = {"valid_until": T0}


@pytest.mark.parametrize(
    ("changes", "invariant"),
    [
        ({"lines": [{"line_id": "L1", "regimes": {**SETTLED, "EU": OPEN}}]}, "I3"),
        ({"lines": [{"line_id": "L1", "regimes": {}}]}, "I3"),
        ({"lines": []}, "I3"),
        ({"licenses": []}, "I3"),
        ({"licenses": [DRAWN | {"line_id": "L2"}]}, "I3"),
        ({"licenses": [DRAWN | {"license_id": "y"}]}, "I3"),
        ({"lines": [{"line_id": "L1", "regimes": {"CN": UNNAMED}}]}, "I3"),
        (NO_TIME_LEFT, "I3"),
        ({"valid_until": None}, "I3"),
        ({"decision": "HELD"}, "I2"),
        ({"reasons": [{"code": "NO_LICENSE", "text": "none"}]}, "I2"),
    ],
)
def test_a_wrongful_release_is_found(changes: dict[str, Any], invariant: str) -> None:
    found = broken(said(released(**changes)))
    assert found is not None
    assert found.invariant == invariant


def test_a_hold_says_why_and_is_no_release() -> None:
    fields = released().model_dump() | {"licenses": []}
    why = {"reasons": [{"code": "NO_LICENSE", "text": "none"}]}
    assert broken(said(OrderHeld.model_validate(fields | {"decision": "HELD"} | why))) is None
    for wrong in ({"decision": "HELD"}, {"decision": "RELEASED"} | why):
        assert broken(said(OrderHeld.model_validate(fields | wrong))) is not None


def test_on_the_event_basis_time_goes_by_the_event() -> None:
    assert broken(said(released(time_basis="event", **NO_TIME_LEFT))) is None


@pytest.mark.parametrize("seed", range(20))
def test_what_the_gate_decides_passes(seed: int) -> None:
    pipeline, _ = play(seed, faulty=True)

    events = [record.event for log in pipeline.logs[DECISIONS.name] for record in log]
    assert any(isinstance(event, OrderReleased) for event in events)
    assert [found for event in events if (found := broken(said(event))) is not None] == []


def wrongly_releasing(
    aggregate: Mapping[str, Model], record: Recorded[Model], partition: Partition
) -> Step:
    """A fold with a defect: it releases what nothing settles."""
    del aggregate, record
    return Step(partition, {}, tuple(said(released(licenses=[]))))


def test_a_wrongful_release_is_not_written_and_its_partition_stands() -> None:
    one = reading(builders.wanted("c"), "erp/o1", CHECKS.name)
    at = one.raw.partition
    nothing: Any = None
    stage = Folded(
        name="gate", topic=CHECKS, partitions=PARTITIONS, remembered=nothing, reader=nothing,
        folding=Folding(fold=wrongly_releasing, decode=nothing, due=lambda entity: []),
        place_of=nothing,
    )  # fmt: skip
    stage.memories[at] = Memory(Partition(at))
    before = shown("exportgate_invariant_violations_total", invariant="I3")

    assert stage.handle([one]) == []

    assert shown("exportgate_invariant_violations_total", invariant="I3") == before + 1
    assert at in stage.stopped
    assert stage.committable() == {}
    assert stage.remembering == []
    assert stage.read([one.raw._replace(offset=1)]) == []
