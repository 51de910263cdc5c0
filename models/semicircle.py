"""Semicircle law: the resolvent of a Wigner matrix.

``W`` is a real symmetric n x n matrix whose entries above the diagonal are independent, centred, of variance v/n. The
quantity is the Stieltjes transform of its spectrum at z, with the sign ``(W - z)^-1``. On the real axis z must lie
outside the bulk.
"""

from sympy import Identity, Interval, Rational, S, Symbol, Trace, oo

from derive import Wigner, dimensions
from models import Parameter, Theorem

n = dimensions("n")
v, z = Symbol("v", positive=True), Symbol("z")

W = Wigner("W", n, variance=v / n)

theorem = Theorem(
    quantities={"stieltjes": Trace((W - z * Identity(n)).I) / n},
    regime={},
    parameters=(
        Parameter(v, Rational(3, 2), Interval.open(0, oo), "variance of an entry, times n"),
        Parameter(z, S(3), S.Complexes, "spectral parameter"),
    ),
    reference="E. Wigner, Characteristic vectors of bordered matrices with infinite dimensions, Ann. Math. 62 (1955)",
    axis=(z, Rational(26, 10), 6),
)
