"""Edges and atoms without an algebraic curve: laws with a density, or an elimination that is too large.

The boundary values on a grid say inside or outside; the grid is refined at dips of the density, where a narrow gap may
hide, and the ends are located from inside, where the square of the density (or of its inverse) is analytic through a
square-root edge. Nothing proves that no interval was missed except the mass, which is checked by whoever integrates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from sympy import Expr, Float, Integer, Rational

from ..errors import BranchError
from .support import Interval, Support

__all__ = ["NumericEdge", "numeric_support"]

Transform = Callable[[np.ndarray], np.ndarray]
Refine = Callable[[float, float, int], Any]

_GRID = 601
_NODES = 24
_QUIET = 1e-9  # Im m relative to |m| below which a boundary value is real
_SNAP = 1e-9
_NOISE = 1e-6


@dataclass(frozen=True, eq=False)
class NumericEdge:
    """An edge in double precision; ``inside`` is a distance (with sign) that leads into the bulk."""

    value: float
    inside: float
    refine: Refine | None

    @property
    def exact(self) -> Rational | None:
        """0 where the edge is 0."""
        return Integer(0) if self.value == 0 else None

    def digits(self, digits: int) -> Any:
        """The edge as a branch point of the equations, by Newton's method."""
        import mpmath

        if self.value == 0:
            return mpmath.mpf(0)
        if self.refine is None:
            raise BranchError(f"the edge at {self.value:.15g} is known to double precision only")
        return self.refine(self.value, self.inside, digits)

    def __float__(self) -> float:
        return self.value


class _Scan:
    """Boundary values that were computed, by place."""

    def __init__(self, transform: Transform):
        self.transform = transform
        self.x = np.zeros(0)
        self.m = np.zeros(0, dtype=complex)

    def add(self, points: np.ndarray) -> None:
        points = np.setdiff1d(points, self.x)
        if points.size:
            values = self.transform(points + 0j)
            good = np.isfinite(values)
            self.x = np.concatenate([self.x, points[good]])
            self.m = np.concatenate([self.m, values[good]])
            order = np.argsort(self.x)
            self.x, self.m = self.x[order], self.m[order]

    @property
    def inside(self) -> np.ndarray:
        return self.m.imag > _QUIET * (1 + np.abs(self.m))


def numeric_support(transform: Transform, refine: Refine | None = None) -> Support:
    """Intervals and atoms from boundary values; ``refine(edge, inside, digits)`` sharpens an edge."""
    reach = _reach(transform)
    scan = _Scan(transform)
    small = reach * np.logspace(-9, -1, 33)
    scan.add(np.concatenate([np.linspace(-reach, reach, _GRID), small, -small]))
    while scan.inside[0] or scan.inside[-1]:
        reach *= 2
        if reach > 1e12:
            raise BranchError("the spectrum seems to be unbounded; without an algebraic curve its edges are not found")
        scan.add(np.concatenate([np.linspace(-reach, reach, _GRID)]))
    _dips(scan)
    _narrow(scan)
    inside = scan.inside
    starts = np.flatnonzero(inside & ~np.r_[False, inside[:-1]])
    ends = np.flatnonzero(inside & ~np.r_[inside[1:], False])
    if not starts.size:
        raise BranchError("no point of the bulk was found: the density is 0 wherever it was computed")
    brackets = [(scan.x[i - 1], scan.x[i], scan.x[j], scan.x[j + 1]) for i, j in zip(starts, ends, strict=True)]
    intervals = []
    for k, (out_low, low, high, out_high) in enumerate(brackets):
        left = np.inf if k == 0 else low - brackets[k - 1][2]
        right = np.inf if k == len(brackets) - 1 else brackets[k + 1][1] - high
        a, r = _edge(transform, out_low, low, min(left, high - low), reach, refine)
        b, s = _edge(transform, out_high, high, -min(right, high - low), reach, refine)
        middle = _middle(transform, a.value, b.value, reach)
        intervals.append(Interval((a, *(m for m, _ in middle), b), (r, *(t for _, t in middle), s)))
    return Support(tuple(intervals), _atoms(transform, scan, reach))


def _reach(transform: Transform) -> float:
    """A length beyond most of the spectrum: from the second moment in the tail of m."""
    height = 1.0
    for _ in range(60):
        z = 1j * height
        share = 1 - float(np.real(-z * transform(np.array([0.01 * height + z]))[0]))
        if abs(share) < 1e-3:
            break
        height *= 2
    return 5 * height * float(np.sqrt(abs(share) + 1e-6))


def _dips(scan: _Scan) -> None:
    """Refine around minima of the density between two points inside until one lies outside or the dip is resolved."""
    for _ in range(6):
        inside, height = scan.inside, scan.m.imag
        inner = np.flatnonzero(inside[1:-1] & inside[:-2] & inside[2:]) + 1
        dips = inner[(height[inner] <= height[inner - 1]) & (height[inner] <= height[inner + 1])]
        # a dip that is flat on its own scale hides nothing
        deep = [k for k in dips if height[k] < 0.999 * max(height[k - 1], height[k + 1])]
        if not deep:
            return
        scan.add(np.concatenate([np.linspace(scan.x[k - 1], scan.x[k + 1], 67)[1:-1] for k in deep]))


