"""`exportgate holds`: what is held, why, who may settle it, and doing so."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from schemas.decisions import DecisionReason, HoldReason
from schemas.topics import CHECKS, DECISIONS, LICENSES
from services.cli import book
from services.cli.licenses import FREED_BY_LICENSES
from services.cli.licenses import recheck as recheck_all
from services.cli.officer import (
    act_of,
    await_decision,
    has_findings,
    named,
    votes_for_release,
    write_acts,
)
from services.cli.output import OUT, emit, refuse, say, table
from services.cli.rechecks import WITHIN, want_rechecks
from services.hold_release.reasons import ACKNOWLEDGED, SETTLERS, Settler, by_release
from services.runtime.settings import settings

app = typer.Typer(no_args_is_help=True, help="Look at held orders and settle them.")
Json = Annotated[bool, typer.Option("--json", help="JSON instead of words")]
OrderName = Annotated[
    str, typer.Argument(help="source/id, or the id alone where it is unambiguous")
]
Officer = Annotated[str, typer.Option("--officer", help="who acts (not authenticated here)")]
HOW: Final = {
    Settler.OFFICER_FACT: "an officer states what it is, with citation: `holds classify`",
    Settler.TWO_OFFICERS: "a license of the regime routed to, or two officers: `holds release`",
    Settler.LICENSE_AND_TWO_OFFICERS: "a license naming this end user, and two officers: "
    "`holds release`",
    Settler.NOBODY: "nobody; a license (`licenses import`), document or amendment does",
    Settler.GATE: "the gate itself, by determining again: `holds recheck`",
    Settler.NEVER: "nobody",
}


def how(code: HoldReason) -> str:
    """Say who may settle a reason, and by which command."""
    if code in ACKNOWLEDGED:
        return "an officer, by a note that states the fact: `holds release`"
    return HOW[SETTLERS[code]]


def _client() -> Any:
    from services.runtime.client import Client

    return Client(settings(), (CHECKS, DECISIONS, LICENSES))


@app.command("list")
def list_holds(
    reason: Annotated[HoldReason | None, typer.Option(help="only this reason")] = None,
    as_json: Json = False,
) -> None:
    """List held orders, oldest first."""
    held = [d for d in book.decisions(_client()).values() if d.decision == "HELD"]
    if reason is not None:
        held = [d for d in held if any(r.code is reason for r in d.reasons)]
    held.sort(key=lambda d: (d.log_time, d.key))
    if as_json:
        for decision in held:
            emit(decision.model_dump(mode="json", exclude_none=True))
        return
    rows = (
        (d.key, d.revision, d.seq, ", ".join(sorted({r.code.value for r in d.reasons})),
         d.log_time.isoformat(timespec="seconds"))
        for d in held
    )  # fmt: skip
    table(f"{len(held)} orders are held", ("order", "rev", "seq", "reasons", "since"), rows)


@app.command()
def show(order: OrderName, as_json: Json = False) -> None:
    """Show one order: its lines, what holds it, who may settle that, and which licenses miss it."""
    client = _client()
    decision = _find(client, order)
    missed = book.unfit(client, decision) if decision.decision == "HELD" else []
    if as_json:
        emit({**decision.model_dump(mode="json", exclude_none=True), "unfit": missed})
        return
    OUT.print(
        f"[bold]{decision.key}[/bold]  {decision.decision}  revision {decision.revision}  "
        f"seq {decision.seq}  as of {decision.as_of.isoformat(timespec='seconds')}"
    )
    rows = (
        (line.line_id, regime, settled.decision.value, settled.settled_by or "open",
         ", ".join(settled.license_ids))
        for line in decision.lines
        for regime, settled in line.regimes.items()
    )  # fmt: skip
    table("Lines", ("line", "regime", "verdict", "settled by", "licenses"), rows)
    why = ((r.line_id, r.regime, r.code.value, r.text, how(r.code)) for r in decision.reasons)
    if decision.reasons:
        table("Reasons", ("line", "regime", "reason", "what it says", "who settles it"), why)
    if missed:
        columns = ("line", "regime", "license", "reason", "what it lacks")
        table("Licenses that do not fit", columns, (each.values() for each in missed))


def _find(client: Any, order: str) -> Any:
    """Find an order by `source/id`, or by its id alone where that is unambiguous."""
    latest = book.decisions(client)
    if order in latest:
        return latest[order]
    named = [key for key in latest if key.rpartition("/")[2] == order]
    if not named:
        refuse(f"no decision on an order {order}")
    if len(named) > 1:
        refuse(f"{order} is ambiguous: {', '.join(sorted(named))}")
    return latest[named[0]]


def _held(client: Any, order: str) -> Any:
    decision = _find(client, order)
    if decision.decision != "HELD":
        refuse(f"{decision.key} is {decision.decision.lower()}, not held: nothing to settle")
    return decision


@app.command()
def classify(  # noqa: PLR0913 - one option a regime
    order: OrderName,
    line: Annotated[str, typer.Argument(help="its line_id")],
    citation: Annotated[str, typer.Option(help="the authority for it")],
    officer: Officer,
    cn: Annotated[str | None, typer.Option(help="control code, or none")] = None,
    us: Annotated[str | None, typer.Option(help="ECCN, EAR99, or none")] = None,
    eu: Annotated[str | None, typer.Option(help="code of Annex I, or none")] = None,
    cn_gazetted: Annotated[
        str | None, typer.Option(help="code of the gazetted list beside CN, or none")
    ] = None,
    as_json: Json = False,
) -> None:
    """State what an uncertain line is under one or more regimes; it is then determined again."""
    said = {"CN": cn, "CN-GAZETTED": cn_gazetted, "US": us, "EU": eu}
    stated = {regime: code for regime, code in said.items() if code}
    if not stated:
        refuse("state a code for at least one regime: --cn, --cn-gazetted, --us or --eu")
    if not citation.strip():
        refuse("--citation needs the authority for it")
    officer = named(officer)
    client = _client()
    decision = _held(client, order)
    if line not in {known.line_id for known in decision.lines}:
        refuse(f"{decision.key} has no line {line}")
    for regime in stated:
        settled = not_to_classify(decision.reasons, line, regime)
        if settled is not None:
            refuse(f"{decision.key}: {settled}")
    acts = [
        act_of(decision, "classify", officer, note=citation, line_id=line, regime=regime,
               code=code, citation=citation)
        for regime, code in stated.items()
    ]  # fmt: skip
    found = await_decision(
        client, decision, lambda: write_acts(client, acts), assessed=has_findings(acts)
    )
    _tell(decision, found, as_json=as_json)


def not_to_classify(reasons: Sequence[DecisionReason], line: str, regime: str) -> str | None:
    """Say why an officer's classification of a line would settle nothing; None: it may."""
    of_line = [r for r in reasons if (r.line_id, r.regime) == (line, regime)]
    if any(SETTLERS[r.code] is Settler.OFFICER_FACT for r in of_line):
        return None
    if not of_line:
        return f"nothing about line {line} is uncertain under {regime}"
    code = of_line[0].code
    return f"line {line} is held for {code.value} under {regime}. Who settles it: {how(code)}"


