"""`exportgate licenses`: the license book, in and out."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from schemas.base import Model, plain
from schemas.decisions import HoldReason
from schemas.envelope import derived_id
from schemas.licenses import LicenseAmended, LicenseGranted
from schemas.topics import CHECKS, DECISIONS, LICENSES
from services.cli import book
from services.cli.files import numbered_lines
from services.cli.license_files import FIELDS, BadRow, Row, parse_book, template, to_csv
from services.cli.output import BAD_INPUT, emit, progress, refuse, say, table
from services.cli.rechecks import want_rechecks
from services.license_check.book import utilisation
from services.license_check.terms import fault_of
from services.runtime.settings import settings

app = typer.Typer(no_args_is_help=True, help="Import, export and look at licenses.")
Json = Annotated[bool, typer.Option("--json", help="JSON instead of words")]
FREED_BY_LICENSES = frozenset(
    reason
    for reason in HoldReason
    if reason.value.startswith("LICENSE_") or reason.value.endswith("_MISMATCH")
) | {HoldReason.NO_LICENSE, HoldReason.EUC_MISSING}
"""Reasons that a new or changed license may take away."""


@app.command("import")
def import_book(
    file: Annotated[str, typer.Argument(help="CSV or JSON Lines; - is standard input")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would change")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="import the good rows")] = False,
    wants_template: Annotated[
        bool, typer.Option("--template", help="print an empty book with one example, and stop")
    ] = False,
    as_json: Json = False,
) -> None:
    """Import a license book, then ask for a re-check of the orders it could free, oldest first."""
    from services.runtime.client import Client
    from services.runtime.policies import country_groups

    if wants_template:
        typer.echo(template(), nl=False)
        return
    if not file:
        raise typer.BadParameter("name a file, or ask for a --template")
    rows, faults = parse_book("\n".join(_numbered(file)), country_groups())
    client = Client(settings(), (LICENSES, CHECKS, DECISIONS))
    known = book.licenses(client)
    changes = [(row, _change(row, known)) for row in rows]
    bad = _tell_faults(file, faults, changes)
    new = [change for _, change in changes if isinstance(change, Model)]
    if bad and not partial:
        say(f"{file}: {bad} bad rows, nothing was imported")
        raise typer.Exit(BAD_INPUT)
    rechecks = 0
    if not dry_run:
        _write(client, new)
        if new and not client.await_folded(LICENSES, "ledger", client.end_of(LICENSES)):
            say("the ledger has not taken the licenses up yet; check again later")
        rechecks = recheck(client, FREED_BY_LICENSES, cause="license_import") if new else 0
    told = [_told(change, known) for change in new]
    untaken = _tell_untaken(file, changes, known)
    summary = {
        "file": file, "rows": len(rows), "imported": 0 if dry_run else len(new),
        "would_import": len(new), "unchanged": sum(change is None for _, change in changes),
        "bad": bad, "not_applied": untaken, "rechecks": rechecks, "changes": told,
    }  # fmt: skip
    if dry_run and not as_json:
        table("What would change", ("license", "event", "fields"), (each.values() for each in told))
    if as_json:
        emit(summary)
    else:
        verb = "would be imported" if dry_run else "imported"
        say(f"{file}: {len(new)} licenses {verb}, {rechecks} held orders to be checked again")
    if bad or untaken:
        raise typer.Exit(BAD_INPUT)


def _tell_faults(file: str, faults: list[BadRow], changes: list[Any]) -> int:
    """Name every bad row, by line and column; return how many there are."""
    told = [(fault.line, fault.column, fault.error) for fault in faults]
    told += [(row.line, "amends", why) for row, why in changes if isinstance(why, str)]
    for line, column, error in sorted(told, key=lambda each: each[0]):
        emit({"file": file, "line": line, "column": column, "error": error})
    return len(told)


def _tell_untaken(file: str, changes: list[Any], known: dict[str, book.Held]) -> int:
    """Name every amendment that the books cannot take; return how many there are.

    It is written all the same: its authority allows something else than was drawn, so that the
    license grants nothing more until that is cleared up.
    """
    found = 0
    for row, change in changes:
        held = known.get(row.terms.license_id)
        fault = fault_of(held.license, row.terms) if held and isinstance(change, Model) else None
        if fault is not None:
            found += 1
            text = f"{': '.join(fault)}; the license is unknown until that is cleared up"
            emit({"file": file, "line": row.line, "column": "amends", "error": text})
    return found


def _numbered(file: str) -> list[str]:
    """Keep line numbers: blank lines stay where they were."""
    lines: list[str] = []
    for number, text in numbered_lines(file):
        lines += [""] * (number - 1 - len(lines))
        lines.append(text)
    return lines


def _change(row: Row, known: dict[str, book.Held]) -> Model | str | None:
    """Say what a row does: an event, nothing (None), or why it may not."""
    held = known.get(row.terms.license_id)
    values = row.terms.model_dump()
    if held is None or held.license.terms is None:
        return LicenseGranted.model_validate(values)
    if held.license.terms == row.terms:
        return None
    if row.amends != row.terms.license_id:
        return f"{row.terms.license_id} is held with other content: state it in `amends`"
    amendment = held.license.amendment + 1
    return LicenseAmended.model_validate({**values, "amendment": amendment, "amends": row.amends})


def _told(change: Any, known: dict[str, book.Held]) -> dict[str, Any]:
    """Say what an import does to one license, and which of its fields change."""
    held = known.get(change.license_id)
    before = held.license.terms if held else None
    fields = [
        name
        for name in (*FIELDS, "groups")
        if before is not None and getattr(before, name) != getattr(change, name)
    ]
    return {
        "license_id": change.license_id,
        "event": type(change).__name__,
        "fields": ", ".join(fields),
    }


def _write(client: Any, changes: list[Model]) -> None:
    from services.runtime.client import now, record

    sends = []
    for event in changes:
        license_id = str(event.license_id)  # type: ignore[attr-defined]
        event_id = derived_id("license", event.model_dump_json())
        sends.append(record(LICENSES, license_id, event, event_id=event_id, time=now()))
    with progress() as bar:
        task = bar.add_task("importing", total=len(sends))
        client.write(sends, lambda done: bar.advance(task, done))


def recheck(
    client: Any,
    reasons: frozenset[HoldReason],
    *,
    cause: str,
    officer: str | None = None,
    regime: str | None = None,
) -> int:
    """Ask for a re-check of the orders held for a reason (under a regime), oldest first."""
    held = [
        decision
        for decision in book.decisions(client).values()
        if decision.decision == "HELD"
        and any(
            reason.code in reasons and (regime is None or reason.regime in (None, regime))
            for reason in decision.reasons
        )
    ]
    return want_rechecks(client, held, cause=cause, officer=officer)


@app.command()
def export(
    out: Annotated[Path | None, typer.Option(help="file; absent: stdout")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines instead of CSV")] = False,
) -> None:
    """Write the license book, as `import` takes it."""
    terms = [held.license.terms for held in _book().values() if held.license.terms]
    text = (
        "".join(t.model_dump_json(exclude_none=True) + "\n" for t in terms)
        if as_json
        else to_csv([(t, 0) for t in terms])
    )
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


def _book() -> dict[str, book.Held]:
    from services.runtime.client import Client

    return book.licenses(Client(settings(), (LICENSES,)))


@app.command("list")
def list_licenses(as_json: Json = False) -> None:
    """List licenses with state and balance."""
    from services.runtime.client import now

    rows = [_summary(held, now()) for held in _book().values()]
    if as_json:
        for row in rows:
            emit(row)
        return
    columns = ("license", "regime", "state", "valid to", "used", "reserved", "remaining", "unit")
    table("Licenses", columns, ([row[name] for name in _SHOWN] for row in rows))


_SHOWN = (
    "license_id", "regime", "state", "valid_to", "used", "reserved", "remaining", "unit",
)  # fmt: skip


def _summary(held: book.Held, moment: datetime) -> dict[str, Any]:
    license_ = held.license
    terms = license_.terms
    remaining, left_value = license_.remaining_quantity, license_.remaining_value
    return {
        "license_id": license_.license_id,
        "regime": terms.regime if terms else None,
        "state": license_.standing_at(moment),
        "valid_from": terms.valid_from if terms else None,
        "valid_to": terms.valid_to if terms else None,
        "authorized": plain(terms.quantity) if terms and terms.quantity is not None else None,
        "used": plain(license_.used_quantity),
        "reserved": plain(license_.reserved_quantity),
        "remaining": None if remaining is None else plain(remaining),
        "unit": terms.unit if terms else None,
        "authorized_value": plain(terms.value) if terms and terms.value is not None else None,
        "used_value": plain(license_.used_value),
        "reserved_value": plain(license_.reserved_value),
        "remaining_value": None if left_value is None else plain(left_value),
        "utilisation": _percent(utilisation(license_)),
        "open_reservations": sum(e.state == "open" for e in held.reservations.values()),
    }


def _percent(share: Decimal | None) -> str | None:
    return None if share is None else f"{plain(round(share * 100, 1))} %"


def _cell(value: object) -> object:
    return ", ".join(value) if isinstance(value, list) else value


@app.command()
def show(license_id: str, as_json: Json = False) -> None:
    """Show one license: terms, balance, open reservations, and all that was ever drawn on it."""
    from services.runtime.client import Client, now

    held, history = book.usage(Client(settings(), (LICENSES,)), license_id)
    if held is None:
        refuse(f"no license {license_id} is held")
    terms = held.license.terms
    shown = {
        **(orjson.loads(terms.model_dump_json(exclude_none=True)) if terms else {}),
        **_summary(held, now()),
    }
    opened = [
        {
            "reservation_id": name,
            "order": entry.request.key if entry.request else None,
            "line_id": entry.request.line_id if entry.request else None,
            "quantity": plain(entry.quantity),
            "unit": entry.unit,
            "state": entry.state,
        }
        for name, entry in held.reservations.items()
        if entry.state != "closed"
    ]
    if as_json:
        emit({**shown, "reservations": opened, "history": history})
        return
    table(license_id, ("field", "value"), ((name, _cell(value)) for name, value in shown.items()))
    keys = ("order", "line_id", "quantity", "unit", "state")
    columns = ("order", "line", "quantity", "unit", "state")
    table("Open reservations", columns, ([entry[k] for k in keys] for entry in opened))
    table("Usage", _USAGE, ([entry.get(name) for name in _USAGE] for entry in history))


_USAGE = ("time", "event", "order", "quantity", "unit", "value", "result", "remaining")
