"""Linearised random features: F = W X + T.

Source: B. Adlam and J. Pennington, arXiv:2008.06786, equations (S67) and (S68) of the supplement. X d x n of variance
1/d, W m x d of variance zeta/m, T of variance (eta - zeta)/m; phi = d/n, psi = d/m; K = (F'F + ridge)^-1,
tau_1 = tr K / n, tau_2 = tr X'X K / n.
"""

import numpy as np
from scipy.optimize import fsolve


def residuals(tau_1, tau_2, phi, psi, zeta, eta, ridge) -> tuple:
    """Left-hand sides of (S67) and (S68)."""
    gap = tau_2 - tau_1
    product = zeta * tau_1 * tau_2 * (ridge * tau_1 - 1)
    return (
        phi * (zeta * tau_2 * tau_1 + phi * gap) + product * psi,
        phi * gap * (zeta * gap + eta * tau_1) - product,
    )


def solve(phi: float, psi: float, zeta: float, eta: float, ridge: float) -> tuple[float, float]:
    """Follow the solution from a large ridge, where tau_1 = tau_2 = 1/ridge, down to the one asked for."""
    taus = np.array([1.0, 1.0]) / max(1e4, ridge)
    for step in np.geomspace(max(1e4, ridge), ridge, 400):
        # in units of 1/ridge, both unknowns are of order one along the whole path
        taus, _, ok, message = fsolve(
            lambda t, r=step: residuals(t[0] / r, t[1] / r, phi, psi, zeta, eta, r), taus * step, full_output=True
        )
        if ok != 1:
            raise ArithmeticError(message)
        taus = taus / step
    return float(taus[0]), float(taus[1])


# centred ReLU (zeta = 1/4, eta = 1/2 - 1/(2 pi)), d/n = 3/2, d/m = 4/5, ridge = 1/10
TAU_1 = 3.59896303862118
TAU_2 = 2.57980382150769
