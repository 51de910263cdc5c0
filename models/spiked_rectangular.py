"""Spiked rectangular matrix: the largest singular value and its two vectors.

``X = theta u v' + Z`` is p x n, with unit vectors u and v and noise of variance 1/n. The quantities are the square of
the largest singular value and the squared alignments of the left singular vector with u, of the right one with v.
Where the dimensions differ the two alignments do.
"""

from sympy import Interval, Rational, Symbol, oo

from derive import Alignment, Eigenvalue, Gaussian, Signal, dimensions
from models import Parameter, Theorem

n, p = dimensions("n p")
c, theta = Symbol("c", positive=True), Symbol("theta", nonnegative=True)

Z = Gaussian("Z", p, n, variance=1 / n)
u, v = Signal("u", p, norm2=1), Signal("v", n, norm2=1)
X = theta * u * v.T + Z

theorem = Theorem(
    quantities={"location": Eigenvalue(X * X.T), "left": Alignment(X * X.T, u), "right": Alignment(X.T * X, v)},
    spectrum=X * X.T,
    regime={p: c * n},
    parameters=(
        Parameter(theta, Rational(3, 2), Interval(0, oo), "strength of the signal"),
        Parameter(c, Rational(1, 2), Interval.open(0, oo), "aspect ratio p/n"),
    ),
    reference="F. Benaych-Georges and R. R. Nadakuditi, The singular values and vectors of low rank perturbations of "
    "large rectangular random matrices, J. Multivariate Anal. 111 (2012)",
    trials=3000,  # one eigenvalue fluctuates more than a trace
    axis=(theta, 0, 3),
)
