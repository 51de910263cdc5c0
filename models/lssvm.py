"""LSSVM: accuracy of the ridge classifier on a two-class Gaussian mixture.

n samples ``x = mu y + z`` in dimension p, with labels y of +-1 and white noise z, are the columns of ``X = mu y' + Z``.
The classifier is ``w = (X X'/n + gamma)^-1 X y / n``, without a bias term. On a fresh sample of the positive class its
score ``w'x`` is Gaussian given w, with mean ``mu'w`` and variance ``w'w``; accuracy is the probability that it is
positive.
"""

from sympy import Identity, Interval, Rational, Symbol, oo, symbols

from derive import Gaussian, Signal, dimensions
from models import Parameter, Theorem, accuracy

n, p = dimensions("n p")
c, gamma, norm_mu = (Symbol(name, positive=True) for name in ("c", "gamma", "norm_mu"))

mu = Signal("mu", p, norm2=norm_mu**2)
y = Signal("y", n, norm2=n)
Z = Gaussian("Z", p, n)
X = mu * y.T + Z
w = (X * X.T / n + gamma * Identity(p)).I * X * y / n

mean, variance = symbols("mean variance")

theorem = Theorem(
    quantities={"mean": mu.T * w, "variance": w.T * w},
    regime={p: c * n},
    parameters=(
        Parameter(c, Rational(1, 2), Interval.open(0, oo), "aspect ratio p/n"),
        Parameter(gamma, Rational(1, 10), Interval.open(0, oo), "ridge"),
        Parameter(norm_mu, Rational(9, 10), Interval.open(0, oo), "distance of a class mean from 0"),
    ),
    observables={"accuracy": accuracy(mean, variance)},
    reference="Z. Liao and R. Couillet, A large dimensional analysis of least squares support vector machines, IEEE "
    "Trans. Signal Process. 67 (2019); bagged: arXiv:2505.14587",
    trials=3000,  # bilinear forms fluctuate more than traces
    axis=(gamma, Rational(1, 100), 3),
)
