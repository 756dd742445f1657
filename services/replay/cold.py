"""The entities of one license, of which most are never looked at again, kept small.

A ledger of years has a reservation for every order; as objects they would not fit into memory. What
was not touched lately is kept as the bytes a fold remembers, and read again where it is asked for.
"""

import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Final

from schemas.base import Model
from services.replay.stages import ROOT

WARM: Final = 256
"""Entities of one license that stay objects."""


class Packer:
    """Packs texts of one kind: each says mostly what the first said."""

    __slots__ = ("_like",)

    def __init__(self) -> None:
        self._like = b""

    def pack(self, text: bytes) -> bytes:
        """Make a text small."""
        self._like = self._like or text
        packing = zlib.compressobj(1, zdict=self._like)
        return packing.compress(text) + packing.flush()

    def unpack(self, packed: bytes) -> bytes:
        """The text again."""
        return zlib.decompressobj(zdict=self._like).decompress(packed)


class ColdEntities(Mapping[str, Model]):
    """An aggregate by name, as a fold takes it."""

    __slots__ = ("_cold", "_kinds", "_packer", "_warm")

    def __init__(self) -> None:
        self._warm: OrderedDict[str, Model] = OrderedDict()
        self._cold: dict[str, bytes] = {}
        self._kinds: dict[str, type[Model]] = {}
        self._packer = Packer()

    def put(self, name: str, entity: Model | None) -> None:
        """Set an entity, or forget it."""
        self._cold.pop(name, None)
        self._warm.pop(name, None)
        if entity is None:
            self._kinds.pop(name, None)
            return
        self._warm[name] = entity
        self._kinds[name] = type(entity)
        if len(self._warm) > WARM:
            self._cool()

    def _cool(self) -> None:
        name, entity = self._warm.popitem(last=False)
        if name == ROOT:
            self._warm[name] = entity
            name, entity = self._warm.popitem(last=False)
        text = entity.model_dump_json(exclude_none=True).encode()
        self._cold[name] = self._packer.pack(text)

    def __getitem__(self, name: str) -> Model:
        found = self._warm.get(name)
        if found is not None:
            return found
        return self._kinds[name].model_validate_json(self._packer.unpack(self._cold[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._kinds))

    def __len__(self) -> int:
        return len(self._kinds)

    def __contains__(self, name: object) -> bool:
        return name in self._kinds
