#!/usr/bin/env python3
"""Check the proof of an order's decisions and say in words what was decided.

Usage: python proof_check.py FILE

Needs Python 3.9 or later and nothing else: keep this file beside the proofs. It trusts nothing the
proof says of itself: every digest is computed again, every cause is followed, every balance is
added up. Exit code 0: the proof holds. 1: it does not, and what is wrong is named.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

FORMAT = 1
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:exportgate")
GENESIS = "0" * 64
FOUND = ("code", "fact", "value", "citation")
FREE = ("NOT_APPLICABLE", "NO_LICENSE_REQUIRED")
DERIVED = ("/exportgate/classification", "/exportgate/determine", "/exportgate/gate",
           "/exportgate/ledger")  # fmt: skip


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def canonical(data: Any) -> bytes:
    """The one way a proof is written: sorted, without blanks, ending with a newline."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8") + b"\n"


def digest_of(proof: Any) -> str:
    """SHA-256 of a proof without its own digest."""
    bare = {name: value for name, value in proof.items() if name != "digest"}
    return sha256(canonical(bare))


def by_place(event: Any) -> dict[tuple[str, str], Any]:
    """What an event says, by line and regime."""
    return {(line["line_id"], regime): found for line in event["lines"]
            for regime, found in line["regimes"].items()}  # fmt: skip


def raw(field: Any) -> bytes | None:
    """Bytes as a proof keeps them: {"text": …} or {"base64": …}; null is null."""
    if field is None:
        return None
    if "text" in field:
        return str(field["text"]).encode("utf-8")
    return base64.b64decode(field["base64"], validate=True)


class Record:
    """One record of the log, as the proof has it."""

    def __init__(self, data: Any) -> None:
        self.topic, self.partition, self.offset = data["topic"], data["partition"], data["offset"]
        self.timestamp, self.sha256 = data["timestamp"], data["sha256"]
        self.key, self.value = raw(data["key"]), raw(data["value"])
        self.headers = [(name, raw(value)) for name, value in data["headers"]]
        self.place = f"{self.topic}/{self.partition}/{self.offset}"
        named = dict(self.headers)
        type_, self.source, self.id, self.cause = (
            (named.get(name) or b"").decode("utf-8", "replace")
            for name in ("ce_type", "ce_source", "ce_id", "ce_cause")
        )
        self.kind = ".".join(type_.split(".")[1:3])  # exportgate.reservation.granted.v1
        self.signed, self.value_sha256 = named.get("ce_sha256"), sha256(self.value or b"")
        try:
            self.event: Any = json.loads(self.value or b"null")
        except ValueError:
            self.event = None

    def digest(self) -> str:
        """The record's digest in the archive: place, time, key, headers and value in one."""
        place = f"{self.topic}/{self.partition}/{self.offset}@{self.timestamp}".encode()
        value = None if self.value is None else hashlib.sha256(self.value).digest()
        parts: list[bytes | None] = [place, self.key, value]
        for name, content in self.headers:
            parts += (name.encode(), content)
        lengths = [-1 if part is None else len(part) for part in parts]
        head = struct.pack(f">{len(parts) + 1}q", len(parts), *lengths)
        return sha256(head + b"".join(part for part in parts if part))


