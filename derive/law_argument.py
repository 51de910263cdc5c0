"""A law as an argument of a SymPy object: an atom that keeps its numbers exact and is equal where the law is."""

from __future__ import annotations

from typing import Any

from sympy import Atom

from .errors import LawError
from .laws import AtomicLaw, Law, NodeLaw

__all__ = ["LawArgument", "law_argument"]


class LawArgument(Atom):
    """Holds a law, or None. Substitutions do not reach the variable of a density."""

    __slots__ = ("law",)

    def __new__(cls, law: Law | None = None) -> LawArgument:
        obj = Atom.__new__(cls)
        obj.law = law
        return obj

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.law,)

    def _hashable_content(self) -> tuple[Any, ...]:
        # SymPy orders atoms by their content, so it is text; the repr of a law holds its exact numbers
        return (repr(self.law),)

    def _sympystr(self, printer: Any) -> str:
        return "law" if self.law is None else str(self.law)

    _sympyrepr = _sympystr


def law_argument(name: str, law: Any, positive: bool) -> LawArgument:
    """Check the law of a free matrix and wrap it."""
    if isinstance(law, LawArgument):
        return law
    if law is None:
        return LawArgument(None)
    if not isinstance(law, AtomicLaw | NodeLaw):
        raise LawError(
            f"the law of {name} must be its spectral law, atomic([...], [...]) or density(...), got {law!r}; of an "
            f"array give the eigenvalues"
        )
    if isinstance(law, AtomicLaw) and law.width != 1:
        raise LawError(f"the law of {name} is a joint law; a free matrix has the law of its own eigenvalues")
    ends = law.points if isinstance(law, AtomicLaw) else (law.lower, law.upper)
    bad = [x for x in ends if not x.is_real or (positive and x < 0)]
    if bad:
        expected = "non-negative eigenvalues (it is declared positive)" if positive else "real eigenvalues"
        raise LawError(f"the law of {name} must have {expected}, got {bad[0]}")
    return LawArgument(law)
