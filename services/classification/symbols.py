"""Elements by their symbols: read only where the words beside them make an element of them.

In any letter case a symbol alone is too little: `er`, `la`, `tb` are words and units.
"""

import re
from functools import lru_cache

from services.classification.lexicon import Lexicon
from services.classification.text import fold

Found = tuple[int, int, str, tuple[str, ...]]
"""Start, end, symbol, and what else the place says (alloy, compound)."""
_PURITY = (
    r"\d(?:\.\d)?n\d?(?![a-z])|[(\[]?9\d\.\d+|"
    r"[(\[:]? ?\d+(?:\.\d+)?(?: \d+(?:\.\d+)?)? ?(?:wt ?)?%|[≥>≤<=]"
)
_END = r"(?![a-z0-9])"
_METAL = (
    r"metals?(?! (?:detector|halide|working|work|ware|case|box|housing|frame|part|bracket|cover|"
    r"door|fabricat|stamping|product|roof|furniture|clip|tag|film|hook|toy|fitting|fastener|sign|shel|art|wall|model|locomot))(?![a-z])"
)
_CER = re.compile(
    r"(?<![a-z])cer(?= ?(?:metall|misch|eisen|legierung|barren|oxid|nitr|fluorid|chlorid|bromid|"
    r"iodid|carbo|karbo|hydr|sulf|acet|oxal|phosph|bor|silicid|stear|isoprop|ammonium|salz|verbind|"
    r"pulver|folie|granul|draht|stucke|target|sputter|dotiert|haltig|lanthan|zirkon|aktiviert))"
)
_RADIO = re.compile(
    r"isotop|enrich|radio|carrier|source|seed|[mg]bq|mci|\bci\b|tracer|brachy|nuclide|target"
)
_ISOTOPES = {
    "la": "140", "ce": "139|141|144", "pr": "142|143", "nd": "14[2-8]|150", "pm": "147",
    "sm": "14[4-9]|15[0-4]", "eu": "15[1-5]", "gd": "148|15[2-8]|160", "tb": "149|152|155|161",
    "dy": "15[6-9]|16[0-6]", "ho": "163|166", "er": "16[246789]|170", "tm": "169|170",
    "yb": "168|169|17[0-6]", "lu": "17[4-7]", "y": "8[6-8]|9[01]", "sc": "4[34678]",
}  # fmt: skip
_HOSTS = "yag|ylf|yap|yalo3?|yvo4|gdvo4|ggg|gsgg|luag|lulf|llf|kgw|kyw|calgo|caf2|baf2|glass|yso"
"""What lasers are doped into, as laboratories write it."""
_METALS = "al|mg|cu|ni|fe|co|zn|ti|zr|ga|mn|si|b"
_RHENIUM = re.compile(r"rheni|perrhen|rhenate|(?<![a-z])(?:w|mo|ni|pt|tungsten)[ /]?re(?![a-z])")
"""What makes a rhenium of `re`."""
_A_METAL = re.compile(rf"(?<![a-z])(?:{_METALS})(?![a-z])")
_FORMED = re.compile(
    r"(?: [a-z]+)? (?:master )?(?:alloys?|powders?|targets?|ingots?|flakes?|(?:mixed )?oxides?)"
    r"(?![a-z])"
)
_WORDLIKE = frozenset(("la", "ce", "ho", "er", "tm", "y", "sc"))
_GENERIC = (
    "(?:double )?sul[fp]h?ates?|oxides?|chlorides?|carbonates?|nitrates?|fluorides?|"
    "hydroxides?|oxalates?|magnets?|"
    "concentrates?|polishing|minerals?|ores?|alloys?|master alloys?|permanent magnets?|co magnets?|"
    "ferrosilicon|mg ferrosilicon|metals? (?:alloys?|mix)|mischmetal|"
    "(?:solvent )?extraction|separation|refin\\w+|smelt\\w+|recovery|recycling|leach\\w*|"
    "heavy|light|middle|group|feed|elements?|circuits?|plants?|raffinates?|liquors?|eluates?|hydromet\\w*|processing|sx"
)