def _narrow(scan: _Scan) -> None:
    """Close every bracket of an edge to nine digits."""
    for _ in range(9):
        inside = scan.inside
        change = np.flatnonzero(inside[1:] != inside[:-1])
        wide = [k for k in change if scan.x[k + 1] - scan.x[k] > 1e-9 * max(abs(scan.x[k]), abs(scan.x[k + 1]))]
        wide = [k for k in wide if scan.x[k + 1] - scan.x[k] > 1e-12 * np.max(np.abs(scan.x))]
        if not wide:
            return
        scan.add(np.concatenate([np.linspace(scan.x[k], scan.x[k + 1], 18)[1:-1] for k in wide]))


def _edge(
    transform: Transform, outside: float, inside: float, room: float, reach: float, refine: Refine | None
) -> tuple[NumericEdge, int]:
    """The edge between two close points, ``room`` being the signed distance to the next singular point."""
    guess = (outside + inside) / 2
    sign = 1.0 if room > 0 else -1.0
    if abs(guess) < 1e-5 * reach:
        # the solver stops short of 0; a density that grows towards it has its edge there
        grows = _power(transform(sign * min(abs(room), reach) * np.array([1e-4, 1e-3]) + 0j).imag) < 0
        guess = 0.0 if grows or abs(guess) < _SNAP * reach else guess
    # 0 is the place of poles and hard edges
    room = sign * min(abs(room), reach, abs(guess) or reach)
    places = guess + room * np.array([1e-4, 1e-3])
    heights = transform(places + 0j).imag
    power = _power(heights)
    turns = max(power.denominator, 2)
    if guess != 0 and power in (Fraction(1, 2), Fraction(-1, 2)):
        # the square of the density, or of its inverse, is analytic there and vanishes at the edge
        nodes = (1 - np.cos((np.arange(_NODES) + 0.5) * np.pi / _NODES)) / 2
        step = 0.25 * room
        squares = transform(guess + step * (nodes + 1e-6) + 0j).imag ** (4 * float(power))
        if np.all(np.isfinite(squares)):
            fit = np.polynomial.Chebyshev.fit(nodes + 1e-6, squares, _NODES - 1, domain=[0, 1])
            t = 0.0
            for _ in range(8):
                slope = float(fit.deriv()(t))
                t -= float(fit(t)) / slope if slope else 0.0
            if abs(t * step) < 100 * abs(inside - outside) + 1e-7 * abs(room):
                guess = guess + t * step
    return NumericEdge(float(guess), 1e-3 * room, refine), turns


def _power(heights: np.ndarray) -> Fraction:
    """The exponent of the density from its values at distances d and 10 d."""
    if not (np.all(np.isfinite(heights)) and np.all(heights > 0)):
        return Fraction(1, 2)
    return Fraction(float(np.log10(heights[1] / heights[0]))).limit_denominator(6)


def _middle(transform: Transform, low: float, high: float, reach: float) -> list[tuple[NumericEdge, int]]:
    """The origin, where the density inside the bulk may have a power of its own."""
    if not low < 0 < high:
        return []
    distance = min(-low, high)
    heights = transform(distance * np.array([1e-7, 1e-6]) + 0j).imag
    if not np.all(np.isfinite(heights)):
        return []
    power = _power(heights)
    return [(NumericEdge(0.0, distance, None), power.denominator)] if power.denominator > 1 else []


def _atoms(transform: Transform, scan: _Scan, reach: float) -> dict[Expr, Expr]:
    """An atom at 0, and poles between points outside the bulk: m rises there unless it passes through one."""
    atoms: dict[Expr, Expr] = {}
    heights = reach * np.array([1e-5, 1e-6])
    # beside the imaginary axis, where a batch of points can be singular for the solver
    masses = heights * (1 + 1e-6) * transform(1e-3 * heights + 1j * heights).imag
    if np.all(np.isfinite(masses)) and masses[1] > 1e-3 and abs(masses[0] / masses[1] - 1) < 1e-3:
        atoms[Integer(0)] = Float(float(masses[1]), 12)
    inside, m = scan.inside, scan.m.real
    # not by rounding: two points that close the bracket of an edge are almost the same
    falls = np.flatnonzero(~inside[1:] & ~inside[:-1] & (m[1:] < m[:-1] - _NOISE * np.abs(m[:-1])))
    for k in falls:
        low, high = scan.x[k], scan.x[k + 1]
        if low <= 0 <= high and atoms:
            continue
        for _ in range(60):
            middle = (low + high) / 2
            value = transform(np.array([middle + 0j]))[0].real
            # left of the pole m is positive and large
            low, high = (middle, high) if value > 0 else (low, middle)
            if not np.isfinite(value):
                break
        height = 1e-6 * reach
        mass = float((height * transform(np.array([(low + high) / 2 + 1j * height])).imag)[0])
        if mass > 1e-6:
            atoms[Float((low + high) / 2, 12)] = Float(mass, 10)
    return atoms
