"""Bagged LSSVM on disjoint subsets (arXiv:2505.14587), and the reference rows of it.

The typed weighted-ridge theorem with one type, by leave-one-out, for a population covariance with eigenvalues ``t`` of
weights ``w`` in which the mean has no particular direction. N = n/m samples per subset, f = p/N.
"""

from __future__ import annotations

from math import erf, sqrt

import numpy as np

# eta, gamma, norm_mu, m -> mean, within, cross, variance, accuracy
ROWS = (
    ((0.1, 0.01, 0.9, 1), (0.44478671, 0.30414471, 0.24424101, 0.30414471, 0.7900266)),
    ((0.1, 0.01, 0.9, 5), (0.44271431, 0.75393026, 0.24197032, 0.34436231, 0.7747028)),
    ((0.5, 0.1, 0.9, 4), (0.27050233, 0.53951471, 0.090335201, 0.20263008, 0.72605447)),
    ((0.5, 1.0, 1.5, 10), (0.26650613, 0.11696615, 0.031566898, 0.040106823, 0.90836517)),
    ((1.0, 0.05, 2.0, 2), (0.6562072, 0.29651056, 0.10765197, 0.20208126, 0.92782036)),
    ((0.25, 0.1, 1.2, 3), (0.53531599, 0.58201773, 0.19900222, 0.32667406, 0.82551712)),
)


def moments(eta, gamma, norm_mu, m, t=(1.0,), w=(1.0,)):
    """Mean, variance within a classifier and covariance across two, of the score of a fresh positive sample."""
    t, w = np.asarray(t, dtype=float), np.asarray(w, dtype=float)
    f, s = eta * m, norm_mu**2
    low, high = 0.0, 1.0
    for _ in range(200):  # e = 1/(1 + f sum w t/(gamma + e t)) has one root in (0, 1)
        e = (low + high) / 2
        low, high = (e, high) if e * (1 + f * np.sum(w * t / (gamma + e * t))) < 1 else (low, e)
    q = 1 / (gamma + e * t)
    one, two, square = np.sum(w * q), np.sum(w * t * q**2), np.sum(w * t**2 * q**2)
    shrink = 1 / (1 + e * s * one)
    form = s * one * shrink  # mu' Q mu
    tau = f * square / (1 - e**2 * f * square)
    sandwiched = s * two * shrink**2  # mu' Q Sigma Q mu
    within = e**2 * tau + e**2 * (sandwiched + e**2 * tau * (sandwiched + form**2)) - 2 * e**3 * tau * form
    return e * form, within, e**2 * sandwiched


def accuracy(eta, gamma, norm_mu, m, t=(1.0,), w=(1.0,)):
    mean, within, cross = moments(eta, gamma, norm_mu, m, t, w)
    return (1 + erf(mean / sqrt(2 * (within / m + (1 - 1 / m) * cross)))) / 2
