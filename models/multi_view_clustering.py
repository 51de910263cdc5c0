"""Multi-view clustering: accuracy of the best rank-one approximation of a tensor.

n points of two clusters are seen through m views in p features: ``T = (mu y' + Z) o h + W`` is p x n x m with the mean
``mu``, labels y of +-1/sqrt(n), the weights h of the views, noise Z of variance 1/(p + n) of the points and W of
variance 1/(p + n + m) of the measurements. The labels are estimated by the signs of the second vector of the best
rank-one approximation. The quantities are its alignment with y and that of the third vector with h, not squared;
accuracy is the fraction of points in their cluster, up to a swap of the two.
"""

from sympy import Interval, Rational, Symbol, oo, symbols

from derive import Agreement, Gaussian, GaussianTensor, Labels, Outer, Signal, best_rank_one, dimensions
from models import Parameter, Theorem, accuracy

N, p, n, m = dimensions("N p n m")
norm_mu, norm_h = Symbol("norm_mu", nonnegative=True), Symbol("norm_h", positive=True)
c_p, c_n, alignment = symbols("c_p c_n alignment", positive=True)

# unit vectors along mu and h
u, y, w = Signal("u", p, norm2=1), Labels("y", n, norm2=1), Signal("w", m, norm2=1)
Z = Gaussian("Z", p, n, variance=1 / (p + n))
W = GaussianTensor("W", p, n, m, variance=1 / (p + n + m))
estimate = best_rank_one(norm_h * Outer(norm_mu * u * y.T + Z, w) + W)

theorem = Theorem(
    quantities={"alignment": estimate.overlap(y), "views": estimate.overlap(w)},
    regime={p: c_p * N, n: c_n * N, m: (1 - c_p - c_n) * N},
    parameters=(
        Parameter(norm_mu, Rational(3, 2), Interval(0, oo), "half the distance between the cluster means"),
        Parameter(norm_h, Rational(3, 2), Interval.open(0, oo), "strength of the views"),
        Parameter(c_p, Rational(5, 17), Interval.open(0, 1 - c_n), "ratio p/N, where N = p + n + m"),
        Parameter(c_n, Rational(10, 17), Interval.open(0, 1 - c_p), "ratio n/N"),
    ),
    # an entry of the estimate is its label times the alignment, plus Gaussian noise
    observables={"accuracy": accuracy(alignment, 1 - alignment**2)},
    measured={"accuracy": Agreement(y, estimate.vectors[1])},
    reference="M. E. A. Seddik, M. Achab, H. Goulart and M. Debbah, A nested matrix-tensor model for noisy multi-view "
    "clustering, arXiv:2305.19992",
    sizes=(51, 102, 153),
    trials=900,
    axis=(norm_mu, 0, 3),
)
