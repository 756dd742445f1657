"""Chemical formulas in any letter case: which token is a compound, and of what."""

import re
from functools import lru_cache

import chemparse
from chemparse.exceptions import ChemparseError

_ELEMENTS = (
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S",
    "Cl", "Ar", "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga",
    "Ge", "As", "Se", "Br", "Kr", "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd",
    "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm",
    "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta", "W", "Re", "Os",
    "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Th", "U",
)  # fmt: skip
_CASE = {symbol.lower(): symbol for symbol in _ELEMENTS}
_ANIONS = frozenset(("O", "F", "Cl", "Br", "I", "S", "Se", "Te"))
_METALS = frozenset((
    "Mg", "Al", "Si", "Ti", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "Zr",
    "Nb", "Mo", "Ag", "Sn", "Ta", "In",
))  # fmt: skip
_LIGHT = {"B": (2, 4, 6, 12), "C": (2,), "N": (1,), "P": (1,), "H": (2, 3)}
TOKEN = re.compile(r"(?<![a-z0-9])[a-z(\[](?:[a-z0-9.()·\[\]]|,(?=[a-z]{1,2}[\d.]*[,)\]])){1,39}")
_DIGIT = re.compile(r"\d")
_ONE = re.compile(r"(?<![\d.])1(?![\d.])")
"""A formula never writes the number one."""
_PART = re.compile(r"([a-z]+)|(\d+(?:\.\d+)?)|([()\[\]·.])")


_RUN = re.compile(r"[(\[]?[a-z]{3,10}[)\]]?[a-z]{0,8}")
_CLEAR = frozenset(("nd", "gd", "tb", "dy", "yb", "sm", "pr"))
"""Symbols that seldom make up a word together with metals."""
_ANY_CLEAR = re.compile("|".join(sorted(_CLEAR)))
_JOINED = frozenset((
    "al", "mg", "cu", "ni", "fe", "co", "zr", "ga", "mn", "si", "b", "ba", "zn", "ti",
))  # fmt: skip
_WORDS = frozenset((
    "land", "band", "baler", "sindy", "lace", "layer", "lay", "nice", "cola", "baby", "bay",
    "gala", "coho", "tidy",
    "tier", "alla", "bela", "smb", "gdb", "ndb", "lab", "ceylan",
    "bland", "blunder", "fender", "lady", "lander", "landlady", "tinder", "gander",
    "colander", "pry", "baldy", "bandy", "coerce", "gabby", "gay", "hobby", "scaly", "column",
    "hoy", "scsi",
    "fey", "eula", "tila", "coy", "hosiery", "pmsm",
))  # fmt: skip


@lru_cache(maxsize=16384)
def run_of_symbols(token: str, wanted: frozenset[str], *, clear: bool = False) -> tuple[str, ...]:
    """Read letters alone as elements: `ndprfeb`, `gdtbfe`, `(nddy)feb`.

    Rare earths with metals or boron, or at least two rare earths. `clear`: only where one of
    the symbols seldom stands in a word.
    """
    if not _RUN.fullmatch(token):
        return ()
    letters = token.translate(_NO_BRACKETS)
    if letters in _WORDS or (clear and _ANY_CLEAR.search(letters) is None):
        return ()
    for cased in _split(letters):
        symbols = tuple(dict.fromkeys(s.lower() for s in _SYMBOL.findall(cased)))
        ours = [s for s in symbols if s in wanted]
        if len(symbols) < 2 or not ours or (clear and not _CLEAR.intersection(ours)):
            continue
        others = [s for s in symbols if s not in wanted]
        if all(s in _JOINED for s in others) and (others != ["b"] or len(ours) > 1):
            return symbols
    return ()


_NO_BRACKETS = str.maketrans("", "", "()[]")
_SYMBOL = re.compile(r"[A-Z][a-z]?")


_WATER = re.compile(r"[.·*(\[]+(?:\d+|[xn])?h2o[)\]]*$")
"""The water of a hydrate: .6H2O, .xH2O, (H2O)."""


@lru_cache(maxsize=16384)
def elements(token: str, wanted: frozenset[str]) -> tuple[str, ...]:
    """Read a folded token as a formula; give its elements when one is wanted and it makes sense.

    `wanted` holds lower-case symbols. Case is gone, so every reading is tried (co is cobalt or
    carbon and oxygen); a reading counts only with a plausible stoichiometry.
    """
    token = _WATER.sub("", token.rstrip(".·(["))
    if token.isalpha() or not _DIGIT.search(token):
        return run_of_symbols(token, wanted, clear=True)
    if not any(symbol in token for symbol in wanted):
        return ()
    if _ONE.search(token):
        return ()
    for cased in sorted(_readings(token), key=lambda reading: "(Co3)" in reading):
        found = _amounts(cased)
        ours = {s.lower() for s in found if s.lower() in wanted}
        if ours == {"pm"} and not token.startswith("pm"):  # nobody sells it, and ISPM15 is none
            continue
        if ours and _plausible(found, wanted, token):
            return tuple(s.lower() for s in found)
    return ()


