"""`python -m infra.local up|down|status`: the real stack as processes, without containers."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence

from rich.console import Console

from infra.local.process import StartFailed
from infra.local.stack import LocalStack, Row

UNUSABLE = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 not everything runs (status), 3 something did not start."""
    asked = _parser().parse_args(arguments)
    console = Console(stderr=True, highlight=False)
    try:
        stack = LocalStack()
        if asked.command == "up":
            stack.up(console.print, services=asked.services)
        elif asked.command == "down":
            stack.down(console.print)
    except (StartFailed, OSError) as error:
        console.print(f"exportgate stack: {error}", markup=False)
        return UNUSABLE
    rows = stack.rows()
    _show(rows, as_json=asked.json)
    stopped = any(row.state == "stopped" for row in rows)
    return int(asked.command == "status" and stopped)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "status"])
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument(
        "--services",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="start the exportgate services too (default), or only what they need",
    )
    return parser


def _show(rows: Sequence[Row], *, as_json: bool) -> None:
    if as_json:
        shown = {row.name: dataclasses.asdict(row) for row in rows}
        sys.stdout.write(json.dumps(shown, default=str) + "\n")
        return
    lines = [("what", "state", "where", "pid", "log")]
    lines += [(r.name, r.state, r.address, str(r.pid or "-"), str(r.log)) for r in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write(padded.rstrip() + "\n")


if __name__ == "__main__":
    sys.exit(main())
