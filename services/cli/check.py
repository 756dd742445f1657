"""`exportgate check`: classify lines without any stack."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import orjson
import typer

from services.classification.answer import answer, explain
from services.classification.check_input import BadLine, parse_line, parse_moment
from services.classification.classify import classify
from services.classification.pack_set import PackSet
from services.classification.policy import PolicyError
from services.runtime.packs import Choice, load_packs

BOM = b"\xef\xbb\xbf"


def check(
    file: Annotated[str, typer.Argument(help="JSON Lines file, or - for stdin")] = "-",
    cn: Annotated[str, typer.Option(help="Chinese pack: reported, gazetted or both")] = "reported",
    as_of: Annotated[
        str | None, typer.Option(help="day or RFC 3339 time for lines without")
    ] = None,
    us_addendum: Annotated[
        bool, typer.Option("--us-addendum", help="the EAR addendum as reported, as US-ADDENDUM")
    ] = False,
    explaining: Annotated[bool, typer.Option("--explain", help="print for people")] = False,
    json_out: Annotated[bool, typer.Option("--json", help="JSON Lines (the default)")] = False,
) -> None:
    """Classify order lines (JSON Lines) under every regime; one answer a line, same order.

    Exit 1 when a line was bad (the others are answered), 2 for wrong usage, 3 when a pack is
    unusable.
    """
    choice = _choice(cn)
    if as_of is not None:
        try:
            parse_moment(as_of)
        except BadLine as error:
            raise typer.BadParameter(error.error, param_hint="--as-of") from error
    try:
        packs = load_packs(choice, addendum=us_addendum)
    except PolicyError as error:
        typer.echo(f"pack unusable: {error}", err=True)
        raise typer.Exit(3) from error
    bad = 0
    with _open(file) as stream:
        for number, raw in _lines(stream):
            good, text = _answer(number, raw, packs, as_of, explaining=explaining and not json_out)
            bad += not good
            sys.stdout.buffer.write(text + b"\n")
    sys.stdout.flush()
    if bad:
        raise typer.Exit(1)


def _choice(cn: str) -> Choice:
    choices: dict[str, Choice] = {"reported": "reported", "gazetted": "gazetted", "both": "both"}
    if cn not in choices:
        raise typer.BadParameter(f"must be {', '.join(choices)}", param_hint="--cn")
    return choices[cn]


def _open(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise typer.BadParameter(f"cannot read {file}: {error.strerror}") from error


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    for number, raw in enumerate(stream, 1):
        line = raw.removeprefix(BOM) if number == 1 else raw
        if line.strip():
            yield number, line


def _answer(
    number: int, raw: bytes, packs: PackSet, as_of: str | None, *, explaining: bool
) -> tuple[bool, bytes]:
    try:
        line = parse_line(_decode(raw), as_of)
    except BadLine as error:
        fault = {"line": number, "id": error.id, "field": error.field, "error": error.error}
        return False, orjson.dumps(fault)
    found = classify(line.item, packs)
    if explaining:
        return True, "\n".join(explain(line, found)).encode()
    return True, orjson.dumps(answer(line, found))


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise BadLine(None, f"not UTF-8: {error.reason} at byte {error.start}") from error
