"""Reads the packs and the lexicon that ship with the distribution."""

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal

from services.classification.lexicon import LexiconFile, parse_lexicon
from services.classification.pack_set import PackSet, choose
from services.classification.policy import Pack, parse_pack

Choice = Literal["reported", "gazetted", "both"]


def _files(folder: Traversable) -> list[Traversable]:
    return sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)


@cache
def read_packs() -> tuple[tuple[Pack, ...], tuple[LexiconFile, ...]]:
    """Read and parse everything once a process; a bad file raises PolicyError."""
    packs: list[Pack] = []
    lexicon: list[LexiconFile] = []
    root = resources.files("policy")
    for folder in sorted((f for f in root.iterdir() if f.is_dir()), key=lambda f: f.name):
        for file in _files(folder):
            text = file.read_text(encoding="utf-8")
            source = f"policy/{folder.name}/{file.name}"
            if folder.name == "lexicon":
                lexicon.append(parse_lexicon(text, source))
            else:
                packs.append(parse_pack(text, source))
    return tuple(packs), tuple(lexicon)


@cache
def load_packs(cn: Choice = "reported", *, addendum: bool = False) -> PackSet:
    """Load the packs for a choice of Chinese pack; `addendum`: the EAR addendum as reported too."""
    packs, lexicon = read_packs()
    return PackSet(packs, lexicon, choose(cn, addendum=addendum))
