"""The commands as somebody types them: words, exit codes, JSON."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from services.cli.app import _register, app
from services.replay.manifest import NAME, Manifest, read_manifest


@pytest.fixture(scope="module", autouse=True)
def _commands() -> None:
    _register()


def typed(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, list(arguments))


def test_a_sound_archive_ends_with_its_head(sound: Path) -> None:
    done = typed("verify", str(sound), "--processes", "1")

    assert done.exit_code == 0
    assert done.stdout.splitlines()[-2:] == ["sound", f"head {read_manifest(sound).head}"]


def test_a_damaged_archive_is_named_and_exits_with_one(copy: Path) -> None:
    path = next(copy.glob("orders.decisions/*/*/*.parquet"))
    path.write_bytes(path.read_bytes()[:-7])

    done = typed("verify", str(copy), "--processes", "1", "--integrity")

    assert done.exit_code == 1
    assert f"segment: {path.relative_to(copy).as_posix()}: is truncated" in done.stdout
    assert "NOT SOUND" in done.stdout


def test_a_segment_of_another_release_is_named(copy: Path) -> None:
    """Its digest is the manifest's; its columns are those of another form."""
    entries = read_manifest(copy).entries
    entry = next(each for each in entries if each.get("topic") == "orders.decisions")
    path = copy / entry["path"]
    pq.write_table(pa.table({"offset": [0], "payload": [b"{}"]}), path)
    (copy / NAME).unlink()
    manifest = Manifest(copy)
    for each in entries:
        bare = {name: each[name] for name in each if name not in ("index", "prev", "digest")}
        if each.get("path") == entry["path"]:
            content = path.read_bytes()
            bare |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        manifest.append(bare)

    done = typed("verify", str(copy), "--processes", "1", "--integrity", "--json")

    assert done.exit_code == 1
    named = [each for each in json.loads(done.stdout)["findings"] if each["kind"] == "segment"]
    assert named[0]["where"] == entry["path"]
    assert "its columns are not those of an archive segment" in named[0]["text"]


def test_an_archive_of_a_later_form_is_refused_whole(copy: Path) -> None:
    first, rest = (copy / NAME).read_bytes().split(b"\n", 1)
    (copy / NAME).write_bytes(first.replace(b'"format":1', b'"format":2') + b"\n" + rest)

    done = typed("verify", str(copy))

    assert done.exit_code == 1
    assert "format 2 is not 1" in done.output


def test_no_archive_is_said_in_words(tmp_path: Path) -> None:
    done = typed("verify", str(tmp_path / "nowhere"))

    assert done.exit_code == 1
    assert "No such file" in done.output
    assert typed("verify").exit_code == 2


def test_views_are_printed_and_as_json(sound: Path) -> None:
    table = typed("archive", "query", str(sound), "--view", "holds")
    lines = typed("archive", "query", str(sound), "SELECT count(*) AS n FROM standing", "--json")

    assert "CLASSIFICATION_UNCERTAIN" in table.stdout
    assert json.loads(lines.stdout) == {"n": 250}
    assert typed("archive", "query", str(sound), "--view", "nothing").exit_code == 2
    assert typed("archive", "query", str(sound)).exit_code == 2


def test_a_day_that_must_be_kept_is_refused(copy: Path) -> None:
    done = typed("archive", "prune", str(copy), "--before", "2024-06-01")

    assert done.exit_code == 1
    assert "must be kept" in done.output
    assert typed("archive", "prune", str(copy), "--dry-run", "--json").exit_code == 0


def test_a_proof_is_made_and_examined(sound: Path, tmp_path: Path) -> None:
    asked = typed("archive", "query", str(sound), 'SELECT "order" FROM standing LIMIT 1', "--json")
    order = json.loads(asked.stdout)["order"]
    file = tmp_path / "proof.json"

    made = typed("prove", order.partition("/")[2], "--archive", str(sound), "--out", str(file))
    holds = typed("proof-check", str(file))
    file.write_bytes(file.read_bytes().replace(b"DECISION", b"decision").replace(b"HELD", b"held"))
    file.write_bytes(file.read_bytes() + b" ")
    broken = typed("proof-check", str(file), "--json")

    assert made.exit_code == 0
    assert (holds.exit_code, holds.stdout.splitlines()[-1]) == (0, "The proof holds.")
    assert broken.exit_code == 1
    assert json.loads(broken.stdout)["faults"]
    nobody = typed("prove", "nobody", "--archive", str(sound), "--out", str(file))
    assert nobody.exit_code == 1
