"""`exportgate licenses adjust | unassign | reevaluate`: what officers do about a license."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from schemas.base import plain
from schemas.decisions import HoldReason
from schemas.envelope import derived_id
from schemas.licenses import BalanceAdjusted
from schemas.topics import CHECKS, DECISIONS, LICENSES
from services.cli import book
from services.cli.licenses import FREED_BY_LICENSES, app
from services.cli.officer import act_of, await_decision, named, write_acts
from services.cli.output import emit, refuse, say
from services.cli.rechecks import want_rechecks
from services.runtime.settings import settings

Json = Annotated[bool, typer.Option("--json", help="JSON instead of words")]
Officer = Annotated[str, typer.Option("--officer", help="who acts (not authenticated here)")]
Note = Annotated[str, typer.Option("--note", help="why, in words")]


def register() -> typer.Typer:
    """Give the group of commands with those of this file in it."""
    return app


def _client() -> Any:
    from services.runtime.client import Client

    return Client(settings(), (LICENSES, CHECKS, DECISIONS))


def _held(client: Any, license_id: str) -> book.Held:
    held, _ = book.usage(client, license_id)
    if held is None or held.license.terms is None:
        refuse(f"no license {license_id} is held")
    return held


def _number(name: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not number:
        raise typer.BadParameter(f"{name} {text!r} is no amount; negative gives back")
    return number


@app.command()
def adjust(
    license_id: str,
    officer: Officer,
    note: Note,
    document: Annotated[str, typer.Option("--document", help="the authority's document")],
    quantity: Annotated[str | None, typer.Option(help="more used; negative: credited")] = None,
    value: Annotated[str | None, typer.Option(help="likewise, in the license's currency")] = None,
    as_json: Json = False,
) -> None:
    """Correct what is used of a license, naming the authority's document."""
    client = _client()
    terms = _held(client, license_id).license.terms
    assert terms is not None, "checked above"
    amount, money = _number("--quantity", quantity), _number("--value", value)
    if amount is None and money is None:
        raise typer.BadParameter("name a --quantity, a --value or both")
    if not document.strip():
        raise typer.BadParameter("--document needs the number of the authority's document")
    parts = (license_id, document, str(amount), str(money), note)
    event = BalanceAdjusted(
        adjustment_id=derived_id("adjustment", *parts),
        license_id=license_id,
        quantity=amount,
        unit=terms.unit if amount is not None else None,
        value=money,
        currency=terms.currency if money is not None else None,
        document=document,
        officer=named(officer),
        note=note,
    )
    _write(client, license_id, event)
    held, history = book.usage(client, license_id)
    assert held is not None, "held before"
    balance = held.license.balance()
    left = {
        "license_id": license_id,
        "adjustment_id": event.adjustment_id,
        "applied": event.adjustment_id in held.license.adjustments,
        "used": plain(held.license.used_quantity),
        "used_value": plain(held.license.used_value),
        "remaining": None if balance.quantity is None else plain(balance.quantity),
    }
    if not left["applied"]:
        own = [each for each in history if each["event"] == BalanceAdjusted.__name__]
        refuse(f"{license_id}: not applied: {own[-1]['result'] if own else 'not on record'}")
    if as_json:
        emit(left)
    else:
        say(f"{license_id}: {left['used']} {terms.unit or ''} used, {left['remaining']} remain")


def _write(client: Any, license_id: str, event: BalanceAdjusted) -> None:
    from services.runtime.client import now, record

    client.write([record(LICENSES, license_id, event, event_id=event.adjustment_id, time=now())])


@app.command()
def unassign(
    license_id: str,
    order: Annotated[str, typer.Argument(help="source/id of the order")],
    officer: Officer,
    note: Note,
    line: Annotated[str | None, typer.Option("--line", help="this line only")] = None,
    as_json: Json = False,
) -> None:
    """Take a license off an order: it is held, or draws on the next license that covers."""
    client = _client()
    decision = book.decisions(client).get(order)
    if decision is None:
        refuse(f"no order {order} was decided")
    if decision.decision not in ("RELEASED", "HELD"):
        refuse(f"{order} is {decision.decision}: nothing is drawn any more")
    act = act_of(
        decision, "unassign", named(officer), line_id=line, fact="license", value=license_id,
        note=note,
    )  # fmt: skip
    found = await_decision(client, decision, lambda: write_acts(client, [act]))
    told = {
        "order": order,
        "license_id": license_id,
        "decision": found.decision if found else decision.decision,
        "seq": found.seq if found else decision.seq,
        "changed": found is not None,
    }
    if as_json:
        emit(told)
    else:
        say(f"{order}: {told['decision']}{'' if found else ' (nothing changed)'}")


@app.command()
def reevaluate(license_id: str, officer: Officer, as_json: Json = False) -> None:
    """Have every order that draws on a license, or could, determined again."""
    client = _client()
    held = _held(client, license_id)
    drawing = {
        entry.request.key
        for entry in held.reservations.values()
        if entry.request is not None and entry.state != "closed"
    }
    terms = held.license.terms
    assert terms is not None, "checked above"
    decided = book.decisions(client)
    waiting = {
        key
        for key, decision in decided.items()
        if decision.decision == "HELD"
        and any(
            reason.code in FREED_BY_LICENSES and reason.regime in (None, terms.regime)
            for reason in decision.reasons
            if isinstance(reason.code, HoldReason)
        )
    }
    orders = [decided[key] for key in sorted(drawing | waiting) if key in decided]
    count = want_rechecks(client, orders, cause=f"license {license_id}", officer=named(officer))
    if as_json:
        emit({"license_id": license_id, "drawing": len(drawing), "rechecks": count})
    else:
        say(f"{license_id}: {count} orders to be determined again")
