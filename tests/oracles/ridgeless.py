"""Ridgeless limits and optimal parameters of ridge regression, with their sources. Imports nothing of the engine.

Normalisation: features of variance 1, samples n, dimension d with d/n -> phi, m/d -> gamma, psi = gamma*phi; the share
p2 of the samples is synthetic. B in units of r^2, V of sigma^2, zeta of c^2.
"""

from __future__ import annotations

__all__ = ["BEST_WEIGHT", "isotropic", "optimal_ridge", "projected"]


def isotropic(phi: float, p2: float) -> dict[str, float]:
    """Strong model collapse (Dohmatob, Feng, Subramonian, Kempe, 2024), corollary for isotropic covariance."""
    p1 = 1 - p2
    if phi < 1:
        return {"B": 0.0, "V": phi / (1 - phi), "zeta": p2 * (p2 + p1 * phi / (1 - phi))}
    return {"B": 1 - 1 / phi, "V": 1 / (phi - 1), "zeta": p2 * (phi - p2) / (phi * (phi - 1))}


def projected(phi: float, gamma: float, p2: float) -> dict[str, float]:
    """The same paper, random projections of size m: three regimes."""
    p1, psi = 1 - p2, gamma * phi
    if psi < min(1, phi):
        zeta = (p2 * psi + p2**2 * gamma * (1 - 2 * psi)) / (1 - psi)
        return {"B": (1 - gamma) / (1 - psi), "V": psi / (1 - psi), "zeta": zeta}
    if phi < min(1, psi):
        return {"B": 0.0, "V": phi / (1 - phi), "zeta": p2 * (p2 + p1 * phi / (1 - phi))}
    u = 1 / (phi - 1) + 1 / (psi - 1)
    return {"B": gamma * (phi - 1) / (psi - 1), "V": u, "zeta": p2 * (phi - p2) / phi * u}


def optimal_ridge(phi: float, sigma2: float, r2: float) -> float:
    """Dobriban and Wager, Ann. Statist. 46 (2018): lambda* = sigma^2 phi / r^2 for isotropic features."""
    return sigma2 * phi / r2


# (phi, p2) -> weight of the synthetic samples that is best for sigma = c = 1, lambda -> 0; minimised numerically from
# the closed formulas of the paper above, good to eight digits
BEST_WEIGHT = {
    (0.01, 0.5): 0.01888851058,
    (0.05, 0.5): 0.07846667629,
    (0.1, 0.2): 0.06175797222,
    (0.5, 0.3): 0.1858801763,
}
