"""What decided is in the archive: verification follows that, not what is installed today."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from services.replay.archive import note_settings, open_to_append
from services.replay.errors import Finding
from services.replay.manifest import Entry, read_manifest
from services.replay.policies import STRATEGY
from services.replay.segments import policy_path
from services.replay.verify import verify
from tests.support.archives import rewritten
from tests.support.years import SETTINGS

ANY_OFFSET = {str(at): 0 for at in range(12)}


def found(root: Path) -> list[Finding]:
    return verify(root, processes=1).findings


def with_texts(root: Path, change: Callable[[dict[str, str]], None]) -> Callable[[Entry], Any]:
    """Change the policy files that an archive keeps."""

    def changed(entry: Entry) -> list[Entry]:
        if entry["kind"] != "policy":
            return [entry]
        path = root / entry["path"]
        with pa.input_stream(path, compression="zstd") as stream:
            texts = orjson.loads(stream.read())
        change(texts)
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(orjson.dumps(texts))
        content = sink.getvalue().to_pybytes()
        path.unlink()
        digest = hashlib.sha256(content).hexdigest()
        (root / policy_path(digest)).write_bytes(content)
        return [{**entry, "sha256": digest, "path": policy_path(digest)}]

    return changed


def test_determination_is_asked_under_the_strategy_that_the_archive_keeps(copy: Path) -> None:
    """One that lets no general license serve a sale: the candidates on record have another."""

    def no_sales(texts: dict[str, str]) -> None:
        name, _ = STRATEGY
        before = texts[name]
        texts[name] = before.replace("- type: general", "- type: general\n    purposes: repair")
        assert texts[name] != before

    rewritten(copy, with_texts(copy, no_sales))
    differing = found(copy)

    assert {each.kind for each in differing} == {"rederivation"}
    assert {each.where.split("/")[0] for each in differing} == {"orders.checks"}
    assert any("is a general, for repair, not for a sale" in each.text for each in differing)


def test_an_archive_from_before_the_strategy_was_kept_is_judged_by_the_installed_one(
    copy: Path,
) -> None:
    def without(texts: dict[str, str]) -> None:
        for name in STRATEGY:
            del texts[name]

    rewritten(copy, with_texts(copy, without))

    assert found(copy) == []


@pytest.mark.parametrize("wrong", [{"require_screening": True}, {"max_event_age_s": -1}])
def test_settings_hold_from_where_they_were_noted(copy: Path, wrong: dict[str, Any]) -> None:
    right = SETTINGS.model_dump(mode="json")
    plain = shutil.copytree(copy, copy.with_name("plain"))

    def noted(entry: Entry) -> list[Entry]:
        if entry["kind"] != "archive":
            return [entry]
        later = {"kind": "settings", "settings": right, "since": ANY_OFFSET}
        return [{**entry, "settings": {**right, **wrong}}, later]

    rewritten(copy, noted)
    rewritten(plain, lambda entry: noted(entry)[:1])

    assert found(copy) == []
    assert found(plain) != []


def test_the_archiver_notes_settings_where_they_change_and_only_there(copy: Path) -> None:
    manifest = open_to_append(copy)
    stricter = SETTINGS.model_copy(update={"require_screening": True})

    for settings in (SETTINGS, stricter, stricter):
        note_settings(manifest, settings)

    (entry,) = read_manifest(copy).of_kind("settings")
    ends = manifest.ends()
    assert entry["settings"]["require_screening"] is True
    assert entry["since"] == {
        str(at): end for (topic, at), end in ends.items() if topic == "orders.checks"
    }
