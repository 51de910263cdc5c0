"""Moments: from the expansion of the algebraic curve at infinity, or as limits of traces of powers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import QQ, Expr, Poly, Symbol, Trace, factor
from sympy.matrices.expressions import Inverse, MatPow

from ..errors import ParameterError, ResolventError
from ..limits import limit
from ..scan import walk

if TYPE_CHECKING:
    from ..result import Limit
    from .spectrum import Spectrum

__all__ = ["numeric_moments", "symbolic_moments"]


def symbolic_moments(law: Spectrum, count: int) -> tuple[Expr, ...]:
    """The first ``count`` moments in the parameters and in traces of the deterministic matrices."""
    if not law.stieltjes.derivation.lettered:
        curve = law.curve()
        found = series_at_infinity(curve, count) if curve is not None else None
        if found is not None:
            return found
    out = []
    for k in range(1, count + 1):
        trace = _trace_limit(law, k)
        system = trace.system
        if system.unknowns:
            raise ResolventError(
                f"moment {k} of {law.matrix} is not an expression in the parameters: its equations have no closed "
                f"form; give the parameters, moments({count}, params)"
            )
        (value,) = system.substituted(list(system.values.values()))
        out.append(value)
    return tuple(out)


def _trace_limit(law: Spectrum, k: int) -> Limit:
    given = law.stieltjes.derivation.problem
    p = law.matrix.shape[0]
    return limit(
        Trace(law.matrix**k) / p, law.regime, inner=dict(given.declared) or None, commuting=given.commuting or None
    )


def numeric_moments(law: Spectrum, count: int, params: Mapping) -> tuple[Any, ...]:
    """The first ``count`` moments at one point of the parameters, or arrays over a batch."""
    inverses = any(isinstance(n, Inverse | MatPow) and _negative(n) for n in walk(law.matrix))
    if not inverses and count <= 8:
        out = []
        for k in range(1, count + 1):
            trace = _trace_limit(law, k)
            needed = {s.name for s in trace.parameters} | {m.name for m in trace.letters}
            known = trace._known[1]
            needed |= {s.name for s in known}
            given = {key: v for key, v in params.items() if _names(key) <= needed}
            value = trace.evaluate(given)
            out.append(np.broadcast_to(value, law.bind(params).shape) if np.ndim(value) else value)
        return tuple(out)
    shape, points = law._each(params)
    columns = []
    for point in points:
        curve = law.curve({**point.scalars, **point.laws})
        found = series_at_infinity(curve, count) if curve is not None else None
        if found is None:
            from .integrals import integral

            columns.append([integral(point, partial(_power, k), f"x**{k}") for k in range(1, count + 1)])
        else:
            columns.append([float(v) for v in found])
    return tuple(row[0] if shape == () else np.array(row).reshape(shape) for row in zip(*columns, strict=True))


def _power(k: int, x: np.ndarray) -> np.ndarray:
    return x**k


def _negative(node: Any) -> bool:
    return isinstance(node, Inverse) or bool(node.exp.is_negative)


def _names(key: Any) -> set[str]:
    if isinstance(key, str):
        return {part.strip() for part in key.split(",")}
    return {member.name for member in key} if isinstance(key, tuple) else {key.name}


def series_at_infinity(curve: Poly, count: int) -> tuple[Expr, ...] | None:
    """Moments from ``m = -(1/z) sum mu_k z^-k``; None where several branches begin with -1/z."""
    m, z = curve.gens
    order = max(power_z - power_m for (power_m, power_z), _ in curve.terms())
    w = Symbol("w")
    others = sorted(curve.as_expr().free_symbols - {m, z}, key=str)
    domain = QQ.frac_field(*others) if others else QQ
    # P(-w mu, 1/w) w^order as a polynomial in mu, its coefficients polynomials in w
    table: dict[int, dict[int, Any]] = {}
    for (power_m, power_z), c in curve.terms():
        row = table.setdefault(power_m, {})
        place = order - (power_z - power_m)
        row[place] = row.get(place, 0) + domain.from_sympy(c) * (-1) ** power_m
    rows = {k: Poly.from_dict({(e,): v for e, v in row.items()}, w, domain=domain) for k, row in table.items()}
    zero = Poly(0, w, domain=domain)

    def value(mu: Poly, size: int) -> Poly:
        total = zero
        for k in range(max(rows), -1, -1):
            total = _cut(total * mu, size) + rows.get(k, zero)
        return _cut(total, size)

    slope = sum((row.nth(0) * k for k, row in rows.items()), 0)
    if slope == 0 or sum((row.nth(0) for row in rows.values()), 0) != 0:
        return None
    mu = Poly(1, w, domain=domain)
    found = []
    for k in range(1, count + 1):
        term = domain.from_sympy(-value(mu, k + 1).nth(k)) / domain.from_sympy(factor(slope))
        mu = mu + Poly({(k,): term}, w, domain=domain)
        found.append(domain.to_sympy(term))
    return tuple(factor(v) if others else v for v in found)


def _cut(poly: Poly, size: int) -> Poly:
    """The terms of degree below ``size``."""
    kept = {e: c for e, c in poly.rep.to_dict().items() if e[0] < size}
    return Poly.from_dict(kept or {(0,): poly.domain.zero}, *poly.gens, domain=poly.domain)


def checked_count(count: Any) -> int:
    """A number of moments."""
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 200:
        raise ParameterError(f"moments(k) wants the number of moments, 1 to 200, got {count!r}")
    return count
