"""`check` and `policy` as a user meets them: bad lines, exit codes, explanations."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.classification.check_input import BadLine, parse_line
from services.cli import check as check_command
from services.cli import policy as policy_command
from tests.unit.classification.corpus import ORDERS

RUNNER = CliRunner()
APP = typer.Typer()
APP.command()(check_command.check)
GOOD: dict[str, Any] = {
    "id": "a",
    "as_of": "2026-06-01",
    "description": "Dysprosium oxide",
    "exporter_country": "CN",
    "destination": "DE",
}


def run(*args: str, given: bytes | str = b"") -> tuple[int, list[Any]]:
    """Run `check` and read its answers."""
    result = RUNNER.invoke(APP, list(args), input=given)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def test_bom_crlf_and_blank_lines_are_accepted_and_the_order_is_kept() -> None:
    lines = [json.dumps(GOOD | {"id": str(n)}) for n in range(3)]
    given = b"\xef\xbb\xbf" + "\r\n\r\n".join(lines).encode() + b"\r\n \r\n"
    code, answers = run("-", given=given)
    assert (code, [a["id"] for a in answers]) == (0, ["0", "1", "2"])


def test_bad_lines_are_named_and_the_others_answered() -> None:
    given = "\n".join(
        [json.dumps(GOOD), "{", "[1]", json.dumps(GOOD | {"id": 5}), json.dumps(GOOD)]
    )
    code, answers = run("-", given=given)
    assert code == 1
    assert [a.get("line") for a in answers] == [None, 2, 3, 4, None]
    assert answers[3]["field"] == "id"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"id": None}, "id"),
        ({"as_of": "yesterday"}, "as_of"),
        ({"as_of": "2026-13-01"}, "as_of"),
        ({"as_of": "2026-06-01T10:00:00"}, "as_of"),
        ({"as_of": 20260601}, "as_of"),
        ({"as_of": "2026-W23-1"}, "as_of"),
        ({"description": 5}, "description"),
        ({"description": "x" * 100_001}, "description"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": "NaN"}, "quantity"),
        ({"quantity": "Infinity"}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"quantity": "many"}, "quantity"),
        ({"hs_code": 2846901500}, "hs_code"),
        ({"exporter_country": ["CN"]}, "exporter_country"),
        ({"parties": "Muster"}, "parties"),
        ({"parties": {"friend": "Muster"}}, "parties.friend"),
        ({"parties": {"buyer": 5}}, "parties.buyer"),
        ({"parties": {"buyer": {"name": "A", "country": 5}}}, "parties.buyer.country"),
        ({"parties": {"buyer": {"name": "A", "screened": "yes"}}}, "parties.buyer.screened"),
        ({"declared": "1C905"}, "declared"),
        ({"declared": {"cn": 5}}, "declared.cn"),
        ({"composition": {"Dy": 2}}, "composition"),
        ({"composition": [{"element": "Dy"}]}, "composition[0]"),
        ({"composition": [{"element": "Dy", "mass_percent": 101}]}, "composition[0]"),
        ({"mode": "telepathy"}, "mode"),
        ({"purpose": "theft"}, "purpose"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadLine) as caught:
        parse_line(json.dumps(GOOD | change))
    assert caught.value.field == field


@pytest.mark.parametrize("key", ["id", "as_of", "description", "exporter_country", "destination"])
def test_a_needed_key_is_needed(key: str) -> None:
    with pytest.raises(BadLine) as caught:
        parse_line(json.dumps({k: v for k, v in GOOD.items() if k != key}))
    assert caught.value.field == key


@pytest.mark.parametrize(
    "text",
    ['{"id": "a", "id": "b"}', '{"x": {"y": 1, "y": 2}}', '{"x": NaN}', "[" * 100_000, "", '"a"'],
)
def test_what_is_not_one_json_object_is_bad(text: str) -> None:
    with pytest.raises(BadLine):
        parse_line(text)


def test_bytes_that_are_not_utf8_are_one_bad_line() -> None:
    code, answers = run("-", given=b'{"id": "\xff"}\n' + json.dumps(GOOD).encode())
    assert (code, answers[0]["line"], answers[1]["id"]) == (1, 1, "a")


def test_fields_not_named_are_never_read() -> None:
    plain = run("-", given=json.dumps(GOOD))[1]
    assert run("-", given=json.dumps(GOOD | {"expected": 1, "tags": ["NdFeB"]}))[1] == plain


def test_the_answer_has_the_shape_of_the_contract() -> None:
    _, (answer,) = run("--cn", "both", given=json.dumps(GOOD | {"order_id": "o"}))
    assert list(answer) == [
        "id", "order_id", "as_of", "decision", "regimes", "reasons", "missing", "engine",
    ]  # fmt: skip
    assert list(answer["regimes"]) == ["CN", "CN-GAZETTED", "US", "EU"]
    assert {"category", "control_code", "routed_to"} <= set(answer["regimes"]["CN"])
    assert {"eccn", "subject_to_ear", "controls"} <= set(answer["regimes"]["US"])
    assert "annex_i" in answer["regimes"]["EU"]
    assert "eccn" not in answer["regimes"]["CN"]
    assert answer["as_of"] == "2026-06-01"


def test_as_of_can_come_from_the_command() -> None:
    item = {key: value for key, value in GOOD.items() if key != "as_of"}
    assert run("--as-of", "2025-10-08", given=json.dumps(item))[1][0]["regimes"]["CN"][
        "pack"
    ].endswith("before-2025-10-09")
    assert run("-", given=json.dumps(item))[0] == 1


@pytest.mark.parametrize("args", [("--cn", "none"), ("--as-of", "soon"), ("no-such-file.jsonl",)])
def test_wrong_usage_is_exit_two(args: tuple[str, ...]) -> None:
    assert RUNNER.invoke(APP, list(args), input=json.dumps(GOOD)).exit_code == 2


def test_an_unknown_unit_leaves_the_verdict() -> None:
    _, (known, unknown) = run(
        "-",
        given="\n".join(json.dumps(GOOD | {"quantity": 1, "unit": u}) for u in ("kg", "firkinoid")),
    )
    assert known["regimes"] == unknown["regimes"]
    assert [r["code"] for r in unknown["reasons"]].count("UNIT_UNKNOWN") == 1
    assert "UNIT_UNKNOWN" not in [r["code"] for r in known["reasons"]]


def test_explaining_takes_at_most_twelve_lines_an_item(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    broken = "Dysprosium\u2028oxide\x0bwith\x85neodymium\r\nmagnets for\x1cmotors"
    for row in [*ORDERS, ORDERS[0] | {"description": broken}]:
        file.write_text(json.dumps(row), encoding="utf-8")
        result = RUNNER.invoke(APP, [str(file), "--cn", "both", "--us-addendum", "--explain"])
        assert result.exit_code == 0
        assert 4 <= len(result.stdout.splitlines()) <= 12


def test_an_explanation_obeys_no_control_character() -> None:
    row = GOOD | {"id": "a\nb", "description": "Dysprosium \x1b[2J oxide \u202eedixo"}
    result = RUNNER.invoke(APP, ["--explain"], input=json.dumps(row))
    assert result.stdout.splitlines()[0] == "a b  Dysprosium �[2J oxide �edixo"


def test_an_explanation_names_what_decides_under_each_regime() -> None:
    row = GOOD | {
        "description": "Rare earth ore concentrate 30 % REO", "destination": "IR",
        "end_use": "military",
    }  # fmt: skip
    result = RUNNER.invoke(APP, ["--cn", "both", "--explain"], input=json.dumps(row))
    told = result.stdout
    for said in ("+ CN: a military", "+ CN-GAZETTED: a military", "? US: origin is not stated",
                 "export license (code 4)", "EU: exporter CN"):  # fmt: skip
        assert said in told


@pytest.mark.parametrize("as_of", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00Z"])
def test_the_first_and_last_moments_are_answered(as_of: str) -> None:
    assert run("-", given=json.dumps(GOOD | {"as_of": as_of}))[0] == 0


def test_half_a_character_is_a_bad_line() -> None:
    given = json.dumps(GOOD | {"unit": "\ud800"}) + "\n" + json.dumps(GOOD | {"unit": "😀"})
    code, (bad, good) = run("-", given=given)
    assert (code, bad["field"], good["id"]) == (1, "unit", "a")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cas": "unknown"}, "CAS_MALFORMED"),
        ({"hs_code": "94O1"}, "HS_MALFORMED"),
        ({"composition": [{"element": "Unobtainium", "mass_percent": 1}]}, "COMPOSITION_UNREAD"),
        ({"declared": {"cn": "N/A"}}, "DECLARED_NOT_COUNTED"),
    ],
)
def test_what_a_field_says_in_no_known_way_is_named(change: dict[str, Any], code: str) -> None:
    _, (answer,) = run("-", given=json.dumps(GOOD | change))
    assert code in [reason["code"] for reason in answer["reasons"]]


def test_an_unknown_country_is_named() -> None:
    _, (answer,) = run("-", given=json.dumps(GOOD | {"destination": "UK"}))
    assert "destination 'UK' is not a known country" in [r["text"] for r in answer["reasons"]]


def test_the_addendum_is_asked_for_and_changes_no_other_regime() -> None:
    line = json.dumps(GOOD | {"exporter_country": "US", "destination": "IN"})
    _, [plain] = run("-", given=line)
    _, [more] = run("-", "--us-addendum", given=line)
    added = more["regimes"].pop("US-ADDENDUM")
    assert (added["decision"], added["listed"]) == ("REVIEW", True)
    assert added["pack"] == "us-addendum-reported@2025-10-09"
    assert more["regimes"] == plain["regimes"]


def test_policy_list_show_validate_diff(tmp_path: Path) -> None:
    def policy(*args: str) -> tuple[int, str]:
        result = RUNNER.invoke(policy_command.app, list(args))
        return result.exit_code, result.output

    code, text = policy("list", "--json")
    names = [row["pack"] for row in json.loads(text)]
    assert code == 0
    assert {"cn-reported@2025-10-09", "us-addendum-reported@2025-10-09"} <= set(names)
    assert all(name in policy("list")[1] for name in names)
    shown = policy("show", "cn-gazetted")[1]
    for said in ("1C905.b", "MP Materials from 2026-06-22", "North Korea", "military end use"):
        assert said in shown
    assert "listed_item" in policy("show", "cn-reported")[1]
    assert policy("show", "cn-imagined")[0] == 2
    assert policy("validate")[0] == 0
    bad = tmp_path / "bad.yaml"
    bad.write_text("pack: x\ncolour: red\n", encoding="utf-8")
    code, text = policy("validate", str(bad))
    assert code == 1
    assert f"{bad}:" in text
    code, text = policy("diff", "cn-reported@before-2025-10-09", "cn-reported", "--json")
    assert any(change["rule"] == "cat2-magnet" for change in json.loads(text))
    assert json.loads(policy("diff", "us-ear", "us-ear", "--json")[1]) == []
