"""Gate and ledger under seeded faults end where they end without them, and on the way nothing
wrong is released: crashes at every point between poll and commit, a lost Redis, zombies that say it
all again, duplicates, answers that come late, releases held back as stale, deadlines.
"""

import hashlib
import random
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from schemas.base import Model
from schemas.checks import OrderAssessed
from schemas.classification import Verdict
from schemas.decisions import Decided, OrderReleased
from schemas.fold import GENESIS
from schemas.licenses import LicenseSuspended
from schemas.orders import Order, RecheckRequested
from schemas.topics import CHECKS, LICENSES
from services.license_check.book import LICENSE, License, Reservation
from tests.simulation.world import Faults, World
from tests.support.builders import (
    SOURCE,
    Regimes,
    assessed,
    cancelled,
    decided,
    drawing,
    held_by,
    license_granted,
    line,
    order,
    settled,
    shipped,
    unreadable,
)

SEEDS = 300
BATCHES = 10
ORDERS = 10
AMPLE: dict[str, Any] = {"codes": ("*",), "quantity": Decimal(10_000)}
LICENSES_HELD: dict[str, dict[str, Any]] = {
    "ample": AMPLE,
    "ample2": AMPLE,
    "doomed": AMPLE,
    "us": AMPLE | {"regime": "US"},
    "empty": {"quantity": Decimal(1)},
}
CLEAR: Regimes = {"CN": settled(), "US": settled()}
FAULTS: dict[str, int] = {
    "crash_before_produce": 5, "crash_after_produce": 5, "crash_after_remember": 3,
    "redis_lost": 30, "zombie": 6, "stall": 4, "repeat": 40,
}  # fmt: skip

KINDS: dict[str, tuple[list[Regimes], list[str], tuple[str, frozenset[str]]]] = {
    # each line's regimes; what then happens to the order; how it must end
    "clear": ([CLEAR], [], ("RELEASED", frozenset())),
    "drawn": ([drawing("ample")], [], ("RELEASED", frozenset())),
    "two lines": ([drawing("ample"), drawing("ample2")], [], ("RELEASED", frozenset())),
    "two regimes": (
        [{"CN": settled(Verdict.LICENSE_REQUIRED, "ample"), "US": settled(
            Verdict.LICENSE_REQUIRED, "us")}],
        [],
        ("RELEASED", frozenset()),
    ),
    "second choice": ([drawing("empty", "ample")], [], ("RELEASED", frozenset())),
    "nothing left": ([drawing("empty")], [], ("HELD", frozenset({"LICENSE_EXHAUSTED"}))),
    "one line refused": (
        [drawing("ample"), drawing("empty")],
        [],
        ("HELD", frozenset({"LICENSE_EXHAUSTED"})),
    ),
    "suspended": ([drawing("doomed")], [], ("HELD", frozenset({"LICENSE_SUSPENDED"}))),
    "suspended, second choice": ([drawing("doomed", "ample")], [], ("RELEASED", frozenset())),
    "review": (
        [held_by("CLASSIFICATION_UNCERTAIN")],
        [],
        ("HELD", frozenset({"CLASSIFICATION_UNCERTAIN"})),
    ),
    "embargo": ([held_by("EMBARGO")], [], ("REJECTED", frozenset({"EMBARGO"}))),
    "amended": ([drawing("ample")], ["amend"], ("RELEASED", frozenset())),
    "cancelled": ([drawing("ample")], ["cancel"], ("CLOSED", frozenset())),
    "amended and cancelled": (
        [drawing("ample")],
        ["amend", "cancel"],
        ("CLOSED", frozenset()),
    ),
    "unreadable": ([drawing("ample")], ["unreadable"], ("HELD", frozenset({"EVENT_UNREADABLE"}))),
    "two officers": (
        [held_by("PARTY_HIT", Verdict.LICENSE_REQUIRED, "ample")],
        ["ann", "bob"],
        ("RELEASED", frozenset()),
    ),
    "one officer": (
        [held_by("PARTY_HIT")],
        ["ann", "ann"],
        ("HELD", frozenset({"PARTY_HIT"})),
    ),
    "rejected": ([held_by("MISSING_FACT")], ["reject"], ("REJECTED", frozenset({"MISSING_FACT"}))),
    "shipped": ([drawing("ample")], ["ship"], ("CLOSED", frozenset())),
}  # fmt: skip