class Symbols:
    """The patterns of one lexicon's symbols, and a cheap test whether any can match."""

    def __init__(self, lexicon: Lexicon) -> None:
        every = _either(tuple(lexicon.symbols))
        self._any = re.compile(rf"(?<![a-z])(?:{every}|re)(?![a-z])")
        self._patterns = _patterns(lexicon, every)
        self._list = re.compile(
            rf"(?<![a-z0-9.])(?:{every})(?:(?: ?[/+&、] ?| and | )(?:{every}))+(?![a-z0-9])"
        )
        self._chain = re.compile(
            rf"(?<![a-z0-9.])(?:{every}|{_METALS})(?: (?:{every}|{_METALS}))+(?![a-z0-9])"
        )
        self._mixed = re.compile(
            rf"(?<![a-z0-9.])(?:{every}|{_METALS})(?: ?[/+&、] ?(?:{every}|{_METALS})){{2,}}"
            r"(?![a-z0-9])"
        )
        one = rf"(?P<s>{every}|{_METALS})"
        begin, end = r"(?:^|[,;])[ (\[]*", r"(?=[ )\]]*(?:[,;]|$))"
        self._alone = re.compile(begin + one + end)
        self._first = re.compile(begin + one + r"(?![a-z0-9.])")
        self._last = re.compile(r"(?<![a-z0-9.])" + one + end)
        self._every = frozenset(lexicon.symbols)
        self._one = re.compile(rf"(?<![a-z])(?:{every})(?![a-z])")
        self._doubtful = frozenset(lexicon.context.ambiguous)
        self._host = re.compile(
            rf"(?<![a-z0-9])(?:[a-z]{{1,2}},){{0,2}}(?P<s>{every})(?:,[a-z]{{1,2}}){{0,2}}:(?:{_HOSTS})"
            r"(?: (?:laser )?(?:crystals?|rods?|slabs?|dis[ck]s?))+(?![a-z])"
        )
        self._bracketed = re.compile(
            rf"\((?:{every})(?:[, ](?:{every}))+\) ?fe ?(?:co ?)?b(?![a-z])"
        )
        isotopes = "|".join(rf"{s} ?(?:{mass})" for s, mass in _ISOTOPES.items())
        turned = "|".join(rf"(?:{mass})m? ?{s}" for s, mass in _ISOTOPES.items())
        self._isotope = re.compile(rf"(?<![a-z0-9.])(?:{isotopes}|{turned})(?![a-z0-9])")
        self._generic = re.compile(
            rf"(?<![a-z0-9])(?:(?:[amn][gil] )?(?P<s>re) (?:{_GENERIC}){_END}|"
            rf"\d ?% (?P<t>re){_END})"
        )

    def find(self, text: str) -> list[Found]:
        """Find the symbols that mean elements in a folded text, and the German `Cer`."""
        out: list[Found] = [(m.start(), m.end(), "ce", ()) for m in _CER.finditer(text)]
        if self._any.search(text) is None:
            return out
        for pattern, extra in self._patterns:
            for match in pattern.finditer(text):
                metal = match.groupdict().get("m")
                said = (*extra, f"p_{metal}") if metal else extra
                out.append((match.start("s"), match.end("s"), match.group("s"), said))
        for match in self._host.finditer(text) if ":" in text else ():
            out.append((*match.span(), match.group("s"), ("optics", "doped_host")))
        for match in self._bracketed.finditer(text):
            for symbol in self._one.findall(match.group()):
                out.append((*match.span(), symbol, ("ndfeb", "re_magnet")))
        out += self._listed(text)
        out += self._chained(text)
        for match in () if _RHENIUM.search(text) else self._generic.finditer(text):
            named = "s" if match.group("s") else "t"
            out.append((match.start(named), match.end(named), "", ("re_generic",)))
        if _RADIO.search(text):
            for match in self._isotope.finditer(text):
                letters = "".join(filter(str.isalpha, match.group()))
                symbol = letters[-2:] if letters[-2:] in _ISOTOPES else letters[-1:]
                out.append((match.start(), match.end(), symbol, ("isotope",)))
        return out

    def _chained(self, text: str) -> list[Found]:
        """Symbols of rare earths and metals in a row: `dy cu al`, `ce zr oxide`."""
        out: list[Found] = []
        for match in self._chain.finditer(text):
            parts = match.group().split(" ")
            ours = [part for part in parts if part in self._every]
            metals = tuple(f"p_{part}" for part in parts if part not in self._every)
            formed = _FORMED.match(text, match.end())
            sure = formed or len(parts) >= 3 or any(s not in self._doubtful for s in ours)
            if not ours or not metals or not sure:
                continue
            extra = ("alloy", "raw", *metals)
            if formed and "oxid" in formed.group():
                extra = ("oxide", "raw")
            elif {"fe", "b"} <= set(parts):
                extra = ("ndfeb", "re_magnet")
            for symbol in dict.fromkeys(ours):
                out.append((match.start(), match.end(), symbol, extra))
        return out

    def _alone_in_phrases(self, text: str) -> list[Found]:
        """Symbols that make up or end phrases, in any order: `Ti, Al, Sc`, `with Ce, La, Nd`."""
        if self._alone.search(text) is None:
            return []
        found = {
            (m.start("s"), m.end("s"), m.group("s"), ())
            for pattern in (self._first, self._last)
            for m in pattern.finditer(text)
        }
        names = {symbol for _, _, symbol, _ in found}
        ours = names & self._every
        enough = len(ours) >= 2 and bool(ours - self._doubtful)
        enough = enough or (len(ours) >= 3 and bool(ours - _WORDLIKE))
        if ours and (enough or names - ours):
            return sorted(one for one in found if one[2] in ours)
        return []

    def _listed(self, text: str) -> list[Found]:
        """Symbols in a row: `Eu Tb Y`, `Ti/Al/Sc`."""
        out = self._alone_in_phrases(text)
        for match in self._list.finditer(text):
            found = [
                (m.start(), m.end(), m.group(), ())
                for m in self._one.finditer(text, match.start(), match.end())
            ]
            different = {symbol for _, _, symbol, _ in found}
            if len(different) < 2:
                continue
            if different - self._doubtful or (len(different) >= 3 and different - _WORDLIKE):
                out += found
        for match in self._mixed.finditer(text):
            if not _A_METAL.search(match.group()):
                continue
            for one in self._one.finditer(text, match.start(), match.end()):
                out.append((one.start(), one.end(), one.group(), ()))
        return out


