"""Records: a branch of a limit of a limit, and a point in many digits at which one is derived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mpmath
from sympy import Expr, MatAdd, MatPow, Rational, S, Symbol, Trace, oo
from sympy.matrices.expressions import Inverse

from ..errors import LawError
from ..lower.program import compile_program
from ..scan import walk
from ..symbols import MatrixLetter
from ..system import System

__all__ = ["Branch", "Point", "inverted_letters"]


@dataclass(frozen=True)
class Point:
    """Parameters and laws in numbers of ``BITS`` bits; ``reaching`` are the matrices whose law reaches 0."""

    env: Mapping[Any, Any]
    algebra: Any
    reaching: frozenset[MatrixLetter] = frozenset()

    def value(self, expr: Expr, more: Mapping[Any, Any]) -> Any:
        """An expression at the point; NaN where it has no value."""
        return compile_program([expr]).run({**self.env, **more}, self.algebra)[0]

    def finite(self, expr: Expr, more: Mapping[Any, Any]) -> Any:
        """The same, and an error where a trace has no value: its matrix is not invertible there."""
        number = self.value(expr, more)
        for trace in expr.atoms(Trace):
            names = sorted(m.name for m in inverted_letters(trace) if m in self.reaching or not mpmath.isfinite(number))
            if names:
                raise LawError(
                    f"the limit needs {trace}, which is infinite where the law of {', '.join(names)} reaches 0: give a "
                    f"law that stays away from 0"
                )
        return number


def inverted_letters(trace: Trace) -> set[MatrixLetter]:
    """Letters that stand alone in an inverse."""
    out: set[MatrixLetter] = set()
    for node in walk(trace):
        negative = isinstance(node, MatPow) and (isinstance(node, Inverse) or node.exp.is_negative)
        if negative and not isinstance(node.args[0], MatAdd):
            out |= {m for m in walk(node.args[0]) if isinstance(m, MatrixLetter)}
    return out


@dataclass(frozen=True)
class Branch:
    """A balance: unknown u behaves like ``t^exponents[u]`` times ``leading[u]``, then ``t^(1/root)`` times ``next[u]``.

    ``system`` gives the leading coefficients (unknowns, or definitions where they are explicit), and as values the
    leading coefficient of every quantity, which moves like ``t^orders[name]``. ``source`` numbers the system that was
    expanded, when there were several. ``parameter`` is the symbol that moves, ``t`` what it is in the small variable.
    """

    source: int
    root: int
    exponents: Mapping[Symbol, Rational]
    leading: Mapping[Symbol, Symbol]
    next: Mapping[Symbol, Symbol]
    system: System
    orders: Mapping[str, Rational]

    @property
    def values(self) -> dict[str, Expr]:
        """The limits: 0 and infinity where the order says so."""
        return {k: _limit(v, self.orders[k]) for k, v in self.system.values.items()}

    @cached_property
    def inverted(self) -> frozenset[MatrixLetter]:
        """Matrices that stand alone in an inverse: their laws must stay away from 0."""
        exprs = [*self.system.residuals, *(e for _, e in self.system.definitions), *self.system.values.values()]
        return frozenset(m for e in exprs for t in e.atoms(Trace) for m in inverted_letters(t))

    @property
    def shown(self) -> System:
        """The system with the definitions that the limits need."""
        return _needed(self.system, [*self.leading.values(), *self.values.values()])


def _limit(coefficient: Expr, order: Rational) -> Expr:
    if order == 0:
        return coefficient
    return S.Zero if order > 0 else -oo if coefficient.is_negative else oo


def _needed(system: System, values: Sequence[Expr]) -> System:
    """The system without definitions that neither its equations nor ``values`` use."""
    used = {s for e in (*system.residuals, *values) for s in e.free_symbols}
    kept = []
    for symbol, expr in reversed(system.definitions):
        if symbol in used:
            used |= expr.free_symbols
            kept.append((symbol, expr))
    return System(
        system.unknowns, system.residuals, system.right_hand_sides, tuple(reversed(kept)), system.values, system.origin
    )