class Play:
    """One seed: some orders, what happens to them, and how they end."""

    def __init__(self, seed: int, *, faulty: bool) -> None:
        rng = random.Random(seed)
        self.kinds = {f"o{at}": rng.choice(list(KINDS)) for at in range(ORDERS)}
        faults = Faults(random.Random(seed + 1), **(FAULTS if faulty else {}))
        self.world = World(faults, self._determine)
        self._run()

    def _run(self) -> None:
        world = self.world
        for name, terms in LICENSES_HELD.items():
            world.say(LICENSES.name, name, license_granted(name, **terms), name)
        world.work(20)
        for order_id in self.kinds:
            self._assess(self._order(order_id, 1))
            world.work(world.faults.rng.randrange(12))
        self._things_happen()
        world.rest()
        self._officers_and_docks()
        for hours in (0, 25):  # what waits for its recall is given back
            world.now += timedelta(hours=hours)
            world.rest()

    def _order(self, order_id: str, revision: int) -> Order:
        lines, _, _ = KINDS[self.kinds[order_id]]
        quantity = Decimal(10 + revision)
        return order(
            order_id,
            revision,
            lines=tuple(line(f"L{at}", quantity=quantity) for at in range(len(lines))),
        )

    def _assessment(self, whole: Order, **changes: Any) -> OrderAssessed:
        lines, _, _ = KINDS[self.kinds[whole.order_id]]
        by_line = {each.line_id: lines[int(each.line_id[1:])] for each in whole.lines}
        return assessed(whole, by_line, as_of=self.world.now, **changes)

    def _assess(self, whole: Order) -> None:
        event = self._assessment(whole)
        self.world.say(CHECKS.name, whole.key, event, f"{whole.key}/{whole.revision}")

    def _determine(self, wish: RecheckRequested) -> Model:
        whole = Order.model_validate({n: getattr(wish, n) for n in Order.model_fields})
        return self._assessment(whole, check=wish.check, findings=wish.findings)

    def _things_happen(self) -> None:
        suspended = LicenseSuspended(
            license_id="doomed", amendment=1, effective_at=self.world.now, reason="-"
        )
        self.world.say(LICENSES.name, "doomed", suspended, "suspension")
        for order_id, kind in self.kinds.items():
            for what in KINDS[kind][1]:
                if what == "amend":
                    self._assess(self._order(order_id, 2))
                elif what == "cancel":
                    event = cancelled(2).model_copy(update={"order_id": order_id})
                    self._say(order_id, event, "cancel")
                elif what == "unreadable":
                    key = f"{SOURCE}/{order_id}"
                    self._say(order_id, unreadable(7, key=key), "unreadable")
            self.world.work(self.world.faults.rng.randrange(8))

    def _say(self, order_id: str, event: Model, identity: str) -> None:
        self.world.say(CHECKS.name, f"{SOURCE}/{order_id}", event, f"{order_id}/{identity}")

    def _officers_and_docks(self) -> None:
        """They act on the decision that stands, as people at a screen do."""
        world = self.world
        for order_id, kind in self.kinds.items():
            for at, what in enumerate(KINDS[kind][1]):
                stands = self.ends()[order_id]
                if what in ("ann", "bob"):
                    event = decided(stands.seq, officer=what)
                elif what == "reject":
                    event = decided(stands.seq, "reject")
                else:
                    continue
                self._say(order_id, event.model_copy(update={"order_id": order_id}), f"vote{at}")
                world.rest()
            if "ship" in KINDS[kind][1]:
                stands = self.ends()[order_id]
                assert stands.decision == "RELEASED"
                told = shipped("s", stands.decision_id, shipped_at=world.now).model_copy(
                    update={"order_id": order_id}
                )
                goods = told.lines[0].model_copy(update={"line_id": "L0", "quantity": Decimal(11)})
                self._say(order_id, told.model_copy(update={"lines": (goods,)}), "ship")
        world.rest()

    def ends(self) -> dict[str, Decided]:
        """The decision that stands of each order: the highest seq."""
        found: dict[str, Decided] = {}
        for one in self.world.decisions():
            event = one.record.event
            if isinstance(event, Decided):
                known = found.get(event.order_id)
                found[event.order_id] = event if known is None or event.seq > known.seq else known
        return found

    def outcome(self) -> dict[str, tuple[str, frozenset[str]]]:
        """How each order ended."""
        return {
            order_id: (event.decision, frozenset(reason.code.value for reason in event.reasons))
            for order_id, event in self.ends().items()
        }


