"""A small archive of three years, made once; tests that damage it damage a copy."""

import shutil
from pathlib import Path

import pytest

from tests.support.archives import archived, years


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive in which nothing is wrong. Not to be changed."""
    root = tmp_path_factory.mktemp("archives") / "sound"
    archived(root, years(3, 250))
    return root


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    root = tmp_path / "copy"
    shutil.copytree(sound, root)
    return root
