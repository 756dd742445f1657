"""One partition of orders, judged again: both sensors, the gate, and the chain of decisions."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final, NamedTuple

from schemas.checks import ReleaseStale, Unreadable
from schemas.decisions import OrderReleased
from schemas.envelope import Output, Recorded
from schemas.fold import FORGET_EVERY, Partition
from schemas.topics import CHECKS, CLASSIFIED, DECISIONS, LICENSES, ORDERS
from services.replay import stages
from services.replay.chain import ChainCheck
from services.replay.errors import Finding
from services.replay.explain import Captured
from services.replay.forgetting import Aggregates
from services.replay.links import (
    NO_CAUSE,
    Compared,
    Heard,
    Link,
    Said,
    at,
    cause_of,
    compare,
    findings_of,
)
from services.replay.manifest import Place
from services.replay.origin import FROM_OUTSIDE, UNCAUSED, foreign, origin_fault
from services.replay.reading import Archive, said, said_by
from services.replay.rederive import Asked, Rederived, Sensors
from services.replay.stages import CLASSIFICATION, DETERMINE, GATE, LEDGER, OWN
from services.replay.stream import Stream, batches
from services.replay.tails import not_pruned, tail_findings
from services.runtime.codec import Raw, Read, read
from services.runtime.murmur import partition_of
from services.runtime.stage import output_of

Told = Callable[[int], None]
Ask = Callable[[Sensors, list[Asked]], list[Rederived]]
_RELEASE: Final = Struct(">16sq32s")
"""A release: digest of what is said, index in the chain, SHA-256 of the value."""


@dataclass(slots=True)
class Incoming:
    """What the ledger's lanes know of one partition of orders, by partition of `licenses`."""

    said: dict[int, Said] = field(default_factory=dict)
    heard: dict[int, Heard] = field(default_factory=dict)


class Between(NamedTuple):
    """Names a link: which stage, from which partition, to which."""

    source: Place
    target: Place


@dataclass(slots=True)
class OrderLane:
    """What was found in one partition of orders."""

    partition: int
    findings: list[Finding] = field(default_factory=list)
    engine_changes: list[Finding] = field(default_factory=list)
    orders: int = 0
    decisions: int = 0
    records: int = 0
    rederived: int = 0
    in_flight: int = 0
    ahead: int = 0
    unjudged: list[str] = field(default_factory=list)
    """Records whose cause is not archived yet: nobody can say whether they are right."""


