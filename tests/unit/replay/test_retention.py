"""What retention leaves is an archive like any other."""

from datetime import date
from pathlib import Path

import pytest

from services.replay import archive as archiving
from services.replay import retention
from services.replay.verify import verify
from tests.support.archives import HeldLog, archived
from tests.support.years import Years


def test_what_retention_left_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Years later: chains begin in their middle, and what old products say is still there."""
    monkeypatch.setattr(archiving, "SEGMENT_RECORDS", 12)
    log, root = HeldLog(), tmp_path / "archive"
    Years(3, 60, log.take, start=date(2019, 1, 1), end=date(2022, 6, 1)).run()
    archived(root, log)
    manifest = archiving.open_to_append(root)

    gone = retention.prune(manifest, retention.prunable(manifest, date(2026, 11, 24)))

    report = verify(root, processes=1)
    assert gone >= 3
    assert report.findings == []
    assert report.decisions > 20
    assert report.pruned == "2021-01-01"
