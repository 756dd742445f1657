"""A second set of books: the `licenses` topic replayed by the checker's own arithmetic.

What was granted is taken from the answers in `orders.checks`; whether it might have been is judged
here, from the terms as they stand at that offset of the log.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from schemas.checks import (
    Answer,
    Balance,
    ReservationAdjusted,
    ReservationConfirmRequested,
    ReservationGranted,
    ReservationPosted,
    ReservationRequested,
    ReservationReturned,
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
from tests.chaos.cover import days, ends, uncovered
from tests.chaos.figures import (
    ZERO,
    Account,
    Reserved,
    credit,
    impossible,
    part_granted,
    shipments_allowed,
    value_left,
    what_left,
)
from tests.chaos.found import Violation
from tests.chaos.gone import Gone
from tests.chaos.logs import Entry, Logs
from tests.chaos.measures import drawn, worth
from tests.chaos.proof import proving

SAYS: Final = {
    LicenseSuspended: "suspended",
    LicenseReinstated: "active",
    LicenseRevoked: "revoked",
}


class Books:
    """All accounts, and what was wrong on the way."""

    def __init__(self, logs: Logs) -> None:
        """Replay the whole topic."""
        self.accounts: dict[str, Account] = {}
        self.wrong: list[Violation] = []
        self.granted_at: dict[tuple[int, int, str], ReservationRequested] = {}
        """(ledger partition, offset, reservation) → the facts it was granted or confirmed on."""
        self.until: dict[tuple[int, int, str], datetime] = {}
        """Likewise → when the license was to end then."""
        self.gone = Gone(logs)
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
        if account.terms is not None:
            for answer in answers:
                place = (each.partition, each.offset, answer.reservation_id)
                self.until[place] = ends(account.terms)
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
        if isinstance(answer, ReservationGranted) and answer.result != "granted":
            return  # it stands as it did, whatever was let go beside it
        short = tuple(max(-(left or ZERO), ZERO) for left in account.left())
        if tuple(x or ZERO for x in _told(over or Balance())) != short:
            self.say("I4", each, f"overdrawn {_told(over or Balance())}, {short} in truth")

    # What each event does

    def requested(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """A grant must be allowed by the terms as they stand here, and fit what remains."""
        asked: ReservationRequested = each.event
        account.asked.add(asked.reservation_id)
        if not answers and not self._repeated:
            self.say("I1", each, f"the request {asked.reservation_id} was never answered")
        for answer in answers:
            if isinstance(answer, ReservationGranted):
                self._granted(account, each, asked, answer, now)

    def _granted(
        self, account: Account, each: Entry, asked: Any, answer: ReservationGranted, now: datetime
    ) -> None:
        rid = asked.reservation_id
        if answer.result != "granted":
            held = account.open.get(rid)
            if held is None:
                self.say("I4", each, f"{rid} is said to exist, and does not")
            else:
                self.granted_at[each.partition, each.offset, rid] = held.request
            return
        if rid in account.open or rid in account.closed:
            self.say("I4", each, f"{rid} was applied twice")
            return
        faults = list(self._unfit(account, asked, now))
        for fault in faults:
            self.say("I3", each, f"granted {rid}: {fault}")
        facts, whole = part_granted(asked, answer), answer.result == "granted" and not asked.partial
        quantity, value = answer.quantity, asked.value or ZERO
        if not faults and account.terms is not None:
            quantity = drawn(account.terms, asked if whole else facts)
            value = worth(account.terms, asked, facts.value) or ZERO
        limited = account.terms is not None and account.terms.value is not None
        told = (answer.value or ZERO) if limited else value
        if (quantity, value) != (answer.quantity, told) and whole:
            self.say("I4", each, f"granted {answer.quantity}, {quantity} was asked for")
        if not whole:
            # A part is cut to what remains; its rounding may differ in the last places alone.
            near = abs(quantity - answer.quantity) + abs(value - told) < Decimal("0.000001")
            if not near or facts.quantity > asked.quantity:
                self.say("I4", each, f"a part of {answer.quantity}, {quantity} by its own figures")
            quantity, value = answer.quantity, told
        left, left_value = account.left()
        if (left is not None and left < quantity) or (
            left_value is not None and left_value < value
        ):
            self.say("I4", each, f"granted {quantity} worth {value}, {left}, {left_value} remained")
        self.granted_at[each.partition, each.offset, rid] = facts
        documents = [] if account.terms is None else proving(
            account.terms, asked, days(asked, now), account.under_documents()
        )  # fmt: skip
        account.open[rid] = Reserved(
            asked.key, facts, quantity, value, whole=asked, documents=documents
        )

    def _unfit(self, account: Account, asked: ReservationRequested, now: datetime) -> list[str]:
        moment = asked.as_of if asked.time_basis == "event" else now
        state = account.standing(moment)
        if account.terms is None or state != "active":
            return [f"the license is {state}"]
        today = day_in(account.terms.regime, moment)
        if not account.terms.valid_from <= today <= account.terms.valid_to:
            return [f"not valid on {today}"]
        used = account.under_documents(asked.reservation_id)
        found = list(uncovered(account.terms, asked, now, used))
        most = shipments_allowed(account.terms)
        others = {held.order for held in account.open.values() if any(held.open)} - {asked.key}
        shipped = {
            (held.request.order_source, shipment)
            for held in (*account.open.values(), *account.gone.values())
            for shipment in held.wholes
        }
        standing = account.open.get(asked.reservation_id)
        if standing is not None:  # it stands, whoever came after it
            others, most = set(), most if any(standing.open) else None
        if most is not None and len(others) + len(shipped) >= most:
            found.append(f"all {most} shipments are made or set aside")
        return found

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
        held = account.open.pop(each.event.reservation_id, None)
        if held is not None:
            account.gone[each.event.reservation_id] = held
        account.closed.add(each.event.reservation_id)

    def settled(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """What left is used, once a shipment."""
        del answers, now
        if self._repeated:
            return
        told: ReservationSettled = each.event
        rid = told.reservation_id
        held = account.open.get(rid) or account.gone.get(rid)
        if held is None:
            if rid not in account.asked:
                self.say("I4", each, f"{rid} is settled, and was never asked for")
            return
        if account.terms is None or told.shipment_id in held.shipments:
            return
        held.shipments.add(told.shipment_id)
        held.wholes.add(told.of_shipment or told.shipment_id)
        quantity = what_left(account.terms, held, told)
        quantity = held.open[0] if quantity is None else quantity
        value = value_left(account.terms, held, told)
        value = held.open[1] if value is None else value
        held.left, held.left_value = held.left + quantity, held.left_value + value
        account.used, account.used_value = account.used + quantity, account.used_value + value
        if told.final:
            account.closed.add(rid)
            account.gone[rid] = held
            account.open.pop(rid, None)

    def returned(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """What came back is credited where the terms say so, and never more than left."""
        del now
        told: ReservationReturned = each.event
        rid = told.reservation_id
        held = account.open.get(rid) or account.gone.get(rid)
        if held is None or account.terms is None or told.return_id in held.returns:
            return
        credited = any(getattr(answer, "result", "") == "credited" for answer in answers)
        if not credited:
            return
        held.returns.add(told.return_id)
        quantity = what_left(account.terms, held, told)
        if account.terms.return_credit != "automatic" or told.shipment_id not in held.wholes:
            self.say("I4", each, f"{told.return_id} was credited against the terms")
        if quantity is None or quantity > held.left:
            self.say("I4", each, f"{quantity} came back of {held.left}")
            return
        share = Fraction(held.left_value) * Fraction(quantity) / Fraction(held.left or 1)
        value = credit(account.terms, held, told, share)
        held.left, held.left_value = held.left - quantity, held.left_value - value
        held.quantity = max(held.quantity - quantity, ZERO)
        held.value = max(held.value - value, ZERO)
        account.used, account.used_value = account.used - quantity, account.used_value - value

    def adjusted(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """New totals count where they were accepted, and must fit what remains beside the old."""
        told: ReservationAdjusted = each.event
        held = account.open.get(told.reservation_id)
        accepted = any(getattr(a, "result", "") == "adjusted" for a in answers)
        if held is None or account.terms is None or not accepted or self._repeated:
            if held is not None and any(getattr(a, "result", "") == "exists" for a in answers):
                place = (each.partition, each.offset, told.reservation_id)
                self.granted_at[place] = held.request
            return
        facts = held.request.model_copy(
            update={
                "quantity": told.quantity, "value": told.value,
                "net_weight": told.net_weight or held.request.net_weight,
                "gross_weight": told.gross_weight or held.request.gross_weight,
                "order_value": told.order_value or held.request.order_value,
                "conversions": told.conversions or held.request.conversions,
                "answer_by": now if told.conversions else held.request.answer_by,
            }
        )  # fmt: skip
        for fault in self._unfit(account, facts, now):
            self.say("I3", each, f"adjusted {told.reservation_id}: {fault}")
        before = account.left()
        held.quantity, held.whole = drawn(account.terms, facts), facts
        held.value = worth(account.terms, facts, told.value) or ZERO
        held.request = facts
        for was, left in zip(before, account.left(), strict=True):
            if was is not None and left is not None and left < ZERO and left < was:
                self.say("I4", each, f"adjusted beyond what remains: {left}")
        self.granted_at[each.partition, each.offset, told.reservation_id] = facts

    def balance(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """An officer's correction counts once, and gives back no more than is used."""
        del answers, now
        told: BalanceAdjusted = each.event
        terms = account.terms
        unit = told.quantity is None or told.unit in (None, terms.unit if terms else None)
        money = told.value is None or told.currency in (None, terms.currency if terms else None)
        used = account.used + (told.quantity or ZERO)
        value = account.used_value + (told.value or ZERO)
        fits = unit and money and min(used, value) >= ZERO
        if told.adjustment_id in account.adjusted or not fits:
            return
        account.adjusted.add(told.adjustment_id)
        account.used, account.used_value = used, value

    def entered(self, account: Account, each: Entry, answers: list[Any], now: datetime) -> None:
        """Entered or amended; another content under the same amendment is a conflict."""
        del answers, now
        told = each.event
        terms = LicenseTerms.model_validate(told.model_dump(include=set(LicenseTerms.model_fields)))
        again = isinstance(told, LicenseGranted) or told.amendment == account.amendment
        if account.terms == terms or told.amendment < account.amendment:
            if account.terms == terms and isinstance(told, LicenseAmended):
                self._taken(account, terms, told.amendment)
        elif told.amendment in account.disputed.values():
            return
        elif account.terms is not None and again:
            account.conflict = True
        elif impossible(account, terms):
            if isinstance(told, LicenseAmended):
                account.disputed[each.offset] = told.amendment
        else:
            self._taken(account, terms, told.amendment)

    def _taken(self, account: Account, terms: LicenseTerms, amendment: int) -> None:
        if amendment > account.amendment:
            account.conflict, account.disputed = False, {}
        account.terms, account.amendment = terms, max(account.amendment, amendment)

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
        account.disputed.pop(each.event.unreadable_offset, None)


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
    ReservationReturned: Books.returned,
    ReservationAdjusted: Books.adjusted,
    BalanceAdjusted: Books.balance,
    LicenseGranted: Books.entered,
    LicenseAmended: Books.entered,
    LicenseSuspended: Books.changed,
    LicenseReinstated: Books.changed,
    LicenseRevoked: Books.changed,
    LicenseResolved: Books.resolved,
}
