"""The canary: one order a slot whoever sends it, free, cancelled by the next, no business."""

from datetime import UTC, datetime

import pytest

from schemas.orders import CANARY_SOURCE, OrderCancelled, OrderPlaced
from schemas.topics import ORDERS
from services.classification.orders import Classifier, classify_order
from services.license_check.determine import Rules, book_of, determine
from services.runtime.canary import canary, cancellations, order_id
from services.runtime.codec import Raw, read
from services.runtime.murmur import partition_of
from services.runtime.packs import Choice, load_packs
from services.runtime.policies import read_ladder
from tests.support.wire import PARTITIONS

SLOT, EVERY_S = 29_000_000, 60
AT = datetime.fromtimestamp(SLOT * EVERY_S, UTC)


def test_two_instances_send_the_same_order() -> None:
    assert canary(SLOT, EVERY_S) == canary(SLOT, EVERY_S)
    assert canary(SLOT, EVERY_S).key != canary(SLOT + 1, EVERY_S).key


def test_whatever_earlier_canary_stands_open_is_cancelled_and_not_this_one() -> None:
    opened = [order_id(SLOT), order_id(SLOT - 1), order_id(SLOT - 700)]
    gone = cancellations(SLOT, EVERY_S, opened)

    assert {sent.key for sent in gone} == {
        canary(SLOT - 1, EVERY_S).key, canary(SLOT - 700, EVERY_S).key,
    }  # fmt: skip
    for sent in gone:
        assert isinstance(sent.event, OrderCancelled)
        assert sent.event.not_shipped
    assert cancellations(SLOT, EVERY_S, ()) == []


def test_it_is_an_order_like_any_other_on_the_wire() -> None:
    for sent in (canary(SLOT, EVERY_S), *cancellations(SLOT, EVERY_S, ["canary-1"])):
        key = sent.key or b""
        raw = Raw(ORDERS.name, partition_of(key, PARTITIONS), 0, key, sent.value, sent.headers, 0)
        one = read(raw, PARTITIONS)
        assert not one.unreadable, one.record.event
        assert one.record.event == sent.event
        assert one.record.key.startswith(f"{CANARY_SOURCE}/canary-")


@pytest.mark.parametrize("choice", ["reported", "both"])
def test_its_good_is_free_under_every_regime_while_the_lists_are_verified(choice: Choice) -> None:
    placed = canary(SLOT, EVERY_S).event
    assert isinstance(placed, OrderPlaced)
    packs = load_packs(choice)
    at = datetime(2026, 6, 1, tzinfo=UTC)
    classified = classify_order(
        placed, as_of=at, own_day=None, digest="", classifier=Classifier(packs)
    )
    rules = Rules(require_screening=True, event_basis=False, ladder=read_ladder())
    assessed = determine(classified, book_of([], {}), at, rules)

    assert [each.holds for line in assessed.lines for each in line.regimes.values()] == (
        [()] * len(packs.keys)
    )
    assert not [c for line in assessed.lines for r in line.regimes.values() for c in r.candidates]
    assert order_id(SLOT) == f"canary-{SLOT}"
