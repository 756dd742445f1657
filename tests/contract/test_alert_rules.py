"""Rules: promtool accepts them, each alert fires and is silent, has a page; all agree on names."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local import monitoring
from infra.local.process import REPOSITORY
from services.runtime.metrics import FAMILIES
from tests.support.promql import PROMETHEUS, panel_queries, rules, selectors
from tests.support.stack import need_program

ALERTS: list[dict[str, Any]] = [rule for rule in rules() if "alert" in rule]
RECORDED: list[dict[str, Any]] = [rule for rule in rules() if "record" in rule]
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
RUNBOOKS = REPOSITORY / "docs/operating"
SECTIONS = ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"]
OTHERS = re.compile(r"^(up|process_.*|prometheus_.*)$")
"""Metrics that are not ours: of Prometheus, and of its client library."""


def named(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"])


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_rules() -> None:
    promtool = need_program("promtool")
    files = sorted(str(path) for path in (PROMETHEUS / "rules").glob("*.yml"))

    said = run(promtool, "check", "rules", *files)

    assert said.count("SUCCESS") == len(files) == 2


def test_alertmanager_accepts_its_configuration() -> None:
    said = run(need_program("amtool"), "check-config", str(PROMETHEUS / "alertmanager.yml"))

    assert "SUCCESS" in said


def test_prometheus_accepts_its_configuration(tmp_path: Path) -> None:
    monitoring.write_config(
        tmp_path, {"classification": 18101}, 19094, prometheus_port=19090, every_s=1
    )

    said = run(need_program("promtool"), "check", "config", str(tmp_path / "prometheus.yml"))

    assert "rules found" in said


@pytest.mark.parametrize("file", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_stay_silent_as_promised(file: Path) -> None:
    said = run(need_program("promtool"), "test", "rules", str(file))

    assert "SUCCESS" in said


@cache
def cases() -> dict[str, dict[bool, int]]:
    """How often each alert is shown to fire, and to be silent."""
    found: dict[str, dict[bool, int]] = {}
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                counts = found.setdefault(case["alertname"], {True: 0, False: 0})
                counts[bool(case["exp_alerts"])] += 1
    return found


@pytest.mark.parametrize("rule", ALERTS, ids=named)
def test_every_alert_has_a_firing_and_a_silent_case(rule: dict[str, Any]) -> None:
    counts = cases()[rule["alert"]]
    assert counts[True] >= 1
    assert counts[False] >= 1


def test_no_case_is_of_an_alert_that_is_gone() -> None:
    assert set(cases()) == {rule["alert"] for rule in ALERTS}
    assert len(ALERTS) >= 12


@pytest.mark.parametrize("rule", ALERTS, ids=named)
def test_an_alert_is_written_as_the_field_writes_them(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"ExportGate([A-Z][a-z]+)+", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    notes = rule["annotations"]
    assert notes["summary"].endswith(".")
    assert "{{" not in notes["summary"], "a summary is static; values belong in the description"
    assert notes["description"].endswith(".")
    selectors(rule["expr"])


@pytest.mark.parametrize("rule", ALERTS, ids=named)
def test_an_alert_has_a_page_that_says_what_to_do(rule: dict[str, Any]) -> None:
    url = rule["annotations"]["runbook_url"]
    assert url == f"docs/operating/{rule['alert']}.md"
    lines = (REPOSITORY / url).read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"# {rule['alert']}"
    assert [line for line in lines if line.startswith("## ")] == SECTIONS
    for at, line in enumerate(lines):
        if line in SECTIONS:
            assert lines[at + 2].strip(), f"{line} is empty"


def test_no_page_is_of_an_alert_that_is_gone() -> None:
    pages = {path.stem for path in RUNBOOKS.glob("ExportGate*.md")}
    assert pages == {rule["alert"] for rule in ALERTS}


def test_links_between_pages_lead_somewhere() -> None:
    for path in RUNBOOKS.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)[^)]*\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} → {target}"


@cache
def used() -> set[str]:
    """Every metric that a rule or a panel reads."""
    expressions = [rule["expr"] for rule in rules()]
    expressions += [query.filled("1m") for query in panel_queries()]
    return {name for expr in expressions for name, _ in selectors(expr)}


def test_rules_and_dashboards_read_only_what_there_is() -> None:
    known = {name for family in FAMILIES for name in family.series}
    known |= {rule["record"] for rule in RECORDED}

    assert {name for name in used() if name not in known and not OTHERS.match(name)} == set()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_metric_is_read_by_a_rule_or_a_panel(family: Any) -> None:
    assert set(family.series) & used(), "nobody would notice if it were wrong"


@pytest.mark.parametrize("rule", RECORDED, ids=named)
def test_every_recorded_rule_is_read(rule: dict[str, Any]) -> None:
    assert rule["record"].count(":") >= 1
    assert rule["record"] in used()


def test_matchers_and_groupings_name_labels_that_exist() -> None:
    """A misspelt label selects nothing, in silence."""
    labels = {
        name: {each.name for each in family.label_list} | {"le"}
        for family in FAMILIES
        for name in family.series
    }
    general = {"job", "instance", "service", "license"}
    for expr in [rule["expr"] for rule in rules()] + [q.filled("1m") for q in panel_queries()]:
        found = selectors(expr)
        known = general.union(*(labels.get(name, set()) for name, _ in found))
        for name, matchers in found:
            if name in labels:
                assert set(matchers) <= labels[name] | general, (name, matchers)
        for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr):
            for each in filter(None, (part.strip() for part in group.split(","))):
                assert each in known, f"{each} in {expr}"
