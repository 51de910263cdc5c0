"""Random features: the kernel of a linearised random-feature model.

``F = W X + T`` is the Gaussian equivalent of m random features ``sigma(W x)`` of n samples of d inputs: zeta is the
squared linear coefficient of the activation, eta its variance, and ``T`` the part of it that is not linear. The
defaults are those of the centred ReLU, zeta = 1/4 and eta = 1/2 - 1/(2 pi), rounded to 17/50. The quantities are
normalised traces of ``K = (F'F + lambda)^-1`` alone and against the Gram matrix of the inputs.
"""

from sympy import Identity, Interval, Rational, Symbol, Trace, oo

from derive import Gaussian, dimensions
from models import Parameter, Theorem

n, d, m = dimensions("n d m")
phi, psi, zeta, eta, lam = (Symbol(name, positive=True) for name in ("phi", "psi", "zeta", "eta", "lambda"))

X = Gaussian("X", d, n, variance=1 / d)
W = Gaussian("W", m, d, variance=zeta / m)
T = Gaussian("T", m, n, variance=(eta - zeta) / m)
F = W * X + T
K = (F.T * F + lam * Identity(n)).I

theorem = Theorem(
    quantities={"tau_1": Trace(K) / n, "tau_2": Trace(X.T * X * K) / n},
    regime={d: phi * n, m: phi * n / psi},
    parameters=(
        Parameter(phi, Rational(3, 2), Interval.open(0, oo), "inputs per sample, d/n"),
        Parameter(psi, Rational(4, 5), Interval.open(0, oo), "inputs per feature, d/m"),
        Parameter(zeta, Rational(1, 4), Interval.open(0, oo), "squared linear coefficient of the activation"),
        Parameter(eta, Rational(17, 50), Interval(zeta, oo), "variance of the activation"),
        Parameter(lam, Rational(1, 10), Interval.open(0, oo), "ridge"),
    ),
    reference="B. Adlam and J. Pennington, The neural tangent kernel in high dimensions, arXiv:2008.06786",
    sizes=(48, 96, 192),
    axis=(psi, Rational(1, 10), 3),
)
