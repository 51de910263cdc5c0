"""Polynomials in free semicirculars: the anticommutator.

Source: A. Nica and R. Speicher, Duke Math. J. 92 (1998), commutators and anticommutators of free random variables. For
W_1 W_2 + W_2 W_1 with entries of variance 1/n and g(z) = tr (z - W_1 W_2 - W_2 W_1)^-1 / n:
z g (1 - g^2) = 1 + g^2.
"""

import numpy as np


def anticommutator(z: complex) -> complex:
    """g(z), the root that decays at infinity: followed from far away."""
    z = complex(z)
    g = 1 / (1000 * z)
    for scale in np.geomspace(1000, 1, 4000):
        # -z g^3 - g^2 + z g - 1 = 0; the roots are followed by continuity
        g = min(np.roots([-scale * z, -1, scale * z, -1]), key=lambda root: abs(root - g))
    return complex(g)
