"""`exportgate demo`: the whole gate on an embedded stack, with orders, an officer and a summary."""

from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from services.cli.output import BAD_INPUT, ERR, OUT, emit, say, table

MINIMUM = 1_000
LINE_EVERY = 200
"""Without a terminal, a line of counts every so many orders."""


def demo(
    seed: Annotated[int, typer.Option(help="equal seeds send equal orders")] = 7,
    count: Annotated[int, typer.Option(min=MINIMUM, help="well-formed orders")] = MINIMUM,
    as_json: Annotated[bool, typer.Option("--json", help="end with one JSON object")] = False,
) -> None:
    """Run the gate on this machine alone: brokers in a wheel, three services, 1,000+ orders."""
    from infra.local.embedded import EmbeddedStack
    from services.cli.demo_run import DemoRun, demo_settings, ending_cleanly, running_services
    from services.generator.scenario import scenario

    made = scenario(seed, count, malformed=max(20, count // 50))
    say("starting an embedded broker and Redis …")
    with ending_cleanly(), EmbeddedStack() as stack:
        settings = demo_settings(stack.bootstrap, stack.redis_url)
        with running_services(settings, say) as ended:
            run = DemoRun(settings, made, ended)
            run.import_licenses()
            run.import_products()
            say(f"imported {len(made.licenses)} licenses and {len(made.products)} product records; "
                f"sending {len(made.events)} events")  # fmt: skip
            _stream(run)
            if not run.problems:
                say(run.officer_frees_one())
            result = run.summary()
            _tell(run, result)
    if as_json:
        emit(result)
    if run.problems:
        for problem in run.problems[:10]:
            say(f"[red]{problem}[/red]")
        raise typer.Exit(BAD_INPUT)


def _stream(run: Any) -> None:
    """Send the orders, with a live table on a terminal and a line now and then elsewhere."""
    if ERR.is_terminal:
        with Live(console=ERR, refresh_per_second=4, transient=True) as live:
            run.stream(lambda: live.update(_picture(run)))
        return
    shown = [0]

    def tell() -> None:
        if len(run.latest) >= shown[0] + LINE_EVERY:
            shown[0] = len(run.latest)
            say(run.headline())

    run.stream(tell)


def _picture(run: Any) -> Table:
    """Draw the live table: counts, and the last decisions made."""
    drawn = Table(title=run.headline(), title_justify="left")
    for column in ("order", "decision", "seq", "to", "why"):
        drawn.add_column(column, no_wrap=True, overflow="ellipsis")
    for event in list(run.recent):
        reasons = ", ".join(sorted({reason.code.value for reason in event.reasons}))
        licenses = ", ".join(sorted({drawn_.license_id for drawn_ in event.licenses}))
        colour = {"RELEASED": "green", "HELD": "yellow", "REJECTED": "red"}.get(event.decision, "")
        decision = f"[{colour}]{event.decision}[/{colour}]" if colour else event.decision
        drawn.add_row(event.key, decision, str(event.seq), run.destination(event.key),
                      reasons or licenses or event.cause or "no license is needed")  # fmt: skip
    return drawn


def _tell(run: Any, result: dict[str, Any]) -> None:
    """Print the summary for people."""
    names = ("released", "held", "rejected", "closed", "undecided")
    rows = [(name, result[name]) for name in names]
    table(f"{result['orders']} orders", ("last decision", "orders"), [*rows, ("sum", sum(
        result[name] for name in names))])  # fmt: skip
    table("Held, by reason", ("reason", "orders"), sorted(run.reasons().items()))
    OUT.print(
        f"dead letters {result['dead_letters']} (without a readable id "
        f"{result['unattributed']}) · append to append p50 {result['p50_ms']} ms, "
        f"p99 {result['p99_ms']} ms"
    )
    example = run.example()
    if example is not None:
        OUT.print("A decision, as a warehouse reads it:")
        OUT.print_json(example)
