"""Ridge regression: bias, variance and risk on correlated features.

n samples ``x = Sigma^(1/2) z`` of d features, the rows of ``X = Z Sigma^(1/2)``; labels ``y = X w + noise`` with
independent noise of variance s2, and a true ``w`` of random directions with covariance ``Theta / d`` (for one given
signal, Theta is d times its projector). The estimator is ``(X'X/n + lambda)^-1 X'y/n``.

bias and variance are averaged over the noise and over ``w``, not over ``Z``: with ``R = (X'X/n + lambda)^-1`` the error
is ``-lambda R w + R X' noise / n``. risk is the excess error on a fresh sample whose label has no noise; test_error is
the error on a noisy one. Set s2 to 0 for labels without noise.
"""

from sympy import Identity, Interval, Rational, Symbol, Trace, oo, symbols

from derive import Deterministic, Gaussian, atomic, dimensions
from models import Parameter, Theorem

n, d = dimensions("n d")
f, lam = Symbol("f", positive=True), Symbol("lambda", positive=True)
s2 = Symbol("s2", nonnegative=True)

Sigma = Deterministic("Sigma", d, d, positive=True)
Theta = Deterministic("Theta", d, d, positive=True)
Z = Gaussian("Z", n, d)
X = Z * Sigma ** Rational(1, 2)
R = (X.T * X / n + lam * Identity(d)).I

bias, variance = symbols("bias variance")

theorem = Theorem(
    quantities={
        "bias": lam**2 * Trace(R * Theta * R * Sigma) / d,
        "variance": s2 * Trace(R * X.T * X * R * Sigma) / n**2,
    },
    regime={d: f * n},
    parameters=(
        Parameter(f, Rational(1, 2), Interval.open(0, oo), "features per sample, d/n"),
        Parameter(lam, Rational(3, 10), Interval.open(0, oo), "ridge"),
        Parameter(s2, Rational(1, 4), Interval(0, oo), "variance of the label noise"),
    ),
    observables={"risk": bias + variance, "test_error": bias + variance + s2},
    laws={(Sigma, Theta): atomic([(1, 2), (4, 1)])},
    reference="T. Hastie, A. Montanari, S. Rosset and R. Tibshirani, Surprises in high-dimensional ridgeless least "
    "squares interpolation, Ann. Stat. 50 (2022); E. Dobriban and S. Wager, Ann. Stat. 46 (2018)",
    axis=(f, Rational(1, 10), 3),
)
