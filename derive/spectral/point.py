"""The spectral law at one point of the parameters: curve, support, and what is computed from them, each when needed."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq
from sympy import Expr, Rational, Symbol

from ..bind import Binding
from ..errors import BranchError, ParameterError
from ..laws import ArrayLaw, as_law
from ..numbers import exact
from ..result import Limit
from .branch_point import branch_point
from .hard_edge import Anchor, anchor, continued
from .numeric_support import numeric_support
from .pieces import Piece, as_variable, expand
from .point_curve import PointCurve, curve_at
from .support import Support, algebraic_support

__all__ = ["PointSpectrum"]

_MASS = 1e-8  # how far from 1 the total mass may be
_STEEP = 16  # degree in m above which the solver of the limit is faster than the curve
_FAINT = 1e-4  # relative height of the series below which it is not accurate to ten digits


class PointSpectrum:
    """``scalars`` are exact, ``laws`` by letter."""

    def __init__(self, law: Limit, z: Symbol, binding: Binding):
        self.law, self.z = law, z
        self.scalars = binding.exact()
        for symbol, value in self.scalars.items():
            if not value.is_real:
                raise ParameterError(
                    f"{symbol} = {value}: the parameters of a spectrum are real, so that its matrix is self-adjoint"
                )
        self.laws = {k: as_law(v, str(k)) for k, v in binding.laws.items()}

    @property
    def key(self) -> Any:
        """Equal for equal parameters."""
        scalars = tuple(sorted((s.name, v) for s, v in self.scalars.items()))
        laws = sorted(((str(k), v.source if isinstance(v, ArrayLaw) else v) for k, v in self.laws.items()), key=_first)
        return scalars, tuple(laws)

    @property
    def params(self) -> dict[Any, Any]:
        """Scalars and laws together."""
        return {**self.scalars, **self.laws}

    def transform(self, points: np.ndarray) -> np.ndarray:
        """m at complex points in double precision, NaN where the solver fails; imaginary part +0 is the boundary."""
        found = self.law.evaluate({**self.params, self.z: points}, full_output=True)
        return np.asarray(found.value, dtype=complex)

    @cached_property
    def curve(self) -> PointCurve | None:
        """The algebraic curve, None where there is none."""
        return curve_at(self.law, self.z, self.params)

    @cached_property
    def support(self) -> Support:
        """Edges and atoms."""
        if self.curve is not None:
            # a branch that is lost among many others leaves the scan, whose result is checked by its mass
            with suppress(BranchError):
                return algebraic_support(self.curve, self.transform)
        return numeric_support(
            self.transform, lambda edge, inside, n: branch_point(self.law, self.z, self.params, edge, inside, n)
        )

    def edges(self, digits: int | None = None) -> list[tuple[Any, Any]]:
        """All intervals, in floats or in mpmath numbers."""
        if self.support.branch is None:
            # found by a scan, which may have missed what the solver could not reach: the mass tells
            _ = self.pieces
        return self._ends(digits)

    def _ends(self, digits: int | None = None) -> list[tuple[Any, Any]]:
        out = []
        for interval in self.support.intervals:
            low, high = interval.ends[0], interval.ends[-1]
            out.append((_number(low, digits, -np.inf), _number(high, digits, np.inf)))
        return out

    # -- the bulk -------------------------------------------------------------------------------------------------
    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The bulk in series, ascending; mass 1 in total and a density that is nowhere negative, or an error."""
        support = self.support
        scale = support.branch.scale if support.branch is not None else 1.0
        out: list[Piece] = []
        for interval in support.intervals:
            ends, turns = interval.ends, interval.turns
            if ends == (None, None):
                ends, turns = (None, 0.0, None), (turns[0], 1, turns[1])
            for k in range(len(ends) - 1):
                variable = as_variable(ends[k], ends[k + 1], (turns[k], turns[k + 1]), scale)
                out += expand(variable, self._boundary, hard=None if support.branch is not None else 0.0)
        total = sum(piece.mass for piece in out) + float(sum(support.atoms.values()))
        if abs(total - 1) > _MASS:
            raise BranchError(
                f"the bulk and the atoms of the spectrum have mass {total:.10g} together, expected 1: an interval of "
                f"the support was missed or the branch was lost; edges {self._ends()}, atoms {dict(support.atoms)}"
            )
        for piece in out:
            heights = piece.weight(np.linspace(0, 1, 257)[1:-1])
            if np.min(heights) < -1e-9 * np.max(heights):
                place = float(piece.variable(np.linspace(0, 1, 257)[1 + int(np.argmin(heights))]))
                raise BranchError(f"the density is negative at {place:.8g}: not a Stieltjes transform")
        return tuple(out)

    def _boundary(self, x: np.ndarray, slope: np.ndarray, guesses: np.ndarray | None) -> np.ndarray:
        branch = self.support.branch
        values = None
        if branch is None or branch.curve.degree > _STEEP:
            values = self._values(x) if branch is None else self.transform(x + 0j)
        if branch is not None and (values is None or not np.all(np.isfinite(values))):
            return branch.along(x, slope, guesses, self._poles)
        assert values is not None
        if not np.all(np.isfinite(values)):
            first = float(x[~np.isfinite(values)][0])
            raise BranchError(f"the solver did not converge on the axis at {first:.10g}, inside the bulk")
        for place, mass in self.support.atoms.items():
            values = values - float(mass) / (float(place) - x)
        return values

    def _values(self, x: np.ndarray) -> np.ndarray:
        """m(x + i0) from the solver of the limit, continued towards a hard edge at 0 that it does not reach."""
        values = np.full(x.shape, np.nan, dtype=complex)
        left = np.ones(x.shape, dtype=bool)
        for start in self._anchors:
            near = (np.sign(start.x[1]) * x > 0) & (np.abs(x) < abs(start.x[1]))
            if near.any():
                values[near] = continued(self.law, self.z, self.params, start, x[near])
                left &= ~near
        if left.any():
            values[left] = self.transform(x[left] + 0j)
        return values

    @cached_property
    def _anchors(self) -> tuple[Anchor, ...]:
        """Where boundary values are continued from: one per side of 0 on which the bulk reaches it."""
        starts = []
        for interval in self.support.intervals:
            ends = [float(end) for end in interval.ends if end is not None]
            reaches = [end for end in (ends[0], ends[-1]) if 0 in ends and end != 0]
            starts += [anchor(self.law, self.z, self.params, reach) for reach in reaches]
        return tuple(start for start in starts if start is not None)

    @cached_property
    def _poles(self) -> list[tuple[arb, arb]]:
        with ctx.workprec(1024):  # exact masses are rational: to more bits than any place needs
            return [(_ball(place), _ball(mass)) for place, mass in self.support.atoms.items()]

    # -- numbers --------------------------------------------------------------------------------------------------
    def singular(self, x: float) -> str:
        """What is at ``x`` where the density has no value, or an empty string."""
        for place, mass in self.support.atoms.items():
            if abs(x - float(place)) <= 2 * np.spacing(abs(float(place))):
                return f"an atom of mass {mass} lies at {place}"
        for interval in self.support.intervals:
            for end in interval.ends:
                if end is not None and abs(x - float(end)) <= 2 * np.spacing(abs(float(end))):
                    low, high = interval.ends[0], interval.ends[-1]
                    what = "an edge" if end in (low, high) else "a singular point"
                    where = end.exact if end.exact is not None else f"{float(end):.15g}"
                    return f"{where} is {what} of the interval [{_shown(low, '-oo')}, {_shown(high, 'oo')}] of the bulk"
        return ""

    def density(self, x: np.ndarray) -> np.ndarray:
        """The density at points that are not singular, 0 outside the bulk."""
        out = np.zeros(x.shape)
        for piece in self.pieces:
            inside = np.flatnonzero((x > piece.variable.low) & (x < piece.variable.high))
            if inside.size:
                places = x[inside]
                t = piece.variable.inverse(places)
                weight = piece.weight(t)
                values = weight / piece.variable.slope(t)
                faint = weight < _FAINT * float(np.max(np.abs(piece.series.imag)))
                branch = self.support.branch
                if faint.any() and branch is not None:
                    guess = piece.transform(t[faint])
                    values[faint] = branch.densities(places[faint], guess, self._poles)
                elif faint.any():
                    values[faint] = self._direct(places[faint], values[faint])
                out[inside] = values
        return out

    def _direct(self, x: np.ndarray, series: np.ndarray) -> np.ndarray:
        """From the solver itself, the series where it fails."""
        values = self._values(x).imag / np.pi
        return np.where(np.isfinite(values) & (values > 0), values, series)

    def density_digits(self, x: Any, digits: int) -> Any:
        """The density at one point, to ``digits`` digits."""
        import mpmath

        if all(not _within(piece, float(x)) for piece in self.pieces):
            return mpmath.mpf(0)
        branch = self.support.branch
        if branch is not None:
            return branch.density(x, digits)
        value = self.law.evaluate({**self.params, self.z: mpmath.mpc(0) + _mp(x, digits)}, digits=digits + 5)
        with mpmath.workdps(digits + 5):
            return mpmath.im(value) / mpmath.pi

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """The mass at or below x."""
        out = np.zeros(x.shape)
        for place, mass in self.support.atoms.items():
            out += float(mass) * (x >= float(place))
        for piece in self.pieces:
            variable = piece.variable
            inside = (x > variable.low) & (x < variable.high)
            out[x >= variable.high] += piece.mass
            if inside.any():
                out[inside] += piece.below(variable.inverse(x[inside]))
        return out

    def quantiles(self, q: np.ndarray) -> np.ndarray:
        """The smallest x with mass q at or below it."""
        parts: list[tuple[float, float, float, Piece | None]] = [
            (float(place), float(place), float(mass), None) for place, mass in self.support.atoms.items()
        ]
        parts += [(p.variable.low, p.variable.high, p.mass, p) for p in self.pieces]
        parts.sort(key=lambda part: part[:2])
        out = np.full(q.shape, np.nan)
        below = 0.0
        for number, (low, high, mass, piece) in enumerate(parts):
            last = number == len(parts) - 1
            here = np.isnan(out) & ((q <= below + mass) | last)
            if here.any():
                rest = np.clip(q[here] - below, 0, mass)
                out[here] = low if piece is None else np.clip(piece.variable(piece.quantile(rest)), low, high)
            below += mass
        return out


def _within(piece: Piece, x: float) -> bool:
    return piece.variable.low < x < piece.variable.high


def _first(pair: tuple[str, Any]) -> str:
    return pair[0]


def _ball(number: Expr) -> arb:
    if isinstance(number, Rational):
        return arb(fmpq(int(number.p), int(number.q)))
    return arb(str(number))


def _mp(x: Any, digits: int) -> Any:
    import mpmath

    with mpmath.workdps(digits + 10):
        number = exact(x, "x")
        return mpmath.mpf(int(number.p)) / int(number.q)


def _shown(end: Any, infinite: str) -> str:
    return infinite if end is None else f"{float(end):.10g}"


def _number(end: Any, digits: int | None, infinite: float) -> Any:
    if end is None:
        return infinite
    return float(end) if digits is None else end.digits(digits)
