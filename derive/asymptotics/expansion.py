"""Expressions of a derived system as formal series, traces of resolvents of deterministic matrices included.

A trace is expanded inside: the dominant terms of the matrix that is inverted are inverted, the others follow as a
Neumann series. Dimensions are replaced by their ratios first, so that only normalised traces remain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
from sympy import (
    Add,
    Dummy,
    Expr,
    Function,
    Identity,
    Integer,
    MatAdd,
    MatMul,
    MatPow,
    MatrixExpr,
    Mul,
    Pow,
    Rational,
    S,
    Symbol,
    Trace,
    factorial,
)
from sympy.matrices.expressions import Inverse, Transpose, ZeroMatrix

from ..errors import NotRationalError
from ..lower.factors import factors_of, product_of
from ..lower.flips import pushed
from ..scan import walk
from .coefficient import ONE, ZERO, Coefficient, leaf
from .series import MatrixSeries, Series, product

__all__ = ["Expansion"]

# value of an expression in constants and traces at the point, in many digits
Number = Callable[[Expr], Any]


class Expansion:
    """Series of expressions in which ``series`` says what the moving symbols are.

    ``number`` evaluates a constant expression at the point, ``ratios`` writes dimensions as multiples of the base, and
    ``order`` is the number of terms that are kept. ``ranks`` numbers the factors of traces as they appear.
    """

    def __init__(
        self,
        series: Mapping[Symbol, Series],
        ratios: Mapping[Symbol, Expr],
        number: Number,
        order: int,
        ranks: dict[MatrixExpr, int],
    ):
        self.series, self.ratios, self.number, self.order = dict(series), dict(ratios), number, order
        self.ranks = ranks
        self._seen: dict[Expr, Series] = {}

    def scalar(self, expr: Expr) -> Series:
        if expr not in self._seen:
            self._seen[expr] = self._scalar(expr)
        return self._seen[expr]

    def _moves(self, expr: Expr) -> bool:
        return any(node in self.series or node in self.ratios or isinstance(node, Trace) for node in walk(expr))

    def constant(self, expr: Expr) -> Coefficient:
        """A coefficient that does not move."""
        number = self.number(expr)
        return leaf(expr, number, max(abs(number), mpmath.mpf(2) ** -30) if number else mpmath.mpf(1))

    def _scalar(self, expr: Expr) -> Series:
        if expr in self.series:
            return self.series[expr]
        if isinstance(expr, Symbol) and expr in self.ratios:
            return self.scalar(self.ratios[expr])
        if isinstance(expr, MatrixExpr):
            return self.trace(expr)
        if isinstance(expr, Trace):
            return self.trace(expr.arg)
        if not self._moves(expr):
            return Series.constant(self.constant(expr)) if expr != 0 else Series(0, ())
        if isinstance(expr, Add):
            total = self.scalar(expr.args[0])
            for arg in expr.args[1:]:
                total = total + self.scalar(arg)
            return total
        if isinstance(expr, Mul):
            total = Series.constant(ONE)
            for arg in expr.args:
                total = total.times(self.scalar(arg), self.order)
            return total
        if isinstance(expr, Pow) and isinstance(expr.exp, Rational):
            return self.scalar(expr.base).power(expr.exp, self.order)
        if isinstance(expr, Function) and len(expr.args) == 1:
            return self._composed(expr)
        raise NotRationalError(f"{expr} has no expansion in powers: take the limit of its parts")

    def _composed(self, expr: Function) -> Series:
        """Taylor's series of a smooth function about the limit of its argument."""
        inner = self.scalar(expr.args[0])
        if inner.coefficients and inner.low < 0:
            inner = inner.stripped()
        if inner.coefficients and inner.low < 0:
            raise NotRationalError(f"{expr}: the argument of {type(expr).__name__} diverges in the limit")
        start = inner.at(0)
        x = Dummy()
        step = inner + Series.constant(-start)
        total, power = Series(0, ()), Series.constant(ONE)
        f = expr.func(x)
        for k in range(self.order):
            slope = self.constant((f.diff(x, k) if k else f).subs(x, start.expr) / factorial(k))
            total = total + Series.constant(slope).times(power, self.order)
            power = power.times(step, self.order)
        end = total.low + self.order if step.coefficients else math.inf
        return Series(total.low, total.coefficients[: self.order], min(total.end, end))

    # traces ----------------------------------------------------------------------------------------------------------

    def trace(self, matrix: MatrixExpr) -> Series:
        """The trace, as the relative size of the space times the normalised trace; of a 1 x 1 matrix the form."""
        expanded = self.matrix(matrix)
        rows = expanded.rows
        form = rows == 1
        size = Series.constant(ONE) if form else self.scalar(S(rows))
        out = []
        for terms in expanded.coefficients:
            total = ZERO
            for factors, c in terms.items():
                if not factors:
                    total = total + c
                    continue
                name = Trace(product_of(factors if form else self._turned(factors)))
                total = total + c * self.constant(name if form else name / rows)
            out.append(total)
        return Series(expanded.low, tuple(out), expanded.end).times(size, self.order)

    def _turned(self, factors: tuple[MatrixExpr, ...]) -> tuple[MatrixExpr, ...]:
        """One of the cyclic orders of a product under a trace, so that equal traces are recognised."""
        if len(factors) == 1:
            return factors
        turns = [product((*factors[k:], *factors[:k])) for k in range(len(factors))]
        return min(turns, key=lambda f: (len(f), [self.ranks.setdefault(x, len(self.ranks)) for x in f]))

    def matrix(self, expr: MatrixExpr) -> MatrixSeries:
        expr = pushed(expr)
        rows, cols = expr.shape
        if isinstance(expr, ZeroMatrix):
            return MatrixSeries(rows, cols, 0, ())
        if isinstance(expr, Identity):
            return MatrixSeries(rows, cols, 0, ({(): ONE},))
        if not any(node in self.series for node in walk(expr)) and not isinstance(expr, MatAdd):
            coefficient, factors = factors_of(expr)
            if not any(isinstance(f, MatAdd) for f in factors):
                whole = MatrixSeries(rows, cols, 0, ({product(factors): ONE},))
                return whole if coefficient == 1 else whole.scaled(self.scalar(coefficient), self.order)
        if isinstance(expr, MatAdd):
            total = self.matrix(expr.args[0])
            for arg in expr.args[1:]:
                total = total + self.matrix(arg)
            return total
        if isinstance(expr, MatMul):
            coefficient, factors = expr.as_coeff_matrices()
            total = self.matrix(factors[0])
            for factor in factors[1:]:
                total = total.times(self.matrix(factor), self.order)
            return total if coefficient == 1 else total.scaled(self.scalar(coefficient), self.order)
        if isinstance(expr, Inverse):
            return self.matrix(expr.arg).inverse(self.order)
        if isinstance(expr, MatPow) and isinstance(expr.exp, Integer):
            base = self.matrix(expr.base)
            base = base.inverse(self.order) if expr.exp < 0 else base
            total = base
            for _ in range(abs(int(expr.exp)) - 1):
                total = total.times(base, self.order)
            return total
        if isinstance(expr, Transpose):
            inner = self.matrix(expr.arg)
            flipped = tuple({tuple(f.T for f in reversed(k)): c for k, c in t.items()} for t in inner.coefficients)
            return MatrixSeries(rows, cols, inner.low, flipped, inner.end)
        raise NotRationalError(f"{expr} ({type(expr).__name__}) has no expansion in powers")
