"""From means at several sizes to the value at infinite size: least squares in powers of 1/N.

A mean over trials at size N is ``a + b N^-k + ...`` plus noise of known standard error. The fit weighs the sizes by a
power law through their variances (weights taken from single noisy variances would bias the error of ``a`` down), then
propagates the measured variances themselves, with the number of degrees of freedom that few trials leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["Fit", "Sample", "extrapolate", "summarise"]


@dataclass(frozen=True)
class Sample:
    """Mean over trials at one size, with its standard error."""

    size: int
    trials: int
    mean: float
    error: float


@dataclass(frozen=True)
class Fit:
    """``mean(N) = limit + sum_j coefficients[j] * N^-exponents[j]``.

    Parameters
    ----------
    exponents : tuple of float
    limit : float
        The value at infinite size.
    error : float
        Its standard error, from the variances measured at each size.
    degrees : float
        Degrees of freedom of ``error`` (Welch and Satterthwaite).
    coefficients : tuple of float
    goodness : float
        Probability of residuals this large when the form of the fit is right; 1 when no size is left to tell.
    """

    exponents: tuple[float, ...]
    limit: float
    error: float
    degrees: float
    coefficients: tuple[float, ...]
    goodness: float

    def predict(self, size: float | np.ndarray) -> float | np.ndarray:
        """The fitted mean at a size; infinity is allowed."""
        return self.limit + sum(
            c * np.asarray(size, dtype=float) ** -k for c, k in zip(self.coefficients, self.exponents, strict=True)
        )


def summarise(size: int, values: np.ndarray) -> Sample:
    """Mean and standard error of one value per trial.

    Examples
    --------
    >>> import numpy as np
    >>> from verify.extrapolate import summarise
    >>> summarise(100, np.array([1.0, 2.0, 3.0]))
    Sample(size=100, trials=3, mean=2.0, error=0.5773502691896258)
    """
    values = np.asarray(values, dtype=float)
    count = values.shape[0]
    return Sample(size, count, float(values.mean()), float(values.std(ddof=1) / np.sqrt(count)))


def _floored_errors(samples: Sequence[Sample]) -> np.ndarray:
    """Standard errors; a quantity that does not fluctuate is still computed with rounding."""
    means = np.array([s.mean for s in samples])
    floor = 1e-12 * np.max(np.abs(means)) + np.finfo(float).tiny ** 0.5
    return np.maximum([s.error for s in samples], floor)


def _smooth_variances(sizes: np.ndarray, errors: np.ndarray) -> np.ndarray:
    slope, level = np.polyfit(np.log(sizes), 2 * np.log(errors), 1)
    return np.exp(level + slope * np.log(sizes))


def extrapolate(samples: Sequence[Sample], exponents: tuple[float, ...] = (1.0,)) -> Fit:
    """Fit ``a + sum_j b_j N^-k_j`` to means at several sizes.

    Parameters
    ----------
    samples : sequence of Sample
        At least one more size than there are exponents.
    exponents : tuple of float

    Returns
    -------
    Fit

    Examples
    --------
    >>> from verify.extrapolate import Sample, extrapolate
    >>> samples = [Sample(n, 64, 2 + 3 / n, 1e-3) for n in (100, 200, 400)]
    >>> fit = extrapolate(samples)
    >>> round(fit.limit, 9), round(fit.coefficients[0], 6), fit.goodness > 0.99
    (2.0, 3.0, True)
    """
    sizes = np.array([s.size for s in samples], dtype=float)
    means = np.array([s.mean for s in samples])
    variances = _floored_errors(samples) ** 2
    freedom = np.array([s.trials - 1 for s in samples], dtype=float)
    unit = sizes.max()  # sizes relative to the largest keep the design matrix well scaled
    design = np.column_stack([np.ones_like(sizes), *[(sizes / unit) ** -k for k in exponents]])
    root = 1 / np.sqrt(_smooth_variances(sizes, np.sqrt(variances)))
    solution = np.linalg.pinv(design * root[:, None]) * root
    estimate = solution @ means
    parts = solution[0] ** 2 * variances
    error = float(np.sqrt(parts.sum()))
    degrees = float(parts.sum() ** 2 / np.sum(parts**2 / freedom))
    coefficients = tuple(float(b * unit**k) for b, k in zip(estimate[1:], exponents, strict=True))
    goodness = _goodness(design, means, variances, freedom)
    return Fit(tuple(exponents), float(estimate[0]), error, degrees, coefficients, goodness)


def _goodness(design: np.ndarray, means: np.ndarray, variances: np.ndarray, freedom: np.ndarray) -> float:
    """p-value of the contrasts that the fit leaves no room for.

    Hotelling's statistic with estimated variances; its degrees of freedom as in K. Krishnamoorthy and J. Yu,
    Statistics and Probability Letters 66 (2004), the approximation of Nel and van der Merwe made invariant. With one
    contrast this is Welch's t-test.
    """
    sizes, parameters = design.shape
    left = sizes - parameters
    if left <= 0:
        return 1.0
    null = np.linalg.svd(design.T)[2][parameters:]
    contrast = null @ means
    covariance = (null * variances) @ null.T
    inverse = np.linalg.inv(covariance)
    # tr(V_i V^-1) of the rank-one contribution V_i of each size; its square's trace is its trace's square
    shares = variances * np.einsum("ji,jk,ki->i", null, inverse, null)
    degrees = left * (left + 1) / np.sum(2 * shares**2 / freedom)
    second = degrees - left + 1
    if second <= 0:
        return 1.0
    statistic = float(contrast @ inverse @ contrast) * second / (degrees * left)
    return float(stats.f.sf(statistic, left, second))
