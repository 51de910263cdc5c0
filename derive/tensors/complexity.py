"""The ground state of the pure noise: the largest value at which its critical points are not exponentially rare.

The exponent of their mean number is that of :mod:`.kac_rice`, computed from the model. Where it vanishes bounds the
maximum of the noise; for equal dimensions and for symmetric tensors it is the maximum (Auffinger, Ben Arous, Cerny;
Subag).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from scipy.optimize import brentq
from sympy import Symbol

from ..errors import ParameterError
from ..lower.program import compile_program
from .critical import newton_digits
from .edge import DysonEdge, newton_point, values_of
from .kac_rice import CriticalPoints, count_critical_points
from .network import Noise
from .noiseless import numbers_of

if TYPE_CHECKING:
    from .tensor_limit import TensorLimit

__all__ = ["ground_state"]


def ground_state(limit: TensorLimit, params: dict, digits: int) -> Any:
    """The largest value of the pure noise on unit vectors, for equal dimensions (an mpmath number)."""
    read = limit.read
    noisy = [t for t in read.terms[0] if any(isinstance(f, Noise) for f in t.factors)]
    if len(read.terms) != 1 or len(noisy) != 1 or len(noisy[0].factors) != 1:
        raise ParameterError("the ground state is known for one noise, on all modes")
    binding = limit.bind(params)
    exact = binding.exact()
    env = {s: float(v) for s, v in exact.items()}
    sizes = numbers_of([limit.ratios.growth(d)[0] for d in dict.fromkeys(read.shape)], env, 1)
    if np.ptp(np.concatenate(sizes)) > 1e-8:
        raise ParameterError("the ground state is known for equal dimensions")
    found = count_critical_points(limit.derived, dict.fromkeys(dict.fromkeys(read.blocks), ()))
    names = [*found.traces, *found.multipliers, found.value]
    rows = [*found.dyson, *(found.exponent.diff(y) for y in found.multipliers), found.exponent]
    start = _start(found, env)
    with mpmath.workdps(digits + 10):
        return newton_digits(rows, names, list(start), exact, digits)[-1]


def _start(found: CriticalPoints, env: dict[Symbol, float]) -> np.ndarray:
    """The root in double precision, by bisection between the edge and a value at which the noise has no critical point.

    The exponent falls with the value: its derivative is minus the multiplier of the value less the sum of the traces.
    """
    end = DysonEdge(found.dyson, found.traces, found.value)
    conditions = compile_program([found.exponent.diff(y) for y in found.multipliers])
    exponent = compile_program([found.exponent])
    edge, _, _ = end.below(env, *end.above(env))

    def point(value: float) -> np.ndarray:
        # from 0 Newton's iteration meets the resolvent's traces first, whatever the value above the edge
        traces = newton_point(end.dyson, found.traces, np.zeros(len(found.traces)), {**env, found.value: value})
        assert traces is not None
        here = {**env, found.value: value, **dict(zip(found.traces, traces, strict=True))}
        # linear in the multipliers
        gap, covariance = values_of(conditions, {**here, **dict.fromkeys(found.multipliers, 0.0)}, found.multipliers)
        return np.array([*traces, *np.linalg.solve(covariance, -gap), value])

    def height(value: float) -> float:
        here = dict(zip([*found.traces, *found.multipliers, found.value], point(value), strict=True))
        return float(values_of(exponent, {**env, **here}, [])[0][0])

    if height(edge * (1 + 1e-9)) <= 0:
        raise ParameterError(
            "the critical points of the noise at the edge of its contraction matrix are not exponentially many, so "
            "that its largest value is the edge"
        )
    top = 2 * edge
    while height(top) > 0:
        top *= 2
    return point(brentq(height, edge * (1 + 1e-9), top, xtol=1e-13))
