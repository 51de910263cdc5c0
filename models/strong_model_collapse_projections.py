"""Strong model collapse, projections: random features of real and synthetic data.

As strong-model-collapse, but the model is ``x -> v'S'x``, where S is d x m with independent entries of variance 1/d,
and ``|v|^2`` is penalised: m is the size of the model. Real and synthetic samples have the same covariance Sigma.
"""

from sympy import Interval, Rational, Symbol, oo, symbols

from derive import Dataset, Deterministic, Gaussian, RandomVector, atomic, dimensions, excess_risk, ridge
from models import Parameter, Theorem

n, d, m, n1, n2 = dimensions("n d m n_1 n_2")
phi, psi, p2, lam = (Symbol(name, positive=True) for name in ("phi", "psi", "p_2", "lambda"))
s1, s2 = (Symbol(name, nonnegative=True) for name in ("sigma_1", "sigma_2"))

Sigma, Gamma, Delta = (Deterministic(name, d, d, positive=True) for name in ("Sigma", "Gamma", "Delta"))
w1 = RandomVector("w_1", d, Gamma / d)
delta = RandomVector("delta", d, Delta / d)
S = Gaussian("S", d, m, variance=1 / d)

real = Dataset("1", n1, target=w1, covariance=Sigma, noise=s1**2)
synthetic = Dataset("2", n2, target=w1 + delta, covariance=Sigma, noise=s2**2)
estimator = ridge(real, synthetic, penalty=lam, samples=n, features=S)
risk = excess_risk(estimator, w1, Sigma)

bias, variance, zeta = symbols("bias variance zeta")

theorem = Theorem(
    quantities={
        "bias": risk.due_to(w1),
        "variance": risk.due_to(real.epsilon, synthetic.epsilon),
        "zeta": risk.due_to(delta),
    },
    regime={d: phi * n, m: psi * n, n1: (1 - p2) * n, n2: p2 * n},
    parameters=(
        Parameter(phi, Rational(3, 2), Interval.open(0, oo), "dimension of the data per sample, d/n"),
        Parameter(psi, Rational(1, 2), Interval.open(0, oo), "features per sample, m/n"),
        Parameter(p2, Rational(1, 5), Interval.open(0, 1), "share of synthetic samples, n_2/n"),
        Parameter(lam, Rational(1, 50), Interval.open(0, oo), "ridge"),
        Parameter(s1, Rational(1, 2), Interval(0, oo), "standard deviation of the noise of real labels"),
        Parameter(s2, Rational(1, 2), Interval(0, oo), "standard deviation of the noise of synthetic labels"),
    ),
    observables={"test_error": bias + variance + zeta},
    laws={(Sigma, Gamma, Delta): atomic([(1, 1, Rational(1, 2)), (2, 1, 1)])},
    reference="E. Dohmatob, Y. Feng, A. Subramonian and J. Kempe, Strong model collapse, arXiv:2410.04840, theorem for "
    "the random projections model",
    trials=1000,
    axis=(psi, Rational(1, 10), 3),
)
