"""Writes docs/reference/metrics.md from the registry (`make generate`)."""

from pathlib import Path
from typing import Any, Final

from services.runtime import metrics
from services.runtime.metrics.family import SERIES_MAX, Family, Label

FILE: Final = Path("docs/reference/metrics.md")
_HEAD: Final = f"""\
# Metrics

Made by `make generate` from `services/runtime/metrics/registry.py`. Every service serves
`/metrics`; each shows the families of the stages it runs.

Labels are bounded: a value that is none of those known, or one too many, is counted as `other`,
and no metric has more than {SERIES_MAX:,} series in one process. Orders, parties and SKUs are
never labels. Canary orders (`order_source` `exportgate-canary`) count in the metrics of the
pipeline and of the canary alone.

| metric | type | unit | labels | meaning |
|---|---|---|---|---|
"""


def document() -> str:
    """Write the table of all metrics, and of all labels."""
    rows = "".join(_row(family) for family in metrics.FAMILIES)
    labels = {each.name: each for family in metrics.FAMILIES for each in family.label_list}
    told = "".join(_label(labels[name]) for name in sorted(labels))
    head = "\n## Labels\n\n| label | meaning | values at most |\n|---|---|---|\n"
    tail = "\nBeside these: `process_*` of the Prometheus client, and `up` of Prometheus itself.\n"
    return f"{_HEAD}{rows}{head}{told}{tail}"


def _row(family: Family[Any]) -> str:
    names = ", ".join(f"`{each.name}`" for each in family.label_list)
    return f"| `{family.name}` | {family.kind} | {family.unit} | {names} | {family.meaning} |\n"


def _label(label: Label) -> str:
    return f"| `{label.name}` | {label.meaning} | {label.bound} |\n"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(document(), encoding="utf-8")
