"""What another law or book would have done, counted again by hand."""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from schemas.decisions import Decided
from schemas.licenses import LicenseGranted
from schemas.orders import Order, OrderCancelled, OrderPlaced
from schemas.topics import ORDERS
from services.classification.orders import Classifier
from services.cli.app import _register, app
from services.generator.scenario import scenario
from services.replay.apart import Apart, set_apart
from services.replay.courses import compared, words_of_archive
from services.replay.goods import Goods, GoodsReader, add_money
from services.replay.impact import Impact, impact, report
from services.replay.inputs import COMMON, OF_ORDERS, Word, heard, outside
from services.replay.reading import open_archive
from services.replay.simulate import Input, Simulation
from services.replay.stages import GateSettings
from services.replay.steady import steady
from services.replay.what_if import Course, Scenario, classifier_of, course_of, packs_of, priced
from services.runtime.packs import load_packs
from tests.support.builders import license_granted, line, order

BEFORE = "cn-reported@before-2025-10-09"
LEFT_OUT = ("OrderShipped", "ProductClassified")
"""The plain loop below neither finds the release a shipment is of, nor reads products."""
SETTINGS = GateSettings(require_screening=False)
AT = datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.fixture(scope="session")
def words(sound: Path) -> list[Word]:
    """What was said from outside in the small archive."""
    archive = open_archive(sound)
    return list(outside(archive, (*COMMON, *OF_ORDERS), range(archive.partitions(ORDERS.name))))


@pytest.fixture(scope="session")
def inputs(words: list[Word]) -> list[Input]:
    """The same, read."""
    return list(map(heard, words))


def goods_of(inputs: list[Input]) -> GoodsReader:
    """What the orders of a stream are."""
    reader = GoodsReader(load_packs("reported").lexicon)
    for said in inputs:
        if isinstance(said.event, Order):
            reader.take(said.key, said.event)
    return reader


def compare(one: Course, two: Course, goods: dict[str, Goods]) -> Impact:
    """Two courses, order by order."""
    end = max(each.last for each in (one, two) if each.last is not None)
    return impact(sorted(one.runs.items()), sorted(two.runs.items()), sorted(goods.items()), end)


def told_of(one: Course, two: Course, goods: dict[str, Goods]) -> dict[str, Any]:
    """The report of two courses in which no order was set apart."""
    apart = Apart(unvalued=sum(each.unvalued for each in goods.values()))
    for each in goods.values():
        add_money(apart.value, each.value)
    return report((one, two), compare(one, two, goods), apart, ("as it was", "what if"))


def test_the_course_that_was_decides_as_the_log_did(sound: Path, inputs: list[Input]) -> None:
    """Simulated again from the words from outside alone, every order stands as it stood."""
    course = course_of(Scenario("base"), inputs, SETTINGS)

    stood: dict[str, tuple[int, str]] = {}
    archive = open_archive(sound)
    for at in range(archive.partitions("orders.decisions")):
        for row in archive.rows("orders.decisions", at):
            event = orjson.loads(row.value or b"")
            key = (row.key or b"").decode()
            if "decision" in event:
                stood[key] = max(stood.get(key, (0, "")), (event["seq"], event["decision"]))
    simulated = {key: run.decisions[-1][0] for key, run in course.runs.items()}
    wrong = {key for key in stood if simulated.get(key) != stood[key][1]}
    assert len(stood) == len(simulated) == 250
    assert len(wrong) <= 5, wrong  # of one moment, records of two partitions may change places


def test_no_question_no_difference(inputs: list[Input]) -> None:
    one, two = (course_of(Scenario("same"), inputs, SETTINGS) for _ in range(2))

    found = compare(one, two, goods_of(inputs).goods)

    assert (found.held.orders, found.freed.orders, found.diverging) == (0, 0, 0)


def brute(said: list[Input], scenario: Scenario) -> dict[str, list[tuple[str, datetime]]]:
    """Decisions of every order, by the plainest loop there is: one simulation, one list."""
    sim = Simulation(Classifier(packs_of(scenario)), SETTINGS)
    found: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    sim.on_decision = lambda record: (
        found[record.key].append((record.event.decision, record.logged_at))
        if isinstance(record.event, Decided)
        else None
    )
    for each in said:
        sim.pass_until(each.at)
        sim.say(each)
    return found


