"""Forward differentiation of a program, one rule per instruction.

A tangent that is zero by structure is absent, and a unit tangent is the marker ONE, so that a system costs only the
products its own derivative has. What several tangents share (1/y, f'(x), -X^-1 . X^-1) is computed once.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from sympy import Symbol

from derive.errors import NotRationalError

from .algebra import Algebra
from .element import ARRAYS, Element
from .functions import DERIVATIVES

__all__ = ["Tangents"]

ONE = object()  # the tangent of an unknown by itself


class Tangents:
    """Tangents of all live registers: ``by_register[i]`` maps the index of an unknown to the derivative by it."""

    def __init__(self, algebra: Algebra, wrt: tuple[Symbol, ...], registers: int) -> None:
        self.algebra, self.kind = algebra, algebra.kind
        self.position = {symbol: index for index, symbol in enumerate(wrt)}
        self.by_register: list[dict[int, Any]] = [{} for _ in range(registers)]

    def free(self, register: int) -> None:
        self.by_register[register] = {}

    def rows(self, outputs: tuple[int, ...]) -> list[list[Any]]:
        return [
            [self._number(self.by_register[register].get(j)) for j in range(len(self.position))] for register in outputs
        ]

    def _number(self, tangent: Any) -> Any:
        return self.kind.zero if tangent is None else self.kind.one if tangent is ONE else tangent

    def propagate(self, index: int, instruction: Any, values: list[Any], result: Any) -> None:
        if instruction.op == "symbol":
            position = self.position.get(instruction.data)
            if position is not None and instruction.data not in self.algebra.sizes:
                self.by_register[index] = {position: ONE}
            return
        incoming = [self.by_register[register] for register in instruction.args]
        if not any(incoming):
            return
        rule = getattr(self, f"_{instruction.op}")
        self.by_register[index] = rule(instruction, incoming, values, result)

    # scalars ---------------------------------------------------------------------------------------------------------

    def _add(self, instruction, incoming, values, result):
        return _merge(incoming, lambda x, y: self._number(x) + self._number(y))

    def _subtract(self, instruction, incoming, values, result):
        left, right = incoming
        negated = {j: -self._number(t) for j, t in right.items() if j not in left}
        both = {j: self._number(t) - self._number(right[j]) for j, t in left.items() if j in right}
        return {**left, **both, **negated}

    def _multiply(self, instruction, incoming, values, result):
        if instruction.args[0] == instruction.args[1]:
            return self._chain(incoming[0], 2 * values[0])
        left = {j: _times(t, values[1]) for j, t in incoming[0].items()}
        right = {j: _times(t, values[0]) for j, t in incoming[1].items()}
        return _merge((left, right), lambda x, y: x + y)

    def _divide(self, instruction, incoming, values, result):
        if instruction.args[0] == instruction.args[1]:
            return {}
        left = {j: self.kind.divide(self._number(t), values[1]) for j, t in incoming[0].items()}
        if not incoming[1]:
            return left
        factor = self.kind.divide(-result, values[1])
        return _merge((left, self._chain(incoming[1], factor)), lambda x, y: x + y)

    def _reciprocal(self, instruction, incoming, values, result):
        return self._chain(incoming[0], -(result * result))

    def _negative(self, instruction, incoming, values, result):
        return {j: -self._number(t) for j, t in incoming[0].items()}

    def _power(self, instruction, incoming, values, result):
        slope = self.kind.number(instruction.data) * self.kind.power(values[0], instruction.data - 1)
        return self._chain(incoming[0], slope)

    def _function(self, instruction, incoming, values, result):
        name = instruction.data
        if name not in DERIVATIVES:
            raise NotRationalError(
                f"{name}(...) of an unknown has no complex derivative, so the system cannot be solved by Newton steps; "
                f"write it without {name}"
            )
        return self._chain(incoming[0], DERIVATIVES[name](self.kind, values[0], result))

    def _chain(self, tangents: dict[int, Any], slope: Any) -> dict[int, Any]:
        return {j: _times(t, slope) for j, t in tangents.items()}

    # matrices --------------------------------------------------------------------------------------------------------

    def _scale(self, instruction, incoming, values, result):
        scalar, matrix = values
        left = {j: matrix if t is ONE else self.algebra.scale(t, matrix) for j, t in incoming[0].items()}
        right = {j: self.algebra.scale(scalar, t) for j, t in incoming[1].items()}
        return _merge((left, right), self.algebra.add)

    def _matrix_negative(self, instruction, incoming, values, result):
        return {j: self.algebra.negative(t) for j, t in incoming[0].items()}

    def _matrix_add(self, instruction, incoming, values, result):
        return _merge(incoming, self.algebra.add)

    def _matrix_subtract(self, instruction, incoming, values, result):
        left, right = incoming
        return _merge((left, {j: self.algebra.negative(t) for j, t in right.items()}), self.algebra.add)

    def _matmul(self, instruction, incoming, values, result):
        product = self.algebra.matmul
        left = {j: product(t, values[1]) for j, t in incoming[0].items()}
        right = {j: product(values[0], t) for j, t in incoming[1].items()}
        add = self.algebra.add if isinstance(result, Element) else lambda x, y: x + y
        return _merge((left, right), add)

    def _inverse(self, instruction, incoming, values, result):
        """d X^-1 = - X^-1 dX X^-1, with the square shared by all tangents that commute with X."""
        algebra, square, tangents = self.algebra, None, {}
        for j, t in incoming[0].items():
            if result.family is ARRAYS and t.family is ARRAYS:
                tangents[j] = algebra.negative(algebra.matmul(algebra.matmul(result, t), result))
                continue
            if square is None:
                square = algebra.negative(algebra.matmul(result, result))
            tangents[j] = algebra.matmul(t, square)
        return tangents

    def _trace(self, instruction, incoming, values, result):
        return {j: self.algebra.trace(t, instruction.data) for j, t in incoming[0].items()}

    def _trace_product(self, instruction, incoming, values, result):
        trace, (x, y) = self.algebra.trace_product, values
        left = {j: trace(t, y, instruction.data) for j, t in incoming[0].items()}
        right = {j: trace(x, t, instruction.data) for j, t in incoming[1].items()}
        return _merge((left, right), lambda a, b: a + b)


def _times(tangent: Any, factor: Any) -> Any:
    return factor if tangent is ONE else tangent * factor


def _merge(parts: Any, add: Any) -> dict[int, Any]:
    def join(left: dict[int, Any], right: dict[int, Any]) -> dict[int, Any]:
        both = {j: add(t, right[j]) for j, t in left.items() if j in right}
        return {**left, **right, **both}

    return reduce(join, parts, {})
