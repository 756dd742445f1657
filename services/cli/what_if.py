"""`exportgate what-if`: what another law, license book or price level would have done."""

import pickle
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli.check import _choice as choice_of
from services.cli.files import numbered_lines
from services.cli.license_files import parse_book
from services.cli.meter import Meter
from services.cli.order_files import parse_events
from services.cli.output import BAD_INPUT, emit, refuse, say
from services.cli.what_if_report import print_report

LOOK_EVERY_S: Final = 0.3
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
    prices: Annotated[str, typer.Option(help="+15%, -5%")] = "0%",
    base_cn: Annotated[str, typer.Option(help="what it is compared with")] = "reported",
    base_pack: Packs = None,
    base_licenses: Annotated[
        Path | None, typer.Option(help="for a file: the book it is compared with")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Simulate a stream of orders twice, as it was and as it might have been; tell the difference.

    Balances are simulated again in both. Without options the two are equal.
    """
    from services.replay.what_if import Scenario

    day = law_of.date() if law_of is not None else None
    base_book = _book(base_licenses or (licenses if stream.is_file() else None))
    base = Scenario("as it was", choice_of(base_cn), _packs(base_pack), licenses=base_book)
    book = _book(licenses) if licenses is not None else base_book
    packs = pack if pack or cn else base_pack
    other = Scenario("what if", choice_of(cn or base_cn), _packs(packs), day,
                     _factor(prices), book)  # fmt: skip
    _check(base, other)
    result = _compared(stream, base, other)
    result["question"] = {
        "cn": other.cn, "packs": packs or [], "law_of": str(day) if day else None,
        "prices": str(other.prices), "licenses": str(licenses) if licenses else None,
        "base": {"cn": base.cn, "packs": base_pack or [],
                 "licenses": str(base_licenses) if base_licenses else None},
    }  # fmt: skip
    if as_json:
        emit(result)
    else:
        print_report(result)


def _factor(text: str) -> Decimal:
    try:
        percent = Decimal(text.strip().removesuffix("%"))
    except InvalidOperation as error:
        raise typer.BadParameter(f"{text!r} is no percentage", param_hint="--prices") from error
    if not Decimal(-100) < percent <= Decimal(10_000):
        raise typer.BadParameter("above -100 %, at most 10,000 %", param_hint="--prices")
    return 1 + percent / 100


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


def _compared(stream: Path, base: Any, other: Any) -> dict[str, Any]:
    """Simulate both in processes of their own, and compare."""
    from services.replay.errors import ArchiveError

    with tempfile.TemporaryDirectory(prefix="exportgate-what-if-") as folder:
        work = Path(folder)
        try:
            settings, count = _spool(stream, work / "inputs")
        except ArchiveError as error:
            refuse(str(error))
        if not count:
            refuse(f"{stream}: nothing was said from outside")
        courses = _simulated(work, (base, other), settings, count)
        return _report(work / "inputs", base, other, courses)


def _spool(stream: Path, path: Path) -> tuple[Any, int]:
    """Put the stream's words in order; give the settings it ran under, and how many there are."""
    from services.replay.inputs import in_time, spool
    from services.replay.reading import open_archive
    from services.replay.stages import GateSettings

    if not stream.is_file():
        archive = open_archive(stream)
        if archive.findings:
            refuse(f"{stream} is damaged: {archive.findings[0]}")
        with Meter("reading the archive") as meter:
            count = spool(archive, path, meter.told)
        return archive.settings, count
    inputs = in_time(list(_of_file(stream)))
    _write(path, inputs)
    return GateSettings(require_screening=False), len(inputs)


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


def _write(path: Path, inputs: list[Any]) -> None:
    from schemas.events import BY_MODEL, encode

    with path.open("wb") as file:
        for each in inputs:
            kind = BY_MODEL[type(each.event)].name
            at = int(each.at.timestamp() * 1000)
            pickle.dump((each.topic, each.key, kind, encode(each.event), each.id, each.source,
                         each.time.isoformat(), at), file)  # fmt: skip


def _simulated(work: Path, scenarios: tuple[Any, Any], settings: Any, count: int) -> list[Any]:
    from concurrent.futures import wait

    from services.replay.what_if import simulate_spool
    from services.replay.workers import start_method

    total = count * len(scenarios)
    with (
        ProcessPoolExecutor(len(scenarios), mp_context=get_context(start_method())) as pool,
        Meter("simulating", "words") as meter,
    ):
        futures = [
            pool.submit(simulate_spool, scenario, str(work / "inputs"), settings,
                        str(work / f"course-{at}"), str(work / f"done-{at}"))
            for at, scenario in enumerate(scenarios)
        ]  # fmt: skip
        waiting = set(futures)
        while waiting:
            _, waiting = wait(waiting, timeout=LOOK_EVERY_S)
            meter.told(sum(int(f.read_bytes() or b"0") for f in work.glob("done-*")), total)
        for future in futures:
            future.result()
    loaded = []
    for at in range(len(scenarios)):
        with (work / f"course-{at}").open("rb") as file:
            loaded.append(pickle.load(file))  # noqa: S301 - our own, written a moment ago
    return loaded


def _report(inputs: Path, base: Any, other: Any, courses: list[Any]) -> dict[str, Any]:
    from schemas.orders import Order
    from services.replay.impact import GoodsReader, report
    from services.replay.inputs import spooled
    from services.replay.what_if import packs_of

    reader = GoodsReader(packs_of(base).lexicon)
    for said in spooled(inputs):
        if isinstance(said.event, Order):
            reader.take(said.key, said.event)
    return report(courses[0], courses[1], reader.goods, (base.name, other.name))
