"""The material view: each line once, sums that add up, balances as the ledger's, exact prices."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.decisions import OrderHeld, OrderReleased
from schemas.fold import Partition
from schemas.orders import Order
from schemas.reference import PriceObserved
from services.generator.goods import FREE, LICENSED, OVERLAP, VAGUE
from services.license_check import ledger
from services.license_check.book import LICENSE, License
from services.materials.catalog import BY_ID, OTHER
from services.materials.orders import MaterialLine, material_lines, routes, stated_value
from services.materials.shown import status_row, totals
from services.materials.status import control_statuses
from services.materials.view import MaterialStatus, latest_prices, material_view
from services.runtime.packs import load_packs
from tests.support import builders
from tests.support.builders import T0, license_granted, recorded, requested

PACKS = load_packs("both")
CONTROL = control_statuses(PACKS, date(2026, 6, 1))
GOODS = (*LICENSED, *FREE, *OVERLAP, *VAGUE)
MATERIAL_OF_GOODS = {
    "Neodymium oxide 99.9 %, powder": "Nd",
    "Dysprosium oxide 99.99 %, powder": "Dy",
    "氧化铽 99.99% 粉末": "Tb",
    "Terbium metal 99.9 %": "Tb",
    "Bastnaesite concentrate, 65 % REO": "ores",
    "镨钕氧化物 99%": "mixtures",
    "Europium oxide 99.99 %, phosphor grade powder": "Eu",
    "Sintered NdFeB magnet blocks N42SH, Dy 2.1 %": "magnets-ndfeb-dy-tb",
    "钕铁硼永磁体 N38UH 含镝 未装配": "magnets-ndfeb-dy-tb",
    "Sintered NdFeB ring magnets N35, zinc coated": "magnets-ndfeb",
    "Samarium cobalt magnets Sm2Co17, discs": "magnets-smco",
    "Dysprosium-iron alloy (DyFe80)": "alloys",
    "Praseodymium-neodymium metal alloy, PrNd 25/75, ingots": "alloys",
    "离心萃取机 稀土分离用": "equipment",
    "稀土萃取分离过程自动化控制软件": "software",
    "AI visual quality-control model for NdFeB sintering line": "software",
    "PTFE-lined leaching reactor, 5 m3, for rare-earth hydrometallurgy": "equipment",
    "Headphones, over-ear, neodymium driver": OTHER,
    "Ferrite ring magnets Y30, 72 x 32 x 10 mm": OTHER,
    "Stainless steel hex bolts M8 x 40": OTHER,
    "metal powder": OTHER,
}


def decision(kind: Any, order: Order, name: str) -> Any:
    return kind.model_validate(
        {"order_source": order.order_source, "order_id": order.order_id, "decision_id": "d",
         "revision": order.revision, "check": 0, "order_digest": "", "seq": 1, "decision": name,
         "as_of": T0, "log_time": T0, "time_basis": "log", "engine": "e", "caused_by": "x",
         "chain": {"partition": 0, "index": 0, "prev": ""}}
    )  # fmt: skip


def lines_of(*orders: tuple[Order, str]) -> list[MaterialLine]:
    kinds = {"HELD": OrderHeld, "RELEASED": OrderReleased}
    decided = {
        order.key: decision(kinds.get(name, OrderHeld), order, name) for order, name in orders
    }
    known = {(order.key, order.revision): order for order, _ in orders}
    return material_lines(decided, known, PACKS.lexicon)


def order(name: str, *lines: dict[str, Any], **changes: Any) -> Order:
    made = tuple(builders.line(f"L{at}", **line) for at, line in enumerate(lines))
    return builders.order(name, lines=made, **changes)


def viewed(lines: list[MaterialLine], **changes: Any) -> dict[str, MaterialStatus]:
    how: dict[str, Any] = {"licenses": [], "prices": {}, "moment": T0} | changes
    licenses, prices = how.pop("licenses"), how.pop("prices")
    view = material_view(CONTROL, licenses, lines, prices, **how)
    return {each.material: each for each in view}


DY = {"description": "Dysprosium oxide 99.99 %, powder"}
ND = {"description": "Neodymium oxide 99.9 %, powder"}
BOLTS = {"description": "Stainless steel hex bolts M8 x 40"}


@pytest.mark.parametrize("good", GOODS, ids=lambda good: good.description)
def test_every_line_is_one_material(good: Any) -> None:
    whole = order("o", {"description": good.description, "hs_code": good.hs_code})
    (line,) = lines_of((whole, "HELD"))

    assert line.material in (*BY_ID, OTHER)
    assert line.material == MATERIAL_OF_GOODS.get(good.description, line.material)
    assert (line.material == OTHER) == (good.kind not in ("licensed", "overlap"))


money = st.decimals(0, 10**6, places=2)
drawn_lines = st.lists(
    st.tuples(st.sampled_from(GOODS), money, st.sampled_from(["USD", "CNY", None])),
    min_size=1, max_size=4,
)  # fmt: skip


@given(
    st.lists(st.tuples(drawn_lines, st.sampled_from(["HELD", "RELEASED", "CLOSED"])), max_size=6)
)
def test_held_value_is_the_sum_over_open_holds(drawn: list[Any]) -> None:
    orders = []
    for at, (lines, name) in enumerate(drawn):
        made = [
            {"description": good.description, "hs_code": good.hs_code, "unit": good.unit,
             "value": value if currency else None, "currency": currency}
            for good, value, currency in lines
        ]  # fmt: skip
        orders.append((order(f"o{at}", *made), name))

    view = viewed(lines_of(*orders))

    held = [whole for whole, name in orders if name == "HELD"]
    for currency in ("USD", "CNY"):
        by_hand = sum(
            (line.value or Decimal(0) for whole in held for line in whole.lines
             if line.currency == currency), Decimal(0),
        )  # fmt: skip
        assert (
            sum((each.held_value.get(currency, Decimal(0)) for each in view.values()), Decimal(0))
            == by_hand
        )
    assert sum(each.held_lines for each in view.values()) == sum(len(o.lines) for o in held)
    assert totals(lines_of(*orders))["held_orders"] == len(held)


def test_what_has_left_or_never_will_is_on_no_map() -> None:
    over = [(order(f"o{at}", DY), name) for at, name in enumerate(("CLOSED", "REJECTED"))]

    assert lines_of(*over) == []
    assert routes(lines_of(*over, (order("p", DY), "RELEASED")))[0].orders == 1


def test_a_value_that_is_not_stated_is_unknown_not_nothing() -> None:
    view = viewed(lines_of((order("o", {**DY, "value": None, "currency": None}), "HELD")))

    assert view["Dy"].held_value == {}
    assert view["Dy"].unvalued_lines == 1


def test_balances_are_the_ledgers() -> None:
    aggregate: dict[str, Any] = {}
    for offset, event in enumerate(
        [license_granted("cn-1", codes=(), categories=("1",)), requested("r1", "37.5",
         item={"codes": (), "category": 1})]
    ):  # fmt: skip
        record = recorded(event, "cn-1", topic="licenses", offset=offset)
        aggregate.update(ledger.fold(aggregate, record, Partition(0).at(T0)).changes)
    license_: License = aggregate[LICENSE]

    view = viewed([], licenses=[license_])

    (left,) = view["Dy"].licenses
    assert left.left == license_.balance()
    assert left.left.quantity == Decimal("62.5")
    assert view["magnets-smco"].licenses == ()
    assert status_row(view["Dy"])["licenses"][0]["remaining"] == "62.5"


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        ({"codes": ("1C905",), "regime": "CN-GAZETTED"}, {"Dy", "magnets-ndfeb-dy-tb", "alloys"}),
        ({"codes": (), "categories": ("4",)}, {"software"}),
        ({"codes": (), "materials": ("Tb",)}, {"Tb"}),
        ({"codes": (), "categories": ("1",), "materials": ("Tb",)}, {"Tb"}),
        ({"codes": ()}, set()),
    ],
)
def test_a_license_stands_with_the_materials_it_names(terms: Any, named: set[str]) -> None:
    made = License(license_id="x", terms=builders.terms("x", **terms))
    view = viewed([], licenses=[made])

    assert {name for name, each in view.items() if each.licenses} == named


def test_a_license_that_cannot_be_used_says_so() -> None:
    terms = builders.terms("x", codes=(), categories=("1",), valid_to=date(2026, 5, 1))
    view = viewed([], licenses=[License(license_id="x", terms=terms)])

    assert view["Dy"].licenses[0].state == "LICENSE_EXPIRED"


def price(material: str, amount: str = "250.10", unit: str = "kg", **changes: Any) -> PriceObserved:
    fields = {"material": material, "price": amount, "unit": unit, "currency": "USD",
              "source": "Metal Desk", "at": T0}  # fmt: skip
    return PriceObserved.model_validate(fields | changes)


def test_the_stake_is_the_held_quantity_at_the_latest_price_and_its_scenarios() -> None:
    amounts = (("1500", "g"), ("2", "kg"), ("3", "pcs"))
    held = order("o", *({**DY, "quantity": q, "unit": unit} for q, unit in amounts), BOLTS)
    lines = lines_of((held, "HELD"), (order("p", {**DY, "quantity": "9"}), "RELEASED"))
    prices = latest_prices([price("dysprosium", "1"), price("Dy")])

    view = viewed(lines, prices=prices, scenarios=(Decimal(10), Decimal(20)))
    stake = view["Dy"].stake

    assert stake is not None
    assert stake.value == Decimal("875.35")
    assert stake.scenarios == {"+10": Decimal("962.88"), "+20": Decimal("1050.42")}
    assert stake.unpriced_lines == 1
    assert view["Nd"].stake is None


def test_the_latest_price_counts_whatever_the_order_of_reading() -> None:
    old = price("Dy", "1", at=datetime(2026, 1, 1, tzinfo=UTC))
    new = price("dysprosium oxide", "2")
    assert latest_prices([new, old]) == latest_prices([old, new]) == {"Dy": new}
    assert latest_prices([price("unobtainium")]) == {}


def test_the_map_goes_from_supplier_to_end_user_with_the_share_that_is_held() -> None:
    held = order("a", {**DY, "supplier": "Mine 1", "origin": "CN"}, {**ND, "origin": "VN"})
    free = order("b", {**DY, "supplier": "Mine 1", "origin": "CN", "value": "3000"})
    found = {route.way[:3]: route for route in routes(lines_of((held, "HELD"), (free, "RELEASED")))}

    dy = found["Dy", "Mine 1", "CN"]
    assert (dy.orders, dy.value) == (2, {"USD": Decimal(4000)})
    assert dy.held_share == {"USD": Decimal("0.25")}
    assert dy.way.destination == "DE"
    assert dy.way.end_user == "Weber GmbH"
    assert found["Nd", "?", "VN"].held_share == {"USD": Decimal(1)}
    every = stated_value(lines_of((held, "HELD"), (free, "RELEASED")))
    assert sum(route.value["USD"] for route in found.values()) == every["USD"]
