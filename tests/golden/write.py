"""Write the golden logs anew: `python -m tests.golden.write`. Only where a fold has a new version.

A log holds what a fold was told and what it said, byte for byte. A later release must say the same
of it, so that what was decided years ago can still be proved.
"""

import json
from pathlib import Path
from typing import Any, Final

from schemas.envelope import Output, Recorded
from schemas.events import BY_MODEL, encode
from tests.golden.scenario import play
from tests.support.folds import FoldRun

FOLDER: Final = Path(__file__).parent
LOGS: Final = {"gate": "orders.checks", "ledger": "licenses"}


def told(record: Recorded[Any]) -> dict[str, Any]:
    """One record of a log."""
    return {
        "type": BY_MODEL[type(record.event)].name if type(record.event) in BY_MODEL else None,
        "offset": record.offset, "key": record.key, "id": record.id, "source": record.source,
        "at": record.logged_at.isoformat(), "value": encode(record.event).decode(),
    }  # fmt: skip


def said(output: Output) -> list[str]:
    """One output: where, under which identity, and its bytes."""
    value = encode(output.event) if output.value is None else output.value
    return [output.topic, output.key, output.id, value.decode()]


def lines_of(run: FoldRun) -> list[str]:
    """A log as it is kept: records first, then all that was said of them."""
    records = [json.dumps(told(record), ensure_ascii=False) for record in run.log]
    outputs = [json.dumps(said(output), ensure_ascii=False) for output in run.outputs]
    return [*records, *outputs]


def main() -> None:
    """Write both."""
    duo = play()
    for name, run in (("gate", duo.gate), ("ledger", duo.ledger)):
        text = "\n".join(lines_of(run)) + "\n"
        (FOLDER / f"{name}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