def stands(decisions: list[tuple[str, datetime]], moment: datetime) -> bool:
    """Whether an order stood released at a moment. Without shipments, what is closed was not."""
    said = [word for word, at in decisions if at <= moment]
    return said[-1:] == ["RELEASED"]


def test_the_seed_question_adds_up_to_a_recount(inputs: list[Input]) -> None:
    """The reported rule against the list before it: totals, values and days counted by hand."""
    kept = [each for each in inputs if type(each.event).__name__ not in LEFT_OUT]
    base, other = Scenario("before", packs=(BEFORE,)), Scenario("reported")
    goods = goods_of(kept).goods

    told = told_of(course_of(base, kept, SETTINGS), course_of(other, kept, SETTINGS), goods)

    was, would = brute(kept, base), brute(kept, other)
    end = max(each.at for each in kept)
    held: dict[str, list[Any]] = defaultdict(lambda: [0, 0, Decimal(0), timedelta(0)])
    for key in was:
        moments = sorted({at for _, at in was[key] + would[key]} | {end})
        lost, won = (
            sum(((until - at) for at, until in pairwise(moments)
                 if stands(one[key], at) and not stands(other[key], at)), timedelta(0))
            for one, other in ((was, would), (would, was))
        )  # fmt: skip
        never = stands(was[key], end) and not stands(would[key], end)
        if (lost, never) <= (won, False):
            continue
        for name in ("all", goods[key].destination):
            held[name][0] += 1
            held[name][1] += never
            held[name][2] += sum(amount for _, amount in goods[key].value)
            held[name][3] += lost
    whole = told["newly_held"]
    assert held["all"][0] > 10
    assert as_counted(whole) == counted(held["all"])
    for row in told["by_destination"]:
        if row["newly_held"]["orders"]:
            assert as_counted(row["newly_held"]) == counted(held[row["name"]])
    assert sum(told["totals"]["other"].values()) == len(would)


@pytest.mark.parametrize(
    ("base", "other"),
    [
        (Scenario("as it was"), Scenario("what if", packs=(BEFORE,))),
        (Scenario("as it was"), Scenario("what if", prices=Decimal("1.5"))),
    ],
    ids=["pack", "prices"],
)
def test_orders_that_stand_alone_are_told_as_if_simulated_in_both_courses(
    sound: Path, inputs: list[Input], tmp_path: Path, base: Scenario, other: Scenario
) -> None:
    archive = open_archive(sound)
    found = words_of_archive(archive, tmp_path, 1, lambda *_: None)

    told = compared(found, (base, other), archive.settings, tmp_path, 1, lambda *_: None)

    courses = [course_of(each, inputs, SETTINGS) for each in (base, other)]
    assert told == told_of(courses[0], courses[1], goods_of(inputs).goods)


def test_most_orders_stand_alone_where_one_list_is_asked_about(words: list[Word]) -> None:
    of_orders = [word for word in words if word[1] in {topic.name for topic in OF_ORDERS}]
    scenarios = (Scenario("as it was"), Scenario("what if", packs=(BEFORE,)))

    found = set_apart(scenarios, of_orders, SETTINGS, of_orders[-1][0][0])

    assert 150 < found.totals.total() < 250 == found.totals.total() + len(found.concerned)


def counted(group: list[Any]) -> tuple[int, int, Decimal, Any]:
    """A group as counted by hand: orders, never released, value, days."""
    return group[0], group[1], group[2], pytest.approx(group[3] / timedelta(days=1), abs=0.1)


def as_counted(group: dict[str, Any]) -> tuple[int, int, Decimal, float]:
    """A group of a report in the same form."""
    value = sum((Decimal(amount) for amount in group["value"].values()), Decimal(0))
    return group["orders"], group["never"], value, float(group["days"])


