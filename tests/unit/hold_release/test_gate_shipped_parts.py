"""One shipment told in parts, or told twice."""

from decimal import Decimal
from typing import Any

import pytest

from schemas.checks import ReservationRequested, ReservationReturned, ReservationSettled
from schemas.decisions import BreachRaised
from schemas.envelope import derived_id
from schemas.orders import OrderReturned, ShippedLine
from tests.support.answers import granted
from tests.support.builders import SOURCE, T0, assessed, drawing, order, shipped
from tests.support.duo import released as duo_released
from tests.support.folds import GateRun


def released() -> GateRun:
    run = GateRun()
    run.say(assessed(lines=drawing("cn-1")))
    run.say(granted(run.sent(ReservationRequested)[0]))
    return run


def part(quantity: str) -> ShippedLine:
    return ShippedLine(line_id="L1", quantity=Decimal(quantity), unit="kg")


def test_a_shipment_told_twice_in_different_ways_is_a_conflict() -> None:
    run = released()
    event = shipped("s1", run.last.decision_id, final=False, lines=(part("4"),))
    run.say(event)
    assert run.say(event.model_copy(update={"declaration_no": "filed later"})) == ()
    run.say(event.model_copy(update={"lines": (part("6"),)}))

    assert (run.decision, run.reasons) == ("HELD", ["EVENT_CONFLICT"])
    assert len(run.sent(ReservationSettled)) == 1
    run.say(assessed(order(revision=2)))
    assert run.decision == "RELEASED"
    assert run.say(run.log[-2].event) == (), "said before"


def weighed(quantity: str, **changes: Any) -> ShippedLine:
    weight = {"value": quantity, "unit": "kg"}
    fields = {"line_id": "L1", "quantity": quantity, "unit": "kg", "net_weight": weight}
    return ShippedLine.model_validate(fields | {"gross_weight": weight, "value": "100"} | changes)


UNWEIGHED = {"gross_weight": {"value": "9", "unit": "lb"}, "net_weight": None, "value": None}


@pytest.mark.parametrize(
    ("second", "quantity", "weight", "value", "kinds"),
    [
        (weighed("4"), "10", "10", "200", []),
        (weighed("6"), "12", "12", "200", ["over_quantity"]),
        (weighed("4", **UNWEIGHED), "10", None, None, []),
    ],
)
def test_a_line_told_in_parts_is_judged_and_settled_as_one(
    second: ShippedLine, quantity: str, weight: str | None, value: str | None, kinds: list[str]
) -> None:
    run = released()
    run.say(shipped("s1", run.last.decision_id, lines=(weighed("6"), second)))
    [told] = run.sent(ReservationSettled)

    assert told.quantity == Decimal(quantity)
    assert (told.value, told.net_weight and told.net_weight.value) == (
        value and Decimal(value),
        weight and Decimal(weight),
    )
    assert (told.gross_weight is None) == (weight is None)
    assert [each.kind for each in run.sent(BreachRaised)] == kinds


def test_a_line_told_in_two_units_is_used_up_in_both() -> None:
    duo = duo_released("10", quantity="100")
    pounds = ShippedLine(line_id="L1", quantity=Decimal(2), unit="lb")
    duo.order(shipped("s1", duo.last().decision_id, final=False, lines=(part("4"), pounds)))

    assert duo.balance() == ("4.90718474", "5.09281526")
    names = [each.shipment_id for each in duo.to_ledger(ReservationSettled)]
    assert names == [derived_id("s1", "kg"), "s1"]
    assert [each.kind for each in duo.breaches()] == ["over_quantity"]
    for named in ("s1 (lb)", "s1 lb", "s1/lb"):
        duo.order(shipped(named, duo.last().decision_id, final=False, lines=(part("1"),)))
    assert duo.balance() == ("7.90718474", "2.09281526"), "another shipment is no repetition"


