"""Spiked Wigner: the largest eigenvalue and its eigenvector.

``M = W + theta u u'`` is a symmetric noise matrix, entries of variance v/n, plus a signal of rank one along the unit
vector u. The quantities are the largest eigenvalue of M and the squared alignment of its eigenvector with u. Below the
threshold the eigenvalue sticks to the edge of the bulk and the alignment vanishes.
"""

from sympy import Interval, Symbol, oo

from derive import Alignment, Eigenvalue, Signal, Wigner, dimensions
from models import Parameter, Theorem

n = dimensions("n")
theta, v = Symbol("theta", nonnegative=True), Symbol("v", positive=True)

W = Wigner("W", n, variance=v / n)
u = Signal("u", n, norm2=1)
M = W + theta * u * u.T

theorem = Theorem(
    quantities={"location": Eigenvalue(M), "alignment": Alignment(M, u)},
    spectrum=M,
    regime={},
    parameters=(
        Parameter(theta, 2, Interval(0, oo), "strength of the signal"),
        Parameter(v, 1, Interval.open(0, oo), "variance of an entry of W, times n"),
    ),
    reference="S. Peche, The largest eigenvalue of small rank perturbations of Hermitian random matrices, Probab. "
    "Theory Relat. Fields 134 (2006); F. Benaych-Georges and R. R. Nadakuditi, Adv. Math. 227 (2011)",
    trials=1000,  # one eigenvalue fluctuates more than a trace
    axis=(theta, 0, 3),
)
