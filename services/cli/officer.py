"""An officer's act on the log, and the decision it leads to."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from schemas.checks import OfficerDecided, OrderAssessed
from schemas.decisions import Decided
from schemas.envelope import derived_id
from schemas.orders import Finding
from schemas.topics import CHECKS, DECISIONS
from services.cli.output import ERR, refuse

ANSWER_WITHIN_S: Final = 15.0
QUIET_S: Final = 2.0
"""After a new determination: how long the ledger may take until the gate has nothing to say."""
Assessed = Callable[[OrderAssessed], bool]


def named(officer: str) -> str:
    """Refuse an officer without a name."""
    if not officer.strip():
        refuse("--officer needs a name")
    return officer.strip()


def act_of(decision: Any, action: str, officer: str, **fields: Any) -> OfficerDecided:
    """Make an act upon the decision that stands; the gate takes it only while it does."""
    from services.runtime.client import now

    return OfficerDecided.model_validate(
        {
            "order_source": decision.order_source,
            "order_id": decision.order_id,
            "revision": decision.revision,
            "seq": decision.seq,
            "action": action,
            "officer": officer,
            "decided_at": now(),
            **fields,
        }
    )


def votes_for_release(client: Any, decision: Any) -> set[str]:
    """Name the officers whose release of this very decision is on record."""
    from services.runtime.client import events

    return {
        event.officer
        for record in events(client.read_key(CHECKS, decision.key))
        if isinstance(event := record.event, OfficerDecided)
        and (event.action, event.revision, event.seq)
        == ("release", decision.revision, decision.seq)
    }


def write_acts(client: Any, acts: Sequence[OfficerDecided]) -> None:
    """Write acts and wait until they are on record."""
    from services.runtime.client import record

    sends = []
    for act in acts:
        # The same officer doing the same to the same decision is one act, however often it is sent.
        parts = (act.action, act.officer, act.line_id or "", act.regime or "", act.code or "")
        event_id = derived_id("officer", act.key, str(act.revision), str(act.seq), *parts)
        sends.append(record(CHECKS, act.key, act, event_id=event_id, time=act.decided_at))
    client.write(sends)


def has_findings(acts: Sequence[OfficerDecided]) -> Assessed:
    """Tell a determination that knows all of these acts from an earlier one."""
    wanted = [(act.line_id, act.regime, act.code, act.decided_at) for act in acts]

    def knows(assessed: OrderAssessed) -> bool:
        return all(each in map(_statement, assessed.findings) for each in wanted)

    return knows


def _statement(finding: Finding) -> tuple[object, ...]:
    return finding.line_id, finding.regime, finding.code, finding.decided_at


def await_decision(
    client: Any, decision: Any, act: Callable[[], object], *, assessed: Assessed | None = None
) -> Any:
    """Act, then return the newest decision on the order; None where the act changed nothing.

    With `assessed` the order is determined again first: a decision counts from that determination
    on, and the gate writes none where the order stays held for the same reasons.
    """
    places = {topic: client.end_of(topic) for topic in (DECISIONS, CHECKS)}
    act()
    newest, check = None, None if assessed is not None else 0
    deadline = time.monotonic() + ANSWER_WITHIN_S
    follows = {topic: client.follow(topic, place) for topic, place in places.items()}
    with ERR.status("waiting for the gate"):
        while time.monotonic() < deadline:
            if check is None and assessed is not None:
                check = _check_of(next(follows[CHECKS]), decision.key, assessed)
                deadline = deadline if check is None else time.monotonic() + QUIET_S
            newest = _newest(next(follows[DECISIONS]), decision, newest)
            if newest is not None and check is not None and newest.check >= check:
                return newest
    return newest


def _check_of(reads: list[Any], key: str, wanted: Assessed) -> int | None:
    from services.runtime.client import events

    for record in events(reads):
        event = record.event
        if record.key == key and isinstance(event, OrderAssessed) and wanted(event):
            return event.check
    return None


def _newest(reads: list[Any], decision: Any, newest: Any) -> Any:
    from services.runtime.client import events

    for record in events(reads):
        event = record.event
        if record.key == decision.key and isinstance(event, Decided):
            newest = event if event.seq > (newest or decision).seq else newest
    return newest
