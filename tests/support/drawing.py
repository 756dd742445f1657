"""Orders that draw on licenses, brought to where a test of the gate begins."""

from datetime import timedelta

from schemas.checks import ReleaseStale, ReservationRequested
from schemas.decisions import OrderReleased
from schemas.envelope import Output
from tests.support.answers import granted
from tests.support.builders import (
    SOURCE,
    assessed,
    drawing,
    line,
    order,
)
from tests.support.folds import GateRun

DAY = timedelta(days=1)
TWO = order(lines=(line("L1"), line("L2")))


def asked(run: GateRun) -> ReservationRequested:
    return run.sent(ReservationRequested)[-1]


def drawing_run(*licenses: str) -> GateRun:
    run = GateRun()
    run.say(assessed(lines=drawing(*licenses)))
    return run


def released_run(*licenses: str) -> GateRun:
    run = drawing_run(*(licenses or ("cn-1",)))
    run.say(granted(asked(run)))
    assert run.decision == "RELEASED"
    return run


def stale(run: GateRun) -> ReleaseStale:
    return ReleaseStale(order_source=SOURCE, order_id="o1", decision_id=run.last.decision_id)


def values(outputs: tuple[Output, ...]) -> list[bytes | None]:
    return [each.value for each in outputs if isinstance(each.event, OrderReleased)]
