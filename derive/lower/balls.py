"""Ball arithmetic through python-flint: every result encloses the true value.

Real balls (arb) as long as everything is real, complex ones (acb) otherwise. A multivalued function is only evaluated
where it is analytic on the whole ball: across a branch cut the enclosure of a derivative would prove nothing, so the
result there is an indeterminate ball and the proof that uses it fails.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import mpmath
from flint import acb, acb_mat, arb, arb_mat, ctx, fmpq, fmpq_mat
from sympy import Expr, Rational

from derive.errors import CertificationError
from derive.numbers import exact

from .digits import MpKind
from .node_tuples import NodeTuples

__all__ = ["BallKind"]

_CONSTANTS = {"Pi": arb.pi, "Exp1": arb.const_e, "EulerGamma": arb.const_euler, "Catalan": arb.const_catalan}
_SQRT_GUARD = 20  # bits beyond twice the precision: the square root of a singular matrix is known to half of them


@dataclass(frozen=True)
class BallKind(NodeTuples):
    """python-flint balls of ``bits`` bits, at the precision of the ``context()`` that :meth:`Program.run` enters."""

    bits: int

    zero = arb(0)
    one = arb(1)

    def context(self) -> AbstractContextManager:
        return ctx.workprec(self.bits)

    # numbers ---------------------------------------------------------------------------------------------------------

    def number(self, value: Any) -> Any:
        if isinstance(value, arb | acb):
            return value
        if isinstance(value, Rational):
            return arb(fmpq(int(value.p), int(value.q)))
        if isinstance(value, Expr):
            real, imag = value.as_real_imag()
            return acb(self.number(real), self.number(imag))
        return self.number(exact(value))

    def constant(self, name: str) -> Any:
        return _CONSTANTS[name]()

    def coerce(self, value: Any, name: str) -> Any:
        return value if isinstance(value, arb | acb) else self.number(exact(value, name))

    def divide(self, x: Any, y: Any) -> Any:
        return x / y

    def conjugate(self, x: Any) -> Any:
        return x if isinstance(x, arb) else x.conjugate()

    def power(self, x: Any, exponent: Rational) -> Any:
        x = _real_if_exact(x)
        power = self.number(exponent)
        if isinstance(x, arb) and x > 0:
            return x**power
        return acb(x).pow(acb(power), analytic=True)

    def function(self, name: str, x: Any) -> Any:
        x = _real_if_exact(x)
        if name in ("re", "im"):
            x = acb(x)
            return x.real if name == "re" else x.imag
        if name == "Abs":
            return abs(x)
        if name == "conjugate":
            return self.conjugate(x)
        if name in ("sqrt", "log"):
            return _sqrt(x) if name == "sqrt" else _log(x)
        if name in ("asin", "acos") and not (isinstance(x, arb) and abs(x) < 1):
            raise CertificationError(f"{name} is enclosed on (-1, 1) only, got {x}")
        if name == "atan" and isinstance(x, acb) and not abs(x) < 1:
            raise CertificationError(f"atan of a complex number is enclosed inside the unit disk only, got {x}")
        return getattr(x, name)()

    def ratio_capped(self, x: Any, y: Any) -> tuple[Any, bool]:
        """min(1, x/y), and whether x/y >= 1 for certain."""
        if x >= y:
            return self.one, True
        ratio = x / y
        return (ratio if x <= y else ratio.min(self.one)), False

    def differs(self, x: Any, y: Any) -> bool:
        return not (x - y).contains(0)

    # matrices --------------------------------------------------------------------------------------------------------

    def matrix(self, law: Any) -> Any:
        # with the precision that a square root of a singular matrix needs; products round to the working precision
        with ctx.workprec(2 * self.bits + _SQRT_GUARD):
            return _matrix([[self.number(entry) for entry in row] for row in law.rows])

    def matrix_add(self, x, y):
        return x + y

    def matrix_subtract(self, x, y):
        return x - y

    def matrix_shift(self, x, scalar):
        return x + _diagonal(scalar, x.nrows())

    def matrix_scale(self, scalar, x):
        return x * scalar

    def matrix_multiply(self, x, y):
        return x * y

    def matrix_inverse(self, x):
        return x.inv(nonstop=True)

    def matrix_sqrt(self, x, name: str):
        """Enclosure of the square root of a positive semidefinite matrix.

        With Y = X + e > mu > 0 close to the root, ``||x^1/2 - Y|| <= min(||x - Y^2||^1/2, ||x - Y^2|| / mu)``
        (operator monotonicity; van Hemmen and Ando 1980, Prop. 3.2), so a residual and one Cholesky test enclose it.
        That x itself is positive semidefinite was shown exactly when its law was read.
        """
        size, bits = x.nrows(), 2 * self.bits + _SQRT_GUARD
        working = MpKind(bits)
        with working.context(), ctx.workprec(bits):
            middle = mpmath.matrix([[_mp(entry) for entry in row] for row in x.tolist()])
            approximate = _from_mp(working.matrix_sqrt((middle + middle.transpose_conj()) / 2, name))
            shift = arb(2) ** (-2 * self.bits) * (1 + _norm(approximate))
            root = (approximate + _hermitian(approximate)) * arb(0.5) + _diagonal(shift, size)
            residual = _norm(x - root * root)
            bound = residual.sqrt()
            for exponent in range(0, 2 * self.bits, 4):
                floor = arb(2) ** -exponent
                if _positive_definite(root - _diagonal(floor, size)):
                    bound = bound.min(residual / floor)
                    break
            if not _positive_definite(root):
                raise CertificationError(f"the square root of {name} could not be enclosed")
            radius = bound.upper()
            real = isinstance(x, arb_mat)
            wide = arb(0, radius) if real else acb(arb(0, radius), arb(0, radius))
            return _matrix([[entry + wide for entry in row] for row in root.tolist()])

    def matrix_transpose(self, x):
        return x.transpose()

    def matrix_conjugate(self, x):
        return x if isinstance(x, arb_mat) else x.conjugate()

    def matrix_mean(self, x):
        """Normalised trace."""
        return x.trace() / x.nrows()

    def matrix_product_mean(self, x, y):
        """Normalised trace of x*y, without the product."""
        total = self.zero
        for i in range(x.nrows()):
            for j in range(x.ncols()):
                total = total + x[i, j] * y[j, i]
        return total / x.nrows()

    def matrix_entry(self, x):
        """The number in a 1 x 1 matrix."""
        return x[0, 0]


def is_positive_semidefinite(rows: tuple[tuple[Expr, ...], ...]) -> bool:
    """Exact test for a Hermitian matrix of rationals: the coefficients of its characteristic polynomial alternate."""
    real = [[fmpq(int(e.as_real_imag()[0].p), int(e.as_real_imag()[0].q)) for e in row] for row in rows]
    imag = [[fmpq(int(e.as_real_imag()[1].p), int(e.as_real_imag()[1].q)) for e in row] for row in rows]
    # [[Re, -Im], [Im, Re]] is symmetric with the same eigenvalues, each twice
    top = [row + [-e for e in other] for row, other in zip(real, imag, strict=True)]
    bottom = [other + row for row, other in zip(real, imag, strict=True)]
    blocks = top + bottom if any(e != 0 for row in imag for e in row) else real
    size = len(blocks)
    coefficients = fmpq_mat(size, size, [e for row in blocks for e in row]).charpoly().coeffs()
    return all((-1) ** (size - degree) * c >= 0 for degree, c in enumerate(coefficients))


def _real_if_exact(x: Any) -> Any:
    return x.real if isinstance(x, acb) and x.imag.is_zero() else x


def _sqrt(x: Any) -> Any:
    if isinstance(x, arb):
        if x >= 0:
            return x.sqrt()
        # on the negative axis the root is i*sqrt(-x), smooth along the axis
        return acb(0, (-x).sqrt()) if x < 0 else acb(x).sqrt(analytic=True)
    return x.sqrt(analytic=True)


def _log(x: Any) -> Any:
    if isinstance(x, arb):
        if x > 0:
            return x.log()
        return acb((-x).log(), arb.pi()) if x < 0 else acb(x).log(analytic=True)
    return x.log(analytic=True)


def _matrix(rows: list[list[Any]]) -> Any:
    real = all(isinstance(entry, arb) for row in rows for entry in row)
    return arb_mat(rows) if real else acb_mat([[acb(entry) for entry in row] for row in rows])


def _diagonal(scalar: Any, size: int) -> Any:
    return _matrix([[scalar if i == j else arb(0) for j in range(size)] for i in range(size)])


def _hermitian(x: Any) -> Any:
    return x.transpose() if isinstance(x, arb_mat) else x.conjugate().transpose()


def _norm(x: Any) -> arb:
    """Frobenius norm, which bounds the spectral one."""
    return sum((abs(entry) ** 2 for entry in x.entries()), arb(0)).sqrt()


def _positive_definite(x: Any) -> bool:
    """Proof by elimination: all pivots of the Hermitian matrix are positive balls."""
    rows = x.tolist()
    for k in range(len(rows)):
        pivot = acb(rows[k][k]).real
        if not pivot > 0:
            return False
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / pivot
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    return True


def _mp(ball: Any) -> Any:
    if isinstance(ball, acb):
        return mpmath.mpc(_mp(ball.real), _mp(ball.imag))
    mantissa, exponent = ball.mid().man_exp()
    return mpmath.ldexp(mpmath.mpf(int(mantissa)), int(exponent))


def _from_mp(matrix: Any) -> Any:
    def ball(value: Any) -> Any:
        if isinstance(value, mpmath.mpc) and value.imag != 0:
            return acb(ball(value.real), ball(value.imag))
        number = exact(value.real)
        return arb(fmpq(int(number.p), int(number.q)))

    return _matrix([[ball(matrix[i, j]) for j in range(matrix.cols)] for i in range(matrix.rows)])
