"""Orders and decisions: nothing lost, numbered, terminal, chained, in order, poison kept."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from schemas.decisions import BreachRaised, Decided
from schemas.fold import GENESIS
from schemas.orders import OfOrder, Order, RecheckRequested
from schemas.topics import CHECKS, CLASSIFIED, DECISIONS, LICENSES, ORDERS, SOURCES, dead_letters
from tests.chaos.found import Violation
from tests.chaos.logs import Entry, Logs

ORDER_KEY: Final = re.compile(r".{1,128}/[A-Za-z0-9._-]{1,64}", re.DOTALL)
TERMINAL: Final = ("REJECTED", "CLOSED")
Contents = dict[int, dict[str, Entry]]
"""By seq: the different contents written under it."""


def decided(logs: Logs) -> dict[str, Contents]:
    """Every decision of every order, by seq."""
    found: dict[str, Contents] = defaultdict(lambda: defaultdict(dict))
    for each in logs.of(DECISIONS):
        if isinstance(each.event, Decided):
            found[each.key][each.event.seq].setdefault(each.sha256, each)
    return found


def standing(logs: Logs) -> dict[str, Decided]:
    """The decision that counts for each order: the highest seq."""
    return {
        key: next(iter(by_seq[max(by_seq)].values())).event for key, by_seq in decided(logs).items()
    }


def nothing_lost(logs: Logs) -> Iterator[Violation]:
    """I1: every order that was accepted has a decision, on the last revision it was given."""
    latest = standing(logs)
    accepted: dict[str, int] = {}
    for each in logs.of(ORDERS):
        is_order = isinstance(each.event, Order) and not isinstance(each.event, RecheckRequested)
        if is_order or (each.event is None and ORDER_KEY.fullmatch(each.key)):
            revision = each.event.revision if is_order else 0
            accepted[each.key] = max(accepted.get(each.key, 0), revision)
    for key, revision in accepted.items():
        last = latest.get(key)
        if last is None:
            yield Violation("I1", key, "was accepted and never decided")
        elif last.revision < revision and last.decision not in TERMINAL:
            yield Violation("I1", key, f"revision {revision} came, {last.revision} is decided")
    for key in latest.keys() - accepted.keys():
        yield Violation("I1", key, "was decided and never accepted")


def numbered(logs: Logs) -> Iterator[Violation]:
    """I2: one content a seq, no release upon a release, nothing after the end."""
    for key, by_seq in decided(logs).items():
        for seq, contents in by_seq.items():
            if len(contents) > 1:
                places = [each.place for each in contents.values()]
                yield Violation("I2", key, f"seq {seq} has {len(contents)} contents: {places}")
        if sorted(by_seq) != list(range(1, len(by_seq) + 1)):
            yield Violation("I2", key, f"the numbers are {sorted(by_seq)}")
        line = [next(iter(by_seq[seq].values())).event.decision for seq in sorted(by_seq)]
        for before, after in pairwise(line):
            if before == after == "RELEASED":
                yield Violation("I2", key, "was released twice without a hold between")
            if before in TERMINAL:
                yield Violation("I2", key, f"was {before}, and then {after}")


def in_order(logs: Logs) -> Iterator[Violation]:
    """I5: what one order's records cause stands in the order of those records."""
    for topic in (ORDERS, CLASSIFIED, CHECKS, LICENSES, DECISIONS):
        furthest: dict[tuple[str, str, str], int] = {}
        for each in logs.firsts(topic):
            about = each.event.key if isinstance(each.event, OfOrder | Order) else each.key
            where, _, offset = each.cause.rpartition("/")
            if not where or offset == "-1":
                continue
            lane = (each.key, about, where)
            if int(offset) < furthest.get(lane, -1):
                text = f"caused by {each.cause}, after one caused by {furthest[lane]}"
                yield Violation("I5", f"{about} at {each.place}", text)
            furthest[lane] = max(furthest.get(lane, -1), int(offset))


def one_word(logs: Logs) -> Iterator[Violation]:
    """What a fold says under one identity it says in the same bytes for ever (the gate's words).

    The ledger's answers are left out: to a request that came twice it answers that it exists.
    """
    for topic in (ORDERS, LICENSES, DECISIONS):
        said: dict[tuple[str, str], str] = {}
        for each in logs.of(topic):
            if each.source == "/exportgate/gate" and each.event is not None:
                first = said.setdefault((each.source, each.id), each.sha256)
                if first != each.sha256:
                    yield Violation("I2", f"{each.key} at {each.place}", "one id, two contents")


def chained(logs: Logs) -> Iterator[Violation]:
    """I7: the decisions of each `orders.checks` partition are one chain, without gap or fork."""
    homes = {each.key: each.partition for each in logs.of(CHECKS)}
    links: dict[int, dict[int, dict[str, Entry]]] = defaultdict(lambda: defaultdict(dict))
    for each in logs.of(DECISIONS):
        if not isinstance(each.event, Decided | BreachRaised):
            yield Violation("I7", each.place, f"cannot be read: {each.fault}")
            continue
        link = each.event.chain
        links[link.partition][link.index].setdefault(each.sha256, each)
        if homes.get(each.key) != link.partition:
            yield Violation("I7", each.place, f"in the chain of {link.partition}, not its own")
    for partition, chain in links.items():
        yield from _one_chain(partition, chain)


def _one_chain(partition: int, chain: dict[int, dict[str, Entry]]) -> Iterator[Violation]:
    prev = GENESIS
    for index in range(max(chain) + 1):
        contents = chain.get(index, {})
        who = f"chain {partition}, {index}"
        if len(contents) != 1:
            yield Violation("I7", who, f"{len(contents)} contents" if contents else "missing")
        for each in contents.values():
            if each.event.chain.prev != prev:
                yield Violation("I7", who, f"{each.place} does not follow what stands before it")
        first = next(iter(contents.values()), None)
        prev = hashlib.sha256((first.value if first else None) or b"").hexdigest()


def poison_kept(logs: Logs) -> Iterator[Violation]:
    """I9: what cannot be read is in the dead letters, byte for byte."""
    for topic in SOURCES:
        letters: dict[str, Entry] = {}
        sources = {each.place: each for each in logs.of(topic)}
        for letter in logs.of(dead_letters(topic)):
            place = _origin(letter)
            letters[place] = letter
            origin = sources.get(place)
            if origin is None:
                yield Violation("I9", letter.place, f"a dead letter of {place}: nothing is there")
            elif (origin.raw_key, origin.value) != (letter.raw_key, letter.value):
                yield Violation("I9", letter.place, f"differs from {place}")
        read = topic in (ORDERS, CLASSIFIED, CHECKS, LICENSES)
        for each in sources.values():
            if read and each.event is None and each.place not in letters:
                yield Violation("I9", each.place, f"no dead letter ({each.fault})")


def _origin(letter: Entry) -> str:
    named = {name: (value or b"").decode() for name, value in letter.headers}
    parts = ("topic", "partition", "offset")
    return "/".join(named.get(f"kafka_dlt-original-{part}", "?") for part in parts)
