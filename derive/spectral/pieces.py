"""The bulk as Chebyshev series: on each piece between two singular points the law is analytic in a good variable.

At an end of ramification index r the transform is a power series in ``(x - a)^(1/r)`` times a power, so that with
``x - a ~ t^r`` the function ``m(x(t)) x'(t)`` is analytic on the closed piece: square-root edges (r = 2), hard edges
such as ``x^(-2/3)`` (r = 3) and plain points (r = 1) alike. A series in t then converges geometrically. Next to a hard
edge whose power of x carries a slowly varying factor there is no such t; there the logarithm of the distance serves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import beta, betainc, betaincinv

from ..errors import BranchError

__all__ = ["Logarithm", "Piece", "Variable", "expand"]

_SMALLEST, _LARGEST = 32, 512
_TAIL = 2e-14
_ROUGH = 1e-2
_LOOSE = 1e-12
_DEPTH = 60
_REACH = 32.0  # exp(-32) is the share of the mass beyond the last distance of a logarithm


Boundary = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


@dataclass(frozen=True)
class Variable:
    """``x(t)`` on 0 <= t <= 1, with ``x - low ~ t^turns[0]`` and ``high - x ~ (1 - t)^turns[1]``; one end may be
    infinite, where then ``|x| ~ (1 - t)^-turns[1]``.
    """

    low: float
    high: float
    turns: tuple[int, int]
    length: float

    def __call__(self, t: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
        """x(t); ``rest`` is 1 - t where it is known better than by subtraction."""
        r, s = self.turns
        rest = 1 - t if rest is None else rest
        if np.isinf(self.high):
            return self.low + self.length * t**r / rest**s
        if np.isinf(self.low):
            return self.high - self.length * rest**s / t**r
        # from the nearer end, so that the distance to a hard edge at 0 is exact
        left = self.low + self.length * betainc(r, s, t)
        return np.where(t < 0.5, left, self.high - self.length * betainc(s, r, rest))

    def slope(self, t: np.ndarray) -> np.ndarray:
        """dx/dt."""
        r, s = self.turns
        if np.isinf(self.high):
            return self.length * t ** (r - 1) * (r * (1 - t) + s * t) / (1 - t) ** (s + 1)
        if np.isinf(self.low):
            return self.length * (1 - t) ** (s - 1) * (s * t + r * (1 - t)) / t ** (r + 1)
        return self.length * t ** (r - 1) * (1 - t) ** (s - 1) / beta(r, s)

    def inverse(self, x: np.ndarray) -> np.ndarray:
        """t of x, clipped to the piece."""
        r, s = self.turns
        if np.isinf(self.high) or np.isinf(self.low):
            return self._bisected(x)
        part = np.clip((x - self.low) / self.length, 0, 1)
        return np.where(
            part < 0.5, betaincinv(r, s, part), 1 - betaincinv(s, r, np.clip((self.high - x) / self.length, 0, 1))
        )

    def halves(self) -> tuple[Variable, Variable]:
        """Two pieces that meet in the middle of this one."""
        middle = float(self(np.array(0.5)))
        (r, s) = self.turns
        return (
            Variable(self.low, middle, (r, 1), middle - self.low if np.isfinite(self.low) else self.length),
            Variable(middle, self.high, (1, s), self.high - middle if np.isfinite(self.high) else self.length),
        )

    def _bisected(self, x: np.ndarray) -> np.ndarray:
        low, high = np.zeros_like(x), np.ones_like(x)
        with np.errstate(divide="ignore"):
            for _ in range(60):
                middle = (low + high) / 2
                below = self(middle) < x
                low, high = np.where(below, middle, low), np.where(below, high, middle)
        return (low + high) / 2


@dataclass(frozen=True)
class Logarithm:
    """``log |x - edge|`` is linear in t, between two distances; ``side`` is the sign of ``x - edge``.

    The piece that is nearest to the edge counts as reaching it: the mass beyond ``near`` is below rounding.
    """

    edge: float
    near: float
    far: float
    side: int
    reaches: bool = True

    @property
    def low(self) -> float:
        return self._inner if self.side > 0 else self.edge - self.far

    @property
    def high(self) -> float:
        return self.edge + self.far if self.side > 0 else self._inner

    @property
    def _inner(self) -> float:
        return self.edge if self.reaches else self.edge + self.side * self.near

    @property
    def _rate(self) -> float:
        return float(np.log(self.far / self.near))

    def _distance(self, t: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
        away = t if self.side < 0 else 1 - t if rest is None else rest
        return self.far * np.exp(-self._rate * away)

    def __call__(self, t: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
        """x(t); ``rest`` is 1 - t where it is known better than by subtraction."""
        return self.edge + self.side * self._distance(t, rest)

    def slope(self, t: np.ndarray) -> np.ndarray:
        """dx/dt."""
        return self._rate * self._distance(t)

    def inverse(self, x: np.ndarray) -> np.ndarray:
        """t of x, clipped to the piece."""
        distance = np.clip(self.side * (x - self.edge), self.near, self.far)
        away = np.log(self.far / distance) / self._rate
        return away if self.side < 0 else 1 - away

    def halves(self) -> tuple[Logarithm, Logarithm]:
        """Two pieces that meet in the middle of this one, ascending."""
        middle = float(np.sqrt(self.near * self.far))
        inner = Logarithm(self.edge, self.near, middle, self.side, self.reaches)
        outer = Logarithm(self.edge, middle, self.far, self.side, False)
        return (inner, outer) if self.side > 0 else (outer, inner)


@dataclass(frozen=True, eq=False)
class Piece:
    """``series`` are the Chebyshev coefficients of ``m(x(t)) x'(t)`` on 0 <= t <= 1, m without the poles of atoms;
    ``error`` is the size of their tail.
    """

    variable: Variable | Logarithm
    series: np.ndarray
    error: float

    @cached_property
    def _rising(self) -> np.ndarray:
        """Coefficients of the mass below t."""
        return chebyshev.chebint(self.series.imag / np.pi, lbnd=-1, scl=0.5)

    @cached_property
    def mass(self) -> float:
        """The mass of the piece."""
        return float(chebyshev.chebval(1.0, self._rising))

    def below(self, t: np.ndarray) -> np.ndarray:
        """The mass below t."""
        return chebyshev.chebval(2 * t - 1, self._rising)

    def weight(self, t: np.ndarray) -> np.ndarray:
        """density(x(t)) x'(t)"""
        return chebyshev.chebval(2 * t - 1, self.series.imag) / np.pi

    def transform(self, t: np.ndarray) -> np.ndarray:
        """m(x(t) + i0), without the poles of atoms."""
        return chebyshev.chebval(2 * t - 1, self.series) / self.variable.slope(t)

    def quantile(self, mass: np.ndarray) -> np.ndarray:
        """t with the given mass below it: bisection, as the mass rises, then Newton."""
        low, high = np.zeros_like(mass), np.ones_like(mass)
        for _ in range(26):
            middle = (low + high) / 2
            under = self.below(middle) < mass
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        t = (low + high) / 2
        for _ in range(3):
            slope = self.weight(t)
            step = np.where(slope > 0, (self.below(t) - mass) / np.where(slope > 0, slope, 1), 0)
            t = np.clip(t - step, low, high)
        return np.where(mass <= 0, 0.0, np.where(mass >= self.mass * (1 - 4e-16), 1.0, t))