def test_a_release_that_the_law_ends_is_newly_held_for_what_it_is_held_for_then() -> None:
    """Released in both before the rule; under it the release ends, and nothing lets it go again."""
    at = datetime(2025, 10, 1, 8, tzinfo=UTC)
    said = [
        Input(ORDERS.name, "erp/o1", placed("o1"), "e1", "erp", at, at),
        Input(ORDERS.name, "erp/o2", OrderCancelled(order_source="erp", order_id="o2", revision=1),
              "e2", "erp", at + timedelta(days=60), at + timedelta(days=60)),
    ]  # fmt: skip
    before, reported = (
        course_of(Scenario("b", packs=(BEFORE,)), said, SETTINGS),
        course_of(Scenario("r"), said, SETTINGS),
    )

    told = told_of(before, reported, goods_of(said).goods)

    assert told["newly_held"]["orders"] == told["newly_held"]["never"] == 1
    assert [row["name"] for row in told["by_reason"]] == ["NO_LICENSE"]
    assert 50 < Decimal(told["newly_held"]["days"]) < 54


def test_what_could_not_have_left_is_said(inputs: list[Input]) -> None:
    """Shipments keep their moments, also of orders that another law would still have held."""
    none = course_of(Scenario("none", licenses=()), inputs, SETTINGS)
    as_it_was = course_of(Scenario("as it was"), inputs, SETTINGS)

    told = told_of(as_it_was, none, goods_of(inputs).goods)

    assert told["new_breaches"]["other"] > 5
    assert told["new_breaches"]["base"] == 0


def test_a_smaller_book_runs_out_sooner_and_says_when() -> None:
    """Ten orders of ten kilograms, on 100 kg and on 35 kg."""
    said = [
        Input(ORDERS.name, f"erp/o{n}", placed(f"o{n}"), f"e{n}", "erp", AT + timedelta(hours=n),
              AT + timedelta(hours=n))
        for n in range(10)
    ]  # fmt: skip
    ample, scarce = (
        course_of(Scenario("x", licenses=(book(quantity),)), said, SETTINGS)
        for quantity in ("100", "35")
    )

    found = compare(ample, scarce, goods_of(said).goods)

    assert found.held.orders == found.held.never == 7
    assert found.held.as_json()["value"] == {"USD": "7000"}
    assert scarce.licenses["cn-1"].runs_out == AT + timedelta(hours=3)
    assert scarce.licenses["cn-1"].left["quantity"] == "5"
    assert ample.licenses["cn-1"].runs_out == AT + timedelta(hours=9)
    assert [each["order"] for each in found.divergences] == [f"erp/o{n}" for n in range(3, 10)]


def placed(order_id: str) -> OrderPlaced:
    """An order of ten kilograms of dysprosium oxide."""
    whole = order(order_id, lines=(line(description="Dysprosium oxide 99.99 %, powder"),))
    return OrderPlaced.model_validate(whole.model_dump())


def book(quantity: str) -> LicenseGranted:
    """A license that covers it, for so much."""
    return license_granted(
        quantity=quantity, categories=("1",), codes=(), valid_to=date(2027, 12, 31)
    )


def test_dearer_goods_exhaust_a_license_of_value_sooner() -> None:
    said = [
        Input(ORDERS.name, f"erp/o{n}", placed(f"o{n}"), f"e{n}", "erp", AT, AT) for n in range(10)
    ]
    terms = license_granted(
        quantity=None, unit=None, value="10000", currency="USD", categories=("1",), codes=(),
        valid_to=date(2027, 12, 31),
    )  # fmt: skip
    one, two = (
        course_of(Scenario("x", licenses=(terms,), prices=factor), said, SETTINGS)
        for factor in (Decimal(1), Decimal("1.15"))
    )

    found = compare(one, two, goods_of(said).goods)

    assert found.held.orders == 2
    assert two.licenses["cn-1"].left["value"] == "800"


def test_prices_change_values_and_nothing_else() -> None:
    dear = priced(order(), Decimal("1.155"))

    assert [each.value for each in dear.lines] == [Decimal("1155")]
    assert dear.lines[0].quantity == order().lines[0].quantity