class Proof:
    """A proof under examination."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.order = data["order"]
        self.faults: list[str] = []
        self.records = {record.place: record for record in map(Record, data["records"])}
        own = [record for record in self.records.values() if record.key == self.order.encode()]
        self.own = sorted(own, key=lambda each: (each.topic, each.partition, each.offset))
        self.decisions = self.first_of("decision.released", "decision.held", "decision.rejected",
                                       "decision.closed")  # fmt: skip

    def _wrong(self, place: str, text: str) -> None:
        if f"{place}: {text}" not in self.faults:
            self.faults.append(f"{place}: {text}")

    def first_of(self, *kinds: str) -> list[Record]:
        """Records of the order by type, each identity once, decisions by their number."""
        seen: dict[tuple[str, str], Record] = {}
        for record in self.own:
            if record.kind in kinds:
                first = seen.setdefault((record.source, record.id), record)
                if first.value != record.value and "seq" in record.event:
                    self._wrong(record.place, f"says otherwise than {first.place}, with its id")
        return sorted(seen.values(), key=lambda each: (each.event or {}).get("seq", 0))

    def check(self) -> None:
        """Make every check."""
        if not self.decisions:
            self._wrong(self.order, "the proof holds no decision")
        for record in self.records.values():
            self.check_record(record)
        self.check_numbers()
        for decision in self.decisions:
            self.check_chain(decision)
            self.check_decision(decision)

    def check_record(self, record: Record) -> None:
        """Its digests fit, and what caused it is here, as far as it concerns the order."""
        if record.digest() != record.sha256:
            self._wrong(record.place, "is not the record that was archived")
        if record.signed is not None and record.signed.decode() != record.value_sha256:
            self._wrong(record.place, "its value is not the one that was written (ce_sha256)")
        if record.key != self.order.encode() or record.source not in DERIVED:
            return
        if record.signed is None:
            self._wrong(record.place, "is not signed (ce_sha256), as all that a stage writes")
        known = record.cause in self.records or record.cause.endswith("/-1/-1")
        if record.cause and not known:
            self._wrong(record.place, f"its cause {record.cause} is not in the proof")

    def check_numbers(self) -> None:
        """Decisions are numbered without gap, one content each, no release upon a release."""
        before = None
        for number, record in enumerate(self.decisions, start=1):
            event = record.event
            if f"{event['order_source']}/{event['order_id']}" != self.order:
                self._wrong(record.place, "is a decision on another order")
            if event["seq"] != number:
                self._wrong(record.place, f"is decision {event['seq']}, where {number} should be")
            if event["decision"] == "RELEASED" == before:
                self._wrong(record.place, "is a release upon a release")
            if before in ("REJECTED", "CLOSED"):
                self._wrong(record.place, f"follows a {before} decision, which is final")
            before = event["decision"]

    def check_chain(self, record: Record) -> None:
        """It stands between the decision before it and the one after it."""
        chain = record.event["chain"]
        before, after = self._link(chain, -1), self._link(chain, 1)
        if chain["index"] == 0 and chain["prev"] != GENESIS:
            self._wrong(record.place, "begins the chain and names something before it")
        if chain["index"] > 0 and before is None:
            self._wrong(record.place, "the decision before it in the chain is not here")
        if before is not None and before.value_sha256 != chain["prev"]:
            self._wrong(record.place, "does not follow the decision before it in the chain")
        if after is not None and after.event["chain"]["prev"] != record.value_sha256:
            self._wrong(record.place, "is not what the next decision in the chain follows")

    def _link(self, chain: Any, step: int) -> Record | None:
        place = (chain["partition"], chain["index"] + step)
        return next((each for each in self.records.values()
                     if each.topic == "orders.decisions" and place == (
                         each.event["chain"]["partition"], each.event["chain"]["index"])),
                    None)  # fmt: skip

    def check_decision(self, record: Record) -> None:
        """Its cause, its identity, its evidence and the licenses it rests on."""
        event = record.event
        cause = self.records.get(event["caused_by"])
        if cause is None:
            self._wrong(record.place, f"what led to it, {event['caused_by']}, is missing")
        elif event["decision_id"] != self.derived(cause, event["decision"], event["seq"]):
            self._wrong(record.place, "its id is not the one its cause leads to")
        determined, classified = self.answers(event)
        if determined is None or classified is None:
            if event["lines"] or event["decision"] == "RELEASED":
                self._wrong(record.place, "what it was determined by is not in the proof")
            return
        for read in (determined, classified):
            digest = sha256(canonical(read.event["order"])[:-1])
            if not digest == read.event["order_digest"] == event["order_digest"]:
                self._wrong(record.place, f"{read.place} is of another order than was decided on")
        self.check_verdicts(record, determined, classified)
        for drawn in event.get("licenses", []):
            self.check_draw(record, drawn)

    @staticmethod
    def derived(cause: Record, *parts: Any) -> str:
        """An output's id: UUIDv5 of its cause's source and id, its kind and parts."""
        name = "\x1f".join((cause.source, cause.id, *(str(part) for part in parts)))
        return str(uuid.uuid5(NAMESPACE, name))

    def answers(self, event: Any) -> list[Record | None]:
        """The determination and the classification a decision was made on."""
        check = (event["revision"], event["check"])
        return [
            next((each for each in self.first_of(kind)
                  if (each.event["revision"], each.event["check"]) == check), None)
            for kind in ("order.assessed", "order.classified")
        ]  # fmt: skip

    def check_verdicts(self, record: Record, determined: Record, classified: Record) -> None:
        """Classified, determined and decided are the same, of every line in every regime."""
        event = record.event
        ways = [by_place(each.event) for each in (record, determined, classified)]
        for place in sorted({place for way in ways for place in way}):
            decided, found, named = (way.get(place, {}) for way in ways)
            found, where = found.get("verdict", {}), f"line {place[0]}, {place[1]}"
            if found != named:
                self._wrong(determined.place, f"{where}: is not what was classified")
            if found.get("decision") != decided.get("decision"):
                self._wrong(record.place, f"{where}: decided on {decided.get('decision')}, "
                           f"determined as {found.get('decision')}")  # fmt: skip
            elif event["decision"] == "RELEASED" and not self.settled(event, place[0], decided):
                self._wrong(record.place, f"{where}: {decided['decision']} is not settled by "
                           f"{decided.get('settled_by')}")  # fmt: skip
        acted = {act.event["officer"] for act in self.first_of("officer.decided")}
        for name in sorted({*event.get("officers", [])} - acted):
            self._wrong(record.place, f"rests on officer {name}, whose act is not in the proof")

    @staticmethod
    def settled(event: Any, line: str, decided: Any) -> bool:
        """Whether a verdict lets goods go: free, on a license that is drawn, or by an officer."""
        if decided.get("settled_by") == "license":
            drawn = [each["license_id"] for each in event["licenses"] if each["line_id"] == line]
            return bool(decided["license_ids"]) and {*decided["license_ids"]} <= {*drawn}
        by_officer = decided.get("settled_by") == "officer" and bool(event["officers"])
        return by_officer or (decided.get("settled_by") == "none" and decided["decision"] in FREE)

    def grant_of(self, drawn: Any) -> Record | None:
        """The ledger's answer that a reservation rests on: granted, or adjusted since."""
        place = (drawn["ledger_partition"], drawn["ledger_offset"])
        for record in self.first_of("reservation.granted", "reservation.posted"):
            event = record.event
            if (event["ledger_partition"], event["ledger_offset"]) == place and (
                event["line_id"] == drawn["line_id"] or event.get("operation") == "adjust"
            ):
                return record
        return None

    def check_draw(self, record: Record, drawn: Any) -> None:
        """The ledger granted it, at the place named, and its balance fell by as much."""
        grant = self.grant_of(drawn)
        if grant is None:
            self._wrong(record.place, f"no grant of {drawn['license_id']} is in the proof")
            return
        event = grant.event
        given = {**event, **event.get("drawn", {})}
        for name in ("license_id", "quantity", "unit", "value", "currency"):
            if given.get(name) != drawn.get(name):
                self._wrong(record.place, f"draws what {grant.place} did not grant: {name}")
        place = f"licenses/{event['ledger_partition']}/{event['ledger_offset']}"
        asked = self.records[place].event if place in self.records else {"license_id": None}
        own = {name: event[name] for name in ("reservation_id", "license_id") if name in asked}
        if grant.cause != place or any(asked[name] != own[name] for name in own):
            self._wrong(grant.place, "the ledger's own record of it is missing")
        ways = (event["balance_before"], event, event["balance_after"])
        for measure in ("quantity", "value"):
            was, taken, left = (way.get(measure) for way in ways)
            if event["result"] != "granted" or None in (was, taken):
                continue  # it stood already: nothing was taken again; or there is no such limit
            if Decimal(was) - Decimal(taken) != Decimal(left):
                self._wrong(grant.place, f"{measure}: {was} less {taken} is not {left}")

    def words(self) -> Iterator[str]:
        """What was decided, line by line."""
        yield f"Order {self.order}: {len(self.decisions)} decisions."
        for record in self.decisions:
            yield ""
            yield from self._words_of(record)
        yield ""
        yield from self._acts()

    def _words_of(self, record: Record) -> Iterator[str]:
        event = record.event
        until = f", valid until {event['valid_until']}" if event.get("valid_until") else ""
        cause = f" ({event['cause']})" if event.get("cause") else ""
        yield (f"{event['seq']}. {event['decision']}{cause} at {event['log_time']}, revision "
               f"{event['revision']}{until}  [{record.place}]")  # fmt: skip
        for reason in event.get("reasons", []):
            where = ", ".join(reason[name] for name in ("line_id", "regime") if reason.get(name))
            yield f"   because {reason['code']}{f' ({where})' if where else ''}: {reason['text']}"
        if event["decision"] in ("RELEASED", "HELD"):
            yield from self._evidence(event)
        for drawn in event.get("licenses", []):
            yield from self._draw(drawn)
        if event.get("officers"):
            yield f"   officers it rests on: {', '.join(event['officers'])}"
        chain = event["chain"]
        held = "holds" if not self.faults else "is to be judged by the faults below"
        if self._link(chain, 1) is None:
            held += "; NOTHING FOLLOWS IT HERE: what came later, if anything, is not shown"
        yield (f"   link {chain['index']} of chain {chain['partition']}, after "
               f"{chain['prev'][:12]}…; the chain around it {held}")  # fmt: skip

    def _evidence(self, event: Any) -> Iterator[str]:
        assessed, classified = self.answers(event)
        if assessed is None or classified is None:
            return
        order = assessed.event["order"]
        goods = {line["line_id"]: line for line in order["lines"]}
        why = {line["line_id"]: line.get("reasons", []) for line in classified.event["lines"]}
        for line in assessed.event["lines"]:
            of = goods[line["line_id"]]
            told = [each for each in why[line["line_id"]] if each["effect"] in ("for", "against")]
            yield (f"   line {line['line_id']}: {of['quantity']} {of['unit']} of "
                   f"{str(of['description'])[:100]!r} to {order['destination']}")  # fmt: skip
            for regime, found in line["regimes"].items():
                verdict, digest = found["verdict"], found["verdict"]["digest"][:12]
                code = next((verdict[n] for n in ("control_code", "eccn", "annex_i")
                             if verdict.get(n)), "no code")  # fmt: skip
                yield (f"   line {line['line_id']}, {regime}: {verdict['decision']}, {code}, "
                       f"{verdict['status']}, under {verdict['pack']} ({digest}…)")  # fmt: skip
                for reason in [each for each in told if each["regime"] == regime][:2]:
                    yield f"      {reason['rule']}: {reason['text']} [{reason['citation']}]"

    def _draw(self, drawn: Any) -> Iterator[str]:
        grant = self.grant_of(drawn)
        balance = ""
        if grant is not None:
            before, after = grant.event["balance_before"], grant.event["balance_after"]
            parts = [f"{before[name]} to {after[name]} {before.get(unit) or ''}".strip()
                     for name, unit in (("quantity", "unit"), ("value", "currency"))
                     if before.get(name) is not None]  # fmt: skip
            balance = f"; balance {' and '.join(parts) or 'without limit'}"
        yield (f"   license {drawn['license_id']}: {drawn['quantity']} {drawn['unit']} for line "
               f"{drawn['line_id']}, {drawn['regime']}{balance}  [licenses/"
               f"{drawn['ledger_partition']}/{drawn['ledger_offset']}]")  # fmt: skip

    def _acts(self) -> Iterator[str]:
        acts = self.first_of("officer.decided")
        for record in acts:
            event = record.event
            said = ", ".join(f"{name} {event[name]}" for name in FOUND if event.get(name))
            said = f"{event['decided_at']}{f' ({said})' if said else ''}: {event['note']}"
            act = f"{event['action']} on decision {event['seq']}"
            yield f"Officer {event['officer']}: {act} at {said}"
        if not acts:
            yield "No officer acted on it."


def examine(content: bytes) -> tuple[list[str], list[str]]:
    """Check a proof's bytes; give (words, faults)."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        return [], [f"it is not JSON: {error}"]
    if not isinstance(data, dict) or data.get("exportgate_proof") != FORMAT:
        return [], [f"it is not a proof of format {FORMAT}"]
    faults: list[str] = []
    try:
        if canonical(data) != content or data.get("digest") != digest_of(data):
            faults.append("its digest is not that of its content: some byte was changed")
        proof = Proof(data)
        proof.check()
        words = list(proof.words())
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        return [], [*faults, f"it cannot be read: {type(error).__name__}: {error}"]
    return words, faults + proof.faults


def main(arguments: list[str]) -> int:
    """Run the check."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python proof_check.py FILE\n")
        return 2
    try:
        content = Path(arguments[0]).read_bytes()
    except OSError as error:
        sys.stderr.write(f"{arguments[0]}: {error.strerror}\n")
        return 2
    words, faults = examine(content)
    end = "THE PROOF DOES NOT HOLD" if faults else "The proof holds."
    for line in (*words, *(f"FAULT {fault}" for fault in faults), end):
        sys.stdout.write(line + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
