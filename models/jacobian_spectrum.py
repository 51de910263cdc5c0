"""Jacobian spectrum: the squared singular values of a deep network's Jacobian.

``J = D_3 W_3 D_2 W_2 D_1 W_1`` with weights of variance sigma2/n and ``D_l = diag(phi'(h_l))``: as many masks as
weights, the last one included. The laws of the ``D_l`` are those of phi' of a Gaussian preactivation; by default they
are those of ReLU, zeros and ones with equal probability, whatever its variance. The quantity is the normalised trace of
``(J J' + lambda)^-1``; the initialisation of He et al., sigma2 = 2, keeps the mean squared singular value at 1.

The simulation is that of the network itself, whose masks depend on its weights and on its input.
"""

from sympy import Identity, Integer, Interval, Symbol, Trace, oo

from derive import Deterministic, Gaussian, derivative_law, dimensions
from models import Network, Parameter, Theorem, relu

n = dimensions("n")
sigma2, lam = Symbol("sigma2", positive=True), Symbol("lambda", positive=True)

weights = [Gaussian(f"W_{l}", n, n, variance=sigma2 / n) for l in (1, 2, 3)]
masks = [Deterministic(f"D_{l}", n, n, symmetric=True) for l in (1, 2, 3)]

J = Identity(n)
for W, D in zip(weights, masks, strict=True):
    J = D * W * J

theorem = Theorem(
    quantities={"resolvent": Trace((J * J.T + lam * Identity(n)).I) / n},
    spectrum=J * J.T,
    regime={},
    parameters=(
        Parameter(sigma2, Integer(2), Interval.open(0, oo), "variance of a weight, times n"),
        Parameter(lam, Integer(1), Interval.open(0, oo), "ridge"),
    ),
    laws={D: derivative_law(relu, 1) for D in masks},
    dependent=Network(relu, zip(weights, masks, strict=True)),
    reference="J. Pennington, S. Schoenholz and S. Ganguli, The emergence of spectral universality in deep networks, "
    "AISTATS (2018)",
    trials=800,  # the number of active units fluctuates
    axis=(sigma2, 1, 4),
)
