"""`exportgate holds`: what is held, why, who may settle it, and doing so."""

from datetime import timedelta
from typing import Annotated, Any, Final

import typer

from schemas.checks import OfficerDecided, RecheckWanted
from schemas.decisions import DecisionReason, HoldReason
from schemas.envelope import derived_id
from schemas.topics import CHECKS, DECISIONS
from services.cli import book
from services.cli.licenses import recheck as recheck_all
from services.cli.output import ERR, OUT, emit, refuse, say, table
from services.hold_release.reasons import SETTLERS, Settler, by_release
from services.runtime.settings import settings

app = typer.Typer(no_args_is_help=True, help="Look at held orders and settle them.")
Json = Annotated[bool, typer.Option("--json", help="JSON instead of words")]
Officer = Annotated[str, typer.Option("--officer", help="who acts (not authenticated here)")]
ANSWER_WITHIN_S: Final = 15.0
HOW: Final = {
    Settler.OFFICER_FACT: "an officer states it (`holds classify`, or `holds release` for facts "
    "of the order), with citation",
    Settler.TWO_OFFICERS: "a license of the regime routed to, or two officers (`holds release`)",
    Settler.LICENSE_AND_TWO_OFFICERS: "a license naming this end user, and two officers",
    Settler.NOBODY: "a license, document or amendment, and a re-check",
    Settler.GATE: "the gate itself, by determining again",
    Settler.NEVER: "nobody",
}


def _client() -> Any:
    from services.runtime.client import Client

    return Client(settings(), (CHECKS, DECISIONS))


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
def show(order: str, as_json: Json = False) -> None:
    """Show one order: its lines under each regime, what holds it, and who may settle that."""
    decision = _find(_client(), order)
    if as_json:
        emit(decision.model_dump(mode="json", exclude_none=True))
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
    why = (
        (r.line_id, r.regime, r.code.value, r.text, HOW[SETTLERS[r.code]]) for r in decision.reasons
    )
    if decision.reasons:
        table("Reasons", ("line", "regime", "reason", "what it says", "who settles it"), why)


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
def classify(
    order: str,
    line: str,
    citation: Annotated[str, typer.Option(help="the authority for it")],
    officer: Officer,
    cn: Annotated[str | None, typer.Option(help="control code, or none")] = None,
    us: Annotated[str | None, typer.Option(help="ECCN, EAR99, or none")] = None,
    eu: Annotated[str | None, typer.Option(help="code of Annex I, or none")] = None,
    as_json: Json = False,
) -> None:
    """State what a line is under one or more regimes; it is then determined again."""
    stated = {regime: code for regime, code in (("CN", cn), ("US", us), ("EU", eu)) if code}
    if not stated:
        refuse("state a code for at least one regime: --cn, --us or --eu")
    client = _client()
    decision = _held(client, order)
    if line not in {known.line_id for known in decision.lines}:
        refuse(f"{decision.key} has no line {line}")
    acts = [
        _act(decision, "classify", officer, note=citation, line_id=line, regime=regime,
             code=code, citation=citation)
        for regime, code in stated.items()
    ]  # fmt: skip
    _write_and_wait(client, decision, acts, as_json=as_json)


@app.command()
def release(
    order: str,
    note: Annotated[str, typer.Option(help="why it may go")],
    officer: Officer,
    as_json: Json = False,
) -> None:
    """Settle what an officer's word settles; overlaps, catch-alls and hits need two officers."""
    client = _client()
    decision = _held(client, order)
    stuck = [reason for reason in decision.reasons if by_release(reason.code) == 0]
    if stuck:
        refuse(_cannot(decision.key, stuck))
    if any(by_release(reason.code) > 1 for reason in decision.reasons):
        say("this takes two officers: the second confirms by the same command")
    act = _act(decision, "release", officer, note=note)
    _write_and_wait(client, decision, [act], as_json=as_json)


def _cannot(key: str, stuck: list[DecisionReason]) -> str:
    first = stuck[0]
    return f"{key} cannot be released for {first.code.value}: {HOW[SETTLERS[first.code]]}"


