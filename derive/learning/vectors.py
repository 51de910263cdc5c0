"""Random vectors: the true coefficients of a random-effects model, the noise of labels.

A random vector is known through its covariance alone. It never reaches the engine: what is asked of an estimator is
averaged over it first (``risk.py``).
"""

from __future__ import annotations

from typing import Any

from sympy import Expr, Integer, MatrixExpr
from sympy.core.symbol import Str

from ..errors import DimensionError
from ..symbols import MatrixLetter

__all__ = ["RandomVector"]


class RandomVector(MatrixLetter):
    """A centred random vector, independent of the features and of every other random vector.

    Parameters
    ----------
    name : str
    dim : Symbol
        Its dimension.
    covariance : MatrixExpr
        ``E[w w']``, ``dim x dim``. For coefficients it is of order 1/dim (``Gamma/d``, ``r2*Identity(d)/d``), so that
        ``E|w|^2`` is of order one; for the noise of labels it is ``variance*Identity(n)``.

    Notes
    -----
    Vectors that are correlated are written in terms of independent ones: coefficients ``w_2`` near ``w_1`` are
    ``w_1 + delta``. Coefficients that are fixed, not random, are a :class:`derive.Signal`.

    Examples
    --------
    >>> from sympy import Identity
    >>> from derive import RandomVector, dimensions
    >>> d = dimensions("d")
    >>> w = RandomVector("w", d, Identity(d)/d)
    >>> w.shape, w.covariance
    ((d, 1), 1/d*I)
    """

    def __new__(cls, name: Any, dim: Any, *rest: Any, covariance: Any = None) -> RandomVector:
        # rebuilt by SymPy as RandomVector(name, dim, 1, covariance)
        covariance = rest[-1] if rest else covariance
        if not isinstance(covariance, MatrixExpr):
            raise DimensionError(
                f"RandomVector('{name}', {dim}, covariance) takes its {dim} x {dim} covariance matrix third, "
                f"for example Identity({dim})/{dim}; got {covariance!r}"
            )
        if covariance.shape != (dim, dim):
            rows, cols = covariance.shape
            raise DimensionError(
                f"the covariance {covariance} of {name} is {rows} x {cols} and {name} has dimension {dim}"
            )
        return MatrixExpr.__new__(cls, Str(str(name)), dim, Integer(1), covariance)

    @property
    def covariance(self) -> MatrixExpr:
        return self.args[3]

    @property
    def dim(self) -> Expr:
        return self.args[1]
