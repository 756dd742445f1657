"""Have the open and released orders determined again that something new may concern."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from schemas.checks import RecheckWanted
from schemas.envelope import derived_id
from schemas.topics import CHECKS, CLASSIFIED, DECISIONS, ORDERS

TOPICS: Final = (ORDERS, CLASSIFIED, CHECKS, DECISIONS)
"""What a connection must know to ask for re-checks."""
STAGES: Final = ((ORDERS, "classification"), (CLASSIFIED, "determine"), (CHECKS, "gate"))
WITHIN: Final = timedelta(minutes=5)
"""How long a standing release may rest on what is no longer so."""
OPEN: Final = ("HELD", "RELEASED")


def await_decided(client: Any) -> str | None:
    """Wait until every order now on its way has been decided; name the stage that is late.

    Such an order may still rest on what was known before, and is open from then on.
    """
    for topic, stage in STAGES:
        if not client.await_folded(topic, stage, client.end_of(topic)):
            return stage
    return None


def want_rechecks(
    client: Any,
    decisions: Iterable[Any],
    *,
    cause: str,
    officer: str | None = None,
    within: timedelta | None = None,
) -> int:
    """Ask for a re-check of the open and released among orders, oldest first; count them.

    `within`: without a new determination by then the gate holds the order.
    """
    from services.runtime.client import now, record

    moment = now()
    sends = []
    open_ = [decision for decision in decisions if decision.decision in OPEN]
    for decision in sorted(open_, key=lambda d: (d.log_time, d.key)):
        cause_id = derived_id("recheck", decision.key, str(decision.seq), moment.isoformat())
        event = RecheckWanted(
            order_source=decision.order_source,
            order_id=decision.order_id,
            revision=decision.revision,
            check=decision.check,
            cause=cause,
            cause_id=cause_id,
            officer=officer,
            recheck_by=None if within is None else moment + within,
        )
        sends.append(record(CHECKS, decision.key, event, event_id=cause_id, time=moment))
    client.write(sends)
    return len(sends)
