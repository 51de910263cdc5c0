"""Nested matrix-tensor model: its best rank-one approximation.

``T = beta_T M o z + W`` is p x n x m with ``M = beta_M x y' + Z``: unit vectors x, y, z, noise Z of variance 1/(p + n)
and W of variance 1/(p + n + m). It is the model of multi-view clustering: p features, n points, m views. The quantities
are the singular value of the best rank-one approximation of T and the alignments ``<x, u_1>``, ``<y, u_2>``,
``<z, u_3>`` of its vectors, not squared. Below the threshold in beta_M the first two vanish; the third does not unless
beta_T is weak, as the noise Z is multiplied by z as well.
"""

from sympy import Interval, Rational, Symbol, oo, symbols

from derive import Gaussian, GaussianTensor, Outer, Signal, best_rank_one, dimensions
from models import Parameter, Theorem

N, p, n, m = dimensions("N p n m")
beta_T, beta_M = Symbol("beta_T", positive=True), Symbol("beta_M", nonnegative=True)
c_p, c_n = symbols("c_p c_n", positive=True)

x, y, z = Signal("x", p, norm2=1), Signal("y", n, norm2=1), Signal("z", m, norm2=1)
Z = Gaussian("Z", p, n, variance=1 / (p + n))
W = GaussianTensor("W", p, n, m, variance=1 / (p + n + m))
M = beta_M * x * y.T + Z
estimate = best_rank_one(beta_T * Outer(M, z) + W)

theorem = Theorem(
    quantities={
        "singular_value": estimate.value,
        "alignment_x": estimate.overlap(x),
        "alignment_y": estimate.overlap(y),
        "alignment_z": estimate.overlap(z),
    },
    regime={p: c_p * N, n: c_n * N, m: (1 - c_p - c_n) * N},
    parameters=(
        Parameter(beta_T, 1, Interval.open(0, oo), "strength of the matrix in the tensor"),
        Parameter(beta_M, 2, Interval(0, oo), "strength of the signal in the matrix"),
        Parameter(c_p, Rational(1, 6), Interval.open(0, 1 - c_n), "ratio p/N, where N = p + n + m"),
        Parameter(c_n, Rational(11, 24), Interval.open(0, 1 - c_p), "ratio n/N"),
    ),
    reference="M. E. A. Seddik, M. Achab, H. Goulart and M. Debbah, A nested matrix-tensor model for noisy multi-view "
    "clustering, arXiv:2305.19992",
    sizes=(48, 72, 120),
    trials=1500,  # one singular value fluctuates more than a trace
    axis=(beta_M, 0, 5),
)
