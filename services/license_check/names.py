"""Names and codes as a license prints them, compared."""

from functools import lru_cache

from schemas.licenses import ANY


def same_name(left: str, right: str) -> bool:
    """Compare names as a license prints them: letter case and spacing do not matter."""
    return left == right or folded_name(left) == folded_name(right)


@lru_cache(maxsize=16_384)
def folded_name(name: str) -> str:
    """Reduce a name to what is compared."""
    return " ".join(name.split()).casefold()


def code_covers(allowed: str, code: str) -> bool:
    """A paragraph stands under its parent code: 1C905 covers 1C905.b."""
    return allowed in (ANY, code) or code.startswith(allowed + ".")
