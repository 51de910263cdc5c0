"""Free multiplicative convolution: the spectrum of a product in general position.

``A`` and ``B`` are positive with known limiting spectral laws, the eigenvectors of ``B`` Haar distributed. The quantity
is the Stieltjes transform of the spectrum of ``A^(1/2) B A^(1/2)``, which is that of ``A B``, with the sign
``(M - z)^-1``. On the real axis z must lie outside the bulk.
"""

from sympy import I, Identity, Rational, S, Symbol, Trace

from derive import Deterministic, Free, atomic, dimensions
from models import Parameter, Theorem

n = dimensions("n")
z = Symbol("z")

A = Deterministic("A", n, n, positive=True)
B = Free("B", n, positive=True)
half = A ** Rational(1, 2)

theorem = Theorem(
    quantities={"stieltjes": Trace((half * B * half - z * Identity(n)).I) / n},
    regime={},
    parameters=(Parameter(z, 2 + I, S.Complexes, "spectral parameter"),),
    laws={A: atomic([1, 4], ["1/2", "1/2"]), B: atomic([1, 3], ["3/4", "1/4"])},
    reference="D. Voiculescu, Multiplication of certain non-commuting random variables, J. Operator Theory 18 (1987)",
    axis=(z, -4, Rational(-1, 4)),
)
