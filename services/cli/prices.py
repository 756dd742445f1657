"""`exportgate prices`: what materials cost, as events with their source and time."""

from typing import Annotated, Any

import typer

from schemas.base import plain
from schemas.envelope import derived_id
from schemas.reference import PriceObserved
from schemas.topics import REFERENCE
from services.cli.files import numbered_lines
from services.cli.output import BAD_INPUT, emit, say, table
from services.cli.price_files import COLUMNS, parse_prices, price_key
from services.runtime.settings import settings

app = typer.Typer(no_args_is_help=True, help="Import prices of materials and look at the latest.")
Json = Annotated[bool, typer.Option("--json", help="JSON instead of words")]


def observed(client: Any) -> list[PriceObserved]:
    """Read every price on record, each material's in the order of the log."""
    from services.runtime.client import events

    found = (record.event for record in events(client.read_all(REFERENCE)))
    return [event for event in found if isinstance(event, PriceObserved)]


def latest(prices: list[PriceObserved]) -> dict[str, PriceObserved]:
    """Keep the latest price of every material, also of one no catalog knows."""
    found: dict[str, PriceObserved] = {}
    for price in prices:
        key = price_key(price.material)
        if key not in found or price.at >= found[key].at:
            found[key] = price
    return found


@app.command("import")
def import_prices(
    file: Annotated[str, typer.Argument(help="CSV or JSON Lines; - is standard input")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only check the file")] = False,
    as_json: Json = False,
) -> None:
    """Import prices (material, price, unit, currency, source, at): the whole file or nothing."""
    from services.runtime.client import Client, now, record

    client = Client(settings(), (REFERENCE,))
    text = "\n".join(_numbered(file))
    rows, faults = parse_prices(text, latest(observed(client)), now())
    for fault in faults:
        emit({"file": file, "line": fault.line, "column": fault.column, "error": fault.error})
    if faults:
        say(f"{file}: {len(faults)} bad rows, nothing was imported")
        raise typer.Exit(BAD_INPUT)
    new = [row.price for row in rows if not row.known]
    if not dry_run:
        client.write(
            [
                record(REFERENCE, f"price/{price_key(price.material)}", price,
                       event_id=derived_id("price", price.model_dump_json()), time=price.at)
                for price in new
            ]
        )  # fmt: skip
    summary = {
        "file": file, "rows": len(rows), "imported": 0 if dry_run else len(new),
        "would_import": len(new), "unchanged": len(rows) - len(new), "bad": 0,
    }  # fmt: skip
    if as_json:
        emit(summary)
    else:
        say(f"{file}: {len(new)} prices {'would be imported' if dry_run else 'imported'}")


def _numbered(file: str) -> list[str]:
    """Keep line numbers: blank lines stay where they were."""
    lines: list[str] = []
    for number, text in numbered_lines(file):
        lines += [""] * (number - 1 - len(lines))
        lines.append(text)
    return lines


@app.command("list")
def list_prices(as_json: Json = False) -> None:
    """List the latest price of every material, with its source and time."""
    from services.runtime.client import Client

    found = latest(observed(Client(settings(), (REFERENCE,))))
    rows = [shown(price) for _, price in sorted(found.items())]
    if as_json:
        for row in rows:
            emit(row)
    else:
        table("Latest prices", COLUMNS, (row.values() for row in rows))


def shown(price: PriceObserved) -> dict[str, str]:
    """Write a price out, amounts exact."""
    return {
        "material": price.material,
        "price": plain(price.price),
        "unit": price.unit,
        "currency": price.currency,
        "source": price.source,
        "at": price.at.isoformat(),
    }
