"""Functionals of one eigenvalue or eigenvector: what a spike moves, as quantities a user writes.

``Eigenvalue(M, k)`` and ``Alignment(M, u, k)`` are scalars like ``Trace(M)/n``: :func:`derive.limit` takes their limit,
``verify`` simulates them on sampled matrices. Nothing here knows a limit. :class:`Agreement` is a statistic of an
estimator that is simulated only; what its limit is in terms of limits that are derived is declared beside it.
"""

from __future__ import annotations

from typing import Any

from sympy import Expr, Integer, MatrixExpr, sympify

from .errors import DimensionError, ParameterError
from .symbols import Labels, Signal

__all__ = ["Agreement", "Alignment", "Eigenvalue", "Eigenvector", "SpectralFunctional"]


class SpectralFunctional(Expr):
    """Base: ``args[0]`` is a self-adjoint matrix expression, ``args[-1]`` counts eigenvalues from the top."""

    is_commutative = True

    @property
    def matrix(self) -> MatrixExpr:
        return self.args[0]

    @property
    def index(self) -> int:
        """1 for the largest eigenvalue, 2 for the second, -1 for the smallest."""
        return int(self.args[-1])

    def doit(self, **hints: Any) -> Expr:
        return self


def _square(name: str, matrix: Any) -> MatrixExpr:
    if not isinstance(matrix, MatrixExpr):
        raise DimensionError(f"{name} takes a matrix expression first, got {matrix!r}")
    if matrix.rows != matrix.cols:
        raise DimensionError(
            f"{name}: {matrix} is {matrix.rows} x {matrix.cols} and has no eigenvalues; for the squared singular "
            f"values of a rectangular Y write {name}(Y*Y.T, ...)"
        )
    return matrix


def _index(name: str, index: Any) -> Integer:
    index = sympify(index)
    if not (isinstance(index, Integer) and index != 0):
        raise ParameterError(f"{name} counts eigenvalues 1, 2, ... from the top or -1, -2, ... from below, got {index}")
    return index


class Eigenvalue(SpectralFunctional):
    """The k-th largest eigenvalue of a self-adjoint random matrix.

    Parameters
    ----------
    matrix : MatrixExpr
        Square and equal to its adjoint, e.g. ``W + theta*u*u.T`` or ``Y*Y.T``.
    index : int, optional
        1 (default) is the largest, 2 the next one, -1 the smallest.

    Notes
    -----
    Its limit is the location of an outlier where there is one, and the edge of the bulk otherwise.

    Examples
    --------
    >>> from derive import Eigenvalue, Signal, Wigner, dimensions
    >>> n = dimensions("n")
    >>> W, u = Wigner("W", n, variance=1/n), Signal("u", n, norm2=1)
    >>> Eigenvalue(W + 2*u*u.T)
    Eigenvalue(2*u*u.T + W, 1)
    """

    def __new__(cls, matrix: Any, index: Any = 1) -> Eigenvalue:
        return Expr.__new__(cls, _square("Eigenvalue", matrix), _index("Eigenvalue", index))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        k = self.index
        name = rf"\lambda_{{{k}}}" if k > 0 else r"\lambda_{\min}" if k == -1 else rf"\lambda_{{\min,{-k}}}"
        body = rf"{name}\left({printer._print(self.matrix)}\right)"
        return body if exp is None else rf"{body}^{{{exp}}}"


