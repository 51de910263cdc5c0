"""LSSVM (ridge classifier) on a white two-class Gaussian mixture.

Sources: Z. Liao and R. Couillet, IEEE Trans. Signal Process. 67 (2019); closed form for one bag in arXiv:2505.14587,
and for clean labels in arXiv:2405.14088. Columns y mu + z, c = p/n, w = (X X'/n + gamma)^-1 X y / n.
"""

from math import erf, sqrt


def delta(c: float, gamma: float) -> float:
    """tr Q-bar / n."""
    b = c - gamma - 1
    return (b + sqrt(b * b + 4 * c * gamma)) / (2 * gamma)


def moments(c: float, gamma: float, norm_mu: float) -> tuple[float, float]:
    """Mean mu'w and variance w'w of the score of a fresh sample of the positive class."""
    s, d = norm_mu**2, delta(c, gamma)
    a = s + 1 + gamma * (1 + d)
    h = 1 - c / (1 + gamma * (1 + d)) ** 2
    mean = s / a
    second = s / (h * a) * ((s + 1) / a - 2 * (1 - h)) + (1 - h) / h
    return mean, second - mean**2


def accuracy(c: float, gamma: float, norm_mu: float) -> float:
    """Phi(mean / sqrt(variance))."""
    mean, variance = moments(c, gamma, norm_mu)
    return (1 + erf(mean / sqrt(2 * variance))) / 2


# (c, gamma, norm_mu) -> (mean, variance, accuracy)
PRINTED = {
    (0.1, 0.01, 0.9): (0.44478671, 0.30414471, 0.7900266),
    (0.5, 0.1, 2.0): (0.77307149, 0.8613742 - 0.77307149**2, 0.9338823),
    (2.0, 0.1, 2.0): (0.64678567, 0.68840213 - 0.64678567**2, 0.89335642),
    (0.25, 0.01, 1.2): (0.58697039, 0.71571094 - 0.58697039**2, 0.83233727),
}