@app.command()
def reject(
    order: str,
    note: Annotated[str, typer.Option(help="why it may not go")],
    officer: Officer,
    as_json: Json = False,
) -> None:
    """Reject a held order, for good."""
    client = _client()
    decision = _held(client, order)
    act = _act(decision, "reject", officer, note=note)
    _write_and_wait(client, decision, [act], as_json=as_json)


def _act(decision: Any, action: str, officer: str, **fields: Any) -> OfficerDecided:
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


def _write_and_wait(
    client: Any, decision: Any, acts: list[OfficerDecided], *, as_json: bool
) -> None:
    """Write what an officer did, and show the decision it led to."""
    from services.runtime.client import record

    start = client.end_of(DECISIONS)
    sends = []
    for act in acts:
        # The same officer doing the same to the same decision is one act, however often it is sent.
        parts = (act.action, act.officer, act.line_id or "", act.regime or "", act.code or "")
        event_id = derived_id("officer", act.key, str(act.revision), str(act.seq), *parts)
        sends.append(record(CHECKS, act.key, act, event_id=event_id, time=act.decided_at))
    client.write(sends)
    with ERR.status("waiting for the gate"):
        found = _next_decision(client, decision, start)
    if found is None:
        say("on record; no new decision yet" if not as_json else "")
        if as_json:
            emit({"order": decision.key, "decision": decision.decision, "seq": decision.seq})
    elif as_json:
        emit(found.model_dump(mode="json", exclude_none=True))
    else:
        reasons = ", ".join(sorted({r.code.value for r in found.reasons}))
        OUT.print(f"{found.key}  [bold]{found.decision}[/bold]  seq {found.seq}  {reasons}")


def _next_decision(client: Any, decision: Any, start: dict[int, int]) -> Any:
    from services.runtime.client import events

    for reads in client.follow(DECISIONS, start, for_s=ANSWER_WITHIN_S):
        for read in events(reads):
            same = read.key == decision.key and getattr(read.event, "seq", 0) > decision.seq
            if same:
                return read.event
    return None


@app.command()
def recheck(
    officer: Officer,
    order: Annotated[str | None, typer.Argument(help="one order; absent: by option")] = None,
    license_id: Annotated[str | None, typer.Option("--license", help="naming it")] = None,
    reason: Annotated[HoldReason | None, typer.Option(help="held for it")] = None,
    as_json: Json = False,
) -> None:
    """Have held orders determined again."""
    client = _client()
    if order is not None:
        decision = _find(client, order)
        _recheck_one(client, decision, officer, as_json=as_json)
        return
    if license_id is None and reason is None:
        refuse("name an order, --license or --reason")
    reasons = frozenset((reason,)) if reason else frozenset(HoldReason)
    count = recheck_all(client, reasons, cause="officer", officer=officer, only=license_id)
    if as_json:
        emit({"rechecks": count})
    else:
        say(f"{count} held orders are checked again")


def _recheck_one(client: Any, decision: Any, officer: str, *, as_json: bool) -> None:
    from services.runtime.client import now, record

    if decision.decision not in ("HELD", "RELEASED"):
        refuse(f"{decision.key} is {decision.decision.lower()}: nothing to check again")
    moment = now()
    cause_id = derived_id("recheck", decision.key, str(decision.seq), moment.isoformat())
    event = RecheckWanted(
        order_source=decision.order_source,
        order_id=decision.order_id,
        cause="officer",
        cause_id=cause_id,
        officer=officer,
        recheck_by=moment + timedelta(minutes=5),
    )
    start = client.end_of(DECISIONS)
    client.write([record(CHECKS, decision.key, event, event_id=cause_id, time=moment)])
    found = _next_decision(client, decision, start)
    if as_json:
        emit((found or decision).model_dump(mode="json", exclude_none=True))
    elif found is None:
        say(f"{decision.key} stays {decision.decision.lower()}")
    else:
        say(f"{found.key} is {found.decision.lower()}, seq {found.seq}")
