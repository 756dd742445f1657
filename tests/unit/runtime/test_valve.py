"""The poison valve shuts at 50 unreadable of the last 100 records, of 20 keys; not before."""

import pytest

from services.runtime.valve import Valve


def see(valve: Valve, how_many: int, *, readable: bool, keys: int = 100) -> None:
    for at in range(how_many):
        valve.saw(readable=readable, key=f"k{at % keys}".encode())


@pytest.mark.parametrize(
    ("unreadable", "keys", "shut"),
    [(49, 49, False), (50, 50, True), (50, 20, True), (50, 19, False), (500, 19, False)],
)
def test_limits(unreadable: int, keys: int, shut: bool) -> None:
    valve = Valve()
    see(valve, unreadable, readable=False, keys=keys)

    assert valve.shut is shut


@pytest.mark.parametrize(("between", "shut"), [(50, True), (51, False)])
def test_only_the_last_hundred_count(between: int, shut: bool) -> None:
    valve = Valve()
    see(valve, 25, readable=False)
    see(valve, between, readable=True)
    see(valve, 25, readable=False)

    assert valve.shut is shut


def test_good_records_do_not_open_it() -> None:
    valve = Valve()
    see(valve, 50, readable=False)
    see(valve, 1_000, readable=True)

    assert valve.shut


def test_opened_it_counts_afresh() -> None:
    valve = Valve()
    see(valve, 60, readable=False)
    valve.open()
    assert not valve.shut
    see(valve, 49, readable=False)
    assert not valve.shut
    see(valve, 1, readable=False)
    assert valve.shut
