"""Model collapse in regression, interpolating: generations of minimum-norm fits.

Each generation fits ``n_0 = eta d`` fresh samples labelled by the previous generation plus noise, and of all
coefficients that interpolate them takes those of least norm. The first one learns from w, ``|w|^2 = r2``. Of the error
of a generation the next one keeps a part, forgets some of w, and adds an error due to the noise; two_generations is the
error of the second one, from both at once.
"""

from sympy import Identity, Integer, Interval, Rational, Symbol, oo, symbols

from derive import Dataset, RandomVector, after_rounds, dimensions, excess_risk, least_squares, stationary
from models import Parameter, Theorem

d, n0 = dimensions("d n_0")
eta = Symbol("eta", positive=True)
sigma0, r2 = (Symbol(name, nonnegative=True) for name in ("sigma_0", "r2"))

w = RandomVector("w", d, Identity(d) / d * r2)
delta = RandomVector("delta", d, Identity(d) / d)

data = Dataset("1", n0, target=w + delta, noise=sigma0**2)
risk = excess_risk(least_squares(data, minimum_norm=True), w)

first = least_squares(Dataset("1", n0, target=w, noise=sigma0**2), minimum_norm=True)
second = least_squares(Dataset("2", n0, target=first, noise=sigma0**2), minimum_norm=True)

kept, forgotten, added, error = symbols("kept forgotten added error")
next_error = kept * error + forgotten + added

theorem = Theorem(
    quantities={
        "kept": risk.due_to(delta),
        "forgotten": risk.due_to(w),
        "added": risk.due_to(data.epsilon),
        "two_generations": excess_risk(second, w).total,
    },
    regime={n0: eta * d},
    parameters=(
        Parameter(eta, Rational(1, 2), Interval.open(0, 1), "samples of a generation per feature, n_0/d"),
        Parameter(r2, Integer(1), Interval(0, oo), "squared norm of the first coefficients"),
        Parameter(sigma0, Rational(3, 10), Interval(0, oo), "standard deviation of the noise of a generation"),
    ),
    observables={
        "three_generations": after_rounds(next_error, error, 0, 3),
        "many_generations": stationary(next_error, error),
    },
    reference="E. Dohmatob, Y. Feng and J. Kempe, Model collapse demystified: the case of regression, arXiv:2402.07712",
    trials=300,
    axis=(eta, Rational(1, 20), Rational(19, 20)),
)
