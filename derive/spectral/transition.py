"""Where an outlier leaves the bulk, as a function of any parameter, also of one that moves the bulk.

At a transition three things hold: the bulk equations, their Jacobian is singular (an edge), and the determinant of the
master matrix vanishes (an outlier). The unknowns and z are eliminated; the real roots of what is left are candidates,
and those are kept at which an outlier appears or disappears above the bulk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mpmath
from sympy import Expr, MatrixExpr, Poly, Symbol, Trace, cancel, factor_list, nsimplify, resultant, together

from ..errors import ParameterError, ResolventError
from ..numbers import exact
from .equations import edge_residual
from .outliers import master_of, outliers

if TYPE_CHECKING:
    from .spectrum import Spectrum

__all__ = ["Transition", "transition_polynomials", "transitions"]

_STEP = 1e-3  # relative distance at which a candidate is looked at from both sides
_DIGITS = 30


@dataclass(frozen=True)
class Transition:
    """At ``value`` of a parameter the largest eigenvalue meets the edge of the bulk.

    ``appears`` tells on which side there is an outlier: above the value, or below it.
    """

    value: float
    edge: float
    appears: bool


def transitions(spectrum: Spectrum, parameter: Symbol, params: Mapping | None = None) -> tuple[Transition, ...]:
    """All values of ``parameter`` at which an outlier above the bulk appears or disappears.

    Parameters
    ----------
    spectrum : Spectrum
        Of a model with signals whose equations are algebraic.
    parameter : Symbol
        Positive values are searched.
    params : mapping
        All other parameters, one point.

    Returns
    -------
    tuple of Transition
        In increasing order; empty where there is none.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Signal, Wigner, dimensions, spectrum
    >>> from derive.spectral.transition import transitions
    >>> n, v = dimensions("n"), Symbol("v", positive=True)
    >>> u = Signal("u", n, norm2=1)
    >>> law = spectrum(Wigner("W", n, variance=v/n) + 3*u*u.T)
    >>> [(t.value, t.appears) for t in transitions(law, v)]  # more noise hides the spike
    [(9.0, False)]
    """
    rest = {k: v for k, v in (params or {}).items() if getattr(k, "name", k) != parameter.name}
    numbers = {getattr(k, "name", k): nsimplify(exact(v, str(k)), rational=True) for k, v in rest.items()}
    missing = [s.name for s in master_of(spectrum).law.parameters if s.name not in (*numbers, parameter.name)]
    missing = [name for name in missing if name != spectrum.z.name]
    if missing:
        raise ParameterError(f"missing value for {', '.join(missing)}")
    found: list[Transition] = []
    for poly in transition_polynomials(spectrum, parameter, numbers):
        for root in Poly(poly, parameter).nroots(n=_DIGITS, maxsteps=200):
            if abs(mpmath.im(mpmath.mpmathify(root))) > 1e-15 * abs(mpmath.mpmathify(root)) or mpmath.re(root) <= 1e-12:
                continue
            value = float(mpmath.re(mpmath.mpmathify(root)))
            below, above = (_informative(spectrum, parameter, value * (1 + s * _STEP), rest) for s in (-1, 1))
            if below != above and all(abs(t.value - value) > 1e-9 * value for t in found):
                edges = spectrum.edges({**_bulk(spectrum, rest), **_bulk(spectrum, {parameter: value})})
                found.append(Transition(value, float(edges[-1][1]), above))
    return tuple(sorted(found, key=lambda t: t.value))


def _bulk(spectrum: Spectrum, params: Mapping) -> dict:
    names = {s.name for s in spectrum.parameters}
    return {k: v for k, v in params.items() if getattr(k, "name", k) in names}


def _informative(spectrum: Spectrum, parameter: Symbol, value: float, rest: Mapping) -> bool:
    return any(o.side == 1 for o in outliers(spectrum, {**rest, parameter: value}))


def transition_polynomials(spectrum: Spectrum, parameter: Symbol, numbers: Mapping[str, Expr]) -> tuple[Expr, ...]:
    """Irreducible polynomials in ``parameter`` (and in what has no number) one of which vanishes at a transition."""
    master = master_of(spectrum)
    system, z = master.law.system, master.z
    bulk = system.substituted(system.residuals)
    factors = system.substituted([e for e, _ in master.determinant])
    exprs = [*bulk, *factors]
    if any(e.has(Trace) or e.has(MatrixExpr) or not e.is_rational_function(*system.unknowns, z) for e in exprs):
        raise ResolventError(f"the equations of {spectrum.matrix} are not algebraic: no transition is solved for")
    place = {s: numbers[s.name] for e in exprs for s in e.free_symbols if s.name in numbers and s != parameter}
    singular = edge_residual(system.unknowns, bulk)
    away = [z, *system.unknowns]
    out: list[Expr] = []
    for factor in factors:
        polys = [_numerator(e.subs(place), away) for e in (*bulk, singular, factor)]
        for poly in _eliminated([p for p in polys if p != 0], away):
            if poly.has(parameter) and poly not in out:
                out.append(poly)
    return tuple(out)


def _numerator(expr: Expr, away: Sequence[Symbol]) -> Expr:
    return together(cancel(expr)).as_numer_denom()[0].expand()


def _eliminated(polys: list[Expr], away: Sequence[Symbol]) -> list[Expr]:
    """Irreducible factors of the resultant; every product of factors is followed, since each may hold a transition."""
    left = [u for u in away if any(p.has(u) for p in polys)]
    if not left:
        return [f for p in polys for f, _ in factor_list(p)[1]]
    unknown = min(left, key=lambda u: max(Poly(p, u).degree() for p in polys))
    with_it = sorted((p for p in polys if p.has(unknown)), key=lambda p: (Poly(p, unknown).degree(), len(p.args)))
    rest = [p for p in polys if not p.has(unknown)]
    pivot = with_it[0]
    for p in with_it[1:]:
        value = resultant(p, pivot, unknown)
        if value == 0:
            raise ResolventError("the equations at a transition are not independent")
        parts = [f for f, _ in factor_list(value)[1]]
        product = parts[0]
        for part in parts[1:]:
            product *= part
        rest.append(product.expand())
    return _eliminated(rest, away)
