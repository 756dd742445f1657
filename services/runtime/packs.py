"""Reads the packs and the lexicon that ship with the distribution."""

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, Literal

from services.classification.lexicon import LexiconFile, parse_lexicon
from services.classification.pack_file import check_versions, parse_pack
from services.classification.pack_set import PackSet, choose
from services.classification.policy import Pack

Choice = Literal["reported", "gazetted", "both"]
LEXICON: Final = "lexicon"


def _files(folder: Traversable) -> list[Traversable]:
    return sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)


@cache
def read_packs() -> tuple[tuple[Pack, ...], tuple[LexiconFile, ...]]:
    """Read and parse everything once a process; a bad file raises PolicyError."""
    root = resources.files("policy")
    folders = sorted((f for f in root.iterdir() if f.is_dir()), key=lambda f: f.name)
    texts = [
        (folder.name, f"policy/{folder.name}/{file.name}", file.read_text(encoding="utf-8"))
        for folder in folders
        for file in _files(folder)
    ]
    lexicon = tuple(parse_lexicon(text, source) for name, source, text in texts if name == LEXICON)
    packs = tuple(
        parse_pack(text, source, lexicon) for name, source, text in texts if name != LEXICON
    )
    check_versions(packs)
    return packs, lexicon


@cache
def load_packs(cn: Choice = "reported", *, addendum: bool = False) -> PackSet:
    """Load the packs for a choice of Chinese pack; `addendum`: the EAR addendum as reported too."""
    packs, lexicon = read_packs()
    return PackSet(packs, lexicon, choose(cn, addendum=addendum))
