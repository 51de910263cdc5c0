"""The branch of an algebraic curve that is the Stieltjes transform, on the real axis itself and near it.

Two routes to one value: the solver of the limit, and the roots of P(., z) followed down from a point of the upper half
plane where the solver is sure. The second knows no edge that is too near and has any number of digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import mpmath
import numpy as np
from flint import acb, arb, ctx, fmpq
from sympy import Rational

from ..errors import BranchError
from ..numbers import exact
from .point_curve import PointCurve, middle
from .roots import critical_points, rational

__all__ = ["Branch"]

_BITS = 106
_ARC = np.pi / 16
_LANDINGS = 8  # heights from which the last step to the axis is tried
_LOWEST = 1e-3  # a step down is shortened at most to this fraction of the height
_STRIDE = 1 / 16  # and goes at most from height y to this multiple of it


class Branch:
    """``transform(z)`` evaluates the limit at complex points in double precision (NaN where it fails)."""

    def __init__(self, curve: PointCurve, transform: Callable[[np.ndarray], np.ndarray]):
        self.curve, self.transform = curve, transform

    @cached_property
    def critical(self) -> np.ndarray:
        """Complex branch points and poles of all sheets."""
        return np.array(critical_points([self.curve.discriminant, self.curve.coefficients[-1]]), dtype=complex)

    @cached_property
    def scale(self) -> float:
        """A length on which nothing far away happens any more."""
        return float(np.max(np.abs(self.critical), initial=0.0)) or 1.0

    def clearance(self, x: float) -> float:
        """Distance to the nearest critical point that is not ``x`` itself."""
        distance = np.abs(self.critical - x)
        distance = distance[distance > 4e-16 * np.abs(self.critical)]
        return float(np.min(distance)) if distance.size else self.scale

    def at(self, x: Rational, bits: int = _BITS) -> acb:
        """The boundary value at ``x`` from above, at least ``bits`` bits of it."""
        for more, low in ((1, 3), (4, 16)):
            try:
                return self._at(x, more * bits, low)
            except BranchError:  # many branches side by side, as at an atom of several masks, take more care
                continue
        return self._at(x, 16 * bits, 40)

    def _at(self, x: Rational, bits: int, low: int) -> acb:
        with ctx.workprec(bits):
            real = arb(fmpq(int(x.p), int(x.q)))
            y, m = self._above(real)
            # the branch is analytic in the disc of radius y about x + iy: between these heights nothing can happen
            y, m = self._down(real, y, m, arb(self.clearance(float(x))) * arb(2) ** -low)
            for _ in range(_LANDINGS):
                found = self._landed(x, m - acb(0, y) * self.curve.slope(acb(real, y), m))
                if found is not None:
                    return found
                # next to an atom the branch is steep and other roots are near: the last step must be shorter
                y, m = self._down(real, y, m, y / 8)
            raise BranchError(f"the branch could not be followed to the real point {float(x):.6g}")

    def above(self, x: Rational, heights: Sequence[arb], bits: int) -> list[acb]:
        """The values at descending heights above ``x``."""
        with ctx.workprec(bits):
            real = arb(fmpq(int(x.p), int(x.q)))
            y, m = self._above(real)
            out = []
            for height in heights:
                y, m = self._down(real, y, m, height)
                out.append(m)
            return out

    @cached_property
    def _anchor(self) -> tuple[complex, complex]:
        """A point of the upper half plane, as high as the spectrum is wide, and the value that the solver has there."""
        for factor, aside in product((1.0, 3.0, 0.3, 10.0), (0.25, -0.35)):
            z = self.scale * complex(aside, factor)
            value = complex(self.transform(np.array([z]))[0])
            if np.isfinite(value) and value.imag > 0:
                return z, value
        raise BranchError("the limit could not be computed at any point of the upper half plane")

    def _above(self, x: arb) -> tuple[arb, acb]:
        """A height above ``x`` and the value there, reached from the anchor in steps no larger than half the height."""
        place, value = self._anchor
        z, m = acb(place.real, place.imag), acb(value.real, value.imag)
        found = self.curve.near(z, m)
        if found is None or abs(found - m) > 1e-6 * (1 + abs(m)):
            raise BranchError("the value of the limit does not lie on its algebraic curve")
        m, height, part = found, z.imag, 0.5
        while z.real != x:
            left = x - z.real
            step = left if abs(left) <= part * height else part * height * left.sgn()
            new = acb(x if step is left else (z.real + step).mid(), height)
            found = self.curve.near(new, m + self.curve.slope(z, m) * (new - z))
            if found is None:
                part /= 2
                if part < _LOWEST:
                    raise BranchError("the branch meets another one far above the axis")
            else:
                z, m = new, found
        return height, m

    def _down(self, x: arb, y: arb, m: acb, target: arb) -> tuple[arb, acb]:
        """Follow the branch from height ``y`` to ``target``."""
        pole = self._nearest_real(float(x.mid()))
        pole = x if pole is None else pole
        ratio = 0.5
        while y > target:
            z = acb(x, y)
            rate = self.curve.slope(z, m) * (z - pole) / m
            while True:
                lower = (y * ratio).mid()
                if not lower > target:
                    lower = target
                # near an atom m ~ 1/(pole - z), and other branches may be as large: extrapolate in logarithms
                new = acb(x, lower)
                guess = middle(m * (rate * ((new - pole) / (z - pole)).log()).exp())
                found = self.curve.near(new, guess)
                if found is not None and not found.imag < 0:
                    break
                ratio = ratio**0.5
                if ratio > 1 - _LOWEST:
                    raise BranchError(f"the branch meets another one above {float(x.mid()):.6g}")
            y, m, ratio = lower, found, max(ratio**2, _STRIDE)
        return y, m

    def _nearest_real(self, x: float) -> arb | None:
        """The real critical point next to ``x``, None if that is ``x`` itself."""
        real = self.critical.real[self.critical.imag == 0]
        if not real.size:
            return None
        nearest = float(real[np.argmin(np.abs(real - x))])
        return None if abs(nearest - x) <= 4e-16 * abs(nearest) else arb(nearest)

    def _landed(self, x: Rational, m: acb) -> acb | None:
        """The root over the real point ``x`` next to ``m``, which was extrapolated from above; None if two are."""
        return _unambiguous([r for r in self.curve.roots_over(x) if not r.imag < 0], m)

    def along(
        self,
        x: np.ndarray,
        slope: np.ndarray,
        guesses: np.ndarray | None = None,
        atoms: Sequence[tuple[arb, arb]] = (),
    ) -> np.ndarray:
        """Boundary values, without the poles of the ``atoms`` (location, mass), at ascending points inside one piece of
        the bulk, in double precision.

        The points are spaced so that the values times ``slope`` are smooth in their number: without ``guesses`` they
        are extrapolated to the next point, and the root nearest to that is taken. Where two are nearly as near, the
        branch is followed from above.
        """
        out = np.empty(len(x), dtype=complex)
        middle = len(x) // 2
        for order in (range(middle, len(x)), range(middle - 1, -1, -1)):
            known = [] if order.step == 1 else [out[k] * slope[k] for k in range(middle + 2, middle - 1, -1)]
            for k in order:
                guess = None
                if guesses is not None or len(known) >= 3:
                    guess = complex(guesses[k] if guesses is not None else 3 * known[-1] - 3 * known[-2] + known[-3])
                    guess /= slope[k]
                out[k] = self._regular(float(x[k]), guess, atoms)
                known.append(out[k] * slope[k])
        return out

    def _regular(self, x: float, guess: complex | None, atoms: Sequence[tuple[arb, arb]]) -> complex:
        """The value at a point inside the bulk without the poles of the atoms, from a guess for that."""
        # where several branches meet, the distance between them is as small as the distance to that point
        nearest = self._nearest_real(x)
        distance = self.scale if nearest is None else abs(x - float(nearest))
        with ctx.workprec(_BITS + 2 * max(0, int(np.log2(self.scale / distance)))):
            place = acb(x)
            poles = sum((mass / (location - place) for location, mass in atoms), acb(0))
            whole = None if guess is None else acb(guess.real, guess.imag) + poles
            return _complex(self._boundary(place, whole) - poles)

    def _boundary(self, x: acb, guess: acb | None) -> acb:
        """The value at a point inside the bulk."""
        if guess is not None:
            found = self.curve.near(x, guess)
            if found is not None and found.imag > 0:
                return found
        above = [r for r in self.curve.roots(x) if r.imag > 0]
        nearest = above[0] if len(above) == 1 else None
        if nearest is None and guess is not None:
            nearest = _unambiguous(above, guess)
        return self.at(rational(x.real)) if nearest is None else self.curve.polished(x, nearest)

    def densities(self, x: np.ndarray, guess: np.ndarray, atoms: Sequence[tuple[arb, arb]] = ()) -> np.ndarray:
        """The density at points inside the bulk, each from a value near by (without the poles of the atoms)."""
        values = [self._regular(float(place), complex(g), atoms) for place, g in zip(x, guess, strict=True)]
        return np.array(values).imag / np.pi

    def density(self, x: Any, digits: int) -> Any:
        """The density at one point inside the bulk, an mpmath number."""
        bits = int(3.33 * digits) + 32
        with ctx.workprec(bits):
            place = exact(x, "x")
            found = self.at(place, bits=bits)
            found = self.curve.polished(acb(arb(fmpq(int(place.p), int(place.q)))), found)
            mantissa, exponent = (found.imag / arb.pi()).mid().man_exp()
        with mpmath.workprec(bits):
            return mpmath.ldexp(mpmath.mpf(int(mantissa)), int(exponent))

    def ramification(self, x: float, radius: float, m: complex, limit: int = 12) -> int:
        """How many turns around ``x`` bring the value ``m`` at ``x + radius`` back to itself."""
        with ctx.workprec(_BITS):
            return self._turns(x, radius, m, limit)

    def _turns(self, x: float, radius: float, m: complex, limit: int) -> int:
        start, rate = m, 0j  # rate: dm/d(angle)
        angle, step = 0.0, _ARC
        for turn in range(1, limit + 1):
            while angle < 2 * np.pi * turn - 1e-12:
                step = min(step, 2 * np.pi * turn - angle)
                direction = np.exp(1j * (angle + step))
                guess, z = m + rate * step, x + radius * direction
                place = acb(z.real, z.imag)
                found = self.curve.near(place, acb(guess.real, guess.imag))
                if found is None:
                    step /= 2
                    if step < 1e-7:
                        raise BranchError(f"the branch could not be followed around {x:.6g}")
                    continue
                m = _complex(found)
                rate = _complex(self.curve.slope(place, found)) * 1j * radius * direction
                angle, step = angle + step, min(1.5 * step, _ARC)
            if abs(m - start) < 1e-6 * abs(start) + 1e-12:
                return turn
        raise BranchError(f"the branch does not return after {limit} turns around {x:.6g}")


def _complex(value: acb) -> complex:
    return complex(float(value.real.mid()), float(value.imag.mid()))


def _size(value: acb) -> float:
    return float(abs(value).mid())


def _unambiguous(roots: list[acb], m: acb) -> acb | None:
    """The root next to ``m`` if every other is at least three times as far."""
    order = sorted(roots, key=lambda root: _size(root - m))
    if not order:
        return None
    if len(order) > 1 and not 3 * _size(order[0] - m) < _size(order[1] - m):
        return None
    return order[0]
