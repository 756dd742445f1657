"""The 27 labelled lines, submitted as a user submits them, on real Kafka and Redis.

Goal: each is released or held as its label demands, for the reason an officer expects. The lines
state no parties, so a license covers them only by `*`.
"""

from pathlib import Path

from tests.support.gate import running_gate
from tests.support.stack import RealKafka, RealRedis

DATA = Path(__file__).parents[1] / "data"
RELEASED: set[str] = set()
EXPECTED = {
    "O-G02": RELEASED,
    "O-G05": RELEASED,
    "O-G07": RELEASED,
    "O-G10": RELEASED,
    "O-G12": RELEASED,
    "O-G15": RELEASED,
    "O-G17": RELEASED,
    "O-G20": {"OVERLAP_ROUTED"},
    "O-G22": {"DESTINATION_MISMATCH"},
    "O-G25": RELEASED,
    "O-G27": RELEASED,
    "O-G30": RELEASED,
    "O-G32": RELEASED,
    "O-G35": RELEASED,
    "O-G37": RELEASED,
    "O-G40": RELEASED,
    "O-G42": RELEASED,
    "O-G45": {"OVERLAP_ROUTED"},
    "O-G47": RELEASED,
    "O-G50": RELEASED,
    "O-G52": {"LICENSE_EXPIRED"},
    "O-G55": {"CATCH_ALL"},
    "O-G57": {"OVERLAP_ROUTED"},
    "O-G60": {"DESTINATION_MISMATCH"},
    "O-G62": RELEASED,
    "MIX-1": RELEASED,
    "MIX-2": {"LICENSE_EXHAUSTED"},
}
"""By order: the reasons it is held for, or released. CN-4 expired the day before; CN-1-CH has room
for half of what MIX-2 needs; no license names the Philippines or Hong Kong."""


def test_every_labelled_line_is_released_or_held_as_its_label_demands(
    fresh_topics: RealKafka, flushed_redis: RealRedis, tmp_path: Path
) -> None:
    brokers = fresh_topics.bootstrap, flushed_redis.url
    with running_gate(tmp_path, *brokers, EXPORTGATE_TIME_BASIS="event") as gate:
        imported = gate.json("licenses", "import", str(DATA / "licenses-labelled.csv"))
        assert imported["imported"] == 5

        sent = gate.json("orders", "submit", str(DATA / "orders-labelled.jsonl"), "--lines")
        latest = gate.decisions(lambda decided: len(decided) == len(EXPECTED))

    assert sent["sent"] == len(EXPECTED)
    outcome = {
        key.rpartition("/")[2]: {reason.code.value for reason in decided.reasons}
        for key, decided in latest.items()
    }
    assert outcome == EXPECTED
    assert all(
        decided.decision == ("HELD" if decided.reasons else "RELEASED")
        for decided in latest.values()
    )
