"""`exportgate policy`: what the packs say, whether they are sound, what differs between two."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from services.classification.compare import changes
from services.classification.lexicon import LexiconFile
from services.classification.pack_file import parse_pack
from services.classification.pack_set import PackSet, choose
from services.classification.policy import Cited, Pack, PolicyError
from services.runtime.packs import read_packs

app = typer.Typer(
    help="Policy packs: list, show, validate, diff, impact, activate.", no_args_is_help=True
)
Json = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command("list")
def list_packs(json_out: Json = False) -> None:
    """List the packs that ship with this version."""
    rows = [_row(pack, digest) for pack, digest in _packs()]
    if json_out:
        typer.echo(orjson.dumps(rows))
        return
    for row in rows:
        until = row["verified_until"]
        verified = f"verified until {until}" if until else "no list behind it"
        typer.echo(
            f"{row['pack']:<33}{row['regime']:<4}{row['entries']:>4} rules "
            f"{row['listed']:>4} codes  in effect {row['effective']:<24}{verified:<27}"
            f"{row['digest'][:12]}"
        )


@app.command()
def show(name: str, json_out: Json = False) -> None:
    """Show one pack (`cn-gazetted` or `cn-gazetted@2025-11-07`): its rules and their sources."""
    pack = find(name)
    if json_out:
        typer.echo(orjson.dumps(pack.model_dump(mode="json", by_alias=True)))
        return
    typer.echo(f"{pack.name}: {pack.title} ({pack.authority})")
    if pack.note:
        typer.echo(pack.note)
    for watched in pack.watch:
        typer.echo(f"  seen {watched.last_checked}: {watched.source}")
    for entry in pack.entries:
        periods = ", ".join(f"{p.status} {p.start or ''}..{p.end or ''}" for p in entry.timeline)
        typer.echo(f"  {entry.code or entry.rule:<22}{entry.verdict:<18}{entry.title}  {periods}")
        typer.echo(f"{'':16}[{entry.tag}] {entry.citation}")
    for kind, rules in (
        ("not", pack.negatives),
        ("destination", pack.destinations),
        ("end use", pack.end_uses),
    ):
        for rule in rules:
            _show(kind, rule.title, rule)
    for party in pack.parties:
        since = f" from {party.start}" if party.start else ""
        _show("party", f"{', '.join(party.names)}{since}: {party.verdict}", party)
    if pack.exclusion:
        _show("exclusion", f"{pack.exclusion.title} ({pack.exclusion.reading})", pack.exclusion)
    _show("reaches", " ".join(pack.jurisdiction.territory), pack.jurisdiction)
    if pack.listed:
        typer.echo(
            f"  and {len(pack.listed)} listed codes [{pack.listed_tag}] {pack.listed_citation}"
        )


def _show(kind: str, text: str, source: Cited) -> None:
    typer.echo(f"  {kind:<14}{text}  [{source.tag}] {source.citation}")


@app.command()
def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(help="pack files; none: those shipped")
    ] = None,
    json_out: Json = False,
) -> None:
    """Check packs strictly; exit 1 with file and line where one is bad."""
    faults: list[dict[str, Any]] = []
    _, lexicon = _read()
    count = len(files) if files else len(_packs())
    for file in files or []:
        try:
            parse_pack(file.read_text(encoding="utf-8"), str(file), lexicon)
        except PolicyError as error:
            faults.append({"file": error.source, "line": error.line, "error": error.message})
        except (OSError, UnicodeDecodeError) as error:
            faults.append({"file": str(file), "line": 0, "error": str(error)})
    if json_out:
        typer.echo(orjson.dumps({"checked": count, "faults": faults}))
    else:
        for fault in faults:
            typer.echo(f"{fault['file']}:{fault['line']}: {fault['error']}", err=True)
        typer.echo(f"{count} checked, {len(faults)} bad")
    if faults:
        raise typer.Exit(1)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="pack name or file")],
    after: Annotated[str, typer.Argument(help="pack name or file")],
    json_out: Json = False,
) -> None:
    """Say which determinations change between two packs, not which lines of the files do."""
    found = changes(load(before), load(after))
    if json_out:
        typer.echo(orjson.dumps(found))
        return
    for change in found:
        typer.echo(
            f"{change['rule']:<28}{change['what']:<14}{change['before']} -> {change['after']}"
        )
    typer.echo(f"{len(found)} changes")


def _read() -> tuple[tuple[Pack, ...], tuple[LexiconFile, ...]]:
    try:
        return read_packs()
    except PolicyError as error:
        typer.echo(f"pack unusable: {error}", err=True)
        raise typer.Exit(3) from error


@cache
def _packs() -> tuple[tuple[Pack, str], ...]:
    packs, lexicon = _read()
    keys = {pack.pack: pack.pack for pack in packs}
    found = PackSet(packs, lexicon, keys)
    digests = {ref.pack: ref.digest for ref in found.refs}
    return tuple((pack, digests[pack.name]) for pack in packs)


def _row(pack: Pack, digest: str) -> dict[str, Any]:
    until = pack.verified_until
    return {
        "pack": pack.name,
        "regime": pack.regime,
        "title": pack.title,
        "entries": len(pack.entries),
        "listed": len(pack.listed),
        "effective": f"{pack.effective.start or ''}..{pack.effective.end or ''}",
        "verified_until": until.isoformat() if until else None,
        "digest": digest,
        "default": pack.pack in choose("reported").values(),
    }


def find(name: str) -> Pack:
    """Find a shipped pack by name, the newest where no version is named."""
    found = [pack for pack, _ in _packs() if name in (pack.name, pack.pack)]
    if not found:
        known = ", ".join(pack.name for pack, _ in _packs())
        raise typer.BadParameter(f"no pack {name!r}; there are {known}")
    return max(found, key=lambda pack: str(pack.effective.start or ""))


def load(name: str) -> Pack:
    """Find a shipped pack, or read one from a file."""
    if not name.endswith((".yaml", ".yml")):
        return find(name)
    try:
        return parse_pack(Path(name).read_text(encoding="utf-8"), name, _read()[1])
    except PolicyError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"cannot read {name}: {error}") from error
