"""The equations of outliers in numbers: Newton on bulk and determinant, residues by implicit differentiation.

Double precision, batched over parameter points. The branch is that of the evaluation throughout: a zero that Newton
found counts only where the evaluation has the same unknowns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from ..bind import Binding
from ..lower.program import Program, compile_program
from ..solve.evaluate import Batch, evaluate_batch, namespace
from .master import Master
from .zeros import Zero

__all__ = ["OutlierSolver"]


class OutlierSolver:
    """The derived system of one master matrix at one batch of parameters."""

    def __init__(self, master: Master, binding: Binding):
        self.master, self.binding = master, binding
        self.derivation, self.system = master.law.derivation, master.law.system
        self.batch = Batch(self.derivation, binding, namespace("cpu"))
        self.count = self.batch.count

    def at(self, owners: np.ndarray, z: np.ndarray) -> Binding:
        """The parameters of the points ``owners``, with a spectral point each."""
        scalars: dict[Symbol, Any] = {
            s: (v[owners] if np.ndim(v) else v) for s, v in self.batch.scalars.items() if s != self.master.z
        }
        return Binding(scalars | {self.master.z: z}, self.binding.laws)

    def solution(self, owners: np.ndarray, z: np.ndarray, *names: str) -> Any:
        """Values of that name and the unknowns, on the branch of the limit."""
        # at an outlier the forms are infinite and the determinant is not: only what is asked for is evaluated
        system = replace(self.system, values={name: self.system.values[name] for name in names})
        return evaluate_batch(self.derivation, system, self.at(owners, z), namespace("cpu"))

    def determinant(self, owners: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The determinant at spectral points, of the parameter points ``owners``."""
        value = self.solution(owners, z, "determinant").values["determinant"]
        return np.where(np.iscomplex(z), value, np.real(value))

    # -- Newton on the bulk equations with the determinant -------------------------------------------------------------
    @cached_property
    def names(self) -> list[Symbol]:
        return [*self.system.unknowns, self.master.z]

    @cached_property
    def programs(self) -> list[Program]:
        """The bulk equations with one irreducible factor of the determinant each."""
        bulk = self.system.substituted(self.system.residuals)
        return [compile_program([*bulk, *self.system.substituted([f])]) for f, _ in self.master.determinant]

    @cached_property
    def fractions(self) -> Program:
        """The bulk equations, then numerators and denominators of the forms."""
        parts: list[Expr] = [*self.system.residuals]
        for form in self.master.forms:
            parts += self.master.fraction(form)
        return compile_program(self.system.substituted(parts))

    def refined(self, owners: np.ndarray, z: np.ndarray) -> tuple[dict[Symbol, np.ndarray], np.ndarray]:
        """The unknowns and z at the zeros near the points given, and where Newton found one on the right branch."""
        start = self.solution(owners, z)
        state = {u: np.real(start.unknowns[u]) for u in self.system.unknowns} | {self.master.z: z}
        numbers = self.numbers(owners)
        best = np.full(len(z), np.inf)
        chosen = np.zeros(len(z), dtype=int)
        for k, program in enumerate(self.programs):
            # of several factors the one with the shortest Newton step is the one that vanishes here
            size = np.abs(self.step(program, state, numbers)[:, -1])
            chosen, best = np.where(size < best, k, chosen), np.fmin(size, best)
        out = {s: np.array(v, dtype=float) for s, v in state.items()}
        good = np.zeros(len(z), dtype=bool)
        for k in sorted(set(chosen.tolist())):
            index = np.flatnonzero(chosen == k)
            moved, fine = self._newton(self.programs[k], {s: v[index] for s, v in out.items()}, owners[index])
            for s, v in moved.items():
                out[s][index] = v
            good[index] = fine
        if good.any():
            index = np.flatnonzero(good)
            there = self.solution(owners[index], out[self.master.z][index])
            for u in self.system.unknowns:
                same = np.abs(there.unknowns[u] - out[u][index]) < 1e-6 * (1 + np.abs(out[u][index]))
                good[index] &= same & (there.status == 0)
        return out, good

    def polished(self, owners: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Zeros of the determinant near the points given, NaN where there is none."""
        state, good = self.refined(owners, z)
        return np.where(good, state[self.master.z], np.nan)

    def _newton(
        self, program: Program, state: dict[Symbol, np.ndarray], owners: np.ndarray
    ) -> tuple[dict[Symbol, np.ndarray], np.ndarray]:
        numbers = self.numbers(owners)
        good = np.zeros(len(owners), dtype=bool)
        for _ in range(20):
            delta = self.step(program, state, numbers)
            state = {s: state[s] + d for s, d in zip(self.names, delta.T, strict=True)}
            with np.errstate(all="ignore"):
                sizes = [np.abs(d) / (np.abs(state[s]) + 1e-300) for s, d in zip(self.names, delta.T, strict=True)]
            size = np.max(sizes, axis=0)
            good = size < 1e-12
            if np.all(good | ~np.isfinite(size)):
                break
        return state, good

    def step(self, program: Program, state: Mapping[Symbol, np.ndarray], numbers: Any) -> np.ndarray:
        """Newton's step for (unknowns, z), shape (points, unknowns + 1); NaN where the matrix is singular."""
        right, matrix = self._linear(program, state, numbers)
        out = np.full(right.shape, np.nan)
        fine = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
        fine[fine] = np.abs(np.linalg.det(matrix[fine])) > 0
        out[fine] = np.linalg.solve(matrix[fine], -right[fine][..., None])[..., 0]
        return out

    def _linear(
        self, program: Program, state: Mapping[Symbol, np.ndarray], numbers: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values (points, outputs) and derivatives (points, outputs, names) of a program."""
        count = len(state[self.master.z])
        with np.errstate(all="ignore"):
            values, rows = program.jacobian(dict(numbers.env) | dict(state), numbers.algebra, self.names)
        full = lambda x: np.broadcast_to(np.real(x), (count,))  # noqa: E731
        return (
            np.stack([full(v) for v in values], axis=1),
            np.stack([np.stack([full(x) for x in row], axis=1) for row in rows], axis=1),
        )

    def numbers(self, owners: np.ndarray) -> Any:
        """Parameters and laws as numbers at the parameter points ``owners``."""
        return Batch(self.derivation, self.at(owners, np.ones(len(owners))), namespace("cpu")).numbers()

    # -- residues --------------------------------------------------------------------------------------------------
    def residues(self, state: Mapping[Symbol, np.ndarray], owners: np.ndarray) -> dict[str, np.ndarray]:
        """Minus the residue of every form at simple zeros, by implicit differentiation of the bulk equations."""
        values, table = self._linear(self.fractions, state, self.numbers(owners))
        k = len(self.system.unknowns)
        slope = np.linalg.solve(table[:, :k, :k], -table[:, :k, k:])[..., 0] if k else np.zeros((len(owners), 0))
        total = table[:, :, k] + np.einsum("pij,pj->pi", table[:, :, :k], slope)
        out = {}
        for j, form in enumerate(self.master.forms):
            num, den, rise = values[:, k + 2 * j], values[:, k + 2 * j + 1], total[:, k + 2 * j + 1]
            size = np.abs(rise) * np.maximum(1.0, np.abs(state[self.master.z]))
            # a form that is finite at the outlier: its signal does not see it
            finite = (np.abs(den) > 1e-6 * size) | (num == 0)
            out[form.name] = np.where(finite, 0.0, -num / np.where(finite, 1.0, rise))
        return out

    def around(self, zero: Zero, room: float) -> tuple[dict[str, float], float]:
        """Minus the residues and the location by Cauchy's integrals over a circle of radius ``room``.

        The resolvent has a simple pole at an eigenvalue of any multiplicity: this serves where Newton does not.
        """
        angles = (np.arange(32) + 0.5) * np.pi / 32
        z = zero.z + room * np.exp(1j * angles)
        solution = self.solution(np.full(len(z), zero.owner), z, *(f.name for f in self.master.forms))
        out: dict[str, float] = {}
        largest, location = 0.0, zero.z
        for form in self.master.forms:
            # the lower half of the circle is the mirror image
            weighted = solution.values[form.name] * room * np.exp(1j * angles)
            total = float(np.mean(weighted).real)
            out[form.name] = -total
            if abs(total) > largest:
                largest, location = abs(total), zero.z + float(np.mean(weighted * (z - zero.z)).real) / total
        return out, location
