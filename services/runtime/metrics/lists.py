"""The packs in use and the control status of each material, as gauges; looked at once an hour."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from datetime import time as clock
from typing import Final
from zoneinfo import ZoneInfo

from schemas.regimes import ZONES
from services.classification.pack_set import PackSet
from services.classification.policy import Pack
from services.materials.status import ControlStatus, control_statuses
from services.runtime.metrics import registry
from services.runtime.metrics.collector import View

EVERY_S: Final = 3_600.0


def measure_of(packs: PackSet) -> Callable[[View], None]:
    """Make the measure of the stage that classifies by these packs."""
    shown_at = [-EVERY_S]

    def measure(_view: View) -> None:
        if time.monotonic() - shown_at[0] >= EVERY_S:
            shown_at[0] = time.monotonic()
            show(packs, datetime.now(UTC))

    return measure


def show(packs: PackSet, now: datetime) -> None:
    """Set the gauges of packs and materials for a moment."""
    info: dict[tuple[str, ...], float] = {}
    until: dict[tuple[str, ...], float] = {}
    checked: dict[tuple[str, ...], float] = {}
    for regime in packs.keys:
        compiled = packs.on(regime, now.astimezone(ZONES[regime]).date())
        pack, place = compiled.pack, (regime, compiled.pack.name)
        info[(*place, compiled.digest[:12])] = 1
        if pack.verified_until is not None:
            until[place] = _start(pack, pack.verified_until)
        if pack.watch:
            checked[place] = _start(pack, min(each.last_checked for each in pack.watch))
    registry.PACK_INFO.replace(info)
    registry.PACK_VERIFIED_UNTIL.replace(until)
    registry.PACK_CHECKED.replace(checked)
    _show_materials(control_statuses(packs, now.astimezone(ZONES["CN"]).date()))


def _start(pack: Pack, day: date) -> float:
    return datetime.combine(day, clock(), ZoneInfo(pack.zone)).timestamp()


def _show_materials(control: dict[str, dict[str, ControlStatus]]) -> None:
    statuses: dict[tuple[str, ...], float] = {}
    changes: dict[tuple[str, ...], float] = {}
    for material, regimes in control.items():
        for regime, status in regimes.items():
            today = status.today
            statuses[material, regime, str(today.status), str(today.decision)] = 1
            if status.change is not None:
                at = datetime.combine(status.change, clock(), ZONES.get(regime, UTC))
                changes[material, regime] = at.timestamp()
    registry.MATERIAL_STATUS.replace(statuses)
    registry.MATERIAL_CHANGE.replace(changes)
