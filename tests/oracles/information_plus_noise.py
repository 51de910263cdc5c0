"""``Y = A + theta u v' + Z``, p = c n, noise of variance 1/n, a general deterministic A and one spike.

Sources: W. Hachem, P. Loubaton, J. Najim and P. Vallet, Ann. Inst. H. Poincare 49 (2013): without the spike, bilinear
forms of ``(Y Y' - z)^-1``, ``(Y'Y - z)^-1`` and ``Y (Y'Y - z)^-1`` are those of ``(A A' - w)^-1 / (1 - q)``, of
``(A'A - w)^-1 / (1 - qt)`` and of ``A (A'A - w)^-1``, where q and qt are 1/n times the traces of ``(A A' - w)^-1`` and
``(A'A - w)^-1``, and ``z = w (1 - q) (1 - qt)``. The edge is where z(w) turns (R. B. Dozier and J. W. Silverstein, J.
Multivariate Anal. 98 (2007), 1099-1122). F. Benaych-Georges and R. R. Nadakuditi, J. Multivariate Anal. 111 (2012):
with the forms f of u, g of v and k of u with v, an outlier solves ``D = 0`` where ``D = (1 + theta k)^2 - theta^2 z f
g``, and the squared alignments are ``-f / D'(z)`` with u and ``-g / D'(z)`` with v.
"""

import numpy as np
from scipy.optimize import brentq


def outlier(theta: float, c: float, atoms, u, v, weights) -> tuple[float, float, float]:
    """The largest eigenvalue of ``Y Y'`` and the squared alignments with u and v.

    ``atoms`` are the min(p, n) singular values of A with their ``weights``; ``u`` and ``v`` are functions on them, of
    mean square 1: the components of the two unit vectors on the singular vectors.
    """
    a, u, v, weights = (np.asarray(values, float) for values in (atoms, u, v, weights))
    x, small = a**2, min(c, 1.0)

    def traces(w: float) -> tuple[float, float, float, float]:
        """q, qt and their derivatives."""
        first, second = small * np.sum(weights / (x - w)), small * np.sum(weights / (x - w) ** 2)
        p_left, n_left = c - small, 1 - small
        return first - p_left / w, first - n_left / w, second + p_left / w**2, second + n_left / w**2

    def z(w: float) -> tuple[float, float]:
        """z and its derivative."""
        q, qt, dq, dqt = traces(w)
        return w * (1 - q) * (1 - qt), (1 - q) * (1 - qt) - w * dq * (1 - qt) - w * dqt * (1 - q)

    def form(values: np.ndarray, w: float) -> tuple[float, float]:
        return float(np.sum(weights * values / (x - w))), float(np.sum(weights * values / (x - w) ** 2))

    def determinant(w: float) -> tuple[float, float]:
        """D and its derivative in w: the factors 1 - q and 1 - qt of z, f and g cancel."""
        (f, df), (g, dg), (k, dk) = form(u**2, w), form(v**2, w), form(a * u * v, w)
        value = (1 + theta * k) ** 2 - theta**2 * w * f * g
        slope = 2 * theta * dk * (1 + theta * k) - theta**2 * (f * g + w * (df * g + f * dg))
        return value, slope

    turn = brentq(lambda w: z(w)[1], x.max() + 1e-6, x.max() + 10 * (1 + c), xtol=1e-15)
    if determinant(turn)[0] >= 0:
        return z(turn)[0], 0.0, 0.0
    far = turn + 10 * (1 + x.max() + theta**2)
    w = brentq(lambda w: determinant(w)[0], turn, far, xtol=1e-15)
    q, qt, _, _ = traces(w)
    slope = determinant(w)[1] / z(w)[1]
    return z(w)[0], -form(u**2, w)[0] / (1 - q) / slope, -form(v**2, w)[0] / (1 - qt) / slope
