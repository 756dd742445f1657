"""Dashboards: made from the code, linted by the rules of the field's dashboard linter."""

from typing import Any

import pytest

from infra.grafana import generate
from infra.grafana.boards import BOARDS
from infra.local.process import REPOSITORY
from tests.support.promql import Shown, boards, panel_queries, selectors

QUERIES = panel_queries()
PANELS = [(name, panel) for name, board in boards().items() for panel in board["panels"]]
MULTIPLE = {"job", "instance"}
RECORDED = ":"
"""Names of recording rules hold a colon; they have lost the labels of single instances."""


def by_panel(found: tuple[str, dict[str, Any]]) -> str:
    return f"{found[0]}: {found[1]['title']}"


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_what_is_committed_is_what_the_code_makes(board: Any) -> None:
    path = REPOSITORY / generate.FOLDER / f"{board.uid}.json"
    assert path.read_text(encoding="utf-8") == generate.text_of(board), "run `make generate`"


def test_nothing_else_is_committed() -> None:
    assert set(boards()) == {board.uid for board in BOARDS}
    assert {board.title for board in BOARDS} == {
        "Gate overview", "Holds", "Licenses", "Materials", "Pipeline health",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(boards()))
def test_a_board_can_be_pointed_elsewhere_but_not_edited(name: str) -> None:
    """Rules template-datasource, -job, -instance, -label-promql, -on-time-change, -uneditable."""
    board = boards()[name]
    variables = {each["name"]: each for each in board["templating"]["list"]}

    assert board["uid"] == name
    assert board["editable"] is False
    assert board["title"]
    assert board["description"]
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    for each in MULTIPLE:
        variable = variables[each]
        assert variable["datasource"]["uid"] == "${datasource}"
        assert variable["refresh"] == 2, "must be read again when the time range changes"
        assert variable["multi"]
        assert variable["includeAll"]
        assert variable["allValue"] == ".+"
        inside = variable["query"].removeprefix("label_values(").partition(", ")[0]
        assert selectors(inside.replace("$job", "x").removesuffix(","))


@pytest.mark.parametrize("found", PANELS, ids=by_panel)
def test_a_panel_says_what_it_shows_in_which_unit(found: tuple[str, dict[str, Any]]) -> None:
    """Rules panel-datasource, panel-title-description, panel-units."""
    _, panel = found
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["title"]
    assert panel["description"].endswith((".", ",", "…"))
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]


@pytest.mark.parametrize("name", sorted(boards()))
def test_panels_do_not_lie_on_each_other(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in boards()[name]["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    titles = [panel["title"] for panel in boards()[name]["panels"]]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_query_parses_and_keeps_to_what_is_chosen(query: Shown) -> None:
    """Rules target-promql, target-rate-interval, target-job, target-instance."""
    found = selectors(query.filled("1m"))
    assert found
    for metric, matchers in found:
        if RECORDED not in metric:
            assert matchers["job"] == "exportgate", metric
            assert matchers["instance"] == ".+", metric
    assert 'job=~"$job"' in query.expr or RECORDED in query.expr
    ranged = query.expr.replace("[$__rate_interval]", "")
    assert "[" not in ranged, "a range in a panel is $__rate_interval"
