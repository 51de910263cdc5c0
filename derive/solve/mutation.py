"""Solve a changed system by continuation from the solution of the true one."""

from __future__ import annotations

from typing import Any

import numpy as np
from sympy import Symbol

from ..bind import Binding
from ..lower.program import compile_program
from ..pipeline import Derivation
from ..system import System
from .evaluate import Batch, Solution, _column, _real_where_possible, finish
from .linear import solve_dense
from .status import Status

__all__ = ["follow"]

_STEPS = 16


def follow(derivation: Derivation, changed: System, binding: Binding, xp: Any, true: Solution) -> Solution:
    """The solution of ``(1 - s) F + s F_changed = 0`` at s = 1, followed from s = 0."""
    batch = Batch(derivation, binding, xp)
    numbers = batch.numbers()
    path = Symbol("_s")
    old, new = derivation.system, changed
    mixed = [
        (1 - path) * a + path * b
        for a, b in zip(old.substituted(old.residuals), new.substituted(new.residuals), strict=True)
    ]
    names = list(changed.unknowns)
    unknowns = {u: xp.asarray(true.unknowns[u]) for u in names}
    last: Any = 0.0
    with batch.kind.context():
        program = compile_program(mixed)
        for step in range(1, _STEPS + 1):
            for _ in range(6 if names else 0):
                env = dict(numbers.env) | unknowns | {path: step / _STEPS}
                residual, jacobian = program.jacobian(env, numbers.algebra, names)
                delta = solve_dense(numbers.algebra.kind, jacobian, [-r for r in residual])
                unknowns = {u: unknowns[u] + d for u, d in zip(names, delta, strict=True)}
                last = sum(abs(d) for d in delta) / (sum(abs(x) for x in unknowns.values()) + 1e-300)
        values = finish(changed, unknowns, numbers.env, numbers)
    error = _column(last, batch.count).real
    status = np.where(error < 1e-9, true.status, int(Status.NOT_CONVERGED))
    out = {k: _real_where_possible(_column(v, batch.count)) for k, v in values.items()}
    for v in out.values():
        status = np.where((status == 0) & ~np.isfinite(v), int(Status.NOT_CONVERGED), status)
    out = {k: np.where(status == 0, v, np.nan) for k, v in out.items()}
    solved = {u: _real_where_possible(_column(v, batch.count)) for u, v in unknowns.items()}
    return Solution(out, solved, status, error)
