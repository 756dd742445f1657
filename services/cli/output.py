"""How commands speak: results on stdout, progress and words on stderr."""

import sys
from collections.abc import Iterable
from typing import Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

PIPE_COLUMNS = 200
"""Width of a table where nobody looks at a screen: ids are not folded, so they can be cut out."""
OUT = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS)
ERR = Console(stderr=True)
BAD_INPUT = 1
EXIT_PACK = 3


def emit(value: Any) -> None:
    """Write one JSON object on one line, at once: somebody may follow along a pipe."""
    sys.stdout.write(orjson.dumps(value, default=str).decode() + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Say something to a person, on stderr."""
    ERR.print(text, highlight=False, soft_wrap=True)


def refuse(text: str) -> NoReturn:
    """End with a sentence and exit code 1."""
    ERR.print("[red]exportgate:[/red]", escape(text), highlight=False, soft_wrap=True)
    raise typer.Exit(BAD_INPUT)


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table on stdout."""
    drawn = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*("" if cell is None else str(cell) for cell in row))
    OUT.print(drawn)


def progress() -> Progress:
    """Make a progress bar on stderr; nothing is drawn where it is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=ERR,
        transient=True,
        disable=not ERR.is_terminal,
    )
