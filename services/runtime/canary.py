"""A synthetic order through the whole pipeline now and then, so that silence is noticed.

Its order source is reserved, its good needs no license, and its id is the slot of time it stands
for: whatever number of instances send it, the log holds one order. Those of earlier slots that the
gate still remembers as open are cancelled. It is measured by the gate that decides it, and counts
as no business.
"""

import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import structlog

from schemas.envelope import derived_id
from schemas.orders import (
    CANARY_SOURCE,
    Exporter,
    OrderCancelled,
    OrderLine,
    OrderParty,
    OrderPlaced,
    Screening,
)
from schemas.topics import ORDERS
from services.runtime.client import record
from services.runtime.codec import Send
from services.runtime.errors import Fatal
from services.runtime.metrics import registry
from services.runtime.metrics.observe import CANARIES
from services.runtime.sink import Sink

log = structlog.get_logger()
GOOD: Final = "Stainless steel hex bolts M8 x 40"


def order_id(slot: int) -> str:
    """Name the canary of a slot of time."""
    return f"canary-{slot}"


def canary(slot: int, every_s: int) -> Send:
    """Make the order of a slot of time."""
    at = datetime.fromtimestamp(slot * every_s, UTC)
    clear = Screening(result="clear", list_version="synthetic", at=at)
    parties = tuple(
        OrderParty.model_validate(
            {"role": role, "name": "Canary Receiver", "country": "DE", "screened": clear}
        )
        for role in ("buyer", "consignee", "end_user")
    )
    line = OrderLine.model_validate(
        {"line_id": "1", "description": GOOD, "hs_code": "731815", "quantity": "1", "unit": "kg",
         "origin": "CN"}
    )  # fmt: skip
    placed = OrderPlaced(
        order_source=CANARY_SOURCE,
        order_id=order_id(slot),
        revision=1,
        exporter=Exporter(id=CANARY_SOURCE, country="CN"),
        destination="DE",
        parties=parties,
        lines=(line,),
    )
    event_id = derived_id("canary", placed.order_id)
    return record(ORDERS, placed.key, placed, event_id=event_id, time=at, source=CANARY_SOURCE)


def cancellations(slot: int, every_s: int, opened: Iterable[str]) -> list[Send]:
    """Cancel the canaries of other slots than this one."""
    at = datetime.fromtimestamp(slot * every_s, UTC)
    sends = []
    for name in sorted(set(opened) - {order_id(slot)}):
        gone = OrderCancelled(
            order_source=CANARY_SOURCE, order_id=name, revision=1, not_shipped=True
        )
        event_id = derived_id("gone", name)
        sends.append(
            record(ORDERS, gone.key, gone, event_id=event_id, time=at, source=CANARY_SOURCE)
        )
    return sends


def start(bootstrap: str, client: str, every_s: int) -> None:
    """Send canaries from a thread of its own; 0 sends none."""
    registry.CANARY_INTERVAL.set(every_s)
    if every_s <= 0:
        return
    sink = Sink(bootstrap, f"{client}-canary")
    threading.Thread(target=_run, args=(sink, every_s), name="canary", daemon=True).start()


def _run(sink: Sink, every_s: int) -> None:
    while True:
        slot = int(time.time()) // every_s
        try:
            sink.send([canary(slot, every_s), *cancellations(slot, every_s, tuple(CANARIES))])
            registry.CANARY_SENT.inc()
        except Fatal as error:
            log.warning("canary not sent", error=str(error))
        time.sleep(max((slot + 1) * every_s - time.time(), 0.0) + 0.01)
