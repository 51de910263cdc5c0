"""Derivatives of quantities through the equations that define the unknowns: the implicit function theorem.

Where ``F(x, theta) = 0`` and the Jacobian ``F_x`` is regular, ``dx = -F_x^-1 F_theta dtheta``; a quantity
``q(x, theta)`` has the derivative ``q_theta - q_x F_x^-1 F_theta``. Batched over points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from ..lower.algebra import Algebra
from ..lower.arrays import ArrayKind
from ..lower.program import Program, compile_program

__all__ = ["Sensitivity", "Slopes", "solve_batch"]


@dataclass(frozen=True)
class Slopes:
    """At points of a batch: residuals (batch, n), quantities (batch, m), and what both do as theta moves.

    ``newton`` (batch, n) is the step to the solution at fixed theta, ``response`` (batch, n, k) is dx/dtheta and
    ``slopes`` (batch, m, k) dq/dtheta; ``own`` (batch, m, n) is dq/dx at fixed theta.
    """

    residual: np.ndarray
    values: np.ndarray
    newton: np.ndarray
    response: np.ndarray
    slopes: np.ndarray
    own: np.ndarray


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Quantities as functions of ``theta`` through the solution of ``residuals = 0`` by ``unknowns``."""

    residuals: Sequence[Expr]
    unknowns: Sequence[Symbol]
    quantities: Sequence[Expr]
    theta: Sequence[Symbol]

    @cached_property
    def program(self) -> Program:
        return compile_program([*self.residuals, *self.quantities])

    def at(self, x: np.ndarray, env: Mapping[Symbol, Any]) -> Slopes:
        """Everything at ``x`` (batch, n); ``env`` holds theta and the other parameters."""
        n = len(self.residuals)
        value, slope = self._differentiated(x, env)
        right = np.concatenate([value[:, :n, None], slope[:, :n, n:]], axis=-1)
        solved = solve_batch(slope[:, :n, :n], right)
        newton, response, own = -solved[:, :, 0], -solved[:, :, 1:], slope[:, n:, :n]
        return Slopes(value[:, :n], value[:, n:], newton, response, slope[:, n:, n:] + own @ response, own)

    def jacobian(self, x: np.ndarray, env: Mapping[Symbol, Any]) -> np.ndarray:
        """``F_x`` (batch, n, n)."""
        n = len(self.residuals)
        return self._differentiated(x, env)[1][:, :n, :n]

    def _differentiated(self, x: np.ndarray, env: Mapping[Symbol, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Residuals and quantities (batch, n + m), and their derivatives by unknowns and theta."""
        rows, columns = len(self.residuals) + len(self.quantities), len(self.residuals) + len(self.theta)
        inputs = dict(env) | dict(zip(self.unknowns, x.T, strict=True))
        found, slopes = self.program.jacobian(inputs, Algebra(ArrayKind(np), {}, {}), [*self.unknowns, *self.theta])
        value, slope = np.empty((len(x), rows)), np.empty((len(x), rows, columns))
        for i, (v, row) in enumerate(zip(found, slopes, strict=True)):
            value[:, i] = v
            for j, entry in enumerate(row):
                slope[:, i, j] = entry
        return value, slope

    def values_at(self, x: np.ndarray, env: Mapping[Symbol, Any]) -> np.ndarray:
        """The quantities alone (batch, m)."""
        inputs = dict(env) | dict(zip(self.unknowns, x.T, strict=True))
        found = compile_program(list(self.quantities)).run(inputs, Algebra(ArrayKind(np), {}, {}))
        return np.stack([np.broadcast_to(v, (len(x),)) for v in found], axis=-1).astype(float)


def solve_batch(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``matrix^-1 right`` (batch, n, k); NaN where the matrix is singular or not finite."""
    bad = ~(np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(right).all(axis=(1, 2)))
    bad |= np.linalg.slogdet(np.where(bad[:, None, None], np.eye(matrix.shape[-1]), matrix))[0] == 0
    out = np.linalg.solve(np.where(bad[:, None, None], np.eye(matrix.shape[-1]), matrix), right)
    return np.where(bad[:, None, None], np.nan, out)
