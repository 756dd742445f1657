"""`exportgate archive`: the log into an archive; `query` it, `prune` it."""

import time
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.meter import Meter
from services.cli.output import emit, refuse, say, table
from services.runtime.settings import settings

app = typer.Typer(help="Archive the log, query the archive, prune what is old enough.")
Json = Annotated[bool, typer.Option("--json", help="JSON instead of words")]
Folder = Annotated[Path, typer.Argument(help="folder of the archive")]
TICK_S = 0.5


@app.callback(invoke_without_command=True)
def archive(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option(help="folder of the archive")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="go on until Ctrl-C")] = False,
    every: Annotated[float, typer.Option(min=1, help="with --follow: seconds a round")] = 300,
    as_json: Json = False,
) -> None:
    """Bring an archive up to the log: every topic, byte for byte, into immutable segments.

    It reads alone: its Kafka credentials need Read and Describe on the topics, and no more.
    """
    if context.invoked_subcommand is not None:
        return
    if to is None:
        raise typer.BadParameter("is needed", param_hint="--to")
    from services.replay.errors import ArchiveError
    from services.replay.kafka_log import KafkaLog

    log = KafkaLog(settings())
    try:
        with suppress(KeyboardInterrupt):
            while _tried(to, log, follow=follow, as_json=as_json) and _wait(every):
                continue
    except ArchiveError as error:
        refuse(str(error))
    finally:
        log.close()


def _tried(to: Path, log: Any, *, follow: bool, as_json: bool) -> bool:
    """Make one round; whether there is to be another. A follower waits for disk and broker.

    The archive is taken up anew each time, as after a death: what was half written is gone.
    """
    from services.runtime.errors import Unavailable

    try:
        archiver = archiver_of(to, log)
        with closing(archiver.manifest):
            _told(archiver, _round(archiver), as_json=as_json)
    except (OSError, Unavailable) as error:
        said = f"{to}: {error.strerror}" if isinstance(error, OSError) else str(error)
        if not follow and isinstance(error, OSError):
            refuse(f"{said}; what was archived stands")
        if not follow:
            raise
        say(f"{said}; what was archived stands, tried again later")
    return follow


def archiver_of(to: Path, log: Any, until_ms: int | None = None) -> Any:
    """Take an archive up, or begin one. Raises ArchiveError."""
    from services.replay import archive as archiving
    from services.replay.kafka_log import gate_settings

    if not archiving.begun(to):
        archiving.create(to, log.cluster, log.partitions, gate_settings(settings()))
    manifest = archiving.open_to_append(to)
    archiving.note_settings(manifest, gate_settings(settings()))
    archiving.keep_policy(manifest)
    return archiving.Archiver(manifest, log, until_ms)


def _round(archiver: Any) -> int:
    with Meter("archiving") as meter:
        done: int = archiver.round(lambda at: meter.told(at.archived, at.total))
    return done


def _told(archiver: Any, count: int, *, as_json: bool) -> None:
    manifest = archiver.manifest
    segments = len(manifest.of_kind("segment"))
    if as_json:
        emit({"archive": str(manifest.root), "archived": count, "segments": segments,
              "head": manifest.head})  # fmt: skip
    else:
        say(f"{count:,} records archived, {segments:,} segments; head {manifest.head}")


def _wait(seconds: float) -> bool:
    """Wait for the next round; False where somebody ends it."""
    deadline = time.monotonic() + seconds
    with suppress(KeyboardInterrupt):
        while time.monotonic() < deadline:
            time.sleep(TICK_S)
        return True
    return False


@app.command()
def query(
    folder: Folder,
    sql: Annotated[str | None, typer.Argument(help="one SELECT; views: see --view")] = None,
    view: Annotated[
        str | None, typer.Option(help="decisions, holds or draw-down, made ready")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask an archive: a ready view, or a SELECT over records, events, decisions, standing, …"""
    from services.replay.errors import ArchiveError
    from services.replay.manifest import read_manifest
    from services.replay.query import READY, ask

    if (sql is None) == (view is None):
        raise typer.BadParameter("give either a SELECT or --view")
    if view is not None:
        if view not in READY:
            raise typer.BadParameter(f"{view!r} is none of {', '.join(READY)}", param_hint="--view")
        sql = f"SELECT * FROM {READY[view]}"  # noqa: S608 - a name of ours
    try:
        manifest = read_manifest(folder)
        columns, rows = ask(manifest, sql or "")
    except ArchiveError as error:
        refuse(str(error))
    for finding in manifest.findings[:1]:
        say(f"the archive is damaged, `verify` says how: {finding}")
    if as_json:
        for row in rows:
            emit(dict(zip(columns, row, strict=True)))
    else:
        table(view or "", columns, rows)


@app.command()
def prune(
    folder: Folder,
    before: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="only what ends before this day")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
    as_json: Json = False,
) -> None:
    """Remove segments that every regime allows to be removed; nothing younger, ever."""
    from services.replay import archive as archiving
    from services.replay import retention
    from services.replay.errors import ArchiveError

    today = datetime.now(UTC).date()
    day: date | None = before.date() if before is not None else None
    try:
        with closing(archiving.open_to_append(folder)) as manifest:
            found = retention.prunable(manifest, today, day)
            gone = 0 if dry_run else retention.prune(manifest, found)
    except ArchiveError as error:
        refuse(str(error))
    if as_json:
        emit({"before": found.before.isoformat(), "removed": gone,
              "prunable": [entry["path"] for entry in found.entries]})  # fmt: skip
    else:
        what = f"{len(found.entries)} would be removed" if dry_run else f"{gone} removed"
        say(f"segments that end before {found.before}: {what}")
