"""`exportgate orders`: submit a file, generate one, watch decisions."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from schemas.decisions import BreachRaised
from schemas.topics import DECISIONS, ORDERS
from services.cli.files import numbered_lines
from services.cli.order_files import parse_events, parse_lines
from services.cli.output import BAD_INPUT, OUT, emit, progress, say
from services.runtime.settings import settings

app = typer.Typer(no_args_is_help=True, help="Submit, generate and watch orders.")
Json = Annotated[bool, typer.Option("--json", help="one JSON object instead of words")]
DAY = ["%Y-%m-%d"]
FIRST_DAY, LAST_DAY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC)


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
    products: Annotated[Path | None, typer.Option(help="file of product records")] = None,
    start: Annotated[datetime, typer.Option("--from", formats=DAY, help="first day")] = FIRST_DAY,
    end: Annotated[datetime, typer.Option("--to", formats=DAY, help="last day")] = LAST_DAY,
    as_json: Json = False,
) -> None:
    """Make realistic orders, and the license book that covers some of them.

    Dates in the past need a stack with time_basis = event.
    """
    from services.generator.scenario import scenario

    if end < start:
        raise typer.BadParameter("is before --from", param_hint="--to")
    made = scenario(seed, count, start=start.date(), end=end.date())
    text = b"".join(orjson.dumps(event.as_line()) + b"\n" for event in made.events)
    if out is None:
        typer.get_binary_stream("stdout").write(text)
    else:
        out.write_bytes(text)
    if licenses is not None:
        licenses.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in made.licenses))
    if products is not None:
        products.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in made.products))
    if as_json and out is not None:
        emit({"events": len(made.events), "orders": count, "licenses": len(made.licenses)})
    else:
        say(f"{len(made.events)} events of {count} orders, {len(made.licenses)} licenses")


@app.command()
def watch(
    from_start: Annotated[bool, typer.Option("--from-start", help="all that was decided")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a decision")] = False,
) -> None:
    """Show decisions as they are made, until interrupted (Ctrl-C)."""
    from services.runtime.client import Client

    client = Client(settings(), (DECISIONS,))
    end = client.end_of(DECISIONS)
    start = dict.fromkeys(end, 0) if from_start else end
    with suppress(KeyboardInterrupt):
        if OUT.is_terminal and not as_json:
            _watch_live(client, start)
        else:
            for event in _decided(client, start):
                _show(event, as_json=as_json)
    client.close()


def _decided(client: Any, start: dict[int, int]) -> Iterator[Any]:
    from services.runtime.client import events

    for reads in client.follow(DECISIONS, start):
        for one in events(reads):
            yield one.event


def _watch_live(client: Any, start: dict[int, int]) -> None:
    """Keep a table of the latest decisions on the screen, newest last."""
    recent: deque[Any] = deque(maxlen=max(OUT.height - 6, 5))
    with Live(_picture(recent), console=OUT, refresh_per_second=4) as live:
        for event in _decided(client, start):
            recent.append(event)
            live.update(_picture(recent))


_COLUMNS = ("decision", "order", "seq", "valid until", "why")


def _picture(recent: Iterable[Any]) -> Table:
    drawn = Table(title="Decisions; Ctrl-C ends", title_justify="left", header_style="bold")
    for column in _COLUMNS:
        drawn.add_column(column, no_wrap=True, overflow="ellipsis")
    for event in recent:
        decision, *rest = decision_cells(event)
        colour = {"RELEASED": "green", "CLOSED": "dim", "HELD": "yellow"}.get(decision, "red")
        drawn.add_row(f"[{colour}]{decision}[/{colour}]", *(escape(cell) for cell in rest))
    return drawn


def decision_cells(event: Any) -> tuple[str, str, str, str, str]:
    """Say what was decided in the columns of `watch`: a breach is told among the decisions."""
    if isinstance(event, BreachRaised):
        return "BREACH", event.key, "", "", f"{event.kind}, shipment {event.shipment_id}"
    until = event.valid_until.strftime("%Y-%m-%d %H:%MZ") if event.valid_until else ""
    reasons = ", ".join(sorted({reason.code.value for reason in event.reasons}))
    return event.decision, event.key, str(event.seq), until, reasons or event.cause or ""


def _show(event: Any, *, as_json: bool) -> None:
    if as_json:
        emit(event.model_dump(mode="json", exclude_none=True))
        return
    decision, order, seq, until, why = decision_cells(event)
    typer.echo(f"{decision:<9} {order:<32} seq {seq:<4} {until:<17} {why}".rstrip())
