"""Every entry on every day its status changes, one second before and after; the five-date table."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from schemas.classification import LicenseType, Status, Verdict
from services.classification.classify import classify
from services.classification.facts import gather
from services.classification.findings import stand
from services.classification.pack_set import Standing
from services.classification.policy import Entry, Pack
from services.classification.regime import Outcome, evaluate
from services.runtime.packs import load_packs, read_packs
from tests.unit.classification.lines import line

BOTH = load_packs("both")
PACKS, _ = read_packs()
EDGES = [
    (pack, entry, edge)
    for pack in PACKS
    for entry in pack.entries
    for period in entry.timeline
    for edge in (period.start, period.end)
    if edge is not None
]
MILD = (Status.SUSPENDED, Status.NOT_YET, Status.NOT_LISTED, Status.REPEALED)


@pytest.mark.parametrize(
    ("pack", "entry", "edge"),
    EDGES,
    ids=[f"{pack.name}-{entry.rule}-{edge}" for pack, entry, edge in EDGES],
)
def test_an_entry_changes_at_midnight_of_its_zone(pack: Pack, entry: Entry, edge: date) -> None:
    midnight = datetime(edge.year, edge.month, edge.day, tzinfo=ZoneInfo(pack.zone))
    before, after = midnight - timedelta(seconds=1), midnight + timedelta(seconds=1)
    day_before = before.astimezone(ZoneInfo(pack.zone)).date()
    assert entry.status(day_before) is not entry.status(edge)
    assert entry.status(after.astimezone(ZoneInfo(pack.zone)).date()) is entry.status(edge)
    if entry.next_change(day_before) is not None:
        assert entry.next_change(day_before) == edge
    finding = stand(entry, edge, ())
    assert (finding.verdict is Verdict.NO_LICENSE_REQUIRED) is (entry.status(edge) in MILD)


@pytest.mark.parametrize(
    ("second", "pack", "decision"),
    [
        (-1, "cn-reported@before-2025-10-09", "NO_LICENSE_REQUIRED"),
        (0, "cn-reported@2025-10-09", "LICENSE_REQUIRED"),
        (1, "cn-reported@2025-10-09", "LICENSE_REQUIRED"),
    ],
)
def test_the_reported_rule_begins_in_shanghai(second: int, pack: str, decision: str) -> None:
    begin = datetime(2025, 10, 8, 16, 0, tzinfo=UTC)  # 2025-10-09 00:00 in Shanghai
    item = line("Neodymium oxide", as_of=begin + timedelta(seconds=second))
    found = classify(item, BOTH).regimes["CN"]
    assert (found.pack, found.decision) == (pack, decision)


@pytest.mark.parametrize(("second", "status"), [(-1, "suspended"), (0, "stale"), (1, "stale")])
def test_the_gazetted_list_goes_stale_a_day_before_the_suspension_may_end(
    second: int, status: str
) -> None:
    edge = datetime(2026, 11, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
    item = line("Holmium oxide", as_of=edge + timedelta(seconds=second))
    assert classify(item, BOTH).regimes["CN-GAZETTED"].status == status


DAYS = [
    date(2025, 10, 8),
    date(2025, 10, 9),
    date(2025, 12, 1),
    date(2026, 6, 1),
    date(2026, 11, 11),
]
L, R, N = "LICENSE_REQUIRED", "REVIEW", "NO_LICENSE_REQUIRED"
IN, NOT, YET, SUS, OLD, UNK = "in_force", "not_listed", "not_yet", "suspended", "stale", "unknown"
TABLE = [
    ("CN", "NdFeB magnets N42", [(R, IN), (L, IN), (L, IN), (L, IN), (L, IN)]),
    ("CN", "Motor with NdFeB magnets", [(R, IN), (N, NOT), (N, NOT), (N, NOT), (N, NOT)]),
    ("CN", "Neodymium oxide powder", [(N, NOT), (L, IN), (L, IN), (L, IN), (L, IN)]),
    ("CN", "monazite concentrate", [(N, NOT), (L, IN), (L, IN), (L, IN), (L, IN)]),
    ("CN", "DyFe80 alloy", [(N, NOT), (L, IN), (L, IN), (L, IN), (L, IN)]),
    ("CN", "Mixer-settler for rare earths", [(N, NOT), (L, IN), (L, IN), (L, IN), (L, IN)]),
    ("CN", "Rare earth separation control software",
     [(N, NOT), (L, IN), (L, IN), (L, IN), (L, IN)]),
    ("CN-GAZETTED", "Dysprosium metal", [(L, IN), (L, IN), (L, IN), (L, IN), (L, OLD)]),
    ("CN-GAZETTED", "SmCo magnets", [(L, IN), (L, IN), (L, IN), (L, IN), (L, OLD)]),
    ("CN-GAZETTED", "NdFeB magnets, 2 % Dy", [(L, IN), (L, IN), (L, IN), (L, IN), (L, OLD)]),
    ("CN-GAZETTED", "Holmium oxide", [(N, NOT), (N, YET), (N, SUS), (N, SUS), (R, OLD)]),
    ("CN-GAZETTED", "Europium metal", [(N, NOT), (N, YET), (N, SUS), (N, SUS), (R, OLD)]),
    ("CN-GAZETTED", "Mixer-settler for rare earths",
     [(N, NOT), (N, YET), (N, SUS), (N, SUS), (R, OLD)]),
    ("CN-GAZETTED", "Rare earth separation control software",
     [(N, NOT), (L, IN), (N, SUS), (N, SUS), (R, OLD)]),
    ("CN-GAZETTED", "Neodymium oxide", [(L, NOT), (L, NOT), (L, NOT), (L, NOT), (L, OLD)]),
    ("CN-GAZETTED", "NdFeB magnets, no heavy rare earth",
     [(N, NOT), (N, NOT), (N, NOT), (N, NOT), (R, OLD)]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "text", "wanted"), TABLE, ids=[f"{t[0]} {t[1]}" for t in TABLE])
def test_the_five_date_table(key: str, text: str, wanted: list[tuple[str, str]]) -> None:
    found = [classify(line(text, as_of=day), BOTH).regimes[key] for day in DAYS]
    assert [(v.decision.value, v.status.value) for v in found] == wanted


def test_code_four_stays_when_the_list_is_stale() -> None:
    found = classify(line("Praseodymium oxide", as_of=DAYS[-1]), BOTH).regimes["CN-GAZETTED"]
    assert (found.decision, found.license_type) == (L, LicenseType.EXPORT_LICENSE_CODE_4)


@pytest.mark.parametrize("regime", ["US", "EU"])
def test_other_lists_go_stale_at_the_end_of_2026(regime: str) -> None:
    place = {"US": "US", "EU": "DE"}[regime]
    for day, wanted in ((date(2026, 12, 30), N), (date(2026, 12, 31), R)):
        item = line(
            "Office chairs", exporter_country=place, origin=place, destination="JP", as_of=day
        )
        assert classify(item, BOTH).regimes[regime].decision == wanted


def test_announcement_61_between_third_countries() -> None:
    item = {"exporter_country": "JP", "destination": "US"}
    wanted = [(date(2025, 10, 8), "NOT_APPLICABLE", NOT), (date(2025, 10, 9), R, IN),
              (date(2025, 11, 6), R, IN), (date(2025, 11, 7), N, SUS), (date(2026, 11, 9), N, SUS),
              (date(2026, 11, 10), R, OLD), (date(2026, 11, 11), R, OLD)]  # fmt: skip
    for day, decision, status in wanted:
        found = classify(line("SmCo magnets", as_of=day, **item), BOTH).regimes["CN-GAZETTED"]
        assert (found.decision.value, found.status.value) == (decision, status), day


def test_announcement_61_for_what_is_made_abroad() -> None:
    item = {"exporter_country": "JP", "origin": "JP", "destination": "US"}
    wanted = [(date(2025, 10, 8), "NOT_APPLICABLE", NOT), (date(2025, 10, 9), N, YET),
              (date(2025, 11, 7), N, SUS), (date(2025, 12, 1), N, SUS),
              (date(2026, 11, 9), N, SUS), (date(2026, 11, 10), R, OLD)]  # fmt: skip
    for text in ("SmCo magnets", "Motor with NdFeB magnets, 2 % Dy", "Terbium sputtering target"):
        for day, decision, status in wanted:
            found = classify(line(text, as_of=day, **item), BOTH).regimes["CN-GAZETTED"]
            assert (found.decision.value, found.status.value) == (decision, status), (text, day)
    for text in ("Dysprosium oxide", "Motor with ferrite magnets"):
        free = classify(line(text, as_of=date(2026, 12, 1), **item), BOTH)
        assert free.regimes["CN-GAZETTED"].decision == "NOT_APPLICABLE"
    late = classify(line("SmCo magnets", as_of=date(2026, 12, 1), **item), BOTH)
    assert any("0.1 %" in fact for fact in late.missing)


TEXTS = (
    "Neodymium oxide 99.9 %", "Sintered NdFeB magnet N38UH", "Holmium oxide", "Steel bolts",
    "Dysprosium metal", "Solvent extraction plant for rare earths", "Samarium cobalt magnets",
)  # fmt: skip


@pytest.mark.parametrize("key", BOTH.keys)
def test_days_of_one_standing_answer_alike(key: str) -> None:
    """Of an order's further days only those are judged that may answer otherwise."""
    days = {edge + timedelta(days=by) for edge in BOTH.edges[key] for by in (-2, -1, 0, 1)}
    known: dict[tuple[Standing, str], Outcome] = {}
    shared = 0
    for day in sorted(days):
        standing = BOTH.standing(key, day)
        for text in TEXTS:
            item = line(text)
            facts = gather(item, BOTH.lexicon)
            found = evaluate(key, standing.compiled, item, facts, day, BOTH)
            shared += (standing, text) in known
            assert known.setdefault((standing, text), found) == found, (day, text)
    assert shared
    assert len({standing for standing, _ in known}) > 1


def test_the_further_days_of_an_order_are_heard() -> None:
    """A list that comes into force between two days of an order counts, whichever is said first."""
    item = line("Neodymium oxide", as_of=date(2025, 10, 8))
    days = (date(2025, 10, 7), date(2025, 10, 9), date(2025, 10, 10))
    assert classify(item, BOTH).regimes["CN"].decision is Verdict.NO_LICENSE_REQUIRED
    found = classify(item, BOTH, days).regimes["CN"]
    assert found.decision is Verdict.LICENSE_REQUIRED