def test_the_law_of_a_day_holds_on_all_days() -> None:
    """The reported rule as it stood on 2025-10-15, asked about orders of 2024."""
    at = datetime(2024, 3, 1, 8, tzinfo=UTC)
    said = [Input(ORDERS.name, "erp/o1", placed("o1"), "e1", "erp", at, at)]

    then = course_of(Scenario("then"), said, SETTINGS)
    law = course_of(Scenario("law", law_of=date(2026, 12, 1)), said, SETTINGS)

    assert then.runs["erp/o1"].decisions[0][0] == "RELEASED"
    assert law.runs["erp/o1"].decisions[0][0] == "HELD"


def test_days_between_two_changes_of_the_packs_answer_alike() -> None:
    """What the speed of a replay rests on: every good, on days of every stretch and its edges."""
    packs = load_packs("both")
    quick, exact = steady(packs), Classifier(packs)
    days = [edge + timedelta(days=by) for edge in quick.edges for by in (-1, 0, 1, 40)
            if date(2023, 1, 1) < edge < date(2028, 1, 1)]  # fmt: skip
    orders = [
        OrderPlaced.model_validate(event.data)
        for event in scenario(5, 60).events
        if event.type == "OrderPlaced"
    ]
    from services.classification.orders import classify_order

    checked = 0
    for at, day in enumerate(days):
        moment = datetime(day.year, day.month, day.day, 15, 59, tzinfo=UTC)
        for each in orders[at % 7 :: 7]:
            found = [
                classify_order(each, as_of=moment, own_day=moment + timedelta(minutes=2),
                               digest="d", classifier=classifier)
                for classifier in (quick, exact)
            ]  # fmt: skip
            assert found[0] == found[1], (day, each.lines)
            checked += 1
    assert checked > 100


def test_a_pack_may_be_a_file_and_an_unknown_one_is_refused() -> None:
    text = Path("policy/cn-reported/before-2025-10-09.yaml").read_text(encoding="utf-8")
    with pytest.raises(KeyError):
        packs_of(Scenario("x", packs=("cn-reported@nowhere",)))

    packs = classifier_of(Scenario("x", packs=(text,))).packs

    assert [compiled.pack.name for compiled in packs.versions("CN")] == [BEFORE]


def test_an_erp_file_is_enough(tmp_path: Path) -> None:
    """An auditor's first day: a file of order events, no stack, no archive."""
    made = scenario(7, 60)
    file = tmp_path / "orders.jsonl"
    file.write_bytes(b"".join(orjson.dumps(event.as_line()) + b"\n" for event in made.events))
    licenses = tmp_path / "book.jsonl"
    licenses.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in made.licenses))
    _register()

    done = CliRunner().invoke(
        app, ["what-if", str(file), "--cn", "gazetted", "--licenses", str(licenses), "--json"]
    )

    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["orders"] == 60
    assert told["question"]["cn"] == "gazetted"
    assert told["question"]["base"]["licenses"] == str(licenses), "both courses have this book"

    both = CliRunner().invoke(app, ["what-if", str(file), "--prices", "+10-20%", "--json"])

    ends = [each["question"]["prices"] for each in json.loads(both.stdout)["range"]]
    assert [Decimal(end) for end in ends] == [Decimal("1.1"), Decimal("1.2")]
    wrong = CliRunner().invoke(app, ["what-if", str(file), "--prices", "10 to 20"])
    assert wrong.exit_code == 2


def test_a_bad_file_is_refused_by_line(tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text('{"type": "OrderPlaced"}\n')
    _register()

    done = CliRunner().invoke(app, ["what-if", str(file)])

    assert done.exit_code == 1
    assert '"line":1' in done.stdout


@pytest.mark.parametrize("topic", ["orders.checks", "licenses", "policy"])
def test_a_damaged_archive_prices_nothing_and_the_file_is_named(copy: Path, topic: str) -> None:
    path = max((copy / topic).rglob("*.*"))
    path.write_bytes(path.read_bytes()[:-100])
    _register()

    done = CliRunner().invoke(app, ["what-if", str(copy), "--processes", "1"])

    assert done.exit_code == 1, done.output
    assert f"is damaged: segment: {path.relative_to(copy)}" in done.output
    assert "Newly held" not in done.output
