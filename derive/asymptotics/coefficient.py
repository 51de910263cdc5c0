"""A number that is known twice: as a formula, and in many digits at one point.

The value at the point decides what is zero: there an identity of the coefficients of a series holds or fails, whether
or not the formula was simplified. ``size`` is the sum of the absolute values of the terms that made the number, so
that zero means zero up to the rounding of those terms. Formulas are kept as a graph and written out, in lowest terms,
only where somebody asks: most coefficients of a series are never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mpmath
from sympy import Dummy, Expr, Rational, S, Trace

from ..field import Field, Fraction

__all__ = ["BITS", "ONE", "ZERO", "Coefficient", "leaf", "rational", "written"]

# zero is told from a small number far above the rounding of sums that cancel
BITS = 1200
_ROUNDING = mpmath.mpf(2) ** -600


@dataclass(frozen=True, eq=False)
class Coefficient:
    """``op`` of ``args`` (a leaf holds its expression), the ``number`` at the point and the ``size`` of its terms."""

    op: str
    args: tuple[Any, ...]
    number: Any
    size: Any

    @property
    def absent(self) -> bool:
        """Zero by construction."""
        return self.op == "leaf" and self.args[0] is S.Zero

    @property
    def vanishes(self) -> bool:
        """Zero at the point."""
        return self.absent or not abs(self.number) > _ROUNDING * self.size

    @cached_property
    def expr(self) -> Expr:
        """The formula in lowest terms."""
        return self.args[0] if self.op == "leaf" else written(self, {})

    def __add__(self, other: Coefficient) -> Coefficient:
        if self.absent:
            return other
        if other.absent:
            return self
        return Coefficient("add", (self, other), self.number + other.number, self.size + other.size)

    def __neg__(self) -> Coefficient:
        return self if self.absent else Coefficient("negative", (self,), -self.number, self.size)

    def __sub__(self, other: Coefficient) -> Coefficient:
        return self + (-other)

    def __mul__(self, other: Coefficient) -> Coefficient:
        if self.absent or other.absent:
            return ZERO
        if self is ONE or other is ONE:
            return other if self is ONE else self
        return Coefficient("multiply", (self, other), self.number * other.number, self.size * other.size)

    def __truediv__(self, other: Coefficient) -> Coefficient:
        if self.absent or other is ONE:
            return self
        # a denominator that lost digits loses them for the quotient
        size = self.size * other.size / abs(other.number) ** 2
        return Coefficient("divide", (self, other), self.number / other.number, size)

    def power(self, exponent: Rational) -> Coefficient:
        """``self**exponent``, self not 0."""
        if self is ONE:
            return ONE
        number = mpmath.power(self.number, mpmath.mpf(exponent.p) / exponent.q)
        loss = max(mpmath.mpf(1), self.size / abs(self.number))
        return Coefficient("power", (self, exponent), number, abs(number) * loss)


def leaf(expr: Expr, number: Any, size: Any) -> Coefficient:
    """A coefficient that is not made of others."""
    return Coefficient("leaf", (expr,), number, size)


def rational(value: Any) -> Coefficient:
    """A rational number."""
    value = Rational(value)
    number = mpmath.mpf(value.p) / value.q
    return leaf(value, number, abs(number))


ZERO = rational(0)
ONE = rational(1)


def written(coefficient: Coefficient, rules: Mapping[Expr, Coefficient | Expr]) -> Expr:
    """The formula in lowest terms, in normalised traces; symbols and traces are replaced by ``rules``."""
    order = _in_order(coefficient, rules)
    leaves = [node.args[0] for node in order if node.op == "leaf"]
    exprs = [*leaves, *(r for r in rules.values() if isinstance(r, Expr)), *rules]
    exprs += [b.expr**e for b, e in (n.args for n in order if n.op == "power" and not n.vanishes) if e.q > 1]
    names = {t: Dummy() for e in exprs for t in sorted(e.atoms(Trace), key=str)}
    hidden = {t: t.arg.rows * d for t, d in names.items()}
    field = Field([e.xreplace(hidden) for e in exprs], spare=48)
    values: dict[int, Fraction] = {}

    def replaced(expr: Expr) -> Fraction:
        value = field.from_sympy(expr.xreplace(hidden))
        found = {}
        for symbol, rule in rules.items():
            generator = names.get(symbol, symbol)
            if generator in field and field.position(generator) in value.generators():
                size = field.from_sympy(symbol.arg.rows) if isinstance(symbol, Trace) else field.one
                new = values[id(rule)] if isinstance(rule, Coefficient) else replaced(rule)
                found[field.position(generator)] = new / size
        return field.subs(value, found)

    for node in order:
        values[id(node)] = _fraction(node, values, field, replaced)
    back = {d: t / t.arg.rows for t, d in names.items()}
    return field.to_sympy(values[id(coefficient)]).xreplace(back)


def _fraction(node: Coefficient, values: Mapping[int, Fraction], field: Field, replaced: Any) -> Fraction:
    if node.vanishes:
        return field.zero
    if node.op == "leaf":
        return replaced(node.args[0])
    if node.op == "power":
        base, exponent = node.args
        if exponent.q > 1:
            return replaced(base.expr**exponent)
        value, count = values[id(base)], int(exponent)
        value = value.inverse() if count < 0 else value
        return Fraction(field, value.num ** abs(count), value.den ** abs(count))
    first, *rest = (values[id(a)] for a in node.args)
    if node.op == "negative":
        return -first
    (second,) = rest
    return first + second if node.op == "add" else first * second if node.op == "multiply" else first / second


def _in_order(root: Coefficient, rules: Mapping[Expr, Coefficient | Expr]) -> list[Coefficient]:
    """Every node after the nodes it needs, those of the rules included."""
    out: list[Coefficient] = []
    done: set[int] = set()
    stack: list[tuple[Coefficient, bool]] = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            out.append(node)
            continue
        stack.append((node, True))
        if node.vanishes:
            continue  # it does so on the whole branch: what it is made of is not needed
        needed = [a for a in node.args if isinstance(a, Coefficient)]
        if node.op == "leaf":
            needed = [r for s, r in rules.items() if isinstance(r, Coefficient) and node.args[0].has(s)]
        stack += [(a, False) for a in needed if id(a) not in done]
    return out
