"""What the checker finds wrong."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not be: which invariant, of whom, where."""

    invariant: str
    who: str
    text: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.invariant} {self.who}: {self.text}"