def expand(
    variable: Variable | Logarithm, boundary: Boundary, depth: int = 0, hard: float | None = None
) -> list[Piece]:
    """The series of one piece; the number of nodes doubles until the coefficients have fallen to rounding.

    ``boundary(x, slope, guesses)`` is m(x + i0) at ascending points, where ``m slope`` is smooth in the number of the
    point, and near the guesses if there are any. Where a singularity off the axis, or a neighbouring edge, is so near
    that this takes many nodes, the piece is halved. ``hard`` is an edge at which the logarithm may be tried.
    """
    count = _SMALLEST
    best: tuple[float, np.ndarray] | None = None
    while count <= _LARGEST:
        # Chebyshev points of the first kind: the ends, where m may be infinite, are not among them
        angle = (np.arange(count) + 0.5) * np.pi / count
        t = np.sin(angle / 2) ** 2
        slope = variable.slope(t)
        guesses = None if best is None or best[0] > _ROUGH else chebyshev.chebval(2 * t - 1, best[1])
        values = boundary(variable(t), slope, guesses) * slope
        series = _coefficients(values)
        size = np.abs(series.imag)
        tail = float(np.max(size[-max(4, count // 8) :]) / np.max(size))
        if best is None or tail < best[0]:
            best = (tail, series)
        if tail < _TAIL:
            break
        count *= 2
    assert best is not None
    tail, series = best
    if tail > _LOOSE and depth > 0 and isinstance(variable, Variable) and hard in (variable.low, variable.high):
        return expand(_logarithm(variable, hard), boundary, depth)
    if tail > _LOOSE and depth < _DEPTH:
        return [piece for half in variable.halves() for piece in expand(half, boundary, depth + 1, hard)]
    if tail > _LOOSE:
        raise BranchError(
            f"the density next to {variable.low:.10g} is not resolved: it is neither analytic nor a power there"
        )
    size = np.abs(series)
    keep = int(np.flatnonzero(size > 1e-17 * np.max(size))[-1]) + 1
    return [Piece(variable, series[:keep], tail)]


def _logarithm(variable: Variable, edge: float) -> Logarithm:
    """The logarithmic variable on the same piece: the mass near the edge falls like a power 1/turns."""
    side = 1 if edge == variable.low else -1
    turns = variable.turns[0] if side > 0 else variable.turns[1]
    length = variable.high - variable.low
    return Logarithm(edge, length * float(np.exp(-_REACH * max(turns, 2))), length, side)


def _coefficients(values: np.ndarray) -> np.ndarray:
    """Chebyshev coefficients from values at x_j = -cos(angle_j)."""
    series = _cosines(len(values)) @ values[::-1] * (2 / len(values))
    series[0] /= 2
    return series


@lru_cache(maxsize=8)
def _cosines(count: int) -> np.ndarray:
    angle = (np.arange(count) + 0.5) * np.pi / count
    return np.cos(np.outer(np.arange(count), angle))


def as_variable(low: Any, high: Any, turns: tuple[int, int], scale: float) -> Variable:
    """The variable of a piece between two ends; None is infinity."""
    a, b = -np.inf if low is None else float(low), np.inf if high is None else float(high)
    return Variable(a, b, turns, b - a if np.isfinite(b - a) else scale)
