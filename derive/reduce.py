"""Reduce the scalar system to the form a person would write.

Seventh stage. In: the Dyson unknowns as rational functions of each other and of traces. Out: a :class:`Reduced` system:
few fixed-point unknowns, the rest explicit definitions. Passes, in order: zero unknowns and equal unknowns (coarsest
partition stable under the equations); strongly connected components; components that are affine (two-resolvent
quantities over a solved core) are solved; in a nonlinear core the shifts that make inverses monic are the unknowns if
there are any, otherwise a smallest feedback set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .dyson import DysonEquation
from .eliminate import Elimination, block_of_inverse
from .field import Field, Fraction
from .graph import components, feedback_set, topological
from .pencil import Output
from .ring import InverseAtom, Poly, Ring, Word

__all__ = ["Equation", "Reduced", "output_poly", "reduce_system", "unreduced"]


@dataclass(frozen=True)
class Equation:
    """``unknown = value`` if explicit, and always ``residual = 0``; positions are field generators."""

    unknown: int
    residual: Fraction
    value: Fraction | None


@dataclass(frozen=True)
class Reduced:
    """Fixed-point equations, then definitions in the order in which they can be computed, then the values."""

    equations: tuple[Equation, ...]
    definitions: tuple[tuple[int, Fraction], ...]
    values: Mapping[str, Fraction]
    start: Mapping[int, Fraction]
    classes: Mapping[int, int]
    zeros: frozenset[int]


def unreduced(ring: Ring, equation: DysonEquation, elimination: Elimination) -> dict[int, Fraction]:
    """Every Dyson unknown as a function of all of them: ``tau = tr(W G_kl)/dim``."""
    out: dict[int, Fraction] = {}
    for tau in equation.taus:
        block = elimination.bulk.get((tau.row, tau.col))
        if block is None:
            out[tau.position] = ring.field.zero
            continue
        weighted = block if not tau.weight else ring.mul(_word(ring, tau.weight), block)
        size = ring.field.from_sympy(equation.pencil.blocks[tau.col].space.size)
        out[tau.position] = ring.trace(weighted) / size
    return out


def _word(ring: Ring, word: Word) -> Poly:
    return Poly(word[0].rows, word[-1].cols, {word: ring.field.one})


def output_poly(ring: Ring, equation: DysonEquation, elimination: Elimination, output: Output) -> Poly:
    """The deterministic equivalent of one output of the pencil: ``sum c_i G_ij b_j + direct``."""
    total = output.direct
    finite = output.direct.rows.finite
    for i, left in output.coefficients.items():
        for j, inputs in enumerate(equation.pencil.inputs):
            if output.input not in inputs:
                continue
            if finite:
                block = block_of_inverse(ring, equation, elimination, i, j)
            else:
                # a low-rank term does not change a normalised trace
                block = elimination.bulk.get((i, j))
            if block is None or not block:
                continue
            total = ring.add(total, ring.mul(left, ring.mul(block, inputs[output.input])))
    return total


class _Dependence:
    """Which variables a fraction depends on, also through the inverses inside traces and forms."""

    def __init__(self, ring: Ring, variables: set[int]):
        self.ring, self.variables = ring, variables
        self._inside: dict[int, set[int]] = {}

    def _word(self, word: Word) -> set[int]:
        out: set[int] = set()
        for factor in word:
            if isinstance(factor, InverseAtom):
                for inner, c in factor.arg.terms.items():
                    out |= self.of(c) | self._word(inner)
        return out

    def inside(self, generator: int) -> set[int]:
        """Variables inside a trace or form generator."""
        if generator not in self._inside:
            word = self.ring.traces.get(generator) or self.ring.forms.get(generator)
            self._inside[generator] = self._word(word) if word else set()
        return self._inside[generator]

    def of(self, c: Fraction) -> set[int]:
        out: set[int] = set()
        for g in c.generators():
            if g in self.variables:
                out.add(g)
            out |= self.inside(g)
        return out

    def hidden(self, c: Fraction) -> set[int]:
        """Variables that occur inside traces: the fraction is not rational in them."""
        out: set[int] = set()
        for g in c.generators():
            out |= self.inside(g)
        return out


def reduce_system(
    ring: Ring, rhs: Mapping[int, Fraction], values: Mapping[str, Fraction], prefer: Sequence[int] = ()
) -> Reduced:
    """See the module's docstring; ``rhs`` comes from :func:`unreduced`, ``prefer`` ranks the fixed-point unknowns."""
    field = ring.field
    system = dict(rhs)
    zeros = _zeros(ring, system)
    merged = _classes(ring, {v: e for v, e in system.items() if v not in zeros}, zeros)
    replacement = dict.fromkeys(zeros, field.zero)
    replacement |= {v: field.generator(r) for v, r in merged.items() if r != v}
    system = {v: field.subs(e, replacement) for v, e in system.items() if merged.get(v) == v}
    values = {name: field.subs(v, replacement) for name, v in values.items()}
    values = {name: _recognise(ring, v, system) for name, v in values.items()}
    shifts = {s.position: field.subs(s.value, replacement) for s in ring.shifts.values()}
    system |= shifts
    dependence = _Dependence(ring, set(system))

    solved: dict[int, Fraction] = {}
    kept: dict[int, Fraction] = {}
    definitions: list[tuple[int, Fraction]] = []
    equations: list[Equation] = []
    needed = _needed(system, dependence, values)
    edges = {v: sorted(dependence.of(system[v])) for v in system}
    for component in components(sorted(needed), edges):
        local = {v: field.subs(system[v], solved) for v in component}
        if len(component) == 1 and component[0] not in dependence.of(local[component[0]]):
            new = [(component[0], local[component[0]])]
        elif _is_affine(local, dependence):
            new = _solve_affine(ring, local)
        else:
            core, new = _core(ring, _fewer_traces(ring, local), set(shifts), dependence, prefer)
            equations.extend(core)
        is_core = any(e.unknown in component for e in equations)
        for v, value in new:
            definitions.append((v, value))
            if dependence.hidden_users(v, system, values):
                continue
            # kappa is the natural unknown where there is one; otherwise a core definition may stay as it is
            target = kept if is_core and not set(component) & set(shifts) else solved
            target[v] = value
    spellings = [kept, *_other_spellings(field, equations, kept)] if kept else []
    values = {name: _shortest(field, v, solved, spellings) for name, v in values.items()}
    start = {e.unknown: system[e.unknown] for e in equations if e.unknown in shifts}
    return Reduced(tuple(equations), tuple(definitions), values, start, merged, frozenset(zeros))


