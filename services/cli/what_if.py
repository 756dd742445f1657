"""`exportgate what-if`: what another law, license book or price level would have done."""

import os
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli.check import _choice as choice_of
from services.cli.files import numbered_lines
from services.cli.license_files import parse_book
from services.cli.meter import Meters
from services.cli.order_files import parse_events
from services.cli.output import BAD_INPUT, emit, refuse, say
from services.cli.what_if_report import print_report

Packs = Annotated[
    list[str] | None, typer.Option(help="pack version for all days, by name or file; may repeat")
]


def what_if(  # noqa: PLR0913 - one option a question
    stream: Annotated[Path, typer.Argument(help="archive, or a file as `orders submit` takes it")],
    cn: Annotated[str | None, typer.Option(help="reported, gazetted or both")] = None,
    pack: Packs = None,
    law_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="this day's law for all orders")
    ] = None,
    licenses: Annotated[Path | None, typer.Option(help="this license book instead")] = None,
    prices: Annotated[str, typer.Option(help="+15%, -5%, or both ends: +10-20%")] = "0%",
    base_cn: Annotated[str, typer.Option(help="what it is compared with")] = "reported",
    base_pack: Packs = None,
    base_licenses: Annotated[
        Path | None, typer.Option(help="for a file: the book it is compared with")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="how many work at once")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Simulate a stream of orders twice, as it was and as it might have been; tell the difference.

    Balances are simulated again in both. Without options the two are equal. An archive is judged
    by the packs and the strategy it keeps, a file by those of this release.
    """
    from services.replay.what_if import Scenario

    policies, changes = _kept(stream)
    day = law_of.date() if law_of is not None else None
    base_book = _book(base_licenses or (licenses if stream.is_file() else None))
    base = Scenario("as it was", choice_of(base_cn), _packs(base_pack), licenses=base_book,
                    policies=policies)  # fmt: skip
    book = _book(licenses) if licenses is not None else base_book
    packs = pack if pack or cn else base_pack
    others = [
        Scenario("what if", choice_of(cn or base_cn), _packs(packs), day, factor, book, policies)
        for factor in _factors(prices)
    ]
    _check(base, *others)
    of_base = base_licenses or (licenses if stream.is_file() else None)
    results = []
    for other in others:
        result = _compared(stream, (base, other), processes or os.cpu_count() or 1)
        result["judged_by"] = {
            "policies": "archive" if policies is not None else "release",
            "settings_changed": changes,
        }
        result["question"] = {
            "cn": other.cn, "packs": packs or [], "law_of": str(day) if day else None,
            "prices": str(other.prices), "licenses": str(licenses) if licenses else None,
            "base": {"cn": base.cn, "packs": base_pack or [],
                     "licenses": str(of_base) if of_base else None},
        }  # fmt: skip
        results.append(result)
    _tell(results, as_json=as_json)


def _tell(results: list[dict[str, Any]], *, as_json: bool) -> None:
    """Tell one comparison, or both ends of a range of prices."""
    if as_json:
        emit(results[0] if len(results) == 1 else {"range": results})
        return
    for result in results:
        print_report(result)


_PERCENT: Final = re.compile(r"([+-]?[0-9]+(?:[.][0-9]+)?)(?:-([0-9]+(?:[.][0-9]+)?))?%?")


def _factors(text: str) -> list[Decimal]:
    """The factors of `+15%`, or of both ends of `+10-20%`."""
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no percentage", param_hint="--prices")
    sign = -1 if match[1].startswith("-") else 1
    ends = [Decimal(match[1])] + ([sign * Decimal(match[2])] if match[2] else [])
    if not all(Decimal(-100) < percent <= Decimal(10_000) for percent in ends):
        raise typer.BadParameter("above -100 %, at most 10,000 %", param_hint="--prices")
    return [1 + percent / 100 for percent in ends]


def _packs(named: list[str] | None) -> tuple[str, ...]:
    found = []
    for name in named or []:
        if name.endswith((".yaml", ".yml")):
            try:
                found.append(Path(name).read_text(encoding="utf-8"))
            except OSError as error:
                refuse(f"{name}: {error.strerror}")
        else:
            found.append(name)
    return tuple(found)


def _book(file: Path | None) -> tuple[Any, ...] | None:
    if file is None:
        return None
    from services.runtime.policies import country_groups

    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        refuse(f"{file}: {error.strerror}")
    rows, faults = parse_book(text, country_groups())
    for fault in faults:
        emit({"file": str(file), "line": fault.line, "column": fault.column, "error": fault.error})
    if faults:
        refuse(f"{file}: {len(faults)} bad rows")
    return tuple(row.terms for row in rows)


def _check(*scenarios: Any) -> None:
    """Refuse a pack that is not there before anything is simulated."""
    from services.classification.policy import PolicyError
    from services.replay.what_if import packs_of

    for scenario in scenarios:
        try:
            packs_of(scenario)
        except KeyError as error:
            raise typer.BadParameter(f"no pack {error}; see `policy list`") from error
        except PolicyError as error:
            refuse(str(error))


def _kept(stream: Path) -> tuple[bytes | None, int]:
    """The policies an archive keeps, and how often its services' settings changed."""
    if stream.is_file():
        return None, 0
    from services.replay.errors import ArchiveError
    from services.replay.reading import open_archive

    try:
        archive = open_archive(stream)
        policies, changes = archive.latest_policies(), len(archive.all_settings) - 1
    except ArchiveError as error:
        refuse(str(error))
    if archive.findings:
        refuse(f"{stream} is damaged: {archive.findings[0]}")
    return policies, changes


def _compared(stream: Path, scenarios: tuple[Any, Any], processes: int) -> dict[str, Any]:
    """Simulate both, and compare."""
    from services.replay.courses import compared, words_of_archive, words_of_file
    from services.replay.errors import ArchiveError
    from services.replay.reading import open_archive
    from services.replay.stages import GateSettings

    with (
        tempfile.TemporaryDirectory(prefix="exportgate-what-if-") as folder,
        Meters("words") as meters,
    ):
        work = Path(folder)
        if stream.is_file():
            settings = GateSettings(require_screening=False)
            words = words_of_file(_of_file(stream), work)
        else:
            try:
                archive = open_archive(stream)
                settings = archive.settings
                words = words_of_archive(archive, work, processes, meters.told)
            except ArchiveError as error:
                refuse(str(error))
        if not words.count:
            refuse(f"{stream}: nothing was said from outside")
        return compared(words, scenarios, settings, work, processes, meters.told)


def _of_file(file: Path) -> Iterator[Any]:
    from schemas.topics import ORDERS
    from services.replay.simulate import Input

    events, faults = parse_events(numbered_lines(str(file)))
    for fault in faults:
        emit({"file": str(file), "line": fault.line, "field": fault.field, "error": fault.error})
    if faults:
        say(f"{file}: {len(faults)} faults, nothing was simulated")
        raise typer.Exit(BAD_INPUT)
    for each in events:
        moment = each.time.astimezone(UTC)
        yield Input(ORDERS.name, each.key, each.event, each.id, each.source, moment, moment)
