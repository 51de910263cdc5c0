"""Arbitrary precision through mpmath.

Functions on nodes are tuples, matrices ``mpmath.matrix``. Nothing here knows an error bound: that is the balls' job.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import mpmath
from sympy import Expr, Float, Rational, S

from derive.errors import LawError
from derive.numbers import exact

from .node_tuples import NodeTuples

__all__ = ["MpKind"]

_NAMES = {"Abs": "fabs", "conjugate": "conj"}
_EQUAL_BITS = 10  # the last bits of a computed size are rounding


@dataclass(frozen=True)
class MpKind(NodeTuples):
    """mpmath numbers of ``bits`` bits; ``MpKind.of_digits(50)`` for decimal digits.

    Operations run at the precision of the ``context()`` that :meth:`Program.run` enters.
    """

    bits: int

    zero = mpmath.mpf(0)
    one = mpmath.mpf(1)

    @classmethod
    def of_digits(cls, digits: int) -> MpKind:
        return cls(int(mpmath.libmp.dps_to_prec(digits)))

    def context(self) -> AbstractContextManager:
        return mpmath.workprec(self.bits)

    # numbers ---------------------------------------------------------------------------------------------------------

    def number(self, value: Any) -> Any:
        if isinstance(value, Rational):
            return mpmath.mpf(value.p) / value.q
        if isinstance(value, mpmath.mpf | mpmath.mpc):
            return +value
        if isinstance(value, Float):
            return +mpmath.make_mpf(value._mpf_)
        if isinstance(value, Expr):
            real, imag = value.as_real_imag()
            return mpmath.mpc(self.number(real), self.number(imag))
        return self.number(exact(value))

    def constant(self, name: str) -> Any:
        return mpmath.mpmathify(getattr(S, name)._to_mpmath(mpmath.mp.prec))

    def coerce(self, value: Any, name: str) -> Any:
        if isinstance(value, mpmath.mpf | mpmath.mpc):
            return value
        return self.number(exact(value, name))

    def divide(self, x: Any, y: Any) -> Any:
        try:
            return x / y
        except ZeroDivisionError:
            return mpmath.nan

    def conjugate(self, x: Any) -> Any:
        return mpmath.conj(x)

    def power(self, x: Any, exponent: Rational) -> Any:
        if x == 0 and exponent < 0:
            return mpmath.nan
        return mpmath.power(x, self.number(exponent))

    def function(self, name: str, x: Any) -> Any:
        try:
            return getattr(mpmath, _NAMES.get(name, name))(x)
        except (ZeroDivisionError, ValueError):  # log(0): no value at this point
            return mpmath.nan

    def ratio_capped(self, x: Any, y: Any) -> tuple[Any, bool]:
        """min(1, x/y), and whether x/y >= 1."""
        return (self.one, True) if x >= y else (self.divide(x, y), False)

    def differs(self, x: Any, y: Any) -> bool:
        return abs(x - y) > mpmath.ldexp(abs(y), _EQUAL_BITS - self.bits)

    # matrices --------------------------------------------------------------------------------------------------------

    def matrix(self, law: Any) -> Any:
        return mpmath.matrix([[self.number(entry) for entry in row] for row in law.rows])

    def matrix_add(self, x, y):
        return x + y

    def matrix_subtract(self, x, y):
        return x - y

    def matrix_shift(self, x, scalar):
        return x + scalar * mpmath.eye(x.rows)

    def matrix_scale(self, scalar, x):
        return x * scalar

    def matrix_multiply(self, x, y):
        return x * y

    def matrix_inverse(self, x):
        try:
            return mpmath.inverse(x)
        except ZeroDivisionError:
            return mpmath.matrix([[mpmath.nan] * x.cols for _ in range(x.rows)])

    def matrix_sqrt(self, x, name: str):
        values, vectors = mpmath.eighe(x) if any(entry.imag for entry in x) else mpmath.eigsy(x)
        scale = max(abs(value) for value in values)
        if min(values) < -mpmath.ldexp(scale, _EQUAL_BITS - self.bits):
            low = mpmath.nstr(min(values), 6)
            raise LawError(f"{name} has no square root: it is not positive semidefinite, an eigenvalue is {low}")
        roots = mpmath.diag([mpmath.sqrt(max(value, 0)) for value in values])
        return vectors * roots * vectors.transpose_conj()

    def matrix_transpose(self, x):
        return x.T

    def matrix_conjugate(self, x):
        return x.conjugate()

    def matrix_mean(self, x):
        """Normalised trace."""
        return mpmath.fsum(x[i, i] for i in range(x.rows)) / x.rows

    def matrix_product_mean(self, x, y):
        """Normalised trace of x*y, without the product."""
        return mpmath.fsum(x[i, j] * y[j, i] for i in range(x.rows) for j in range(x.cols)) / x.rows

    def matrix_entry(self, x):
        """The number in a 1 x 1 matrix."""
        return x[0, 0]
