"""Closed forms: the polynomial of one quantity by elimination, its root in radicals, and explicit parametric curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from sympy import QQ, Expr, Mul, Poly, Rational, Symbol, cancel, factor_list, groebner, roots, solve, sqrt

from ..errors import ParameterError
from ..numbers import exact

if TYPE_CHECKING:
    from .tensor_limit import TensorLimit

__all__ = ["closed_form", "explicit_curve", "polynomial"]

_SAME = 1e-9


def _placed(limit: TensorLimit, params: Mapping) -> dict[Symbol, Expr]:
    names = {s.name: s for s in limit.parameters}
    out = {}
    for key, value in params.items():
        name = getattr(key, "name", str(key))
        if name not in names:
            raise ParameterError(f"{name} is no parameter; the parameters are {', '.join(names)}")
        out[names[name]] = exact(value, name)
    return out


def _merged(limit: TensorLimit, params: Mapping, at: Mapping) -> tuple[list[Expr], dict[Symbol, Symbol], dict]:
    """Equations in which unknowns that are equal by symmetry are one, and the values of the unknowns at a point."""
    fixed, sample = _placed(limit, params), _placed(limit, at)
    missing = [s.name for s in limit.parameters if s not in fixed and s not in sample]
    if missing:
        raise ParameterError(f"at= must give a value to {', '.join(missing)}, a point on the branch that is meant")
    result = limit.evaluate({**sample, **fixed}, full_output=True)
    if result.status != 0:
        raise ParameterError(f"there is no informative solution at the point at=: {result.note}")
    values = {u: float(v) for u, v in result.unknowns.items()}
    residuals = [r.xreplace(fixed) for r in limit.system.residuals]
    equal: dict[Symbol, Symbol] = {}
    kinds = {s: k.kind for k, s in limit.derived.symbols.items()}
    for k, u in enumerate(limit.unknowns):
        for v in limit.unknowns[:k]:
            if kinds[u] == kinds[v] and abs(values[u] - values[v]) < _SAME * abs(values[v]):
                equal.setdefault(u, equal.get(v, v))
    together = list(dict.fromkeys(r.xreplace(equal).expand() for r in residuals))
    kept = [u for u in limit.unknowns if u not in equal]
    if len(together) != len(kept):
        equal, together = {}, residuals
    return together, equal, {**values, **{s: float(v) for s, v in sample.items()}}


def polynomial(limit: TensorLimit, name: str, params: Mapping, at: Mapping) -> tuple[Poly, dict]:
    """The irreducible polynomial of a quantity over the parameters that are left symbolic."""
    if name not in limit.system.values:
        raise ParameterError(f"{name} is no quantity; they are {', '.join(limit.system.values)}")
    residuals, equal, values = _merged(limit, params, at)
    unknowns = [u for u in limit.unknowns if u not in equal]
    target = limit.system.values[name].xreplace(equal)
    result, spare = Symbol(f"_{name}"), Symbol("_T")
    overlaps = [s for k, s in limit.derived.symbols.items() if k.kind == "overlap" and s in unknowns]
    nonzero = [u for u in overlaps if abs(values[u]) > _SAME]
    system = [*residuals, 1 - spare * Mul(*nonzero), result - target]
    free = sorted({s for r in residuals for s in r.free_symbols} - set(limit.unknowns), key=lambda s: s.name)
    domain = QQ.frac_field(*free) if free else QQ
    order = [spare, *sorted(unknowns, key=lambda u: (u in overlaps, u == target)), result]
    basis = groebner(system, *order, order="lex", domain=domain)
    last = next(g for g in basis.exprs if g.has(result) and not g.free_symbols & {*unknowns, spare})
    numbers = {**values, result: values[target] if target in values else float(target.xreplace(values))}
    quantity = Symbol(name)
    for factor, _ in factor_list(cancel(last).as_numer_denom()[0], result)[1]:
        size = sum(abs(float(t.xreplace(numbers))) for t in factor.as_ordered_terms())
        if abs(float(factor.xreplace(numbers))) < 1e-7 * size:
            return Poly(factor.xreplace({result: quantity}), quantity), {**values, quantity: numbers[result]}
    raise ParameterError(f"no factor of the polynomial of {name} vanishes at the point at=")


def closed_form(limit: TensorLimit, name: str, params: Mapping, at: Mapping) -> Expr:
    """The root in radicals that belongs to the informative solution."""
    poly, values = polynomial(limit, name, params, at)
    wanted = values[poly.gen]
    even = all(k % 2 == 0 for (k,) in poly.monoms())
    reduced = Poly({(k // 2,): c for (k,), c in poly.terms()}, poly.gen, domain=poly.domain) if even else poly
    for root in roots(reduced):
        found = sqrt(root) if even else root
        number = complex(found.xreplace({s: exact(v) for s, v in values.items() if s in found.free_symbols}).evalf(30))
        if even and wanted < 0:
            found, number = -found, -number
        if np.isclose(number, wanted, rtol=1e-8):
            return found
    raise ParameterError(f"the polynomial of {name} has degree {reduced.degree()} and no root in radicals was found")


def explicit_curve(limit: TensorLimit, parameter: Symbol, s: Symbol) -> dict[str, Expr]:
    """``parameter``, the singular value and the squared overlaps as functions of ``s = lambda + (noise terms)``.

    For one spike of one estimator whose block Dyson equations separate in s. An overlap equation times its overlap,
    less the equation of the singular value, no longer contains the spike and is linear in the square of the overlap.
    """
    derived = limit.derived
    by_key = dict(zip(derived.symbols, limit.system.residuals, strict=True))
    if len(limit.read.terms) != 1 or len(limit.read.spikes) != 1:
        raise ParameterError("an explicit curve is known for one estimator of a tensor with one spike")
    value_key = next(k for k in by_key if k.kind == "value")
    value = derived.symbols[value_key]
    noise = -by_key[value_key].xreplace({parameter: 0 * s}) - value
    inside = {value: s - noise}
    g_of: dict[Symbol, Expr] = {}
    for key, residual in by_key.items():
        if key.kind != "trace":
            continue
        g = derived.symbols[key]
        equation = residual.xreplace(inside).expand()
        if equation.free_symbols & set(limit.unknowns) - {g}:
            raise ParameterError(f"the equation of {g} does not separate in s, so the curve is not explicit")
        found = solve(equation, g)
        # the resolvent above its spectrum is negative
        g_of[g] = min(found, key=lambda e: float(e.xreplace(dict.fromkeys(e.free_symbols, Rational(7, 10)))))
    out: dict[str, Expr] = {"value": (s - noise).xreplace(g_of)}
    product = by_key[value_key] + value + noise
    for key, residual in by_key.items():
        if key.kind == "overlap":
            q, square = derived.symbols[key], Symbol("_square")
            rest = (q * residual - by_key[value_key]).expand().xreplace({q**2: square})
            rest = rest.xreplace(inside).expand()
            if rest.has(q) or rest.has(parameter):
                raise ParameterError(f"the equation of {q} is not explicit in s")
            (found,) = solve(rest, square)
            out[q.name] = sqrt(cancel(found)).xreplace(g_of)
    named = {derived.symbols[k]: out[derived.symbols[k].name] for k in by_key if k.kind == "overlap"}
    strength = (s / cancel(product / parameter)).xreplace(named)
    return {parameter.name: strength, **out}
