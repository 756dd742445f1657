"""How fast the ledger folds decoded events on one core, beside reading and answering them.

`python -m tests.bench.ledger_fold [--orders N]`: N orders on ten licenses, each requested; nine of
ten shipped, one voided; one of ten confirmed and one adjusted first. Folded as after a loss, when
what is said again stands in the log already; and folded with every answer put into words. The last
line is JSON.
"""

import argparse
import gc
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
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
BATCH: Final = 500
ROUNDS: Final = 3
Written = tuple[Recorded[Any], str, bytes]


def log_of(orders: int) -> list[Written]:
    """Make the log: each record, the type of its event, and its bytes."""
    log: list[Written] = []

    def say(event: Model, key: str) -> None:
        at = T0 + timedelta(milliseconds=len(log))
        record = recorded(event, key, topic=LICENSES.name, offset=len(log), at=at)
        log.append((record, BY_MODEL[type(event)].name, encode(event)))

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


def read(log: list[Written]) -> Iterator[list[Recorded[Any]]]:
    """Read it in batches, as the runtime does."""
    for start in range(0, len(log), BATCH):
        yield [
            record._replace(event=decode(kind, LICENSES.name, value, "erp"))
            for record, kind, value in log[start : start + BATCH]
        ]


def folded(log: list[Written], *, told: bool) -> float:
    """Fold it, as the runtime does: partition, changes, outputs; return seconds of it alone."""
    aggregates: dict[str, dict[str, Model]] = {key: {} for key in KEYS}
    partition, said, took = Partition(0), 0, 0.0
    for batch in read(log):
        began = time.process_time()
        for record in batch:
            aggregate = aggregates[record.key]
            step = ledger.fold(aggregate, record, partition.at(record.logged_at))
            partition = step.partition
            aggregate.update(step.changes)  # type: ignore[arg-type] # nothing is forgotten here
            said += len(tuple(step.outputs) if told else step.outputs)
        took += time.process_time() - began
    assert said >= len(log) - len(KEYS), "every question is answered"
    root = aggregates[KEYS[0]][LICENSE]
    assert isinstance(root, License), "a license stands at the root"
    assert root.reserved_quantity == 0, "all is shipped or given back"
    return took


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of processor time that something takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    """Measure a few times and print the best, in processor time: what one core can."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    log = log_of(parser.parse_args().orders)
    gc.collect()
    gc.freeze()
    gc.disable()  # as the service's host does
    measures: tuple[Callable[[], float], ...] = (
        lambda: timed(lambda: deque(read(log), maxlen=0)),
        lambda: folded(log, told=False),
        lambda: folded(log, told=True),
    )
    reading, folding, telling = (
        round(len(log) / min(measure() for _ in range(ROUNDS))) for measure in measures
    )
    result: dict[str, float] = {
        "events": len(log),
        "folded_per_s": folding,
        "folded_and_answered_per_s": telling,
        "read_per_s": reading,
        "ratio": round(folding / reading, 2),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
