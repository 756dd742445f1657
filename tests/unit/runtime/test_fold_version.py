"""Folds change at a record of the log: older offsets fold as they did, for ever."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from schemas.base import Model
from schemas.envelope import Output, Recorded
from schemas.fold import Fold, Partition, Step
from schemas.reference import FoldVersion
from schemas.topics import CHECKS
from services.runtime.codec import Raw, Read, read
from services.runtime.errors import Fatal
from services.runtime.folded import Folded, Folding
from services.runtime.memory import Memory
from tests.support import builders
from tests.support.wire import PARTITIONS, reading

HERE = reading(builders.wanted("c"), "erp/o1", CHECKS.name)
AT = HERE.raw.partition


def saying(word: str) -> Fold:
    """A fold that answers everything with one word."""

    def fold(aggregate: Mapping[str, Model], record: Recorded[Model], partition: Partition) -> Step:
        del aggregate
        event = builders.wanted(word)
        return Step(partition, {}, (Output(CHECKS.name, record.key, word, event),))

    return fold


def stage(version: int, **earlier: Fold) -> Folded:
    """A release that folds by a version, and knows earlier ones."""
    nothing: Any = None
    folding = Folding(
        fold=saying(f"v{version}"), decode=nothing, due=lambda entity: [], version=version,
        earlier={int(name[1:]): fold for name, fold in earlier.items()},
    )  # fmt: skip
    found = Folded(
        name="gate", topic=CHECKS, partitions=PARTITIONS, remembered=nothing, reader=nothing,
        folding=folding, place_of=nothing, stale_after=timedelta(seconds=30),
    )  # fmt: skip
    found.memories[AT] = Memory(Partition(AT))
    found._deadlines[AT], found._noted[AT] = [], {}
    return found


def appended(found: Folded, offset: int) -> Read:
    """The record a stage says is due, as it stands in the log."""
    (send,) = found.due()
    raw = Raw(send.topic, send.partition, offset, send.key, send.value, send.headers, 0)
    one = read(raw, PARTITIONS)
    assert isinstance(one.record.event, FoldVersion)
    return one


def said(found: Folded, offset: int) -> list[str]:
    """What it answers to a record at an offset."""
    one = reading(HERE.record.event, "erp/o1", CHECKS.name, offset=offset)
    return [(dict(send.headers)["ce_id"] or b"").decode() for send in found.handle([one])]


def test_a_partition_is_folded_by_the_new_version_from_its_record_on() -> None:
    found = stage(2, v1=saying("v1"))

    assert said(found, 0) == ["v1"]
    found.handle([appended(found, 1)])
    assert said(found, 2) == ["v2"]
    assert found.memories[AT].version == 2


def test_it_is_told_once() -> None:
    found = stage(2, v1=saying("v1"))
    appended(found, 0)

    found._deadlines_at = 0.0
    assert found.due() == []


def test_a_release_that_does_not_know_the_version_goes_no_further() -> None:
    newer, older = stage(2, v1=saying("v1")), stage(1)
    older.handle([appended(newer, 0)])

    with pytest.raises(Fatal, match="version 2"):
        said(older, 1)