def _length(value: Fraction) -> int:
    """Monomials in the factored form, the size a reader sees."""
    return sum(len(f.monoms()) for poly in (value.num, value.den) for f, _ in poly.factor()[1])


def _other_spellings(
    field: Field, equations: Sequence[Equation], kept: Mapping[int, Fraction]
) -> list[dict[int, Fraction]]:
    """The core's definitions read off its fixed-point equations instead: ``tau = 1/g - lambda`` for ``g =
    1/(lambda + tau)``.
    """
    out: dict[int, Fraction] = {}
    for e in equations:
        degrees = e.residual.num.degrees()
        linear = [v for v in kept if degrees[v] == 1]
        if len(linear) == 1 and linear[0] not in out:
            v = linear[0]
            poly = Fraction(field, e.residual.num, field.one.num)
            zero = field.subs(poly, {v: field.zero})
            out[v] = -(zero / (field.subs(poly, {v: field.one}) - zero))
    return [dict(kept) | out] if out else []


def _shortest(
    field: Field, value: Fraction, solved: Mapping[int, Fraction], spellings: Sequence[Mapping[int, Fraction]]
) -> Fraction:
    """Affine unknowns substituted; the core's definitions substituted in whichever way reads shortest, if at all."""
    best = field.subs(value, dict(solved))
    if not best:
        return best
    length = _length(best)
    for spelling in spellings:
        full = field.subs(value, dict(solved))
        for v in reversed(list(spelling)):
            full = field.subs(full, {v: spelling[v]})
        if full and _length(full) <= length:
            best, length = full, _length(full)
    return best


def _recognise(ring: Ring, value: Fraction, system: Mapping[int, Fraction]) -> Fraction:
    """A value that is a parameter times an unknown is written as that."""
    if not value:
        return value
    for v, e in system.items():
        if e and value != e and ring.is_parameter(ratio := value / e):
            return ratio * ring.field.generator(v)
        if value == e:
            return ring.field.generator(v)
    return value


def _hidden_users(self: _Dependence, v: int, system: Mapping[int, Fraction], values: Mapping[str, Fraction]) -> bool:
    return any(v in self.hidden(e) for e in (*system.values(), *values.values()))


_Dependence.hidden_users = _hidden_users  # type: ignore[attr-defined]


def _needed(system: Mapping[int, Fraction], dependence: _Dependence, values: Mapping[str, Fraction]) -> set[int]:
    """Variables the values depend on, directly or not."""
    pending = set().union(*(dependence.of(v) for v in values.values())) if values else set(system)
    out: set[int] = set()
    while pending:
        v = pending.pop()
        if v not in out:
            out.add(v)
            pending |= dependence.of(system[v]) - out
    return out


def _zeros(ring: Ring, system: Mapping[int, Fraction]) -> set[int]:
    """Greatest set of unknowns whose equations hold when all of them vanish."""
    field = ring.field
    guess = set(system)
    while guess:
        replacement = dict.fromkeys(guess, field.zero)
        keep = set()
        for v in guess:
            try:
                if not field.subs(system[v], replacement):
                    keep.add(v)
            except ZeroDivisionError:
                pass
        if keep == guess:
            break
        guess = keep
    return guess


