"""Spiked covariance: the largest sample eigenvalue and its eigenvector.

The columns of ``Y = (I + (s - 1) u u') Z`` are n samples of p independent features, once divided by sqrt(n), whose
standard deviation is s along the unit vector u and 1 across it: the population covariance is ``I + (s^2 - 1) u u'``.
The quantities are the largest eigenvalue of ``Y Y'`` and the squared alignment of its eigenvector with u.
"""

from sympy import Identity, Interval, Rational, Symbol, oo

from derive import Alignment, Eigenvalue, Gaussian, Signal, dimensions
from models import Parameter, Theorem

n, p = dimensions("n p")
c, s = Symbol("c", positive=True), Symbol("s", positive=True)

Z = Gaussian("Z", p, n, variance=1 / n)
u = Signal("u", p, norm2=1)
Y = (Identity(p) + (s - 1) * u * u.T) * Z

theorem = Theorem(
    quantities={"location": Eigenvalue(Y * Y.T), "alignment": Alignment(Y * Y.T, u)},
    spectrum=Y * Y.T,
    regime={p: c * n},
    parameters=(
        Parameter(s, 2, Interval.open(0, oo), "standard deviation along u"),
        Parameter(c, Rational(1, 4), Interval.open(0, oo), "aspect ratio p/n"),
    ),
    reference="J. Baik and J. Silverstein, Eigenvalues of large sample covariance matrices of spiked population "
    "models, J. Multivariate Anal. 97 (2006); D. Paul, Stat. Sin. 17 (2007)",
    sizes=(80, 160, 320),
    trials=3000,  # one eigenvalue fluctuates more than a trace
    axis=(s, 1, 3),
)
