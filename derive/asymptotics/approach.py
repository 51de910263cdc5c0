"""What a limit does at small values of the moving parameter, and which branch of its expansion that is.

The numbers of the limit itself decide the branch: its own selection of the solution at small values, followed into
the leading system. Batched over points; a point that is on no known branch is analysed on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
from sympy import Expr, Float, Rational, Symbol, oo

from ..bind import Binding
from ..laws import NodeLaw, as_law, atomic
from ..lower.digits import MpKind
from ..lower.program import compile_program
from ..numbers import exact
from ..pipeline import Derivation
from ..solve.digits import numbers_at
from ..solve.evaluate import Batch
from ..solve.linear import solve_dense
from ..solve.status import Status
from ..symbols import MatrixLetter
from ..system import System
from .balance import Branch, NoBalance, Point
from .cleared import cleared
from .coefficient import BITS

__all__ = [
    "CHECK",
    "LEVELS",
    "START",
    "Followed",
    "Observed",
    "confirmed",
    "descend",
    "exponents_between",
    "follow",
    "parameter_at",
    "point_at",
    "reaching_zero",
]

# values of the small variable at which branches are told apart: the smaller, the closer to a change of branch it sees
LEVELS = (1e-6, 1e-9, 1e-12)
# where the limit itself is evaluated, and the factor from one step of the path below to the next
START = 1e-2
# where it is evaluated once more, to see that the path is still on its solution
CHECK = 1e-4
_DOWN = 10**-0.25
_AGREE = 1e-3
_STEPS = 40
_JUMP = 0.5


@dataclass(frozen=True)
class Observed:
    """Unknowns of source system ``which`` at the points of a flat batch (NaN where another one holds)."""

    which: np.ndarray
    unknowns: Sequence[Mapping[Symbol, np.ndarray]]
    status: np.ndarray


@dataclass(frozen=True)
class Followed:
    """The unknowns of the leading system of a branch, the values, and how far off its prediction was."""

    unknowns: Mapping[Symbol, np.ndarray]
    values: Mapping[str, np.ndarray]
    misfit: np.ndarray

    @property
    def good(self) -> np.ndarray:
        return self.misfit < _AGREE


def parameter_at(target: Expr, direction: int, t: float) -> Rational:
    """The moving parameter at ``t``, exactly."""
    small = Rational(Float(t, 17)).limit_denominator(10**15) if t >= 1e-14 else Rational(t)
    if target in (oo, -oo):
        return (1 if target is oo else -1) / small
    return Rational(target) + direction * small


def descend(
    systems: Sequence[System],
    derivation: Derivation,
    binding_at: Callable[[float], Binding],
    first: Observed,
    second: Observed,
) -> dict[float, Observed]:
    """The solutions at START and START * 10^-1/4, followed down to every level by Newton on the equations.

    A path along positive values of the parameter meets no singularity, so that it stays on the solution of the limit.
    Steps are taken in the logarithm, where powers are straight.
    """
    out: dict[float, Observed] = {}
    t, before, here = START * _DOWN, first.unknowns, second.unknowns
    programs = [compile_program([cleared(r) for r in s.residuals], dict(s.definitions)) for s in systems]
    while t > LEVELS[-1] * 1.01:
        t *= _DOWN
        batch = Batch(derivation, binding_at(t), xp)
        numbers = batch.numbers()
        ahead = []
        for system, program, old, new in zip(systems, programs, before, here, strict=True):
            with np.errstate(all="ignore"), batch.kind.context():
                start = {u: _extrapolated(old[u], new[u]) for u in system.unknowns}
                found = _newton(program, system.unknowns, start, numbers, batch.kind)
                # another solution is a jump from where the powers lead
                ahead.append({u: np.where(np.abs(x / start[u] - 1) < _JUMP, x, np.nan) for u, x in found.items()})
        before, here = here, ahead
        level = next((x for x in (CHECK, *LEVELS) if abs(t / x - 1) < 0.01), None)
        if level is not None:
            out[level] = Observed(second.which, here, np.where(first.which == second.which, second.status, 3))
    return out


def confirmed(path: Mapping[float, Observed], seen: Observed) -> dict[float, Observed]:
    """The path with the verdict of the limit itself at CHECK: refused there, or on another solution."""
    here = path[CHECK]
    status = here.status.copy()
    for number, unknowns in enumerate(seen.unknowns):
        for u, x in unknowns.items():
            with np.errstate(all="ignore"):
                apart = np.abs(here.unknowns[number][u] / x - 1) > 1e-5
            wrong = apart & (seen.which == number) & (seen.status == 0) & (here.which == number)
            status = np.where((status == 0) & wrong, int(Status.NOT_CONVERGED), status)
    refused = np.isin(seen.status, (int(Status.INSIDE_BULK), int(Status.NOT_INVERTIBLE), int(Status.INVALID)))
    status = np.where((status == 0) & refused, seen.status, status)
    return {t: Observed(o.which, o.unknowns, status) for t, o in path.items()}


def _extrapolated(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    ratio = new / old
    return new * np.where(np.isfinite(ratio) & (np.real(ratio) > 0), ratio, 1)


def _newton(program: Any, unknowns: Sequence[Symbol], start: Mapping[Symbol, Any], numbers: Any, kind: Any) -> dict:
    """Newton's iteration from ``start``; NaN where it does not settle."""
    if not unknowns:
        return {}
    found = dict(start)
    for _ in range(_STEPS):
        value, jacobian = program.jacobian(dict(numbers.env) | found, numbers.algebra, list(unknowns))
        step = solve_dense(kind, jacobian, [-r for r in value])
        found = {v: found[v] + d for v, d in zip(unknowns, step, strict=True)}
        moved = [np.abs(d) / np.abs(found[v]) for v, d in zip(unknowns, step, strict=True)]
        # the step after one this small is rounding
        if all(np.all(~(x > 1e-9)) for x in moved):
            break
    settled = np.all([x < 1e-7 for x in moved], axis=0)
    return {v: np.where(settled, x, np.nan) for v, x in found.items()}


