"""A matrix product as a scalar coefficient and a flat list of factors, in order.

Keeping the coefficient apart is what lets ``2*A*B`` and ``x*A*B`` share ``A*B``, and the inverse of a multiple share
the inverse.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Integer, MatMul, MatPow, MatrixExpr, S, Trace
from sympy.matrices.expressions import Identity, Inverse, ZeroMatrix

from .flips import pushed

__all__ = ["factors_of", "product_of"]


def product_of(factors: Sequence[MatrixExpr]) -> MatrixExpr:
    return factors[0] if len(factors) == 1 else MatMul(*factors)


def factors_of(expr: MatrixExpr) -> tuple[Expr, list[MatrixExpr]]:
    """Coefficient and the factors of a product, flat, without identities; 1 x 1 pieces join the coefficient."""
    expr = pushed(expr)
    if isinstance(expr, Identity):
        return S.One, []
    if isinstance(expr, ZeroMatrix):
        return S.Zero, []
    if isinstance(expr, MatMul):
        coefficient, arguments = expr.as_coeff_matrices()
        factors: list[MatrixExpr] = []
        for argument in arguments:
            scalar, inner = factors_of(argument)
            if scalar == 0:
                return S.Zero, []
            coefficient *= scalar
            factors += inner
        return _take_forms(coefficient, factors)
    if isinstance(expr, Inverse) and expr.rows != 1:
        scalar, inner = factors_of(expr.arg)
        if scalar != 1 or isinstance(expr.arg, MatMul):
            # (c A B)^-1 = B^-1 A^-1 / c where the factors are square, c^-1 (A B)^-1 otherwise
            if all(factor.rows == factor.cols for factor in inner):
                return 1 / scalar, [Inverse(factor) for factor in reversed(inner)]
            return 1 / scalar, [Inverse(product_of(inner))]
        return S.One, [expr] if inner else []
    if isinstance(expr, MatPow) and not isinstance(expr, Inverse) and expr.rows != 1:
        scalar, inner = factors_of(expr.base)
        if not inner:
            return scalar**expr.exp, []
        if scalar != 1 and isinstance(expr.exp, Integer):
            return scalar**expr.exp, [MatPow(product_of(inner), expr.exp)]
    return S.One, [expr]


def _take_forms(coefficient: Expr, factors: list[MatrixExpr]) -> tuple[Expr, list[MatrixExpr]]:
    """u v' M w = u (v' M w): what lies between two cuts is a number."""
    starts = [i for i, factor in enumerate(factors) if factor.rows == 1]
    ends = [i for i, factor in enumerate(factors) if factor.cols == 1]
    if len(factors) == 1 or not starts or not ends:
        return coefficient, factors
    for start in starts:
        end = next((e for e in ends if e >= start), None)
        if end is not None and not (start == 0 and end == len(factors) - 1):
            coefficient *= Trace(product_of(factors[start : end + 1]))
            return _take_forms(coefficient, factors[:start] + factors[end + 1 :])
    return coefficient, factors
