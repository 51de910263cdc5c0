"""Strong model collapse: ridge regression on real and synthetic data.

Of n samples ``x ~ N(0, Sigma)`` of d features, ``n_1`` are real, with labels ``x'w_1 + noise``, and ``n_2 = p_2 n``
are synthetic: their coefficients are ``w_1 + delta``. ``w_1`` has random directions with covariance ``Gamma/d``, and
delta, independent of it, ``Delta/d``. The error of ridge regression on all of them, on a fresh sample whose label is
real and has no noise, is bias + variance + zeta: what is due to ``w_1``, to the noise and to delta.
"""

from sympy import Interval, Rational, Symbol, oo, symbols

from derive import Dataset, Deterministic, RandomVector, atomic, dimensions, excess_risk, ridge
from models import Parameter, Theorem

n, d, n1, n2 = dimensions("n d n_1 n_2")
phi, p2, lam = (Symbol(name, positive=True) for name in ("phi", "p_2", "lambda"))
s1, s2 = (Symbol(name, nonnegative=True) for name in ("sigma_1", "sigma_2"))

Sigma, Gamma, Delta = (Deterministic(name, d, d, positive=True) for name in ("Sigma", "Gamma", "Delta"))
w1 = RandomVector("w_1", d, Gamma / d)
delta = RandomVector("delta", d, Delta / d)

real = Dataset("1", n1, target=w1, covariance=Sigma, noise=s1**2)
synthetic = Dataset("2", n2, target=w1 + delta, covariance=Sigma, noise=s2**2)
estimator = ridge(real, synthetic, penalty=lam, samples=n)
risk = excess_risk(estimator, w1, Sigma)

bias, variance, zeta = symbols("bias variance zeta")

theorem = Theorem(
    quantities={
        "bias": risk.due_to(w1),
        "variance": risk.due_to(real.epsilon, synthetic.epsilon),
        "zeta": risk.due_to(delta),
    },
    regime={d: phi * n, n1: (1 - p2) * n, n2: p2 * n},
    parameters=(
        Parameter(phi, Rational(1, 2), Interval.open(0, oo), "features per sample, d/n"),
        Parameter(p2, Rational(1, 5), Interval.open(0, 1), "share of synthetic samples, n_2/n"),
        Parameter(lam, Rational(1, 10), Interval.open(0, oo), "ridge"),
        Parameter(s1, Rational(1, 2), Interval(0, oo), "standard deviation of the noise of real labels"),
        Parameter(s2, Rational(1, 2), Interval(0, oo), "standard deviation of the noise of synthetic labels"),
    ),
    observables={"test_error": bias + variance + zeta},
    laws={(Sigma, Gamma, Delta): atomic([(1, 1, Rational(1, 2)), (2, 1, 1)])},
    reference="E. Dohmatob, Y. Feng, A. Subramonian and J. Kempe, Strong model collapse, arXiv:2410.04840, theorem for "
    "the classical linear model",
    trials=1000,
    axis=(p2, Rational(1, 100), Rational(99, 100)),
)
