"""The upper edge of the spectrum of a contraction matrix: the smallest value where its Dyson equation has a solution.

From a value above the edge the solution is followed down until the derivative of the equation by the traces becomes
singular; Newton's iteration on the equation and its kernel vector then gives the edge to the last digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sympy import Expr, Matrix, Symbol

from ..errors import BranchError
from ..lower.algebra import Algebra
from ..lower.arrays import ArrayKind
from ..lower.program import Program, compile_program

__all__ = ["DysonEdge", "edge_equations", "newton_point", "values_of"]

_ARRAYS = Algebra(ArrayKind(np), {}, {})


def values_of(program: Program, env: Mapping[Symbol, Any], wrt: Sequence[Symbol]) -> tuple[np.ndarray, np.ndarray]:
    """Values and Jacobian of a program at one point."""
    values, rows = program.jacobian(dict(env), _ARRAYS, list(wrt))
    return np.array([float(v) for v in values]), np.array([[float(v) for v in row] for row in rows])


def newton_point(
    program: Program, names: Sequence[Symbol], start: np.ndarray, env: Mapping[Symbol, Any], steps: int = 60
) -> np.ndarray | None:
    """Newton's iteration at one point, a step halved while the residual does not fall; None where it fails."""
    x = np.array(start, dtype=float)
    with np.errstate(all="ignore"):
        value, matrix = values_of(program, dict(env) | dict(zip(names, x, strict=True)), names)
        for _ in range(steps):
            if not (np.isfinite(value).all() and np.isfinite(matrix).all()):
                return None
            try:
                step = np.linalg.solve(matrix, value)
            except np.linalg.LinAlgError:
                return None
            size, scale = np.linalg.norm(value), 1.0
            while True:
                new = x - scale * step
                value, matrix = values_of(program, dict(env) | dict(zip(names, new, strict=True)), names)
                if np.linalg.norm(value) < size or scale < 1e-3 or size < 1e-12:
                    break
                scale /= 2
            x = new
            if scale == 1 and np.max(np.abs(step)) < 1e-13 * (1 + np.max(np.abs(x))):
                return x
        return x if np.linalg.norm(value) < 1e-11 * (1 + np.max(np.abs(x))) else None


class DysonEdge:
    """The block Dyson equations of one estimator as functions of the value ``level`` and the traces ``names``."""

    def __init__(self, dyson: Sequence[Expr], names: Sequence[Symbol], level: Symbol):
        self.names, self.level = tuple(names), level
        self.dyson = compile_program(list(dyson))
        self.equations, self.kernel = edge_equations(dyson, names)
        self.edge_names = (*self.names, level, *self.kernel)
        self.end = compile_program([*dyson, *self.equations])

    def above(self, env: Mapping[Symbol, Any]) -> tuple[float, np.ndarray]:
        """A value above the spectrum and the traces there.

        Far out the traces are small, negative and close to the solution of the leading terms ``-level * g = size``.
        """
        high = 1.0
        for _ in range(60):
            high *= 2
            here = {**env, self.level: high}
            value, slope = values_of(self.dyson, {**here, **dict.fromkeys(self.names, 0.0)}, self.names)
            start = np.linalg.solve(slope, -value)
            found = newton_point(self.dyson, self.names, start, here)
            if found is not None and np.all(found < 0) and np.max(np.abs(found / start - 1)) < 0.2:
                return high, found
        raise BranchError("no value above the spectrum of the contraction matrix was found")

    def below(self, env: Mapping[Symbol, Any], high: float, g: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The edge below ``high``, where the traces are ``g``: its value, the traces and the kernel vector there."""
        sign = self._sign(env, high, g)
        ell, h = high, high / 10
        for settled in (1e-2, 1e-4, 1e-7, 1e-10):
            while h > settled * ell:
                new = self._traces(env, ell - h, g, sign)
                if new is None:
                    h /= 2
                else:
                    g, ell = new, ell - h
            start = np.array([*g, ell, *kernel_vector(self._slope(env, ell, g))])
            found = newton_point(self.end, self.edge_names, start, env)
            count = len(self.names)
            # the edge is at most h below the last value above it
            near = found is not None and ell - 2 * h <= found[count] <= ell * (1 + 1e-12)
            if found is not None and near and np.all(found[:count] < 0) and np.all(found[count + 1 :] > 0):
                return float(found[count]), found[:count], found[count + 1 :]
        raise BranchError("the edge of the spectrum of the contraction matrix was not found")

    def _slope(self, env: Mapping[Symbol, Any], level: float, g: np.ndarray) -> np.ndarray:
        here = {**env, self.level: level, **dict(zip(self.names, g, strict=True))}
        return values_of(self.dyson, here, self.names)[1]

    def _sign(self, env: Mapping[Symbol, Any], level: float, g: np.ndarray) -> float:
        return float(np.linalg.slogdet(self._slope(env, level, g))[0])

    def _traces(self, env: Mapping[Symbol, Any], level: float, g: np.ndarray, sign: float) -> np.ndarray | None:
        """The traces at a value a little lower than where they are ``g``; None where that is below the edge."""
        new = newton_point(self.dyson, self.names, g, {**env, self.level: level}, 12)
        if new is None or np.max(np.abs(new - g)) >= 0.5 * np.max(np.abs(g)):
            return None
        return new if self._sign(env, level, new) == sign else None


def edge_equations(dyson: Sequence[Expr], names: Sequence[Symbol]) -> tuple[list[Expr], list[Symbol]]:
    """That the derivative by the traces has a kernel vector, and the symbols of that vector (its entries sum to 1).

    Minus the derivative has no positive entry off its diagonal, so at the edge the vector has entries of one sign.
    """
    w = [Symbol(f"_w_{g.name}") for g in names]
    singular = Matrix(list(dyson)).jacobian(list(names))
    return [*(singular * Matrix(w)), sum(w) - 1], w


def kernel_vector(matrix: np.ndarray) -> np.ndarray:
    vector = np.linalg.svd(matrix)[2][-1]
    return vector / vector.sum()
