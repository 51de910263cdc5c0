"""Free additive convolution: the spectrum of a sum in general position.

``A`` and ``B`` are symmetric with known limiting spectral laws, the eigenvectors of ``B`` Haar distributed. The
quantity is the Stieltjes transform of the spectrum of the sum, with the sign ``(A + B - z)^-1``. On the real axis z
must lie outside the bulk.
"""

from sympy import I, Identity, Rational, S, Symbol, Trace

from derive import Deterministic, Free, atomic, dimensions
from models import Parameter, Theorem

n = dimensions("n")
z = Symbol("z")

A = Deterministic("A", n, n, symmetric=True)
B = Free("B", n)

theorem = Theorem(
    quantities={"stieltjes": Trace((A + B - z * Identity(n)).I) / n},
    spectrum=A + B,
    regime={},
    parameters=(Parameter(z, Rational(1, 2) + I, S.Complexes, "spectral parameter"),),
    laws={A: atomic([-2, -1, 1], ["1/2", "1/4", "1/4"]), B: atomic([-1, 2], ["2/3", "1/3"])},
    reference="D. Voiculescu, Addition of certain non-commuting random variables, J. Funct. Anal. 66 (1986)",
    axis=(z, 4, 8),
)
