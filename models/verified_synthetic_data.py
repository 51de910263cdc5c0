"""Verified synthetic data: a ridge classifier on labels of which a verifier has removed some.

N synthetic samples ``x = mu y + z`` in dimension d, with labels y of +-1 and white noise z. A generator gives each
the wrong label with probability p. A verifier keeps a sample with a right label with probability phi, one with a
wrong label with probability psi. The kept samples are the columns of ``X = mu y' + Z``, n of them; their labels l
agree with y in the share that is left. The classifier is ``w = (X X'/n + lambda)^-1 X l/n``. On a fresh sample of the
positive class its score ``w'x`` is Gaussian given w, with mean ``mu'w`` and variance ``w'w``.
"""

from sympy import Identity, Interval, Rational, Symbol, oo, symbols

from derive import Gaussian, Signal, dimensions
from models import Parameter, Theorem, accuracy

N, d, n = dimensions("N d n")
f, lam, norm_mu = (Symbol(name, positive=True) for name in ("f", "lambda", "norm_mu"))
p, phi, psi = (Symbol(name, nonnegative=True) for name in ("p", "phi", "psi"))
# shares of the N samples: kept, and kept with a right label less kept with a wrong one
k, a = Symbol("k", positive=True), Symbol("a", real=True)

mu = Signal("mu", d, norm2=norm_mu**2)
y, l = Signal("y", n, norm2=n), Signal("l", n, norm2=n)
X = mu * y.T + Gaussian("Z", d, n)
w = (X * X.T / n + lam * Identity(d)).I * X * l / n

mean, variance = symbols("mean variance")

theorem = Theorem(
    quantities={"mean": mu.T * w, "variance": w.T * w},
    regime={d: f * N, n: k * N},
    inner={(y, l): a * N},
    where={k: (1 - p) * phi + p * psi, a: (1 - p) * phi - p * psi},
    parameters=(
        Parameter(f, Rational(1, 5), Interval.open(0, oo), "dimension per synthetic sample, d/N"),
        Parameter(lam, Rational(1, 10), Interval.open(0, oo), "ridge"),
        Parameter(norm_mu, Rational(3, 2), Interval.open(0, oo), "distance of a class mean from 0"),
        Parameter(p, Rational(2, 5), Interval(0, 1), "share of wrong labels before the verifier"),
        Parameter(phi, Rational(4, 5), Interval.Lopen(0, 1), "probability that a right label is kept"),
        Parameter(psi, Rational(1, 5), Interval(0, 1), "probability that a wrong label is kept"),
    ),
    observables={"accuracy": accuracy(mean, variance)},
    # of the classifiers of one sample: their exact conditional accuracy
    measured={"accuracy": accuracy(mean, variance)},
    reference="Y. Feng, E. Dohmatob, P. Yang, F. Charton and J. Kempe, Beyond model collapse: scaling up with "
    "synthesized data requires verification, ICLR (2025)",
    sizes=(50, 100, 200),
    trials=5000,  # bilinear forms fluctuate more than traces
    axis=(p, Rational(1, 20), Rational(19, 20)),
)
