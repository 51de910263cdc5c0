"""Which unknowns a coefficient depends on, also through the inverses inside traces and forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .field import Fraction
from .ring import InverseAtom, Ring, Word

__all__ = ["Dependence", "needed"]


class Dependence:
    """Which variables a fraction depends on, also through the inverses inside traces and forms."""

    def __init__(self, ring: Ring, variables: set[int]):
        self.ring, self.variables = ring, variables
        self._inside: dict[int, set[int]] = {}

    def _word(self, word: Word) -> set[int]:
        out: set[int] = set()
        for factor in word:
            if isinstance(factor, InverseAtom):
                for inner, c in factor.arg.terms.items():
                    out |= self.of(c) | self._word(inner)
        return out

    def inside(self, generator: int) -> set[int]:
        """Variables inside a trace or form generator."""
        if generator not in self._inside:
            word = self.ring.traces.get(generator) or self.ring.forms.get(generator)
            self._inside[generator] = self._word(word) if word else set()
        return self._inside[generator]

    def of(self, c: Fraction) -> set[int]:
        out: set[int] = set()
        for g in c.generators():
            if g in self.variables:
                out.add(g)
            out |= self.inside(g)
        return out

    def hidden(self, c: Fraction) -> set[int]:
        """Variables that occur inside traces: the fraction is not rational in them."""
        out: set[int] = set()
        for g in c.generators():
            out |= self.inside(g)
        return out

    def is_hidden_in(self, v: int, exprs: Iterable[Fraction]) -> bool:
        """Whether some expression contains ``v`` inside a trace."""
        return any(v in self.hidden(e) for e in exprs)


def needed(system: Mapping[int, Fraction], dependence: Dependence, values: Mapping[str, Fraction]) -> set[int]:
    """Variables the values depend on, directly or not."""
    pending = set().union(*(dependence.of(v) for v in values.values())) if values else set(system)
    out: set[int] = set()
    while pending:
        v = pending.pop()
        if v not in out:
            out.add(v)
            pending |= dependence.of(system[v]) - out
    return out
