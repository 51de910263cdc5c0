"""Closed forms of what a spike does: location, alignments and thresholds, where the curve allows.

One :class:`Spike` per irreducible factor of the master determinant. The unknowns are eliminated from the bulk equations
and the factor, the irreducible polynomial is kept that vanishes at outliers (or thresholds) computed to 45 digits at
random parameters, and it is solved where it is linear or quadratic and the solution can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from sympy import Eq, Expr, MatrixExpr, Poly, Rational, Symbol, Trace, count_ops, factor, lambdify, roots, sqrt

from ..curve import eliminate_unknowns
from ..errors import ResolventError
from ..field import Field
from ..lower.digits import MpKind
from ..lower.program import compile_program
from ..solve.digits import numbers_at
from ..solve.linear import solve_dense
from ..symbols import Signal
from .equations import edge_residual, total_derivative
from .master import Form, Master
from .outlier_solver import OutlierSolver
from .outliers import bind_master, master_of, refine_digits, solve_outliers, support_of
from .thresholds import strengths, thresholds_at

if TYPE_CHECKING:
    from .spectrum import Spectrum

__all__ = ["Spike", "outlier_equation", "spikes"]

_DIGITS = 45
_NUMBERS = [Rational(*x) for x in ((7, 10), (13, 10), (2, 5), (11, 5), (1, 3), (17, 9), (5, 7), (23, 10))]
_LARGEST = 4000  # monomials of a resultant
_READABLE = 60  # operations in a closed form
_POINTS = 3

Point = dict[Symbol, Any]


@dataclass(frozen=True)
class Spike:
    """One irreducible factor of the master determinant.

    Attributes
    ----------
    equation : Eq
        The factor vanishes; together with the bulk equations.
    bulk : tuple of Eq
    curve : Poly or None
        The polynomial of the location, in z first; None where the system is not algebraic.
    location : Expr or None
        In the parameters; None where there is no readable closed form.
    alignments, right_alignments : mapping of Signal to Expr
        Those that have a closed form.
    thresholds : mapping of Symbol to tuple of Expr
        For each strength (a parameter that moves the spike and not the bulk), the values at which the outlier meets an
        edge.
    """

    equation: Eq
    bulk: tuple[Eq, ...]
    curve: Poly | None
    location: Expr | None
    alignments: Mapping[Signal, Expr]
    right_alignments: Mapping[Signal, Expr]
    thresholds: Mapping[Symbol, tuple[Expr, ...]]


def outlier_equation(spectrum: Spectrum) -> list[Eq]:
    """The bulk equations and the vanishing of the master determinant, in z and the bulk unknowns.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Signal, Wigner, dimensions, spectrum
    >>> from derive.spectral.spikes import outlier_equation
    >>> n, theta = dimensions("n"), Symbol("theta", positive=True)
    >>> u = Signal("u", n, norm2=1)
    >>> outlier_equation(spectrum(Wigner("W", n, variance=1/n) + theta*u*u.T))
    [Eq(g, -1/(g + z)), Eq(g - theta + z, 0)]
    """
    master = master_of(spectrum)
    system = master.law.system
    total: Expr = Rational(1)
    for expr, _ in master.determinant:
        total *= expr
    return [*master.law.equations[: len(system.unknowns)], Eq(system.substituted([total])[0], 0, evaluate=False)]


def spikes(spectrum: Spectrum) -> tuple[Spike, ...]:
    """What each factor of the master determinant says in closed form.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Signal, Wigner, dimensions, spectrum
    >>> from derive.spectral.spikes import spikes
    >>> n, theta = dimensions("n"), Symbol("theta", positive=True)
    >>> u = Signal("u", n, norm2=1)
    >>> (spike,) = spikes(spectrum(Wigner("W", n, variance=1/n) + theta*u*u.T))
    >>> spike.location, spike.alignments[u], spike.thresholds
    ((theta**2 + 1)/theta, (theta - 1)*(theta + 1)/theta**2, {theta: (1,)})
    """
    master = master_of(spectrum)
    return tuple(_Closed(spectrum, master, k).spike() for k in range(len(master.determinant)))


class _Closed:
    """The algebra of one factor."""

    def __init__(self, spectrum: Spectrum, master: Master, index: int):
        self.spectrum, self.master, self.index = spectrum, master, index
        system = master.law.system
        self.unknowns = list(system.unknowns)
        self.bulk = system.substituted(system.residuals)
        (self.factor,) = system.substituted([master.determinant[index][0]])
        self.slopes = {u: Symbol(f"_d_{u.name}") for u in self.unknowns}
        self.parameters = [s for s in master.law.parameters if s != master.z]

    def spike(self) -> Spike:
        master = self.master
        curve, location = None, None
        left: dict[Signal, Expr] = {}
        right: dict[Signal, Expr] = {}
        limits: dict[Symbol, tuple[Expr, ...]] = {}
        if self.algebraic:
            try:
                points = list(self._points())
                curve, location = self._location(points)
                for form in master.forms:
                    value = self._alignment(form, points)
                    if value is not None:
                        (right if form.right else left)[form.signal] = value
            except ResolventError:
                pass  # no outlier at any of the points tried, or an elimination that is too large: nothing closed
            for strength in strengths(master, self.factor):
                try:
                    limits[strength] = self._thresholds(strength)
                except ResolventError:
                    continue
        bulk = tuple(master.law.equations[: len(self.unknowns)])
        return Spike(Eq(self.factor, 0, evaluate=False), bulk, curve, location, left, right, limits)

    @property
    def algebraic(self) -> bool:
        exprs = [*self.bulk, self.factor]
        return not any(
            e.has(Trace) or e.has(MatrixExpr) or not e.is_rational_function(*self.unknowns, self.master.z)
            for e in exprs
        )

    # -- points on the branch ------------------------------------------------------------------------------------------
    def _samples(self) -> Iterator[dict[Symbol, Rational]]:
        """Parameters at which the spike is likely to be strong enough."""
        moving = set(strengths(self.master, self.factor))
        for shift in range(12):
            for scale in (1, 3, 9):
                out = {}
                for k, symbol in enumerate(self.parameters):
                    number = _NUMBERS[(3 * k + shift) % len(_NUMBERS)]
                    if symbol.name.startswith("inner_"):
                        number = number / 7
                    elif symbol in moving:
                        number = number * scale
                    out[symbol] = number if symbol.is_negative is not True else -number
                yield out

    def _points(self) -> Iterator[Point]:
        found = 0
        for sample in self._samples():
            try:
                solver = OutlierSolver(self.master, bind_master(self.master, sample))
                (listed,) = solve_outliers(solver, [support_of(self.spectrum, sample)])
            except ResolventError:
                continue
            mine = [o for o in listed if o.multiplicity == 1 and self._vanishes(solver, o)]
            if not mine:
                continue
            outlier = refine_digits(solver, mine[-1], _DIGITS)
            kind = MpKind(int(_DIGITS * 3.33) + 60)
            numbers = numbers_at(solver.derivation, solver.binding, kind)
            with kind.context():
                state = {**outlier.unknowns, self.master.z: outlier.location}
                program = compile_program(self.bulk)
                _, rows = program.jacobian(dict(numbers.env) | state, numbers.algebra, [*self.unknowns, self.master.z])
                k = len(self.unknowns)
                slope = solve_dense(kind, [r[:k] for r in rows], [-r[k] for r in rows]) if k else []
                point: Point = {s: kind.number(v) for s, v in sample.items()} | state
                point |= dict(zip(self.slopes.values(), slope, strict=True))
                point |= {
                    Symbol(f"_a_{form.name}"): (outlier.right_alignments if form.right else outlier.alignments)[
                        form.signal
                    ]
                    for form in self.master.forms
                }
            yield point
            found += 1
            if found == _POINTS:
                return
        if not found:
            raise ResolventError("no outlier was found at any test point, so no closed form is known")

    def _vanishes(self, solver: OutlierSolver, outlier: Any) -> bool:
        state = {u: np.array([float(v)]) for u, v in outlier.unknowns.items()}
        state[self.master.z] = np.array([float(outlier.location)])
        numbers = solver.numbers(np.zeros(1, dtype=int))
        steps = [abs(solver.step(p, state, numbers)[0, -1]) for p in solver.programs]
        return int(np.nanargmin(steps)) == self.index

    # -- elimination ---------------------------------------------------------------------------------------------------
    def _eliminated(self, exprs: Sequence[Expr], away: Sequence[Symbol], points: Sequence[Point]) -> tuple[Field, Any]:
        field = Field([*exprs, *self.parameters])
        polys = [field.from_sympy(e).num for e in exprs]
        positions = [field.position(s) for s in away]
        used = [p for p in positions if any(q.degrees()[p] for q in polys)]
        return field, eliminate_unknowns(field, polys, used, points, _LARGEST)

    def _location(self, points: Sequence[Point]) -> tuple[Poly, Expr | None]:
        z = self.master.z
        field, poly = self._eliminated([*self.bulk, self.factor], self.unknowns, points)
        expr = field.poly_to_sympy(poly)
        gens = [z, *sorted(expr.free_symbols - {z}, key=str)]
        curve = Poly(expr, z) if expr.atoms(Symbol) == {z} else Poly(expr, *gens)
        return curve, self._solved(expr, z, points)

    def _alignment(self, form: Form, points: Sequence[Point]) -> Expr | None:
        target = Symbol(f"_a_{form.name}")
        if all(abs(point[target]) < mpmath.mpf(10) ** -30 for point in points):
            return Rational(0)
        num, den = self.master.law.system.substituted(list(self.master.fraction(form)))
        rise = total_derivative(den, self.master, self.slopes)
        rows = [total_derivative(residual, self.master, self.slopes) for residual in self.bulk]
        z = self.master.z if form.right else Rational(1)
        exprs = [*self.bulk, self.factor, *rows, target * rise * z + num]
        away = [*self.slopes.values(), *self.unknowns, self.master.z]
        try:
            field, poly = self._eliminated(exprs, away, points)
        except ResolventError:
            return None
        return self._solved(field.poly_to_sympy(poly), target, points)

    def _solved(self, expr: Expr, target: Symbol, points: Sequence[Point]) -> Expr | None:
        """The solution for ``target`` that holds at all points, where it is linear or quadratic and readable."""
        poly = Poly(expr, target)
        if poly.degree() == 1:
            a, b = poly.all_coeffs()
            candidates = [factor(-b / a)]
        elif poly.degree() == 2:
            a, b, c = poly.all_coeffs()
            root = sqrt(factor(b**2 - 4 * a * c))
            candidates = [(-b + root) / (2 * a), (-b - root) / (2 * a)]
        else:
            return None
        for candidate in candidates:
            if count_ops(candidate) <= _READABLE and all(self._holds(candidate, target, point) for point in points):
                return candidate
        return None

    def _holds(self, candidate: Expr, target: Symbol, point: Point) -> bool:
        symbols = sorted(candidate.free_symbols, key=str)
        with mpmath.workdps(_DIGITS):
            value = lambdify(symbols, candidate, modules="mpmath")(*(point[s] for s in symbols))
            return bool(abs(value - point[target]) < mpmath.mpf(10) ** -25 * (1 + abs(point[target])))

    # -- thresholds ----------------------------------------------------------------------------------------------------
    def _thresholds(self, strength: Symbol) -> tuple[Expr, ...]:
        """The bulk equations, their singular Jacobian and the factor, without the unknowns and z."""
        singular = edge_residual(self.unknowns, self.bulk)
        cases: dict[tuple[int, int], list[Point]] = {}
        for number, sample in enumerate(self._bulk_samples(strength)):
            for threshold in thresholds_at(self.spectrum, self.master, self.factor, strength, sample, _DIGITS):
                with mpmath.workdps(_DIGITS + 5):
                    point: Point = {s: MpKind(200).number(v) for s, v in sample.items()}
                point |= {**threshold.unknowns, self.master.z: threshold.edge, strength: threshold.value}
                cases.setdefault((threshold.place, threshold.number), []).append(point)
            if number == _POINTS - 1:
                break
        out: list[Expr] = []
        for _, points in sorted(cases.items(), key=lambda item: -item[0][0]):
            if len(points) < _POINTS:
                continue
            field, poly = self._eliminated([*self.bulk, singular, self.factor], [*self.unknowns, self.master.z], points)
            value = self._strength(field.poly_to_sympy(poly), strength, points)
            if value is not None and value not in out:
                out.append(value)
        return tuple(out)

    def _bulk_samples(self, strength: Symbol) -> Iterator[dict[Symbol, Rational]]:
        seen = []
        for sample in self._samples():
            rest = {s: v for s, v in sample.items() if s != strength}
            if rest not in seen or not rest:
                seen.append(rest)
                yield rest

    def _strength(self, expr: Expr, strength: Symbol, points: Sequence[Point]) -> Expr | None:
        """Solve the threshold's polynomial for the strength, which may sit under one root."""
        poly_in = strength
        powers = [p for p in expr.atoms(sqrt(strength).func) if p.has(strength) and p.exp.is_Rational and p.exp.q > 1]
        if powers:
            poly_in = Symbol("_r", positive=True)
            base = powers[0].base
            q = max(int(p.exp.q) for p in powers)
            inverse = list(roots(Poly(base - poly_in**q, strength), strength))
            if len(inverse) != 1 or any(p.base != base for p in powers):
                return None
            expr = expr.xreplace({p: poly_in ** (p.exp * q) for p in powers}).subs(strength, inverse[0])
        poly = Poly(expr.expand(), poly_in)
        if poly.degree() > 4:
            return None
        for root in roots(poly, poly_in):
            candidate = root if not powers else inverse[0].subs(poly_in, root)
            candidate = _readable(candidate)
            if count_ops(candidate) <= _READABLE and all(self._holds(candidate, strength, point) for point in points):
                return candidate
        return None


def _readable(expr: Expr) -> Expr:
    """The shortest of a few spellings."""
    from sympy import expand, simplify

    return min((expr, factor(expr), expand(expr), simplify(expr)), key=count_ops)
