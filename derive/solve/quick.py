"""The fast way to the right solution: Newton on the reduced system from a few averaged steps, judged by the arbiter.

Nothing is trusted here. A point counts only if its solution satisfies the unreduced equation and passes the positivity
test of ``branch.py``; the others take the slow road. On arrays this is what makes a batch cheap: the reduced system
has few unknowns, and the arithmetic is real where the problem is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sympy import Expr, Symbol, Trace, expand, horner

from ..lower.program import Program, compile_program
from ..pipeline import Derivation
from ..system import System
from .branch import accepted as arbiter
from .component import Component
from .dense import floating, hermitian_range, magnitude
from .linear import solve_dense
from .matrix_equation import MatrixEquation, Numbers
from .rotation import multipliers, rotated, rotations

__all__ = ["EFFORTS", "Plan", "plan", "solve_quick", "tau_definitions"]

_CANDIDATES = 4
# (averaged steps, Newton steps): few bring almost every point to its solution; stragglers are asked again with more
EFFORTS = ((3, 7), (60, 14))


@dataclass(frozen=True)
class Plan:
    """What is compiled once per limit: Newton's program, the way from tau to the unknowns and back, the values."""

    names: tuple[Symbol, ...]
    residuals: Program
    origin: Program
    taus: Mapping[str, int]
    back: Program
    values: Program


def tau_definitions(derivation: Derivation, system: System) -> tuple[dict[str, Expr], dict[Symbol, Expr]]:
    """Every unknown of the unreduced equation, by name, and the definitions that lead to the reduced unknowns."""
    field, reduced = derivation.ring.field, derivation.reduced
    definitions: dict[Symbol, Expr] = {old: new for old, new in system.names.items() if new in system.unknowns}
    for v, e in reduced.definitions:
        definitions[field.meaning(v)] = field.to_sympy(e)
    out: dict[str, Expr] = {}
    for symbol, position in derivation.equation.unknowns():
        if position in reduced.zeros:
            out[symbol.name] = field.to_sympy(field.zero)
            continue
        meaning = field.meaning(reduced.classes.get(position, position))
        if meaning in definitions:
            out[symbol.name] = meaning
    return out, definitions


_PLANS: WeakKeyDictionary[Derivation, Plan] = WeakKeyDictionary()


def plan(derivation: Derivation) -> Plan:
    """The programs of a derivation, compiled once in its lifetime."""
    if derivation not in _PLANS:
        _PLANS[derivation] = _compile(derivation)
    return _PLANS[derivation]


def _compile(derivation: Derivation) -> Plan:
    system = derivation.system
    taus, back = tau_definitions(derivation, system)
    if derivation.ring.entries:
        # with a free element in several slots the residuals are long and share most of what they compute
        residuals = compile_program(system.residuals, dict(system.definitions))
    else:
        residuals = compile_program([_nested(r, system.unknowns) for r in system.substituted(system.residuals)])
    return Plan(
        system.unknowns,
        residuals,
        compile_program([system.origin[u] for u in system.unknowns]),
        {name: k for k, name in enumerate(taus)},
        compile_program(list(taus.values()), back),
        compile_program(list(system.values.values()), dict(system.definitions)),
    )


def _nested(residual: Expr, unknowns: Sequence[Symbol]) -> Expr:
    """The numerator, in Horner's form where it is a polynomial: the same zeros with the fewest operations."""
    numerator = residual.as_numer_denom()[0]
    if not numerator.is_polynomial(*unknowns) or numerator.has(Trace):
        return numerator
    return horner(expand(numerator), wrt=tuple(reversed(unknowns)))


