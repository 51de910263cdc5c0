"""Ridge on scores that correct for label noise (arXiv:2405.14088), and the reference rows of it."""

from __future__ import annotations

from math import erf, sqrt

# (eta, gamma, norm_mu, pi, epsilon_m, epsilon_p, rho_m, rho_p) -> mean, second moment, accuracy, risk
ROWS = (
    ((0.5, 0.1, 2, 0.3, 0.3, 0.4, 0, 0), (0.20099859, 0.58880642, 0.606966, 1.1868093)),
    ((0.5, 0.1, 2, 0.3, 0.3, 0.4, 0.3, 0.4), (0.77307149, 6.7035692, 0.62280477, 6.1574262)),
    ((0.5, 0.1, 2, 0.3, 0.3, 0.4, -1.5666666666666667, 0), (0.26706106, 0.3386904, 0.6972411, 0.80456829)),
    ((0.5, 0.1, 2, 0.3, 0, 0, 0, 0), (0.77307149, 0.8613742, 0.9338823, 0.31523122)),
    ((2, 0.1, 2, 0.3, 0.3, 0.4, 0, 0), (0.16816428, 0.71932891, 0.58015585, 1.3830004)),
    ((2, 0.1, 2, 0.3, 0.3, 0.4, 0.3, 0.4), (0.64678567, 8.0965324, 0.59228081, 7.802961)),
    ((1, 1, 1.5, 0.5, 0.2, 0.1, 0.2, 0.1), (0.46219891, 0.54850511, 0.78776908, 0.62410729)),
    ((1, 1, 1.5, 0.5, 0.2, 0.1, 0, -0.1), (0.29412658, 0.2221219, 0.78776908, 0.63386874)),
    ((0.2, 10, 2, 1 / 3, 0.2, 0.4, -1, 0), (0.087822638, 0.010310293, 0.957572, 0.83466502)),
    ((0.25, 0.01, 1.2, 0.3, 0.2, 0.3, 0.2, 0.3), (0.58697039, 1.7199248, 0.6916381, 1.545984)),
)


def label_moments(pi, epsilon_m, epsilon_p, rho_m, rho_p):
    """``M`` and ``kappa`` of the paper: the correlation of scores and labels, the mean square of the scores."""
    beta = 1 / (1 - rho_p - rho_m)
    plus, minus = (1 - rho_m + rho_p) * beta, (1 - rho_p + rho_m) * beta
    correlation = pi * (minus - 2 * beta * epsilon_m) + (1 - pi) * (plus - 2 * beta * epsilon_p)
    square = pi * (minus**2 + 4 * beta**2 * epsilon_m * (rho_p - rho_m)) + (1 - pi) * (
        plus**2 + 4 * beta**2 * epsilon_p * (rho_m - rho_p)
    )
    return correlation, square


def moments(eta, gamma, norm_mu, *labels):
    """Mean and second moment of the score of a fresh positive sample."""
    correlation, square = label_moments(*labels)
    delta = (eta - gamma - 1 + sqrt((eta - gamma - 1) ** 2 + 4 * eta * gamma)) / (2 * gamma)
    a = norm_mu**2 + 1 + gamma * (1 + delta)
    h = 1 - eta / (1 + gamma * (1 + delta)) ** 2
    mean = norm_mu**2 * correlation / a
    second = (norm_mu * correlation) ** 2 / (h * a) * ((norm_mu**2 + 1) / a - 2 * (1 - h)) + square * (1 - h) / h
    return mean, second


def accuracy(*point):
    mean, second = moments(*point)
    return (1 + erf(mean / sqrt(2 * (second - mean**2)))) / 2


def risk(*point):
    mean, second = moments(*point)
    return second + 1 - 2 * mean
