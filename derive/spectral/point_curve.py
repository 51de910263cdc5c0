"""The algebraic curve of a Stieltjes transform: P(m, z) = 0 with integer coefficients, at numbers or in parameters.

Traces over atoms and arrays are rational functions of the unknowns, so the reduced system is polynomial and its
unknowns are eliminated; of the factors the one is kept on which the limit lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from flint import Ordering, acb, acb_poly, arb, ctx, fmpz_mpoly_ctx, fmpz_poly
from sympy import Dummy, Poly, Rational, Symbol

from ..curve import eliminate_unknowns, evaluations
from ..errors import BranchError, ResolventError
from ..field import Field
from ..laws import NodeLaw
from ..lower.algebra import Algebra
from ..lower.fractions import FractionKind
from ..lower.program import compile_program
from ..lower.represent import represent
from ..result import Limit

__all__ = ["PointCurve", "curve_at", "curve_in", "middle"]

_LARGEST = 20_000  # monomials that a resultant may have: seconds
_SURE = 0.03  # bound for Smale's test: a fifth of what convergence needs, so that other roots are far
_SPARE = 24  # numbers that may be adjoined


@dataclass(frozen=True, eq=False)
class PointCurve:
    """``sum_k coefficients[k](z) m^k``, irreducible over the rationals."""

    coefficients: tuple[fmpz_poly, ...]

    @property
    def degree(self) -> int:
        """The degree in m."""
        return len(self.coefficients) - 1

    @cached_property
    def discriminant(self) -> fmpz_poly:
        """The discriminant with respect to m, a polynomial in z."""
        if self.degree < 2:
            return fmpz_poly([1])
        context = fmpz_mpoly_ctx.get(["m", "z"], Ordering.lex)
        terms = {(k, j): c for k, poly in enumerate(self.coefficients) for j, c in enumerate(poly.coeffs()) if c != 0}
        value = context.from_dict(terms).discriminant("m")
        out = [0] * (int(value.degrees()[1]) + 1)
        for (_, j), c in value.to_dict().items():
            out[int(j)] = c
        return fmpz_poly(out)

    def roots(self, z: acb) -> list[acb]:
        """Disjoint enclosures of the finite m over an exact point z; coarse, Newton's steps sharpen them."""
        bits = ctx.prec
        for attempt in range(12):
            # more bits where two roots agree to the working precision; and another unit of length, as the iteration
            # starts from fixed points and can get stuck
            unit = (0.8 - 0.6j) ** attempt * 3.0 ** (attempt % 4 - 1)
            with ctx.workprec(bits << (attempt // 3)):
                values = self.over(z).coeffs()
                scale = _unit_of(values) * acb(unit.real, unit.imag)
                scale = acb(scale.real.mid(), scale.imag.mid())
                scaled = [value * scale**k for k, value in enumerate(values)]
                try:
                    return [root * scale for root in acb_poly(scaled).roots(tol=2.0**-40, maxprec=4 * ctx.prec)]
                except ValueError:
                    continue
        raise BranchError(f"two branches of the algebraic curve meet at {complex(z):.8g}")

    def over(self, z: acb) -> acb_poly:
        """P(., z)"""
        # the coefficients are expanded: near a zero of several of them their terms cancel
        with ctx.workprec(ctx.prec + self._guard):
            return acb_poly([poly(z) for poly in self.coefficients])

    @cached_property
    def _guard(self) -> int:
        return 8 * max(poly.degree() for poly in self.coefficients)

    @cached_property
    def _derivatives(self) -> list[fmpz_poly]:
        return [poly.derivative() for poly in self.coefficients]

    def slope(self, z: acb, m: acb) -> acb:
        """dm/dz"""
        with ctx.workprec(ctx.prec + self._guard):
            by_z = acb_poly([poly(z) for poly in self._derivatives])(m)
        return middle(-by_z / self.over(z).derivative()(m))

    def near(self, z: acb, guess: acb) -> acb | None:
        """The root that Newton's method finds from ``guess``, or None where it is not clearly the nearest one.

        By Smale's test: with b the first step and g the largest ``|P^(k)/(k! P')|^(1/(k - 1))``, the method converges
        to a root within 2 b where b g < 0.15, and no other root is within about 0.2/g of that.
        """
        poly = self.over(z)
        sizes = [abs(c) for c in poly(acb_poly([guess, 1])).coeffs()]
        if len(sizes) < 2 or not sizes[1] > 0:
            return None
        first = sizes[0] / sizes[1]
        power = arb(1)
        for k, size in enumerate(sizes[2:], 1):
            power = power * first
            # b g, one order after the other: as balls, because coefficients outgrow a double
            if not float((size * power / sizes[1]).upper()) ** (1 / k) < _SURE:
                return None
        return self.polished(z, guess, poly)

    def polished(self, z: acb, m: acb, poly: acb_poly | None = None) -> acb:
        """Newton's steps from a point next to a root, to the working precision."""
        poly = self.over(z) if poly is None else poly
        slope = poly.derivative()
        m = middle(m)
        for _ in range(60):
            step = poly(m) / slope(m)
            m = middle(m - step)
            if abs(step) < abs(m) * arb(2) ** (-ctx.prec // 2):
                break
        return m

    def roots_over(self, x: Rational) -> list[acb]:
        """Enclosures of the roots over a real point; those of real roots have imaginary part exactly 0."""
        top, bottom = int(x.p), int(x.q)
        degree = max(poly.degree() for poly in self.coefficients)
        values = []
        for poly in self.coefficients:
            values.append(sum(int(c) * top**j * bottom ** (degree - j) for j, c in enumerate(poly.coeffs())))
        return [root for root, _ in fmpz_poly(values).complex_roots()]


def middle(z: acb) -> acb:
    """The exact midpoint of a ball."""
    return acb(z.real.mid(), z.imag.mid())


def _unit_of(values: list[acb]) -> acb:
    """A power of two near the geometric mean of the roots."""
    sizes = {k: v for k, v in enumerate(values) if v != 0}
    low, high = min(sizes), max(sizes)
    if low == high:
        return acb(1)
    ratio = abs(sizes[low] / sizes[high]).mid()
    mantissa, exponent = ratio.man_exp()
    power = (int(exponent) + int(mantissa).bit_length()) // (high - low)
    return acb(2) ** power


def _eliminated(
    law: Limit, z: Symbol, params: Mapping[Any, Any], free: tuple[Symbol, ...]
) -> tuple[Field, Any, Symbol] | None:
    """The curve as a polynomial of a field in the target and ``free``, or None where a law is not algebraic."""
    system = law.system
    (value,) = system.values.values()
    target = Dummy("m")
    scalars = {s: v for s, v in params.items() if isinstance(s, Symbol)}
    given = {key: v for key, v in params.items() if not isinstance(key, Symbol)}
    # a free element may have brought its law along
    laws = {m: m.law for m in law.letters if getattr(m, "law", None) is not None} | given
    if any(isinstance(v, NodeLaw) for v in laws.values()):
        return None
    field = Field([], spare=len(system.unknowns) + len(free) + len(law.parameters) + _SPARE)
    kind = FractionKind(field)
    for symbol in (target, *free, *system.unknowns):
        field.new(symbol)
    env: dict[Any, Any] = {s: s for s in (*free, *system.unknowns)} | scalars
    try:
        ratios = list(law.derivation.problem.regime.ratios.items())
        sizes = compile_program([r for _, r in ratios]).run(env, Algebra(kind, {}, {}))
        dims = {dim: size for (dim, _), size in zip(ratios, sizes, strict=True)}
        algebra = represent(laws, law.derivation.lettered, dims, kind)
        program = compile_program(system.substituted([*system.residuals, value]))
        *residuals, right = program.run(env | dims, algebra)
    except (ResolventError, ZeroDivisionError, OverflowError):
        return None
    polys = [r.num for r in residuals if r]
    polys.append((field.generator(field.position(target)) - right).num)
    polys += kind.relations.values()
    unknowns = [field.position(u) for u in system.unknowns] + list(kind.relations)
    try:
        points = cache(lambda: list(evaluations(law, law.parameters, target, {**given, **scalars})))
        poly = eliminate_unknowns(field, polys, unknowns, points, _LARGEST)
    except ResolventError:
        return None
    return field, poly, target


def curve_at(law: Limit, z: Symbol, params: Mapping[Any, Any]) -> PointCurve | None:
    """The curve at exact parameters (symbols and laws, ``z`` left out); None when it is not algebraic or too large."""
    found = _eliminated(law, z, params, (z,))
    if found is None:
        return None
    field, poly, target = found
    m, position = field.position(target), field.position(z)
    table: list[dict[int, int]] = [{} for _ in range(int(poly.degrees()[m]) + 1)]
    for exponents, c in poly.to_dict().items():
        table[int(exponents[m])][int(exponents[position])] = int(c)
    return PointCurve(tuple(fmpz_poly([row.get(j, 0) for j in range(max(row, default=0) + 1)]) for row in table))


def curve_in(law: Limit, z: Symbol, params: Mapping[Any, Any]) -> Poly | None:
    """The curve as a SymPy polynomial in (m, z) over the parameters that ``params`` leaves open."""
    free = tuple(s for s in law.parameters if s == z or s not in params)
    found = _eliminated(law, z, params, free)
    if found is None:
        return None
    field, poly, target = found
    name = next(n for n in ("m", "G", "m_0") if n not in {s.name for s in free})
    out = Poly(field.poly_to_sympy(poly).xreplace({target: Symbol(name)}), Symbol(name), z)
    return -out if out.LC().could_extract_minus_sign() else out
