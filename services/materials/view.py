"""The answer to "what can I ship today, and what is it worth?", by material. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from schemas.checks import Balance, RequestedItem
from schemas.classification import RegimeVerdict
from schemas.reference import PriceObserved
from services.license_check.book import License
from services.license_check.coverage import names_item
from services.license_check.units import convert
from services.materials.catalog import BY_ID, OTHER, material_named
from services.materials.orders import MaterialLine, stated_value
from services.materials.status import ControlStatus

_HUNDRED: Final = Decimal(100)
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class LicenseLeft:
    """A license that names a material, and what is left of it."""

    license_id: str
    regime: str
    state: str
    """usable, or why not: LICENSE_EXPIRED …"""
    valid_to: str
    left: Balance


@dataclass(frozen=True, slots=True)
class Stake:
    """What the held quantity of a material is worth at the latest price, and under scenarios."""

    price: PriceObserved
    value: Decimal
    scenarios: Mapping[str, Decimal]
    """By percentage: "+10" → value."""
    unpriced_lines: int
    """Held lines whose quantity has no exact conversion to the price's unit."""


@dataclass(frozen=True, slots=True)
class MaterialStatus:
    """One material: its control, its licenses, what of it is held and at stake."""

    material: str
    name: str
    control: Mapping[str, ControlStatus]
    licenses: tuple[LicenseLeft, ...]
    held_orders: int
    held_lines: int
    held_value: Mapping[str, Decimal]
    """As the orders state it, by currency."""
    unvalued_lines: int
    stake: Stake | None
    """Null where no price was imported, or nothing is held."""


def material_view(
    control: Mapping[str, Mapping[str, ControlStatus]],
    licenses: Iterable[License],
    lines: Sequence[MaterialLine],
    prices: Mapping[str, PriceObserved],
    *,
    moment: datetime,
    scenarios: Sequence[Decimal] = (),
) -> list[MaterialStatus]:
    """Tell of each material in the order of the catalog; other held goods come last.

    `prices` is the latest by material id; `moment` is when licenses are to be usable.
    """
    book = list(licenses)
    held = [each for each in lines if each.held]
    by_material: dict[str, list[MaterialLine]] = {}
    for each in held:
        by_material.setdefault(each.material, []).append(each)
    return [
        _status(name, control.get(name, {}), book, by_material.get(name, []), prices.get(name),
                moment, scenarios)
        for name in (*BY_ID, OTHER)
        if name in control or name in by_material
    ]  # fmt: skip


def _status(
    name: str,
    control: Mapping[str, ControlStatus],
    book: Sequence[License],
    held: Sequence[MaterialLine],
    price: PriceObserved | None,
    moment: datetime,
    scenarios: Sequence[Decimal],
) -> MaterialStatus:
    named = (
        _left(license_, moment)
        for license_ in book
        if name in BY_ID and _names(license_, name, control)
    )
    return MaterialStatus(
        material=name,
        name=BY_ID[name].name if name in BY_ID else "other goods",
        control=control,
        licenses=tuple(sorted(named, key=lambda each: each.license_id)),
        held_orders=len({each.order.key for each in held}),
        held_lines=len(held),
        held_value=stated_value(held),
        unvalued_lines=sum(each.line.value is None or each.line.currency is None for each in held),
        stake=_stake(held, price, scenarios) if price is not None and held else None,
    )


def _names(license_: License, material: str, control: Mapping[str, ControlStatus]) -> bool:
    """Whether a license names a material at all, whoever it goes to."""
    terms = license_.terms
    if terms is None:
        return False
    status = control.get(terms.regime)
    codes = () if status is None else codes_of(status.today)
    category = status.today.category if status is not None else None
    item = RequestedItem(codes=codes, category=category, materials=(material,))
    return names_item(terms, item)


def codes_of(verdict: RegimeVerdict) -> tuple[str, ...]:
    """List the codes a license of the regime may name an item by."""
    eccn = verdict.eccn if verdict.eccn != "EAR99" else None
    return tuple(code for code in (verdict.control_code, verdict.annex_i, eccn) if code is not None)


def _left(license_: License, moment: datetime) -> LicenseLeft:
    assert license_.terms is not None, "only licenses with terms name anything"
    reason = license_.refusal_at(moment)
    return LicenseLeft(
        license_id=license_.license_id,
        regime=license_.terms.regime,
        state="usable" if reason is None else reason.value,
        valid_to=license_.terms.valid_to.isoformat(),
        left=license_.balance(),
    )


def _stake(
    held: Sequence[MaterialLine], price: PriceObserved, scenarios: Sequence[Decimal]
) -> Stake:
    quantities = [
        convert(each.line.quantity, each.line.unit, each.line.net_weight, price.unit)
        for each in held
    ]
    known = [quantity for quantity in quantities if quantity is not None]
    value = (sum(known, Decimal(0)) * price.price).quantize(_CENT)
    return Stake(
        price=price,
        value=value,
        scenarios={
            signed(percent): (value * (_HUNDRED + percent) / _HUNDRED).quantize(_CENT)
            for percent in scenarios
        },
        unpriced_lines=len(quantities) - len(known),
    )


def signed(percent: Decimal) -> str:
    """Write a percentage with its sign: +10, -5."""
    return f"{percent:+f}"


def latest_prices(observed: Iterable[PriceObserved]) -> dict[str, PriceObserved]:
    """Keep the latest price of each material that the catalog knows; a later record wins a tie."""
    latest: dict[str, PriceObserved] = {}
    for price in observed:
        name = material_named(price.material)
        if name is not None and (name not in latest or price.at >= latest[name].at):
            latest[name] = price
    return latest
