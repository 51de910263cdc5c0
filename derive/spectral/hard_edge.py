"""Boundary values next to a hard edge at 0, where the solver of the limit stops: continued from where it does not.

With a law that has values close to 0 the transform grows like a power of x times a slowly varying function, over many
decades. Newton's method on the reduced system follows it down, a decade at a time, from a start in which every unknown
continues its own power of x. Where rounding leaves less than eight digits, the unknowns are so close to their powers
that these alone go on. The solution keeps an absolute accuracy of about 1e-15 in the mass it carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
from sympy import Symbol

from ..result import Limit
from ..solve.evaluate import Batch, finish, reduced_jacobian
from ..solve.linear import solve_dense

__all__ = ["Anchor", "anchor", "continued"]

_DECADE = 10.0
_NEWTON = 14
_ENOUGH = 1e-13
_STALLED = 1e-8  # a step that no longer shrinks is rounding, below this relative size
_STEADY = 1e-3  # how much the powers of x may still change from a decade to the next where they are continued as such


@dataclass(frozen=True)
class Anchor:
    """The two solutions next to 0 that the solver of the limit found, the nearer one last."""

    x: tuple[float, float]
    unknowns: tuple[np.ndarray, np.ndarray]


def anchor(law: Limit, z: Symbol, params: Mapping[Any, Any], reach: float) -> Anchor | None:
    """Where to continue from; ``reach`` is the far end of the bulk on the side that is meant, with its sign."""
    places = reach * np.logspace(-0.5, -12, 24)
    found = law.evaluate({**params, z: places + 0j}, full_output=True)
    lost = np.flatnonzero(np.asarray(found.status) != 0)
    last = int(lost[0]) if lost.size else len(places)
    if last < 2:
        return None
    names = law.system.unknowns
    unknowns = [np.array([complex(found.unknowns[u][k]) for u in names]) for k in (last - 2, last - 1)]
    return Anchor((float(places[last - 2]), float(places[last - 1])), (unknowns[0], unknowns[1]))


def continued(law: Limit, z: Symbol, params: Mapping[Any, Any], start: Anchor, x: np.ndarray) -> np.ndarray:
    """m(x + i0) at points between 0 and the anchor, NaN from where the solution is lost."""
    out = np.full(x.shape, np.nan, dtype=complex)
    order = np.argsort(-np.abs(x))
    places, unknowns = start.x, start.unknowns
    before = power = _power(places, unknowns)
    done = 0
    while done < len(order):
        horizon = abs(places[1]) / _DECADE
        chunk = order[done:][np.abs(x[order[done:]]) >= horizon]
        # a waypoint where nothing is asked within the decade
        targets = x[chunk] if chunk.size else np.array([np.copysign(horizon, places[1])])
        values, found = _newton(law, z, params, targets, _extrapolated(places[1], unknowns[1], power, targets))
        if not np.all(np.isfinite(found)):
            if np.max(np.abs(power - before)) < _STEADY:
                rest = order[done:]
                ahead = _extrapolated(places[1], unknowns[1], power, x[rest])
                out[rest] = _values(law, z, params, x[rest], ahead)
            break
        out[chunk] = values[: chunk.size]
        done += chunk.size
        if abs(targets[-1]) < abs(places[1]) * 0.5:
            places, unknowns = (places[1], float(targets[-1])), (unknowns[1], found[:, -1])
            before, power = power, _power(places, unknowns)
    return out


def _power(places: tuple[float, float], unknowns: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The power of x that every unknown follows between two places; 0 where it follows none."""
    with np.errstate(all="ignore"):
        power = np.log(unknowns[1] / unknowns[0]) / np.log(places[1] / places[0])
    return np.where(np.isfinite(power), power, 0)


def _extrapolated(place: float, unknowns: np.ndarray, power: np.ndarray, x: np.ndarray) -> np.ndarray:
    return unknowns[:, None] * (x / place) ** power[:, None]


def _values(law: Limit, z: Symbol, params: Mapping[Any, Any], x: np.ndarray, unknowns: np.ndarray) -> np.ndarray:
    numbers = Batch(law.derivation, law.bind({**params, z: x + 0j}), xp).numbers()
    found = finish(law.system, dict(zip(law.system.unknowns, unknowns, strict=True)), numbers.env, numbers)
    (value,) = found.values()
    return np.asarray(value)


def _newton(
    law: Limit, z: Symbol, params: Mapping[Any, Any], x: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Values and unknowns at x, NaN where Newton's method failed."""
    numbers = Batch(law.derivation, law.bind({**params, z: x + 0j}), xp).numbers()
    names = law.system.unknowns
    unknowns = dict(zip(names, start, strict=True))
    size = np.full(x.shape, np.inf)
    settled = np.zeros(x.shape, dtype=bool)
    for _ in range(_NEWTON):
        residual, rows = reduced_jacobian(law.system, unknowns, numbers.env, numbers.algebra)
        step = solve_dense(numbers.algebra.kind, rows, [-r for r in residual])
        unknowns = {u: unknowns[u] + d for u, d in zip(names, step, strict=True)}
        moved = np.max([np.abs(d) / (np.abs(v) + 1e-300) for d, v in zip(step, unknowns.values(), strict=True)], axis=0)
        settled = (moved < _ENOUGH) | ((moved < _STALLED) & (moved > size / 4))
        size = moved
        if settled.all():
            break
    (value,) = finish(law.system, unknowns, numbers.env, numbers).values()
    lost = np.where(settled, 0, np.nan)
    return value + lost, np.array([unknowns[u] + lost for u in names])
