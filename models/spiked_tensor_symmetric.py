"""Spiked symmetric tensor: its symmetric best rank-one approximation.

``T = beta x o ... o x + W`` has d modes of dimension n, a unit vector x and symmetric noise: an entry of W with
distinct indices has variance 1/(d! n). The quantities are the value ``T(u, ..., u)`` at the informative critical point
u on the sphere and the alignment ``<x, u>``, not squared. Below the threshold of existence the alignment vanishes.

The order d is that of :func:`spiked_tensor_symmetric`; the theorem of this file has d = 3.
"""

from sympy import Interval, Rational, Symbol, factorial, oo

from derive import GaussianTensor, Outer, Signal, best_rank_one, dimensions
from models import Parameter, Theorem

SIZES = {2: (40, 80, 160), 3: (14, 24, 40), 4: (10, 14, 20), 5: (8, 10, 12)}  # that a check simulates, by order


def spiked_tensor_symmetric(order: int = 3) -> Theorem:
    """Return the theorem at any order from 2 on.

    Examples
    --------
    >>> from models.spiked_tensor_symmetric import spiked_tensor_symmetric
    >>> round(spiked_tensor_symmetric(3).evaluate(beta=2)["alignment"], 9)
    0.953020614
    """
    n, beta = dimensions("n"), Symbol("beta", nonnegative=True)
    x = Signal("x", n, norm2=1)
    W = GaussianTensor("W", *[n] * order, variance=1 / (factorial(order) * n), symmetric=True)
    estimate = best_rank_one(beta * Outer(*[x] * order) + W)
    return Theorem(
        quantities={"singular_value": estimate.value, "alignment": estimate.overlap(x, 1)},
        regime={},
        parameters=(Parameter(beta, Rational(5, 2), Interval(0, oo), "strength of the signal"),),
        reference="J. H. de M. Goulart, R. Couillet and P. Comon, A random matrix perspective on random tensors, J. "
        "Mach. Learn. Res. 23 (2022); A. Jagannath, P. Lopatto and L. Miolane, Statistical thresholds for tensor PCA, "
        "Ann. Appl. Probab. 30 (2020)",
        sizes=SIZES.get(order, (6, 8, 10)),
        trials=1200,  # one singular value fluctuates more than a trace
        axis=(beta, 0, 3),
    )


theorem = spiked_tensor_symmetric()