@pytest.mark.parametrize("batch", range(BATCHES))
def test_faults_change_no_outcome_and_break_no_invariant(batch: int) -> None:
    for seed in range(batch * SEEDS // BATCHES, (batch + 1) * SEEDS // BATCHES):
        play = Play(seed, faulty=True)
        expected = {order_id: KINDS[kind][2] for order_id, kind in play.kinds.items()}

        found = play.outcome()
        wrong = {
            order_id: (play.kinds[order_id], expected[order_id], found.get(order_id))
            for order_id in expected
            if found.get(order_id) != expected[order_id]
        }
        assert not wrong, f"seed {seed}: {wrong}"
        _sequences_are_whole(play, seed)
        _releases_were_granted(play, seed)
        _books_balance(play, seed)
        _chain_is_whole(play, seed)


@pytest.mark.parametrize("seed", range(3))
def test_without_faults_it_ends_the_same(seed: int) -> None:
    assert Play(seed, faulty=False).outcome() == Play(seed, faulty=True).outcome()


def _sequences_are_whole(play: Play, seed: int) -> None:
    """I2, I5: one content a seq, in rising order, no two releases without a hold, one end."""
    contents: dict[str, dict[int, set[bytes]]] = defaultdict(lambda: defaultdict(set))
    words: dict[str, dict[int, str]] = defaultdict(dict)
    for one in play.world.decisions():
        event = one.record.event
        if isinstance(event, Decided):
            contents[event.order_id][event.seq].add(one.raw.value or b"")
            words[event.order_id][event.seq] = event.decision
    for order_id, by_seq in contents.items():
        where = f"seed {seed}, {order_id} ({play.kinds[order_id]})"
        assert sorted(by_seq) == list(range(1, len(by_seq) + 1)), where
        assert {len(values) for values in by_seq.values()} == {1}, where
        said = [words[order_id][seq] for seq in sorted(by_seq)]
        assert ("RELEASED", "RELEASED") not in pairwise(said), where
        ended = [word for word in said if word in ("CLOSED", "REJECTED")]
        assert ended in ([], said[-1:]), where


def _releases_were_granted(play: Play, seed: int) -> None:
    """I3: each license a release names was granted to that line, at the offset it names."""
    for one in play.world.decisions():
        event = one.record.event
        if not isinstance(event, OrderReleased):
            continue
        needs = [
            (line_.line_id, regime)
            for line_ in event.lines
            for regime, own in line_.regimes.items()
            if own.decision is Verdict.LICENSE_REQUIRED
        ]
        drawn = {(each.line_id, each.regime): each for each in event.licenses}
        assert set(needs) == set(drawn), f"seed {seed}: {event}"
        for each in drawn.values():
            log = play.world.logs[LICENSES.name][each.ledger_partition]
            asked = log[each.ledger_offset].record.event
            assert (asked.license_id, asked.order_id) == (each.license_id, event.order_id), seed


def _books_balance(play: Play, seed: int) -> None:
    """I4: reserved is what is open; what is open is of a released order; nothing is overdrawn."""
    ends = play.ends()
    for memory in play.world.ledger.memories:
        for key, aggregate in memory.aggregates.items():
            license_ = aggregate[LICENSE]
            assert isinstance(license_, License)
            entries = [e for e in aggregate.values() if isinstance(e, Reservation)]
            open_ = sum((e.open_quantity for e in entries), Decimal(0))
            assert license_.reserved_quantity == open_, f"seed {seed}: {key}"
            assert (license_.remaining_quantity or 0) >= 0, f"seed {seed}: {key}"
            for entry in entries:
                if entry.state != "closed" and entry.request is not None:
                    holder = entry.request.order_id
                    stands = ends[holder].decision
                    assert stands == "RELEASED", f"seed {seed}: {key} {holder} {entry.state}"


def _chain_is_whole(play: Play, seed: int) -> None:
    """I7: one content at each index of a partition's chain, each naming the one before."""
    chains: dict[int, dict[int, set[bytes]]] = defaultdict(lambda: defaultdict(set))
    for one in play.world.decisions():
        link = one.record.event.chain
        chains[link.partition][link.index].add(one.raw.value or b"")
    for partition, chain in chains.items():
        before = GENESIS
        assert sorted(chain) == list(range(len(chain))), f"seed {seed}: gap in {partition}"
        for index in range(len(chain)):
            [value] = chain[index]
            assert f'"prev":"{before}"'.encode() in value, f"seed {seed}: {partition}/{index}"
            before = hashlib.sha256(value).hexdigest()
