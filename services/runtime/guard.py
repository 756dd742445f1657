"""A last look at decisions before they are written: what must never leave, does not.

The gate asserts the same while it folds; this looks at the finished event, and shares no code with
it. What is found stops the partition, not the log (docs/INVARIANTS.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.decisions import Decided, OrderReleased
from schemas.envelope import Output


@dataclass(frozen=True, slots=True)
class Broken:
    """Which invariant a decision breaks, and how."""

    invariant: str
    text: str


def broken(outputs: Sequence[Output]) -> Broken | None:
    """Look at what a fold says; None where every decision may be written."""
    for output in outputs:
        event = output.event
        found = None
        if isinstance(event, OrderReleased):
            found = _release(event)
        elif isinstance(event, Decided):
            found = _other(event)
        if found is not None:
            return found
    return None


def _release(event: OrderReleased) -> Broken | None:
    """I3: every line × regime is settled, a license is drawn where one settles, time is left."""
    if event.decision != "RELEASED" or event.reasons:
        return Broken("I2", f"{event.key} seq {event.seq}: a release that says {event.decision}")
    drawn = {(each.line_id, each.license_id) for each in event.licenses}
    settled = bool(event.lines)
    for line in event.lines:
        settled = settled and bool(line.regimes)
        for regime, each in line.regimes.items():
            own = {(line.line_id, name) for name in each.license_ids}
            undrawn = each.settled_by == "license" and not (own and own <= drawn)
            if each.settled_by is None or undrawn:
                return Broken("I3", f"{event.key}: line {line.line_id} is open under {regime}")
    if not settled:
        return Broken("I3", f"{event.key}: released without a line or a regime")
    if event.valid_until is None or (
        event.time_basis == "log" and event.valid_until <= event.log_time
    ):
        return Broken("I3", f"{event.key}: released until {event.valid_until}, which is over")
    return None


def _other(event: Decided) -> Broken | None:
    """I2: a hold says why; nothing but a release calls itself one."""
    if event.decision == "RELEASED":
        return Broken("I2", f"{event.key} seq {event.seq}: {type(event).__name__} says RELEASED")
    if event.decision == "HELD" and not event.reasons:
        return Broken("I2", f"{event.key} seq {event.seq}: held for no reason")
    return None
