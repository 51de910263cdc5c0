"""Unfolding of the nested matrix-tensor model: outlier, alignment and clustering by its second mode.

``T = beta_T M o z + W`` is n_1 x n_2 x n_3 with ``M = beta_M x y' + Z``: unit vectors x, z, labels y of +-1/sqrt(n_2),
noise Z of variance 1/(n_1 + n_2) and W of variance 1/n, n = n_1 + n_2 + n_3. T is unfolded along mode 2 and y is
estimated by the first left singular vector. The strength grows with the dimensions, ``beta_T^2 = rho_T s`` with
``s = sqrt(n_1 n_2 n_3)/n``. The quantities are the largest eigenvalue of the Gram matrix of the unfolding, less
n_1 n_3/n and divided by s, and the squared alignment of its eigenvector with y; accuracy is the fraction of labels that
the signs of the eigenvector get right, up to a swap. The ratio of the sides is finite at a finite size, so the limit is
approached like n^(-1/2) only.
"""

from sympy import Interval, Rational, Symbol, oo, symbols

from derive import (
    Agreement,
    Alignment,
    Eigenvalue,
    Eigenvector,
    Gaussian,
    GaussianTensor,
    Labels,
    Outer,
    Signal,
    Unfolded,
    dimensions,
)
from models import Parameter, Theorem, accuracy

n, n_1, n_2, n_3 = dimensions("n n_1 n_2 n_3")
rho_T, beta_M = Symbol("rho_T", positive=True), Symbol("beta_M", positive=True)
c_1, c_2, alignment = symbols("c_1 c_2 alignment", positive=True)

x, y, z = Signal("x", n_1, norm2=1), Labels("y", n_2, norm2=1), Signal("z", n_3, norm2=1)
Z = Gaussian("Z", n_1, n_2, variance=1 / (n_1 + n_2))
W = GaussianTensor("W", n_1, n_2, n_3, variance=1 / n)
M = beta_M * x * y.T + Z
scale = (n_1 * n_2 * n_3) ** Rational(1, 2) / n
beta_T = (rho_T * scale) ** Rational(1, 2)

Y = Unfolded(beta_T * Outer(M, z) + W, 2)
G = Y * Y.T

theorem = Theorem(
    quantities={"outlier": (Eigenvalue(G) - n_1 * n_3 / n) / scale, "alignment": Alignment(G, y)},
    regime={n_1: c_1 * n, n_2: c_2 * n, n_3: (1 - c_1 - c_2) * n},
    parameters=(
        Parameter(rho_T, 1, Interval.open(0, oo), "strength of the matrix in the tensor, beta_T^2/s"),
        Parameter(beta_M, 2, Interval.open(0, oo), "strength of the signal in the matrix"),
        Parameter(c_1, Rational(1, 4), Interval.open(0, 1 - c_2), "ratio n_1/n"),
        Parameter(c_2, Rational(1, 4), Interval.open(0, 1 - c_1), "ratio n_2/n"),
    ),
    # given the alignment an entry of the eigenvector is its label plus Gaussian noise
    observables={"accuracy": accuracy(alignment ** Rational(1, 2), 1 - alignment)},
    measured={"accuracy": Agreement(y, Eigenvector(G))},
    reference="H. Lebeau, M. E. A. Seddik and J. H. de Morais Goulart, Performance gaps in multi-view clustering under "
    "the nested matrix-tensor model, arXiv:2402.10677",
    sizes=(48, 96, 192),
    trials=1400,
    resolution=0.05,  # of an extrapolation in n^(-1/2)
    axis=(rho_T, Rational(1, 20), 3),
)
