"""Spiked tensor: its best rank-one approximation.

``T = beta x_1 o ... o x_d + W`` is n_1 x ... x n_d, with unit vectors x_k and noise of variance 1/N, where N is the sum
of the dimensions. The quantities are the singular value of the best rank-one approximation of T and the alignments
``<x_k, u_k>`` of its vectors with the signal, not squared. Below the threshold of existence no critical point knows the
signal, and the alignments vanish.

The order d is that of :func:`spiked_tensor`; the theorem of this file has d = 3. A file of one's own with
``from models.spiked_tensor import spiked_tensor`` and ``theorem = spiked_tensor(4)`` is the theorem at order 4.
"""

from sympy import Add, Interval, Rational, Symbol, oo

from derive import GaussianTensor, Outer, Signal, best_rank_one, dimensions
from models import Parameter, Theorem

MULTIPLES = {2: (20, 40, 80), 3: (6, 11, 21), 4: (4, 6, 8)}  # of the smallest dimension, that a check simulates


def spiked_tensor(order: int = 3) -> Theorem:
    """Return the theorem at any order from 2 on; the ratios ``c_k = n_k/N`` of all modes but the last are parameters.

    Examples
    --------
    >>> from models.spiked_tensor import spiked_tensor
    >>> [p.name for p in spiked_tensor(4).parameters]
    ['beta', 'c_1', 'c_2', 'c_3']
    >>> round(spiked_tensor(4).evaluate(beta=2, c_1="1/4", c_2="1/4", c_3="1/4")["singular_value"], 7)
    2.2590293
    """
    N, beta = dimensions("N"), Symbol("beta", nonnegative=True)
    dims = tuple(dimensions(f"n_{k}") for k in range(1, order + 1))
    free = tuple(Symbol(f"c_{k}", positive=True) for k in range(1, order))
    ratios = (*free, 1 - sum(free))

    x = tuple(Signal(f"x_{k}", dim, norm2=1) for k, dim in enumerate(dims, 1))
    W = GaussianTensor("W", *dims, variance=1 / Add(*dims))
    estimate = best_rank_one(beta * Outer(*x) + W)

    # unequal by default: the dimensions stand as 1 : 2 : ... : d
    unit = order * (order + 1) // 2
    shares = [Rational(k, unit) for k in range(1, order + 1)]
    return Theorem(
        quantities={"singular_value": estimate.value}
        | {f"alignment_{k}": estimate.overlap(vector) for k, vector in enumerate(x, 1)},
        regime={dim: ratio * N for dim, ratio in zip(dims, ratios, strict=True)},
        parameters=(
            Parameter(beta, 2, Interval(0, oo), "strength of the signal"),
            *(
                Parameter(c, share, Interval.open(0, 1 - sum(free) + c), f"ratio n_{k}/N")
                for k, (c, share) in enumerate(zip(free, shares, strict=False), 1)
            ),
        ),
        reference="M. E. A. Seddik, M. Guillaud and R. Couillet, When random tensors meet random matrices, Ann. Appl. "
        "Probab. 34 (2024), arXiv:2112.12348",
        sizes=tuple(multiple * unit for multiple in MULTIPLES.get(order, (4, 5, 6))),
        trials=800,  # one singular value fluctuates more than a trace
        axis=(beta, 0, 3),
    )


theorem = spiked_tensor()
