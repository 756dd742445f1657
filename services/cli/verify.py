"""`exportgate verify`: is an archive whole, and were its decisions right?"""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.archive import archiver_of
from services.cli.meter import Meter
from services.cli.output import BAD_INPUT, emit, refuse, say
from services.runtime.settings import settings

SHOWN_MAX = 40
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]
Moment = Annotated[datetime | None, typer.Option(formats=MOMENTS, help="UTC day, or RFC 3339")]


def verify(
    archive: Annotated[Path | None, typer.Argument(help="folder of the archive")] = None,
    from_kafka: Annotated[
        bool, typer.Option("--from-kafka", help="the log itself, read into a passing archive")
    ] = False,
    since: Moment = None,
    until: Moment = None,
    head: Annotated[str | None, typer.Option(help="digest that the manifest must contain")] = None,
    integrity_only: Annotated[
        bool, typer.Option("--integrity", help="take what the sensors said as it stands")
    ] = False,
    processes: Annotated[int | None, typer.Option(min=1, help="how many work at once")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Verify an archive: its files and chains, both folds, and both sensors.

    Integrity is exact under every release. What the sensors said is derived again: exact under the
    same engine; under another, differences are listed, and a milder verdict is a failure. Exit 1
    where anything is wrong.
    """
    if (archive is None) != from_kafka:
        raise typer.BadParameter("give an archive, or --from-kafka")
    work = processes or os.cpu_count() or 1
    options = {"processes": work, "rederive": not integrity_only, "head": head,
               "since": _utc(since), "until": _utc(until)}  # fmt: skip
    if archive is not None:
        report = _verified(archive, **options)
    else:
        with tempfile.TemporaryDirectory(prefix="exportgate-log-") as folder:
            report = _of_kafka(Path(folder), until, options)
    if as_json:
        emit(report.as_json())
    else:
        _print(report)
    if not report.sound:
        raise typer.Exit(BAD_INPUT)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _verified(root: Path, **options: Any) -> Any:
    from services.replay.errors import ArchiveError
    from services.replay.verify import verify as verify_archive

    try:
        with Meter("verifying") as meter:
            return verify_archive(root, told=meter.told, **options)
    except ArchiveError as error:
        refuse(str(error))


def _of_kafka(folder: Path, until: datetime | None, options: dict[str, Any]) -> Any:
    """Verify the log itself: folds begin at its start, whatever range is asked about."""
    from services.replay.errors import ArchiveError
    from services.replay.kafka_log import KafkaLog, milliseconds

    log = KafkaLog(settings())
    moment = _utc(until)
    try:
        until_ms = milliseconds(moment) if moment is not None else None
        archiver = archiver_of(folder / "archive", log, until_ms)
        with Meter("reading the log") as meter:
            archiver.round(lambda at: meter.told(at.archived, at.total))
    except ArchiveError as error:
        refuse(str(error))
    finally:
        log.close()
    return _verified(folder / "archive", **options)


def _print(report: Any) -> None:
    """Say it in words; results on stdout."""
    rate = report.orders / report.seconds if report.seconds else 0
    say(
        f"{report.orders:,} orders, {report.decisions:,} decisions, {report.records:,} records in "
        f"{report.segments:,} segments; {report.rederived:,} sensor records derived again; "
        f"{report.seconds:.1f} s, {rate:,.0f} orders/s"
    )
    if report.in_flight or report.ahead:
        say(f"at the end of the archive: {report.in_flight} outputs not yet archived, "
            f"{report.ahead} records whose cause is not")  # fmt: skip
    for change in report.engine_changes[:SHOWN_MAX]:
        typer.echo(f"engine change: {change}")
    shown = report.first_of_orders()
    for finding in shown[:SHOWN_MAX]:
        typer.echo(str(finding))
    if len(shown) > SHOWN_MAX:
        typer.echo(f"and {len(shown) - SHOWN_MAX} more (--json lists all)")
    _print_unjudged(report)
    typer.echo("sound" if report.sound else f"NOT SOUND: {len(report.findings)} findings")
    typer.echo(f"head {report.head}")


def _print_unjudged(report: Any) -> None:
    """Say what "sound" does not speak of."""
    for place in report.unjudged[:SHOWN_MAX]:
        typer.echo(f"not judged, its cause is not archived yet: {place}")
    if report.engine_changes:
        typer.echo(
            f"{len(report.engine_changes)} records of other engines are not judged by theirs"
        )
    if report.pruned:
        typer.echo(f"records before {report.pruned} were removed: an order that began there is "
                   "not whole, and may differ")  # fmt: skip
    if report.outside:
        typer.echo(f"{report.outside} findings are of another time than was asked about")
