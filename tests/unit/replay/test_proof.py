"""A proof says what was decided, and any changed byte of it is found by Python alone."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.replay import proof_check
from services.replay.errors import ArchiveError
from services.replay.proof import keys_of, of_archive, prove
from services.replay.proof_check import canonical, digest_of, examine
from services.replay.reading import open_archive
from tests.support.archives import HeldLog, archived, find, header
from tests.support.years import Years


def drawn_order(root: Path) -> str:
    """An order that was released on a license."""
    _, raw = find(
        root,
        lambda raw: (
            header(raw, "ce_type") == "exportgate.decision.released.v1"
            and b'"licenses":[{' in (raw.value or b"")
        ),
    )
    return (raw.key or b"").decode()


@pytest.fixture(scope="session")
def proof(sound: Path) -> bytes:
    """The proof of an order that was released on a license."""
    return prove(drawn_order(sound), of_archive(open_archive(sound)))


def test_a_proof_says_what_was_decided_by_what_and_on_which_license(proof: bytes) -> None:
    words, faults = examine(proof)

    text = "\n".join(words)
    assert faults == []
    assert "RELEASED at" in text
    assert "LICENSE_REQUIRED" in text
    assert "under cn-reported@" in text
    assert "balance" in text and " to " in text
    assert "the chain around it holds" in text


def test_the_script_needs_python_alone(proof: bytes, tmp_path: Path) -> None:
    """Copied beside the proof, isolated from everything installed."""
    script = shutil.copy(proof_check.__file__, tmp_path / "proof_check.py")
    file = tmp_path / "proof.json"
    file.write_bytes(proof)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-I", "-S", str(script), str(file)],
                              capture_output=True, text=True, check=False)  # fmt: skip

    holds = run()
    file.write_bytes(proof.replace(b'"decision', b'"Decision', 1))
    broken = run()

    assert (holds.returncode, holds.stdout.splitlines()[-1]) == (0, "The proof holds.")
    assert (broken.returncode, broken.stdout.splitlines()[-1]) == (1, "THE PROOF DOES NOT HOLD")


def test_any_changed_byte_is_found(proof: bytes) -> None:
    choice = random.Random(5)
    for _ in range(150):
        at, bit = choice.randrange(len(proof)), 1 << choice.randrange(8)
        changed = proof[:at] + bytes([proof[at] ^ bit]) + proof[at + 1 :]
        assert examine(changed)[1], f"bit {bit} of byte {at} was not missed"
    assert examine(proof + b" ")[1]
    assert examine(proof[:-1])[1]


def forged(proof: bytes, change: Any) -> list[str]:
    """The faults of a proof that was changed by somebody who can compute its digest."""
    data = json.loads(proof)
    change(data)
    data["digest"] = digest_of(data)
    return examine(canonical(data))[1]


def value_of(data: Any, kind: str) -> Any:
    """The first record of a type."""
    return next(each for each in data["records"]
                if ["ce_type", {"text": kind}] in each["headers"])  # fmt: skip


def test_a_forged_value_does_not_fit_what_was_signed(proof: bytes) -> None:
    def change(data: Any) -> None:
        record = value_of(data, "exportgate.decision.released.v1")
        record["value"]["text"] = record["value"]["text"].replace(
            '"valid_until":"20', '"valid_until":"30'
        )

    faults = forged(proof, change)

    assert any("ce_sha256" in fault for fault in faults)
    assert any("not the record that was archived" in fault for fault in faults)


def test_a_record_that_is_left_out_is_missed(proof: bytes) -> None:
    for kind in ("exportgate.order.assessed.v1", "exportgate.reservation.granted.v1",
                 "exportgate.order.classified.v1", "exportgate.order.placed.v1"):  # fmt: skip

        def change(data: Any, kind: str = kind) -> None:
            data["records"].remove(value_of(data, kind))

        assert forged(proof, change), kind


def test_a_chain_that_does_not_fit_is_found(sound: Path, proof: bytes) -> None:
    """The next decision in the chain is swapped for one that follows something else."""
    order = json.loads(proof)["order"]

    def change(data: Any) -> None:
        others = [
            each for each in data["records"]
            if each["topic"] == "orders.decisions" and each["key"] != {"text": order}
        ]  # fmt: skip
        event = orjson.loads(others[0]["value"]["text"])
        event["chain"]["prev"] = "e" * 64
        others[0]["value"]["text"] = orjson.dumps(event).decode()

    assert any("chain" in fault for fault in forged(proof, change))


def resealed(proof: bytes, change: Any) -> list[str]:
    """The faults of a proof whose values were changed by who can compute every digest there is.

    `change` is given the events of the order, first decisions first, by type.
    """
    data = json.loads(proof)
    events = {id(each): json.loads(each["value"]["text"]) for each in data["records"]}
    own: dict[str, Any] = {}
    for each in data["records"]:
        if each["key"] == {"text": data["order"]} or each["topic"] == "licenses":
            kind = dict(each["headers"])["ce_type"]["text"].removeprefix("exportgate.")[:-3]
            own.setdefault(kind, events[id(each)])
    change(own)
    last = None
    for each in data["records"]:
        event = events[id(each)]
        if each["topic"] == "orders.decisions":
            event["chain"]["prev"] = last or event["chain"]["prev"]
        value = orjson.dumps(event)
        last = hashlib.sha256(value).hexdigest()
        each["value"]["text"] = value.decode()
        each["headers"] = [[name, {"text": last} if name == "ce_sha256" else content]
                           for name, content in each["headers"]]  # fmt: skip
        each["sha256"] = proof_check.Record(each).digest()
    data["digest"] = digest_of(data)
    return examine(canonical(data))[1]


def settled_by_nothing(own: Any) -> None:
    own["decision.released"]["lines"][0]["regimes"]["CN"] |= {
        "settled_by": "none", "license_ids": [],
    }  # fmt: skip


def of_no_line(own: Any) -> None:
    own["decision.released"]["lines"] = []


def one_regime_less(own: Any) -> None:
    del own["decision.released"]["lines"][0]["regimes"]["CN"]


def determined_otherwise(own: Any) -> None:
    for line in (own["order.assessed"]["lines"][0]["regimes"]["CN"]["verdict"],
                 own["decision.released"]["lines"][0]["regimes"]["CN"]):  # fmt: skip
        line["decision"] = "NO_LICENSE_REQUIRED"


def by_an_officer(own: Any) -> None:
    own["decision.released"]["lines"][0]["regimes"]["CN"]["settled_by"] = "officer"
    own["decision.released"]["officers"] = ["nobody"]


def of_another_order(own: Any) -> None:
    own["decision.released"]["order_id"] = "another"


def of_other_goods(own: Any) -> None:
    for kind in ("order.assessed", "order.classified"):
        own[kind]["order"]["destination"] = "US"


def for_less_money(own: Any) -> None:
    own["decision.released"]["licenses"][0]["value"] = "1"


def asked_by_another(own: Any) -> None:
    own["reservation.requested"]["reservation_id"] = "another"


@pytest.mark.parametrize(
    "change",
    [settled_by_nothing, of_no_line, one_regime_less, determined_otherwise, by_an_officer,
     of_another_order, of_other_goods, for_less_money, asked_by_another],
)  # fmt: skip
def test_what_contradicts_itself_is_found_though_every_digest_fits(
    proof: bytes, change: Any
) -> None:
    assert resealed(proof, lambda _: None) == []
    assert resealed(proof, change)


def test_who_is_shown_no_later_decision_is_told_so(proof: bytes) -> None:
    """The end of a proof can be left out, and what is left fits."""
    data = json.loads(proof)
    decisions = [each for each in data["records"] if each["topic"] == "orders.decisions"]
    at = next(at for at, each in enumerate(decisions) if each["key"] == {"text": data["order"]})
    data["records"] = [each for each in data["records"] if each not in decisions[at + 1 :]]
    data["digest"] = digest_of(data)

    words, faults = examine(canonical(data))

    assert faults == []
    assert sum("NOTHING FOLLOWS IT HERE" in word for word in words) == 1
    assert not any("NOTHING FOLLOWS" in word for word in examine(proof)[0])


def test_a_license_that_expired_and_an_amended_order_are_proved(tmp_path: Path) -> None:
    """What led to a withdrawal need not be of the order; a draw may rest on an adjustment."""
    log = HeldLog()
    Years(9, 150, log.take, start=date(2025, 10, 20), end=date(2026, 4, 1)).run()
    archived(tmp_path / "archive", log)
    archive, asked = open_archive(tmp_path / "archive"), set()
    for at in range(archive.partitions("licenses")):
        for raw in archive.rows("licenses", at):
            if header(raw, "ce_type") == "exportgate.reservation.adjusted.v1":
                event = orjson.loads(raw.value or b"")
                asked.add(f"{event['order_source']}/{event['order_id']}")
    for at in range(archive.partitions("orders.checks")):
        for raw in archive.rows("orders.checks", at):
            if header(raw, "ce_type") == "exportgate.reservation.withdrawn.v1":
                asked.add((raw.key or b"").decode())

    assert len(asked) > 3
    for key in sorted(asked):
        assert examine(prove(key, of_archive(archive)))[1] == [], key


def test_an_order_without_a_decision_has_no_proof(sound: Path) -> None:
    archive = open_archive(sound)

    with pytest.raises(ArchiveError, match="nothing was decided"):
        prove("erp/nobody", of_archive(archive))
    assert keys_of(archive, "nobody") == []


def test_every_order_has_a_proof_that_holds(sound: Path) -> None:
    """Held, rejected, cancelled, shipped in parts, decided by officers: a sample of all."""
    archive = open_archive(sound)
    keys = sorted(archive.last_offsets("orders.decisions", 3))
    for key in keys[:12]:
        assert examine(prove(key, of_archive(archive)))[1] == [], key