def follow(branch: Branch, derivation: Derivation, binding: Binding, seen: Observed, t: float) -> Followed:
    """Newton on the leading system from the observed unknowns, at every point of the batch."""
    batch = Batch(derivation, binding, xp)
    numbers, count = batch.numbers(), batch.count
    start = seen.unknowns[branch.source]
    scaled = {branch.leading[u]: start[u] / t ** float(a) for u, a in branch.exponents.items()}
    with np.errstate(all="ignore"), batch.kind.context():
        own = list(branch.system.unknowns)
        found = {v: scaled[v] for v in own}
        if own:
            program = compile_program(branch.system.residuals, dict(branch.system.definitions))
            found = _newton(program, own, found, numbers, batch.kind)
        env = dict(numbers.env) | found
        definitions = dict(branch.system.definitions)
        moved = list(branch.exponents)
        names = [branch.leading[u] for u in moved] + [branch.next.get(u, branch.leading[u]) for u in moved]
        out = compile_program([*names, *branch.system.values.values()], definitions).run(env, numbers.algebra)
        out = [np.array(np.broadcast_to(np.asarray(x), (count,))) for x in out]
        misfit = np.zeros(count)
        for k, u in enumerate(moved):
            first, second = out[k], out[len(moved) + k]
            correction = second * t ** (1 / branch.root) if branch.next else 0
            # an exponent that is wrong shows although the correction is as large as the leading term
            reached = np.abs(scaled[branch.leading[u]] / (first + correction) - 1)
            misfit = np.maximum(misfit, np.where(np.isfinite(reached), reached, np.inf))
    misfit = np.where((seen.which == branch.source) & (seen.status == 0), misfit, np.inf)
    values = dict(zip(branch.system.values, out[2 * len(moved) :], strict=True))
    return Followed({v: np.broadcast_to(np.asarray(x), (count,)) for v, x in found.items()}, values, misfit)


def exponents_between(first: Mapping[Symbol, Any], second: Mapping[Symbol, Any], t: tuple[float, float]) -> dict:
    """The powers with which the unknowns move between two values of t; :class:`NoBalance` if they are none."""
    out = {}
    for u in first:
        a, b = complex(first[u]), complex(second[u])
        if not (np.isfinite(a) and np.isfinite(b)) or a == 0 or b == 0:
            raise NoBalance(f"{u} has no value near the limit")
        slope = np.log(abs(b) / abs(a)) / np.log(t[1] / t[0])
        power = Fraction(slope).limit_denominator(4)
        if abs(slope - power) > 0.02:
            raise NoBalance(
                f"{u} moves like the power {slope:.4g}, which is no small fraction: the point is close to a change "
                f"of branch, or the expansion has logarithms"
            )
        out[u] = Rational(power.numerator, power.denominator)
    return out


def point_at(derivation: Derivation, binding: Binding) -> Point:
    """One binding in many digits."""
    kind = MpKind(BITS)
    # a density enters through its nodes in double precision: an identity that holds for it holds for them
    laws = {key: _on_nodes(law) for key, law in binding.laws.items()}
    numbers = numbers_at(derivation, Binding(binding.scalars, laws), kind)
    return Point(dict(numbers.env), numbers.algebra, reaching_zero(binding))


def _on_nodes(law: Any) -> Any:
    if not isinstance(law, NodeLaw):
        return law
    points, weights = law.nodes(53)
    masses = [exact(w) for w in weights]
    return atomic([exact(x) for x in points], [w / sum(masses) for w in masses])


def reaching_zero(binding: Binding) -> frozenset[MatrixLetter]:
    """Matrices whose law reaches 0 without an atom there: a quadrature does not see that an inverse moment diverges."""
    out = set()
    for key, law in binding.laws.items():
        law = as_law(law, str(key))
        if isinstance(law, NodeLaw) and law.lower <= 0 <= law.upper:
            out |= set(key if isinstance(key, tuple) else (key,))
    return frozenset(out)
