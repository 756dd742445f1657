"""Text files as people have them: UTF-8 with or without BOM, CRLF, blank lines."""

import sys
from collections.abc import Iterator
from pathlib import Path

from services.cli.output import refuse


def text_of(file: str) -> str:
    """Read a text whole. `-` is standard input. What cannot be read ends the command."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        refuse(f"{file}: {error.strerror}")
    except UnicodeDecodeError as error:
        refuse(f"{file}: not UTF-8 at byte {error.start}")


def numbered_lines(file: str) -> Iterator[tuple[int, str]]:
    """Yield each line that is not blank, with its number from 1."""
    for number, line in enumerate(text_of(file).split("\n"), start=1):
        # Only a newline ends a line: JSON strings may hold U+2028 and its kin as they are.
        if line.strip():
            yield number, line.removesuffix("\r")