def _classes(ring: Ring, system: Mapping[int, Fraction], zeros: set[int]) -> dict[int, int]:
    """Coarsest partition of the unknowns that is stable under the equations; maps each to its representative."""
    field = ring.field
    gone = dict.fromkeys(zeros, field.zero)
    system = {v: field.subs(e, gone) for v, e in system.items()}
    inside = _Dependence(ring, set(system))
    # unknowns inside an inverse keep their own class: their traces are generators of their own
    hidden = set().union(*(inside.hidden(e) for e in system.values())) if system else set()
    for shift in ring.shifts.values():
        hidden |= inside.of(field.subs(shift.value, gone))
    order = sorted(system)
    classes = {v: (order[-1] if v not in hidden else v) for v in order}
    for v in order:
        if v not in hidden:
            classes[v] = next(w for w in order if w not in hidden)
    while True:
        replacement = {v: field.generator(r) for v, r in classes.items() if r != v}
        buckets: dict[tuple[int, str], int] = {}
        new: dict[int, int] = {}
        for v in order:
            try:
                image = field.subs(system[v], replacement).key
            except ZeroDivisionError:
                image = f"pole{v}"
            bucket = (classes[v], image if v not in hidden else f"own{v}")
            new[v] = buckets.setdefault(bucket, v)
        if new == classes:
            return classes
        classes = new


def _is_affine(local: Mapping[int, Fraction], dependence: _Dependence) -> bool:
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


def _solve_affine(ring: Ring, local: Mapping[int, Fraction]) -> list[tuple[int, Fraction]]:
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


def _fewer_traces(ring: Ring, local: dict[int, Fraction]) -> dict[int, Fraction]:
    """Where ``tr W (W + kappa)^-1`` and ``tr (W + kappa)^-1`` both occur, the first is ``1 - kappa`` times the
    second.
    """
    field = ring.field
    occurring = set().union(*(e.generators() for e in local.values())) & ring.traces.keys()
    replacement: dict[int, Fraction] = {}
    for g in occurring:
        word = ring.traces[g]
        last = word[-1]
        if len(word) < 2 or not isinstance(last, InverseAtom) or last.arg.rows != word[0].rows:
            continue
        if len(last.arg.terms) != 2 or last.arg.terms.get(word[:-1]) != field.one or () not in last.arg.terms:
            continue
        partner = [k for k in occurring if ring.traces[k] == (last,)]
        if partner:
            replacement[g] = field.one - last.arg.terms[()] * field.generator(partner[0])
    return {v: field.subs(e, replacement) for v, e in local.items()}


def _core(
    ring: Ring, local: Mapping[int, Fraction], shifts: set[int], dependence: _Dependence, prefer: Sequence[int]
) -> tuple[list[Equation], list[tuple[int, Fraction]]]:
    """Choose the fixed-point unknowns of a nonlinear component."""
    field = ring.field
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
    equations = [Equation(v, field.generator(v) - local[v], local[v]) for v in chosen]
    return equations, [(v, local[v]) for v in order]


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
        equations.append(Equation(unknown, poly, _isolate(ring, poly, unknown)))
    return equations, solved


def _primitive(ring: Ring, value: Fraction, variables: set[int], slope: Fraction) -> Fraction:
    """Numerator without the factors that elimination brought in (contents and powers of the slope)."""
    field = ring.field
    _, spurious = slope.num.factor()
    known = {str(f) for f, _ in spurious}
    _, factors = value.num.factor()
    total = field.one
    for factor, multiplicity in factors:
        piece = Fraction(field, factor, field.one.num)
        if len(factor.monoms()) == 1 or str(factor) in known or not any(factor.degrees()[v] for v in variables):
            continue
        for _ in range(int(multiplicity)):
            total = total * piece
    return total


def _isolate(ring: Ring, poly: Fraction, unknown: int) -> Fraction | None:
    """``unknown = value``, in the shorter of two ways: solved for the unknown, or as kappa = lambda + kappa f T."""
    field = ring.field
    options: list[Fraction] = []
    if poly.num.degrees()[unknown] == 1:
        zero = field.subs(poly, {unknown: field.zero})
        options.append(-(zero / (field.subs(poly, {unknown: field.one}) - zero)))
    lone = tuple(1 if k == unknown else 0 for k in range(len(poly.num.degrees())))
    coefficients = dict(zip((tuple(int(x) for x in m) for m in poly.num.monoms()), poly.num.coeffs(), strict=True))
    if lone in coefficients:
        options.append(field.generator(unknown) - poly / field.integer(int(coefficients[lone])))
    return min(options, key=_length, default=None)
