"""PromQL as the dashboards and rules have it: parsed, with the names and matchers in it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import promql_parser
import yaml

from infra.local.process import REPOSITORY

PROMETHEUS = REPOSITORY / "infra/prometheus"
DASHBOARDS = REPOSITORY / "infra/grafana/dashboards"


@dataclass(frozen=True)
class Shown:
    """One query of one panel."""

    board: str
    panel: dict[str, Any]
    expr: str

    @property
    def name(self) -> str:
        """Where it stands."""
        return f"{self.board}: {self.panel['title']}"

    def filled(self, interval: str) -> str:
        """The query as Grafana would send it, with everything chosen."""
        return (
            self.expr.replace("$__rate_interval", interval)
            .replace("$job", "exportgate")
            .replace("$instance", ".+")
        )


@cache
def boards() -> dict[str, dict[str, Any]]:
    """The committed dashboards by file name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def panel_queries() -> list[Shown]:
    """Every query of every panel."""
    return [
        Shown(name, panel, target["expr"])
        for name, board in boards().items()
        for panel in board["panels"]
        for target in panel["targets"]
    ]


@cache
def rules() -> list[dict[str, Any]]:
    """Every recording rule and alert."""
    return [
        rule
        for path in sorted((PROMETHEUS / "rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


def selectors(expr: str) -> list[tuple[str, dict[str, str]]]:
    """Metric name and label matchers of every selector in an expression, which must parse."""
    return list(_walk(promql_parser.parse(expr)))


def _walk(node: Any) -> Iterator[tuple[str, dict[str, str]]]:
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name), {each.name: each.value for each in node.matchers.matchers}
        return
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        inner = getattr(node, name, None)
        if inner is not None:
            yield from _walk(inner)
    for inner in getattr(node, "args", None) or ():
        yield from _walk(inner)
