"""A changed system of outlier equations, solved by continuation from the solution of the true one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sympy import Expr, Symbol

from ..lower.program import compile_program
from ..solve.status import Status
from ..system import System
from .equations import edge_residual, tidy
from .master import Master
from .outlier_solver import OutlierSolver
from .outliers import Outlier

__all__ = ["Followed", "follow_edge", "follow_outlier"]

_STEPS = 16


@dataclass(frozen=True)
class Followed:
    """Values and unknowns of the changed system, and whether its solution continues the true one."""

    values: Mapping[str, float]
    unknowns: Mapping[Symbol, float]
    status: Status


def _path(
    old: Sequence[Expr], new: Sequence[Expr], state: dict[Symbol, float], solver: OutlierSolver, owner: int
) -> tuple[dict[Symbol, float], bool]:
    """Newton along ``(1 - s) old + s new = 0``."""
    s = Symbol("_s")
    program = compile_program([(1 - s) * a + s * b for a, b in zip(old, new, strict=True)])
    numbers = solver.numbers(np.array([owner]))
    names = list(state)
    for step in range(1, _STEPS + 1):
        size = np.inf
        for _ in range(8):
            env = dict(numbers.env) | state | {s: step / _STEPS}
            with np.errstate(all="ignore"):
                values, rows = program.jacobian(env, numbers.algebra, names)
            right = np.array([float(np.real(np.ravel(v)[0])) for v in values])
            matrix = np.array([[float(np.real(np.ravel(x)[0])) for x in row] for row in rows])
            if not (np.isfinite(right).all() and np.isfinite(matrix).all()) or np.linalg.det(matrix) == 0:
                return state, False
            delta = np.linalg.solve(matrix, -right)
            state = {u: state[u] + float(d) for u, d in zip(names, delta, strict=True)}
            size = float(np.max(np.abs(delta))) / (1e-300 + max(abs(x) for x in state.values()))
            if size < 1e-13:
                break
        if not size < 1e-9:
            return state, False
    return state, True


def follow_outlier(true: System, changed: System, solver: OutlierSolver, owner: int, outlier: Outlier) -> Followed:
    """The quantities of ``changed`` at the solution that continues ``outlier``."""
    z = solver.master.z
    state: dict[Symbol, float] = {u: outlier.unknowns[u] for u in solver.system.unknowns}
    state[z] = outlier.location
    # the slopes solve linear equations: any start serves
    state |= {u: 1.0 for u in true.unknowns if u not in state}
    old, new = true.substituted(true.residuals), changed.substituted(changed.residuals)
    k = len(state)
    slopes = [u for u in true.unknowns if u not in solver.system.unknowns and u != z]
    if slopes:
        state |= _linear(old[k - len(slopes) :], state, slopes, solver, owner)
    state, good = _path(old, new, {u: state[u] for u in true.unknowns}, solver, owner)
    numbers = solver.numbers(np.array([owner]))
    names = list(changed.values)
    with np.errstate(all="ignore"):
        found = compile_program(changed.substituted([changed.values[n] for n in names])).run(
            dict(numbers.env) | state, numbers.algebra
        )
    values = {n: float(np.real(np.ravel(v)[0])) for n, v in zip(names, found, strict=True)}
    good = good and all(np.isfinite(v) for v in values.values())
    if not good:
        values = dict.fromkeys(values, float("nan"))
    return Followed(values, state, Status.CONVERGED if good else Status.NOT_CONVERGED)


def _linear(
    rows: Sequence[Expr], state: Mapping[Symbol, float], slopes: list[Symbol], solver: OutlierSolver, owner: int
) -> dict[Symbol, float]:
    numbers = solver.numbers(np.array([owner]))
    zero = dict(state) | dict.fromkeys(slopes, 0.0)
    values, table = compile_program(list(rows)).jacobian(dict(numbers.env) | zero, numbers.algebra, slopes)
    right = np.array([float(np.real(np.ravel(v)[0])) for v in values])
    matrix = np.array([[float(np.real(np.ravel(x)[0])) for x in row] for row in table])
    return {u: float(x) for u, x in zip(slopes, np.linalg.solve(matrix, -right), strict=True)}


def follow_edge(master: Master, changed: System, solver: OutlierSolver, owner: int, edge: float) -> float:
    """The edge of the changed bulk equations that continues ``edge``, NaN where it is lost."""
    bulk = master.law.system
    unknowns = list(bulk.unknowns)
    k = len(unknowns)
    old = bulk.substituted(bulk.residuals)
    new = changed.substituted(changed.residuals)[: k + 1]
    if not master.determinant:
        # the equation of the edge is part of the system
        old = [*old, tidy(edge_residual(unknowns, old), numerator=True)]
    elif list(old) == list(new[:k]):
        return edge
    else:
        old, new = [*old, edge_residual(unknowns, old)], [*new[:k], edge_residual(unknowns, new[:k])]
    outside = edge + (1e-7 if solver_side(solver, owner, edge) else -1e-7) * max(1.0, abs(edge))
    start = solver.solution(np.array([owner]), np.array([outside]))
    state = {u: float(np.real(start.unknowns[u][0])) for u in unknowns} | {master.z: edge}
    state, good = _path(old, new, state, solver, owner)
    return state[master.z] if good else float("nan")


def solver_side(solver: OutlierSolver, owner: int, edge: float) -> bool:
    """Whether the outside of the support is above the edge."""
    step = 1e-6 * max(1.0, abs(edge))
    return bool(solver.solution(np.array([owner]), np.array([edge + step])).status[0] == 0)
