"""One strongly connected component of the scalar system: affine ones are solved, in others the unknowns are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from .dependence import Dependence
from .field import Fraction
from .graph import feedback_set, topological
from .ring import InverseAtom, Ring
from .spelling import isolate, length

__all__ = ["Core", "Equation", "is_affine", "solve_affine", "solve_core"]

# one equation in one unknown replaces several in several while it stays this short (monomials in factored form)
_READABLE = 16
# an equation of so many terms is no closed form: keep the unknowns
_LARGE = 400


@dataclass(frozen=True)
class Equation:
    """``unknown = value`` if explicit, and always ``residual = 0``; positions are field generators."""

    unknown: int
    residual: Fraction
    value: Fraction | None


@dataclass(frozen=True)
class Core:
    """A solved component: fixed-point equations, definitions in order, and shifts that are another shift."""

    equations: tuple[Equation, ...]
    definitions: tuple[tuple[int, Fraction], ...]
    same: Mapping[int, int]


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


def solve_affine(ring: Ring, local: Mapping[int, Fraction], longest: int) -> list[tuple[int, Fraction]] | None:
    """Gaussian elimination over the field; None where a coefficient of more than ``longest`` terms occurs."""
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
                if any(len(c.num) + len(c.den) > longest for c in (*rows[m][0].values(), rows[m][1])):
                    return None
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
) -> Core:
    """Choose the fixed-point unknowns of a nonlinear component."""
    field = ring.field
    local = _fewer_traces(ring, local)
    inside = sorted(local)
    mine = [v for v in inside if v in shifts]
    hidden = set().union(*(dependence.hidden(e) for e in local.values()))
    residuals = {v: Fraction(field, (field.generator(v) - e).num, field.one.num) for v, e in local.items()}
    # the equations of a free element in several slots are of high degree: eliminating makes them unreadable
    matrices = {s.position for s in ring.entries.values()} & set(inside)
    if mine and not matrices and not (hidden - set(mine)) & set(inside):
        polys, same = _merge_shifts(ring, residuals, mine, dependence)
        keep = [v for v in mine if v not in same]
        left = _eliminate_linear(ring, polys, [v for v in inside if v not in mine])
        if left is not None:
            equations = [Equation(v, p, isolate(ring, p, v)) for v, p in zip(keep, left[0], strict=True)]
            return Core(tuple(equations), tuple(left[1]), same)
    edges = {v: [w for w in sorted(dependence.of(local[v])) if w in local] for v in inside}
    chosen = feedback_set(inside, edges, [*mine, *prefer], limit=1)
    if chosen is None and not matrices and not hidden & set(inside):
        single = _single_unknown(ring, residuals, [v for v in prefer if v in local] or inside)
        if single is not None:
            return single
    if chosen is None:
        chosen = feedback_set(inside, edges, [*mine, *prefer])
    assert chosen is not None
    rest = [v for v in inside if v not in chosen]
    order = topological(rest, {v: [w for w in edges[v] if w in rest] for v in rest})
    assert order is not None
    definitions = [(v, local[v]) for v in order]
    if len(chosen) == 1 and not hidden & set(inside):
        linear = _linear_solution(ring, chosen[0], local[chosen[0]], definitions)
        if linear is not None:
            return Core((), ((chosen[0], linear), *definitions), {})
    equations = [Equation(v, field.generator(v) - local[v], local[v]) for v in chosen]
    return Core(tuple(equations), tuple(definitions), {})


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
    constant, slope = field.linear(poly, unknown)
    return -(constant / slope)


def _merge_shifts(
    ring: Ring, residuals: Mapping[int, Fraction], shifts: Sequence[int], dependence: Dependence
) -> tuple[dict[int, Fraction], dict[int, int]]:
    """Shifts that obey ``T(kappa_i) = T(kappa_j)`` with one function T of both are made one.

    They are equal: T is injective near infinity, where both are when the spectral point is, and what is equal there
    stays equal by analytic continuation. The equation is found as the difference of two others, such as
    ``tau_1 tau_2 = T(kappa_i)`` and ``tau_2 tau_1 = T(kappa_j)``.
    """
    polys, same = dict(residuals), dict[int, int]()
    while True:
        found = _same_shift(polys, shifts, ring, dependence)
        if found is None:
            return polys, same
        redundant, gone, other = found
        del polys[redundant]
        polys = {v: ring.renamed(p, {gone: other}) for v, p in polys.items()}
        same = {v: other if w == gone else w for v, w in same.items()} | {gone: other}


def _same_shift(
    polys: Mapping[int, Fraction], shifts: Sequence[int], ring: Ring, dependence: Dependence
) -> tuple[int, int, int] | None:
    for (_, p), (second, q) in combinations(polys.items(), 2):
        if p.generators() - ring.traces.keys() != q.generators() - ring.traces.keys():
            continue
        gap = p - q
        pair = sorted(dependence.of(gap) & set(shifts))
        if len(pair) == 2 and not gap.generators() & set(polys) and not ring.renamed(gap, {pair[1]: pair[0]}):
            return second, pair[1], pair[0]
    return None


def _single_unknown(ring: Ring, residuals: Mapping[int, Fraction], candidates: Sequence[int]) -> Core | None:
    """One short polynomial equation in one unknown, the others rational functions of it; None if there is none."""
    for v in candidates:
        left = _eliminate_linear(ring, residuals, [w for w in residuals if w != v], forward=True)
        if left is None or len(left[0]) != 1 or length(left[0][0]) > _READABLE:
            continue
        equation = Equation(v, left[0][0], isolate(ring, left[0][0], v))
        return Core((equation,), tuple(left[1]), {})
    return None


def _eliminate_linear(
    ring: Ring, residuals: Mapping[int, Fraction], unknowns: Sequence[int], forward: bool = False
) -> tuple[list[Fraction], list[tuple[int, Fraction]]] | None:
    """Solve for ``unknowns`` one at a time where an equation is linear in one.

    Returns the equations that remain and the solved unknowns, or None where no equation is linear any more.
    ``forward`` takes first what follows from the unknowns that are kept.
    """
    field = ring.field
    polys, pending, everything = dict(residuals), sorted(unknowns), set(residuals)
    solved: list[tuple[int, Fraction]] = []
    while pending:
        best = None
        for name, poly in polys.items():
            degrees = poly.num.degrees()
            open_ = sum(bool(degrees[v]) for v in pending) if forward else 0
            for v in pending:
                if degrees[v] != 1:
                    continue
                constant, slope = field.linear(poly, v)
                # an equation without traces leaves the trace to the fixed point: kappa/l - 1, not f kappa T / l
                traces = sum(bool(d) for g, d in enumerate(degrees) if g in ring.traces)
                rank = (open_, traces, len(slope.num.monoms()), len(poly.num.monoms()), v, name)
                if best is None or rank < best[0]:
                    best = (rank, name, v, -(constant / slope), slope)
        if best is None:
            return None
        _, name, v, value, slope = best
        del polys[name]
        pending.remove(v)
        polys = {k: _primitive(ring, field.subs(p, {v: value}), everything, slope) for k, p in polys.items()}
        if any(len(p.num) > _LARGE for p in polys.values()):
            return None
        solved = [(w, field.subs(e, {v: value})) for w, e in solved]
        solved.append((v, value))
    return list(polys.values()), solved


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
