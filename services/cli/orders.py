"""`exportgate orders`: submit a file, generate one, watch decisions."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from schemas.topics import DECISIONS, ORDERS
from services.cli.files import numbered_lines
from services.cli.order_files import parse_events, parse_lines
from services.cli.output import BAD_INPUT, emit, progress, say
from services.runtime.settings import settings

app = typer.Typer(no_args_is_help=True, help="Submit, generate and watch orders.")
Json = Annotated[bool, typer.Option("--json", help="one JSON object instead of words")]


@app.command()
def submit(
    file: Annotated[str, typer.Argument(help="JSON Lines; - is standard input")],
    lines: Annotated[bool, typer.Option("--lines", help="the file has lines of `check`")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="check the file, send nothing")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a whole file of order events, then send it; a file with a fault is refused whole."""
    from services.runtime.client import Client, record

    events, faults = (parse_lines if lines else parse_events)(numbered_lines(file))
    for fault in faults:
        emit({"file": file, "line": fault.line, "field": fault.field, "error": fault.error})
    if faults:
        say(f"{file}: {len(faults)} faults, nothing was sent")
        raise typer.Exit(BAD_INPUT)
    if not dry_run:
        client = Client(settings(), (ORDERS,))
        sends = [
            record(ORDERS, e.key, e.event, event_id=e.id, time=e.time, source=e.source)
            for e in events
        ]
        with progress() as bar:
            task = bar.add_task("sending", total=len(sends))
            client.write(sends, lambda done: bar.advance(task, done))
        client.close()
    result = {"file": file, "events": len(events), "sent": 0 if dry_run else len(events)}
    if as_json:
        emit(result)
    else:
        say(f"{file}: {len(events)} events are good" + ("" if dry_run else ", and sent"))


@app.command()
def generate(
    seed: Annotated[int, typer.Option(help="equal seeds make equal files")] = 1,
    count: Annotated[int, typer.Option(min=1, help="orders")] = 1_000,
    out: Annotated[Path | None, typer.Option(help="file of events; absent: stdout")] = None,
    licenses: Annotated[Path | None, typer.Option(help="file of the licenses they need")] = None,
) -> None:
    """Make realistic orders dated June 2026, and the license book that covers some of them."""
    from services.generator.scenario import scenario

    made = scenario(seed, count)
    text = b"".join(orjson.dumps(event.as_line()) + b"\n" for event in made.events)
    if out is None:
        typer.get_binary_stream("stdout").write(text)
    else:
        out.write_bytes(text)
    if licenses is not None:
        licenses.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in made.licenses))
    say(f"{len(made.events)} events of {count} orders, {len(made.licenses)} licenses")


@app.command()
def watch(
    from_start: Annotated[bool, typer.Option("--from-start", help="all that was decided")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a decision")] = False,
) -> None:
    """Show decisions as they are made, until interrupted."""
    from services.runtime.client import Client, events

    client = Client(settings(), (DECISIONS,))
    end = client.end_of(DECISIONS)
    start = dict.fromkeys(end, 0) if from_start else end
    try:
        for reads in client.follow(DECISIONS, start):
            for decided in events(reads):
                _show(decided.event, as_json=as_json)
    except KeyboardInterrupt:
        client.close()


def _show(event: Any, *, as_json: bool) -> None:
    if as_json:
        emit(event.model_dump(mode="json", exclude_none=True))
        return
    reasons = ", ".join(sorted({reason.code.value for reason in getattr(event, "reasons", ())}))
    decision = getattr(event, "decision", "BREACH")
    typer.echo(f"{decision:<9} {event.key:<40} seq {getattr(event, 'seq', '-'):<4} {reasons}")
