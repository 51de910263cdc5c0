"""Free additive and multiplicative convolutions, projections, and the moments of words in free elements.

Sources: D. Voiculescu, K. Dykema and A. Nica, Free Random Variables (1992), chapter 3; S. Belinschi and H. Bercovici, A
new approach to subordination results in free probability, J. Anal. Math. 101 (2007); K. W. Wachter, Ann. Statist. 8
(1980); A. Nica and R. Speicher, Lectures on the Combinatorics of Free Probability (2006), lecture 14.
"""

from __future__ import annotations

import cmath
from math import pi, sqrt

# density of the free sum of the semicircle of variance 1 and half -2, quarter -1, quarter 1, at 0 and at 1
SEMICIRCLE_AND_ATOMS = {0: 0.1084243, 1: 0.1628496}


def _cauchy(w, points, weights):
    return sum(p / (w - x) for x, p in zip(points, weights, strict=True))


def additive(z, a, b, steps=20000):
    """m(z) = int (x - z)^-1 of the free sum: w1 = z + h_b(w2), w2 = z + h_a(w1), h(w) = 1/G(w) - w."""
    flip = complex(z).imag < 0
    point = complex(z).conjugate() if flip else complex(z)
    shifted = point if point.imag else point + 1e-12j
    w = shifted
    for _ in range(steps):
        other = shifted + 1 / _cauchy(w, *a) - w
        new = shifted + 1 / _cauchy(other, *b) - other
        if abs(new - w) < 1e-15 * abs(new):
            break
        w = (w + new) / 2
    m = -_cauchy(w, *a)
    m = m.conjugate() if flip else m
    return m.real if complex(z).imag == 0 else m


def _eta(t, points, weights):
    psi = sum(p * t * x / (1 - t * x) for x, p in zip(points, weights, strict=True))
    return psi / (1 + psi)


def multiplicative(z, a, b, steps=20000):
    """m(z) of the free product of positive laws: w1 = t eta_b(w2)/w2, w2 = t eta_a(w1)/w1, t = 1/z."""
    t = 1 / complex(z)
    w = t * sum(x * p for x, p in zip(*b, strict=True))
    for _ in range(steps):
        other = t * _eta(w, *a) / w
        new = t * _eta(other, *b) / other
        if abs(new - w) < 1e-15 * abs(new):
            break
        w = (w + new) / 2
    eta = _eta(w, *a)
    m = -(1 + eta / (1 - eta)) / complex(z)
    return m.real if complex(z).imag == 0 else m


def projections(z, alpha, beta):
    """m(z) = -(1 + u)/z of PQP, P and Q free of traces a and b: (z - 1) u^2 + (z - a - b) u - a b = 0."""
    z = complex(z)
    middle, root = z - alpha - beta, cmath.sqrt((z - alpha - beta) ** 2 + 4 * (z - 1) * alpha * beta)
    # u vanishes at infinity, and Im m > 0 above the axis
    found = [-(1 + u) / z for u in ((-middle + root) / (2 * (z - 1)), (-middle - root) / (2 * (z - 1)))]
    if z.imag:
        found = [m for m in found if m.imag * z.imag > 0] or found
    best = min(found, key=lambda m: abs(z * m + 1))
    return best.real if z.imag == 0 else best


def wachter_edges(alpha, beta):
    """The bulk of PQP."""
    middle, half = alpha + beta - 2 * alpha * beta, 2 * sqrt(alpha * beta * (1 - alpha) * (1 - beta))
    return middle - half, middle + half


def wachter_density(x, alpha, beta):
    """sqrt((x+ - x)(x - x-)) / (2 pi x (1 - x)) on the bulk."""
    low, high = wachter_edges(alpha, beta)
    return sqrt(max(0.0, (high - x) * (x - low))) / (2 * pi * x * (1 - x))


def arcsine(x, radius=2.0):
    """Density of U + U* (radius 2), and of the free sum of two symmetric signs."""
    return 1 / (pi * sqrt(radius**2 - x * x))


def semicircle_plus_haar(x):
    """Kesten: density of U + U* + V + V*, supported on [-2 sqrt 3, 2 sqrt 3]."""
    return 4 * sqrt(12 - x**2) / (2 * pi * (16 - x**2))


def alternating_fourth(x1, x2, y1, y2):
    """phi(X Y X Y) for free X and Y with moments x1, x2 and y1, y2 (Nica and Speicher, (5.16))."""
    return x2 * y1**2 + x1**2 * y2 - x1**2 * y1**2


def alternating_sixth(x, y):
    """phi(X Y X Y X Y) from three moments of each: cumulants of X, moments of Y over the complements."""
    (x1, x2, x3), (y1, y2, y3) = x, y
    k1, k2, k3 = x1, x2 - x1**2, x3 - 3 * x1 * x2 + 2 * x1**3
    # sum over non-crossing partitions of the three X, and the moments of Y over the Kreweras complement
    return k3 * y1**3 + 3 * k2 * k1 * y2 * y1 + k1**3 * y3
