"""The algebraic curve of a value: eliminate the unknowns and keep the factor on which the limit lies.

Elimination by resultants brings extraneous factors (and keeps the spurious branches of a factored curve apart from
the true one), so every factor is tested at points where the limit itself was computed to 40 digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from math import inf, prod
from typing import TYPE_CHECKING, Any

import mpmath
from sympy import Expr, I, MatrixExpr, Poly, Rational, Symbol, Trace

from .errors import ResolventError
from .field import Field
from .lower.digits import MpKind
from .system import System

if TYPE_CHECKING:
    from .result import Limit

__all__ = ["algebraic_curve", "eliminate_unknowns", "evaluations"]

Values = Sequence[dict[Symbol, Any]]
Points = Values | Callable[[], Values]

_POINTS = (
    Rational(7, 10),
    Rational(13, 10),
    Rational(2, 5),
    Rational(11, 5),
    Rational(1, 3),
    Rational(17, 9),
    Rational(5, 7),
)


def algebraic_curve(system: System, parameters: Sequence[Symbol], law: Limit) -> Poly | None:
    """The irreducible polynomial in the value ``G`` and the parameters, or None when there is none."""
    residuals = system.substituted(system.residuals)
    (value,) = system.substituted(list(system.values.values()))
    unknowns = list(system.unknowns)
    if any(e.has(Trace) or e.has(MatrixExpr) or not e.is_rational_function(*unknowns) for e in (*residuals, value)):
        return None
    taken = {s.name for e in (*residuals, value) for s in e.free_symbols}
    name = next(n for n in ("G", "m", "G_0") if n not in taken)
    target = Symbol(name)
    field = Field([*residuals, value, target])
    polys = [field.from_sympy(r).num for r in residuals]
    fraction = field.from_sympy(value)
    generator = field.generator(field.position(target))
    polys.append((generator - fraction).num)
    points = cache(lambda: list(evaluations(law, parameters, target)))
    poly = eliminate_unknowns(field, polys, [field.position(u) for u in unknowns], points)
    expr = field.poly_to_sympy(poly)
    gens = [target, *sorted(expr.free_symbols - {target}, key=str)]
    out = Poly(expr, *gens)
    return -out if out.LC() < 0 else out


def eliminate_unknowns(
    field: Field, polys: list[Any], unknowns: Sequence[int], points: Points, largest: float = inf
) -> Any:
    """The irreducible polynomial without ``unknowns`` (positions) that vanishes at every point.

    ``points`` are numbers for every symbol and unknown, on the branch of the limit; as a function it is called only
    where there is a choice of factors. A resultant that may have more
    than ``largest`` monomials is refused with a ResolventError.
    """
    polys = _distinct(_true_factor(field, p, points) for p in polys)
    left = {u for u in unknowns if any(p.degrees()[u] for p in polys)}
    while left:
        # the unknown whose resultants are smallest goes first
        size, unknown = min((_monomials(polys, u), u) for u in left)
        if size > largest:
            raise ResolventError("the algebraic curve is too large to be computed by elimination")
        with_it = [p for p in polys if p.degrees()[unknown]]
        rest = [p for p in polys if not p.degrees()[unknown]]
        pivot = _pivot(with_it, unknown)
        rest += [_true_factor(field, p.resultant(pivot, unknown), points) for p in with_it if p is not pivot]
        polys = _distinct(rest)
        left = {u for u in left if any(p.degrees()[u] for p in polys)}
    if len(polys) != 1:
        raise ResolventError("the equations are not independent, so that elimination does not give a curve")
    return polys[0]


def _pivot(polys: Sequence[Any], unknown: int) -> Any:
    return min(polys, key=lambda p: (p.degrees()[unknown], len(p)))


def _distinct(polys: Iterable[Any]) -> list[Any]:
    """Factors are irreducible, so two of them are equal or have no common factor."""
    out: list[Any] = []
    for p in polys:
        if p not in out and -p not in out:
            out.append(p)
    return out


def _monomials(polys: Sequence[Any], unknown: int) -> float:
    """A bound for the monomials of the largest resultant with the pivot: by degrees of the Sylvester determinant, or by
    the number of products in it.
    """
    with_it = [p for p in polys if p.degrees()[unknown]]
    pivot = _pivot(with_it, unknown)
    b, worst = pivot.degrees(), 0.0
    for p in with_it:
        a = p.degrees()
        if p is not pivot:
            dense = prod(int(a[k] * b[unknown] + b[k] * a[unknown]) + 1 for k in range(len(a)) if k != unknown)
            sparse = len(p) ** int(b[unknown]) * len(pivot) ** int(a[unknown])
            worst = max(worst, float(min(dense, sparse)))
    return worst


def _true_factor(field: Field, poly: Any, points: Points) -> Any:
    """The irreducible factor that vanishes at every point."""
    _, factors = poly.factor()
    if len(factors) == 1:
        return factors[0][0]
    best, smallest = None, None
    values = points() if callable(points) else points
    for factor, _ in factors:
        size = max(_relative(field, factor, point) for point in values)
        if smallest is None or size < smallest:
            best, smallest = factor, size
    if best is None or smallest is None or smallest > mpmath.mpf(10) ** -25:
        raise ResolventError("no factor of the eliminated polynomial vanishes on the branch of the limit")
    return best


def _relative(field: Field, poly: Any, point: dict[Symbol, Any]) -> Any:
    with mpmath.workdps(45):
        total, size = mpmath.mpf(0), mpmath.mpf(0)
        for exponents, c in poly.to_dict().items():
            term = mpmath.mpf(int(c))
            for k, e in enumerate(exponents):
                if e:
                    meaning = field.meaning(k)
                    number = point[meaning] if meaning in point else _opaque(meaning, point)
                    term = term * number ** int(e)
            total, size = total + term, size + abs(term)
        return abs(total) / size if size else mpmath.mpf(0)


def _opaque(expr: Expr, point: dict[Symbol, Any]) -> Any:
    return MpKind(160).number(expr.subs(point).evalf(45))


def evaluations(
    law: Limit, parameters: Sequence[Symbol], target: Symbol, fixed: Mapping[Any, Any] | None = None
) -> Iterator[dict[Symbol, Any]]:
    """Two points where the limit exists, with the value and the unknowns to 40 digits; ``fixed`` has the laws and the
    parameters that keep their value.
    """
    given = dict(fixed or {})
    found = 0
    for shift in range(40):
        point: dict[Symbol, Any] = {s: v for s, v in given.items() if isinstance(s, Symbol)}
        for k, symbol in enumerate(parameters):
            if symbol in given:
                continue
            number = _POINTS[(3 * k + shift) % len(_POINTS)] + Rational(shift, 11)
            # a parameter that may be complex is most likely a spectral point: stay in the upper half plane
            point[symbol] = number if symbol.is_real else number - 1 + I * (Rational(3, 2) - Rational(shift % 3, 5))
        try:
            result = law.evaluate({**given, **point}, digits=40, full_output=True)
        except ResolventError:
            continue
        if int(result.status) != 0:
            continue
        with mpmath.workdps(45):
            numbers = {s: MpKind(160).number(v) for s, v in point.items()}
        yield numbers | {target: result.value} | dict(result.unknowns)
        found += 1
        if found == 2:
            return
    if not found:
        raise ResolventError(
            "the limit could not be computed at any test point, so the factor of the curve is not known"
        )
