"""Transposes, adjoints and conjugates pushed down to the letters, so that equal matrices get equal names."""

from __future__ import annotations

from sympy import MatAdd, MatMul, MatPow, MatrixExpr, Rational
from sympy.functions import conjugate
from sympy.matrices.expressions import Adjoint, Identity, Inverse, Transpose, ZeroMatrix

from derive.errors import NotRationalError
from derive.symbols import MatrixLetter

__all__ = ["letter_view", "pushed"]

# plain, transpose, adjoint, conjugate form the Klein group: (reversed, conjugated)
_GROUP = {"plain": (False, False), "transpose": (True, False), "adjoint": (True, True), "conjugate": (False, True)}
_NAMES = {bits: name for name, bits in _GROUP.items()}
_WRAPPERS = {Transpose: "transpose", Adjoint: "adjoint"}


def letter_view(expr: MatrixExpr) -> tuple[MatrixLetter, str] | None:
    """(letter, flip) for a letter under any number of transposes and adjoints, in its shortest form."""
    flip = "plain"
    while type(expr) in _WRAPPERS:
        flip = _compose(flip, _WRAPPERS[type(expr)])
        expr = expr.arg
    if not isinstance(expr, MatrixLetter):
        return None
    reverse, conjugated = _GROUP[flip]
    if expr.is_real_matrix:
        conjugated = False
    if expr.is_symmetric_matrix:
        reverse = False
    if expr.is_hermitian_matrix and reverse:
        reverse, conjugated = False, not conjugated
    return expr, _NAMES[reverse, conjugated and not expr.is_real_matrix]


def _compose(first: str, second: str) -> str:
    (reverse, conjugated), (again, once_more) = _GROUP[first], _GROUP[second]
    return _NAMES[reverse != again, conjugated != once_more]


def pushed(expr: MatrixExpr, flip: str = "plain") -> MatrixExpr:
    """The same matrix with flips on letters only."""
    if type(expr) in _WRAPPERS and letter_view(expr) is None:
        return pushed(expr.arg, _compose(flip, _WRAPPERS[type(expr)]))
    if flip == "plain":
        return expr
    reverse, conjugated = _GROUP[flip]
    if letter_view(expr) is not None:
        flipped = Transpose(expr) if reverse else expr
        flipped = Adjoint(Transpose(flipped)) if conjugated else flipped
        return flipped
    if isinstance(expr, Identity):
        return expr
    if isinstance(expr, ZeroMatrix):
        return ZeroMatrix(expr.cols, expr.rows) if reverse else expr
    if isinstance(expr, MatAdd):
        return MatAdd(*(pushed(arg, flip) for arg in expr.args))
    if isinstance(expr, MatMul):
        scalar, matrices = expr.as_coeff_matrices()
        factors = [pushed(matrix, flip) for matrix in matrices]
        return MatMul(conjugate(scalar) if conjugated else scalar, *(factors[::-1] if reverse else factors))
    if isinstance(expr, Inverse):
        return Inverse(pushed(expr.arg, flip))
    if isinstance(expr, MatPow) and isinstance(expr.exp, Rational):
        return MatPow(pushed(expr.base, flip), expr.exp)
    raise NotRationalError(f"{expr} ({type(expr).__name__}) is not a rational function of its matrices")
