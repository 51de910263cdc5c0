"""The ground state of the pure noise, from the number of its critical points, and where a spike overtakes it.

Kac-Rice for ``W(u_1, ..., u_d)`` on unit spheres of dimensions ``c_i N``, entries of variance w/N: the exponent of the
mean number of critical points at the value x is

    sum_i (c_i/2) (1 - log(c_i w)) - x^2/(2 w) + int log|x - y| mu(dy),

volumes of the spheres times the density of a vanishing gradient, the density of the value, and the determinant of the
contraction matrix, mu its limiting spectral measure of mass sum c_i. Its logarithmic potential is stationary in the g:

    -x sum_i g_i - sum_i c_i log(-g_i/c_i) - (w/2) sum_{i != j} g_i g_j - sum_i c_i.

The largest x at which the exponent vanishes bounds the maximum of the noise; for equal dimensions and for symmetric
tensors it is the maximum (Auffinger, Ben Arous, Cerny; Subag).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath

from ..errors import ParameterError
from .network import Noise

if TYPE_CHECKING:
    from .tensor_limit import TensorLimit

__all__ = ["ground_state"]


def ground_state(limit: TensorLimit, params: dict, digits: int) -> Any:
    """The largest value of the pure noise on unit vectors, for equal dimensions (an mpmath number)."""
    read = limit.read
    noisy = [t for t in read.terms[0] if any(isinstance(f, Noise) for f in t.factors)]
    if len(read.terms) != 1 or len(noisy) != 1 or len(noisy[0].factors) != 1:
        raise ParameterError("the ground state is known for one noise, on all modes")
    known = limit.bind(params).exact()
    (weight,) = limit.derived.weights.values()
    exprs = [weight * noisy[0].coefficient ** 2, *(limit.ratios.growth(d)[0] for d in read.shape)]
    with mpmath.workdps(digits + 10):
        w, *c = (mpmath.mpf(str(e.xreplace(known).evalf(digits + 10))) for e in exprs)
        if read.symmetric:
            # E W(u)^2 = d! w/n: the tensor of d equal dimensions n/d whose value has this variance
            d = read.order
            w, c = w * mpmath.factorial(d), [mpmath.mpf(1) / d] * d
        elif max(c) - min(c) > mpmath.mpf(10) ** -8:
            raise ParameterError("the ground state is known for equal dimensions")
        edge = 2 * mpmath.sqrt(w * c[0] * (len(c) - 1))
        return +mpmath.findroot(lambda x: _exponent(x, w, c), (edge * mpmath.mpf("1.001"), 2 * edge), solver="anderson")


def _exponent(x: Any, w: Any, c: list[Any]) -> Any:
    """The exponent for equal dimensions, where all g_i are the same root of ``-g (x + (d - 1) w g) = c``."""
    d, size = len(c), c[0]
    g = (-x + mpmath.sqrt(x**2 - 4 * (d - 1) * w * size)) / (2 * (d - 1) * w)
    potential = -x * d * g - d * size * mpmath.log(-g / size) - w / 2 * d * (d - 1) * g**2 - d * size
    return d * size / 2 * (1 - mpmath.log(size * w)) - x**2 / (2 * w) + potential
