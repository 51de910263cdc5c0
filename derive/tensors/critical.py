"""Where the informative solution ends, to any number of digits: Newton's iteration on the equations of the end itself.

An end is a point (x, p) at which F(x, p) = 0 and a part of the Jacobian has a kernel vector v: the whole Jacobian (a
fold), the block Dyson equation by its own traces (the singular value meets the edge of the contraction matrix), or,
where all informative overlaps have gone to 0, the equations of the overlaps at 0 (a continuous transition).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mpmath
import numpy as np
from sympy import Expr, Matrix, Symbol

from ..errors import BranchError
from ..lower.algebra import Algebra
from ..lower.digits import MpKind
from ..lower.program import compile_program
from ..solve.linear import solve_dense
from .branch import EDGE, NoisySystem

__all__ = ["newton_digits", "refine_end"]

_GUARD = 40
_DEAD = 1e-4


def newton_digits(
    residuals: Sequence[Expr],
    unknowns: Sequence[Symbol],
    start: Sequence[Any],
    params: Mapping[Symbol, Expr],
    digits: int,
) -> list[Any]:
    """Solve ``residuals = 0`` from a double-precision start, the precision doubled along the way."""
    program = compile_program(list(residuals))
    target = int(digits * 3.3219281) + _GUARD
    x, bits = [mpmath.mpf(float(v)) for v in start], 106
    for _ in range(60):
        kind = MpKind(min(bits, target))
        with kind.context():
            env = {s: kind.number(v) for s, v in params.items()} | dict(zip(unknowns, x, strict=True))
            value, rows = program.jacobian(env, Algebra(kind, {}, {}), list(unknowns))
            try:
                step = solve_dense(kind, rows, list(value))
            except ZeroDivisionError:
                break
            x = [a - d for a, d in zip(x, step, strict=True)]
            size = max(abs(d) for d in step) / (1 + max(abs(v) for v in x))
            if bits >= target and size < mpmath.mpf(10) ** (-digits - 2):
                return x
        if size < mpmath.mpf(2) ** (-bits // 4):
            bits = min(2 * bits, 2 * target)
    raise BranchError(f"Newton's iteration did not reach {digits} digits: the solution is singular there")


def refine_end(
    system: NoisySystem,
    x: np.ndarray,
    p: Symbol,
    value: float,
    params: Mapping[Symbol, Expr],
    end: int,
    digits: int,
    residuals: Sequence[Expr] | None = None,
) -> tuple[dict[Symbol, Any], Any]:
    """The unknowns and the value of ``p`` at an end found in double precision."""
    residuals = system.residuals if residuals is None else list(residuals)
    unknowns = list(system.unknowns)
    overlaps = [u for u in unknowns if _is_overlap(system, u)]
    dead = [u for u in overlaps if abs(x[unknowns.index(u)]) < _DEAD]
    at_zero = dict.fromkeys(dead, 0)
    if dead and len(dead) == len(overlaps):
        kept = [u for u in unknowns if u not in dead]
        rows = [r for r, u in zip(residuals, unknowns, strict=True) if u in dead]
        singular = Matrix(rows).jacobian(dead).xreplace(at_zero)
        base = [r.xreplace(at_zero) for r, u in zip(residuals, unknowns, strict=True) if u in kept]
    else:
        kept, base = unknowns, residuals
        positions = system.dyson[-1] if end == EDGE else range(len(unknowns))
        singular = Matrix([residuals[i] for i in positions]).jacobian([unknowns[i] for i in positions])
    start = {u: float(x[unknowns.index(u)]) for u in kept} | {p: float(value)}
    numbers = {**{s: float(v) for s, v in params.items()}, **start}
    matrix = np.array(singular.xreplace(numbers).tolist(), dtype=float)
    vector = np.linalg.svd(matrix)[2][-1]
    v = [Symbol(f"_v{k}") for k in range(len(vector))]
    rows = [*(singular * Matrix(v)), sum(float(a) * b for a, b in zip(vector.round(6), v, strict=True)) - 1]
    names = [*kept, p, *v]
    found = newton_digits([*base, *rows], names, [*start.values(), *vector], params, digits)
    solution = dict(zip(names, found, strict=True))
    return {u: solution.get(u, mpmath.mpf(0)) for u in unknowns}, solution[p]


def _is_overlap(system: NoisySystem, unknown: Symbol) -> bool:
    return any(s == unknown and k.kind == "overlap" for k, s in system.equations.symbols.items())
