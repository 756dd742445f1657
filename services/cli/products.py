"""`exportgate products`: what officers confirmed about products, in and out."""

import time
from typing import Annotated, Any

import orjson
import typer

from schemas.envelope import derived_id
from schemas.orders import Order
from schemas.reference import ProductClassified, product_key
from schemas.regimes import ZONES
from schemas.topics import ORDERS, PRODUCTS
from services.classification.pack_set import Compiled
from services.classification.products import is_current
from services.cli import book
from services.cli.files import text_of
from services.cli.output import BAD_INPUT, emit, progress, refuse, say, table
from services.cli.product_files import (
    NONE,
    BadRow,
    Row,
    parse_products,
    says_the_same,
    with_digests,
)
from services.cli.rechecks import TOPICS, WITHIN, await_decided, want_rechecks
from services.runtime.packs import load_packs
from services.runtime.settings import settings

app = typer.Typer(
    no_args_is_help=True, help="Import and look at what officers confirmed of products."
)
Json = Annotated[bool, typer.Option("--json", help="JSON instead of words")]


@app.command("import")
def import_products(
    file: Annotated[str, typer.Argument(help="CSV or JSON Lines; - is standard input")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would change")] = False,
    recheck_all: Annotated[
        bool, typer.Option("--recheck", help="check again also what unchanged rows concern")
    ] = False,
    as_json: Json = False,
) -> None:
    """Import product records, then have every order checked again that they may concern.

    A row that says what is on record changes nothing, also where that has gone stale: an officer
    confirms it anew under a new date.
    """
    from services.runtime.client import Client, now

    rows, faults = parse_products(text_of(file), now().date())
    packs = packs_in_use()
    filled = [(row, with_digests(row, packs)) for row in rows]
    faults += [product for _, product in filled if isinstance(product, BadRow)]
    for fault in sorted(faults, key=lambda f: f.line):
        emit({"file": file, "line": fault.line, "field": fault.field, "error": fault.error})
    if faults:
        say(f"{file}: {len(faults)} bad rows, nothing was imported")
        raise typer.Exit(BAD_INPUT)
    client = Client(settings(), (PRODUCTS, *TOPICS))
    known = on_record(client)
    new = [
        product
        for row, product in filled
        if isinstance(product, ProductClassified) and not _is_known(row, known)
    ]
    rechecks = 0
    concerned = {row.product.key for row in rows} if recheck_all else {each.key for each in new}
    if concerned and not dry_run:
        write(client, new)
        rechecks = recheck(client, concerned)
    told = [_told(product, known) for product in new]
    summary = {
        "file": file, "rows": len(rows), "imported": 0 if dry_run else len(new),
        "would_import": len(new), "unchanged": len(rows) - len(new), "bad": 0,
        "rechecks": rechecks, "changes": told,
    }  # fmt: skip
    if as_json:
        emit(summary)
        return
    if dry_run:
        columns = ("exporter", "sku", "before", "after")
        table("What would change", columns, (each.values() for each in told))
    verb = "would be imported" if dry_run else "imported"
    say(f"{file}: {len(new)} products {verb}, {rechecks} orders to be checked again")


def packs_in_use() -> dict[str, Compiled]:
    """Give the newest version of the pack behind each regime; both Chinese ones can be stated."""
    sets = (load_packs("both"), load_packs(settings().cn))
    return {key: packs.versions(key)[-1] for packs in sets for key in packs.keys}


def on_record(client: Any) -> dict[str, ProductClassified | None]:
    """Read the newest record of each product; None where it cannot be read."""
    found: dict[str, ProductClassified | None] = {}
    for one in client.read_all(PRODUCTS):
        event = one.record.event
        if one.record.key:
            found[one.record.key] = event if isinstance(event, ProductClassified) else None
    return found


def _is_known(row: Row, known: dict[str, ProductClassified | None]) -> bool:
    before = known.get(row.product.key)
    return before is not None and says_the_same(row, before)


def _told(product: ProductClassified, known: dict[str, Any]) -> dict[str, str]:
    before = known.get(product.key)
    return {
        "exporter_id": product.exporter_id,
        "sku": product.sku,
        "before": _codes(before) if before else "",
        "after": _codes(product),
    }


def _codes(product: ProductClassified) -> str:
    return ", ".join(f"{regime} {code or NONE}" for regime, code in product.codes.items())


def write(client: Any, products: list[ProductClassified]) -> None:
    """Write product records and wait until they are acknowledged."""
    from services.runtime.client import now, record

    moment = now()
    sends = []
    for product in products:
        event_id = derived_id("product", product.model_dump_json())
        sends.append(record(PRODUCTS, product.key, product, event_id=event_id, time=moment))
    with progress() as bar:
        task = bar.add_task("importing", total=len(sends))
        client.write(sends, lambda done: bar.advance(task, done))


def recheck(client: Any, products: set[str]) -> int:
    """Ask for a re-check of every open or released order with one of the products.

    Orders that were on their way when the records were written are waited for: those decided
    since may rest on what was on record before.
    """
    from services.runtime.products import FRESH_S

    time.sleep(FRESH_S)
    late = await_decided(client)
    if late is not None:
        say(f"{late} has not read to the end yet: import with --recheck once it has")
    concerned = _orders_with(client, products)
    return want_rechecks(
        client,
        [d for key, d in book.decisions(client).items() if key in concerned],
        cause="product_import",
        within=WITHIN,
    )


def _orders_with(client: Any, products: set[str]) -> set[str]:
    """Find the orders of which any revision names a product."""
    from services.runtime.client import events

    return {
        read.key
        for read in events(client.read_all(ORDERS))
        if isinstance(order := read.event, Order)
        and any(
            line.sku is not None and product_key(order.exporter.id, line.sku) in products
            for line in order.lines
        )
    }


@app.command("list")
def list_products(as_json: Json = False) -> None:
    """List what is on record, and whether it is current."""
    rows = [_row(key, product) for key, product in sorted(_read().items())]
    if as_json:
        for row in rows:
            emit(row)
        return
    shown = ("exporter_id", "sku", *ZONES, "officer", "date")
    table("Products", shown, ([_cell(row, name) for name in shown] for row in rows))


def _read() -> dict[str, ProductClassified | None]:
    from services.runtime.client import Client

    return on_record(Client(settings(), (PRODUCTS,)))


def _row(key: str, product: ProductClassified | None) -> dict[str, Any]:
    exporter_id, _, sku = key.partition("/")
    if product is None:
        return {"exporter_id": exporter_id, "sku": sku, "readable": False}
    packs = packs_in_use()
    standing = {
        regime: "current" if is_current(product, regime, packs[regime]) else "stale"
        for regime in product.codes
    }
    return {**orjson.loads(product.model_dump_json()), "standing": standing, "readable": True}


def _cell(row: dict[str, Any], name: str) -> object:
    if name not in ZONES:
        return row.get(name) if row["readable"] or name == "exporter_id" else "unreadable"
    if name not in row.get("codes", {}):
        return ""
    stale = " (stale)" if row["standing"][name] == "stale" else ""
    return f"{row['codes'][name] or NONE}{stale}"


@app.command()
def show(
    sku: str,
    exporter: Annotated[str | None, typer.Option(help="exporter id, where several have it")] = None,
    as_json: Json = False,
) -> None:
    """Show what is on record of one product: codes, who said so, on what authority."""
    found = [
        row
        for row in (_row(key, product) for key, product in sorted(_read().items()))
        if row["sku"] == sku and exporter in (None, row["exporter_id"])
    ]
    if not found:
        refuse(f"no product {sku} is on record")
    for row in found:
        if as_json:
            emit(row)
            continue
        codes = {regime: _cell(row, regime) for regime in row.get("codes", {})}
        plain = {k: v for k, v in row.items() if k not in ("codes", "standing", "entries", "packs")}
        table(sku, ("field", "value"), (plain | codes).items())
