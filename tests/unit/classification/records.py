"""Product records to classify with."""

from datetime import date
from typing import Any

from schemas.reference import ProductClassified
from services.classification.pack_set import PackSet
from services.classification.products import Product, entries_digest, meant

DAY = date(2026, 7, 1)


def current(packs: PackSet, **codes: str | None) -> Product:
    """A record that an officer wrote with these packs at hand."""
    read = {key: packs.on(key, DAY) for key in packs.keys}
    return product(
        codes=codes,
        packs={key: read[key].digest for key in codes},
        entries={key: entries_digest(read[key], meant(code)) for key, code in codes.items()},
    )


def stale(packs: PackSet, **codes: str | None) -> Product:
    """A record whose entries read otherwise today."""
    del packs
    return product(codes=codes, packs=dict.fromkeys(codes, "0" * 64))


def unreadable() -> Product:
    """A record of which only the key can be read."""
    return Product("SKU-1", None, 17, "f" * 64)


def product(**fields: Any) -> Product:
    """A record, whatever it says."""
    record = ProductClassified.model_validate(
        {
            "exporter_id": "default",
            "sku": "SKU-1",
            "officer": "li.wei",
            "citation": "data sheet DS-17",
            "date": DAY,
            **fields,
        }
    )
    return Product("SKU-1", record, 17, "a" * 64)
