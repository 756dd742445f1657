"""`exportgate config` and `exportgate valve`: settings, and the valve an operator opens."""

from typing import Annotated

import typer

from services.cli.output import emit, say, table
from services.runtime.settings import Settings, settings

config = typer.Typer(no_args_is_help=True, help="Show the settings.")
valve = typer.Typer(no_args_is_help=True, help="Open a stage's poison valve.")
STAGES = ("classification", "determine", "ledger", "gate")
SERVICES = {"license-check": ("determine", "ledger"), "hold-release": ("gate",)}
"""Services by the stages they run, where the names differ."""


@config.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table")] = False,
) -> None:
    """Show every setting: its value, the variable that sets it, and what it is for."""
    used = settings()
    rows = [
        {
            "setting": name,
            "value": str(getattr(used, name)),
            "default": str(field.default),
            "variable": f"EXPORTGATE_{name.upper()}",
            "meaning": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        emit({row["setting"]: row for row in rows})
    else:
        columns = ("setting", "value", "default", "variable", "meaning")
        table("Settings", columns, (row.values() for row in rows))


@valve.command("open")
def open_valve(
    service: Annotated[str, typer.Argument(help=f"a service, or one stage: {', '.join(STAGES)}")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of words")] = False,
) -> None:
    """Let a service go on after a flood of unreadable records."""
    from services.runtime.client import now
    from services.runtime.remember import Remembered

    stages = stages_of(service)
    remembered = Remembered(settings().redis_url.get_secret_value())
    for stage in stages:
        remembered.set_flag(f"valve:{stage}", now().isoformat())
    if as_json:
        emit({"opened": list(stages)})
    else:
        say(f"{' and '.join(stages)}: going on within a second or two")


def stages_of(service: str) -> tuple[str, ...]:
    """Name the stages behind a service, or the one stage named."""
    if service in STAGES:
        return (service,)
    if service not in SERVICES:
        raise typer.BadParameter(f"{service!r} is none of {', '.join((*SERVICES, *STAGES))}")
    return SERVICES[service]
