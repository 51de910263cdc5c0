"""Two groups: the resolvent of a sum of two sample covariance matrices.

Group k has ``n_k = p_k n`` samples of d features with covariance Sigma_k, its square root being ``S_k``; all are
divided by sqrt(n). The two covariances need not commute: their traces stay in order, and their joint law, or the
matrices themselves, are given at evaluation.
"""

from sympy import Identity, Interval, Rational, Symbol, Trace, oo

from derive import Deterministic, Gaussian, atomic, dimensions
from models import Parameter, Theorem

n, d, n1, n2 = dimensions("n d n_1 n_2")
f, p1, p2, lam = (Symbol(name, positive=True) for name in ("f", "p_1", "p_2", "lambda"))

Sigma1 = Deterministic("Sigma_1", d, d, positive=True)
Sigma2 = Deterministic("Sigma_2", d, d, positive=True)
Z1 = Gaussian("Z_1", n1, d, variance=1 / n)
Z2 = Gaussian("Z_2", n2, d, variance=1 / n)
X1 = Z1 * Sigma1 ** Rational(1, 2)
X2 = Z2 * Sigma2 ** Rational(1, 2)

theorem = Theorem(
    quantities={"resolvent": Trace((X1.T * X1 + X2.T * X2 + lam * Identity(d)).I) / d},
    regime={d: f * n, n1: p1 * n, n2: p2 * n},
    parameters=(
        Parameter(f, Rational(1, 2), Interval.open(0, oo), "features per sample, d/n"),
        Parameter(p1, Rational(2, 5), Interval.open(0, oo), "proportion of the first group, n_1/n"),
        Parameter(p2, Rational(3, 5), Interval.open(0, oo), "proportion of the second group, n_2/n"),
        Parameter(lam, Rational(3, 10), Interval.open(0, oo), "ridge"),
    ),
    laws={(Sigma1, Sigma2): atomic([(1, 3), (4, Rational(1, 2))])},
    reference="Z. Bai and J. Silverstein, Spectral Analysis of Large Dimensional Random Matrices (2010), chapter 4; "
    "two sources: E. Dohmatob et al., Strong model collapse, arXiv:2410.04840",
    axis=(f, Rational(1, 10), 3),
)
