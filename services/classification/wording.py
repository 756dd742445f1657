"""Whether a description says anything: words that are neither vague nor numbers nor part codes."""

import re

from services.classification.chemistry import systematic
from services.classification.lexicon import Lexicon
from services.classification.text import Folded, is_cjk
from services.classification.vocabulary import Kind

_LATIN = re.compile(r"[a-z]+(?:'[a-z]+)?")
_WORD_MAX = 45
"""Longer runs of letters are no words, not even German ones."""
_VOWEL = re.compile(r"[aeiouy]")
REFERENCE = re.compile(
    r"(?:sub)?headings? (?:no\.? ?)?\d{4}|item no\.? ?\d{4}\.\d|(?:heading note|in chapter) \d"
)
"""The nomenclature names goods by their place in it."""
_NUMBERED = re.compile(r"(?<![a-z])[a-z]*\d[a-z0-9./]*")


def content_words(lexicon: Lexicon, folded: Folded) -> tuple[bool, bool]:
    """Whether a word names specific goods, and whether a script stands there that is not read."""
    text = folded.text
    # Of the text as it came: words of look-alikes alone are words of another script.
    if not folded.origin.isascii():
        letters = [char for char in folded.origin if char.isalpha()]
        strange = sum(_strange(char) for char in letters)
        if strange * 2 > len(letters):
            return False, True
    return REFERENCE.search(text) is not None or specific(lexicon, text), False


def specific(lexicon: Lexicon, text: str) -> bool:
    """Whether a word is left that is neither vague nor a number nor a part number."""
    if not text.isascii() and any(is_cjk(char) for char in lexicon.vague_cjk.sub("", text)):
        return True
    for match in _LATIN.finditer(_NUMBERED.sub(" ", text)):
        word = match.group()
        vague = word in lexicon.vague_words or word.removesuffix("s") in lexicon.vague_words
        if vague or not 2 < len(word) <= _WORD_MAX:
            continue
        if _VOWEL.search(word) or _short(lexicon, word):
            return True
    return any(systematic(match.group()) for match in _NUMBERED.finditer(text))


def _short(lexicon: Lexicon, word: str) -> bool:
    """Whether letters without a vowel are known to name something: mdf, ptfe."""
    known = lexicon.vocabulary.known(word) if lexicon.vocabulary else Kind.NOTHING
    return known in (Kind.BULK, Kind.STUFF, Kind.GOODS)


def _strange(char: str) -> bool:
    """A letter of a script the lexicon does not cover (not Latin, Han or kana)."""
    return not (char.isascii() or is_cjk(char) or char < "ɐ" or "Ḁ" <= char <= "ỿ" or char > "＀")
