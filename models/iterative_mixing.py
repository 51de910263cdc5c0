"""Iterative mixing: real data and data labelled by the previous model, round after round.

In every round least squares is fitted to ``n_1`` real samples and ``n_2 = p_2 n`` samples whose labels are those of the
previous model plus noise. All n samples of a round are fresh; there are more of them than features. The first model is
``w + delta``, ``|delta|^2 = c2``. The features are white, so that the error of a model is in no particular direction
for the fresh samples of the next round and only its length matters: a part of the error is kept, and one that is due to
the noise is added. two_rounds is the error of the second model, from both rounds at once, and real_only that of least
squares on the real samples of one round.
"""

from sympy import Identity, Integer, Interval, Rational, Symbol, oo, symbols

from derive import Dataset, RandomVector, after_rounds, dimensions, excess_risk, least_squares, stationary
from models import Parameter, Theorem

n, d, n1, n2 = dimensions("n d n_1 n_2")
phi, p2 = (Symbol(name, positive=True) for name in ("phi", "p_2"))
sigma, c2 = (Symbol(name, nonnegative=True) for name in ("sigma", "c2"))

w = RandomVector("w", d, Identity(d) / d)
delta = RandomVector("delta", d, Identity(d) / d * c2)


def fit(k, previous):
    real = Dataset(f"{k}_real", n1, target=w, noise=sigma**2)
    synthetic = Dataset(f"{k}_synthetic", n2, target=previous, noise=sigma**2)
    return real, synthetic, least_squares(real, synthetic)


real, synthetic, first = fit(1, w + delta)
_, _, second = fit(2, first)
risk = excess_risk(first, w)

kept, added, error = symbols("kept added error")
next_error = kept * error + added

theorem = Theorem(
    quantities={
        "kept": risk.due_to(delta) / c2,
        "added": risk.due_to(real.epsilon, synthetic.epsilon),
        "two_rounds": excess_risk(second, w).total,
        "real_only": excess_risk(least_squares(real), w).total,
    },
    regime={d: phi * n, n1: (1 - p2) * n, n2: p2 * n},
    parameters=(
        Parameter(phi, Rational(1, 5), Interval.open(0, 1 - p2), "features per sample of a round, d/n"),
        Parameter(p2, Rational(1, 2), Interval.open(0, 1), "share of synthetic samples, n_2/n"),
        Parameter(sigma, Integer(1), Interval(0, oo), "standard deviation of the noise of all labels"),
        Parameter(c2, Integer(1), Interval(0, oo), "squared error of the first model"),
    ),
    observables={
        "three_rounds": after_rounds(next_error, error, c2, 3),
        "many_rounds": stationary(next_error, error),
    },
    reference="E. Dohmatob, Y. Feng, A. Subramonian and J. Kempe, Strong model collapse, arXiv:2410.04840, corollary "
    "on iterative mixing",
    sizes=(60, 120, 240),
    trials=500,
    axis=(p2, Rational(1, 20), Rational(3, 4)),
)
