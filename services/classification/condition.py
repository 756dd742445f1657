"""The condition of a rule as sets, so that a line is tested against hundreds in microseconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.classification import Match
from services.classification.source import Clause


@dataclass(frozen=True, slots=True)
class Condition:
    """One clause: facts that must be known, and facts that must not."""

    needs: frozenset[str]
    bars: frozenset[str]
    shown: tuple[str, ...]
    """The needed facts, in the order the pack gives them: the evidence."""

    def holds(self, known: frozenset[str]) -> bool:
        """Tell whether the clause is met whole."""
        return self.needs <= known and self.bars.isdisjoint(known)

    def evidence(self, said: Mapping[str, Match]) -> tuple[Match, ...]:
        """Give the places in the text that meet it, each once."""
        if len(self.shown) == 1:
            match = said[self.shown[0]]
            return (match,) if match.text else ()
        found = dict.fromkeys([said[fact] for fact in self.shown])
        return tuple([match for match in found if match.text])


def conditions(when: Iterable[Clause]) -> tuple[Condition, ...]:
    """Compile the clauses of a rule."""
    out = []
    for clause in when:
        shown = tuple(fact for fact, wanted in clause if wanted)
        bars = frozenset(fact for fact, wanted in clause if not wanted)
        out.append(Condition(frozenset(shown), bars, shown))
    return tuple(out)
