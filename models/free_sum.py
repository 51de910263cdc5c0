"""Free sum: the resolvent of a deterministic matrix plus a Wigner matrix.

``A`` is symmetric with a known limiting spectral law, ``W`` a real Wigner matrix with entries of variance v/n. The
quantity is the Stieltjes transform of the spectrum of the sum, with the sign ``(A + W - z)^-1``. On the real axis z
must lie outside the bulk.
"""

from sympy import I, Identity, Interval, Rational, S, Symbol, Trace, oo

from derive import Deterministic, Wigner, atomic, dimensions
from models import Parameter, Theorem

n = dimensions("n")
v, z = Symbol("v", positive=True), Symbol("z")

A = Deterministic("A", n, n, symmetric=True)
W = Wigner("W", n, variance=v / n)

theorem = Theorem(
    quantities={"stieltjes": Trace((A + W - z * Identity(n)).I) / n},
    regime={},
    parameters=(
        Parameter(v, Rational(3, 4), Interval.open(0, oo), "variance of an entry of W, times n"),
        Parameter(z, Rational(1, 2) + I / 2, S.Complexes, "spectral parameter"),
    ),
    laws={A: atomic([-2, 1])},
    reference="L. Pastur, On the spectrum of random matrices, Theor. Math. Phys. 10 (1972)",
    axis=(z, 4, 8),
)
