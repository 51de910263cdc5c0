"""Densities, edges, curves and functionals of classical spectral laws.

Sources: J. W. Silverstein and S.-I. Choi, J. Multivariate Anal. 54 (1995), for the generalised Marchenko-Pastur law
(edges are critical values of the inverse of the companion transform); A. Nica and R. Speicher, Duke Math. J. 92 (1998),
for the anticommutator; K. A. Penson and K. Zyczkowski, Phys. Rev. E 83 (2011), for the Fuss-Catalan densities; N. Rao
and A. Edelman, Found. Comput. Math. 8 (2008), for the curves of the polynomial method; L. Pastur, Theor. Math. Phys. 10
(1972), for the semicircle added to a law; R. Couillet and M. Debbah, Random Matrix Methods for Wireless Communications
(2011), for the log-determinant. Everything is in the convention m(z) = lim tr (M - z)^-1 / p.
"""

from math import log, pi, sqrt

import numpy as np
from sympy import Expr, Integer, Symbol, numer, together

# generalised Marchenko-Pastur, half of the population at 1 and half at 5, c = p/n = 1/2
TWO_ATOMS = ((0.124658778375258, 1.65937419573788), (1.67752738532051, 11.5384396405664))
TWO_ATOMS_DENSITY = {1: 0.280798726969, 5: 0.0647903802355}

ANTICOMMUTATOR_EDGE = sqrt((11 + 5 * sqrt(5)) / 2)
ANTICOMMUTATOR_DENSITY = {0: 1 / pi, 1: 0.192988333008231}

# semicircle of variance 1 added to half -2, a quarter -1, a quarter 1
THREE_ATOMS_DENSITY = {0: 0.1084243, 1: 0.1628496}

LOG_DETERMINANT_HALF = -0.306852819440055


def log_determinant(c: float) -> float:
    """E log x under Marchenko-Pastur, c < 1."""
    return -1 + (c - 1) / c * log(1 - c)


def two_atom_edges(c: float, points: list[float], weights: list[float]) -> list[float]:
    """Critical values of z(s) = -1/s + c sum w t/(1 + t s), s the companion transform: the edges of the support."""
    # z'(s) = 0 as a polynomial: 1/s^2 = c sum w t^2/(1 + t s)^2
    one = np.polynomial.Polynomial([1.0])
    s = np.polynomial.Polynomial([0.0, 1.0])
    factors = [(one + t * s) ** 2 for t in points]
    total = np.prod(factors)
    for k, (t, w) in enumerate(zip(points, weights, strict=True)):
        rest = np.prod([f for j, f in enumerate(factors) if j != k]) if len(factors) > 1 else one
        total = total - c * w * t**2 * s**2 * rest
    found = []
    for root in total.roots():
        if abs(root.imag) < 1e-9 * (1 + abs(root)):
            r = root.real
            found.append(-1 / r + c * sum(w * t / (1 + t * r) for t, w in zip(points, weights, strict=True)))
    return sorted(found)


def marchenko_pastur_density(x: np.ndarray, c: float) -> np.ndarray:
    low, high = (1 - sqrt(c)) ** 2, (1 + sqrt(c)) ** 2
    return np.sqrt(np.maximum((high - x) * (x - low), 0)) / (2 * pi * c * x)


def marchenko_pastur_moment(k: int, c: Expr) -> Expr:
    """Narayana polynomial."""
    from sympy import binomial

    return sum((binomial(k, r + 1) * binomial(k, r) / k * c**r for r in range(k)), Integer(0))


def fuss_catalan_density(x: np.ndarray) -> np.ndarray:
    """Squared singular values of a product of two square Gaussian matrices."""
    root = 27 + 3 * np.sqrt(81 - 12 * x)
    front = 2 ** (1 / 3) * sqrt(3) / (12 * pi)
    return front * (2 ** (1 / 3) * root ** (2 / 3) - 6 * np.cbrt(x)) / (np.cbrt(x) ** 2 * np.cbrt(root))


def arcsine_density(x: np.ndarray) -> np.ndarray:
    """The free sum of two projections of trace 1/2."""
    return 1 / (pi * np.sqrt(x * (2 - x)))


def law_curve(points: list[int], weights: list[Expr], m: Expr, z: Expr) -> Expr:
    """L_A(m, z) for a law of atoms: m = sum w/(a - z), cleared of denominators."""
    return numer(together(m - sum(w / (a - z) for a, w in zip(points, weights, strict=True))))


def inverse_wishart(m: Symbol, z: Symbol, c: Symbol) -> Expr:
    return c * z**2 * m**2 + ((c + 1) * z - 1) * m + 1


def law_plus_wishart(points: list[int], weights: list[Expr], m: Symbol, z: Symbol, c: Symbol) -> Expr:
    return law_curve(points, weights, m, z - 1 / (1 + c * m))


def law_times_wishart(points: list[int], weights: list[Expr], m: Symbol, z: Symbol, c: Symbol) -> Expr:
    """L_A((1 - c - c z m) m, z/(1 - c - c z m)), without the factor 1 - c - c z m that is common to its terms."""
    shrink = 1 - c - c * z * m
    return numer(together(m - sum(w / (a * shrink - z) for a, w in zip(points, weights, strict=True))))


def wigner_plus_wishart(m: Symbol, z: Symbol, c: Symbol) -> Expr:
    return c * m**3 + (c * z + 1) * m**2 + (c + z - 1) * m + 1


def wishart_times_wishart(m: Symbol, z: Symbol, c1: Symbol, c2: Symbol) -> Expr:
    return c1 * c2 * z**2 * m**3 + (2 * c1 * c2 - c1 - c2) * z * m**2 + (1 - c1) * (1 - c2) * m - z * m - 1
