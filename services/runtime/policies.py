"""Reads the policies on licenses that ship with the distribution: country groups, the ladder."""

from functools import cache
from importlib import resources

from services.classification.source import load_model
from services.license_check.ladder import GroupFile, Ladder, LadderFile


def _text(name: str) -> str:
    return (resources.files("policy") / name).read_text(encoding="utf-8")


@cache
def country_groups() -> dict[str, tuple[str, ...]]:
    """Read the country groups a license may name. Raises PolicyError with file and line."""
    name = "country-groups.yaml"
    return load_model(_text(name), f"policy/{name}", GroupFile).members()


@cache
def read_ladder() -> Ladder:
    """Read the strategy that determination follows. Raises PolicyError with file and line."""
    name = "determination.yaml"
    return Ladder(load_model(_text(name), f"policy/{name}", LadderFile), country_groups())
