"""One partition of `licenses`, folded again: what the ledger said, and the book at every offset."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.checks import Unreadable
from schemas.fold import FORGET_EVERY, Partition
from schemas.topics import CHECKS, LICENSES
from services.license_check.book import License
from services.replay import stages
from services.replay.errors import Finding
from services.replay.explain import Captured
from services.replay.forgetting import Aggregates
from services.replay.history import HistoryWriter
from services.replay.links import NO_CAUSE, Heard, Link, Said, cause_of, compare, findings_of
from services.replay.origin import UNCAUSED, foreign, origin_fault
from services.replay.reading import Archive, said, said_by
from services.replay.stages import GATE, LEDGER, OWN, ROOT
from services.replay.tails import tail_findings
from services.runtime.codec import Read, read
from services.runtime.murmur import partition_of
from services.runtime.stage import output_of


@dataclass(slots=True)
class LedgerLane:
    """What one partition of the ledger says, and what it heard from the gate."""

    partition: int
    said: dict[int, Said] = field(default_factory=dict)
    """By partition of `orders.checks`: its answers."""
    heard: dict[int, Heard] = field(default_factory=dict)
    """By partition of `orders.checks`: what came from the gate."""
    own: Link = field(default_factory=Link)
    """What the ledger says to itself: warnings, refusals of license events."""
    in_flight: int = 0
    findings: list[Finding] = field(default_factory=list)
    records: int = 0


def ledger_lane(
    archive: Archive, partition: int, folder: Path, told: Callable[[int], None]
) -> LedgerLane:
    """Fold a partition of `licenses`. Its license versions go to a file in `folder`."""
    history = HistoryWriter(folder, partition)
    lane = LedgerLane(partition)
    _Run(archive, lane, history).go(told)
    history.close()
    return lane


class _Run:
    """The fold under way."""

    def __init__(
        self,
        archive: Archive,
        lane: LedgerLane,
        history: HistoryWriter | None,
        capture: frozenset[int] = frozenset(),
    ) -> None:
        self._capture = capture
        self.captured: Captured = {}
        self._archive, self._lane, self._history = archive, lane, history
        self._stage = stages.ledger_stage()
        self._own = (LICENSES.name, lane.partition)
        self._state = Partition(lane.partition)
        self._aggregates = Aggregates(self._stage.forget)
        self._licenses = archive.partitions(LICENSES.name)
        self._checks = archive.partitions(CHECKS.name)
        self._gates = {(CHECKS.name, at) for at in range(self._checks)}

    def go(self, told: Callable[[int], None]) -> None:
        lane, before = self._lane, len(self._archive.findings)
        for row in self._archive.rows(LICENSES.name, lane.partition, told):
            lane.records += 1
            one = read(row, self._licenses)
            if one.unreadable and not one.record.key:
                self._wrong(one, "has no readable key: the ledger stops here")
                break
            self._note_origin(one, said(row))
            self.fold(one)
        self._compare_own()
        lane.findings += self._archive.findings[before:]

    def _compare_own(self) -> None:
        found = compare(self._lane.own, self._archive.span(self._own), ())
        self._lane.in_flight += len(found.in_flight)
        self._lane.findings += findings_of(found, self._own, self._own)
        self._lane.findings += tail_findings(self._archive, found, self._own, self._own, found.last)

    def _note_origin(self, one: Read, digest: bytes) -> None:
        """A record of the gate must be one that the gate says; its lane will tell."""
        record = one.record
        if isinstance(record.event, Unreadable):
            return
        if (fault := foreign(record.event, record.source)) is not None:
            self._wrong(one, fault)
        if record.source not in OWN:
            return
        cause = cause_of(one.raw.headers)
        if cause is not None and cause[1] == NO_CAUSE and isinstance(record.event, UNCAUSED):
            return
        if record.source == LEDGER and cause is not None and cause[0] == self._own:
            self._lane.own.recorded.note(one.raw.offset, cause[1], digest)
            return
        if cause is None or record.source != GATE or cause[0] not in self._gates:
            self._wrong(one, f"names {cause} as its cause; {record.source} has it from elsewhere")
            return
        heard = self._lane.heard.setdefault(cause[0][1], Heard())
        heard.note(one.raw.offset, cause[1], digest)

    def fold(self, one: Read) -> None:
        """Fold one record; note what is said and how the license stands."""
        record: Any = one.record
        if record.offset % FORGET_EVERY == 0:
            self._aggregates.forget_old(self._state)
        aggregate = self._aggregates.of(record.key)
        step = self._stage.fold(aggregate, record, self._state.at(record.logged_at))
        self._state = step.partition
        self._aggregates.put(record.key, step.changes)
        root = step.changes.get(ROOT)
        if isinstance(root, License) and self._history is not None:
            self._history.put(root, record.offset + 1)
        for output in step.outputs:
            send = output_of(one, output, LEDGER)
            to = partition_of(send.key or b"", self._checks)
            if record.offset in self._capture:
                self.captured.setdefault(record.offset, []).append(send)
            if send.topic == LICENSES.name:
                self._lane.own.expected.note(record.offset, said_by(send))
            else:
                self._lane.said.setdefault(to, Said()).note(record.offset, said_by(send))

    def _wrong(self, one: Read, text: str) -> None:
        self._lane.findings.append(origin_fault(one.raw, text))


def ledger_says(archive: Archive, partition: int, offsets: frozenset[int]) -> Captured:
    """What the ledger says at some offsets of one partition."""
    run = _Run(archive, LedgerLane(partition), None, offsets)
    told = len(archive.findings)
    run.go(lambda _: None)
    del archive.findings[told:]
    return run.captured
