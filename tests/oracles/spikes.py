"""Published locations, alignments and thresholds of spiked models.

Normalisation everywhere: the noise has variance 1/n, signals are unit vectors, ``c = p/n``.
"""

from itertools import pairwise

import numpy as np
from scipy.optimize import brentq


def wigner(theta):
    """W + theta u u'. S. Péché, PTRF 134 (2006); F. Benaych-Georges, R. R. Nadakuditi, Adv. Math. 227 (2011), §3.1."""
    if theta <= 1:
        return 2.0, 0.0
    return theta + 1 / theta, 1 - 1 / theta**2


def covariance(spike, c):
    """(I + l a a')^(1/2) Z Z' (I + l a a')^(1/2). J. Baik and J. Silverstein, J. Multivariate Anal. 97 (2006); D. Paul,
    Statist. Sinica 17 (2007): location and squared cosine with a.
    """
    if spike <= np.sqrt(c):
        return (1 + np.sqrt(c)) ** 2, 0.0
    return (1 + spike) * (1 + c / spike), (1 - c / spike**2) / (1 + c / spike)


def rectangular(theta, c):
    """Z + theta a b': squared singular value, left and right squared alignments.

    F. Benaych-Georges and R. R. Nadakuditi, J. Multivariate Anal. 111 (2012), §3.1; P. Loubaton and P. Vallet,
    Electron. J. Probab. 16 (2011).
    """
    if theta <= c**0.25:
        return (1 + np.sqrt(c)) ** 2, 0.0, 0.0
    location = (1 + theta**2) * (c + theta**2) / theta**2
    left = 1 - c * (1 + theta**2) / (theta**2 * (theta**2 + c))
    right = 1 - (c + theta**2) / (theta**2 * (theta**2 + 1))
    return location, left, right


def deformed_two_points(theta):
    """A + W + theta u u', A half 1 and half -1, u in generic position.

    Benaych-Georges and Nadakuditi (2011), Theorem 2.1: location K(1/theta) with the inverse K(y) = R_A(y) + y + 1/y of
    the Cauchy transform of the free sum, alignment -K'(1/theta)/theta^2; here R_A(y) = (sqrt(1 + 4 y^2) - 1)/(2 y).
    """
    y = 1 / theta
    root = np.sqrt(1 + 4 * y**2)
    slope = 2 / root - (root - 1) / (2 * y**2) + 1 - 1 / y**2
    return (root - 1) / (2 * y) + y + 1 / y, -slope / theta**2


def deformed_uniform(theta):
    """The same with A uniform on [-1, 1], for which R_A(y) + 1/y = coth(y)."""
    y = 1 / theta
    return 1 / np.tanh(y) + y, -(1 - 1 / np.sinh(y) ** 2) / theta**2


def population(spike, c, atoms, weights):
    """Sample covariance whose population has one eigenvalue ``spike`` beside a law of atoms: location, squared cosine.

    Z. D. Bai and J. F. Yao, J. Multivariate Anal. 106 (2012), Theorem 4.1: psi(l) = l + c l int t dH/(l - t), outlier
    if psi'(l) > 0; the squared cosine is l psi'(l)/psi(l) (X. Mestre, IEEE Trans. Signal Process. 56 (2008)).
    """
    t, w = np.asarray(atoms, float), np.asarray(weights, float)
    location = spike + c * spike * np.sum(w * t / (spike - t))
    slope = 1 - c * np.sum(w * t**2 / (spike - t) ** 2)
    if slope <= 0:
        return None
    return location, spike * slope / location


def population_thresholds(c, atoms, weights):
    """All spikes at which psi'(l) = 0: an outlier meets an edge of the bulk (same source)."""
    t, w = np.asarray(atoms, float), np.asarray(weights, float)
    slope = lambda x: 1 - c * np.sum(w * t**2 / (x - t) ** 2)  # noqa: E731
    pieces = [np.linspace(1e-6, t.min(), 4001)[:-1], np.linspace(t.max(), 40 * t.max(), 40001)[1:]]
    pieces += [np.linspace(a, b, 4001)[1:-1] for a, b in pairwise(t)]
    found = []
    for grid in pieces:
        values = np.array([slope(x) for x in grid])
        crossings = np.flatnonzero(np.sign(values[1:]) != np.sign(values[:-1]))
        found += [brentq(slope, grid[k], grid[k + 1], xtol=1e-14) for k in crossings]
    return sorted(found)


def two_wigner_spikes(first, second, overlap):
    """W + a u u' + b v v' with <u, v> = overlap: both eigenvalues of the signal move as single spikes do
    (Benaych-Georges and Nadakuditi (2011), Theorem 2.1), and a signal splits its alignment over their eigenvectors.
    """
    side = np.sqrt(1 - overlap**2)
    u, v = np.array([1.0, 0.0]), np.array([overlap, side])
    values, vectors = np.linalg.eigh(first * np.outer(u, u) + second * np.outer(v, v))
    found = []
    for value, vector in sorted(zip(values, vectors.T, strict=True), key=lambda x: -x[0]):
        location, squared = wigner(value)
        found.append((location, squared * (u @ vector) ** 2, squared * (v @ vector) ** 2))
    return found
