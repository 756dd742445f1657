"""The material view as rows of JSON and cells of a table. Pure; amounts stay exact."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from schemas.base import plain
from schemas.classification import RegimeVerdict
from services.materials.catalog import BY_ID
from services.materials.orders import MaterialLine, Route, stated_value
from services.materials.status import ControlStatus, told
from services.materials.view import LicenseLeft, MaterialStatus, Stake, signed

Cells = list[str]


def status_row(status: MaterialStatus) -> dict[str, Any]:
    """Write one material out for `--json`."""
    return {
        "material": status.material,
        "name": status.name,
        "category": BY_ID[status.material].category if status.material in BY_ID else None,
        "regimes": {regime: _control(each) for regime, each in status.control.items()},
        "licenses": [_license(each) for each in status.licenses],
        "held": {
            "orders": status.held_orders,
            "lines": status.held_lines,
            "value": money(status.held_value),
            "unvalued_lines": status.unvalued_lines,
        },
        "at_stake": None if status.stake is None else _stake(status.stake),
    }


def _control(control: ControlStatus) -> dict[str, Any]:
    then = control.then
    return {
        **_verdict(control.today),
        "next_change": None if control.change is None else control.change.isoformat(),
        "then": None if then is None else _verdict(then),
    }


def _verdict(verdict: RegimeVerdict) -> dict[str, Any]:
    return {
        "status": str(verdict.status),
        "decision": str(verdict.decision),
        "license_type": str(verdict.license_type),
        "code": verdict.control_code or verdict.annex_i or verdict.eccn,
        "pack": verdict.pack,
    }


def _license(left: LicenseLeft) -> dict[str, Any]:
    balance = left.left
    return {
        "license_id": left.license_id,
        "regime": left.regime,
        "state": left.state,
        "valid_to": left.valid_to,
        "remaining": None if balance.quantity is None else plain(balance.quantity),
        "unit": balance.unit,
        "remaining_value": None if balance.value is None else plain(balance.value),
        "currency": balance.currency,
    }


def _stake(stake: Stake) -> dict[str, Any]:
    return {
        "value": plain(stake.value),
        "currency": stake.price.currency,
        "scenarios": money(stake.scenarios),
        "price": plain(stake.price.price),
        "unit": stake.price.unit,
        "source": stake.price.source,
        "at": stake.price.at.isoformat(),
        "unpriced_lines": stake.unpriced_lines,
    }


def money(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    """Write amounts as decimal strings."""
    return {name: plain(amount) for name, amount in amounts.items()}


def totals(lines: Sequence[MaterialLine]) -> dict[str, Any]:
    """Add up what is held over all materials."""
    held = [each for each in lines if each.held]
    return {
        "held_orders": len({each.order.key for each in held}),
        "held_lines": len(held),
        "held_value": money(stated_value(held)),
        "unvalued_lines": sum(each.line.value is None or each.line.currency is None
                              for each in held),
    }  # fmt: skip


def route_row(route: Route) -> dict[str, Any]:
    """Write one route of the map out."""
    return {
        **route.way._asdict(),
        "orders": route.orders,
        "value": money(route.value),
        "held_share": money(route.held_share),
    }


def status_table(
    view: Iterable[MaterialStatus], regimes: Sequence[str], scenarios: Sequence[Decimal]
) -> tuple[list[str], list[Cells]]:
    """Lay the view out as a table: columns, and a row for each material."""
    columns = ["material", *regimes, "next change", "licenses: left", "held orders", "held value",
               "at the latest price", *(f"{signed(each)} %" for each in scenarios)]  # fmt: skip
    return columns, [_cells(status, regimes, scenarios) for status in view]


def _cells(status: MaterialStatus, regimes: Sequence[str], scenarios: Sequence[Decimal]) -> Cells:
    control, stake = status.control, status.stake
    said = [told(control[regime].today) if regime in control else "" for regime in regimes]
    return [
        status.name,
        *said,
        "; ".join(_change(regime, control[regime]) for regime in regimes
                  if regime in control and control[regime].then is not None),
        "; ".join(_left(each) for each in status.licenses),
        str(status.held_orders or ""),
        _amounts(status.held_value),
        "" if stake is None else f"{plain(stake.value)} {stake.price.currency}",
        *("" if stake is None else plain(stake.scenarios[signed(each)]) for each in scenarios),
    ]  # fmt: skip


def _change(regime: str, control: ControlStatus) -> str:
    then = "" if control.then is None else told(control.then)
    return f"{control.change} {regime} {then}"


def _left(left: LicenseLeft) -> str:
    balance = left.left
    parts = [
        f"{plain(amount)} {unit}"
        for amount, unit in ((balance.quantity, balance.unit), (balance.value, balance.currency))
        if amount is not None
    ]
    state = "" if left.state == "usable" else f" [{left.state}]"
    return f"{left.license_id}: {', '.join(parts) or 'no limit'}{state}"


def _amounts(amounts: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{plain(amount)} {currency}" for currency, amount in amounts.items())
