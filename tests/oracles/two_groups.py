"""Two sources with different covariances.

Source: E. Dohmatob et al., Strong model collapse, arXiv:2410.04840 (deterministic equivalent of the two-source
resolvent). M = M_1 + M_2, M_k = X_k'X_k/n with p_k n rows of covariance Sigma_k, f = d/n;
e_k = 1 / (1 + tr Sigma_k K^-1 / n), K = p_1 e_1 Sigma_1 + p_2 e_2 Sigma_2 + ridge.
"""

import numpy as np


def resolvent(p, f: float, ridge: float, sigma1, sigma2, w) -> float:
    """tr (M + ridge)^-1 / d for covariances that commute: aligned atoms of weights ``w``."""
    s, w = np.array([sigma1, sigma2], float), np.asarray(w, float)
    e = np.ones(2)
    for _ in range(100_000):
        k = ridge + p[0] * e[0] * s[0] + p[1] * e[1] * s[1]
        new = 1 / (1 + f * np.sum(w * s / k, axis=1))
        if np.max(np.abs(new - e)) < 1e-16:
            break
        e = new
    return float(np.sum(w / k))


def resolvent_of_matrices(p, f: float, ridge: float, sigma1, sigma2) -> float:
    """The same for any two small matrices, each standing for itself (x) a growing identity: they need not commute."""
    s = [np.asarray(sigma1, float), np.asarray(sigma2, float)]
    size = len(s[0])
    e = np.ones(2)
    for _ in range(100_000):
        k = np.linalg.inv(ridge * np.eye(size) + p[0] * e[0] * s[0] + p[1] * e[1] * s[1])
        new = np.array([1 / (1 + f * np.trace(m @ k) / size) for m in s])
        if np.max(np.abs(new - e)) < 1e-16:
            break
        e = new
    return float(np.trace(k)) / size


# p = (.4, .6), Sigma_1 half {1, 4}, Sigma_2 half {3, .5} aligned, f = 1/2, ridge = 3/10: ridge * resolvent
SCALED_RESOLVENT = 0.201324365654320
