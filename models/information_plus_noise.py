"""Information plus noise: a general deterministic matrix, a spike and noise.

``Y = A + theta u v' + Z`` is p x n. A is deterministic with a known law of its min(p, n) singular values, u and v are
unit vectors in the span of its singular vectors, Z is noise of variance 1/n. The quantities are the largest eigenvalue
of ``Y Y'`` and the squared alignment of its eigenvector with u. The default law spreads u and v evenly over the
singular vectors of A.
"""

from sympy import Interval, Rational, Symbol, oo

from derive import Alignment, Deterministic, Eigenvalue, Gaussian, Signal, dimensions, joint
from models import Parameter, Theorem

n, p = dimensions("n p")
c, theta = Symbol("c", positive=True), Symbol("theta", nonnegative=True)

A = Deterministic("A", p, n)
Z = Gaussian("Z", p, n, variance=1 / n)
u, v = Signal("u", p, norm2=1), Signal("v", n, norm2=1)
Y = A + theta * u * v.T + Z

theorem = Theorem(
    quantities={"location": Eigenvalue(Y * Y.T), "alignment": Alignment(Y * Y.T, u)},
    spectrum=Y * Y.T,
    regime={p: c * n},
    parameters=(
        Parameter(theta, Rational(3, 2), Interval(0, oo), "strength of the spike"),
        Parameter(c, Rational(1, 2), Interval.open(0, oo), "aspect ratio p/n"),
    ),
    laws={(A, u, v): joint({A: [1, 3], u: [1, 1], v: [1, 1]})},
    reference="R. B. Dozier and J. W. Silverstein, J. Multivariate Anal. 98 (2007); W. Hachem, P. Loubaton, J. "
    "Najim and P. Vallet, On bilinear forms based on the resolvent of large random matrices, Ann. Inst. H. Poincare 49 "
    "(2013)",
    trials=600,  # one eigenvalue fluctuates more than a trace
    axis=(theta, 0, 3),
)
