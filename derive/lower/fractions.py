"""Exact rational functions: a program run over them turns traces over atoms into algebra.

Numbers and symbols become fractions over the integers in a :class:`derive.field.Field`. A square root (or another
root) of a number that has none is adjoined: a generator of its own, whose polynomial is kept in ``relations``.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sympy import Expr, I, Integer, Pow, Rational, Symbol, integer_nthroot

from derive.errors import NotRationalError
from derive.field import Field, Fraction
from derive.numbers import exact

from .node_tuples import NodeTuples

__all__ = ["FractionKind"]


class FractionKind(NodeTuples):
    """Fractions of one field; ``relations`` maps the position of an adjoined number to its polynomial."""

    def __init__(self, field: Field):
        self.field = field
        self.zero, self.one = field.zero, field.one
        self.relations: dict[int, Any] = {}

    def context(self) -> AbstractContextManager:
        return nullcontext()

    # numbers ---------------------------------------------------------------------------------------------------------

    def number(self, value: Any) -> Fraction:
        if isinstance(value, Fraction):
            return value
        if isinstance(value, Rational):
            return self.field.integer(int(value.p)) / self.field.integer(int(value.q))
        if isinstance(value, Expr):
            real, imag = value.as_real_imag()
            return self.number(real) + self.number(imag) * self._adjoined(I, 2, self.number(Integer(-1)))
        return self.number(exact(value))

    def constant(self, name: str) -> Fraction:
        raise NotRationalError(f"{name} is not an algebraic number")

    def coerce(self, value: Any, name: str) -> Fraction:
        if isinstance(value, Symbol):
            return self.field.new(value)
        return self.number(value)

    def divide(self, x: Fraction, y: Fraction) -> Fraction:
        return x / y

    def conjugate(self, x: Fraction) -> Fraction:
        # parameters are real; a number that was adjoined may not be
        if x.generators() & self.relations.keys():
            raise NotRationalError("the conjugate of an irrational number is not a rational function of it")
        return x

    def power(self, x: Fraction, exponent: Rational) -> Fraction:
        root = self._root(x, int(exponent.q))
        count = int(exponent.p)
        base = root if count > 0 else root.inverse()
        return Fraction(self.field, base.num ** abs(count), base.den ** abs(count))

    def function(self, name: str, x: Fraction) -> Fraction:
        if name == "sqrt":
            return self._root(x, 2)
        if name == "conjugate":
            return self.conjugate(x)
        raise NotRationalError(f"{name} is not an algebraic function")

    def _root(self, x: Fraction, degree: int) -> Fraction:
        if not (x.num.is_constant() and x.den.is_constant()):
            raise NotRationalError(f"the root of {x} is not a rational function of the parameters")
        value = self.value(x)
        if value < 0:
            raise NotRationalError(f"a root of the negative number {value}")
        (top, whole), (bottom, also) = integer_nthroot(value.p, degree), integer_nthroot(value.q, degree)
        if whole and also:
            return self.number(Rational(top, bottom))
        return self._adjoined(Pow(value, Rational(1, degree)), degree, x)

    def _adjoined(self, meaning: Expr, degree: int, power: Fraction) -> Fraction:
        generator = self.field.new(meaning)
        position = self.field.position(meaning)
        raised = Fraction(self.field, generator.num**degree, self.field.one.num)
        self.relations[position] = (raised - power).num
        return generator

    def value(self, x: Fraction) -> Rational:
        """The number in a constant fraction."""
        if not (x.num.is_constant() and x.den.is_constant()):
            raise NotRationalError(f"{x} is not a number: give the parameters it contains")
        return Rational(int(x.num.leading_coefficient() if x else 0), int(x.den.leading_coefficient()))

    def ratio_capped(self, x: Fraction, y: Fraction) -> tuple[Fraction, bool]:
        """min(1, x/y), and whether x/y >= 1."""
        ratio = x / y
        full = bool(self.value(ratio) >= 1)
        return (self.one if full else ratio), full

    def differs(self, x: Fraction, y: Fraction) -> bool:
        return bool(x - y)

    def nodes_scale(self, scalar: Any, x: Any) -> Any:
        scalar = self.number(Integer(scalar)) if isinstance(scalar, int) else scalar
        return tuple(scalar * a for a in x)

    # matrices: nested tuples -----------------------------------------------------------------------------------------

    def matrix(self, law: Any) -> Any:
        return tuple(self.nodes(row) for row in law.rows)

    def matrix_add(self, x, y):
        return tuple(self.nodes_add(a, b) for a, b in zip(x, y, strict=True))

    def matrix_subtract(self, x, y):
        return tuple(self.nodes_subtract(a, b) for a, b in zip(x, y, strict=True))

    def matrix_shift(self, x, scalar):
        return tuple(tuple(v + scalar if i == j else v for j, v in enumerate(row)) for i, row in enumerate(x))

    def matrix_scale(self, scalar, x):
        return tuple(self.nodes_scale(scalar, row) for row in x)

    def matrix_multiply(self, x, y):
        columns = list(zip(*y, strict=True))
        return tuple(tuple(self._dot(row, column) for column in columns) for row in x)

    def _dot(self, x, y):
        return self.nodes_mean(x, y)

    def matrix_inverse(self, x):
        """Gauss-Jordan with any pivot that is not zero."""
        size = len(x)
        rows = [[*row, *(self.one if i == j else self.zero for j in range(size))] for i, row in enumerate(x)]
        for k in range(size):
            pivot = next((i for i in range(k, size) if rows[i][k]), None)
            if pivot is None:
                raise ZeroDivisionError("a matrix that is inverted is singular")
            rows[k], rows[pivot] = rows[pivot], rows[k]
            inverse = rows[k][k].inverse()
            rows[k] = [inverse * v for v in rows[k]]
            for i in range(size):
                if i != k and rows[i][k]:
                    factor = rows[i][k]
                    rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
        return tuple(tuple(row[size:]) for row in rows)

    def matrix_sqrt(self, x, name: str):
        raise NotRationalError(f"the square root of the array {name} is not rational in its entries")

    def matrix_transpose(self, x):
        return tuple(zip(*x, strict=True))

    def matrix_conjugate(self, x):
        return tuple(self.nodes_conjugate(row) for row in x)

    def matrix_mean(self, x):
        """Normalised trace."""
        total = self.zero
        for i, row in enumerate(x):
            total = total + row[i]
        return total / self.number(Integer(len(x)))

    def matrix_product_mean(self, x, y):
        """Normalised trace of x*y."""
        return self.matrix_mean(self.matrix_multiply(x, y))

    def matrix_entry(self, x):
        """The number in a 1 x 1 matrix."""
        return x[0][0]
