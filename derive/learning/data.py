"""Data: features from a Gaussian population, labels from a linear model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sympy import Expr, MatAdd, MatrixExpr, Rational, S, Symbol, sympify
from sympy.matrices.expressions import Identity

from ..errors import DimensionError, ParameterError
from ..symbols import Deterministic, Gaussian
from .vectors import RandomVector

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Independent samples ``x ~ N(0, Sigma)`` with labels ``y = x'w + noise``.

    Parameters
    ----------
    name : str
        Distinguishes its letters: features ``Z_name``, noise ``epsilon_name``. Data that two estimators share are one
        Dataset; fresh data get a new name.
    size : Symbol
        Number of samples, a dimension.
    target : MatrixExpr
        The coefficients w of the labels, a column: a :class:`RandomVector`, a :class:`derive.Signal`, a sum of them,
        or an estimator (labels made by another model).
    covariance : Deterministic, optional
        Covariance Sigma of the features, declared ``positive=True``; by default the identity.
    noise : Expr, optional
        Variance of the label noise, by default 0.
    weight : Expr, optional
        Weight of each sample in the loss, by default 1.

    Examples
    --------
    >>> from sympy import Identity, Symbol
    >>> from derive import Dataset, Deterministic, RandomVector, dimensions
    >>> n, d = dimensions("n d")
    >>> Sigma = Deterministic("Sigma", d, d, positive=True)
    >>> w = RandomVector("w", d, Identity(d)/d)
    >>> data = Dataset("1", n, w, Sigma, noise=Symbol("sigma")**2)
    >>> data.X, data.y
    (Z_1*Sigma**(1/2), Z_1*Sigma**(1/2)*w + epsilon_1)
    >>> data.epsilon.covariance
    sigma**2*I
    """

    name: str
    size: Symbol
    target: MatrixExpr
    covariance: Deterministic | None = None
    noise: Expr = S.Zero
    weight: Expr = S.One

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", sympify(self.noise))
        object.__setattr__(self, "weight", sympify(self.weight))
        shape = getattr(self.target, "shape", None)
        if shape is None or shape[1] != 1:
            raise DimensionError(
                f"Dataset {self.name}: the target is the column of coefficients w of the labels X*w, got {self.target}"
            )
        for what, value in (("variance of the noise", self.noise), ("weight", self.weight)):
            if value.is_extended_negative:
                raise ParameterError(f"Dataset {self.name}: the {what} is {value}; it must not be negative")
        if self.covariance is None:
            return
        if not isinstance(self.covariance, Deterministic) or not self.covariance.is_positive_matrix:
            raise ParameterError(
                f"Dataset {self.name}: the covariance {self.covariance} must be a Deterministic matrix declared "
                "positive=True; leave it out for independent features of variance 1"
            )
        if self.covariance.shape[0] != shape[0]:
            raise DimensionError(
                f"Dataset {self.name}: the covariance {self.covariance} acts on dimension {self.covariance.shape[0]} "
                f"and the target has dimension {shape[0]}"
            )

    @property
    def dim(self) -> Expr:
        """Number of features."""
        return self.target.shape[0]

    @cached_property
    def Z(self) -> Gaussian:
        """Independent standard Gaussian entries, one row per sample."""
        return Gaussian(f"Z_{self.name}", self.size, self.dim)

    @property
    def X(self) -> MatrixExpr:
        """The features, one row per sample."""
        return self.Z if self.covariance is None else self.Z * self.covariance ** Rational(1, 2)

    @cached_property
    def epsilon(self) -> RandomVector:
        """The noise of the labels."""
        return RandomVector(f"epsilon_{self.name}", self.size, self.noise * Identity(self.size))

    @property
    def y(self) -> MatrixExpr:
        """The labels."""
        signal = self.X * self.target
        return signal if self.noise == 0 else MatAdd(signal, self.epsilon)
