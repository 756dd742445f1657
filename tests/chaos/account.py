"""A second set of books: the `licenses` topic replayed by the checker's own arithmetic.

What was granted is taken from the answers in `orders.checks`; whether it might have been is judged
here, from the terms as they stand at that offset of the log.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from schemas.checks import (
    Answer,
    Balance,
    ReservationAdjusted,
    ReservationConfirmRequested,
    ReservationGranted,
    ReservationPosted,
    ReservationRequested,
    ReservationSettled,
    ReservationVoided,
)
from schemas.fold import EPOCH
from schemas.licenses import (
    BalanceAdjusted,
    LicenseAmended,
    LicenseGranted,
    LicenseReinstated,
    LicenseResolved,
    LicenseRevoked,
    LicenseSuspended,
    LicenseTerms,
)
from schemas.regimes import day_in
from schemas.topics import CHECKS, LICENSES
from tests.chaos.cover import drawn, uncovered
from tests.chaos.found import Violation
from tests.chaos.logs import Entry, Logs

ZERO: Final = Decimal(0)
SAYS: Final = {
    LicenseSuspended: "suspended",
    LicenseReinstated: "active",
    LicenseRevoked: "revoked",
}


@dataclass
class Reserved:
    """One reservation: what was set aside, and what of it has left."""

    order: str
    request: ReservationRequested
    quantity: Decimal
    value: Decimal
    left: Decimal = ZERO
    left_value: Decimal = ZERO
    shipments: set[str] = field(default_factory=set)

    @property
    def open(self) -> tuple[Decimal, Decimal]:
        """What is still set aside."""
        return max(self.quantity - self.left, ZERO), max(self.value - self.left_value, ZERO)


@dataclass
class Account:
    """One license."""

    license_id: str
    terms: LicenseTerms | None = None
    amendment: int = 0
    conflict: bool = False
    changes: list[tuple[int, datetime, str]] = field(default_factory=list)
    unread: set[int] = field(default_factory=set)
    adjusted: set[str] = field(default_factory=set)
    used: Decimal = ZERO
    used_value: Decimal = ZERO
    open: dict[str, Reserved] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    """Voided, or settled to the end."""

    def standing(self, moment: datetime) -> str:
        """Active, suspended, revoked or unknown, at a moment."""
        if self.terms is None or self.unread or self.conflict:
            return "unknown"
        said = [state for _, at, state in sorted(self.changes) if at <= moment]
        states = [str(self.terms.status), *said]
        return "revoked" if "revoked" in states else states[-1]

    def left(self) -> tuple[Decimal | None, Decimal | None]:
        """Authorized less used less reserved, in quantity and value; None without a limit."""
        terms = self.terms
        open_ = [each.open for each in self.open.values()]
        quantity = None if terms is None else terms.quantity
        value = None if terms is None else terms.value
        return (
            None if quantity is None else quantity - self.used - sum((q for q, _ in open_), ZERO),
            None if value is None else value - self.used_value - sum((v for _, v in open_), ZERO),
        )


class Books:
    """All accounts, and what was wrong on the way."""

    def __init__(self, logs: Logs) -> None:
        """Replay the whole topic."""
        self.accounts: dict[str, Account] = {}
        self.wrong: list[Violation] = []
        self.granted_at: dict[tuple[int, int, str], ReservationRequested] = {}
        """(ledger partition, offset, reservation) → the facts it was granted or confirmed on."""
        self._answers = _answers(logs)
        self._seen: set[tuple[str, str]] = set()
        self._repeated = False
        self._log_time: dict[int, datetime] = defaultdict(lambda: EPOCH)
        for each in logs.of(LICENSES):
            self._log_time[each.partition] = max(self._log_time[each.partition], each.at)
            if each.key:
                account = self.accounts.setdefault(each.key, Account(each.key))
                self._apply(account, each, self._log_time[each.partition])

    def _apply(self, account: Account, each: Entry, now: datetime) -> None:
        if each.event is None:
            account.unread.add(each.offset)
            return
        handler = HANDLERS.get(type(each.event))
        if handler is None:
            return
        self._repeated = (each.source, each.id) in self._seen
        self._seen.add((each.source, each.id))
        answers = self._answers[each.partition, each.offset]
        before = account.left()
        handler(self, account, each, answers, now)
        for answer in answers:
            if answer.license_id == each.key:
                self._compare(account, each, answer, before)

    def say(self, invariant: str, each: Entry, text: str) -> None:
        """Note a violation."""
        self.wrong.append(Violation(invariant, f"{each.key} at {each.place}", text))

    def _compare(self, account: Account, each: Entry, answer: Any, before: Any) -> None:
        """Authorized = used + reserved + remaining - overdrawn, as answered and as computed."""
        if not isinstance(answer, ReservationGranted | ReservationPosted):
            return
        over = answer.overdrawn if isinstance(answer, ReservationPosted) else None
        for when, told, own in (
            ("before", answer.balance_before, before),
            ("after", answer.balance_after, account.left()),
        ):
            if _told(told) != tuple(None if left is None else max(left, ZERO) for left in own):
                self.say("I4", each, f"{when}: {_told(told)} remain as answered, {own} in truth")
        short = tuple(max(-(left or ZERO), ZERO) for left in account.left())
        if tuple(x or ZERO for x in _told(over or Balance())) != short:
            self.say("I4", each, f"overdrawn {_told(over or Balance())}, {short} in truth")

    # What each event does

    def requested(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """A grant must be allowed by the terms as they stand here, and fit what remains."""
        asked: ReservationRequested = each.event
        if not answers and not self._repeated:
            self.say("I1", each, f"the request {asked.reservation_id} was never answered")
        for answer in answers:
            if isinstance(answer, ReservationGranted):
                self._granted(account, each, asked, answer, now)

    def _granted(
        self, account: Account, each: Entry, asked: Any, answer: ReservationGranted, now: datetime
    ) -> None:
        rid = asked.reservation_id
        self.granted_at[each.partition, each.offset, rid] = asked
        if answer.result != "granted":
            if rid not in account.open:
                self.say("I4", each, f"{rid} is said to exist, and does not")
            return
        if rid in account.open or rid in account.closed:
            self.say("I4", each, f"{rid} was applied twice")
            return
        faults = list(self._unfit(account, asked, now))
        for fault in faults:
            self.say("I3", each, f"granted {rid}: {fault}")
        if faults or account.terms is None:
            quantity = answer.quantity
        else:
            quantity = drawn(account.terms, asked.quantity, asked.unit, asked.net_weight)
        if quantity != answer.quantity:
            self.say("I4", each, f"granted {answer.quantity}, {quantity} was asked for")
        left, left_value = account.left()
        value = asked.value or ZERO
        if (left is not None and left < quantity) or (
            left_value is not None and left_value < value
        ):
            self.say("I4", each, f"granted {quantity} worth {value}, {left}, {left_value} remained")
        account.open[rid] = Reserved(asked.key, asked, quantity, value)

    def _unfit(self, account: Account, asked: ReservationRequested, now: datetime) -> list[str]:
        moment = asked.as_of if asked.time_basis == "event" else now
        state = account.standing(moment)
        if account.terms is None or state != "active":
            return [f"the license is {state}"]
        today = day_in(account.terms.regime, moment)
        if not account.terms.valid_from <= today <= account.terms.valid_to:
            return [f"not valid on {today}"]
        return list(uncovered(account.terms, asked, now))

    def confirmed(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """What is confirmed must be open, on a license that still stands."""
        rid = each.event.reservation_id
        if not answers and not self._repeated:
            self.say("I1", each, f"the question about {rid} was never answered")
        for answer in answers:
            if not isinstance(answer, ReservationGranted):
                continue
            if rid not in account.open:
                self.say("I4", each, f"{rid} was confirmed, and is not open")
                continue
            asked = account.open[rid].request
            self.granted_at[each.partition, each.offset, rid] = asked
            for fault in self._unfit(account, asked, now):
                self.say("I3", each, f"confirmed {rid}: {fault}")

    def voided(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """What never left is given back, once."""
        del answers, now
        account.open.pop(each.event.reservation_id, None)
        account.closed.add(each.event.reservation_id)

    def settled(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """What left is used, once a shipment."""
        del answers, now
        if self._repeated:
            return
        told: ReservationSettled = each.event
        held = account.open.get(told.reservation_id)
        if held is None:
            self.say("I4", each, f"{told.reservation_id} is settled, and is not open")
            return
        if account.terms is None or told.shipment_id in held.shipments:
            return
        held.shipments.add(told.shipment_id)
        open_quantity, open_value = held.open
        try:
            quantity = drawn(account.terms, told.quantity, told.unit, told.net_weight)
        except ValueError:
            quantity = open_quantity
        value = told.value if told.value is not None else open_value
        held.left, held.left_value = held.left + quantity, held.left_value + value
        account.used, account.used_value = account.used + quantity, account.used_value + value
        if told.final:
            account.closed.add(told.reservation_id)
            del account.open[told.reservation_id]

    def adjusted(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """New totals count where they were accepted."""
        del now
        told: ReservationAdjusted = each.event
        held = account.open.get(told.reservation_id)
        if held is not None and any(getattr(a, "result", "") == "adjusted" for a in answers):
            held.quantity, held.value = told.quantity, told.value or ZERO

    def balance(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """An officer's correction counts once."""
        del answers, now
        told: BalanceAdjusted = each.event
        terms = account.terms
        unit = told.unit is None or (terms is not None and told.unit == terms.unit)
        money = told.currency is None or (terms is not None and told.currency == terms.currency)
        if told.adjustment_id in account.adjusted or not (unit and money):
            return
        account.adjusted.add(told.adjustment_id)
        account.used = max(account.used + (told.quantity or ZERO), ZERO)
        account.used_value = max(account.used_value + (told.value or ZERO), ZERO)

    def entered(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """Entered or amended; another content under the same amendment is a conflict."""
        del answers, now
        told = each.event
        terms = LicenseTerms.model_validate(told.model_dump(include=set(LicenseTerms.model_fields)))
        again = isinstance(told, LicenseGranted) or told.amendment == account.amendment
        if account.terms == terms or told.amendment < account.amendment:
            account.amendment = max(account.amendment, told.amendment)
        elif account.terms is not None and again:
            account.conflict = True
        else:
            account.terms, account.amendment = terms, max(account.amendment, told.amendment)

    def changed(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """Suspended, reinstated, revoked: from a moment on."""
        del answers, now
        told = each.event
        account.changes.append((told.amendment, told.effective_at, SAYS[type(told)]))
        account.amendment = max(account.amendment, told.amendment)

    def resolved(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """An officer's word on a record that could not be read."""
        del answers, now
        account.unread.discard(each.event.unreadable_offset)


def _told(balance: Balance) -> tuple[Decimal | None, Decimal | None]:
    return balance.quantity, balance.value


def _answers(logs: Logs) -> dict[tuple[int, int], list[Any]]:
    """The ledger's answers, by the place in `licenses` that they answer."""
    found: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for each in logs.firsts(CHECKS):
        if isinstance(each.event, Answer):
            found[each.event.ledger_partition, each.event.ledger_offset].append(each.event)
    return found


Handler = Callable[[Books, Account, Entry, list[Any], datetime], None]
HANDLERS: Final[dict[type, Handler]] = {
    ReservationRequested: Books.requested,
    ReservationConfirmRequested: Books.confirmed,
    ReservationVoided: Books.voided,
    ReservationSettled: Books.settled,
    ReservationAdjusted: Books.adjusted,
    BalanceAdjusted: Books.balance,
    LicenseGranted: Books.entered,
    LicenseAmended: Books.entered,
    LicenseSuspended: Books.changed,
    LicenseReinstated: Books.changed,
    LicenseRevoked: Books.changed,
    LicenseResolved: Books.resolved,
}
