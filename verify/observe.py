"""Evaluates the user's SymPy tree on sampled matrices, a batch of trials at a time.

The whole route of the simulation: SymPy tree -> :class:`~verify.tree.Reading` -> :class:`~verify.schedule.Program` ->
arrays, written against the array API. It never sees an equation of the limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Expr, Symbol, lambdify

from derive.symbols import MatrixLetter

from .costs import Structure
from .program import compile_program, last_uses, peak_entries
from .schedule import Operand, Program, Step
from .structured import Eigenpairs, Full, Matrix, ScaledIdentity, Workspace
from .tree import read_quantities

__all__ = ["Observation", "compile_observation"]


@dataclass(frozen=True)
class Observation:
    """A compiled set of quantities at one size: call it with the sampled matrices."""

    program: Program

    @property
    def cost(self) -> float:
        """Floating-point operations of one trial, for real matrices."""
        return self.program.cost

    @cached_property
    def entries(self) -> int:
        """Matrix entries alive at the worst moment, for one trial."""
        return peak_entries(self.program)

    @cached_property
    def _dead(self) -> list[list[int]]:
        return last_uses(self.program)

    @cached_property
    def _functions(self) -> dict[int, Any]:
        return {
            index: lambdify(step.payload[1], step.payload[0], modules=["scipy", "numpy"])
            for index, step in enumerate(self.program.steps)
            if step.op == "scalar"
        }

    def __call__(self, matrices: Mapping[MatrixLetter, Matrix], xp: Any) -> dict[str, Any]:
        """The value of every quantity in every trial: arrays of ``xp`` of shape ``(trials,)`` or ``()``."""
        work = Workspace(xp)
        values: dict[int, Any] = {}
        for index, step in enumerate(self.program.steps):
            values[index] = self._run(index, step, values, matrices, work)
            for gone in self._dead[index]:
                del values[gone]
        return {name: _scalar(values, operand, work) for name, operand in self.program.outputs.items()}

    def eigenvalues(self) -> Observation:
        """The observation of all eigenvalues of the first matrix that an eigenvalue is asked of."""
        index = next(index for index, step in enumerate(self.program.steps) if step.op == "eigenpairs")
        return Observation(replace(self.program, outputs={"eigenvalues": Operand(index)}))

    def _run(
        self, index: int, step: Step, values: dict[int, Any], matrices: Mapping[Any, Matrix], work: Workspace
    ) -> Any:
        xp = work.xp
        if step.op == "letter":
            return matrices[step.payload]
        if step.op == "identity":
            return ScaledIdentity(xp.asarray(1.0, dtype=xp.float64), step.rows)
        if step.op == "scalar":
            return self._scalar_step(index, step, values, work)
        if step.op == "sum":
            return self._sum(step, values, work)
        if step.op == "eigenvalue":
            return work.eigenvalue(values[step.inputs[0].step], step.payload)
        if step.op == "alignment":
            image, signal = (_matrix(values, operand, work) for operand in step.inputs[1:])
            return work.alignment(values[step.inputs[0].step], image, signal, *step.payload)
        inputs = [_matrix(values, operand, work) for operand in step.inputs]
        if step.op == "multiply":
            return work.multiply(*inputs)
        if step.op == "inverse":
            return work.inverse(*inputs)
        if step.op == "solve":
            return work.solve(*inputs)
        if step.op == "power":
            return work.power(inputs[0], float(step.payload))
        if step.op == "eigenpairs":
            return work.eigenpairs(inputs[0], step.payload)
        if step.op == "join":
            return work.join_columns(inputs)
        if step.op == "columns":
            return work.columns(inputs[0], *step.payload)
        if step.op == "trace":
            return work.trace(inputs[0])
        if step.op == "contract":
            return work.contract(*inputs)
        raise AssertionError(f"unknown step {step.op}")

    def _scalar_step(self, index: int, step: Step, values: dict[int, Any], work: Workspace) -> Any:
        inputs = [_scalar(values, operand, work) for operand in step.inputs]
        expr, symbols = step.payload
        if not symbols:
            return _number(expr, work.xp)
        if expr in symbols:
            return inputs[symbols.index(expr)]
        # a handful of numbers per trial: any scalar function is evaluated on the host
        hosted = [np.asarray(_to_host(x)) for x in inputs]
        return work.xp.asarray(np.asarray(self._functions[index](*hosted)))

    def _sum(self, step: Step, values: dict[int, Any], work: Workspace) -> Matrix:
        half = len(step.inputs) // 2
        total: Matrix | None = None
        # structured terms first: they are added up before they meet a full matrix
        pairs = sorted(
            zip(step.inputs[:half], step.inputs[half:], strict=True),
            key=lambda pair: isinstance(values[pair[1].step], Full),
        )
        for coefficient, operand in pairs:
            term = _matrix(values, operand, work)
            payload = self.program.steps[coefficient.step].payload
            if payload[0] != 1:
                term = work.scale(_scalar(values, coefficient, work), term)
            total = term if total is None else work.add(total, term)
        assert total is not None
        return total


def _number(expr: Expr, xp: Any) -> Any:
    value = complex(expr.evalf(17))
    if value.imag == 0:
        return xp.asarray(value.real, dtype=xp.float64)
    return xp.asarray(value, dtype=xp.complex128)


def _to_host(array: Any) -> Any:
    return array.get() if hasattr(array, "get") else array


def _matrix(values: dict[int, Any], operand: Operand, work: Workspace) -> Matrix:
    matrix = values[operand.step]
    matrix = work.transpose(matrix) if operand.transposed else matrix
    return work.conjugate(matrix) if operand.conjugated else matrix


def _scalar(values: dict[int, Any], operand: Operand, work: Workspace) -> Any:
    value = values[operand.step]
    value = value.values if isinstance(value, Eigenpairs) else value
    complex_value = work.xp.isdtype(value.dtype, "complex floating")
    return work.xp.conj(value) if operand.conjugated and complex_value else value


def compile_observation(
    quantities: Mapping[str, Expr],
    dims: Mapping[Symbol, int],
    params: Mapping[Symbol, Expr],
    structures: Mapping[MatrixLetter, Structure],
) -> Observation:
    """Compile scalar expressions of matrices into arrays' arithmetic at one size.

    Parameters
    ----------
    quantities : mapping of str to Expr
    dims : mapping of Symbol to int
        Every dimension that occurs.
    params : mapping of Symbol to a SymPy number
    structures : mapping
        What is known of the deterministic matrices before they are made (:mod:`verify.costs`); others are full.

    Raises
    ------
    derive.errors.ResolventError
        The expression is not one of sums, products, transposes, inverses and powers, or a parameter has no value.
    """
    reading = read_quantities(quantities, dims, params)
    return Observation(compile_program(reading, structures))
