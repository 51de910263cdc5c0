"""Wigner's semicircle law and its rank-one spike.

Sources: E. Wigner, Ann. Math. 62 (1955); D. Feral and S. Peche, Comm. Math. Phys. 272 (2007) for the spike. Entries off
the diagonal have variance v/n.
"""

import cmath


def stieltjes(z: complex, v: float = 1.0) -> complex:
    """m(z) = (-z + sqrt(z^2 - 4 v)) / (2 v), with the root that decays: (W - z)^-1, so m ~ -1/z."""
    # sqrt(z - e) sqrt(z + e) has its cut on the bulk alone
    edge = 2 * cmath.sqrt(v)
    return (-z + cmath.sqrt(z - edge) * cmath.sqrt(z + edge)) / (2 * v)


def spiked_form(z: complex, b: float, v: float = 1.0) -> complex:
    """u'(W + b u u' - z)^-1 u = 1 / (1/m + b) for a unit vector u."""
    return 1 / (1 / stieltjes(z, v) + b)


def outlier(b: float, v: float = 1.0) -> float:
    """Position of the outlier when b^2 > v."""
    return b + v / b


def alignment_squared(b: float, v: float = 1.0) -> float:
    """Squared alignment of the outlier's eigenvector with u when b^2 > v."""
    return 1 - v / b**2
