"""The archive of every release verifies under this one: what was decided stays provable."""

from pathlib import Path

import pytest

from services.replay.proof import of_archive, prove
from services.replay.proof_check import examine
from services.replay.reading import open_archive
from services.replay.verify import verify

RELEASES = sorted(Path(__file__).parent.glob("archive-*"))


def test_every_release_left_its_archive() -> None:
    assert [each.name for each in RELEASES] == ["archive-0.1.0"]


@pytest.mark.parametrize("root", RELEASES, ids=lambda root: root.name)
def test_the_archive_of_a_release_verifies_for_ever(root: Path) -> None:
    """Integrity without condition. Re-derivation too, unless an engine changed and says so.

    Before 0.1.0 is out, who changes what the stages say makes it again: `tests.golden.make`.
    """
    report = verify(root, processes=1)

    assert report.findings == []
    assert (report.in_flight, report.ahead) == (0, 0)
    assert report.orders == 36


@pytest.mark.parametrize("root", RELEASES, ids=lambda root: root.name)
def test_its_decisions_are_proved_for_ever(root: Path) -> None:
    archive = open_archive(root)
    for at in range(archive.partitions("orders.decisions")):
        for key in sorted(archive.last_offsets("orders.decisions", at))[:5]:
            assert examine(prove(key, of_archive(archive)))[1] == []
