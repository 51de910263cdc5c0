"""Thresholds in numbers: the strengths at which an outlier meets an edge of the bulk.

The bulk does not see the signals, so at an edge the unknowns are known numbers, found with the edge from "the bulk
equations hold and their Jacobian is singular"; the determinant there is a function of the strength alone, and every
zero of it is a threshold. Every edge has its own: below the bulk, above it and in each gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from sympy import Expr, Pow, Symbol, lambdify

from ..errors import ParameterError, ResolventError
from ..field import Field
from ..lower.digits import MpKind
from ..lower.program import compile_program
from ..solve.digits import as_mp, numbers_at
from ..solve.linear import solve_dense
from .equations import edge_residual
from .master import Master
from .outlier_solver import OutlierSolver
from .outliers import bind_master, bulk_params, master_of

if TYPE_CHECKING:
    from .spectrum import Spectrum

__all__ = ["Threshold", "strengths", "thresholds", "thresholds_at"]


@dataclass(frozen=True)
class Threshold:
    """At ``value`` of the strength an outlier meets the edge ``edge``.

    ``place`` counts the edges from below (-1, -2 ... from above would be the same); ``number`` the thresholds of one
    edge; ``unknowns`` are those of the bulk at the edge.
    """

    value: Any
    edge: Any
    place: int
    number: int
    unknowns: Mapping[Symbol, Any]


def strengths(master: Master, factor: Expr | None = None) -> tuple[Symbol, ...]:
    """Parameters that occur in the determinant and not in the bulk equations."""
    system = master.law.system
    bulk = {s for e in system.substituted(system.residuals) for s in e.free_symbols}
    exprs = [factor] if factor is not None else system.substituted([e for e, _ in master.determinant])
    found = {s for e in exprs for s in e.free_symbols if isinstance(s, Symbol)} - bulk - {master.z}
    ratios = {s for r in master.law.derivation.problem.regime.ratios.values() for s in r.free_symbols}
    return tuple(sorted((s for s in found - ratios if s in master.law.parameters), key=lambda s: s.name))


def thresholds(
    spectrum: Spectrum, strength: Symbol, params: Mapping | None = None, *, digits: int = 15
) -> tuple[Threshold, ...]:
    """All values of ``strength`` at which an outlier meets an edge, with the edge.

    Parameters
    ----------
    spectrum : Spectrum
    strength : Symbol
        A parameter of the signals only; its assumptions (positive) bound the search.
    params : mapping
        All other parameters, one point.
    digits : int

    Returns
    -------
    tuple of Threshold
        Ordered by edge, then by value.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Signal, Wigner, dimensions, spectrum
    >>> from derive.spectral.thresholds import thresholds
    >>> n, theta = dimensions("n"), Symbol("theta", real=True)
    >>> u = Signal("u", n, norm2=1)
    >>> law = spectrum(Wigner("W", n, variance=1/n) + theta*u*u.T)
    >>> [(float(t.value), float(t.edge)) for t in thresholds(law, theta)]
    [(-1.0, -2.0), (1.0, 2.0)]
    """
    master = master_of(spectrum)
    known = strengths(master)
    if strength not in known:
        raise ParameterError(
            f"{strength} is not a strength of the signals: parameters that move an outlier and not the bulk are "
            f"{', '.join(str(s) for s in known) or 'none'}"
        )
    rest = {k: v for k, v in (params or {}).items() if getattr(k, "name", k) != strength.name}
    found: list[Threshold] = []
    for factor, _ in master.determinant:
        (expr,) = master.law.system.substituted([factor])
        if expr.has(strength):
            found += thresholds_at(spectrum, master, expr, strength, rest, digits)
    with mpmath.workdps(digits):
        return tuple(
            Threshold(+t.value, +t.edge, t.place, t.number, t.unknowns)
            for t in sorted(found, key=lambda t: (t.place, t.value))
        )


def thresholds_at(
    spectrum: Spectrum, master: Master, factor: Expr, strength: Symbol, params: Mapping, digits: int
) -> Iterator[Threshold]:
    """Thresholds of one factor of the determinant; ``params`` has all parameters but the strength."""
    system, z = master.law.system, master.z
    unknowns = list(system.unknowns)
    bulk = system.substituted(system.residuals)
    # a number for the strength, to have a complete point: the bulk equations do not contain it
    solver = OutlierSolver(master, bind_master(master, {**params, strength: 1}))
    kind = MpKind(int(digits * 3.3219281) + 60)
    numbers = numbers_at(solver.derivation, solver.binding, kind)
    edges = spectrum.edges(bulk_params(spectrum, params))
    program = compile_program([*bulk, edge_residual(unknowns, bulk)]) if unknowns else None
    places = [(2 * k + j, float(x), 1.0 if j else -1.0) for k, pair in enumerate(edges) for j, x in enumerate(pair)]
    for place, edge, outward in places:
        width = max(abs(float(b) - float(a)) for a, b in edges)
        near = solver.solution(np.array([0]), np.array([edge + outward * 1e-8 * width]))
        if int(near.status[0]) != 0:
            near = solver.solution(np.array([0]), np.array([edge + outward * 1e-5 * width]))
        state = {u: as_mp(np.real(near.unknowns[u][0])) for u in unknowns} | {z: as_mp(edge)}
        if not all(mpmath.isfinite(v) for v in state.values()):
            continue
        with kind.context():
            if program is not None:
                refined = _edge(program, state, numbers, [*unknowns, z], digits)
                if refined is None or abs(refined[z] - edge) > 1e-6 * width:
                    continue  # a hard edge: the unknowns diverge there, and no outlier can reach it
                state = refined
            values = _roots(factor, strength, dict(numbers.env) | state, numbers, digits)
        for number, value in enumerate(values):
            yield Threshold(value, state[z], place, number, {u: state[u] for u in unknowns})


def _edge(program: Any, state: dict, numbers: Any, names: list[Symbol], digits: int) -> dict | None:
    kind = numbers.algebra.kind
    for _ in range(60):
        values, rows = program.jacobian(dict(numbers.env) | state, numbers.algebra, names)
        try:
            delta = solve_dense(kind, rows, [-v for v in values])
        except (ZeroDivisionError, ResolventError):
            return None
        state = {s: state[s] + d for s, d in zip(names, delta, strict=True)}
        if max(abs(d) / (1 + abs(state[s])) for s, d in zip(names, delta, strict=True)) < mpmath.mpf(10) ** (
            -digits - 5
        ):
            return {s: mpmath.mpf(mpmath.re(v)) for s, v in state.items()}
    return None


def _roots(factor: Expr, strength: Symbol, env: Mapping[Any, Any], numbers: Any, digits: int) -> list[Any]:
    """Real zeros of the factor as a function of the strength, inside its domain."""
    field = Field([factor])
    poly = field.from_sympy(factor).num
    positions = [k for k, d in enumerate(poly.degrees()) if d and field.meaning(k).has(strength)]
    if len(positions) != 1:
        raise ResolventError(f"the determinant is not a polynomial in one function of {strength}")
    (position,) = positions
    meaning = field.meaning(position)
    coefficients: dict[int, Any] = {}
    others = [field.meaning(k) for k, d in enumerate(poly.degrees()) if d and k != position]
    known = dict(zip(others, compile_program(others).run(env, numbers.algebra), strict=True)) if others else {}
    for exponents, c in poly.to_dict().items():
        term = mpmath.mpf(int(c))
        for k, e in enumerate(exponents):
            if e and k != position:
                term *= mpmath.re(known[field.meaning(k)]) ** int(e)
        power = int(exponents[position])
        coefficients[power] = coefficients.get(power, mpmath.mpf(0)) + term
    degree = max(coefficients)
    listed = [coefficients.get(k, mpmath.mpf(0)) for k in range(degree, -1, -1)]
    size = max(abs(c) for c in listed)
    while listed and abs(listed[0]) < size * mpmath.mpf(10) ** (-digits):
        listed.pop(0)
    if len(listed) < 2:
        return []
    out = []
    for root in mpmath.polyroots(listed, maxsteps=200, extraprec=200):
        if abs(mpmath.im(root)) > mpmath.mpf(10) ** (-digits // 2) * (1 + abs(root)):
            continue
        value = _invert(meaning, strength, mpmath.re(root))
        if value is not None and _allowed(strength, value, digits):
            out.append(value)
    return sorted(out)


def _invert(meaning: Expr, strength: Symbol, number: Any) -> Any:
    """The strength at which its generator takes a value: itself, or a root of a linear function of it."""
    if meaning == strength:
        return number
    if isinstance(meaning, Pow) and meaning.exp.is_Rational and meaning.exp.p == 1:
        slope = meaning.base.diff(strength)
        if number < 0 or slope.has(strength) or slope.free_symbols:
            return None
        start = lambdify([], meaning.base.subs(strength, 0), modules="mpmath")()
        return (number ** int(meaning.exp.q) - start) / mpmath.mpmathify(slope.evalf(mpmath.mp.dps + 5))
    return None


def _allowed(strength: Symbol, value: Any, digits: int) -> bool:
    small = mpmath.mpf(10) ** (-digits // 2)
    if strength.is_positive and value <= small:
        return False
    if strength.is_nonnegative and value < -small:
        return False
    return not (strength.is_negative and value >= -small)
