"""Estimators: matrix expressions in the features and labels of data sets."""

from __future__ import annotations

from sympy import Expr, MatAdd, MatrixExpr, sympify
from sympy.matrices.expressions import Identity

from ..errors import DimensionError, ParameterError
from .data import Dataset

__all__ = ["average", "least_squares", "ridge"]


def ridge(*data: Dataset, penalty: Expr, samples: Expr | None = None, features: MatrixExpr | None = None) -> MatrixExpr:
    """Return the ridge estimator of several data sets together.

    Parameters
    ----------
    *data : Dataset
        Their weights are those of their samples in the loss.
    penalty : Expr
        ``lambda`` in ``(1/n) sum of weight (x'w - y)^2 + lambda |w|^2``, positive.
    samples : Expr, optional
        ``n``; by default the number of all samples.
    features : MatrixExpr, optional
        ``S``, d x m: the model is ``x -> v'S'x``, and ``|v|^2`` is penalised. The estimator that is returned is
        ``w = S v``.

    Returns
    -------
    MatrixExpr
        The coefficients, a column of dimension d.

    Examples
    --------
    >>> from sympy import Identity, Symbol
    >>> from derive import Dataset, RandomVector, dimensions, ridge
    >>> n, d = dimensions("n d")
    >>> data = Dataset("1", n, RandomVector("w", d, Identity(d)/d))
    >>> ridge(data, penalty=Symbol("lambda"))
    1/n*(lambda*I + 1/n*Z_1.T*Z_1)**(-1)*Z_1.T*Z_1*w
    """
    gram, labels = _normal_equations(data, samples)
    penalty = sympify(penalty)
    if penalty.is_extended_nonpositive:
        raise ParameterError(f"the penalty of a ridge estimator must be positive, got {penalty}; see least_squares()")
    dim = data[0].dim
    if features is None:
        return (gram + penalty * Identity(dim)).I * labels
    if features.shape[0] != dim:
        raise DimensionError(f"the features {features} have {features.shape[0]} rows and the data dimension {dim}")
    inner = features.T * gram * features + penalty * Identity(features.shape[1])
    return features * inner.I * features.T * labels


def least_squares(*data: Dataset, minimum_norm: bool = False) -> MatrixExpr:
    """Return the least-squares estimator of several data sets together.

    Parameters
    ----------
    *data : Dataset
    minimum_norm : bool, optional
        False (default): there are more samples than features. True: there are fewer, and of all coefficients that
        interpolate the labels those of least norm are taken; one data set only.

    Returns
    -------
    MatrixExpr
        The coefficients, a column.

    Examples
    --------
    >>> from sympy import Identity
    >>> from derive import Dataset, RandomVector, dimensions, least_squares
    >>> n, d = dimensions("n d")
    >>> data = Dataset("1", n, RandomVector("w", d, Identity(d)/d))
    >>> least_squares(data, minimum_norm=True)
    Z_1.T*(Z_1*Z_1.T)**(-1)*Z_1*w
    """
    if not minimum_norm:
        gram, labels = _normal_equations(data, None)
        return gram.I * labels
    if len(data) != 1:
        raise ParameterError(f"least_squares(minimum_norm=True) takes one data set, got {len(data)}")
    X = data[0].X
    return X.T * (X * X.T).I * data[0].y


def average(*estimators: MatrixExpr) -> MatrixExpr:
    """Return the average of estimators, for example of those on disjoint subsets of the data.

    Examples
    --------
    >>> from sympy import Identity
    >>> from derive import RandomVector, average, dimensions
    >>> d = dimensions("d")
    >>> average(*(RandomVector(f"w_{k}", d, Identity(d)/d) for k in (1, 2)))
    (1/2)*w_1 + (1/2)*w_2
    """
    if not estimators:
        raise ParameterError("average() was given no estimator")
    shapes = {e.shape for e in estimators}
    if len(shapes) > 1:
        raise DimensionError(
            f"average() of estimators of different shapes: {', '.join(map(str, sorted(shapes, key=str)))}"
        )
    return MatAdd(*estimators) / len(estimators)


def _normal_equations(data: tuple[Dataset, ...], samples: Expr | None) -> tuple[MatrixExpr, MatrixExpr]:
    """Weighted Gram matrix and ``X'y``, both divided by the number of samples."""
    if not data:
        raise ParameterError("an estimator needs data: give it one Dataset or more")
    for other in data[1:]:
        if other.dim != data[0].dim:
            raise DimensionError(
                f"Dataset {data[0].name} has {data[0].dim} features and Dataset {other.name} has {other.dim}"
            )
    if len({s.name for s in data}) < len(data):
        raise ParameterError(
            f"two data sets of one estimator are both called {data[0].name}; fresh data get a new name"
        )
    n = sum(s.size for s in data) if samples is None else samples
    grams = [s.weight / n * s.X.T * s.X for s in data]
    labels = [s.weight / n * s.X.T * s.y for s in data]
    return (grams[0], labels[0]) if len(data) == 1 else (MatAdd(*grams), MatAdd(*labels))
