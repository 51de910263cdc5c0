"""An edge to any number of digits without a curve: the reduced system and its singular Jacobian, solved together."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from sympy import Symbol

from ..errors import BranchError
from ..lower.digits import MpKind
from ..result import Limit
from ..solve.digits import numbers_at
from ..solve.evaluate import reduced_jacobian

__all__ = ["branch_point"]


def branch_point(law: Limit, z: Symbol, params: dict[Any, Any], start: float, inside: float, digits: int) -> Any:
    """The real z near ``start`` at which the Jacobian of the reduced system is singular.

    Newton's method on the equations and on the last unknown of the bordered system ``[J b; c' 0][v; s] = [0; 1]``,
    which vanishes exactly where J is singular.
    """
    kind = MpKind(int(digits * 3.33) * 2 + 80)
    binding = law.bind({**params, z: "1"})
    numbers = numbers_at(law.derivation, binding, kind)
    names = list(law.system.unknowns)
    size = len(names)
    # u = A + B sqrt(z - edge) near the edge: the square root cancels between two distances
    near = law.evaluate({**params, z: start + inside * np.array([1e-3, 4e-3]) + 0j}, full_output=True)
    guess = [float(np.real(2 * near.unknowns[u][0] - near.unknowns[u][1])) for u in names]
    with kind.context():

        def system(y: list[Any]) -> tuple[list[Any], Any]:
            unknowns = dict(zip(names, y[:size], strict=True))
            residual, rows = reduced_jacobian(law.system, unknowns, {**numbers.env, z: y[size]}, numbers.algebra)
            return residual, mpmath.matrix(rows)

        y = [mpmath.mpf(v) for v in (*guess, start)]
        _, jacobian = system(y)
        left, _, right = np.linalg.svd(np.array(jacobian.tolist(), dtype=float))
        border, row = left[:, -1], right[-1]

        def equations(y: list[Any]) -> Any:
            residual, jacobian = system(y)
            bordered = mpmath.matrix(size + 1, size + 1)
            for i in range(size):
                for j in range(size):
                    bordered[i, j] = jacobian[i, j]
                bordered[i, size], bordered[size, i] = mpmath.mpf(border[i]), mpmath.mpf(row[i])
            last = mpmath.lu_solve(bordered, mpmath.matrix([0] * size + [1]))[size]
            return mpmath.matrix([*residual, last])

        step = mpmath.ldexp(1, -kind.bits // 2)
        for _ in range(60):
            value = equations(y)
            slopes = mpmath.matrix(size + 1, size + 1)
            for j in range(size + 1):
                h = step * (1 + abs(y[j]))
                moved = equations([v + h if i == j else v for i, v in enumerate(y)])
                for i in range(size + 1):
                    slopes[i, j] = (moved[i] - value[i]) / h
            delta = mpmath.lu_solve(slopes, -value)
            y = [v + d for v, d in zip(y, delta, strict=True)]
            if max(abs(d) / (1 + abs(v)) for d, v in zip(delta, y, strict=True)) < mpmath.mpf(10) ** (-digits - 5):
                break
        else:
            raise BranchError(f"Newton's method for the edge at {start:.15g} did not converge")
    if abs(float(y[size]) - start) > 1e-6 * (1 + abs(start)):
        raise BranchError(f"the branch point next to the edge at {start:.15g} was lost")
    with mpmath.workdps(digits + 3):
        return +y[size]
