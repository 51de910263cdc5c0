"""Jacobian stability: the norm of a layer with sparse, correlated weights.

``J = D W`` with ``W = Z + theta u u'`` and ``D = diag(phi'(W x))``, by default that of ReLU. A fraction s of the
entries of Z is removed at random; those that stay are larger by the factor r in variance. The entries of u are
+-1/sqrt(n), so that theta u u' is what a common factor adds to all weights: correlations of order theta^2/n between
them, up to signs. The quantity is the largest eigenvalue of ``J J'``. It depends on sigma2 (1 - s) r alone, hence not
on sparsity when r = 1/(1 - s), and on theta above a threshold only: correlations of smaller order than 1/n leave a
layer stable. (With u = (1, ..., 1)/sqrt(n) the active units are aligned with u, and the eigenvalue is larger.)

Depth multiplies free layers, see jacobian-spectrum. Pruning by magnitude leaves more of the variance than the fraction
1 - s: r is then the inverse of the variance that :func:`derive.meanfield.magnitude_pruning` returns.
"""

from sympy import Integer, Interval, Rational, Symbol, oo

from derive import Deterministic, Eigenvalue, Gaussian, Signal, dimensions, joint
from models import Network, Parameter, Theorem, relu, sparse

n = dimensions("n")
sigma2, r = Symbol("sigma2", positive=True), Symbol("r", positive=True)
theta, s = Symbol("theta", nonnegative=True), Symbol("s", nonnegative=True)

Z = Gaussian("Z", n, n, variance=sigma2 * (1 - s) * r / n)
u = Signal("u", n, norm2=1)
D = Deterministic("D", n, n, symmetric=True)
W = Z + theta * u * u.T
J = D * W

theorem = Theorem(
    quantities={"largest": Eigenvalue(J * J.T)},
    spectrum=J * J.T,
    regime={},
    parameters=(
        Parameter(theta, Integer(3), Interval(0, oo), "strength of the factor common to all weights"),
        Parameter(sigma2, Integer(2), Interval.open(0, oo), "variance of a weight before pruning, times n"),
        Parameter(s, Rational(1, 2), Interval.Ropen(0, 1), "fraction of the weights that is removed"),
        Parameter(r, Integer(2), Interval.open(0, oo), "factor on the variance of the weights that stay"),
    ),
    laws={(D, u): joint({D: [0, 1, 0, 1], u: [1, 1, -1, -1]})},
    entries=sparse(1 - s),
    dependent=Network(relu, [(W, D)]),
    reference="arXiv:2506.08764; J. Baik, G. Ben Arous and S. Peche, Ann. Probab. 33 (2005) for the threshold",
    sizes=(60, 120, 240),
    trials=1600,  # one eigenvalue fluctuates more than a trace
    axis=(theta, Rational(1, 2), 4),
)
