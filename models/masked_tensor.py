"""Masked tensor: the best rank-one approximation of what was observed.

Every entry of the spiked tensor ``beta x o y o z + W`` is kept with probability epsilon, independently, and set to 0
otherwise; x, y, z are unit vectors whose entries are spread out, the noise W is n_1 x n_2 x n_3 with variance 1/N,
where N is the sum of the dimensions. The quantities are the singular value of the best rank-one approximation and the
alignments ``<x, u_1>``, ``<y, u_2>``, ``<z, u_3>`` of its vectors, not squared.
"""

from sympy import Interval, Rational, Symbol, oo, symbols

from derive import GaussianTensor, Masked, Outer, Signal, best_rank_one, dimensions
from models import Parameter, Theorem

N, n_1, n_2, n_3 = dimensions("N n_1 n_2 n_3")
beta, epsilon = Symbol("beta", nonnegative=True), Symbol("epsilon", positive=True)
c_1, c_2 = symbols("c_1 c_2", positive=True)

x, y, z = Signal("x", n_1, norm2=1), Signal("y", n_2, norm2=1), Signal("z", n_3, norm2=1)
W = GaussianTensor("W", n_1, n_2, n_3, variance=1 / (n_1 + n_2 + n_3))
estimate = best_rank_one(Masked(beta * Outer(x, y, z) + W, epsilon))

theorem = Theorem(
    quantities={
        "singular_value": estimate.value,
        "alignment_x": estimate.overlap(x),
        "alignment_y": estimate.overlap(y),
        "alignment_z": estimate.overlap(z),
    },
    regime={n_1: c_1 * N, n_2: c_2 * N, n_3: (1 - c_1 - c_2) * N},
    parameters=(
        Parameter(beta, 3, Interval(0, oo), "strength of the signal"),
        Parameter(epsilon, Rational(1, 2), Interval.Lopen(0, 1), "probability with which an entry is kept"),
        Parameter(c_1, Rational(1, 4), Interval.open(0, 1 - c_2), "ratio n_1/N"),
        Parameter(c_2, Rational(1, 3), Interval.open(0, 1 - c_1), "ratio n_2/N"),
    ),
    reference="M. E. A. Seddik, M. Guillaud and R. Couillet, When random tensors meet random matrices, Ann. Appl. "
    "Probab. 34 (2024), arXiv:2112.12348, for epsilon = 1",
    sizes=(72, 108, 180),
    trials=300,
    # the mask makes a noise of the signal, of variance N^-2 relative to that of W: at these sizes it outweighs the rest
    exponent=2,
    axis=(beta, 0, 5),
)
