"""Orthogonalised deflation: one mode projected with a weight gamma between two estimates.

``T_1 = beta_1 x_1 o x_2 o x_3 + beta_2 y_1 o y_2 o y_3 + W`` as for Hotelling's deflation, and T_2 is T_1 with ``I -
gamma u_1 u_1'`` applied to its first mode, u_1 the vector that the best rank-one approximation of T_1 has there. At
gamma = 1 the second estimate is orthogonal to the first in that mode; a smaller weight keeps more of spike y. The
quantities are named as for ``tensor-deflation``.
"""

from sympy import Identity, Interval, Rational, Symbol, oo, symbols

from derive import GaussianTensor, ModeProduct, Outer, Signal, best_rank_one, dimensions
from models import Parameter, Theorem

N, *dims = dimensions("N n_1 n_2 n_3")
beta_1, beta_2 = symbols("beta_1 beta_2", positive=True)
alpha = symbols("alpha_1:4", nonnegative=True)
gamma = Symbol("gamma", real=True)
c_1, c_2 = symbols("c_1 c_2", positive=True)
MODES = (1, 2, 3)

x = tuple(Signal(f"x_{k}", dim, norm2=1) for k, dim in zip(MODES, dims, strict=True))
y = tuple(Signal(f"y_{k}", dim, norm2=1) for k, dim in zip(MODES, dims, strict=True))
W = GaussianTensor("W", *dims, variance=1 / sum(dims))
T_1 = beta_1 * Outer(*x) + beta_2 * Outer(*y) + W
first = best_rank_one(T_1)
u = first.vectors[0]
second = best_rank_one(ModeProduct(T_1, Identity(dims[0]) - gamma * u * u.T, 1))

theorem = Theorem(
    quantities={"lambda_1": first.value, "lambda_2": second.value}
    | {"rho_11_1": first.overlap(x[0]), "rho_21_1": first.overlap(y[0])}
    | {f"rho_12_{k}": second.overlap(v) for k, v in zip(MODES, x, strict=True)}
    | {f"rho_22_{k}": second.overlap(v) for k, v in zip(MODES, y, strict=True)}
    | {f"eta_{k}": second.overlap(v) for k, v in zip(MODES, first.vectors, strict=True)},
    regime={dim: ratio * N for dim, ratio in zip(dims, (c_1, c_2, 1 - c_1 - c_2), strict=True)},
    inner={(v, w): a for v, w, a in zip(x, y, alpha, strict=True)},
    parameters=(
        Parameter(gamma, Rational(4, 5), Interval.Lopen(0, 1), "weight of the projection"),
        Parameter(beta_1, 5, Interval.open(0, oo), "strength of the spike x"),
        Parameter(beta_2, Rational(7, 2), Interval.open(0, oo), "strength of the spike y"),
        *(
            Parameter(a, Rational(1, 2), Interval.Ropen(0, 1), f"inner product of the spikes in mode {k}")
            for k, a in zip(MODES, alpha, strict=True)
        ),
        Parameter(c_1, Rational(1, 3), Interval.open(0, 1 - c_2), "ratio n_1/N"),
        Parameter(c_2, Rational(1, 3), Interval.open(0, 1 - c_1), "ratio n_2/N"),
    ),
    reference="M. E. A. Seddik, M. Mahfoud and M. Debbah, Optimizing orthogonalized tensor deflation via random tensor "
    "theory, arXiv:2302.05798",
    sizes=(45, 72, 120),
    trials=700,  # one singular value fluctuates more than a trace
    axis=(gamma, Rational(11, 20), Rational(19, 20)),
)
