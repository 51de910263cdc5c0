"""Model collapse in regression: ridge on labels from generations of least-squares fits.

Each generation fits least squares to ``n_0`` fresh samples, more than there are features, with labels of the previous
generation plus noise; the first one learns from ``w_0``, with random directions of covariance ``Gamma/d``. Ridge
regression is then fitted to n samples labelled by the last generation, and its error is measured against ``w_0``. A
least-squares fit returns the previous coefficients and an independent error with the law of the first generation's: the
generations all add the same to the error, and collapse is what they add together.
"""

from sympy import Integer, Interval, Rational, Symbol, oo, symbols

from derive import Dataset, Deterministic, RandomVector, atomic, dimensions, excess_risk, least_squares, ridge
from models import Parameter, Theorem

n, d, n0 = dimensions("n d n_0")
phi, phi0, lam = (Symbol(name, positive=True) for name in ("phi", "phi_0", "lambda"))
sigma, sigma0, generations = (Symbol(name, nonnegative=True) for name in ("sigma", "sigma_0", "generations"))

Sigma, Gamma = (Deterministic(name, d, d, positive=True) for name in ("Sigma", "Gamma"))
w0 = RandomVector("w_0", d, Gamma / d)

generation = Dataset("0", n0, target=w0, covariance=Sigma, noise=sigma0**2)
data = Dataset("1", n, target=least_squares(generation), covariance=Sigma, noise=sigma**2)
risk = excess_risk(ridge(data, penalty=lam), w0, Sigma)

bias, variance, collapse = symbols("bias variance collapse")

theorem = Theorem(
    quantities={
        "bias": risk.due_to(w0),
        "variance": risk.due_to(data.epsilon),
        "collapse": generations * risk.due_to(generation.epsilon),
    },
    regime={d: phi * n, n0: phi / phi0 * n},
    parameters=(
        Parameter(phi, Rational(1, 2), Interval.open(0, oo), "features per sample of the ridge, d/n"),
        Parameter(phi0, Rational(1, 3), Interval.open(0, 1), "features per sample of a generation, d/n_0"),
        Parameter(lam, Rational(1, 10), Interval.open(0, oo), "ridge"),
        Parameter(sigma, Rational(1, 2), Interval(0, oo), "standard deviation of the noise of the last labels"),
        Parameter(sigma0, Rational(3, 10), Interval(0, oo), "standard deviation of the noise of a generation"),
        Parameter(generations, Integer(3), Interval(0, oo), "generations"),
    ),
    observables={"test_error": bias + variance + collapse},
    laws={(Sigma, Gamma): atomic([(1, 1), (2, 1)])},
    reference="E. Dohmatob, Y. Feng and J. Kempe, Model collapse demystified: the case of regression, arXiv:2402.07712",
    trials=1000,
    axis=(phi, Rational(1, 10), 3),
)