def _patterns(lexicon: Lexicon, every: str) -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    context = lexicon.context
    clear = _either(tuple(s for s in lexicon.symbols if s not in context.ambiguous))
    doubtful = _either(context.ambiguous)
    after, strict = _either(context.after), _either(context.strict_after)
    before, strict_before = _either(context.before), _either(context.strict_before)
    plain = (
        rf"(?<![a-z0-9.])(?P<s>{clear}) ?(?:(?:{after})(?![a-z])|{_PURITY})",
        rf"(?<![a-z])(?:{before}) ?(?P<s>{clear}){_END}",
        rf"(?:\d ?n|%) (?P<s>{clear}|tb|sm|eu|ho|tm|sc|lu|ce){_END}",
        rf"(?<![a-z0-9])(?:{clear})(?:/|\+| and )(?P<s>{every}){_END}",
        rf"(?:ndfeb|smco|feb|magnets?) ?[+/] ?(?P<s>{every}){_END}",
        rf"(?<![a-z0-9])(?P<s>{every})(?:/|\+| and )(?:{clear}){_END}",
        rf"(?<![a-z0-9.])(?<!\d )(?P<s>{doubtful}) ?(?:(?:{strict})(?![a-z])|{_METAL}|[≥>≤<=] ?\d)",
        r"(?<![a-z0-9.])(?<!\d )(?P<s>tb|sm|eu|ho|tm|sc|lu|ce) ?:? ?\d+(?:\.\d+)? ?%",
        rf"(?:{strict_before}) ?(?P<s>{doubtful}){_END}",
        rf"[a-z0-9)]: ?(?:[a-z]{{1,2}}\d?\+? ?[,+/] ?)*(?P<s>{every})(?:\d?\+)?{_END}",
        rf"[a-z0-9)]: ?(?P<s>{every})(?:\d?\+)? ?[,+/] ?[a-z]{{1,2}}(?:\d?\+)?{_END}",
        rf"(?<![a-z0-9])(?P<s>{every}) ?\((?:i{{1,3}}|iv)(?:,iv|,i{{1,3}})?\)",
        rf"(?<![a-z0-9])(?P<s>{every})9\d(?:\.\d+)?(?![a-z0-9])",
        rf"(?<![a-z0-9.])(?P<s>{every})[2-4]\\+",
        rf"(?<![a-z0-9.])(?P<s>{every}) ?(?:99\.\d+|\d ?n)(?![a-z0-9])",
    )
    share = r"\d+(?:\.\d+)? ?(?:wt|at|mass)?\.? ?%?"
    alloy = rf"(?<![a-z0-9])(?P<m>{_METALS}) ?{share} ?(?P<s>{every}){_END}"
    tail = rf" ?(?:\d{{1,2}}(?:[/: ]\d{{1,2}})?)?%?(?: master)? alloys?{_END}"
    pair = rf"(?<![a-z0-9])(?P<m>{_METALS})[ /](?P<s>{every}){tail}"
    turned = rf"(?<![a-z0-9])(?P<s>{every})\d{{0,2}}[ /](?P<m>{_METALS}){tail}"
    zeros = rf"(?<![a-z0-9])(?P<s>{every})(?:203|407|6011|02)(?![a-z0-9])"
    ligand = rf"(?<![a-z0-9])(?P<s>{every})\([a-z0-9,]{{2,9}}\)\d"
    return (
        *((re.compile(one), ()) for one in plain),
        *((re.compile(one), ("alloy", "raw")) for one in (alloy, pair, turned)),
        (re.compile(ligand), ("compound", "raw")),
        (re.compile(zeros), ("oxide", "raw")),
    )


@lru_cache(maxsize=8)
def symbols_of(lexicon: Lexicon) -> Symbols:
    """Give the lexicon's patterns, compiled once."""
    return Symbols(lexicon)


def _either(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(fold(w).text) for w in sorted(words, key=len, reverse=True))
