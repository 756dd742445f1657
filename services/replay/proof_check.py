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
DERIVED = ("/exportgate/classification", "/exportgate/determine", "/exportgate/gate",
           "/exportgate/ledger")  # fmt: skip


def canonical(data: Any) -> bytes:
    """The one way a proof is written: sorted, without blanks, ending with a newline."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8") + b"\n"


def digest_of(proof: Any) -> str:
    """SHA-256 of a proof without its own digest."""
    bare = {name: value for name, value in proof.items() if name != "digest"}
    return hashlib.sha256(canonical(bare)).hexdigest()


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
        self.type = (named.get("ce_type") or b"").decode("utf-8", "replace")
        self.source = (named.get("ce_source") or b"").decode("utf-8", "replace")
        self.id = (named.get("ce_id") or b"").decode("utf-8", "replace")
        self.cause = (named.get("ce_cause") or b"").decode("utf-8", "replace")
        self.signed = named.get("ce_sha256")
        try:
            self.event: Any = json.loads(self.value or b"null")
        except ValueError:
            self.event = None

    def kind(self) -> str:
        """The type in short: `granted` of exportgate.reservation.granted.v1."""
        parts = self.type.split(".")
        return ".".join(parts[1:3]) if len(parts) > 3 else self.type

    def digest(self) -> str:
        """The record's digest in the archive: place, time, key, headers and value in one."""
        place = f"{self.topic}/{self.partition}/{self.offset}@{self.timestamp}".encode()
        value = None if self.value is None else hashlib.sha256(self.value).digest()
        parts: list[bytes | None] = [place, self.key, value]
        for name, content in self.headers:
            parts += (name.encode(), content)
        lengths = [-1 if part is None else len(part) for part in parts]
        head = struct.pack(f">{len(parts) + 1}q", len(parts), *lengths)
        return hashlib.sha256(head + b"".join(part for part in parts if part)).hexdigest()

    def value_sha256(self) -> str:
        """SHA-256 of the value."""
        return hashlib.sha256(self.value or b"").hexdigest()