def _readings(token: str) -> list[str]:
    """Give up to 64 spellings of the token with the case of real element symbols."""
    partial = [""]
    for letters, number, sign in _PART.findall(token):
        if letters:
            partial = [head + tail for head in partial for tail in _split(letters)][:64]
        elif number:
            partial = [head + number for head in partial]
        elif sign in "()[]":
            partial = [head + sign.replace("[", "(").replace("]", ")") for head in partial]
        else:
            break
    return partial


def _split(letters: str) -> list[str]:
    """Give every way to read a run of letters as element symbols, two-letter ones first."""
    if len(letters) > 16:
        return []
    ways: list[list[str]] = [[""]]
    for end in range(1, len(letters) + 1):
        found: list[str] = []
        for size in (2, 1):
            symbol = _CASE.get(letters[end - size : end]) if end >= size else None
            if symbol:
                found += [head + symbol for head in ways[end - size]]
        ways.append(found[:32])
    return ways[-1]


def _amounts(cased: str) -> dict[str, int]:
    """Count atoms in thousandths of a formula unit; an unreadable formula has none."""
    try:
        parsed = chemparse.parse_formula(cased)
    except (ChemparseError, ValueError, ArithmeticError, LookupError):
        return {}
    return {symbol: round(amount * 1000) for symbol, amount in parsed.items() if symbol in _SET}


_SET = frozenset(_ELEMENTS)


def _plausible(found: dict[str, int], wanted: frozenset[str], token: str) -> bool:
    """Tell a compound from a part number: at least two elements and amounts that can bond."""
    others = [s for s in found if s.lower() not in wanted]
    ours = sum(amount for s, amount in found.items() if s.lower() in wanted)
    if not others:
        return len(found) >= 2 and "." in token
    if any(amount > 60_000 for s, amount in found.items() if s in _ANIONS):
        return False
    if len(others) >= 2 and any(s in found for s in ("F", "Cl", "Br", "I")) and "O" not in found:
        return ours > 0
    if "O" in found and len(others) >= 2:
        return _oxygen_fits(found, ours)
    if len(others) == 1:
        return _binary(others[0], found[others[0]], ours)
    return sum(s in _METALS for s in others) >= 1


def _oxygen_fits(found: dict[str, int], ours: int) -> bool:
    cations = sum(amount for s, amount in found.items() if s not in _ANIONS and s != "H")
    return 0 < found["O"] <= 7 * max(cations, ours, 1) and found["O"] * 3 >= ours


def _binary(other: str, amount: int, ours: int) -> bool:
    if ours == 0 or amount == 0:
        return False
    if other in _LIGHT:
        return any(amount == n * ours for n in _LIGHT[other])
    if other == "O":
        return ours <= amount <= 2 * ours
    if other in ("F", "Cl", "Br", "I"):
        return amount in (2 * ours, 3 * ours, 4 * ours)
    if other in ("S", "Se", "Te"):
        return ours <= amount <= 2 * ours
    return other in _METALS


_RARE = frozenset(
    ("la", "ce", "pr", "nd", "sm", "eu", "gd", "tb", "dy", "ho", "er", "tm", "yb", "lu", "sc")
)
_RARE_FIRST = tuple(sorted(_RARE))
_NO_LETTERS = "0123456789./()[]'"
_BESIDE = _JOINED | {"n"}
_BESIDE_COUNTED = _BESIDE | {"o", "f", "cl", "br", "s", "c", "h"}
_READABLE_MAX = 8
"""Longer names of nothing but symbols are names."""


@lru_cache(maxsize=16384)
def readable(token: str) -> bool:
    """Tell whether an unknown name can be read as a rare earth's symbol and what it bonds with."""
    if len(token) > _READABLE_MAX or not token.lstrip(_NO_LETTERS).startswith(_RARE_FIRST):
        return False
    beside = _BESIDE if token.isalpha() else _BESIDE_COUNTED
    for reading in _readings(token):
        first, *others = [symbol.lower() for symbol in _SYMBOL.findall(reading)] or [""]
        if first in _RARE and others and beside.issuperset(others):
            return True
    return False
