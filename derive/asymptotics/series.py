"""Formal series in a small variable s: scalars, and matrices whose coefficients are sums of products of letters.

``end`` is the first power that is not known (infinite for a polynomial). A leading coefficient that vanishes at the
point is dropped before anything is divided by it; when none is left within ``end``, more terms are needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Identity, Integer, MatAdd, MatMul, MatPow, MatrixExpr, Rational
from sympy.matrices.expressions import Inverse

from ..errors import NotRationalError
from .coefficient import ONE, ZERO, Coefficient, rational

__all__ = ["MatrixSeries", "MoreTerms", "Ramified", "Series", "product"]

Factors = tuple[MatrixExpr, ...]
Terms = Mapping[Factors, Coefficient]


class MoreTerms(Exception):
    """The terms that are known cancel."""


class Ramified(Exception):
    """A root of a power of s: the series is one in a root of s, whose order is the argument."""


@dataclass(frozen=True)
class Series:
    """``sum_k coefficients[k] s^(low + k)``, known below ``end``."""

    low: int
    coefficients: tuple[Coefficient, ...]
    end: float = math.inf

    @classmethod
    def constant(cls, value: Coefficient) -> Series:
        return cls(0, (value,))

    def at(self, power: int) -> Coefficient:
        """The coefficient of s^power."""
        if power >= self.end:
            raise MoreTerms
        k = power - self.low
        return self.coefficients[k] if 0 <= k < len(self.coefficients) else ZERO

    def stripped(self) -> Series:
        """Without the leading coefficients that vanish."""
        for k, c in enumerate(self.coefficients):
            if not c.vanishes:
                rest = tuple(ZERO if x.vanishes else x for x in self.coefficients[k:])
                return Series(self.low + k, rest, self.end)
        if self.end < math.inf:
            raise MoreTerms
        return Series(0, ())

    def __add__(self, other: Series) -> Series:
        end = min(self.end, other.end)
        if not self.coefficients and self.end == math.inf:
            return other
        if not other.coefficients and other.end == math.inf:
            return self
        low = min(self.low, other.low)
        top = min(end, max(self.low + len(self.coefficients), other.low + len(other.coefficients)))
        return Series(low, tuple(self._or_zero(k) + other._or_zero(k) for k in range(low, int(top))), end)

    def _or_zero(self, power: int) -> Coefficient:
        k = power - self.low
        return self.coefficients[k] if 0 <= k < len(self.coefficients) else ZERO

    def times(self, other: Series, order: int) -> Series:
        """The product, at most ``order`` terms of it."""
        if (not self.coefficients and self.end == math.inf) or (not other.coefficients and other.end == math.inf):
            return Series(0, ())
        low, count, end = _extent(self, other, order)
        out = []
        for k in range(count):
            total = ZERO
            for i, c in enumerate(self.coefficients[: k + 1]):
                if k - i < len(other.coefficients):
                    total = total + c * other.coefficients[k - i]
            out.append(total)
        return Series(low, tuple(out), end)

    def power(self, exponent: Rational, order: int) -> Series:
        """``self**exponent``: the binomial series about the leading term."""
        if isinstance(exponent, Integer) and exponent >= 0:
            out = Series.constant(ONE)
            for _ in range(int(exponent)):
                out = out.times(self, order)
            return out
        a = self.stripped()
        if not a.coefficients:
            raise NotRationalError(f"a negative power of an expression that is 0, {exponent}, in a limit of a limit")
        low = a.low * exponent
        if low.q != 1:
            raise Ramified(int(low.q))
        length = int(min(order, a.end - a.low))
        b = [a.coefficients[0].power(exponent)]
        single = len(a.coefficients) == 1 and a.end == math.inf
        for k in range(1, 1 if single else length):
            total = ZERO
            for j in range(1, min(k, len(a.coefficients) - 1) + 1):
                total = total + rational(j * exponent - (k - j)) * a.coefficients[j] * b[k - j]
            b.append(total / (rational(k) * a.coefficients[0]))
        return Series(int(low), tuple(b), math.inf if single else int(low) + length)


def _extent(a: Any, b: Any, order: int) -> tuple[int, int, float]:
    """Lowest power, number of coefficients and end of a product."""
    low = a.low + b.low
    end = min(a.low + b.end, b.low + a.end)
    count = len(a.coefficients) + len(b.coefficients) - 1
    if count > order:
        end = min(end, low + order)
    return low, int(max(0, min(count, end - low))), end


# matrices ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MatrixSeries:
    """Coefficients are mappings product of factors -> coefficient; the empty product is the identity."""

    rows: Expr
    cols: Expr
    low: int
    coefficients: tuple[Terms, ...]
    end: float = math.inf

    def scaled(self, scalar: Series, order: int) -> MatrixSeries:
        as_matrix = MatrixSeries(self.rows, self.rows, scalar.low, tuple({(): c} for c in scalar.coefficients),
                                 scalar.end)  # fmt: skip
        return as_matrix.times(self, order)

    def __add__(self, other: MatrixSeries) -> MatrixSeries:
        if not self.coefficients and self.end == math.inf:
            return other
        if not other.coefficients and other.end == math.inf:
            return self
        end = min(self.end, other.end)
        low = min(self.low, other.low)
        top = min(end, max(self.low + len(self.coefficients), other.low + len(other.coefficients)))
        merged = []
        for power in range(low, int(top)):
            pairs = [pair for x in (self, other) for pair in x._terms(power).items()]
            merged.append(_collected(pairs))
        return MatrixSeries(self.rows, self.cols, low, tuple(merged), end)

    def _terms(self, power: int) -> Terms:
        k = power - self.low
        return self.coefficients[k] if 0 <= k < len(self.coefficients) else {}

    def times(self, other: MatrixSeries, order: int) -> MatrixSeries:
        if (not self.coefficients and self.end == math.inf) or (not other.coefficients and other.end == math.inf):
            return MatrixSeries(self.rows, other.cols, 0, ())
        low, count, end = _extent(self, other, order)
        out = []
        for k in range(count):
            pairs = []
            for i, left in enumerate(self.coefficients[: k + 1]):
                if k - i < len(other.coefficients):
                    pairs += _multiplied(left, other.coefficients[k - i])
            out.append(_collected(pairs))
        return MatrixSeries(self.rows, other.cols, low, tuple(out), end)

    def inverse(self, order: int) -> MatrixSeries:
        """``A_0^-1 - s A_0^-1 A_1 A_0^-1 + ...``: the dominant terms are inverted, the others follow."""
        kept = [{f: c for f, c in terms.items() if not c.vanishes} for terms in self.coefficients]
        first = next((k for k, terms in enumerate(kept) if terms), None)
        if first is None:
            if self.end < math.inf:
                raise MoreTerms
            raise NotRationalError("the inverse of a matrix that is 0, in a limit of a limit")
        low, kept = self.low + first, kept[first:]
        length = int(min(order, self.end - low))
        root = _inverted(kept[0])
        b: list[Terms] = [root]
        alone = len(kept) == 1 and self.end == math.inf
        for k in range(1, 1 if alone else length):
            pairs: list[tuple[Factors, Coefficient]] = []
            for j in range(1, min(k, len(kept) - 1) + 1):
                pairs += _multiplied(kept[j], b[k - j])
            negative = _collected((f, -c) for f, c in pairs)
            b.append(_collected(_multiplied(root, negative)))
        return MatrixSeries(self.cols, self.rows, -low, tuple(b), math.inf if alone else -low + length)


def _collected(pairs: Iterable[tuple[Factors, Coefficient]]) -> dict[Factors, Coefficient]:
    out: dict[Factors, Coefficient] = {}
    for factors, c in pairs:
        out[factors] = out[factors] + c if factors in out else c
    return {f: c for f, c in out.items() if not c.absent}


def _multiplied(left: Terms, right: Terms) -> list[tuple[Factors, Coefficient]]:
    return [(product((*f, *g)), c * d) for f, c in left.items() for g, d in right.items()]


def product(factors: Iterable[MatrixExpr]) -> Factors:
    """Neighbouring powers of one matrix collected; what cancels is left out."""
    kept: list[tuple[MatrixExpr, Expr]] = []
    for factor in factors:
        base, exponent = _base(factor)
        if kept and kept[-1][0] == base and base.rows == base.cols:
            exponent += kept.pop()[1]
        if exponent != 0:
            kept.append((base, exponent))
    return tuple(_raised(base, exponent) for base, exponent in kept)


def _base(factor: MatrixExpr) -> tuple[MatrixExpr, Expr]:
    if isinstance(factor, Inverse):
        return factor.arg, Integer(-1)
    if isinstance(factor, MatPow):
        return factor.base, factor.exp
    return factor, Integer(1)


def _raised(base: MatrixExpr, exponent: Expr) -> MatrixExpr:
    if exponent == 1:
        return base
    return Inverse(base) if exponent == -1 else MatPow(base, exponent)


def _inverted(terms: Terms) -> Terms:
    if len(terms) == 1:
        ((factors, c),) = terms.items()
        if all(f.rows == f.cols for f in factors):
            return {tuple(_raised(b, -e) for b, e in map(_base, reversed(factors))): ONE / c}
    some = next(f for f in terms if f) if any(terms) else ()
    identity = Identity(some[0].rows) if some else None
    summands = []
    for factors, c in terms.items():
        matrix = identity if not factors else MatMul(*factors) if len(factors) > 1 else factors[0]
        summands.append(matrix if c is ONE else MatMul(c.expr, matrix))
    return {(Inverse(MatAdd(*summands) if len(summands) > 1 else summands[0]),): ONE}
