"""What is asked of an estimator: its squared error on a fresh sample, averaged over the random vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sympy import Expr, MatMul, MatrixExpr, S, Trace
from sympy.matrices.expressions import Identity

from ..errors import DimensionError, ParameterError
from ..symbols import MatrixLetter, Signal
from .linear import Coefficient, linear_form
from .vectors import RandomVector

__all__ = ["Risk", "excess_risk", "risk_product"]


@dataclass(frozen=True)
class Risk:
    """An expected squared error, split by the vectors that it is due to.

    Attributes
    ----------
    parts : mapping
        A pair of vectors to its share: ``(v, v)`` for what v alone contributes, ``(u, v)`` for the cross term of two
        fixed signals. Independent random vectors have no cross terms.
    """

    parts: Mapping[tuple[MatrixLetter, MatrixLetter], Expr]

    @property
    def total(self) -> Expr:
        """The whole risk."""
        return sum(self.parts.values(), S.Zero)

    def due_to(self, *vectors: MatrixLetter) -> Expr:
        """The share of some vectors: bias for the true coefficients, variance for the noise of the labels."""
        known = {v for pair in self.parts for v in pair}
        for vector in vectors:
            if vector not in known:
                raise ParameterError(
                    f"{vector} does not contribute to the risk; it is due to {', '.join(sorted(v.name for v in known))}"
                )
        return sum((part for pair, part in self.parts.items() if set(pair) <= set(vectors)), S.Zero)


def excess_risk(estimator: MatrixExpr, truth: MatrixExpr, covariance: MatrixExpr | None = None) -> Risk:
    """Average the squared error on a fresh sample over the random vectors, given the features.

    Parameters
    ----------
    estimator : MatrixExpr
        Coefficients, linear in the random vectors, such as :func:`ridge` returns.
    truth : MatrixExpr
        The true coefficients w; the label of the fresh sample has no noise.
    covariance : MatrixExpr, optional
        Covariance Sigma of the fresh sample, by default the identity.

    Returns
    -------
    Risk
        ``E[(x'estimator - x'truth)^2]``, x ~ N(0, Sigma), as traces of the features: its limit is that of the risk
        itself, which concentrates. Every part is a quantity for :func:`derive.limit`.

    Raises
    ------
    derive.errors.NotRationalError
        The estimator is not linear in the random vectors.

    Examples
    --------
    >>> from sympy import Identity, Symbol
    >>> from derive import Dataset, RandomVector, dimensions, excess_risk, ridge
    >>> n, d = dimensions("n d")
    >>> w = RandomVector("w", d, Identity(d)/d)
    >>> data = Dataset("1", n, w, noise=Symbol("s2"))
    >>> risk = excess_risk(ridge(data, penalty=Symbol("lambda")), w)
    >>> risk.due_to(w)
    lambda**2*Trace((lambda*I + 1/n*Z_1.T*Z_1)**(-2))/d
    """
    if estimator.shape != truth.shape:
        raise DimensionError(f"the estimator is {estimator.shape} and the true coefficients are {truth.shape}")
    error = estimator - truth
    return risk_product(error, error, covariance)


def risk_product(left: MatrixExpr, right: MatrixExpr, metric: MatrixExpr | None = None) -> Risk:
    """Average ``left' metric right`` over the random vectors: the covariance of two errors.

    Parameters
    ----------
    left, right : MatrixExpr
        Columns of one dimension, linear in random vectors and signals.
    metric : MatrixExpr, optional
        By default the identity.

    Examples
    --------
    >>> from sympy import Identity
    >>> from derive import Gaussian, RandomVector, dimensions
    >>> from derive.learning.risk import risk_product
    >>> n, d = dimensions("n d")
    >>> X, w = Gaussian("X", n, d), RandomVector("w", d, Identity(d)/d)
    >>> risk_product(X.T*X*w, w).total
    Trace(X.T*X)/d
    """
    dim = left.shape[0]
    if metric is not None and metric.shape != (dim, dim):
        raise DimensionError(
            f"the covariance {metric} is {metric.shape[0]} x {metric.shape[1]}, expected {dim} x {dim}"
        )
    one, other = linear_form(left), linear_form(right)
    parts: dict[tuple[MatrixLetter, MatrixLetter], Expr] = {}
    for u, a in one.items():
        for v, b in other.items():
            if isinstance(u, RandomVector) and u == v:
                parts[u, v] = _trace(u.covariance, a, metric, b)
            elif isinstance(u, Signal) and isinstance(v, Signal):
                parts[u, v] = _form(u, a, metric, b, v)
    return Risk(parts)


def _trace(covariance: MatrixExpr, a: Coefficient, metric: MatrixExpr | None, b: Coefficient) -> Expr:
    (c, A), (k, B) = a.scaled(), b.scaled()
    scalar, matrix = covariance.as_coeff_mmul() if isinstance(covariance, MatMul) else (S.One, covariance)
    return scalar * c * k * Trace(_times(matrix, A.T, metric, B))


def _form(u: Signal, a: Coefficient, metric: MatrixExpr | None, b: Coefficient, v: Signal) -> Expr:
    (c, A), (k, B) = a.scaled(), b.scaled()
    return c * k * Trace(_times(u.T, A.T, metric, B, v))


def _times(*factors: MatrixExpr | None) -> MatrixExpr:
    kept = [f for f in factors if f is not None and not isinstance(f, Identity)]
    if not kept:
        return next(f for f in factors if f is not None)
    return MatMul(*kept).doit()
