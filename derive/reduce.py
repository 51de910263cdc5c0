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

from .core import Core, Equation, is_affine, solve_affine, solve_core
from .dependence import Dependence, needed
from .dyson import DysonEquation
from .eliminate import Elimination, block_of_inverse
from .field import Fraction
from .graph import components
from .partial_fractions import in_degrees_of_freedom, with_fewer_traces
from .pencil import Output
from .ring import Poly, Ring, Word
from .spelling import backward, length, much_shorter, other_spellings, recognise, shortest
from .stepwise import is_long, solve_stepwise
from .subordination import subordinated

# two coupled quantities whose solution has coefficients of more terms keep their names
_LONGEST = 24

__all__ = ["Reduced", "output_poly", "reduce_system", "unreduced"]


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
    for element in equation.free:
        out |= subordinated(ring, equation, elimination, element)
    return out | {s.position: s.value for s in ring.entries.values()}


def _word(ring: Ring, word: Word) -> Poly:
    return Poly(word[0].rows, word[-1].cols, {word: ring.field.one})


def output_poly(
    ring: Ring, equation: DysonEquation, elimination: Elimination, output: Output, low_rank: bool = False
) -> Poly:
    """The deterministic equivalent of one output of the pencil: ``sum c_i G_ij b_j + direct``.

    Low-rank terms do not change a normalised trace and are left out, unless ``low_rank`` asks for the matrix itself.
    """
    total = output.direct
    whole = low_rank or output.direct.rows.finite
    for i, left in output.coefficients.items():
        for j, inputs in enumerate(equation.pencil.inputs):
            if output.input not in inputs:
                continue
            block: Poly | None
            if whole:
                block = block_of_inverse(ring, equation, elimination, i, j)
            else:
                block = elimination.bulk.get((i, j))
            if block is None or not block:
                continue
            total = ring.add(total, ring.mul(left, ring.mul(block, inputs[output.input])))
    return total


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
    plain = values
    values = {name: recognise(ring, v, system) for name, v in values.items()}
    shifts = {s.position: field.subs(s.value, replacement) for s in ring.shifts.values()}
    system |= shifts
    dependence = Dependence(ring, set(system))

    solved: dict[int, Fraction] = {}
    kept: dict[int, Fraction] = {}
    of_core: dict[int, Fraction] = {}
    definitions: list[tuple[int, Fraction]] = []
    equations: list[Equation] = []
    merged_shifts: dict[int, int] = {}
    entries = {s.position for s in ring.entries.values()}
    used = needed(system, dependence, values)
    edges = {v: sorted(dependence.of(system[v])) for v in system}
    for component in components(sorted(used), edges):
        local = {v: field.subs(system[v], solved) for v in component}
        # written out, the named entries of a free element in several slots multiply up and cancel each other
        is_core, explicit = False, not entries & set(component)
        if len(component) == 1 and component[0] not in dependence.of(local[component[0]]):
            new = [(component[0], local[component[0]])]
        elif is_affine(local, dependence):
            written_out = None if is_long(ring, local) else _written_out(ring, local)
            explicit = explicit and written_out is not None
            new = solve_stepwise(ring, local) if written_out is None else written_out
        else:
            core = solve_core(ring, local, set(shifts), dependence, prefer)
            twin = _twin(ring, core, equations, set(shifts))
            same = {**core.same, **twin}
            equations.extend(() if twin else core.equations)
            new = [(v, ring.renamed(e, twin)) for v, e in core.definitions]
            is_core = bool(core.equations)
            if same:
                merged_shifts |= same
                system = {v: ring.renamed(e, same) for v, e in system.items() if v not in same}
                values = {name: ring.renamed(v, same) for name, v in values.items()}
        for v, value in new:
            definitions.append((v, value))
            if is_core and v not in shifts:
                of_core[v] = value
            if not explicit or dependence.is_hidden_in(v, (*system.values(), *values.values())):
                continue
            # kappa is the natural unknown where there is one; otherwise a core definition may stay as it is
            target = kept if is_core and not set(component) & set(shifts) else solved
            target[v] = value
    spellings = [kept, *other_spellings(field, [e.residual for e in equations], kept)] if kept else []
    in_definitions = backward(field, {e.unknown for e in equations}, of_core)
    definitions = [(v, e if v in of_core else much_shorter(field, e, in_definitions)) for v, e in definitions]
    values = {name: shortest(field, v, solved, spellings) for name, v in values.items()}
    for name, whole in plain.items():
        # the trace of a resolvent as it stands, where the equations say the same in more words
        written = field.subs(ring.renamed(whole, merged_shifts), solved)
        if written and _is_trace(ring, written) and not _is_trace(ring, values[name]):
            values[name] = written
    values = {name: much_shorter(field, v, in_definitions) for name, v in values.items()}
    closed = _in_parameters(ring, definitions)
    values = {name: with_fewer_traces(ring, min(v, field.subs(v, closed), key=length)) for name, v in values.items()}
    start = {v: system[v] for v in (*shifts, *entries) if v in system}
    return Reduced(tuple(equations), tuple(definitions), values, start, merged, frozenset(zeros))


def _written_out(ring: Ring, local: Mapping[int, Fraction]) -> list[tuple[int, Fraction]] | None:
    """The solution of affine equations where it is short enough to be read, in fewer traces if need be."""
    new = solve_affine(ring, local, _LONGEST)
    return new or solve_affine(ring, {v: in_degrees_of_freedom(ring, e) for v, e in local.items()}, _LONGEST)


def _twin(ring: Ring, core: Core, earlier: Sequence[Equation], shifts: set[int]) -> dict[int, int]:
    """The shift of an earlier resolvent that obeys the same equation: resolvents of independent copies of one model.

    They are the same function of the same parameters; an evaluation checks every unreduced equation all the same.
    """
    if len(core.equations) != 1 or core.equations[0].unknown not in shifts:
        return {}
    (equation,) = core.equations
    for other in earlier:
        renaming = {equation.unknown: other.unknown}
        if other.unknown in shifts and ring.renamed(equation.residual, renaming).key == other.residual.key:
            return renaming
    return {}


def _in_parameters(ring: Ring, definitions: Sequence[tuple[int, Fraction]]) -> dict[int, Fraction]:
    """The unknowns that are closed in the parameters alone."""
    closed: dict[int, Fraction] = {}
    for v, value in definitions:
        full = ring.field.subs(value, closed)
        if full and not full.generators() & ring.unknowns:
            closed[v] = full
    return closed


def _is_trace(ring: Ring, value: Fraction) -> bool:
    """One normalised trace and nothing else."""
    return value.den.is_one() and any(value == ring.field.generator(g) for g in value.generators() & ring.traces.keys())


def _zeros(ring: Ring, system: Mapping[int, Fraction]) -> set[int]:
    """Greatest set of unknowns whose equations hold when all of them vanish."""
    field = ring.field
    inside = Dependence(ring, set(system))
    # a trace does not stay as it is when an unknown inside it vanishes, or when its shift becomes infinite
    guess = set(system) - set().union(*(inside.inside(g) for g in (*ring.traces, *ring.forms)))
    shifts = [(Fraction(field, s.value.den, field.one.num), s.value) for s in ring.shifts.values()]
    while guess:
        replacement = dict.fromkeys(guess, field.zero)
        infinite = [value for below, value in shifts if not field.subs(below, replacement)]
        if infinite:
            guess -= set().union(*(inside.of(value) for value in infinite))
            continue
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
    inside = Dependence(ring, set(system))
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
