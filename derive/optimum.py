"""The smallest or largest value of a limit over one parameter: a scan, then the stationary point of every bracket.

Knows no limit: it is given a function that returns values and derivatives at points of a batch. A limit may jump (an
estimator changes its solution) or end (a threshold) inside the bounds; the record says when the optimum is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Optimum", "OptimumStatus", "Scanned", "locate"]

_POINTS = 33
_ROUNDS = 100
_CLOSE = 4e-16
# a bracket of the slope that closes on a jump keeps slopes of the size they had
_FLAT = 1e-6

# (which element of the batch, where) -> value and derivative, NaN where there is no limit
Objective = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class OptimumStatus(IntEnum):
    """What the optimum of one point of a batch is."""

    STATIONARY = 0
    BOUND = 1
    JUMP = 2
    ENDS = 3
    NOWHERE = 4

    @property
    def message(self) -> str:
        return _MESSAGES[self]


_MESSAGES = {
    OptimumStatus.STATIONARY: "a stationary point inside the bounds",
    OptimumStatus.BOUND: "at one of the bounds",
    OptimumStatus.JUMP: "at a jump: on its other side the limit is another solution; the value is approached from one "
    "side",
    OptimumStatus.ENDS: "where the limit ceases to exist; the value is approached from one side",
    OptimumStatus.NOWHERE: "there is no limit at any point between the bounds",
}


@dataclass(frozen=True)
class Optimum:
    """Where (``at``) a limit is smallest or largest, its ``value`` there, and what kind of point it is.

    Arrays over the batch, or numbers; ``status`` is an :class:`OptimumStatus`, and ``note`` its message for one point.
    """

    at: Any
    value: Any
    status: Any
    note: str = ""


class Scanned(NamedTuple):
    """Of every element of the batch: where, how much, and its status."""

    at: np.ndarray
    value: np.ndarray
    status: np.ndarray


@dataclass
class _Brackets:
    """Intervals (low, high), each of one element, with values and slopes at both ends."""

    element: np.ndarray
    x: np.ndarray  # (2, count)
    f: np.ndarray
    g: np.ndarray


def locate(objective: Objective, low: float, high: float, size: int) -> Scanned:
    """The minimum over (low, high) of every one of ``size`` elements.

    The scan has 33 points, spaced geometrically where the bounds are positive and far apart: two minima closer than
    that are not told apart.

    Examples
    --------
    >>> import numpy as np
    >>> from derive.optimum import locate
    >>> shift = np.array([0.3, 2.0])
    >>> found = locate(lambda k, x: ((x - shift[k])**2, 2*(x - shift[k])), 0, 1, 2)
    >>> found.at.round(12).tolist(), found.status.tolist()
    ([0.3, 1.0], [0, 1])
    """
    spread = np.geomspace if low > 0 and high > 100 * low else np.linspace
    grid = spread(low, high, _POINTS)
    grid[[0, -1]] = low, high
    f, g = objective(np.repeat(np.arange(size), _POINTS), np.tile(grid, size))
    f, g = f.reshape(size, _POINTS), g.reshape(size, _POINTS)
    at, value, status = np.full(size, np.nan), np.full(size, np.nan), np.full(size, int(OptimumStatus.NOWHERE))

    def offer(element: np.ndarray, x: np.ndarray, v: np.ndarray, kind: np.ndarray) -> None:
        for k, point, height, what in zip(element, x, v, kind, strict=True):
            if np.isfinite(height) and not height >= value[k] - 1e-15 * abs(value[k]):
                at[k], value[k], status[k] = point, height, what

    elements, places = np.nonzero((g[:, :-1] < 0) & (g[:, 1:] > 0))
    if elements.size:
        offer(*_stationary(objective, _brackets(elements, places, places + 1, grid, f, g)))
    offer(*_around_lowest(objective, grid, f, g))
    return Scanned(at, value, status)


def _brackets(
    elements: np.ndarray, lower: np.ndarray, upper: np.ndarray, grid: np.ndarray, f: np.ndarray, g: np.ndarray
) -> _Brackets:
    pair = np.stack([lower, upper])
    return _Brackets(elements, grid[pair], f[elements, pair], g[elements, pair])


def _stationary(objective: Objective, b: _Brackets) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The zero of the slope in every bracket: regula falsi with the Illinois rule, and bisection every fourth time."""
    weight = b.g.copy()
    start = np.max(np.abs(b.g), axis=0)
    last = np.zeros(b.element.size, dtype=int)
    for k in range(_ROUNDS):
        width = b.x[1] - b.x[0]
        open_ = width > 2 * _CLOSE * np.max(np.abs(b.x), axis=0)
        open_ &= np.min(np.abs(b.g), axis=0) > 1e-15 * start
        if not open_.any():
            break
        index = np.flatnonzero(open_)
        w = weight[:, index]
        cut = (b.x[0, index] * w[1] - b.x[1, index] * w[0]) / (w[1] - w[0])
        middle = (b.x[0, index] + b.x[1, index]) / 2
        inside = (cut > b.x[0, index]) & (cut < b.x[1, index]) & (k % 4 != 3)
        cut = np.where(inside, cut, middle)
        value, slope = objective(b.element[index], cut)
        side = np.where(
            slope < 0, 0, 1
        )  # a point without a limit counts as the far side: the bracket closes on its end
        again = last[index] == side + 1
        b.x[side, index], b.f[side, index], b.g[side, index] = cut, value, slope
        weight[side, index] = slope
        weight[1 - side, index] = np.where(again, weight[1 - side, index] / 2, b.g[1 - side, index])
        last[index] = side + 1
    best = np.where(b.f[0] <= b.f[1], 0, 1)
    best = np.where(np.isfinite(b.f[1]), best, 0)
    flat = np.nanmin(np.abs(b.g), axis=0) <= _FLAT * start
    best = np.where(flat, np.nanargmin(np.abs(b.g), axis=0), best)
    pick = np.arange(b.element.size)
    torn = np.where(np.isfinite(b.f).all(axis=0), OptimumStatus.JUMP, OptimumStatus.ENDS)
    kind = np.where(flat, OptimumStatus.STATIONARY, torn)
    return b.element, b.x[best, pick], b.f[best, pick], kind


