"""The Marchenko-Pastur law.

Sources: V. Marchenko and L. Pastur, Math. USSR Sb. 1 (1967); Z. Bai and J. Silverstein, Spectral Analysis of Large
Dimensional Random Matrices (2010), chapter 3. The quadratic is c z m^2 + (z + c - 1) m + 1 = 0 for ``(Z Z' - z)^-1``, Z
p x n with entries of variance 1/n and c = p/n.
"""

import cmath
from math import sqrt


def edges(c: float) -> tuple[float, float]:
    """The bulk (1 -+ sqrt c)^2."""
    return (1 - sqrt(c)) ** 2, (1 + sqrt(c)) ** 2


def stieltjes(z: complex, c: float) -> complex:
    """The branch that decays at infinity; z off the bulk (and off 0 when c > 1)."""
    low, high = edges(c)
    # a root with its cut on the bulk alone, and ~ z at infinity
    root = cmath.sqrt(z - low) * cmath.sqrt(z - high)
    half = 1 - c - z
    # the same root in the form in which nothing cancels
    if (half.conjugate() * root).real >= 0:
        return (half + root) / (2 * c * z)
    return 2 / (half - root)


def resolvent(c: float, ridge: float) -> float:
    """tr (Z Z' + ridge)^-1 / p."""
    return stieltjes(-ridge, c).real


def other_root(z: complex, c: float) -> complex:
    """The root of the same quadratic that is not a Stieltjes transform."""
    return 1 / (c * z * stieltjes(z, c))


def scaled_resolvent(f: float, ridge: float) -> float:
    """G = tr (I + Z'Z)^-1 / d with Z n x d of variance 1/(n ridge), f = d/n: f G^2 + (ridge + 1 - f) G - ridge = 0."""
    b = ridge + 1 - f
    return (-b + sqrt(b * b + 4 * f * ridge)) / (2 * f)


# scaled_resolvent(1/2, 1/10), to the digits of the source
SCALED_RESOLVENT = 0.148331477354788
# c = 1/4, z = 1/10, left of the bulk: the Stieltjes transform, and the root of the same quadratic that is wrong
LEFT_OF_BULK = 1.642
LEFT_OF_BULK_SPURIOUS = 24.358
