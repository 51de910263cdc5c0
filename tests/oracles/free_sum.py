"""Pastur's subordination for a deterministic matrix plus a Wigner matrix: m(z) = m_A(z + v m(z)).

Source: L. Pastur, Theor. Math. Phys. 10 (1972). Sign ``(A + W - z)^-1``, entries of W of variance v/n.
"""

import numpy as np


def stieltjes(z: complex, v: float, atoms, weights) -> complex:
    """The solution in the upper half-plane; real z (outside the bulk) as the limit from above."""
    a, w = np.asarray(atoms, float), np.asarray(weights, float)
    if np.imag(z) == 0:
        return complex(_newton(stieltjes(z + 1e-3j, v, a, w).real, z, v, a, w))
    m = -1 / complex(z)
    for _ in range(200_000):
        new = complex(np.sum(w / (a - z - v * m)))
        if abs(new - m) < 1e-15 * abs(new):
            return new
        m = (m + new) / 2
    raise ArithmeticError(f"no convergence at z = {z}")


def _newton(m: complex, z: complex, v: float, a, w) -> complex:
    for _ in range(100):
        r = 1 / (a - z - v * m)
        step = (np.sum(w * r) - m) / (1 - v * np.sum(w * r**2))
        m = m + step
        if abs(step) < 1e-15 * abs(m):
            return m
    raise ArithmeticError(f"no convergence at z = {z}")