def _around_lowest(
    objective: Objective, grid: np.ndarray, f: np.ndarray, g: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The lowest point of the scan: a bound, or one from which the limit falls towards a jump or its end."""
    elements = np.flatnonzero(np.isfinite(f).any(axis=1))
    lowest = np.argmin(np.where(np.isfinite(f), f, np.inf), axis=1)[elements]
    ahead = np.where(g[elements, lowest] < 0, 1, -1)
    neighbour = lowest + ahead
    outside = (neighbour < 0) | (neighbour >= len(grid)) | (g[elements, lowest] == 0)
    x, v = grid[lowest].copy(), f[elements, lowest].copy()
    end = (lowest == 0) | (lowest == len(grid) - 1)
    kind = np.where(end, OptimumStatus.BOUND, OptimumStatus.STATIONARY)
    # between two slopes of opposite signs there is a bracket, which has its own minimum
    next_ = np.clip(neighbour, 0, len(grid) - 1)
    falling = ~outside & ~(g[elements, next_] * ahead > 0)
    v[~outside & ~falling] = np.nan
    if falling.any():
        index = np.flatnonzero(falling)
        x[index], v[index], kind[index] = _jump(
            objective, _brackets(elements[index], lowest[index], next_[index], grid, f, g)
        )
    return elements, x, v, kind


def _jump(objective: Objective, b: _Brackets) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bisection for the place where the limit leaves the solution of the first end, on which it falls."""
    for _ in range(60):
        middle = (b.x[0] + b.x[1]) / 2
        value, slope = objective(b.element, middle)
        near = np.abs(value - b.f[0] - b.g[0] * (middle - b.x[0]))
        far = np.abs(value - b.f[1] - b.g[1] * (middle - b.x[1]))
        side = np.where(np.isfinite(value) & ~(near > far), 0, 1)
        pick = np.arange(middle.size)
        b.x[side, pick], b.f[side, pick], b.g[side, pick] = middle, value, slope
        if np.all(np.abs(b.x[1] - b.x[0]) <= 2e-12 * np.max(np.abs(b.x), axis=0)):
            break
    kind = np.where(np.isfinite(b.f[1]), OptimumStatus.JUMP, OptimumStatus.ENDS)
    return b.x[0], b.f[0], kind
