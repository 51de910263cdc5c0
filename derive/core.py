"""One strongly connected component of the scalar system: affine ones are solved, in others the unknowns are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .dependence import Dependence
from .field import Fraction
from .graph import feedback_set, topological
from .ring import InverseAtom, Ring
from .spelling import isolate

__all__ = ["Equation", "is_affine", "solve_affine", "solve_core"]


@dataclass(frozen=True)
class Equation:
    """``unknown = value`` if explicit, and always ``residual = 0``; positions are field generators."""

    unknown: int
    residual: Fraction
    value: Fraction | None


def is_affine(local: Mapping[int, Fraction], dependence: Dependence) -> bool:
    inside = set(local)
    for e in local.values():
        if dependence.hidden(e) & inside:
            return False
        degrees_den = e.den.degrees()
        if any(degrees_den[v] for v in inside):
            return False
        if any(sum(int(exponents[v]) for v in inside) > 1 for exponents in e.num.monoms()):
            return False
    return True


def solve_affine(ring: Ring, local: Mapping[int, Fraction]) -> list[tuple[int, Fraction]]:
    """Gaussian elimination over the field."""
    field = ring.field
    order = sorted(local)
    zero = dict.fromkeys(order, field.zero)
    rows = []
    for v in order:
        constant = field.subs(local[v], zero)
        row = {}
        for w in order:
            unit = field.subs(local[v], {**zero, w: field.one}) - constant
            row[w] = (field.one if v == w else field.zero) - unit
        rows.append((row, constant))
    for k, v in enumerate(order):
        pivot = next(m for m in range(k, len(rows)) if rows[m][0][v])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        row, constant = rows[k]
        inverse = row[v].inverse()
        row = {w: c * inverse for w, c in row.items()}
        constant = constant * inverse
        rows[k] = (row, constant)
        for m in range(len(rows)):
            factor = rows[m][0][v]
            if m != k and factor:
                rows[m] = ({w: c - factor * row[w] for w, c in rows[m][0].items()}, rows[m][1] - factor * constant)
    return [(v, rows[k][1]) for k, v in enumerate(order)]


def _fewer_traces(ring: Ring, local: Mapping[int, Fraction]) -> dict[int, Fraction]:
    """Where ``tr W (W + kappa)^-1`` and ``tr (W + kappa)^-1`` both occur, the first is ``1 - kappa`` times the
    second.
    """
    field = ring.field
    occurring = set().union(*(e.generators() for e in local.values())) & ring.traces.keys()
    replacement: dict[int, Fraction] = {}
    for g in sorted(occurring):
        word = ring.traces[g]
        start = word[0].rows
        inverses = [k for k, f in enumerate(word) if isinstance(f, InverseAtom)]
        if len(word) < 2 or len(inverses) != 1:
            continue
        # rotate the trace so that the inverse comes last: tr A (A'A + kappa)^-1 A' = tr A'A (A'A + kappa)^-1
        cut = inverses[0] + 1
        word = word[cut:] + word[:cut]
        last = word[-1]
        assert isinstance(last, InverseAtom)
        if len(last.arg.terms) != 2 or last.arg.terms.get(word[:-1]) != field.one or () not in last.arg.terms:
            continue
        partner = [k for k in occurring if ring.traces[k] == (last,)]
        if partner:
            ratio = field.from_sympy(last.arg.rows.size) / field.from_sympy(start.size)
            replacement[g] = ratio * (field.one - last.arg.terms[()] * field.generator(partner[0]))
    return {v: field.subs(e, replacement) for v, e in local.items()}


def solve_core(
    ring: Ring, local: Mapping[int, Fraction], shifts: set[int], dependence: Dependence, prefer: Sequence[int]
) -> tuple[list[Equation], list[tuple[int, Fraction]]]:
    """Choose the fixed-point unknowns of a nonlinear component."""
    field = ring.field
    local = _fewer_traces(ring, local)
    inside = sorted(local)
    mine = [v for v in inside if v in shifts]
    hidden = set().union(*(dependence.hidden(e) for e in local.values()))
    if mine and not (hidden - set(mine)) & set(inside):
        found = _eliminate_linear(ring, local, mine)
        if found is not None:
            return found
    edges = {v: [w for w in sorted(dependence.of(local[v])) if w in local] for v in inside}
    chosen = feedback_set(inside, edges, [*mine, *prefer])
    rest = [v for v in inside if v not in chosen]
    order = topological(rest, {v: [w for w in edges[v] if w in rest] for v in rest})
    assert order is not None
    definitions = [(v, local[v]) for v in order]
    if len(chosen) == 1 and not hidden & set(inside):
        linear = _linear_solution(ring, chosen[0], local[chosen[0]], definitions)
        if linear is not None:
            return [], [(chosen[0], linear), *definitions]
    equations = [Equation(v, field.generator(v) - local[v], local[v]) for v in chosen]
    return equations, definitions


def _linear_solution(
    ring: Ring, unknown: int, value: Fraction, definitions: Sequence[tuple[int, Fraction]]
) -> Fraction | None:
    """The solution of ``unknown = value`` if the equation is linear once its definitions are put in."""
    field = ring.field
    for v, e in reversed(definitions):
        value = field.subs(value, {v: e})
    poly = Fraction(field, (field.generator(unknown) - value).num, field.one.num)
    if poly.num.degrees()[unknown] != 1:
        return None
    zero = field.subs(poly, {unknown: field.zero})
    return -(zero / (field.subs(poly, {unknown: field.one}) - zero))


def _eliminate_linear(
    ring: Ring, local: Mapping[int, Fraction], keep: Sequence[int]
) -> tuple[list[Equation], list[tuple[int, Fraction]]] | None:
    """Solve for the Dyson unknowns one at a time where an equation is linear in one; the shifts remain."""
    field = ring.field
    residuals = {v: (field.generator(v) - e) for v, e in local.items()}
    polys = {v: Fraction(field, r.num, field.one.num) for v, r in residuals.items()}
    pending = [v for v in sorted(local) if v not in keep]
    solved: list[tuple[int, Fraction]] = []
    while pending:
        best = None
        for name, poly in polys.items():
            degrees = poly.num.degrees()
            for v in pending:
                if degrees[v] != 1:
                    continue
                zero = field.subs(poly, {v: field.zero})
                slope = field.subs(poly, {v: field.one}) - zero
                # an equation without traces leaves the trace to the fixed point: kappa/l - 1, not f kappa T / l
                traces = sum(bool(d) for g, d in enumerate(degrees) if g in ring.traces)
                rank = (traces, len(slope.num.monoms()), len(poly.num.monoms()), v, name)
                if best is None or rank < best[0]:
                    best = (rank, name, v, -(zero / slope), slope)
        if best is None:
            return None
        _, name, v, value, slope = best
        del polys[name]
        pending.remove(v)
        polys = {k: _primitive(ring, field.subs(p, {v: value}), set(local), slope) for k, p in polys.items()}
        solved = [(w, field.subs(e, {v: value})) for w, e in solved]
        solved.append((v, value))
    equations = []
    for unknown, poly in zip(keep, polys.values(), strict=True):
        equations.append(Equation(unknown, poly, isolate(ring, poly, unknown)))
    return equations, solved


def _primitive(ring: Ring, value: Fraction, variables: set[int], slope: Fraction) -> Fraction:
    """Numerator without the factors that elimination brought in (contents and powers of the slope)."""
    field = ring.field
    _, spurious = slope.num.factor()
    known = {str(f) for f, _ in spurious}
    _, factors = value.num.factor()
    # an unknown may be left inside traces only, as in 1 = f tr Sigma (Sigma + kappa)^-1
    relevant = variables | ring.traces.keys()
    total = field.one
    for factor, multiplicity in factors:
        piece = Fraction(field, factor, field.one.num)
        if len(factor.monoms()) == 1 or str(factor) in known or not any(factor.degrees()[v] for v in relevant):
            continue
        for _ in range(int(multiplicity)):
            total = total * piece
    return total
