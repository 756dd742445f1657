"""The sensors, asked again: did classification and determination have to say what they said?

They read more than their record: packs, product records, the license book. What they read is on
record with what they said, and is made here from its own source, not from the copy.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import Any, Final

import orjson

from schemas.checks import OrderAssessed, OrderClassified, Rate
from schemas.classification import Verdict
from schemas.envelope import Output, Recorded
from schemas.texts import LineTexts
from services.classification.orders import Classifier
from services.replay import stages
from services.replay.errors import Finding
from services.replay.history import History
from services.replay.policies import Policies, refs_in
from services.replay.product_history import ProductHistory
from services.replay.rate_history import RateHistory
from services.replay.reading import says
from services.replay.stages import CLASSIFICATION, DETERMINE, GateSettings
from services.replay.tails import SKEW_MS
from services.runtime.codec import Raw, Read, Send, read
from services.runtime.policies import read_ladder
from services.runtime.stage import Judge, output_of

NAMED_MAX: Final = 4
_ABSENT: Final = "nothing"
_BOOK: Final = b'"book":{'
_PRODUCTS: Final = b'"products_offsets":{'


Asked = tuple[Raw, Read]
"""A record of a sensor, and the record that it answers."""


@dataclass(slots=True)
class Rederived:
    """What came of asking again: the record as derived where it is the same, else findings."""

    one: Read | None = None
    findings: list[Finding] = field(default_factory=list)
    engine_changes: list[Finding] = field(default_factory=list)


@dataclass
class Sensors:
    """Both sensors with what they read, as it was when a record says it was read."""

    settings: Sequence[GateSettings]
    """All that the services ran with, one after the other; which one at a record is not on it."""
    policies: Policies
    history: History
    products: ProductHistory
    rates: RateHistory
    partitions: int
    """Of `orders.classified`."""
    _judges: dict[int, Judge] = field(default_factory=dict)
    _vector: dict[str, int] = field(default_factory=dict)
    _book: dict[str, int] = field(default_factory=dict)
    _rates: tuple[Rate, ...] = ()
    _texts: LineTexts = field(default_factory=LineTexts)

    def __post_init__(self) -> None:
        """Wire determination under each rules; classification is wired for each set of packs."""
        ladders = self.policies.ladders or [read_ladder()]
        self._determine = [
            stages.determination(lambda: self.history.book(self._book), rules, lambda: self._rates)
            for rules in (s.rules(ladder) for s in reversed(self.settings) for ladder in ladders)
        ]

    def classified(self, asked: Sequence[Asked]) -> list[Rederived]:
        """Classify orders again under the packs and products their records name."""
        guess = self.policies.latest
        if guess is None:
            found = [self._classified_singly(row, order) for row, order in asked]
        else:
            judge, outputs = self._judge_under(guess), []
            for row, order in asked:
                self._vector = _vector_of(row.value, _PRODUCTS)
                outputs += judge(order.record)
            found = self._compared(asked, outputs, CLASSIFICATION, self._classified_singly)
        for (row, _), each in zip(asked, found, strict=True):
            each.findings += self._not_yet_written(row)
        return found

    def _not_yet_written(self, row: Raw) -> list[Finding]:
        """Say where classification names product records that were not there when it spoke."""
        vector = _vector_of(row.value, _PRODUCTS)
        last = self.products.read_at(vector)
        if last is not None and last <= row.timestamp_ms + SKEW_MS:
            return []
        text = f"names products up to {vector}, which were written later, or are not there"
        return [_finding("rederivation", row, plain_of(row.value), text)]

    def assessed(self, asked: Sequence[Asked]) -> list[Rederived]:
        """Determine orders again, with the license book at the offsets their records name."""
        judge, outputs = self._determine[0], []
        for row, classified in asked:
            self._book = _vector_of(row.value, _BOOK)
            self._rates = self.rates.until(row.timestamp_ms)[0]
            outputs += judge(classified.record)
        return self._compared(asked, outputs, DETERMINE, self._assessed_singly)

    def _compared(
        self,
        asked: Sequence[Asked],
        outputs: Sequence[Output],
        source: str,
        singly: Callable[[Raw, Read], Rederived],
    ) -> list[Rederived]:
        """Hold what was derived against what is recorded; ask `singly` where it differs.

        Step by step for all: alternating between the steps takes half as long again.
        """
        both = list(zip(asked, outputs, strict=True))
        encoded = [self._encoded(output, cause) for (_, cause), output in both]
        sends = [
            output_of(cause, output, source)
            for (_, cause), output in zip(asked, encoded, strict=True)
        ]
        return [
            Rederived(_as_read(row, cause, output, send, source))
            if says(row, send)
            else singly(row, cause)
            for ((row, cause), output), send in zip(both, sends, strict=True)
        ]

    def _encoded(self, output: Output, cause: Read) -> Output:
        """Encode what is said. What is passed on has the bytes it had, mostly written as by us."""
        event = output.event
        if isinstance(event, OrderClassified | OrderAssessed):
            return output._replace(value=self._texts.encode(event, event.lines))
        if event is not cause.record.event or cause.unreadable:
            return output
        return output._replace(value=cause.raw.value)

    def _judge_under(self, classifier: Classifier) -> Judge:
        judge = self._judges.get(id(classifier))
        if judge is None:
            judge = self._judges[id(classifier)] = stages.classification(
                classifier, lambda: self.products.at(self._vector), self.settings[0]
            )
        return judge

    def _classified_singly(self, row: Raw, order: Read) -> Rederived:
        """Look for the packs that a record names, and classify under them."""
        self._vector = _vector_of(row.value, _PRODUCTS)
        recorded = plain_of(row.value)
        refs = refs_in(recorded)
        classifier = self.policies.classifier(refs) if refs else self.policies.any()
        if classifier is None:
            named = ", ".join(self.policies.unknown(refs)) or "these versions together"
            return Rederived(None, [_finding("pack", row, recorded, f"unknown: {named}")])
        self.policies.latest = classifier
        output, send = _said(self._judge_under(classifier), order, CLASSIFICATION)
        if not says(row, send):
            # Asked without what takes days for one another, which is there for speed alone.
            exact = Classifier(classifier.packs)
            output, send = _said(self._judge_under(exact), order, CLASSIFICATION)
            del self._judges[id(exact)]
        if says(row, send):
            return Rederived(_as_read(row, order, output, send, CLASSIFICATION))
        return _differing(row, recorded, send, lambda regime: regime)

    def _assessed_singly(self, row: Raw, classified: Read) -> Rederived:
        """Determine under all rules and rates that may have held."""
        self._book = _vector_of(row.value, _BOOK)
        # What was derived again may carry its numbers otherwise than what is read from bytes.
        causes = (classified, read(classified.raw, self.partitions))
        known = self.rates.until(row.timestamp_ms)
        for cause, judge, rates in product(causes, self._determine, known):
            self._rates = rates
            output, send = _said(judge, cause, DETERMINE)
            if says(row, send):
                return Rederived(_as_read(row, classified, output, send, DETERMINE))
        recorded = plain_of(row.value)
        return _differing(row, recorded, send, lambda regime: regime.get("verdict", {}))


def _said(judge: Judge, cause: Read, source: str) -> tuple[Output, Send]:
    (output,) = judge(cause.record)
    return output, output_of(cause, output, source)


def _as_read(row: Raw, cause: Read, output: Output, send: Send, source: str) -> Read | None:
    """The record as a reader would read it; None where another record was written instead."""
    if send.event is not output.event:
        return None
    raw, before = row, cause.record
    record = Recorded(
        output.event, output.id, output.source or source, output.time or before.time, raw.topic,
        raw.partition, raw.offset, output.key,
        datetime.fromtimestamp(raw.timestamp_ms / 1000, UTC), before.traceparent, raw.value,
        before.since or before.logged_at,
    )  # fmt: skip
    return Read(raw, record)


def plain_of(value: bytes | None) -> dict[str, Any]:
    """Read a value as plain data; nothing where it is no JSON object."""
    try:
        found = orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _vector_of(value: bytes | None, mark: bytes) -> dict[str, int]:
    """The offsets something was read at: our writers put them near the end of the value."""
    text = value or b""
    at = text.rfind(mark)
    if at < 0:
        return {}
    end = text.find(b"}", at) + 1
    try:
        found = orjson.loads(text[at + len(mark) - 1 : end])
        return {str(partition): int(offset) for partition, offset in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _differing(
    row: Raw, recorded: dict[str, Any], send: Send, verdict_of: Callable[[Any], Any]
) -> Rederived:
    derived = plain_of(send.value)
    words = list(differences(recorded, derived))
    if not words:
        words = ["the headers differ"]
    text = "; ".join(words[:NAMED_MAX])
    if len(words) > NAMED_MAX:
        text += f"; and {len(words) - NAMED_MAX} more"
    if not _may_be_of_another_engine(recorded, derived):
        return Rederived(None, [_finding("rederivation", row, recorded, text)])
    milder = list(_milder(recorded, derived, verdict_of))
    if milder:
        return Rederived(None, [_finding("milder", row, recorded, "; ".join(milder))])
    engines = f"{recorded.get('engine')} is now {derived.get('engine')}: "
    return Rederived(None, [], [_finding("engine", row, recorded, engines + text)])


_OF_ENGINE: Final = frozenset({"engine", "lines", "packs", "products", "verified_until",
                               "valid_until_bounds", "days", "rates"})  # fmt: skip
"""What another engine may say otherwise. What was asked of it, it cannot."""


def _may_be_of_another_engine(recorded: dict[str, Any], derived: dict[str, Any]) -> bool:
    """Whether what differs is another engine's judgement, of the same lines of the same order."""
    if recorded.get("engine") in (None, derived.get("engine")):
        return False
    facts = [{n: v for n, v in event.items() if n not in _OF_ENGINE}
             for event in (recorded, derived)]  # fmt: skip
    return facts[0] == facts[1] and _line_ids(recorded) == _line_ids(derived)


