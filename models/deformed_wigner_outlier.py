"""Deformed Wigner matrix with a spike: its outlier and the eigenvector of that.

``M = A + theta u u' + W``: A is symmetric with a known spectral law, W a Wigner matrix with entries of variance v/n,
u a unit vector that the default law spreads evenly over the eigenvectors of A. The quantities are the largest
eigenvalue of M and the squared alignment of its eigenvector with u.
"""

from sympy import Interval, Symbol, oo

from derive import Alignment, Deterministic, Eigenvalue, Signal, Wigner, dimensions, joint
from models import Parameter, Theorem

n = dimensions("n")
theta, v = Symbol("theta", nonnegative=True), Symbol("v", positive=True)

A = Deterministic("A", n, n, symmetric=True)
W = Wigner("W", n, variance=v / n)
u = Signal("u", n, norm2=1)
M = A + theta * u * u.T + W

theorem = Theorem(
    quantities={"location": Eigenvalue(M), "alignment": Alignment(M, u)},
    spectrum=M,
    regime={},
    parameters=(
        Parameter(theta, 3, Interval(0, oo), "strength of the spike"),
        Parameter(v, 1, Interval.open(0, oo), "variance of an entry of W, times n"),
    ),
    laws={(A, u): joint({A: [-1, 2], u: [1, 1]})},
    reference="M. Capitaine, C. Donati-Martin, D. Feral and M. Fevrier, Free convolution with a semicircular "
    "distribution and eigenvalues of spiked deformations of Wigner matrices, Electron. J. Probab. 16 (2011)",
    trials=400,  # one eigenvalue fluctuates more than a trace
    axis=(theta, 0, 6),
)