class Proof:
    """A proof under examination."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.order = data["order"]
        self.faults: list[str] = []
        self.records: dict[str, Record] = {}
        for each in data["records"]:
            record = Record(each)
            self.records[record.place] = record
        own = [record for record in self.records.values() if record.key == self.order.encode()]
        self.own = sorted(own, key=lambda record: (record.timestamp, record.place))
        self.decisions = self.first_of("decision.released", "decision.held", "decision.rejected",
                                       "decision.closed")  # fmt: skip

    def wrong(self, place: str, text: str) -> None:
        """Note a fault."""
        self.faults.append(f"{place}: {text}")

    def first_of(self, *kinds: str) -> list[Record]:
        """Records of the order by type, each identity once, decisions by their number."""
        seen: set[tuple[str, str]] = set()
        found: list[Record] = []
        for record in self.own:
            if record.kind() in kinds and (record.source, record.id) not in seen:
                seen.add((record.source, record.id))
                found.append(record)
        return sorted(found, key=lambda each: (each.event or {}).get("seq", 0))

    def check(self) -> None:
        """Make every check."""
        if not self.decisions:
            self.wrong(self.order, "the proof holds no decision")
        for record in self.records.values():
            self.check_record(record)
        self.check_numbers()
        for decision in self.decisions:
            self.check_chain(decision)
            self.check_decision(decision)

    def check_record(self, record: Record) -> None:
        """Its digests fit, and what caused it is here, as far as it concerns the order."""
        if record.digest() != record.sha256:
            self.wrong(record.place, "is not the record that was archived")
        if record.signed is not None and record.signed.decode() != record.value_sha256():
            self.wrong(record.place, "its value is not the one that was written (ce_sha256)")
        if record.key != self.order.encode() or record.source not in DERIVED:
            return
        known = record.cause in self.records or record.cause.endswith("/-1/-1")
        if record.cause and not known:
            self.wrong(record.place, f"its cause {record.cause} is not in the proof")

    def check_numbers(self) -> None:
        """Decisions are numbered without gap, one content each, no release upon a release."""
        before = None
        for number, record in enumerate(self.decisions, start=1):
            event = record.event
            if event["seq"] != number:
                self.wrong(record.place, f"is decision {event['seq']}, where {number} should be")
            if event["decision"] == "RELEASED" == before:
                self.wrong(record.place, "is a release upon a release")
            if before in ("REJECTED", "CLOSED"):
                self.wrong(record.place, f"follows a {before} decision, which is final")
            before = event["decision"]

    def check_chain(self, record: Record) -> None:
        """It stands between the decision before it and the one after it."""
        chain = record.event["chain"]
        here = f"{chain['partition']}:{chain['index']}"
        before, after = self.link(chain, -1), self.link(chain, 1)
        if chain["index"] == 0 and chain["prev"] != GENESIS:
            self.wrong(record.place, "begins the chain and names something before it")
        if chain["index"] > 0 and before is None:
            self.wrong(record.place, f"the decision before it in the chain ({here}) is not here")
        if before is not None and before.value_sha256() != chain["prev"]:
            self.wrong(record.place, "does not follow the decision before it in the chain")
        if after is not None and after.event["chain"]["prev"] != record.value_sha256():
            self.wrong(record.place, "is not what the next decision in the chain follows")

    def link(self, chain: Any, step: int) -> Record | None:
        """The decision at another index of the same chain."""
        for record in self.records.values():
            other = (record.event or {}).get("chain") if isinstance(record.event, dict) else None
            place = (chain["partition"], chain["index"] + step)
            if other and (other["partition"], other["index"]) == place:
                return record
        return None

    def check_decision(self, record: Record) -> None:
        """Its cause, its identity, its evidence and the licenses it rests on."""
        event = record.event
        cause = self.records.get(event["caused_by"])
        if cause is None:
            self.wrong(record.place, f"the record that led to it, {event['caused_by']}, is missing")
        elif event["decision_id"] != self.derived(cause, event["decision"], event["seq"]):
            self.wrong(record.place, "its id is not the one its cause leads to")
        assessed = self.assessed(event)
        if assessed is None:
            if event["lines"]:
                self.wrong(record.place, "what it was determined by is not in the proof")
            return
        self.check_verdicts(record, assessed)
        for drawn in event.get("licenses", []):
            self.check_draw(record, drawn)

    @staticmethod
    def derived(cause: Record, *parts: Any) -> str:
        """An output's id: UUIDv5 of its cause's source and id, its kind and parts."""
        name = "\x1f".join((cause.source, cause.id, *(str(part) for part in parts)))
        return str(uuid.uuid5(NAMESPACE, name))

    def assessed(self, event: Any) -> Record | None:
        """The determination a decision was made on: of its revision and check."""
        for record in self.first_of("order.assessed"):
            found = record.event
            if (found["revision"], found["check"]) == (event["revision"], event["check"]):
                return record
        return None

    def check_verdicts(self, record: Record, assessed: Record) -> None:
        """Line by line and regime by regime, decided and determined are the same."""
        lines = {line["line_id"]: line["regimes"] for line in assessed.event["lines"]}
        for line in record.event["lines"]:
            determined = lines.get(line["line_id"], {})
            for regime, decided in line["regimes"].items():
                found = determined.get(regime, {}).get("verdict", {}).get("decision")
                if found != decided["decision"]:
                    self.wrong(record.place, f"line {line['line_id']}, {regime}: decided on "
                               f"{decided['decision']}, determined as {found}")  # fmt: skip
                settled = decided.get("settled_by")
                if record.event["decision"] == "RELEASED" and settled is None:
                    self.wrong(record.place, f"line {line['line_id']}, {regime} is not settled")

    def grant_of(self, drawn: Any) -> Record | None:
        """The ledger's answer that a reservation rests on, under whatever regime it was asked."""
        named = ("ledger_partition", "ledger_offset", "line_id")
        for record in self.first_of("reservation.granted"):
            if all(record.event[name] == drawn[name] for name in named):
                return record
        return None

    def check_draw(self, record: Record, drawn: Any) -> None:
        """The ledger granted it, at the place named, and its balance fell by as much."""
        grant = self.grant_of(drawn)
        if grant is None:
            self.wrong(record.place, f"no grant of {drawn['license_id']} is in the proof")
            return
        event = grant.event
        if (event["license_id"], event["quantity"]) != (drawn["license_id"], drawn["quantity"]):
            self.wrong(record.place, f"draws what {grant.place} did not grant")
        if f"licenses/{event['ledger_partition']}/{event['ledger_offset']}" not in self.records:
            self.wrong(grant.place, "the ledger's own record of it is missing")
        self.check_balance(grant)

    def check_balance(self, grant: Record) -> None:
        """What was left before, less what was granted, is what was left after."""
        event = grant.event
        if event["result"] != "granted":
            return  # it stood already: nothing was taken again
        before, after = event["balance_before"], event["balance_after"]
        for measure in ("quantity", "value"):
            if before.get(measure) is None or event.get(measure) is None:
                continue
            left = Decimal(before[measure]) - Decimal(event[measure])
            if left != Decimal(after[measure]):
                self.wrong(grant.place, f"{measure}: {before[measure]} less {event[measure]} is "
                           f"not {after[measure]}")  # fmt: skip

    # Words

    def words(self) -> Iterator[str]:
        """What was decided, line by line."""
        yield f"Order {self.order}: {len(self.decisions)} decisions."
        for record in self.decisions:
            yield ""
            yield from self.words_of(record)
        yield ""
        yield from self.acts()

    def words_of(self, record: Record) -> Iterator[str]:
        """One decision."""
        event = record.event
        until = f", valid until {event['valid_until']}" if event.get("valid_until") else ""
        cause = f" ({event['cause']})" if event.get("cause") else ""
        yield (f"{event['seq']}. {event['decision']}{cause} at {event['log_time']}, revision "
               f"{event['revision']}{until}  [{record.place}]")  # fmt: skip
        for reason in event.get("reasons", []):
            where = ", ".join(reason[name] for name in ("line_id", "regime") if reason.get(name))
            yield f"   because {reason['code']}{f' ({where})' if where else ''}: {reason['text']}"
        if event["decision"] in ("RELEASED", "HELD"):
            yield from self.evidence(event)
        for drawn in event.get("licenses", []):
            yield from self.draw(drawn)
        if event.get("officers"):
            yield f"   officers it rests on: {', '.join(event['officers'])}"
        chain = event["chain"]
        held = "holds" if not self.faults else "is to be judged by the faults below"
        yield (f"   link {chain['index']} of chain {chain['partition']}, after "
               f"{chain['prev'][:12]}…; the chain around it {held}")  # fmt: skip

    def evidence(self, event: Any) -> Iterator[str]:
        """By which rule of which pack."""
        assessed = self.assessed(event)
        if assessed is None:
            return
        rules = self.rules(event)
        for line in assessed.event["lines"]:
            for regime, found in line["regimes"].items():
                verdict = found["verdict"]
                code = next((verdict[n] for n in ("control_code", "eccn", "annex_i")
                             if verdict.get(n)), "no code")  # fmt: skip
                yield (
                    f"   line {line['line_id']}, {regime}: {verdict['decision']}, {code}, "
                    f"{verdict['status']}, under {verdict['pack']} ({verdict['digest'][:12]}…)"
                )
                for reason in rules.get((line["line_id"], regime), [])[:2]:
                    yield f"      {reason['rule']}: {reason['text']} [{reason['citation']}]"

    def rules(self, event: Any) -> dict[tuple[str, str], list[Any]]:
        """The reasons for each verdict, from classification's record."""
        found: dict[tuple[str, str], list[Any]] = {}
        for record in self.first_of("order.classified"):
            own = record.event
            if (own["revision"], own["check"]) != (event["revision"], event["check"]):
                continue
            for line in own["lines"]:
                for reason in line.get("reasons", []):
                    if reason["effect"] in ("for", "against"):
                        place = (line["line_id"], reason["regime"])
                        found.setdefault(place, []).append(reason)
        return found

    def draw(self, drawn: Any) -> Iterator[str]:
        """On which license, with what balance before and after."""
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

    def acts(self) -> Iterator[str]:
        """What officers did."""
        acts = self.first_of("officer.decided")
        for record in acts:
            event = record.event
            names = ("code", "fact", "value", "citation")
            said = ", ".join(f"{name} {event[name]}" for name in names if event.get(name))
            yield (
                f"Officer {event['officer']}: {event['action']} on decision {event['seq']} at "
                f"{event['decided_at']}{f' ({said})' if said else ''}: {event['note']}"
            )
        if not acts:
            yield "No officer acted on it."


def examine(content: bytes) -> tuple[list[str], list[str]]:
    """Check a proof's bytes; give (words, faults)."""
    try:
        data = json.loads(content)
    except ValueError as error:
        return [], [f"it is not JSON: {error}"]
    if not isinstance(data, dict) or data.get("exportgate_proof") != FORMAT:
        return [], [f"it is not a proof of format {FORMAT}"]
    faults: list[str] = []
    if canonical(data) != content:
        faults.append("it is not written as a proof is: some byte was changed")
    if data.get("digest") != digest_of(data):
        faults.append("its digest is not that of its content: some byte was changed")
    try:
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
    for line in words:
        sys.stdout.write(line + "\n")
    for fault in faults:
        sys.stdout.write(f"FAULT {fault}\n")
    sys.stdout.write("THE PROOF DOES NOT HOLD\n" if faults else "The proof holds.\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
