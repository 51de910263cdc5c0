"""Sample covariance with correlated features: Silverstein's equation and the effective regularisation.

Sources: J. Silverstein, J. Multivariate Anal. 55 (1995); J. Silverstein and S. Choi, ibid. 54 (1995) for gaps. Features
have covariance with eigenvalues ``atoms`` of given ``weights``; c (or f) is features per sample.
"""

import numpy as np
from scipy.optimize import brentq


def kappa(ridge: float, f: float, atoms, weights) -> float:
    """The root of kappa = ridge + kappa f E[s / (s + kappa)] above the ridge."""
    s, w = np.asarray(atoms, float), np.asarray(weights, float)

    def gap(k: float) -> float:
        return k - ridge - k * f * float(np.sum(w * s / (s + k)))

    return brentq(gap, ridge, ridge + f * float(np.sum(w * s)) + 1, xtol=1e-15, rtol=1e-15)


def scaled_resolvent(ridge: float, f: float, atoms, weights) -> float:
    """ridge tr (X'X + ridge)^-1 / d = kappa E[1 / (s + kappa)]."""
    s, w, k = np.asarray(atoms, float), np.asarray(weights, float), kappa(ridge, f, atoms, weights)
    return k * float(np.sum(w / (s + k)))


def companion(z: complex, c: float, atoms, weights) -> complex:
    """The companion transform: the right root of z = -1/u + c E[s / (1 + s u)].

    Off the real axis, the only root with Im u > 0. On it, outside the bulk, the root where dz/du > 0.
    """
    s, w = np.asarray(atoms, float), np.asarray(weights, float)
    # a polynomial in u: (z u + 1) prod(1 + s u) - c u sum_i w_i s_i prod_{j != i}(1 + s_j u); prod(1 + s u) has
    # the roots -1/s, scaled by prod(s)
    total = np.polymul([z, 1.0], np.prod(s) * np.poly(-1 / s))
    for i in range(len(s)):
        others = np.delete(s, i)
        total = np.polysub(total, np.polymul([c * w[i] * s[i], 0.0], np.prod(others) * np.poly(-1 / others)))
    roots = np.roots(total)
    if np.imag(z) != 0:
        return max(roots, key=lambda u: u.imag * np.sign(np.imag(z)))
    slope = [1 / u**2 - c * np.sum(w * s**2 / (1 + s * u) ** 2) for u in roots]
    right = [u.real for u, d in zip(roots, slope, strict=True) if abs(u.imag) < 1e-9 * abs(u) and d.real > 0]
    if len(right) != 1:
        raise ValueError(f"z = {z} is inside the bulk")
    return right[0]


def stieltjes(z: complex, c: float, atoms, weights) -> complex:
    """m(z) of ``(X X' - z)^-1``: -E[1 / (1 + s u)] / z."""
    s, w, u = np.asarray(atoms, float), np.asarray(weights, float), companion(z, c, atoms, weights)
    return complex(-np.sum(w / (1 + s * u)) / z)


def weighted(z: complex, c: float, atoms, weights) -> complex:
    """tr Sigma (X X' - z)^-1 / p = -E[s / (1 + s u)] / z."""
    s, w, u = np.asarray(atoms, float), np.asarray(weights, float), companion(z, c, atoms, weights)
    return complex(-np.sum(w * s / (1 + s * u)) / z)


# Sigma half {1, 4}, f = 1/2, ridge = 3/10
KAPPA = 0.491953192130034
SCALED_RESOLVENT = 0.219628228047774
