"""A two-resolvent trace in which nothing commutes: K = (Z'Z + C)^-1, tr K A K B / d.

Source: the deterministic equivalent of Q A Q for a white sample covariance (R. Couillet and Z. Liao, Random Matrix
Methods for Machine Learning, 2022, section 2.2), with a general deterministic matrix C in the place of the ridge. Z is
n x d of variance 1/n, and every matrix is a small one (x) a growing identity.
"""

from math import cos, pi, sin

import numpy as np


def rotated(angle: float, low: float, high: float) -> np.ndarray:
    """R(angle) diag(low, high) R(angle)'."""
    r = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    return r @ np.diag([low, high]) @ r.T


def two_resolvents(f: float, a, b, c) -> float:
    """tr K A K B / d, f = d/n."""
    a, b, c = (np.asarray(m, float) for m in (a, b, c))
    size = len(c)
    delta = 1.0
    for _ in range(100_000):
        q = np.linalg.inv(c + np.eye(size) / (1 + delta))
        new = f * float(np.trace(q)) / size
        if abs(new - delta) < 1e-16:
            break
        delta = new
    # E[Q A Q] = Q A Q + tau / (1 + delta)^2 Q Q, with tau = tr E[Q A Q] / n
    gain = f * float(np.trace(q @ q)) / size / (1 + delta) ** 2
    tau = f * float(np.trace(q @ a @ q)) / size / (1 - gain)
    return float(np.trace((q @ a @ q + tau / (1 + delta) ** 2 * q @ q) @ b)) / size


# d/n = 2/3, A = diag(3, 0), B = diag(0, 2), C = R(pi/4) diag(5, .3) R(pi/4)'
A, B, C = np.diag([3.0, 0.0]), np.diag([0.0, 2.0]), rotated(pi / 4, 5.0, 0.3)
VALUE = 0.637528382415270