@pytest.mark.parametrize("shipment", ["s1", "s" * 128])
def test_what_a_second_unit_overdraws_is_told_of_its_shipment(shipment: str) -> None:
    duo = duo_released("10", quantity="10")
    pounds = ShippedLine(line_id="L1", quantity=Decimal(20), unit="lb")
    duo.order(shipped(shipment, duo.last().decision_id, lines=(part("4"), pounds)))

    assert duo.balance() == ("13.0718474", "0")
    told = [(each.kind, each.shipment_id) for each in duo.breaches()]
    assert ("overdrawn", shipment) in told


DRUMS = ShippedLine(line_id="L1", quantity=Decimal(9), unit="drum")


@pytest.mark.parametrize(("lines", "used"), [((part("1"), DRUMS), "10"), ((DRUMS,), "10")])
def test_a_last_part_that_cannot_be_measured_uses_up_all_that_is_open(
    lines: tuple[ShippedLine, ...], used: str
) -> None:
    duo = duo_released("10", quantity="100")
    duo.order(shipped("s1", duo.last().decision_id, final=True, lines=lines))

    assert (duo.last().decision, duo.balance()) == ("CLOSED", (used, "0"))


def test_a_final_shipment_in_two_units_closes_every_license_that_the_line_is_split_over() -> None:
    duo = duo_released("10", "cn-1", "cn-2", quantity=Decimal(7))
    pounds = ShippedLine(line_id="L1", quantity=Decimal(1), unit="lb")
    duo.order(shipped("s1", duo.last().decision_id, final=True, lines=(part("5"), pounds)))
    assert [duo.balance(name)[1] for name in ("cn-1", "cn-2")] == ["0", "0"]

    duo = duo_released("10", "cn-1", "cn-2", quantity=Decimal(7))
    duo.order(shipped("s1", duo.last().decision_id, final=True, lines=(part("7"), pounds)))
    assert [duo.balance(name)[1] for name in ("cn-1", "cn-2")] == ["0", "0"]


def test_a_split_line_told_in_another_unit_is_divided_in_proportion() -> None:
    duo = duo_released("10", "cn-1", "cn-2", quantity=Decimal(7))
    grams = ShippedLine(line_id="L1", quantity=Decimal(9000), unit="g")
    duo.order(shipped("s1", duo.last().decision_id, final=False, lines=(grams,)))

    assert [duo.balance(name) for name in ("cn-1", "cn-2")] == [("6.3", "0.7"), ("2.7", "0.3")]
    assert [each.kind for each in duo.breaches()] == ["over_quantity"]


def test_a_line_that_came_back_in_parts_is_told_as_one() -> None:
    run = released()
    run.say(shipped("s1", run.last.decision_id))
    event = OrderReturned(
        order_source=SOURCE, order_id="o1", shipment_id="s1", return_id="b1", returned_at=T0,
        lines=(part("3"), part("4")),
    )  # fmt: skip
    run.say(event)

    assert [each.quantity for each in run.sent(ReservationReturned)] == [Decimal(7)]


@pytest.mark.parametrize(("left", "asked"), [("4", ["6"]), ("10", [])])
def test_what_left_already_is_not_drawn_again_on_another_license(
    left: str, asked: list[str]
) -> None:
    run = released()
    run.say(shipped("s1", run.last.decision_id, final=False, lines=(part(left),)))
    run.say(assessed(lines=drawing("cn-2"), check=1))
    requests = run.sent(ReservationRequested)[1:]
    assert [(each.license_id, each.quantity, each.value) for each in requests] == [
        ("cn-2", Decimal(quantity), Decimal(quantity) * 100) for quantity in asked
    ]

    for request in requests:
        run.say(granted(request, quantity=left))
    assert run.decision == "RELEASED"


def test_what_left_in_another_unit_is_drawn_in_full() -> None:
    run = released()
    pounds = ShippedLine(line_id="L1", quantity=Decimal(10), unit="lb")
    run.say(shipped("s1", run.last.decision_id, final=False, lines=(pounds,)))
    run.say(assessed(lines=drawing("cn-2"), check=1))

    assert run.sent(ReservationRequested)[-1].quantity == Decimal(10)
