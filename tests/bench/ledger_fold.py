"""How fast the ledger folds decoded events on one core, beside reading the same events.

`python -m tests.bench.ledger_fold [--orders N]`: N orders on ten licenses, each requested; nine of
ten shipped, one voided; one of ten confirmed and one adjusted first. The last line is JSON.
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from schemas.base import Model
from schemas.envelope import Recorded
from schemas.events import BY_MODEL, decode, encode
from schemas.fold import Partition
from schemas.topics import LICENSES
from services.license_check import ledger
from services.license_check.book import LICENSE, License
from tests.support.builders import (
    T0,
    adjust,
    confirm,
    license_granted,
    recorded,
    requested,
    settle,
    void,
)

KEYS: Final = tuple(f"cn-{at}" for at in range(10))
ROUNDS: Final = 3


def log_of(orders: int) -> list[Recorded[Any]]:
    """Make the log, decoded."""
    log: list[Recorded[Any]] = []

    def say(event: Model, key: str) -> None:
        at = T0 + timedelta(milliseconds=len(log))
        log.append(recorded(event, key, topic=LICENSES.name, offset=len(log), at=at))

    for key in KEYS:
        say(license_granted(key, quantity=Decimal(10**9), value=10**12, currency="USD"), key)
    for at in range(orders):
        key, name = KEYS[at % len(KEYS)], f"r{at}"
        say(requested(name, "10", value="1000", currency="USD", license_id=key), key)
        if at % 10 == 3:
            say(confirm(name), key)
        if at % 10 == 5:
            say(adjust(name, "12", "1200"), key)
        shipped = settle(name, f"s{at}", "10", final=True, value="1000")
        say(void(name) if at % 10 == 7 else shipped, key)
    return log


def folded(log: list[Recorded[Any]]) -> dict[str, dict[str, Model]]:
    """Fold it, as the runtime does: partition, changes, outputs."""
    aggregates: dict[str, dict[str, Model]] = {key: {} for key in KEYS}
    partition, said = Partition(0), 0
    for record in log:
        aggregate = aggregates[record.key]
        step = ledger.fold(aggregate, record, partition.at(record.logged_at))
        partition = step.partition
        for name, entity in step.changes.items():
            assert entity is not None, "the ledger forgets nothing here"
            aggregate[name] = entity
        said += len(step.outputs)
    assert said >= len(log) - len(KEYS), "every question is answered"
    return aggregates


def read(log: list[Recorded[Any]]) -> int:
    """Read the same events from their bytes: what a service does first with each."""
    values = [(BY_MODEL[type(each.event)].name, encode(each.event)) for each in log]
    began = time.process_time()
    for kind, value in values:
        decode(kind, LICENSES.name, value, "erp")
    return round(len(log) / (time.process_time() - began))


def rate(work: Callable[[], object], count: int) -> int:
    """Do it a few times; the best, in processor time, says what one core can."""
    best = 0.0
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        work()
        best = max(best, count / (time.process_time() - began))
    return round(best)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    orders = parser.parse_args().orders
    log = log_of(orders)
    gc.freeze()
    root = folded(log)[KEYS[0]][LICENSE]
    assert isinstance(root, License), "a license stands at the root"
    assert root.reserved_quantity == 0, "all is shipped or given back"
    result: dict[str, float] = {
        "events": len(log),
        "folded_per_s": rate(lambda: folded(log), len(log)),
        "read_per_s": read(log),
    }
    result["ratio"] = round(result["folded_per_s"] / result["read_per_s"], 2)
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
