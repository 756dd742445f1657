"""`exportgate status`: what can I ship today, by material, and what is it worth?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from schemas.decisions import Decided
from schemas.orders import CANARY_SOURCE, Order
from schemas.regimes import ZONES
from schemas.topics import DECISIONS, LICENSES, ORDERS, REFERENCE
from services.classification.pack_set import PackSet
from services.classification.policy import PolicyError
from services.cli import book, prices
from services.cli.output import EXIT_PACK, emit, say, table
from services.license_check.book import License
from services.materials.orders import MaterialLine, material_lines, routes
from services.materials.shown import route_row, status_row, status_table, totals
from services.materials.status import control_statuses
from services.materials.view import latest_prices, material_view
from services.runtime.errors import Unusable
from services.runtime.packs import Choice, load_packs
from services.runtime.settings import settings

CHOICES: dict[str, Choice] = {"reported": "reported", "gazetted": "gazetted", "both": "both"}
NOON = time(12)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the logs say now: the license book, the orders' lines by material, and prices."""

    licenses: list[License]
    lines: list[MaterialLine]
    prices: list[Any]
    unread: int
    """Held orders of which nobody could read the lines."""


NOTHING = Standing([], [], [], 0)


def status(
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="day the lists are read for; absent: today")
    ] = None,
    cn: Annotated[
        str | None, typer.Option(help="Chinese pack: reported, gazetted or both; absent: as set")
    ] = None,
    by_route: Annotated[
        bool, typer.Option("--map", help="material → supplier, origin → destination → end user")
    ] = False,
    price_scenario: Annotated[
        str | None, typer.Option("--price-scenario", help="percentages, such as +10,+20")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="control status alone: no broker is asked")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Show each material: control per regime, licenses and balances, holds, value at stake.

    `--as-of` chooses the law; licenses, orders and prices are those on record now.
    """
    scenarios = _scenarios(price_scenario)
    packs, choice = _packs(cn)
    day, moment = _day(as_of)
    standing = NOTHING if offline else _standing(packs)
    if by_route:
        _tell_routes(standing, as_json=as_json)
        return
    view = material_view(
        control_statuses(packs, day),
        standing.licenses,
        standing.lines,
        latest_prices(standing.prices),
        moment=moment,
        scenarios=scenarios,
    )
    found: dict[str, Any] = {
        "as_of": day.isoformat(),
        "cn": choice,
        "materials": [status_row(each) for each in view],
        "totals": {**totals(standing.lines), "unread_orders": standing.unread},
    }
    if as_json:
        emit(found)
        return
    columns, rows = status_table(view, tuple(packs.keys), scenarios)
    table(f"Materials as of {day} ({choice})", columns, rows)
    say(_summary(found["totals"]))


def _scenarios(text: str | None) -> tuple[Decimal, ...]:
    try:
        found = tuple(Decimal(part.strip()) for part in (text or "").split(",") if part.strip())
    except InvalidOperation:
        found = (Decimal("NaN"),)
    if not all(percent.is_finite() and percent > -100 for percent in found):
        raise typer.BadParameter("percentages such as +10,+20", param_hint="--price-scenario")
    return found


def _packs(cn: str | None) -> tuple[PackSet, Choice]:
    choice = CHOICES.get(cn or settings().cn)
    if choice is None:
        raise typer.BadParameter(f"must be {', '.join(CHOICES)}", param_hint="--cn")
    try:
        return load_packs(choice), choice
    except PolicyError as error:
        say(f"pack unusable: {error}")
        raise typer.Exit(EXIT_PACK) from error


def _day(as_of: str | None) -> tuple[date, datetime]:
    """Choose the day the lists are read for, and the moment licenses are to be usable at."""
    from services.runtime.client import now

    if as_of is None:
        moment = now()
        return moment.astimezone(ZONES["CN"]).date(), moment
    try:
        day = date.fromisoformat(as_of)
    except ValueError as error:
        raise typer.BadParameter(f"{as_of!r} is no date", param_hint="--as-of") from error
    return day, datetime.combine(day, NOON, ZONES["CN"])


def _standing(packs: PackSet) -> Standing:
    from services.runtime.client import Client

    try:
        client = Client(settings(), (LICENSES, ORDERS, DECISIONS, REFERENCE))
    except Unusable as error:
        raise Unusable(f"{error} (--offline tells the control status alone)") from error
    decided = {
        key: decision
        for key, decision in book.decisions(client).items()
        if decision.order_source != CANARY_SOURCE
    }
    orders = _orders(client)
    return Standing(
        licenses=[held.license for held in book.licenses(client).values()],
        lines=material_lines(decided, orders, packs.lexicon),
        prices=prices.observed(client),
        unread=_unread(decided, orders),
    )


def _orders(client: Any) -> dict[tuple[str, int], Order]:
    """Read every revision of every order; the first that says one is the one decided on."""
    from services.runtime.client import events

    found: dict[tuple[str, int], Order] = {}
    for record in events(client.read_all(ORDERS)):
        if isinstance(record.event, Order):
            found.setdefault((record.key, record.event.revision), record.event)
    return found


def _unread(decided: Mapping[str, Decided], orders: Mapping[tuple[str, int], Order]) -> int:
    return sum(
        decision.decision == "HELD" and (key, decision.revision) not in orders
        for key, decision in decided.items()
    )


def _tell_routes(standing: Standing, *, as_json: bool) -> None:
    rows = [route_row(route) for route in routes(standing.lines)]
    if as_json:
        emit({"routes": rows, "totals": totals(standing.lines)})
        return
    columns = ("material", "supplier", "origin", "destination", "end user", "orders", "value",
               "held share")  # fmt: skip
    cells = ([_cell(value) for value in row.values()] for row in rows)
    table(f"{len(rows)} routes of orders held or released", columns, cells)


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{amount} {currency}" for currency, amount in value.items())
    return str(value)


def _summary(found: Mapping[str, Any]) -> str:
    value = _cell(found["held_value"]) or "no stated value"
    unvalued = found["unvalued_lines"]
    unread = found["unread_orders"]
    more = [f"{unvalued} lines without a stated value"] if unvalued else []
    more += [f"{unread} orders nobody could read"] if unread else []
    also = f" ({', '.join(more)})" if more else ""
    return f"held: {found['held_orders']} orders, {found['held_lines']} lines, {value}{also}"
