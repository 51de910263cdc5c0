"""Sample covariance: the resolvent when the features are correlated.

The columns of ``X = Sigma^(1/2) Z`` are n samples of p features with covariance Sigma, once divided by sqrt(n). The
quantities are the Stieltjes transform of the sample spectrum, with the sign ``(X X' - z)^-1``, and the same resolvent
weighted by Sigma. On the real axis z must lie outside the bulk.
"""

from sympy import Identity, Interval, Rational, S, Symbol, Trace, oo

from derive import Deterministic, Gaussian, atomic, dimensions
from models import Parameter, Theorem

n, p = dimensions("n p")
c, z = Symbol("c", positive=True), Symbol("z")

Sigma = Deterministic("Sigma", p, p, positive=True)
Z = Gaussian("Z", p, n, variance=1 / n)
X = Sigma ** Rational(1, 2) * Z
Q = (X * X.T - z * Identity(p)).I

theorem = Theorem(
    quantities={"stieltjes": Trace(Q) / p, "weighted": Trace(Sigma * Q) / p},
    regime={p: c * n},
    parameters=(
        Parameter(c, Rational(1, 2), Interval.open(0, oo), "aspect ratio p/n"),
        Parameter(z, Rational(-3, 10), S.Complexes, "spectral parameter"),
    ),
    laws={Sigma: atomic([1, 4])},
    reference="J. Silverstein, Strong convergence of the empirical distribution of eigenvalues of large dimensional "
    "random matrices, J. Multivariate Anal. 55 (1995)",
    axis=(z, -3, Rational(-1, 10)),
)
