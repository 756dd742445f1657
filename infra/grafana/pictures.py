"""Draws panels of the dashboards from a running Prometheus, with the panels' own queries.

`python -m infra.grafana.pictures --prometheus http://127.0.0.1:19090` writes docs/operating/img/.
"""

import argparse
import json
import math
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from infra.grafana.boards import BOARDS, Board, Panel, Query

FOLDER: Final = Path("docs/operating/img")
PICTURES: Final[Mapping[str, tuple[str, ...]]] = {
    "exportgate-overview": (
        "Decisions by outcome", "Decision latency", "Orders by phase", "Canary round trip",
    ),
    "exportgate-holds": (
        "Open holds by reason", "By destination", "Oldest hold by reason", "By category",
    ),
    "exportgate-licenses": ("What is left", "Days to expiry"),
    "exportgate-materials": (
        "The map: value by origin and destination", "The map: share held",
        "Held value by category", "Packs are verified for",
    ),
    "exportgate-pipeline": (
        "Records read", "Records that wait", "Batch duration, p99", "Memory",
    ),
}  # fmt: skip
STEPS: Final = 120
BARS_MAX: Final = 12
UNITS: Final = {"s": "seconds", "ops": "a second", "percentunit": "share", "d": "days",
                "bytes": "bytes", "short": ""}  # fmt: skip
QUIET: Final = "#6b7280"


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a panel."""

    name: str
    times: list[float]
    values: list[float]


@dataclass(frozen=True, slots=True)
class Asked:
    """A Prometheus, and the time to draw."""

    url: str
    start: float
    end: float

    def series(self, query: Query) -> list[Series]:
        """Ask a panel's query, everything chosen."""
        step = max((self.end - self.start) / STEPS, 1.0)
        expr = (
            query.expr.replace("$__rate_interval", f"{max(int(step * 4), 10)}s")
            .replace("$job", "exportgate")
            .replace("$instance", ".+")
        )
        parameters = {"query": expr, "start": self.start, "end": self.end, "step": step}
        url = f"{self.url}/api/v1/query_range?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as page:  # noqa: S310 - given by hand
            found = json.load(page)["data"]["result"]
        return [_series(query, each) for each in found]


def _series(query: Query, found: Any) -> Series:
    name = query.legend or "value"
    for label, value in found["metric"].items():
        name = name.replace("{{" + label + "}}", value)
    points = [(t, float(v)) for t, v in found["values"] if not math.isnan(float(v))]
    return Series(name, [t for t, _ in points], [v for _, v in points])


def draw(board: Board, titles: Sequence[str], asked: Asked, folder: Path) -> Path:
    """Draw some panels of a board into one picture."""
    panels = [panel for title in titles for panel in board.panels if panel.title == title]
    rows = math.ceil(len(panels) / 2)
    figure, axes = plt.subplots(rows, 2, figsize=(11, 2.9 * rows), squeeze=False)
    for panel, at in zip(panels, axes.flat, strict=False):
        _panel(panel, at, asked)
    figure.suptitle(board.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    figure.tight_layout()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{board.uid}.png"
    figure.savefig(path, dpi=80)
    plt.close(figure)
    return path


def _panel(panel: Panel, at: Axes, asked: Asked) -> None:
    found = [each for query in panel.queries for each in asked.series(query) if each.values]
    at.set_title(panel.title, loc="left", fontsize=9)
    at.tick_params(labelsize=7, colors=QUIET)
    for side in ("top", "right"):
        at.spines[side].set_visible(False)
    unit = UNITS.get(panel.unit, "")
    if panel.kind in ("bars", "table"):
        _bars(found, at, unit)
        return
    for each in sorted(found, key=lambda s: s.name):
        at.plot([t - asked.start for t in each.times], each.values, label=each.name, linewidth=1.2)
    at.set_ylabel(unit, fontsize=7, color=QUIET)
    at.set_xlabel("seconds", fontsize=7, color=QUIET)
    at.set_ylim(bottom=0)
    at.grid(axis="y", linewidth=0.3)
    if found:
        at.legend(fontsize=6, frameon=False, loc="best", ncols=2)


def _bars(found: list[Series], at: Axes, unit: str) -> None:
    last = sorted(((each.values[-1], each.name) for each in found), reverse=True)[:BARS_MAX]
    names = [name.replace("→", "to") for _, name in reversed(last)]
    at.barh(names, [value for value, _ in reversed(last)], color="#2563eb", height=0.6)
    at.set_xlabel(unit, fontsize=7, color=QUIET)


def render(url: str, *, start: float, end: float, folder: Path = FOLDER) -> list[Path]:
    """Draw every picture."""
    asked = Asked(url, start, end)
    return [
        draw(board, PICTURES[board.uid], asked, folder) for board in BOARDS if board.uid in PICTURES
    ]


def main() -> None:
    """Draw the last minutes of a running Prometheus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", default="http://127.0.0.1:19090")
    parser.add_argument("--minutes", type=float, default=10)
    asked = parser.parse_args()
    now = time.time()
    for path in render(asked.prometheus, start=now - asked.minutes * 60, end=now):
        print(path)  # noqa: T201


if __name__ == "__main__":
    main()
