"""Writes the dashboards: `python -m infra.grafana.generate` (part of `make generate`)."""

from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    bargauge,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import common as commons
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from infra.grafana.boards import BOARDS, Board, Panel, Query

FOLDER: Final = Path("infra/grafana/dashboards")
HEIGHTS: Final = {"stat": 4, "lines": 8, "bars": 8, "table": 10}
DATASOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
BUILDERS: Final[dict[str, Any]] = {
    "lines": timeseries.Panel,
    "stat": stat.Panel,
    "bars": bargauge.Panel,
    "table": table.Panel,
}


def text_of(board: Board) -> str:
    """Write one dashboard as Grafana's JSON."""
    encoded: str = JSONEncoder(sort_keys=True, indent=2).encode(_built(board))
    return encoded + "\n"


def _built(board: Board) -> Any:
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(["exportgate"])
        .readonly()
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus"))
    )
    for name, query in (
        ("job", "label_values(exportgate_partitions_assigned, job)"),
        ("instance", 'label_values(exportgate_partitions_assigned{job=~"$job"}, instance)'),
    ):
        made.with_variable(_variable(name, query))
    for number, (panel, place) in enumerate(zip(board.panels, _places(board), strict=True), 1):
        made.with_panel(_panel(panel).id(number).grid_pos(place))
    return made.build()


def _variable(name: str, query: str) -> Any:
    return (
        dashboard.QueryVariable(name)
        .label(name)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+")
    )


def _places(board: Board) -> list[models.GridPos]:
    """Lay panels out in rows of 24 columns, from left to right."""
    places, x, y, height = [], 0, 0, 0
    for panel in board.panels:
        if x + panel.width > 24:
            x, y, height = 0, y + height, 0
        places.append(models.GridPos(h=HEIGHTS[panel.kind], w=panel.width, x=x, y=y))
        x, height = x + panel.width, max(height, HEIGHTS[panel.kind])
    return places


def _panel(panel: Panel) -> Any:
    made = (
        BUILDERS[panel.kind]()
        .title(panel.title)
        .description(panel.description)
        .datasource(DATASOURCE)
        .unit(panel.unit)
        .no_value("no data")
    )
    if panel.bad_above is not None:
        made.thresholds(_thresholds(panel.bad_above))
    if panel.kind == "bars":
        made.orientation(common.VizOrientation.HORIZONTAL)
        made.reduce_options(commons.ReduceDataOptions().calcs(["lastNotNull"]))
    for at, query in enumerate(panel.queries):
        made.with_target(_target(panel, query, "ABCDEF"[at]))
    return made


def _thresholds(bad_above: float) -> Any:
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps(
            [
                models.Threshold(value=None, color="green"),
                models.Threshold(value=bad_above + 1, color="red"),
            ]
        )
    )


def _target(panel: Panel, query: Query, ref_id: str) -> Any:
    made = prometheus.Dataquery().expr(query.expr).ref_id(ref_id).datasource(DATASOURCE)
    if panel.kind == "table":
        return made.instant().format(PromQueryFormat.TABLE)
    return made.range().legend_format(query.legend or "__auto")


def main() -> None:
    """Write every dashboard, one file each."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        (FOLDER / f"{board.uid}.json").write_text(text_of(board), encoding="utf-8")


if __name__ == "__main__":
    main()