@app.command()
def release(
    order: OrderName,
    note: Annotated[str, typer.Option(help="why it may go")],
    officer: Officer,
    as_json: Json = False,
) -> None:
    """Settle what an officer's word settles; overlaps, catch-alls and hits need two officers."""
    officer = named(officer)
    client = _client()
    decision = _held(client, order)
    needed = {by_release(reason.code) for reason in decision.reasons}
    if not any(needed):
        refuse(_cannot(decision))
    others = votes_for_release(client, decision) - {officer} if 2 in needed else set()
    act = act_of(decision, "release", officer, note=note)
    if 1 not in needed and not others:
        write_acts(client, [act])
        _tell_first_of_two(decision, officer, as_json=as_json)
        return
    found = await_decision(client, decision, lambda: write_acts(client, [act]))
    _tell(decision, found, as_json=as_json)


def _cannot(decision: Any) -> str:
    code = decision.reasons[0].code
    return f"{decision.key} is held for {code.value}. Who settles it: {how(code)}"


def _tell_first_of_two(decision: Any, officer: str, *, as_json: bool) -> None:
    """The release of one officer is on record, and changes nothing until another confirms it."""
    if as_json:
        emit(
            {"order": decision.key, "decision": decision.decision, "seq": decision.seq,
             "released_by": [officer], "second_officer_needed": True}
        )  # fmt: skip
    else:
        say(
            f"{decision.key} is still held: the release by {officer} is on record, and a second "
            "officer must confirm it by the same command"
        )


