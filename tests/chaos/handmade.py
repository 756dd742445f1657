"""A small log made by hand: one order, one license, all as it must be; tests spoil it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from schemas.base import Model
from schemas.checks import (
    Balance,
    OrderAssessed,
    ReservationGranted,
    ReservationPosted,
    ReservationRequested,
    ReservationVoided,
)
from schemas.classification import Verdict
from schemas.decisions import (
    ChainLink,
    DecidedLine,
    DecidedRegime,
    DecisionReason,
    DrawnLicense,
    HoldReason,
    OrderClosed,
    OrderHeld,
    OrderRejected,
    OrderReleased,
)
from schemas.envelope import headers
from schemas.events import BY_MODEL, encode
from schemas.fold import GENESIS
from schemas.orders import OrderPlaced
from schemas.topics import CHECKS, DECISIONS, LICENSES, ORDERS, dead_letters
from tests.chaos.checker import check
from tests.chaos.logs import Entry, Logs, entry, logs_of
from tests.support import builders as make

KEY: Final = make.KEY
LICENSE: Final = "cn-1"
SECOND: Final = timedelta(seconds=1)


@dataclass
class Handmade:
    """Records in the order they were written; partition 0 of every topic."""

    entries: list[Entry] = field(default_factory=list)
    now: datetime = make.T0
    chain: int = 0
    prev: str = GENESIS
    seq: int = 0

    def logs(self) -> Logs:
        """What the checker reads."""
        return logs_of(self.entries)

    def put(
        self,
        topic: str,
        key: str,
        event: Model | None,
        *,
        cause: str | None = None,
        source: str = "/exportgate/gate",
        event_id: str | None = None,
        spoil: Callable[[bytes], bytes] = bytes,
        extra: tuple[tuple[str, bytes], ...] = (),
    ) -> Entry:
        """Append one record, a second after the last; `spoil` changes the bytes after signing."""
        self.now += SECOND
        offset = sum(each.topic == topic for each in self.entries)
        value = b"not JSON" if event is None else encode(event)
        kind = OrderPlaced if event is None else type(event)
        named = headers(
            event_id=event_id or f"{topic}-{offset}", source=source,
            event_type=BY_MODEL[kind].name, time=self.now.isoformat(), value=value, cause=cause,
        )  # fmt: skip
        made = entry(topic, 0, offset, key.encode(), spoil(value), (*named, *extra), self.now)
        self.entries.append(made)
        return made

    def place(self, order_id: str = "o1", **changes: Any) -> Entry:
        """An order is accepted."""
        placed = OrderPlaced.model_validate(make.order(order_id, **changes).model_dump())
        return self.put(ORDERS.name, placed.key, placed, source="erp")

    def assess(self, regimes: Any = None, **changes: Any) -> Entry:
        """It needs a license in China, unless told otherwise."""
        whole = make.order()
        event: OrderAssessed = make.assessed(
            whole, regimes or make.drawing(LICENSE), as_of=make.T0, **changes
        )
        return self.put(CHECKS.name, KEY, event, cause=f"{ORDERS.name}/0/0")

    def license(self, **changes: Any) -> Entry:
        """The license enters the book."""
        granted = make.license_granted(LICENSE, **changes)
        return self.put(LICENSES.name, LICENSE, granted, source="office")

    def request(self, rid: str = "r1", **changes: Any) -> Entry:
        """The gate asks for what the line needs."""
        fields = {"value": Decimal(1000), "currency": "USD", **changes}
        fields.setdefault("item", make.CLEAR.item)
        asked: ReservationRequested = make.requested(rid, **fields)
        return self.put(LICENSES.name, LICENSE, asked)

    def grant(
        self,
        rid: str = "r1",
        *,
        at: int = 1,
        before: str = "100",
        after: str = "90",
        **changes: Any,
    ) -> Entry:
        """The ledger answers what stands at an offset of `licenses`."""
        fields = {
            **make.of_reservation(rid), "line_id": "L1", "regime": "CN", "ledger_partition": 0,
            "ledger_offset": at, "result": "granted", "quantity": "10", "unit": "kg",
            "valid_to": make.terms().valid_to, "balance_before": _left(before),
            "balance_after": _left(after), **changes,
        }  # fmt: skip
        event = ReservationGranted.model_validate(fields)
        return self.put(
            CHECKS.name, event.key, event, source="/exportgate/ledger",
            cause=f"{LICENSES.name}/0/{at}",
        )  # fmt: skip

    def post(self, rid: str, operation: str, at: int, before: str, after: str) -> Entry:
        """The ledger answers a void or a settlement."""
        fields = {
            **make.of_reservation(rid), "line_id": "L1", "regime": "CN", "ledger_partition": 0,
            "ledger_offset": at, "operation": operation, "result": "done",
            "balance_before": _left(before), "balance_after": _left(after),
        }  # fmt: skip
        event = ReservationPosted.model_validate(fields)
        return self.put(CHECKS.name, event.key, event, source="/exportgate/ledger")

    def _decide(self, after: Entry, model: Any, **changes: Any) -> Entry:
        self.seq += 1
        fields = {
            "order_source": "erp", "order_id": "o1", "revision": 1, "check": 0,
            "order_digest": "d", "seq": self.seq, "decision_id": f"d{self.seq}",
            "as_of": make.T0, "log_time": after.at, "time_basis": "log", "engine": "test/1",
            "caused_by": after.place,
            "chain": ChainLink(partition=0, index=self.chain, prev=self.prev), **changes,
        }  # fmt: skip
        made = self.put(
            DECISIONS.name, KEY, model(**fields), cause=after.place,
            event_id=str(fields["decision_id"]),
        )  # fmt: skip
        self.chain += 1
        self.prev = hashlib.sha256(made.value or b"").hexdigest()
        return made

    def release(self, cause: Entry, **changes: Any) -> Entry:
        """Release on the license."""
        regimes = {
            "CN": DecidedRegime(decision=Verdict.LICENSE_REQUIRED, settled_by="license",
                                license_ids=(LICENSE,)),
            "US": DecidedRegime(decision=Verdict.NO_LICENSE_REQUIRED, settled_by="none"),
            "EU": DecidedRegime(decision=Verdict.NO_LICENSE_REQUIRED, settled_by="none"),
        }  # fmt: skip
        drawn = DrawnLicense(
            license_id=LICENSE, line_id="L1", regime="CN", quantity=Decimal(10), unit="kg",
            ledger_partition=0, ledger_offset=1,
        )  # fmt: skip
        fields = {
            "decision": "RELEASED", "valid_until": make.T0 + timedelta(days=30),
            "lines": (DecidedLine(line_id="L1", regimes=regimes),), "licenses": (drawn,),
            **changes,
        }  # fmt: skip
        return self._decide(cause, OrderReleased, **fields)

    def hold(self, cause: Entry, code: HoldReason = HoldReason.AMENDED, **changes: Any) -> Entry:
        """Hold."""
        why = (DecisionReason(code=code, text="because"),)
        return self._decide(cause, OrderHeld, decision="HELD", reasons=why, **changes)

    def close(self, cause: Entry, kind: str = "cancelled") -> Entry:
        """End it as shipped or cancelled."""
        return self._decide(cause, OrderClosed, decision="CLOSED", cause=kind)

    def reject(self, cause: Entry) -> Entry:
        """End it as refused."""
        return self._decide(cause, OrderRejected, decision="REJECTED")


def _left(quantity: str) -> Balance:
    return Balance(quantity=Decimal(quantity), unit="kg")


def released() -> tuple[Handmade, Entry]:
    """One order released on one license; and the record that completed it."""
    made = Handmade()
    made.license()
    made.place()
    made.assess()
    made.request()
    grant = made.grant()
    made.release(grant)
    return made, grant


def void_of(cause: str = "-") -> ReservationVoided:
    """Give the usual reservation back."""
    return make.void("r1").model_copy(update={"cause": cause})


def dead_letter_of(made: Handmade, bad: Any) -> None:
    """Put a record among the dead letters."""
    named = {"topic": bad.topic, "partition": str(bad.partition), "offset": str(bad.offset)}
    extra = tuple((f"kafka_dlt-original-{k}", v.encode()) for k, v in named.items())
    letter = replace(
        bad, topic=f"{bad.topic}.dlt", offset=len(made.entries), headers=(*bad.headers, *extra)
    )
    assert letter.topic in {dead_letters(ORDERS).name, dead_letters(LICENSES).name}
    made.entries.append(letter)


def broken(made: Handmade) -> set[str]:
    """The invariants that the checker says are broken."""
    return set(check(made.logs()).counts)
