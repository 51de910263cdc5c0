"""Wachter's law: the product of two projections in general position.

``P`` and ``Q`` are projections whose ranks are fixed fractions of n, ``U`` a Haar-distributed orthogonal matrix: the
eigenvalues of ``P U Q U' P`` are the squared cosines of the principal angles between two random subspaces (also the
squared canonical correlations of independent Gaussian samples, and the Jacobi ensemble). The quantity is the Stieltjes
transform, with the sign ``(M - z)^-1``; the spectrum lies in [0, 1].
"""

from sympy import I, Identity, Rational, S, Symbol, Trace

from derive import Deterministic, Haar, atomic, dimensions
from models import Parameter, Theorem

n = dimensions("n")
z = Symbol("z")

P, Q = (Deterministic(name, n, n, positive=True) for name in "PQ")
U = Haar("U", n)

theorem = Theorem(
    quantities={"stieltjes": Trace((P * U * Q * U.T * P - z * Identity(n)).I) / n},
    spectrum=P * U * Q * U.T * P,
    regime={},
    parameters=(Parameter(z, Rational(1, 3) + I / 2, S.Complexes, "spectral parameter"),),
    laws={P: atomic([0, 1], ["3/4", "1/4"]), Q: atomic([0, 1], ["2/3", "1/3"])},
    reference="K. W. Wachter, The limiting empirical measure of multiple discriminant ratios, Ann. Statist. 8 (1980)",
    axis=(z, Rational(11, 10), 3),
)