class Alignment(SpectralFunctional):
    """The squared alignment ``<u, v_k>^2 / |u|^2`` of a signal with the eigenvector of the k-th largest eigenvalue.

    Parameters
    ----------
    matrix : MatrixExpr
        Square and equal to its adjoint.
    signal : Signal
        A vector of the space on which the matrix acts.
    index : int, optional
        Counts eigenvalues as in :class:`Eigenvalue`.

    Notes
    -----
    Between 0 and 1; 0 in the limit where the eigenvalue is not an outlier.

    Examples
    --------
    >>> from derive import Alignment, Signal, Wigner, dimensions
    >>> n = dimensions("n")
    >>> W, u = Wigner("W", n, variance=1/n), Signal("u", n, norm2=1)
    >>> Alignment(W + 2*u*u.T, u)
    Alignment(2*u*u.T + W, u, 1)
    """

    def __new__(cls, matrix: Any, signal: Any, index: Any = 1) -> Alignment:
        matrix = _square("Alignment", matrix)
        if not isinstance(signal, Signal):
            raise ParameterError(f"Alignment takes a Signal second, got {signal!r}; declare it by Signal('u', dim)")
        if signal.shape[0] != matrix.rows:
            raise DimensionError(
                f"Alignment: {signal.name} has dimension {signal.shape[0]} and {matrix} acts on dimension {matrix.rows}"
            )
        return Expr.__new__(cls, matrix, signal, _index("Alignment", index))

    @property
    def signal(self) -> Signal:
        return self.args[1]

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        k = self.index
        vector = rf"\hat v_{{{k}}}" if k > 0 else rf"\hat v_{{\min,{-k}}}"
        u = printer._print(self.signal)
        body = rf"\frac{{\langle {u}, {vector}({printer._print(self.matrix)})\rangle^2}}{{\|{u}\|^2}}"
        return body if exp is None else rf"\left({body}\right)^{{{exp}}}"


class Eigenvector(MatrixExpr):
    """The unit eigenvector of the k-th largest eigenvalue, of either sign: what an :class:`Agreement` is counted with.

    Examples
    --------
    >>> from derive import Eigenvector, Wigner, dimensions
    >>> n = dimensions("n")
    >>> Eigenvector(Wigner("W", n, variance=1/n)).shape
    (n, 1)
    """

    def __new__(cls, matrix: Any, index: Any = 1) -> Eigenvector:
        return MatrixExpr.__new__(cls, _square("Eigenvector", matrix), _index("Eigenvector", index))

    @property
    def matrix(self) -> MatrixExpr:
        return self.args[0]

    @property
    def index(self) -> int:
        """As of :class:`Eigenvalue`."""
        return int(self.args[1])

    @property
    def shape(self) -> tuple[Expr, Expr]:
        return self.matrix.rows, Integer(1)


class Agreement(Expr):
    """The fraction of entries in which an estimate has the sign of the labels, or its mirror image has.

    Parameters
    ----------
    labels : Labels
    estimate : MatrixExpr
        A vector of the same dimension, of either sign: a singular vector of :func:`derive.best_rank_one`, or an
        :class:`Eigenvector`.

    Notes
    -----
    Between 1/2 and 1. It is counted on samples and has no limit of its own: a check takes an observable, a formula in
    the limits, and with ``measured={"accuracy": Agreement(...)}`` compares it with this count instead of with the same
    formula of simulated quantities.

    Examples
    --------
    >>> from derive import Agreement, Eigenvector, Labels, Wigner, dimensions
    >>> n = dimensions("n")
    >>> y = Labels("y", n, norm2=1)
    >>> Agreement(y, Eigenvector(Wigner("W", n, variance=1/n) + 2*y*y.T)).labels
    y
    """

    is_commutative = True

    def __new__(cls, labels: Any, estimate: Any) -> Agreement:
        if not isinstance(labels, Labels):
            raise ParameterError(f"Agreement counts signs of labels, got {labels!r}; declare them by Labels('y', dim)")
        if getattr(estimate, "shape", None) != labels.shape:
            shape = getattr(estimate, "shape", "no shape")
            raise DimensionError(f"Agreement: {labels.name} has shape {labels.shape} and the estimate {shape}")
        return Expr.__new__(cls, labels, estimate)

    @property
    def labels(self) -> Labels:
        return self.args[0]

    @property
    def estimate(self) -> MatrixExpr:
        return self.args[1]

    def doit(self, **hints: Any) -> Expr:
        return self
