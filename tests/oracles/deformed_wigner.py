"""Outlier of ``A + theta u u' + W`` with u in general position to A, entries of W of variance v/n.

Sources: M. Capitaine, C. Donati-Martin, D. Feral and M. Fevrier, Electron. J. Probab. 16 (2011): an eigenvalue s of
the deterministic part outside the support of its law nu moves to ``H(s) = s + v G(s)``, with ``G(s) = int dnu(x) / (s
- x)``, when ``H'(s) > 0``; M. Capitaine, J. Theoret. Probab. 26 (2013): the squared alignment with its eigenvector is
``H'(s)``. The largest eigenvalue of ``A + theta u u'`` solves ``theta G(s) = 1``; its eigenvector is along ``(s - A)^-1
u``.
"""

import numpy as np
from scipy.optimize import brentq


def outlier(theta: float, v: float, atoms, weights) -> tuple[float, float]:
    """The largest eigenvalue and the squared alignment of its eigenvector with u."""
    a, w = np.asarray(atoms, float), np.asarray(weights, float)
    top = a.max()

    def power(s: float, k: int) -> float:
        return float(np.sum(w / (s - a) ** k))

    # the edge of the free convolution is H where H' vanishes; H increases beyond that place
    edge = brentq(lambda s: 1 - v * power(s, 2), top + 1e-9, top + 10 * (1 + v), xtol=1e-15)
    if theta * power(edge, 1) <= 1:
        return edge + v * power(edge, 1), 0.0
    s = brentq(lambda x: theta * power(x, 1) - 1, edge, top + 2 * theta + 1, xtol=1e-15)
    along = power(s, 1) ** 2 / power(s, 2)
    return s + v * power(s, 1), along * (1 - v * power(s, 2))
