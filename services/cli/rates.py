"""`exportgate rates`: dated exchange rates, each with its source."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from schemas.envelope import derived_id
from schemas.reference import RateSet
from schemas.topics import REFERENCE
from services.classification.check_input import BadLine, load
from services.cli.files import numbered_lines
from services.cli.output import BAD_INPUT, emit, say
from services.license_check.exchange import CURRENCIES
from services.runtime.settings import settings

app = typer.Typer(no_args_is_help=True, help="Exchange rates for licenses limited in value.")
Json = Annotated[bool, typer.Option("--json", help="JSON instead of words")]
COLUMNS: Final = ("from", "to", "rate", "at", "source")
_MOMENT: Final = re.compile(r"^\d{4}-\d{2}-\d{2}[Tt ]")


@app.callback()
def _group() -> None:
    """Keep `import` a command of its own."""


@dataclass(frozen=True, slots=True)
class BadRate:
    """Why a row is refused."""

    line: int
    column: str | None
    error: str


def parse_rates(lines: list[tuple[int, str]]) -> tuple[list[RateSet], list[BadRate]]:
    """Read rates from CSV with a header, or JSON Lines: from, to, rate, at, source."""
    rates: list[RateSet] = []
    faults: list[BadRate] = []
    for number, raw in _rows(lines):
        read = raw if isinstance(raw, BadRate) else _rate(number, raw)
        if isinstance(read, RateSet):
            rates.append(read)
        else:
            faults.append(read)
    return list({rate.rate_id: rate for rate in rates}.values()), faults


def _rows(lines: list[tuple[int, str]]) -> Iterator[tuple[int, dict[str, Any] | BadRate]]:
    if lines and lines[0][1].lstrip().startswith("{"):
        for number, text in lines:
            try:
                yield number, load(text)
            except BadLine as bad:
                yield number, BadRate(number, bad.field, bad.error)
        return
    header: list[str] = []
    for number, text in lines:
        cells = [cell.strip() for cell in next(csv.reader(io.StringIO(text)))]
        if not header:
            header = cells
        elif len(cells) > len(header):
            yield number, BadRate(number, None, "more cells than columns")
        else:
            yield number, {name: cell for name, cell in zip(header, cells, strict=False) if cell}


def _amiss(raw: dict[str, Any]) -> tuple[str, str] | None:
    """Name the first column that says nothing usable."""
    unknown = [name for name in raw if name not in COLUMNS]
    missing = [name for name in COLUMNS if not raw.get(name)]
    if unknown or missing:
        return (unknown[0], "no such column") if unknown else (missing[0], "is missing")
    for name in ("from", "to"):
        if raw[name] not in CURRENCIES:
            return name, f"currency {raw[name]!r} is not known"
    if not _MOMENT.match(str(raw["at"])):
        return "at", "not a moment such as 2026-06-01T00:00:00Z"
    return ("to", "the same currency") if raw["from"] == raw["to"] else None


def _rate(number: int, raw: dict[str, Any]) -> RateSet | BadRate:
    amiss = _amiss(raw)
    if amiss is not None:
        return BadRate(number, *amiss)
    rate_id = derived_id("rate", *(str(raw[name]) for name in COLUMNS))
    try:
        return RateSet.model_validate({**raw, "rate_id": rate_id})
    except ValidationError as error:
        first = error.errors()[0]
        return BadRate(number, str(first["loc"][0]) if first["loc"] else None, first["msg"])


@app.command("import")
def import_rates(
    file: Annotated[str, typer.Argument(help="CSV or JSON Lines; - is standard input")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what is in it")] = False,
    as_json: Json = False,
) -> None:
    """Import exchange rates. The file is read whole first; one bad row and none is taken."""
    rates, faults = parse_rates(list(numbered_lines(file)))
    for fault in faults:
        emit({"file": file, "line": fault.line, "column": fault.column, "error": fault.error})
    if faults:
        say(f"{file}: {len(faults)} bad rows, nothing was imported")
        raise typer.Exit(BAD_INPUT)
    if not dry_run:
        _write(rates)
    if as_json:
        emit({"file": file, "imported": 0 if dry_run else len(rates), "would_import": len(rates)})
    else:
        say(f"{file}: {len(rates)} rates {'would be imported' if dry_run else 'imported'}")


def _write(rates: list[RateSet]) -> None:
    from services.runtime.client import Client, record

    client = Client(settings(), (REFERENCE,))
    client.write(
        [
            record(
                REFERENCE, f"rate/{rate.from_}-{rate.to}", rate, event_id=rate.rate_id, time=rate.at
            )
            for rate in rates
        ]
    )