def solve_quick(
    derivation: Derivation,
    components: Sequence[Component],
    numbers: Numbers,
    count: int,
    effort: tuple[int, int] = EFFORTS[0],
    boundary: Any = None,
) -> tuple[dict[Symbol, Any], Any, Any] | None:
    """(unknowns, accepted, error) over ``count`` points, or None where this way does not apply.

    ``boundary`` marks points on the real axis whose boundary value is asked for.
    """
    compiled = plan(derivation)
    if not compiled.names or not components:
        return None
    kind, regime = numbers.algebra.kind, derivation.problem.regime
    xp = kind.xp
    with kind.context():
        equations = []
        undecided: Any = xp.zeros(count, dtype=xp.bool)
        tau: dict[str, Any] = {}
        for component in (c.balanced or c for c in components):
            if any(name not in compiled.taus for name in component.names) or not component.names:
                return None
            equation = MatrixEquation(numbers, component, regime)
            real = _rotate(derivation, equation, numbers, count)
            if real is None:
                return None
            undecided = undecided | real
            start = equation.phi([0.0] * equation.count, 1.0)
            # lifted at first, where the averaged iteration contracts fastest
            for y in (0.3, *(None,) * effort[0]):
                start = [(a + b) / 2 for a, b in zip(start, equation.phi(start, y), strict=True)]
            tau |= {name: t for name, t in zip(component.names, start, strict=True) if name is not None}
            equations.append(equation)
        env = dict(numbers.env) | {Symbol(name): value for name, value in tau.items()}
        unknowns = dict(zip(compiled.names, compiled.origin.run(env, numbers.algebra), strict=True))
        unknowns, error = _newton(compiled, unknowns, numbers, effort[1])
        final = compiled.back.run(dict(numbers.env) | unknowns, numbers.algebra)
        asked = undecided & (xp.zeros(count, dtype=xp.bool) if boundary is None else xp.asarray(boundary))
        accepted = (error < 1e-11) & (asked | ~undecided)
        for equation in equations:
            tau_found = [final[compiled.taus[name or ""]] for name in equation.component.names]
            accepted = accepted & _judge(equation, tau_found, count, bool(xp.any(asked)))
        return unknowns, xp.broadcast_to(accepted, (count,)), error


def _rotate(derivation: Derivation, equation: MatrixEquation, numbers: Numbers, count: int) -> Any:
    """Choose one rotation with ``Re A0 >= 0`` at every point; returns where it is 0 (real points), None if there
    is none.
    """
    xp, algebra = numbers.algebra.kind.xp, numbers.algebra
    for rotation in rotations(derivation.ring, equation.component):
        for k, p in enumerate(multipliers(rotation, numbers)):
            if k == _CANDIDATES:
                break
            turned = rotated(algebra, rotation.order, p, equation.plain)
            low, high, size = hermitian_range(algebra, turned, equation.size, count, relative=True)
            if bool(xp.all(low >= -1e-13 * size)):
                equation.rotate(list(enumerate(rotation.order)), p)
                # Re G = 0 there: inside or outside the bulk is for the slow way to tell
                return high <= 1e-13 * size
    return None


def _newton(compiled: Plan, unknowns: dict[Symbol, Any], numbers: Numbers, steps: int) -> tuple[dict[Symbol, Any], Any]:
    """Newton on the reduced residuals; the error is the last relative step."""
    xp = numbers.algebra.kind.xp
    error: Any = None
    for k in range(steps):
        env = dict(numbers.env) | unknowns
        residual, rows = compiled.residuals.jacobian(env, numbers.algebra, list(compiled.names))
        step = _small_solve(numbers.algebra.kind, rows, residual)
        unknowns = {u: unknowns[u] - d for u, d in zip(compiled.names, step, strict=True)}
        if k >= 3:
            error = _relative(xp, step, list(unknowns.values()))
            if bool(xp.all(error < 1e-13)):
                break
    return unknowns, error + 2.3e-16


def _relative(xp: Any, step: Sequence[Any], values: Sequence[Any]) -> Any:
    moved, size = (sum(magnitude(xp, floating(xp, x)) for x in xs) for xs in (step, values))
    return moved / size


def _small_solve(kind: Any, rows: Sequence[Sequence[Any]], residual: Sequence[Any]) -> list[Any]:
    """Cramer's rule up to two unknowns: fewer passes over the batch than elimination with pivots."""
    if len(residual) == 1:
        return [residual[0] / rows[0][0]]
    if len(residual) == 2:
        (a, b), (c, d) = rows
        x, y = residual
        determinant = a * d - b * c
        return [(d * x - b * y) / determinant, (a * y - c * x) / determinant]
    return solve_dense(kind, rows, residual)


def _judge(equation: MatrixEquation, tau: Sequence[Any], count: int, on_axis: bool) -> Any:
    """The unreduced equation holds and Re G > 0; on the axis, also where the noise hardly reaches some of the space."""
    algebra = equation.algebra
    xp = algebra.kind.xp
    K = equation.K(tau)
    turned = rotated(algebra, equation.places, equation.multipliers, K)
    G = equation.inverse(K)
    turned |= equation.subordinations(G, tau)
    low, _, size = hermitian_range(algebra, turned, equation.extent, count, relative=True)
    image = equation.traces(G, tau)
    gap = sum(magnitude(xp, floating(xp, a - b)) for a, b in zip(image, tau, strict=True))
    size_of_tau = sum(magnitude(xp, floating(xp, a)) for a in tau)
    positive = low > 1e-10 * size
    if on_axis and not bool(xp.all(positive)):
        # a real solution, outside the bulk or not the limit, is for the slow way to tell
        positive = positive | arbiter(equation, tau, count)[1]
    return positive & xp.asarray(gap <= 1e-8 * size_of_tau)
