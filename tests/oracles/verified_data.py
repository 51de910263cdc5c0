"""Ridge on verified synthetic labels (E. Dohmatob et al., 2025): random flips, smooth transition, and reference rows.

``f`` is d/N with N counted before the verifier; the Gram matrix is normalised by the number of kept samples.
"""

from __future__ import annotations

from math import erf, sqrt

# (f, lambda, |mu|^2, p, phi, psi) -> mean, |w|^2, accuracy; None: not printed. The first row is the limit lambda -> 0.
ROWS = (
    ((0.1, 0.0, 1.0, 0.3, 0.9, 0.4), (0.34, 0.2338769231, 0.7589872099)),
    ((0.2, 0.1, 2.0, 0.4, 0.8, 0.2), (0.4541905577, None, None)),
)
# (f, |mu|^2, p) without a verifier, lambda -> 0 -> accuracy
RIDGELESS = (
    ((0.2, 1.0, 0.2), 0.7096439189),
    ((0.5, 4.0, 0.1), 0.7975569733),
    ((0.05, 2.0, 0.49), 0.5231564991),
    ((0.05, 2.0, 0.51), 0.4768435009),
)


def moments(f, ridge, s, p, phi, psi):
    """Mean mu'w and squared norm of w."""
    kept = (1 - p) * phi + p * psi
    ratio, c = f / kept, 1 - 2 * p * psi / kept
    b = 1 + ridge - ratio
    delta = ratio / (1 - ratio) if ridge == 0 else (-b + sqrt(b * b + 4 * ridge * ratio)) / (2 * ridge)
    e = 1 / (1 + delta)
    a = ratio * e**2 / (e + ridge) ** 2
    u = a / (1 - a)
    k = e * (1 + s) + ridge
    norm2 = u + c**2 * e**2 * (s * (1 + u * (1 + s)) / k**2 - 2 * e * (u / e**2) * s / k)
    return c * e * s / k, norm2


def accuracy(*point):
    mean, norm2 = moments(*point)
    return (1 + erf(mean / sqrt(2 * norm2))) / 2


def threshold(phi, psi):
    """The share of wrong labels at which the accuracy is 1/2; as d/N -> 0 it jumps there."""
    return phi / (phi + psi)
