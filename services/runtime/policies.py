"""Reads the policies on licenses that ship with the distribution: country groups, the ladder."""

from functools import cache
from importlib import resources
from typing import Final

from services.classification.source import load_model
from services.license_check.ladder import GroupFile, Ladder, LadderFile

GROUPS: Final = "country-groups.yaml"
LADDER: Final = "determination.yaml"


def _text(name: str) -> str:
    return (resources.files("policy") / name).read_text(encoding="utf-8")


@cache
def country_groups() -> dict[str, tuple[str, ...]]:
    """Read the country groups a license may name. Raises PolicyError with file and line."""
    return _groups(_text(GROUPS))


@cache
def read_ladder() -> Ladder:
    """Read the strategy that determination follows. Raises PolicyError with file and line."""
    return parse_ladder(_text(LADDER), _text(GROUPS))


def parse_ladder(text: str, groups: str) -> Ladder:
    """Read a strategy and the country groups it names. Raises PolicyError with file and line."""
    return Ladder(load_model(text, f"policy/{LADDER}", LadderFile), _groups(groups))


def _groups(text: str) -> dict[str, tuple[str, ...]]:
    return load_model(text, f"policy/{GROUPS}", GroupFile).members()
