"""Hotelling deflation: two correlated spikes estimated one after the other.

``T_1 = beta_1 x_1 o x_2 o x_3 + beta_2 y_1 o y_2 o y_3 + W`` is n_1 x n_2 x n_3 with unit vectors, ``<x_k, y_k> =
alpha_k``, and noise of variance 1/N, where N is the sum of the dimensions. Its best rank-one approximation is taken
off: ``T_2 = T_1 - lambda_1 u_1 o u_2 o u_3``, and the same is done to T_2. The quantities are the singular values
lambda_1, lambda_2 of both steps; ``rho_ij_k``, the alignment of spike i (x is 1, y is 2) with the estimate of step j in
mode k; and ``eta_k``, that of the two estimates with one another, not squared.
"""

from sympy import Interval, Rational, oo, symbols

from derive import GaussianTensor, Outer, Signal, best_rank_one, dimensions
from models import Parameter, Theorem

N, *dims = dimensions("N n_1 n_2 n_3")
beta_1, beta_2 = symbols("beta_1 beta_2", positive=True)
alpha = symbols("alpha_1:4", nonnegative=True)
c_1, c_2 = symbols("c_1 c_2", positive=True)
MODES = (1, 2, 3)

x = tuple(Signal(f"x_{k}", dim, norm2=1) for k, dim in zip(MODES, dims, strict=True))
y = tuple(Signal(f"y_{k}", dim, norm2=1) for k, dim in zip(MODES, dims, strict=True))
W = GaussianTensor("W", *dims, variance=1 / sum(dims))
T_1 = beta_1 * Outer(*x) + beta_2 * Outer(*y) + W
first = best_rank_one(T_1)
second = best_rank_one(T_1 - first.value * Outer(*first.vectors))

theorem = Theorem(
    quantities={"lambda_1": first.value, "lambda_2": second.value}
    | {f"rho_11_{k}": first.overlap(v) for k, v in zip(MODES, x, strict=True)}
    | {f"rho_21_{k}": first.overlap(v) for k, v in zip(MODES, y, strict=True)}
    | {f"rho_12_{k}": second.overlap(v) for k, v in zip(MODES, x, strict=True)}
    | {f"rho_22_{k}": second.overlap(v) for k, v in zip(MODES, y, strict=True)}
    | {f"eta_{k}": second.overlap(u) for k, u in zip(MODES, first.vectors, strict=True)},
    regime={dim: ratio * N for dim, ratio in zip(dims, (c_1, c_2, 1 - c_1 - c_2), strict=True)},
    inner={(v, w): a for v, w, a in zip(x, y, alpha, strict=True)},
    parameters=(
        Parameter(beta_1, 4, Interval.open(0, oo), "strength of the spike x"),
        Parameter(beta_2, 3, Interval.open(0, oo), "strength of the spike y"),
        *(
            Parameter(a, Rational(1, 2), Interval.Ropen(0, 1), f"inner product of the spikes in mode {k}")
            for k, a in zip(MODES, alpha, strict=True)
        ),
        Parameter(c_1, Rational(5, 24), Interval.open(0, 1 - c_2), "ratio n_1/N"),
        Parameter(c_2, Rational(1, 3), Interval.open(0, 1 - c_1), "ratio n_2/N"),
    ),
    reference="M. E. A. Seddik, M. Mahfoud and M. Debbah, Optimizing orthogonalized tensor deflation via random tensor "
    "theory, arXiv:2302.05798; M. E. A. Seddik, J. H. de M. Goulart and M. Guillaud, Hotelling deflation on large "
    "symmetric spiked tensors, GRETSI 2023; the system printed in arXiv:2211.09004 lacks the joint resolvents",
    sizes=(48, 72, 120),
    trials=1000,  # one singular value fluctuates more than a trace
    axis=(beta_1, Rational(1, 2), 12),
)
