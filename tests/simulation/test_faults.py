"""Seeded scenarios through the whole gate, with duplicates, crashes and reordering between topics.

Goal: whatever happens on the way, every order ends where its author expects it; nothing is
released that should not be; the books balance; the hash chain has no gap and no fork.
"""

import hashlib
import itertools
import random
from collections import defaultdict
from decimal import Decimal
from functools import lru_cache
from typing import Any

import pytest

from schemas.events import encode
from schemas.fold import GENESIS
from schemas.licenses import LicenseGranted
from schemas.orders import OrderShipped, ShippedLine
from schemas.topics import DECISIONS, LICENSES, ORDERS
from services.classification.orders import Classifier
from services.cli.license_files import LISTS
from services.cli.order_files import TYPES
from services.generator.scenario import Scenario, scenario
from services.license_check.book import LICENSE, License, Reservation
from services.runtime.packs import load_packs
from tests.support.pipeline import Pipeline

SEEDS = 1_000
BATCHES = 20
ORDERS_A_SEED = 12


@lru_cache
def classifier() -> Classifier:
    """One classifier for all: it is pure."""
    return Classifier(load_packs("reported"))


def play(seed: int, *, faulty: bool) -> tuple[Pipeline, Scenario]:
    """Run one scenario, with faults or without."""
    made = scenario(seed, ORDERS_A_SEED)
    faults = random.Random(seed)
    pipeline = Pipeline(
        classifier(),
        faults=faults,
        crash=0.02 if faulty else 0.0,
        repeat=0.2 if faulty else 0.0,
    )
    for row in made.licenses:
        terms = LicenseGranted.model_validate(
            {k: v.split(";") if k in LISTS else v for k, v in row.items()}
        )
        pipeline.append(LICENSES.name, terms.license_id, terms)
    pipeline.run()
    for event in made.events:
        for _ in range(faults.randrange(1, 4) if faulty else 1):
            model = TYPES[event.type].model_validate(event.data)
            pipeline.append(
                ORDERS.name, str(event.key), model,
                id=event.id, source=event.source, time=event.time,
            )  # fmt: skip
    pipeline.run()
    for key in sorted(made.ship_when_released):
        released = pipeline.latest()[key]
        ordered = next(e.data for e in made.events if e.key == key)
        pipeline.append(ORDERS.name, key, shipment(released, ordered), time=released.as_of)
    pipeline.run()
    return pipeline, made


def shipment(released: Any, ordered: dict[str, Any]) -> OrderShipped:
    """Ship all of a released order."""
    assert released.decision == "RELEASED", released
    return OrderShipped(
        order_source=released.order_source,
        order_id=released.order_id,
        revision=released.revision,
        shipment_id=f"S-{released.order_id}",
        decision_id=released.decision_id,
        shipped_at=released.as_of,
        final=True,
        lines=tuple(
            ShippedLine.model_validate({n: line[n] for n in ("line_id", "quantity", "unit")})
            for line in ordered["lines"]
        ),
    )


@pytest.mark.parametrize("batch", range(BATCHES))
def test_faults_change_no_outcome(batch: int) -> None:
    for seed in range(batch * SEEDS // BATCHES, (batch + 1) * SEEDS // BATCHES):
        pipeline, made = play(seed, faulty=True)

        _check_outcomes(pipeline, made, seed)
        _check_sequences(pipeline, made, seed)
        _check_books(pipeline, seed)
        _check_chain(pipeline, seed)


def _check_outcomes(pipeline: Pipeline, made: Scenario, seed: int) -> None:
    latest = pipeline.latest()
    for key, expected in made.expected.items():
        found = latest[key]
        reasons = {reason.code.value for reason in found.reasons}
        said = (found.decision, found.cause, expected.reasons <= reasons)
        assert said == (expected.decision, expected.cause, True), (seed, key, expected, found)


def _check_sequences(pipeline: Pipeline, made: Scenario, seed: int) -> None:
    for key in made.expected:
        by_seq: dict[int, set[bytes]] = defaultdict(set)
        for value, decided in zip(pipeline.values[key], pipeline.decisions(key), strict=True):
            by_seq[decided.seq].add(value)
        assert sorted(by_seq) == list(range(1, len(by_seq) + 1)), (seed, key, "seq has a gap")
        assert all(len(values) == 1 for values in by_seq.values()), (seed, key, "two contents")
        kinds = [
            next(d.decision for d in pipeline.decisions(key) if d.seq == seq)
            for seq in sorted(by_seq)
        ]
        assert ("RELEASED", "RELEASED") not in itertools.pairwise(kinds), (seed, key, kinds)
        ended = [kind for kind in kinds if kind in ("CLOSED", "REJECTED")]
        assert ended in ([], kinds[-1:]), (seed, key, kinds)


def _check_books(pipeline: Pipeline, seed: int) -> None:
    latest = pipeline.latest()
    for license_id, aggregate in pipeline.ledger.aggregates.items():
        license_ = aggregate[LICENSE]
        assert isinstance(license_, License)
        reservations = [e for e in aggregate.values() if isinstance(e, Reservation)]
        reserved = sum((e.open_quantity for e in reservations), Decimal(0))
        assert license_.reserved_quantity == reserved, (seed, license_id)
        assert license_.remaining_quantity is not None
        assert license_.remaining_quantity >= 0, (seed, license_id)
        for entry in reservations:
            if entry.state == "open" and entry.request is not None:
                decided = latest[entry.request.key].decision
                assert decided == "RELEASED", (seed, license_id, entry.request.key, decided)


def _check_chain(pipeline: Pipeline, seed: int) -> None:
    links: dict[int, dict[int, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for log in pipeline.logs[DECISIONS.name]:
        for record in log:
            chain = record.event.chain
            digest = hashlib.sha256(encode(record.event)).hexdigest()
            links[chain.partition][chain.index].add((chain.prev, digest))
    for partition, chain_ in links.items():
        assert sorted(chain_) == list(range(len(chain_))), (seed, partition, "gap")
        before = GENESIS
        for index in range(len(chain_)):
            assert len(chain_[index]) == 1, (seed, partition, index, "fork")
            prev, digest = next(iter(chain_[index]))
            assert prev == before, (seed, partition, index, "broken")
            before = digest


def test_the_same_log_folds_to_the_same_bytes() -> None:
    first, _ = play(4, faulty=False)
    second, _ = play(4, faulty=False)

    assert first.values == second.values
