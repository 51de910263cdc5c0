"""Bagged LSSVM: an average of ridge classifiers on disjoint subsets of a Gaussian mixture.

n samples ``x = mu y + Sigma^(1/2) z`` in dimension p with labels y of +-1 are split into m subsets of n/m samples. On
each a classifier ``w_k = (X_k X_k'/n_k + gamma)^-1 X_k y_k/n_k`` is fitted, without a bias term; the scores are
averaged. On a fresh sample of the positive class the average is Gaussian given the w_k. Its mean is ``mu'w_1``; its
variance has the parts ``w_1' Sigma w_1`` within a classifier and ``w_1' Sigma w_2`` across two. Accuracy is the
probability that the average is positive. The direction of mu is in no particular position to Sigma.
"""

from sympy import Identity, Interval, Rational, Symbol, oo, symbols

from derive import Deterministic, Gaussian, Signal, atomic, dimensions
from models import Parameter, Theorem, accuracy

n, p, n_1, n_2 = dimensions("n p n_1 n_2")
eta, gamma, norm_mu, m = (Symbol(name, positive=True) for name in ("eta", "gamma", "norm_mu", "m"))

mu = Signal("mu", p, norm2=norm_mu**2, generic=True)
Sigma = Deterministic("Sigma", p, p, positive=True)


def lssvm(k, size):
    """The classifier on subset k."""
    y = Signal(f"y_{k}", size, norm2=size)
    X = mu * y.T + Sigma ** Rational(1, 2) * Gaussian(f"Z_{k}", p, size)
    return (X * X.T / size + gamma * Identity(p)).I * X * y / size


w_1, w_2 = lssvm(1, n_1), lssvm(2, n_2)
mean, within, cross = symbols("mean within cross")

theorem = Theorem(
    quantities={"mean": mu.T * w_1, "within": w_1.T * Sigma * w_1, "cross": w_1.T * Sigma * w_2},
    regime={p: eta * n, n_1: n / m, n_2: n / m},
    parameters=(
        Parameter(eta, Rational(1, 10), Interval.open(0, oo), "features per sample, p/n"),
        Parameter(gamma, Rational(1, 10), Interval.open(0, oo), "ridge of a classifier"),
        Parameter(norm_mu, 2, Interval.open(0, oo), "distance of a class mean from 0"),
        Parameter(m, 5, Interval(1, oo), "number of subsets"),
    ),
    laws={Sigma: atomic([1])},
    observables={"accuracy": accuracy(mean, within / m + (1 - 1 / m) * cross)},
    reference="Bagged LSSVM, arXiv:2505.14587",
    sizes=(100, 200, 400),
    trials=8000,  # bilinear forms fluctuate more than traces
    axis=(m, 1, 50),
)
