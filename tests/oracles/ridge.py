"""Ridge regression in high dimensions: bias and variance.

Sources: T. Hastie et al., Ann. Stat. 50 (2022); E. Dohmatob et al., arXiv:2410.04840, theorem for one source. The data
are n samples with covariance of eigenvalues ``sigma`` (weights ``w``), f = d/n, estimator (X'X/n + ridge)^-1 X'y/n.
``theta`` holds, atom by atom, d times the prior covariance of the true signal.
"""

import numpy as np

from tests.oracles.sample_covariance import kappa


def _df2(k: float, sigma, w) -> float:
    return float(np.sum(w * sigma**2 / (sigma + k) ** 2))


def bias(ridge: float, f: float, sigma, theta, w) -> float:
    """kappa^2 E[theta sigma / (sigma + kappa)^2] / (1 - f df2)."""
    sigma, theta, w = (np.asarray(x, float) for x in (sigma, theta, w))
    k = kappa(ridge, f, sigma, w)
    return k**2 * float(np.sum(w * theta * sigma / (sigma + k) ** 2)) / (1 - f * _df2(k, sigma, w))


def variance(ridge: float, f: float, noise: float, sigma, w) -> float:
    """noise f df2 / (1 - f df2)."""
    sigma, w = np.asarray(sigma, float), np.asarray(w, float)
    df2 = _df2(kappa(ridge, f, sigma, w), sigma, w)
    return noise * f * df2 / (1 - f * df2)


def unit_variance(ridge: float, f: float, sigma, w) -> float:
    """tr R (S Z'Z S) R Sigma / d with R = (I + S Z'Z S)^-1 and Z of variance 1/(n ridge): ridge df2 / (1 - f df2)."""
    return ridge * variance(ridge, f, 1.0, sigma, w) / f


# Sigma half {1, 4}, Theta half {2, 1} aligned, f = 1/2, ridge = 3/10
BIAS = 0.192495564841547
UNIT_VARIANCE = 0.270261549623839

# isotropic, d = 300, n = 600, ridge = 0.1, signal of squared norm 1, noise of standard deviation 0.5
ISOTROPIC_BIAS = 0.03452248382
ISOTROPIC_VARIANCE = 0.1422612419
