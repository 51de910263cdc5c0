"""Label-noise-aware classifier: ridge on scores that correct for flipped labels.

n samples ``x = mu y + z`` in dimension p, with white noise z. A share pi of the labels is -1. A label -1 is seen as
+1 with probability epsilon_m, a label +1 as -1 with probability epsilon_p. The loss of Natarajan et al. with
parameters (rho_m, rho_p) and squared error fits the scores ``s = lambda_p`` where +1 is seen and ``s = -lambda_m``
where -1 is, with ``lambda_p = (1 - rho_m + rho_p)/(1 - rho_p - rho_m)`` and ``lambda_m = (1 - rho_p + rho_m)/(1 -
rho_p - rho_m)``: rho = 0 is the naive classifier, rho = epsilon the unbiased one; an oracle sees true labels, epsilon
= rho = 0.

The classifier is ``w = (X X'/n + gamma)^-1 X s/n``. Labels and scores enter through their correlation ``a`` and the
mean square ``b`` of the scores. On a fresh sample of the positive class the score ``w'x`` is Gaussian given w.
"""

from sympy import Identity, Interval, Rational, Symbol, oo, symbols

from derive import Gaussian, Signal, dimensions
from models import Parameter, Theorem, accuracy

n, p = dimensions("n p")
eta, gamma, norm_mu, pi = (Symbol(name, positive=True) for name in ("eta", "gamma", "norm_mu", "pi"))
epsilon_m, epsilon_p = (Symbol(name, nonnegative=True) for name in ("epsilon_m", "epsilon_p"))
rho_m, rho_p, a = (Symbol(name, real=True) for name in ("rho_m", "rho_p", "a"))
b = Symbol("b", positive=True)

lambda_p = (1 - rho_m + rho_p) / (1 - rho_p - rho_m)
lambda_m = (1 - rho_p + rho_m) / (1 - rho_p - rho_m)
# (probability, label, score)
types = [
    ((1 - pi) * (1 - epsilon_p), 1, lambda_p),
    ((1 - pi) * epsilon_p, 1, -lambda_m),
    (pi * epsilon_m, -1, lambda_p),
    (pi * (1 - epsilon_m), -1, -lambda_m),
]

mu = Signal("mu", p, norm2=norm_mu**2)
y, s = Signal("y", n, norm2=n), Signal("s", n, norm2=b * n)
X = mu * y.T + Gaussian("Z", p, n)
w = (X * X.T / n + gamma * Identity(p)).I * X * s / n

mean, variance = symbols("mean variance")

theorem = Theorem(
    quantities={"mean": mu.T * w, "variance": w.T * w},
    regime={p: eta * n},
    inner={(y, s): a * n},
    where={
        a: sum(weight * label * score for weight, label, score in types),
        b: sum(weight * score**2 for weight, _, score in types),
    },
    parameters=(
        Parameter(eta, Rational(1, 2), Interval.open(0, oo), "features per sample, p/n"),
        Parameter(gamma, 1, Interval.open(0, oo), "ridge"),
        Parameter(norm_mu, 2, Interval.open(0, oo), "distance of a class mean from 0"),
        Parameter(pi, Rational(3, 10), Interval.open(0, 1), "share of the label -1"),
        Parameter(epsilon_m, Rational(1, 10), Interval(0, 1), "probability that -1 is seen as +1"),
        Parameter(epsilon_p, Rational(1, 5), Interval(0, 1), "probability that +1 is seen as -1"),
        Parameter(rho_m, Rational(1, 10), Interval.open(-oo, oo), "what the loss takes epsilon_m for"),
        Parameter(rho_p, Rational(1, 5), Interval.open(-oo, oo), "what the loss takes epsilon_p for"),
    ),
    observables={"accuracy": accuracy(mean, variance), "risk": variance + mean**2 + 1 - 2 * mean},
    # of the classifiers of one sample: their exact conditional accuracy
    measured={"accuracy": accuracy(mean, variance)},
    reference="Learning with noisy labels in high dimension, arXiv:2405.14088; N. Natarajan et al., NIPS (2013)",
    sizes=(40, 80, 160),
    trials=6000,  # bilinear forms fluctuate more than traces
    axis=(rho_p, -1, Rational(1, 2)),
)
