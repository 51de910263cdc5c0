"""Ridge regression on mixed data and chains of generations: published formulas and reference numbers.

Sources: E. Dohmatob, Y. Feng, A. Subramonian and J. Kempe, Strong model collapse, arXiv:2410.04840 (B4.1 to B4.5 of
``theorems/regression.md``); E. Dohmatob, Y. Feng and J. Kempe, Model collapse demystified, arXiv:2402.07712 (C1).
Covariances are atoms ``sigma`` with weights ``w``, d times the covariances of the coefficients are ``gamma`` and
``delta``, atom by atom; phi = d/n. Nothing of the engine is used.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq


def _mean(w, x) -> float:
    return float(np.sum(w * x))


def _sum(bias: float, variance: float, zeta: float) -> dict[str, float]:
    return {"bias": bias, "variance": variance, "zeta": zeta, "test_error": bias + variance + zeta}


# ---- B4.1: common covariance -------------------------------------------------------------------------------------
def classical(
    phi: float, p2: float, ridge: float, noise: tuple[float, float], sigma, gamma, delta, w
) -> dict[str, float]:
    """kappa - ridge = phi kappa df1; u = phi df2/(1 - phi df2); noise holds the two standard deviations."""
    s, g, e, w = (np.asarray(x, float) for x in (sigma, gamma, delta, w))
    top = ridge + phi * _mean(w, s)
    k = brentq(lambda k: k - ridge - phi * k * _mean(w, s / (s + k)), ridge, top + 1, xtol=1e-16, rtol=1e-15)
    df2 = phi * _mean(w, s**2 / (s + k) ** 2)
    u, p1 = df2 / (1 - df2), 1 - p2
    variance = (p1 * noise[0] ** 2 + p2 * noise[1] ** 2) * u
    bias = (1 + u) * k**2 * _mean(w, g * s / (s + k) ** 2)
    zeta = p2 * _mean(w, e * s * ((p2 + p1 * u) * s**2 + 2 * p1 * u * k * s + u * k**2) / (s + k) ** 2)
    return _sum(bias, variance, zeta)


# B4.1, row: isotropic, d = 300, n = (480, 120), ridge 0.1, r2 = 1, c2 = 0.5, both noises 0.5
CLASSICAL = (0.03452248382, 0.1422612419, 0.06028078799, 0.2370645137)


def ridgeless(phi: float, p2: float, r2: float, c2: float, noise2: float) -> dict[str, float]:
    """B4.3: isotropic features, ridge -> 0."""
    if phi < 1:
        return _sum(0.0, noise2 * phi / (1 - phi), c2 * p2 * (p2 + (1 - p2) * phi / (1 - phi)))
    return _sum(r2 * (1 - 1 / phi), noise2 / (phi - 1), c2 * p2 * (phi - p2) / (phi * (phi - 1)))


# B4.3: (phi, p2, r2, c2, noise2) -> variance, zeta, test error (phi < 1, no bias)
RIDGELESS = {(0.5, 0.1, 1, 1, 1): (1.0, 0.1, 1.1)}


# ---- B4.2: two covariances, a third one for the test, sample weights ------------------------------------------------
def weighted(phi: float, shares, weights, ridge: float, noise, sigma1, sigma2, sigma, gamma, delta) -> dict[str, float]:
    """Matrices that stand for themselves (x) a growing identity: they need not commute.

    K = sum p_k h_k Sigma_k + ridge, h_k = 1/(1/weight_k + phi tr Sigma_k K^-1), u_k = h_k^2 phi tr Sigma_k [RSR] with
    [RSR] = K^-1 (Sigma + p_1 u_1 Sigma_1 + p_2 u_2 Sigma_2) K^-1; traces normalised.
    """
    s = [np.asarray(m, float) for m in (sigma1, sigma2)]
    sigma, gamma, delta = (np.asarray(m, float) for m in (sigma, gamma, delta))
    p, omega = np.asarray(shares, float), np.asarray(weights, float)
    size = len(sigma)

    def tr(m) -> float:
        return float(np.trace(m)) / size

    h = omega.copy()
    for _ in range(100_000):
        k = np.linalg.inv(p[0] * h[0] * s[0] + p[1] * h[1] * s[1] + ridge * np.eye(size))
        new = np.array([1 / (1 / w + phi * tr(m @ k)) for w, m in zip(omega, s, strict=True)])
        if np.max(np.abs(new - h)) < 1e-16:
            break
        h = new
    linear = np.array([[h[i] ** 2 * phi * p[j] * tr(s[i] @ k @ s[j] @ k) for j in (0, 1)] for i in (0, 1)])
    u = np.linalg.solve(np.eye(2) - linear, [h[i] ** 2 * phi * tr(s[i] @ k @ sigma @ k) for i in (0, 1)])
    rsr = k @ (sigma + p[0] * u[0] * s[0] + p[1] * u[1] * s[1]) @ k
    variance = float(np.sum(p * u * np.square(noise)))
    inner = p[1] * u[1] * s[1] + (p[1] * h[1]) ** 2 * s[1] @ rsr @ s[1] - 2 * p[1] ** 2 * h[1] * u[1] * s[1] @ k @ s[1]
    return _sum(ridge**2 * tr(gamma @ rsr), variance, tr(delta @ inner))


# B4.2, row: d = 300, n = (300, 300), ridge 0.1, weights 1, Sigma_1 = 2 then 0.5, Sigma_2 = 0.5 then 1.5, Sigma =
# linspace(0.5, 1.5), Gamma = 1, Delta = 0.8, noises 0.5 and 0.3
WEIGHTED = (0.03078672574, 0.08748880747, 0.3096120501, 0.4278875834)


# ---- B4.4: random projections -------------------------------------------------------------------------------------
def projections(
    phi: float, psi: float, p2: float, ridge: float, noise: tuple[float, float], sigma, gamma, delta, w
) -> dict[str, float]:
    """kappa (1 - phi df1)(1 - df1/gamma) = ridge/gamma, gamma = psi/phi = m/d, where phi df1 < min(1, psi)."""
    s, g, e, w = (np.asarray(x, float) for x in (sigma, gamma, delta, w))
    features = psi / phi

    def df(j: int, k: float) -> float:
        return _mean(w, (s / (s + k)) ** j)

    lowest = 0.0
    if phi > min(1.0, psi):
        lowest = brentq(lambda k: phi * df(1, k) - min(1.0, psi), 1e-14, 1e6, xtol=1e-16, rtol=1e-15)
    k = brentq(
        lambda k: k * (1 - phi * df(1, k)) * (1 - df(1, k) / features) - ridge / features,
        lowest,
        1e6,
        xtol=1e-16,
        rtol=1e-15,
    )
    df1, df2 = df(1, k), df(2, k)
    theta = (df1 - df2) / (features - df2)
    prime = k * theta
    a = phi * (df2 + theta * (df1 - df2))
    u, p1 = a / (1 - a), 1 - p2
    variance = (p1 * noise[0] ** 2 + p2 * noise[1] ** 2) * u
    bias = (1 + u) * _mean(w, g * (k**2 * s + prime * s**2) / (s + k) ** 2)
    zeta = p2 * u * _mean(w, e * s) + p2**2 * (1 + u) * _mean(w, e * s**2 * (s + prime) / (s + k) ** 2)
    return _sum(bias, variance, zeta - 2 * p2**2 * u * _mean(w, e * s**2 / (s + k)))


# B4.4, row: isotropic, d = 300, n = (400, 100), m = 150, ridge 0.05, r2 = 1, c2 = 0.5, both noises 0.5
PROJECTIONS = (0.6711920565, 0.07905673814, 0.03653168911, 0.7867804837)


def ridgeless_projections(phi: float, gamma: float, p2: float, r2: float, c2: float, noise2: float) -> dict[str, float]:
    """B4.5: isotropic features, ridge -> 0; gamma = m/d."""
    psi = gamma * phi
    if psi < min(1.0, phi):
        u = psi / (1 - psi)
        zeta = (p2 * psi + p2**2 * gamma * (1 - 2 * psi)) / (1 - psi)
        return _sum(r2 * (1 - gamma) / (1 - psi), noise2 * u, c2 * zeta)
    if phi < min(1.0, psi):
        return _sum(0.0, noise2 * phi / (1 - phi), c2 * p2 * (p2 + (1 - p2) * phi / (1 - phi)))
    u = 1 / (phi - 1) + 1 / (psi - 1)
    return _sum(r2 * gamma * (phi - 1) / (psi - 1), noise2 * u, c2 * p2 * (phi - p2) / phi * u)


# B4.5: (phi, gamma, p2) with r2 = c2 = noise2 = 1 -> variance, zeta
RIDGELESS_PROJECTIONS = {(0.5, 0.5, 0.25): (0.3333333333, 0.1041666667), (0.75, 500 / 300, 0.5): (3.0, 1.0)}
# B4.bias: phi = 2, gamma = 3/2, p2 = 1/3, r2 = c2 = noise2 = 1 -> test error
RIDGELESS_PROJECTIONS_ERROR = 2.666666667


# ---- B4.3: weighted and iterative mixing ---------------------------------------------------------------------------
def mixing_weight(phi: float, p2: float, noise2: float, c2: float) -> float:
    """The best weight of the synthetic samples for small phi."""
    p1 = 1 - p2
    return (1 / p1) / (1 / p1 + 1 / p2 + c2 / (noise2 * phi))


# (phi, p2) with noise2 = c2 = 1 -> the best weight, for any phi
MIXING_WEIGHTS = {
    (0.01, 0.5): 0.01888851058,
    (0.05, 0.5): 0.07846667629,
    (0.1, 0.2): 0.06175797222,
    (0.5, 0.3): 0.1858801763,
}


def kept(phi: float, p2: float) -> float:
    """rho = p2^2 + p1 p2 phi/(1 - phi), isotropic features, ridge 0."""
    return p2**2 + (1 - p2) * p2 * phi / (1 - phi)


def mixed(rounds: int, phi: float, p2: float, noise2: float, c2: float) -> float:
    """All samples fresh: E -> rho E + noise2 phi/(1 - phi)."""
    error = c2
    for _ in range(rounds):
        error = kept(phi, p2) * error + noise2 * phi / (1 - phi)
    return error


def mixed_at_last(phi: float, p2: float, noise2: float) -> float:
    return noise2 * phi / (1 - phi) / (1 - kept(phi, p2))


def real_only(phi: float, p2: float, noise2: float) -> float:
    ratio = phi / (1 - p2)
    return noise2 * ratio / (1 - ratio)


class Reused:
    """The same real half in every round: second moments given it, as functions of the eigenvalues s of M_1.

    M_1 ~ p1 MP(phi/p1), K = M_1 + p2 e, e = 1/(1 + phi E K^-1), u[A] = e^2 phi E[A/K^2]/(1 - p2 e^2 phi E K^-2).
    """

    def __init__(self, phi: float, p2: float):
        self.phi, self.p2, self.ratio = phi, p2, phi / (1 - p2)
        angle = (np.arange(2000) + 0.5) * np.pi / 2000
        x = 1 + self.ratio + 2 * np.sqrt(self.ratio) * np.cos(angle)
        self.s, self.w = (1 - p2) * x, 2 * np.sin(angle) ** 2 / x / 2000
        self.e = brentq(lambda e: e * (1 + phi * _mean(self.w, 1 / (self.s + p2 * e))) - 1, 1e-9, 1.0, xtol=1e-16)
        self.k = self.s + p2 * self.e

    def mean(self, moment) -> float:
        return _mean(self.w, moment)

    def _u(self, a) -> float:
        gain = self.e**2 * self.phi
        return gain * self.mean(a / self.k**2) / (1 - self.p2 * gain * self.mean(1 / self.k**2))

    def next(self, c, noise2: float):
        """C <- C - 2 M_1 C/K + (M_1^2 C + p2 u[M_1^2 C])/K^2 + noise2 phi (1/K - (M_1 + p2 u[M_1])/K^2)."""
        s, k = self.s, self.k
        old = c - 2 * s * c / k + (s**2 * c + self.p2 * self._u(s**2 * c)) / k**2
        return old + noise2 * self.phi * (1 / k - (s + self.p2 * self._u(s)) / k**2)

    def at_last(self, noise2: float) -> float:
        c = np.zeros_like(self.s)
        for _ in range(200):
            c = self.next(c, noise2)
        return noise2 * self.ratio / (1 - self.ratio) + self.mean(c)


# (phi, p2) with noise2 = 1 -> the last error with all samples fresh, with the real half reused, with the real half only
ITERATED = {(0.05, 0.5): (0.07142857143, 0.1485800921, 0.1111111111), (0.02, 0.5): (0.02739726027, None, None)}


# ---- C1: chains of generations -------------------------------------------------------------------------------------
def generations(
    count: float, phi: float, phi0: float, ridge: float, noise: float, noise0: float, sigma, gamma, w
) -> dict[str, float]:
    """C1.2: bias and variance of B4.1, and count noise0^2 (df2 + u kappa^2 tr (Sigma + kappa)^-2)/(T0 - d)."""
    s, w = np.asarray(sigma, float), np.asarray(w, float)
    clean = classical(phi, 0.0, ridge, (noise, noise), sigma, gamma, np.zeros_like(s), w)
    k = brentq(lambda k: k - ridge - phi * k * _mean(w, s / (s + k)), ridge, ridge + phi * _mean(w, s) + 1, xtol=1e-16)
    df2 = _mean(w, s**2 / (s + k) ** 2)
    u = phi * df2 / (1 - phi * df2)
    rho = (df2 + u * k**2 * _mean(w, 1 / (s + k) ** 2)) / (1 / phi0 - 1)
    collapse = count * noise0**2 * rho
    bias, variance = clean["bias"], clean["variance"]
    return {"bias": bias, "variance": variance, "collapse": collapse, "test_error": bias + variance + collapse}


def least_squares(count: int, dims: tuple[int, int, int], noise: float, noise0: float) -> float:
    """C1.1, exact at finite size: noise^2 d/(T - d - 1) + count noise0^2 d/(T0 - d - 1); dims = (d, T, T0)."""
    d, t, t0 = dims
    return noise**2 * d / (t - d - 1) + count * noise0**2 * d / (t0 - d - 1)


# C1.1: (generations, (d, T, T0)), noise = 0.5, noise0 = 0.3 -> test error
LEAST_SQUARES = {
    (0, (200, 400, 600)): 0.2512562814,
    (3, (200, 400, 600)): 0.3865946273,
    (10, (200, 400, 600)): 0.702384101,
    (5, (200, 800, 400)): 0.5357337606,
}


def interpolated(count: int, eta: float, r2: float, noise0: float) -> float:
    """C1.3: (1 - eta^count)(r2 + noise0^2 eta/(1 - eta)^2) in the printed form."""
    power = eta**count
    return (1 - power) * r2 + noise0**2 * eta / (1 - eta) * (1 - power) / (1 - eta)
