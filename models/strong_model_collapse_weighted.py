"""Strong model collapse, weighted: two covariances, a third one for the test, weights.

As strong-model-collapse, but the ``n_1 = p_1 n`` real samples have covariance ``Sigma_1``, the ``n_2 = p_2 n``
synthetic ones ``Sigma_2``, and the fresh sample ``Sigma``. The loss is ``1/n`` times a weighted sum of squares; in all
the real samples weigh ``1 - a`` and the synthetic ones a; a = p_2/(p_1 + p_2) gives all samples the same weight. The
covariances need not commute, neither with each other nor with those of the coefficients, ``Gamma/d`` and ``Delta/d``.
"""

from sympy import Interval, Rational, Symbol, oo, symbols

from derive import Dataset, Deterministic, RandomVector, dimensions, excess_risk, ridge
from models import Parameter, Theorem

n, d, n1, n2 = dimensions("n d n_1 n_2")
phi, p1, p2, a, lam = (Symbol(name, positive=True) for name in ("phi", "p_1", "p_2", "a", "lambda"))
s1, s2 = (Symbol(name, nonnegative=True) for name in ("sigma_1", "sigma_2"))

Sigma1, Sigma2, Sigma = (Deterministic(name, d, d, positive=True) for name in ("Sigma_1", "Sigma_2", "Sigma"))
Gamma, Delta = (Deterministic(name, d, d, positive=True) for name in ("Gamma", "Delta"))
w1 = RandomVector("w_1", d, Gamma / d)
delta = RandomVector("delta", d, Delta / d)

real = Dataset("1", n1, target=w1, covariance=Sigma1, noise=s1**2, weight=(1 - a) / p1)
synthetic = Dataset("2", n2, target=w1 + delta, covariance=Sigma2, noise=s2**2, weight=a / p2)
estimator = ridge(real, synthetic, penalty=lam, samples=n)
risk = excess_risk(estimator, w1, Sigma)

bias, variance, zeta = symbols("bias variance zeta")
half = Rational(1, 2)

theorem = Theorem(
    quantities={
        "bias": risk.due_to(w1),
        "variance": risk.due_to(real.epsilon, synthetic.epsilon),
        "zeta": risk.due_to(delta),
    },
    regime={d: phi * n, n1: p1 * n, n2: p2 * n},
    parameters=(
        Parameter(phi, half, Interval.open(0, oo), "features per sample, d/n"),
        Parameter(p1, half, Interval.open(0, oo), "real samples, n_1/n"),
        Parameter(p2, half, Interval.open(0, oo), "synthetic samples, n_2/n"),
        Parameter(a, half, Interval.open(0, 1), "weight of all synthetic samples together"),
        Parameter(lam, Rational(1, 10), Interval.open(0, oo), "ridge"),
        Parameter(s1, half, Interval(0, oo), "standard deviation of the noise of real labels"),
        Parameter(s2, Rational(3, 10), Interval(0, oo), "standard deviation of the noise of synthetic labels"),
    ),
    observables={"test_error": bias + variance + zeta},
    laws={
        Sigma1: [[2, half], [half, half]],
        Sigma2: [[half, 0], [0, Rational(3, 2)]],
        Sigma: [[1, Rational(1, 5)], [Rational(1, 5), half]],
        Gamma: [[1, 0], [0, half]],
        Delta: [[half, Rational(1, 4)], [Rational(1, 4), half]],
    },
    reference="E. Dohmatob, Y. Feng, A. Subramonian and J. Kempe, Strong model collapse, arXiv:2410.04840, theorem for "
    "different covariances and corollary on weighted mixing",
    trials=1000,
    axis=(a, Rational(1, 100), Rational(99, 100)),
)
