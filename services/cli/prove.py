"""`exportgate prove` and `proof-check`: one order's decisions in one file, and its examination."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.output import BAD_INPUT, emit, refuse, say
from services.runtime.settings import settings

Json = Annotated[bool, typer.Option("--json", help="one JSON object")]


def prove(
    order: Annotated[str, typer.Argument(help="source/id, or the id alone with --archive")],
    out: Annotated[Path, typer.Option(help="file to write")],
    archive: Annotated[
        Path | None, typer.Option(help="folder of the archive; absent: Kafka itself")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put an order's decisions and all they rest on into one file that proves itself.

    The file holds the decisions next to this order's in the hash chain too: the chain cannot be
    shown without them.
    """
    from services.replay.errors import ArchiveError

    try:
        key, content = _of_kafka(order) if archive is None else _of_archive(order, archive)
        out.write_bytes(content)
    except ArchiveError as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{out}: {error.strerror}")
    if as_json:
        emit({"order": key, "file": str(out), "bytes": len(content)})
    else:
        say(f"{key}: {len(content):,} bytes in {out}; look at it with `exportgate proof-check`")


def _of_archive(order: str, folder: Path) -> tuple[str, bytes]:
    from services.replay.errors import ArchiveError
    from services.replay.proof import keys_of, of_archive
    from services.replay.proof import prove as make
    from services.replay.reading import open_archive

    archive = open_archive(folder)
    found = [order] if "/" in order else keys_of(archive, order)
    if len(found) != 1:
        if not found:
            raise ArchiveError(f"{folder}: no order {order} was decided on")
        raise ArchiveError(f"{order} is an order of several sources: say {' or '.join(found)}")
    return found[0], make(found[0], of_archive(archive))


def _of_kafka(order: str) -> tuple[str, bytes]:
    from services.replay.kafka_log import KafkaLog, of_kafka
    from services.replay.proof import prove as make

    if "/" not in order:
        raise typer.BadParameter("say source/id where there is no archive", param_hint="ORDER")
    log = KafkaLog(settings())
    try:
        return order, make(order, of_kafka(log))
    finally:
        log.close()


def proof_check(
    file: Annotated[Path, typer.Argument(help="what `prove` wrote")], as_json: Json = False
) -> None:
    """Examine a proof: what was decided, by what, and whether all of it holds.

    The same as `python proof_check.py FILE`, which needs nothing but Python. Exit 1 where it does
    not hold.
    """
    from services.replay.proof_check import examine

    try:
        content = file.read_bytes()
    except OSError as error:
        refuse(f"{file}: {error.strerror}")
    words, faults = examine(content)
    result: dict[str, Any] = {"file": str(file), "holds": not faults, "words": words,
                              "faults": faults}  # fmt: skip
    if as_json:
        emit(result)
    else:
        for line in words:
            typer.echo(line)
        for fault in faults:
            typer.echo(f"FAULT {fault}")
        typer.echo("THE PROOF DOES NOT HOLD" if faults else "The proof holds.")
    if faults:
        raise typer.Exit(BAD_INPUT)
