"""The checker finds what it is for: one right log, and others that are wrong in one respect."""

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.orders import OrderAmended, OrderCancelled
from schemas.topics import CLASSIFIED, DECISIONS, LICENSES, ORDERS
from tests.chaos.checker import check
from tests.chaos.handmade import KEY, LICENSE, Handmade, broken, dead_letter_of, released, void_of
from tests.support import builders as make

OWN = ("account", "checker", "cover", "found", "logs", "orders", "releases")


def test_a_right_log_has_nothing_wrong() -> None:
    made, _ = released()

    report = check(made.logs())

    assert report.violations == []
    assert report.decisions[KEY].decision == "RELEASED"


def test_it_shares_nothing_but_the_schemas() -> None:
    folder = Path(__file__).parent
    for name in OWN:
        tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert str(node.module).split(".")[0] not in {"services", "infra"}, name
            elif isinstance(node, ast.Import):
                assert not any(each.name.startswith("services") for each in node.names), name


# Orders and decisions


def lost(made: Handmade) -> None:
    made.place("o2")


def revision_lost(made: Handmade) -> None:
    amended = OrderAmended.model_validate(make.order(revision=2).model_dump())
    made.put(ORDERS.name, KEY, amended, source="erp")


def unreadable_lost(made: Handmade) -> None:
    bad = made.put(ORDERS.name, "erp/o9", None, source="erp")
    dead_letter_of(made, bad)


def twice(made: Handmade) -> None:
    made.release(made.entries[4])


def forked(made: Handmade) -> None:
    made.seq -= 1
    made.hold(made.entries[4])


def left_out(made: Handmade) -> None:
    made.seq += 1
    made.hold(made.entries[4])


def undead(made: Handmade) -> None:
    made.put(LICENSES.name, LICENSE, void_of())
    made.post("r1", "void", 2, "90", "100")
    made.close(made.entries[4])
    made.hold(made.entries[4])


def two_ends(made: Handmade) -> None:
    made.put(LICENSES.name, LICENSE, void_of())
    made.post("r1", "void", 2, "90", "100")
    made.reject(made.entries[4])
    made.close(made.entries[4])


def other_words(made: Handmade) -> None:
    made.put(LICENSES.name, LICENSE, void_of(), event_id="same")
    made.post("r1", "void", 2, "90", "100")
    made.put(LICENSES.name, LICENSE, void_of(cause="other"), event_id="same")
    made.hold(made.entries[4])


def gap_in_chain(made: Handmade) -> None:
    made.chain += 1
    made.hold(made.entries[4])


def fork_in_chain(made: Handmade) -> None:
    made.chain -= 1
    made.hold(made.entries[4])


def flipped_in_chain(made: Handmade) -> None:
    made.hold(made.entries[4])
    at = next(n for n, each in enumerate(made.entries) if each.topic == DECISIONS.name)
    value = made.entries[at].value or b""
    event = made.entries[at].event.model_copy(update={"engine": "other"})
    made.entries[at] = replace(
        made.entries[at], value=value.replace(b"test/1", b"test/2"), event=event
    )


def out_of_order(made: Handmade) -> None:
    cancel = OrderCancelled(order_source="erp", order_id="o1", revision=1, lines=("other",))
    for cause in ("5", "4"):
        made.put(CLASSIFIED.name, KEY, cancel, source="erp", event_id=f"c{cause}",
                 cause=f"{ORDERS.name}/0/{cause}")  # fmt: skip


def poison_gone(made: Handmade) -> None:
    made.put(ORDERS.name, KEY, None, source="erp")


def poison_changed(made: Handmade) -> None:
    bad = made.put(ORDERS.name, KEY, None, source="erp")
    dead_letter_of(made, replace(bad, value=b"something else"))


ORDERS_BAD: list[tuple[str, Callable[[Handmade], None]]] = [
    ("I1", lost),
    ("I1", revision_lost),
    ("I1", unreadable_lost),
    ("I2", twice),
    ("I2", forked),
    ("I2", left_out),
    ("I2", undead),
    ("I2", two_ends),
    ("I2", other_words),
    ("I5", out_of_order),
    ("I7", gap_in_chain),
    ("I7", fork_in_chain),
    ("I7", flipped_in_chain),
    ("I9", poison_gone),
    ("I9", poison_changed),
]


@pytest.mark.parametrize(
    ("invariant", "spoil"), ORDERS_BAD, ids=lambda each: getattr(each, "__name__", each)
)
def test_it_finds_what_is_wrong_with_orders(
    invariant: str, spoil: Callable[[Handmade], None]
) -> None:
    made, _ = released()
    spoil(made)

    assert invariant in broken(made)
