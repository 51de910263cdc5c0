"""Fuss-Catalan law: squared singular values of a product of Gaussian matrices.

``J = V W`` with independent entries of variance 1/n. The quantities are the normalised trace of ``(J J' + lambda)^-1``,
which is the Stieltjes transform to the left of the bulk, and the second and third moments of the spectrum of ``J J'``.
"""

from sympy import Identity, Interval, Rational, S, Symbol, Trace, oo

from derive import Gaussian, dimensions
from models import Parameter, Theorem

n = dimensions("n")
lam = Symbol("lambda", positive=True)

V, W = Gaussian("V", n, n, variance=S.One / n), Gaussian("W", n, n, variance=S.One / n)
J = V * W

theorem = Theorem(
    quantities={
        "resolvent": Trace((J * J.T + lam * Identity(n)).I) / n,
        "second_moment": Trace((J * J.T) ** 2) / n,
        "third_moment": Trace((J * J.T) ** 3) / n,
    },
    spectrum=J * J.T,
    regime={},
    parameters=(Parameter(lam, Rational(1, 10), Interval.open(0, oo), "ridge"),),
    reference="K. A. Penson and K. Zyczkowski, Product of Ginibre matrices: Fuss-Catalan and Raney distributions, "
    "Phys. Rev. E 83 (2011)",
    trials=1500,  # high moments fluctuate more than traces of resolvents
    axis=(lam, Rational(1, 100), 2),
)
