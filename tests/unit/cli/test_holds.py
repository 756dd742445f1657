"""What officers may do from the command line: the reason table, told before anything is written."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.checks import OfficerDecided
from schemas.decisions import DecidedLine, DecisionReason, HoldReason, OrderHeld
from services.cli import book, holds
from services.cli.holds import app, how, not_to_classify
from services.cli.officer import act_of, has_findings, named
from services.hold_release.reasons import SETTLERS, Settler
from tests.support.builders import assessed as assessed_of


def reason(code: HoldReason, line: str | None = "1", regime: str | None = "CN") -> DecisionReason:
    return DecisionReason(line_id=line, regime=regime, code=code, text="because")


def held(*reasons: DecisionReason, order: str = "ORD-1", source: str = "erp") -> OrderHeld:
    """A hold that stands, for these reasons."""
    return OrderHeld.model_validate(
        {
            "order_source": source, "order_id": order, "decision_id": "d-1", "revision": 3,
            "check": 0, "order_digest": "", "seq": 2, "decision": "HELD",
            "as_of": datetime(2026, 6, 1, tzinfo=UTC), "log_time": datetime(2026, 6, 1, tzinfo=UTC),
            "time_basis": "log", "lines": (DecidedLine(line_id="1", regimes={}),),
            "reasons": reasons, "engine": "test", "caused_by": "orders.checks/0/0",
            "chain": {"partition": 0, "index": 0, "prev": ""},
        }
    )  # fmt: skip


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[OfficerDecided]]:
    """Acts that would have been written; the brokers are not needed to refuse."""
    acts: list[OfficerDecided] = []
    monkeypatch.setattr(holds, "_client", lambda: None)
    monkeypatch.setattr(holds, "write_acts", lambda _client, done: acts.extend(done))
    monkeypatch.setattr(holds, "votes_for_release", lambda _client, _decision: set())
    monkeypatch.setattr(holds, "await_decision", _only_act)
    yield acts


def _only_act(_client: object, _decision: object, act: Any, **_: object) -> None:
    act()


def run(monkeypatch: pytest.MonkeyPatch, decisions: Sequence[OrderHeld], *arguments: str) -> Any:
    standing = {decision.key: decision for decision in decisions}
    monkeypatch.setattr(book, "decisions", lambda _client: standing)
    return CliRunner().invoke(app, [*arguments, "--officer", "amy"])


@pytest.mark.parametrize("code", [c for c in HoldReason if SETTLERS[c] is Settler.OFFICER_FACT])
def test_an_uncertain_line_may_be_classified(code: HoldReason) -> None:
    assert not_to_classify([reason(code)], "1", "CN") is None


@pytest.mark.parametrize("code", [c for c in HoldReason if SETTLERS[c] is not Settler.OFFICER_FACT])
def test_no_other_line_may(code: HoldReason) -> None:
    assert code.value in str(not_to_classify([reason(code)], "1", "CN"))


@pytest.mark.parametrize(("line", "regime"), [("2", "CN"), ("1", "US")])
def test_another_lines_doubt_is_no_licence_to_classify(line: str, regime: str) -> None:
    doubt = reason(HoldReason.CLASSIFICATION_UNCERTAIN)

    assert "nothing" in str(not_to_classify([doubt], line, regime))


@pytest.mark.parametrize("code", HoldReason)
def test_every_reason_says_who_settles_it(code: HoldReason) -> None:
    assert how(code)


@pytest.mark.parametrize(
    "code",
    [c for c in HoldReason if SETTLERS[c] in (Settler.NOBODY, Settler.GATE, Settler.NEVER)]
    + [HoldReason.CLASSIFICATION_UNCERTAIN, HoldReason.MISSING_FACT, HoldReason.LIST_STALE],
)
def test_what_no_word_settles_cannot_be_released(
    code: HoldReason, written: list[OfficerDecided], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(monkeypatch, [held(reason(code))], "release", "ORD-1", "--note", "please")

    assert result.exit_code == 1
    assert code.value in result.output
    assert written == []


def test_one_officer_states_a_fact_of_the_order(
    written: list[OfficerDecided], monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = held(reason(HoldReason.TIME_IMPLAUSIBLE, None, None))

    result = run(monkeypatch, [hold], "release", "erp/ORD-1", "--note", "booked late")

    assert result.exit_code == 0
    [act] = written
    assert (act.action, act.revision, act.seq, act.officer) == ("release", 3, 2, "amy")


def test_the_first_of_two_officers_is_told_so(
    written: list[OfficerDecided], monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = held(reason(HoldReason.OVERLAP_ROUTED))

    result = run(monkeypatch, [hold], "release", "ORD-1", "--note", "letter 7")

    assert result.exit_code == 0
    assert "second officer" in result.output
    assert [act.officer for act in written] == ["amy"]


def test_each_regime_stated_is_an_act(
    written: list[OfficerDecided], monkeypatch: pytest.MonkeyPatch
) -> None:
    doubts = [reason(HoldReason.CLASSIFICATION_UNCERTAIN, regime=regime) for regime in ("CN", "US")]
    stated = ("--cn", "none", "--us", "EAR99", "--citation", "data sheet 4")

    result = run(monkeypatch, [held(*doubts)], "classify", "ORD-1", "1", *stated)

    assert result.exit_code == 0, result.output
    assert [(act.regime, act.code, act.citation) for act in written] == [
        ("CN", "none", "data sheet 4"), ("US", "EAR99", "data sheet 4"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "ORD-1", "1", "--citation", "x"),
        ("classify", "ORD-1", "9", "--citation", "x", "--cn", "none"),
        ("classify", "ORD-1", "1", "--citation", " ", "--cn", "none"),
        ("reject", "ORD-2", "--note", "x"),
        ("release", "ORD-2", "--note", "x"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: tuple[str, ...],
    written: list[OfficerDecided],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = held(reason(HoldReason.CLASSIFICATION_UNCERTAIN))

    assert run(monkeypatch, [hold], *arguments).exit_code == 1
    assert written == []


def test_an_ambiguous_id_names_the_orders_it_may_mean(
    written: list[OfficerDecided], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [held(source="erp"), held(source="wms")]

    result = run(monkeypatch, both, "reject", "ORD-1", "--note", "x")

    assert result.exit_code == 1
    assert "erp/ORD-1" in result.output
    assert "wms/ORD-1" in result.output
    assert run(monkeypatch, both, "reject", "wms/ORD-1", "--note", "x").exit_code == 0
    assert [act.key for act in written] == ["wms/ORD-1"]


def test_what_is_not_held_cannot_be_settled(
    written: list[OfficerDecided], monkeypatch: pytest.MonkeyPatch
) -> None:
    released = held().model_copy(update={"decision": "RELEASED"})

    result = run(monkeypatch, [released], "reject", "ORD-1", "--note", "x")

    assert result.exit_code == 1
    assert "not held" in result.output
    assert written == []


@pytest.mark.parametrize("name", ["", "  "])
def test_an_officer_has_a_name(name: str) -> None:
    with pytest.raises(BaseException) as stopped:
        named(name)
    assert getattr(stopped.value, "exit_code", None) == 1


def test_a_determination_counts_once_it_knows_every_act() -> None:
    acts = [
        act_of(held(), "classify", "amy", note="x", line_id="1", regime=regime, code="none",
               citation="x")
        for regime in ("CN", "US")
    ]  # fmt: skip
    findings = [
        {"action": "classify", "line_id": act.line_id, "regime": act.regime, "code": act.code,
         "citation": "x", "officers": ("amy",), "decided_at": act.decided_at}
        for act in acts
    ]  # fmt: skip
    whole = assessed_of().model_dump()
    knows = has_findings(acts)

    assert knows(type(assessed_of()).model_validate({**whole, "findings": findings}))
    assert not knows(type(assessed_of()).model_validate({**whole, "findings": findings[:1]}))
