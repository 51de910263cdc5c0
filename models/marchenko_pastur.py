"""Marchenko-Pastur law: the resolvent of a white sample covariance matrix.

The columns of ``Z`` are n samples of p independent features of unit variance, once divided by sqrt(n). The quantity is
the normalised trace of ``(Z Z' + lambda)^-1``: the Stieltjes transform of the sample spectrum at -lambda.
"""

from sympy import Identity, Interval, Rational, Symbol, Trace, oo

from derive import Gaussian, dimensions
from models import Parameter, Theorem

n, p = dimensions("n p")
c, lam = Symbol("c", positive=True), Symbol("lambda", positive=True)

Z = Gaussian("Z", p, n, variance=1 / n)

theorem = Theorem(
    quantities={"resolvent": Trace((Z * Z.T + lam * Identity(p)).I) / p},
    regime={p: c * n},
    parameters=(
        Parameter(c, Rational(1, 2), Interval.open(0, oo), "aspect ratio p/n"),
        Parameter(lam, Rational(1, 10), Interval.open(0, oo), "ridge"),
    ),
    reference="V. Marchenko and L. Pastur, Distribution of eigenvalues for some sets of random matrices, Math. USSR "
    "Sb. 1 (1967)",
    axis=(c, Rational(1, 10), 3),
)