@app.command()
def reject(
    order: OrderName,
    note: Annotated[str, typer.Option(help="why it may not go")],
    officer: Officer,
    as_json: Json = False,
) -> None:
    """Reject a held order, for good."""
    officer = named(officer)
    client = _client()
    decision = _held(client, order)
    act = act_of(decision, "reject", officer, note=note)
    found = await_decision(client, decision, lambda: write_acts(client, [act]))
    _tell(decision, found, as_json=as_json)


def _tell(decision: Any, found: Any, *, as_json: bool) -> None:
    """Print the decision an act led to, or that none came of it."""
    if as_json:
        emit((found or decision).model_dump(mode="json", exclude_none=True))
        return
    if found is None:
        say(f"on record; {decision.key} stays {decision.decision.lower()} as it was")
    shown = found or decision
    OUT.print(
        f"{shown.key}  [bold]{shown.decision}[/bold]  seq {shown.seq}", soft_wrap=True,
        highlight=False,
    )  # fmt: skip
    for reason in shown.reasons:
        where = " ".join(part for part in (reason.line_id, reason.regime) if part)
        OUT.print(f"  {reason.code.value}  {where}  {reason.text}", soft_wrap=True, markup=False,
                  highlight=False)  # fmt: skip


@app.command()
def recheck(
    officer: Officer,
    order: Annotated[str | None, typer.Argument(help="one order; absent: by option")] = None,
    license_id: Annotated[
        str | None,
        typer.Option(
            "--license", help="all it might free: held for want of a license under its regime"
        ),
    ] = None,
    reason: Annotated[HoldReason | None, typer.Option(help="all held for it")] = None,
    as_json: Json = False,
) -> None:
    """Have orders determined again: one, or all held ones that an option names."""
    officer = named(officer)
    if sum(each is not None for each in (order, license_id, reason)) != 1:
        raise typer.BadParameter("name one of an order, --license and --reason")
    client = _client()
    if order is not None:
        _recheck_one(client, _find(client, order), officer, as_json=as_json)
        return
    reasons = FREED_BY_LICENSES if reason is None else frozenset((reason,))
    regime = None if license_id is None else _regime_of(client, license_id)
    count = recheck_all(client, reasons, cause="officer", officer=officer, regime=regime)
    if as_json:
        emit({"rechecks": count})
    else:
        say(f"{count} held orders are checked again")


def _regime_of(client: Any, license_id: str) -> str:
    held = book.licenses(client).get(license_id)
    if held is None or held.license.terms is None:
        refuse(f"no license {license_id} is held")
    return held.license.terms.regime


def _recheck_one(client: Any, decision: Any, officer: str, *, as_json: bool) -> None:
    if decision.decision not in ("HELD", "RELEASED"):
        refuse(f"{decision.key} is {decision.decision.lower()}: nothing to check again")
    found = await_decision(
        client,
        decision,
        lambda: want_rechecks(client, [decision], cause="officer", officer=officer, within=WITHIN),
        assessed=lambda assessed: assessed.check > decision.check,
    )
    _tell(decision, found, as_json=as_json)
