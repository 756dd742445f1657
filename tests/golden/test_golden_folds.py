"""The folds say of a log of this release what they said when it was written, byte for byte."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import Recorded
from schemas.events import BY_NAME, decode
from schemas.fold import Fold, Partition
from services.hold_release.gate import Gate
from services.license_check import ledger
from tests.golden.write import LOGS, said

FOLDS: dict[str, Fold] = {"gate": Gate(), "ledger": ledger.fold}


@pytest.mark.parametrize("name", FOLDS)
def test_a_golden_log_refolds_to_the_same_bytes(name: str) -> None:
    lines = (Path(__file__).parent / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    kept = [json.loads(each) for each in lines]
    records = [each for each in kept if isinstance(each, dict)]
    aggregates: dict[str, dict[str, Any]] = {}
    partition, outputs = Partition(0), []
    for each in records:
        record = _recorded(each, LOGS[name])
        aggregate = aggregates.setdefault(record.key, {})
        step = FOLDS[name](aggregate, record, partition.at(record.logged_at))
        partition = step.partition
        aggregate.update({n: entity for n, entity in step.changes.items() if entity is not None})
        outputs += [said(output) for output in step.outputs]

    assert len(records) > 30
    assert outputs == [each for each in kept if isinstance(each, list)]


def _recorded(kept: dict[str, Any], topic: str) -> Recorded[Any]:
    at = datetime.fromisoformat(kept["at"])
    event: Any
    if kept["type"] == "exportgate.order.unreadable.v1":
        event = BY_NAME[kept["type"]].model.model_validate_json(kept["value"])
    else:
        event = decode(kept["type"], topic, kept["value"].encode(), kept["source"])
    return Recorded(
        event=event, id=kept["id"], source=kept["source"], time=at, topic=topic, partition=0,
        offset=kept["offset"], key=kept["key"], logged_at=at,
    )  # fmt: skip
