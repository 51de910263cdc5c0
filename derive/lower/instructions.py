"""The straight-line program: an immutable list of instructions, and its interpreter.

One program serves every number kind. A register is freed after its last use, so that the memory of a large batch is
that of the registers alive at one time.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Symbol

from derive.errors import LawError, ParameterError
from derive.symbols import MatrixLetter

from .algebra import Algebra
from .tangents import Tangents

__all__ = ["Instruction", "Program"]


@dataclass(frozen=True)
class Instruction:
    """``op`` on the registers ``args``; ``data`` is what the operation is about (a number, a letter, a name)."""

    op: str
    args: tuple[int, ...] = ()
    data: Any = None


@dataclass(frozen=True, eq=False)
class Program:
    """Instruction i writes register i; ``frees[i]`` are the registers that nobody reads after it.

    ``symbols`` are the names it may look up (parameters, unknowns, dimensions), ``letters`` the matrices it needs.
    """

    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]
    frees: tuple[tuple[int, ...], ...]
    symbols: tuple[Symbol, ...]
    letters: tuple[MatrixLetter, ...]

    def run(self, env: Mapping[Symbol, Any], algebra: Algebra) -> list[Any]:
        """Evaluate the outputs.

        Parameters
        ----------
        env : mapping Symbol -> number of the algebra's kind, or anything that reads as one
        algebra : Algebra

        Returns
        -------
        list
            One scalar per output; on arrays of shape (*batch), or a Python number where nothing depends on the batch.

        Raises
        ------
        ParameterError
            A symbol that `env` does not hold.
        """
        registers: list[Any] = [None] * len(self.instructions)
        with algebra.kind.context():
            operations = _operations(env, algebra)
            for index, (instruction, frees) in enumerate(zip(self.instructions, self.frees, strict=True)):
                arguments = [registers[register] for register in instruction.args]
                registers[index] = operations[instruction.op](*arguments, instruction.data)
                for register in frees:
                    registers[register] = None
            return [registers[register] for register in self.outputs]

    def jacobian(
        self, env: Mapping[Symbol, Any], algebra: Algebra, wrt: Sequence[Symbol]
    ) -> tuple[list[Any], list[list[Any]]]:
        """Outputs and their derivatives, by forward differentiation of every instruction.

        Returns
        -------
        values : list
            As of :meth:`run`.
        rows : list of list
            ``rows[i][j]`` is the derivative of output i by ``wrt[j]``; ``kind.zero`` or ``kind.one`` where it is
            so by structure (on arrays a Python number, not an array over the batch).

        Raises
        ------
        NotRationalError
            An unknown inside a function that has no complex derivative (a conjugate, an absolute value).
        """
        registers: list[Any] = [None] * len(self.instructions)
        with algebra.kind.context():
            operations = _operations(env, algebra)
            tangents = Tangents(algebra, tuple(wrt), len(self.instructions))
            for index, (instruction, frees) in enumerate(zip(self.instructions, self.frees, strict=True)):
                arguments = [registers[register] for register in instruction.args]
                registers[index] = value = operations[instruction.op](*arguments, instruction.data)
                tangents.propagate(index, instruction, arguments, value)
                for register in frees:
                    registers[register] = None
                    tangents.free(register)
            return [registers[register] for register in self.outputs], tangents.rows(self.outputs)


def _operations(env: Mapping[Symbol, Any], algebra: Algebra) -> dict[str, Callable]:
    """What each op means over this algebra; every entry takes the arguments and then the data."""
    kind = algebra.kind

    def look_up(symbol: Symbol) -> Any:
        if symbol in algebra.sizes:
            return algebra.sizes[symbol]
        if symbol not in env:
            raise ParameterError(f"no value was given for {symbol}; add it to the parameters, e.g. {{{symbol}: 1}}")
        return kind.coerce(env[symbol], str(symbol))

    def letter(data: tuple[MatrixLetter, str]) -> Any:
        name, flip = data
        if name not in algebra.letters:
            raise LawError(f"no law was given for {name}")
        element = algebra.letter(name)
        return element if flip == "plain" else getattr(algebra, flip)(element)

    def binary(function: Callable) -> Callable:
        return lambda x, y, _: function(x, y)

    return {
        "number": kind.number,
        "constant": kind.constant,
        "symbol": look_up,
        "add": binary(operator.add),
        "subtract": binary(operator.sub),
        "multiply": binary(operator.mul),
        "divide": binary(kind.divide),
        "reciprocal": lambda x, _: kind.divide(kind.one, x),
        "negative": lambda x, _: -x,
        "power": kind.power,
        "function": lambda x, name: kind.function(name, x),
        "identity": algebra.identity,
        "letter": letter,
        "scale": binary(algebra.scale),
        "matrix_negative": lambda x, _: algebra.negative(x),
        "matrix_add": binary(algebra.add),
        "matrix_subtract": binary(algebra.subtract),
        "matmul": binary(algebra.matmul),
        "inverse": lambda x, _: algebra.inverse(x),
        "matrix_sqrt": algebra.sqrt,
        "trace": algebra.trace,
        "trace_product": algebra.trace_product,
    }
