"""Fuss-Catalan laws: squared singular values of a product of square Gaussian matrices of entry variance 1/n.

Source: K. A. Penson and K. Zyczkowski, Phys. Rev. E 83 (2011): the k-th moment of a product of s matrices is
``binom(s k + k, k) / (s k + 1)``, the generating function of the moments solves ``B(x) = 1 + x B(x)^(s + 1)``, and the
support is ``[0, (s + 1)^(s + 1) / s^s]``.
"""

from math import comb

import numpy as np


def moment(s: int, k: int) -> float:
    return comb(s * k + k, k) / (s * k + 1)


def edge(s: int) -> float:
    return (s + 1) ** (s + 1) / s**s


def resolvent(s: int, ridge: float) -> float:
    """The normalised trace of ``(J J' + ridge)^-1``, which is ``B(-1/ridge) / ridge``; B is positive there."""
    polynomial = np.zeros(s + 2)
    polynomial[[0, -2, -1]] = 1 / ridge, 1, -1
    roots = np.roots(polynomial)
    (positive,) = [r.real for r in roots if abs(r.imag) < 1e-12 and r.real > 0]
    return positive / ridge
