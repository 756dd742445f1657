"""The policies inside an archive, packs and strategy: the past is judged by what held then."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa

from schemas.base import canonical
from services.classification.lexicon import LexiconFile, parse_lexicon
from services.classification.orders import Classifier
from services.classification.pack_file import archived_pack
from services.classification.pack_set import PackSet, choose
from services.classification.policy import Pack
from services.license_check.ladder import Ladder
from services.replay.steady import SteadyClassifier, steady
from services.runtime.policies import GROUPS, LADDER, parse_ladder

LEXICON: Final = "lexicon"
STRATEGY: Final = (LADDER, GROUPS)
"""What determination follows beside the packs."""
CHOICES: Final = ("reported", "gazetted", "both")
Refs = tuple[tuple[str, str, str], ...]
"""(regime, pack, digest) of every pack that a classification may rest on."""


@cache
def bundle() -> tuple[bytes, str]:
    """Pack the policy files of this release; give the bytes and their SHA-256."""
    root = resources.files("policy")
    texts = {name: (root / name).read_text(encoding="utf-8") for name in STRATEGY}
    texts |= {
        f"{folder.name}/{file.name}": file.read_text(encoding="utf-8")
        for folder in root.iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    }
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(canonical(texts))
    content = sink.getvalue().to_pybytes()
    return content, hashlib.sha256(content).hexdigest()


@cache
def bundle_refs() -> list[dict[str, str]]:
    """Name the packs of this release, and what its strategy follows, with their digests."""
    texts, found = _texts(bundle()[0]), parse_bundle(bundle()[0])
    packs = PackSet(found.packs, found.lexicon, {pack.pack: pack.pack for pack in found.packs})
    refs = [{"pack": ref.pack, "digest": ref.digest} for ref in packs.refs]
    strategy = [(name, hashlib.sha256(texts[name].encode()).hexdigest()) for name in STRATEGY]
    return refs + [{"pack": name, "digest": digest} for name, digest in strategy]


class Bundle(NamedTuple):
    """The policies of a release."""

    packs: tuple[Pack, ...]
    lexicon: tuple[LexiconFile, ...]
    ladder: Ladder | None
    """None: an early archive, that does not keep it."""


def _texts(content: bytes) -> dict[str, str]:
    with pa.input_stream(pa.BufferReader(content), compression="zstd") as stream:
        found: dict[str, str] = orjson.loads(stream.read())
    return found


@lru_cache(maxsize=8)
def parse_bundle(content: bytes) -> Bundle:
    """Parse a bundle. Raises PolicyError, ValueError or pyarrow's errors."""
    texts = _texts(content)
    strategy = [texts.pop(name, None) for name in STRATEGY]
    ladder, groups = strategy
    packs: list[Pack] = []
    lexicon: list[LexiconFile] = []
    for name, text in sorted(texts.items()):
        if name.startswith(f"{LEXICON}/"):
            lexicon.append(parse_lexicon(text, f"policy/{name}"))
        else:
            packs.append(archived_pack(text, f"policy/{name}"))
    both = parse_ladder(ladder, groups) if ladder and groups else None
    return Bundle(tuple(packs), tuple(lexicon), both)


@lru_cache(maxsize=24)
def _classifier(content: bytes, choice: str) -> SteadyClassifier:
    """A classifier remembers what it classified, so each is made once a process."""
    found = parse_bundle(content)
    return steady(PackSet(found.packs, found.lexicon, choose(choice)))


def refs_of(packs: PackSet) -> Refs:
    """Name what a set of packs rests on, as OrderClassified records it."""
    return tuple((ref.regime, ref.pack, ref.digest) for ref in packs.refs)


@dataclass
class Policies:
    """Classifiers by the packs that a record says were read; each is made when first asked for."""

    latest: Classifier | None = None
    """The one that was right last: the next record most likely names it too."""
    _known: dict[Refs, Classifier] = field(default_factory=dict)
    ladders: list[Ladder] = field(default_factory=list)
    """Strategies that determination may have followed, the latest first."""
    _unmade: list[tuple[bytes, str]] = field(default_factory=list)

    def add(self, content: bytes) -> None:
        """Take a bundle in. Raises what `parse_bundle` raises."""
        ladder = parse_bundle(content).ladder
        if ladder is not None:
            self.ladders.insert(0, ladder)
        self._unmade += [(content, choice) for choice in CHOICES]
        if not self._known:
            self._make()

    def _make(self) -> None:
        found = _classifier(*self._unmade.pop(0))
        self._known.setdefault(refs_of(found.packs), found)

    def classifier(self, refs: Refs) -> Classifier | None:
        """The classifier under exactly these packs; None where one of them is not known."""
        while refs not in self._known and self._unmade:
            self._make()
        return self._known.get(refs)

    def any(self) -> Classifier | None:
        """Some classifier, for what is passed on and rests on no pack."""
        return self.latest or next(iter(self._known.values()), None)

    def unknown(self, refs: Refs) -> list[str]:
        """Name the packs among these that no bundle has."""
        digests = {digest for known in self._known for _, _, digest in known}
        return [f"{pack} {digest}" for _, pack, digest in refs if digest not in digests]


def refs_in(event: Mapping[str, Any]) -> Refs:
    """The packs that a decoded OrderClassified or OrderAssessed says were read; none if garbled."""
    try:
        named = [[str(ref[part]) for part in ("regime", "pack", "digest")]
                 for ref in event.get("packs", ())]  # fmt: skip
    except (KeyError, TypeError):
        return ()
    return tuple((regime, pack, digest) for regime, pack, digest in named)