class OrderVerifier:
    """Verifies one partition of orders."""

    def __init__(
        self,
        archive: Archive,
        partition: int,
        incoming: Incoming,
        sensors: Sensors | None,
        *,
        capture: frozenset[int] = frozenset(),
    ) -> None:
        """Prepare. Without `sensors` what they said is taken as recorded: integrity alone.

        What the gate says at the offsets of `capture` is kept.
        """
        self._capture = capture
        self.captured: Captured = {}
        self._archive, self._incoming, self._sensors = archive, incoming, sensors
        self._stage = stages.gate_stage(archive.settings)
        self._later = [
            (since.get(str(partition), 0), stages.gate_stage(settings))
            for since, settings in archive.all_settings[1:]
        ]
        self._state = Partition(partition)
        self._aggregates = Aggregates(self._stage.forget)
        self._last_of: dict[str, int] = {}
        self._links: dict[Between, Link] = {}
        self._stale: set[str] = set()
        self._released: dict[str, bytes] = {}
        self._answered = {
            CLASSIFIED.name: bytearray(archive.end(ORDERS.name, partition)),
            CHECKS.name: bytearray(archive.end(CLASSIFIED.name, partition)),
        }
        self._last_cause = dict.fromkeys(self._answered, NO_CAUSE)
        self._ahead: dict[tuple[Place, Place], Compared] = defaultdict(Compared)
        self._chain = ChainCheck(partition)
        self.at = partition
        self.lane = OrderLane(partition)

    def go(self, told: Told) -> OrderLane:
        """Verify all of it."""
        before = len(self._archive.findings)
        self._read_decisions(told)
        self._last_of = self._archive.last_offsets(CHECKS.name, self.at)
        self.lane.orders = len(self._last_of)
        orders = Stream(self._orders(told))
        classified = Stream(self._classified(orders, told))
        for batch in batches(self._rows(CHECKS.name, told)):
            if not self._fold_all(self._checked(batch, classified)):
                break
        classified.drain()
        orders.drain()
        self._compare_all(orders, classified)
        self.lane.findings += self._archive.findings[before:]
        return self.lane

    def _rows(self, topic: str, told: Told) -> Iterator[Raw]:
        for row in self._archive.rows(topic, self.at, told):
            self.lane.records += 1
            yield row

    # The topics, each with its own checks

    def _read_decisions(self, told: Told) -> None:
        for row in self._rows(DECISIONS.name, told):
            self.lane.decisions += 1
            self._chain.take(row)
            self._heard(row, GATE, (CHECKS.name, self.at))

    def _orders(self, told: Told) -> Iterator[Read]:
        for row in self._rows(ORDERS.name, told):
            one = self._read(row)
            if one.record.source == GATE and not one.unreadable:
                self._heard(row, GATE, (CHECKS.name, self.at))
            yield one

    def _classified(self, orders: Stream, told: Told) -> Iterator[Read]:
        for batch in batches(self._rows(CLASSIFIED.name, told)):
            asked: list[Asked] = []
            for row in batch:
                cause = cause_of(row.headers)
                if cause is None or cause[0] != (ORDERS.name, self.at):
                    self._wrong(row, f"names {cause} as its cause, not a record of {ORDERS.name}")
                    continue
                self._note_cause(row, cause)
                order = orders.at(cause[1]) or self._from_afar(row, cause)
                if order is not None:
                    asked.append((row, order))
            derived = self._derived(asked, Sensors.classified)
            for row in batch:
                yield derived.get(row.offset) or self._read(row)

    def _checked(self, batch: list[Raw], classified: Stream) -> list[Read]:
        """Read records of `orders.checks`: determined, answered by the ledger, or from outside."""
        asked: list[Asked] = []
        others: set[int] = set()
        for row in batch:
            cause = cause_of(row.headers)
            if cause is None or cause[0] != (CLASSIFIED.name, self.at):
                others.add(row.offset)
                continue
            self._note_cause(row, cause)
            before = classified.at(cause[1]) or self._from_afar(row, cause)
            if before is not None:
                asked.append((row, before))
        derived = self._derived(asked, Sensors.assessed)
        found = []
        for row in batch:
            one = derived.get(row.offset) or self._read(row)
            if row.offset in others:
                self._note_origin(one)
            found.append(one)
        return found

    def _note_cause(self, row: Raw, cause: tuple[Place, int]) -> None:
        """Note which record a sensor answers: it takes them in order, and may say one again."""
        answered, last, offset = self._answered[row.topic], self._last_cause[row.topic], cause[1]
        known = 0 <= offset < len(answered)
        if offset < last and not (known and answered[offset]):
            self._wrong(row, f"answers {at(*cause)} after it answered what came later")
        self._last_cause[row.topic] = max(last, offset)
        if known:
            answered[offset] = True

    def _from_afar(self, row: Raw, cause: tuple[Place, int]) -> Read | None:
        """The record that a sensor answers where it is not near; None where it is not there."""
        place, offset = cause
        raw = self._archive.raw_at(at(place, offset))
        if raw is not None:
            return self._read(raw)
        if offset < 0:
            self._wrong(row, f"names {cause} as its cause, which cannot be")
        elif offset >= self._archive.end(*place):
            self._ahead[place, (row.topic, self.at)].ahead.append((row.offset, offset))
        return None

    def _derived(self, asked: list[Asked], ask: Ask) -> dict[int, Read]:
        """What a sensor said, derived again: by offset, where that is what is recorded."""
        if self._sensors is None:
            return {}
        found: dict[int, Read] = {}
        for (row, _), derived in zip(asked, ask(self._sensors, asked), strict=True):
            self.lane.rederived += 1
            self.lane.findings += derived.findings
            self.lane.engine_changes += derived.engine_changes
            if derived.one is not None:
                found[row.offset] = derived.one
        return found

    def _note_origin(self, one: Read) -> None:
        """Note what a fold wrote to the gate's topic."""
        event, source = one.record.event, one.record.source
        if isinstance(event, ReleaseStale):
            self._stale.add(event.decision_id)
        if isinstance(event, Unreadable):
            return
        if source not in OWN:
            if not isinstance(event, FROM_OUTSIDE):
                self._wrong(one.raw, f"{type(event).__name__} of {source!r} comes by {ORDERS.name}")
            return
        cause = cause_of(one.raw.headers)
        if cause is None or cause[1] != NO_CAUSE or not isinstance(event, UNCAUSED):
            from_ledger = source == LEDGER and cause is not None
            place = cause[0] if from_ledger and cause else (CHECKS.name, self.at)
            self._heard(one.raw, source, place)

    def _heard(self, row: Raw, writer: str, source: Place) -> None:
        """Note a record that only a fold may write; whether it did is compared at the end."""
        written_by = dict(row.headers).get("ce_source")
        cause = cause_of(row.headers)
        expected = LICENSES.name if writer == LEDGER else CHECKS.name
        if written_by != writer.encode() or cause is None or cause[0] != source or (
            source[0] != expected or not 0 <= source[1] < self._archive.partitions(expected)
        ):  # fmt: skip
            self._wrong(row, f"is of {written_by!r}, caused by {cause}: only {writer} writes it")
            return
        link = self._link(source, (row.topic, self.at))
        link.recorded.note(row.offset, cause[1], said(row))

    def _read(self, row: Raw) -> Read:
        one = read(row, self._archive.partitions(row.topic))
        fault = foreign(one.record.event, one.record.source)
        if fault is not None:
            self._wrong(row, fault)
        return one

    # The gate

    def _fold_all(self, batch: list[Read]) -> bool:
        """Fold records, then hear what was said; whether the gate goes on."""
        said_by_gate: list[tuple[Read, Output]] = []
        goes_on = True
        for one in batch:
            if one.unreadable and not one.record.key:
                self._wrong(one.raw, "has no readable key: the gate stops here")
                goes_on = False
                break
            said_by_gate += [(one, output) for output in self._fold(one)]
        for one, output in said_by_gate:
            self._say(one, output)
        return goes_on

    def _fold(self, one: Read) -> Sequence[Output]:
        record: Recorded[Any] = one.record
        self._follow_chain(record.offset)
        while self._later and record.offset >= self._later[0][0]:
            self._stage = self._later.pop(0)[1]
        if record.offset % FORGET_EVERY == 0:
            self._aggregates.forget_old(self._state)
        aggregate = self._aggregates.of(record.key)
        step = self._stage.fold(aggregate, record, self._state.at(record.logged_at))
        self._state = step.partition
        if self._last_of.get(record.key) == record.offset:
            self._aggregates.drop(record.key)
        else:
            self._aggregates.put(record.key, step.changes)
        return step.outputs

    def _follow_chain(self, offset: int) -> None:
        """Stand where the recorded chain stood: one decision that differs is told once.

        Whether the recorded chain is whole is checked by itself.
        """
        stood = self._chain.stood(offset)
        if stood is not None and stood != (self._state.chain_index, self._state.chain_prev):
            self._state = self._state._replace(chain_index=stood[0], chain_prev=stood[1])

    def _say(self, one: Read, output: Output) -> None:
        send = output_of(one, output, GATE)
        to = partition_of(send.key or b"", self._archive.partitions(send.topic))
        digest = said_by(send)
        if one.raw.offset in self._capture:
            self.captured.setdefault(one.raw.offset, []).append(send)
        link = self._link((CHECKS.name, self.at), (send.topic, to))
        link.expected.note(one.raw.offset, digest)
        event = output.event
        if isinstance(event, OrderReleased):  # nothing else is ever held back
            sha256 = hashlib.sha256(send.value or b"").digest()
            said = _RELEASE.pack(digest, event.chain.index, sha256)  # again, where held back once
            self._released[event.decision_id] = self._released.get(event.decision_id, b"") + said

    # The end

    def _link(self, source: Place, target: Place) -> Link:
        return self._links.setdefault(Between(source, target), Link())

    def _compare_all(self, orders: Stream, classified: Stream) -> None:
        for partition, answers in self._incoming.said.items():
            self._link((LICENSES.name, partition), (CHECKS.name, self.at)).expected = answers
        for partition, heard in self._incoming.heard.items():
            self._link((CHECKS.name, self.at), (LICENSES.name, partition)).recorded = heard
        held_back = [
            each
            for name in self._stale
            for each in _RELEASE.iter_unpack(self._released.get(name, b""))
        ]
        digests = {digest for digest, _, _ in held_back}
        found = {
            name: compare(link, self._archive.span(name.source), digests)
            for name, link in self._links.items()
        }
        spoke = max((each.last for name, each in found.items()
                     if name.source[0] == CHECKS.name), default=NO_CAUSE)  # fmt: skip
        for name, compared in (*found.items(), *self._ahead.items()):
            own = name[0] == (CHECKS.name, self.at)
            self._tell(name, compared, spoke if own else NO_CAUSE)
        pruned = self._archive.begin(DECISIONS.name, self.at) > 0
        self._chain.check({index: sha256 for _, index, sha256 in held_back}, pruned=pruned)
        self.lane.findings += self._chain.findings
        self._unanswered(orders, CLASSIFIED.name, ORDERS.name, CLASSIFICATION)
        self._unanswered(classified, CHECKS.name, CLASSIFIED.name, DETERMINE)

    def _tell(self, name: tuple[Place, Place], found: Compared, spoke: int) -> None:
        """Count and tell of a link. `spoke` is the last offset of its source that was answered."""
        source, target = name
        found.missing = not_pruned(self._archive, found.missing, source, target)
        found.in_flight = not_pruned(self._archive, found.in_flight, source, target)
        self.lane.in_flight += len(found.in_flight)
        self.lane.ahead += len(found.ahead)
        self.lane.unjudged += [at(target, offset) for offset, _ in found.ahead]
        self.lane.findings += findings_of(found, source, target)
        self.lane.findings += tail_findings(self._archive, found, source, target, spoke)

    def _unanswered(self, stream: Stream, target: str, topic: str, writer: str) -> None:
        answered = self._answered[target]
        source, last = (topic, self.at), self._last_cause[target]
        silent = [each for each in stream.speaking if each >= len(answered) or not answered[each]]
        past = [offset for offset in silent if offset <= last]
        for offset in not_pruned(self._archive, past, source, (target, self.at)):
            place, text = at(source, offset), f"{writer} did not answer it"
            self.lane.findings.append(Finding("missing", place, text, record=place))
        found = Compared(in_flight=[offset for offset in silent if offset > last])
        self._tell((source, (target, self.at)), found, NO_CAUSE)

    def _wrong(self, row: Raw, text: str) -> None:
        self.lane.findings.append(origin_fault(row, text))


def gate_says(archive: Archive, partition: int, offsets: frozenset[int]) -> Captured:
    """What the gate says at some offsets of one partition."""
    run = OrderVerifier(archive, partition, Incoming(), None, capture=offsets)
    told = len(archive.findings)
    run.go(lambda _: None)
    del archive.findings[told:]
    return run.captured