def _line_ids(event: dict[str, Any]) -> list[Any]:
    try:
        return [line["line_id"] for line in event["lines"]]
    except (KeyError, TypeError):
        return []


def _milder(
    recorded: dict[str, Any], derived: dict[str, Any], verdict_of: Callable[[Any], Any]
) -> Iterator[str]:
    """Verdicts that are milder now than then, or are gone."""
    now = {line.get("line_id"): line.get("regimes", {}) for line in derived.get("lines", ())}
    for line in recorded.get("lines", ()):
        for regime, then in line.get("regimes", {}).items():
            before = verdict_of(then).get("decision")
            after = verdict_of(now.get(line.get("line_id"), {}).get(regime, {})).get("decision")
            if after is None or Verdict(after).gravity < Verdict(before).gravity:
                yield f"line {line.get('line_id')}, {regime}: {before} then, {after} now"


def _finding(kind: str, row: Raw, recorded: dict[str, Any], text: str) -> Finding:
    place = f"{row.topic}/{row.partition}/{row.offset}"
    order = (row.key or b"").decode(errors="replace")
    return Finding(kind, place, text, order=order, record=place)


def differences(recorded: Any, derived: Any, path: str = "") -> Iterator[str]:
    """Name where plain data differs: `lines.0.regimes.CN.decision: recorded …, derived …`."""
    if isinstance(recorded, dict) and isinstance(derived, dict):
        for name in sorted({*recorded, *derived}):
            inside = f"{path}.{name}" if path else str(name)
            yield from differences(recorded.get(name, _ABSENT), derived.get(name, _ABSENT), inside)
    elif isinstance(recorded, list) and isinstance(derived, list):
        for at in range(max(len(recorded), len(derived))):
            one = recorded[at] if at < len(recorded) else _ABSENT
            other = derived[at] if at < len(derived) else _ABSENT
            yield from differences(one, other, f"{path}.{at}")
    elif recorded != derived:
        yield f"{path}: recorded {_short(recorded)}, derived {_short(derived)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= 80 else f"{text[:77]}…"
