"""Published limits of unfoldings of planted tensors, typed in; they do not import the engine.

Sources: H. Lebeau, M. E. A. Seddik and J. H. de Morais Goulart, "Performance gaps in multi-view clustering under the
nested matrix-tensor model", arXiv:2402.10677 (ICML 2024): modes 2 and 3 of the nested model, thresholds, clustering
accuracy; the finite-aspect law is the information-plus-noise equivalent of P. Loubaton and P. Vallet, Electron. J.
Probab. 16 (2011), for the unfolding at its own ratio of sides. A spiked tensor of order d: G. Ben Arous, D. Z. Huang
and J. Huang, Long random matrices and tensor unfolding, Ann. Appl. Probab. 33 (2023).
"""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
from scipy.optimize import brentq

# c, beta_M, rho_T -> location, squared alignment, threshold of rho_T, right edge
MODE_2 = [
    ((1 / 2, 1 / 3, 1 / 6), 1.5, 2, 6.9020126, 0.77857874, 0.38663443, 4.497563),
    ((1 / 2, 1 / 3, 1 / 6), 1.5, 1, 3.7340252, 0.68789985, 0.38663443, 2.9321417),
    ((1 / 2, 1 / 3, 1 / 6), 1, 3, 6.9580952, 0.50236476, 0.81934191, 6.3067888),
    ((1 / 2, 1 / 3, 1 / 6), 2, 0.6, 3.4147879, 0.76501795, 0.22899669, 2.4686755),
    ((1 / 2, 1 / 3, 1 / 6), 3, 0.4, 4.2766241, 0.8868865, 0.10654093, 2.2850003),
    ((1 / 3, 1 / 3, 1 / 3), 1, 2, 4.8333333, 0.42592593, 0.76980036, 4.4844353),
]

# varrho -> location, squared alignment
MODE_3 = [
    (1.1, 2.0090909, 0.17355372),
    (1.3, 2.0692308, 0.40828402),
    (2, 2.5, 0.75),
    (4, 4.25, 0.9375),
    (8, 8.125, 0.984375),
]


def nested_curve(m, z, k1, k2, rho):
    """The cubic of the Stieltjes transform along mode 2; k_i = n_i/(n_1 + n_2)."""
    return rho * k2 * m**3 + (1 + z * rho * k2) * m**2 + (z + rho * (k2 - k1)) * m + 1


def nested_edge(k1, k2, rho):
    """The right edge: z'(m) = 0 on the branch of infinity, z(m) = -m - 1/m + rho k1/(1 + rho k2 m)."""

    def slope(m):
        return -1 + 1 / m**2 - rho**2 * k1 * k2 / (1 + rho * k2 * m) ** 2

    low = max(-1.0, -1 / (rho * k2))
    m = brentq(slope, low * (1 - 1e-12), -1e-9, xtol=1e-15)
    return -m - 1 / m + rho * k1 / (1 + rho * k2 * m)


def nested_threshold(beta, k1, k2):
    """The critical rho_T, or None where no strength of the matrix in the tensor is enough."""
    if beta**4 <= k1 * k2:
        return None
    return beta**2 / ((k2 + beta**2) * sqrt(beta**4 - k1 * k2))


def nested(beta, rho, c1, c2):
    """Location and squared alignment along mode 2."""
    k1, k2 = c1 / (c1 + c2), c2 / (c1 + c2)
    threshold = nested_threshold(beta, k1, k2)
    if threshold is None or rho <= threshold:
        return nested_edge(k1, k2, rho), 0.0
    a1, a2 = rho * (k1 + beta**2), rho * (k2 + beta**2)
    strength = rho * beta**2
    return a1 * a2 / strength + 1 / a2, 1 - ((strength / a2) ** 2 + rho * k2 * a1) / (a2 * strength)


def accuracy(squared):
    """The fraction of labels whose sign is right."""
    return 1.0 if squared >= 1 else (1 + erf(sqrt(squared / (1 - squared) / 2))) / 2


def spiked(rho):
    """Location and squared alignment of an unfolded spike, rho = beta^2/scale; mode 3 of the nested model too."""
    return (rho + 1 / rho, 1 - rho**-2) if rho > 1 else (2.0, 0.0)


# ---- the finite ratio ------------------------------------------------------------------------------------------------
def finite_aspect(beta, rho, n1, n2, n3):
    """Location and squared alignment along mode 2 at finite sizes, centred and scaled as in the limit; None where no
    outlier is found.

    The information-plus-noise matrix ``beta_T M' (I o z') + W`` with deterministic M, whose Gram matrix has the law of
    Marchenko and Pastur and one outlier; the alignment is the product of those of the two steps.
    """
    n, m = n1 + n2 + n3, n1 + n2
    v, columns = 1 / n, n1 * n3
    mean, scale = columns * v, sqrt(n1 * n2 * n3) / n
    strength = rho * scale
    k1, k2 = n1 / m, n2 / m
    # outlier of M'M, and the alignment of its eigenvector with y
    outlier = (beta**2 + k1) * (beta**2 + k2) / beta**2
    aligned = 1 - (k2 * (beta**2 + k1)) / (beta**2 * (beta**2 + k2))

    def transform(z):
        """int dF(t)/(z - t) of M'M (n2 x n2, entries of M of variance 1/m): k2 z g^2 - (z - k1 + k2) g + 1 = 0."""
        b = z - k1 + k2
        return (b - np.sign(b) * sqrt(b * b - 4 * k2 * z)) / (2 * k2 * z)

    def solve(z):
        """delta and delta~ by iteration from infinity."""
        d, dt = -1e-12, -1e-12
        for _ in range(20000):
            # int (-z (1 + dt) + theta/(1 + d))^-1, theta = strength t
            value = transform(z * (1 + dt) * (1 + d) / strength) / strength
            first, second = -(1 + d) * value, -(1 + dt) * value
            new = v * n2 * first, v * ((columns - n2) / (-z * (1 + d)) + n2 * second)
            if abs(new[0] - d) + abs(new[1] - dt) < 1e-15:
                break
            d, dt = (d + new[0]) / 2, (dt + new[1]) / 2
        return d, dt

    def gap(z):
        d, dt = solve(z)
        return z * (1 + d) * (1 + dt) - strength * outlier

    # downwards from far above, until the gap changes its sign or the bulk is met, where no real solution is left
    high = mean + strength * outlier + 6 * scale
    last = high
    for z in np.linspace(high, mean, 400):
        try:
            value = gap(z)
        except ValueError:
            return None
        if value < 0:
            break
        last = z
    z = brentq(gap, z, last, xtol=1e-12)
    d, _ = solve(z)
    h = 1e-5 * z
    slope = (gap(z + h) - gap(z - h)) / (2 * h)
    # minus the residue of the equivalent (1 + d)/(strength t - z (1 + d)(1 + dt)) of the resolvent at the outlier
    return (z - mean) / scale, aligned * (1 + d) / slope
