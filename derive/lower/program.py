"""From SymPy expressions to a straight-line program.

Reduced systems come in as scalars that contain ``Trace(M)`` of matrix expressions; they leave as one list of
instructions in which every subexpression is computed once. A scalar in front of a matrix product is kept apart, so
that ``2*A*B`` and ``x*A*B`` share ``A*B``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sympy import (
    Add,
    Expr,
    Float,
    Function,
    I,
    Integer,
    MatAdd,
    MatMul,
    MatPow,
    MatrixExpr,
    Mul,
    NumberSymbol,
    Pow,
    Rational,
    S,
    Symbol,
    Trace,
    exp,
    log,
)
from sympy.matrices.expressions import Identity, Inverse, ZeroMatrix

from derive.errors import DimensionError, NotRationalError
from derive.numbers import exact
from derive.symbols import Deterministic, Free, Haar, RandomMatrix

from .factors import factors_of, product_of
from .flips import letter_view, pushed
from .functions import DERIVATIVES, NOT_HOLOMORPHIC
from .instructions import Instruction, Program

__all__ = ["Instruction", "Program", "compile_program"]

_FUNCTIONS = frozenset(DERIVATIVES) | frozenset(NOT_HOLOMORPHIC)
_CONSTANTS = ("Pi", "Exp1", "EulerGamma", "Catalan")


def compile_program(outputs: Sequence[Expr], definitions: Mapping[Symbol, Expr] | None = None) -> Program:
    """Compile expressions into one program with shared subexpressions.

    Parameters
    ----------
    outputs : sequence of Expr
        Sums, products, powers with rational or scalar exponents, exp, log, erf and other common functions of symbols
        and of ``Trace(M)``, M built from letters by sums, products, inverses, powers, transposes and adjoints.
        ``Trace(M)`` of a d x d matrix evaluates to (relative size of d) times the normalised trace, ``Trace(M)/d``
        therefore to the normalised trace; of a 1 x 1 matrix to the bilinear form. A matrix expression as an output
        comes back as an :class:`Element`.
    definitions : mapping Symbol -> Expr, optional
        What some symbols stand for, in symbols of their own if need be; computed once each.

    Returns
    -------
    Program
        With ``run`` and ``jacobian``.

    Raises
    ------
    NotRationalError
        A function or a matrix expression that has no meaning here, by name.

    Examples
    --------
    >>> import numpy as np
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Deterministic, dimensions
    >>> from derive.laws import atomic
    >>> from derive.lower import ArrayKind, compile_program, represent
    >>> p, x = dimensions("p"), Symbol("x")
    >>> S = Deterministic("Sigma", p, p, symmetric=True)
    >>> program = compile_program([Trace((S + x*Identity(p)).I)/p])
    >>> algebra = represent({S: atomic([1, 4])}, program.letters, {p: 1}, ArrayKind(np))
    >>> values, rows = program.jacobian({x: np.array([0., 1.])}, algebra, [x])
    >>> values[0].tolist(), rows[0][0].round(4).tolist()
    ([0.625, 0.35], [-0.5312, -0.145])
    """
    outputs = [S(output) for output in outputs]
    compiler = _Compiler(definitions or {})
    registers = []
    for output in outputs:
        growing = isinstance(output, MatrixExpr) and output.shape != (1, 1)
        registers.append(compiler.matrix(output) if growing else compiler.scalar(output))
    return compiler.program(tuple(registers))


class _Compiler:
    """Hash-consing: an instruction that was emitted once is never emitted again."""

    def __init__(self, definitions: Mapping[Symbol, Expr]) -> None:
        self.definitions = definitions
        self.instructions: list[Instruction] = []
        self.register_of: dict[tuple, int] = {}
        self.scalars: dict[Expr, int] = {}
        self.cores: dict[MatrixExpr, tuple[Expr, int | None]] = {}

    def emit(self, op: str, *args: int, data: Any = None) -> int:
        # the type is part of the key: 1 and True, or Integer(1) and a letter named 1, must not meet
        key = (op, args, type(data), data)
        if key not in self.register_of:
            self.register_of[key] = len(self.instructions)
            self.instructions.append(Instruction(op, args, data))
        return self.register_of[key]

    def program(self, outputs: tuple[int, ...]) -> Program:
        """Drop what no output needs (an identity that became a number), renumber, and note last uses."""
        needed = set(outputs)
        for index in range(len(self.instructions) - 1, -1, -1):
            if index in needed:
                needed.update(self.instructions[index].args)
        order = sorted(needed)
        new = {old: index for index, old in enumerate(order)}
        instructions = []
        for old in order:
            instruction = self.instructions[old]
            instructions.append(Instruction(instruction.op, tuple(new[a] for a in instruction.args), instruction.data))
        outputs = tuple(new[register] for register in outputs)
        last = {}
        for index, instruction in enumerate(instructions):
            last.update(dict.fromkeys(instruction.args, index))
        frees: list[list[int]] = [[] for _ in instructions]
        for register, index in last.items():
            if register not in outputs:
                frees[index].append(register)
        symbols = [i.data for i in instructions if i.op == "symbol"]
        letters = {i.data[0] for i in instructions if i.op == "letter"}
        return Program(
            tuple(instructions),
            outputs,
            tuple(map(tuple, frees)),
            tuple(sorted(symbols, key=lambda symbol: (symbol.name, str(symbol.assumptions0)))),
            tuple(sorted(letters, key=lambda letter: (letter.name, str(letter.shape)))),
        )

    # scalars ---------------------------------------------------------------------------------------------------------

    def scalar(self, expr: Expr) -> int:
        if expr not in self.scalars:
            self.scalars[expr] = self._scalar(expr)
        return self.scalars[expr]

    def _scalar(self, expr: Expr) -> int:
        if isinstance(expr, Rational | Float) or expr is I:
            return self.emit("number", data=exact(expr, "a number in the expression"))
        if isinstance(expr, NumberSymbol) and type(expr).__name__ in _CONSTANTS:
            return self.emit("constant", data=type(expr).__name__)
        if isinstance(expr, Symbol):
            return self.scalar(self.definitions[expr]) if expr in self.definitions else self.emit("symbol", data=expr)
        if isinstance(expr, Add):
            return self._sum(expr)
        if isinstance(expr, Mul):
            return self._product(expr)
        if isinstance(expr, Pow):
            return self._power(expr.base, expr.exp)
        if isinstance(expr, Trace):
            return self._trace(expr.arg, normalised=False)
        if isinstance(expr, Function) and len(expr.args) == 1 and type(expr).__name__ in _FUNCTIONS:
            return self.emit("function", self.scalar(expr.args[0]), data=type(expr).__name__)
        if isinstance(expr, MatrixExpr):
            if expr.shape == (1, 1):
                return self._form(expr)
            raise DimensionError(f"{expr} is a {expr.rows} x {expr.cols} matrix, expected a number; take a trace")
        name, known = type(expr).__name__, ", ".join(sorted(_FUNCTIONS))
        raise NotRationalError(f"{expr}: {name} cannot be evaluated; known functions are {known}")

    def _sum(self, expr: Add) -> int:
        plus = [term for term in expr.args if not term.as_coeff_Mul()[0].is_negative]
        minus = [-term for term in expr.args if term.as_coeff_Mul()[0].is_negative]
        if not plus:
            return self.emit("negative", self.scalar(Add(*minus)))
        total = self.scalar(plus[0])
        for term in plus[1:]:
            total = self.emit("add", total, self.scalar(term))
        for term in minus:
            total = self.emit("subtract", total, self.scalar(term))
        return total

    def _product(self, expr: Mul) -> int:
        above, below, trace = [], [], []
        factors = list(expr.args)
        for factor in expr.args:
            # Trace(M)/d is the normalised trace: dividing by the size again would only cost time and radius
            if isinstance(factor, Trace) and factor.arg.rows != 1:
                inverse = next((f for f in factors if f.is_Pow and f.base == factor.arg.rows and f.exp == -1), None)
                if inverse is not None:
                    factors.remove(inverse)
                    factors.remove(factor)
                    trace.append(factor)
        negative = False
        for factor in factors:
            if factor.is_Pow and factor.exp.is_number and factor.exp.is_negative:
                below.append(self.scalar(Pow(factor.base, -factor.exp)))
            elif isinstance(factor, Rational):
                negative = factor.is_negative
                if abs(factor.p) != 1:
                    above.append(self.scalar(Integer(abs(factor.p))))
                if factor.q != 1:
                    below.append(self.scalar(Integer(factor.q)))
            else:
                above.append(self.scalar(factor))
        above += [self._trace(factor.arg, normalised=True) for factor in trace]
        result = self._quotient(above, below)
        return self.emit("negative", result) if negative else result

    def _quotient(self, above: list[int], below: list[int]) -> int:
        if not below:
            return self._chain("multiply", above) if above else self.scalar(Integer(1))
        denominator = self._chain("multiply", below)
        if not above:
            return self.emit("reciprocal", denominator)
        return self.emit("divide", self._chain("multiply", above), denominator)

    def _chain(self, op: str, registers: list[int]) -> int:
        result = registers[0]
        for register in registers[1:]:
            result = self.emit(op, result, register)
        return result

    def _power(self, base: Expr, exponent: Expr) -> int:
        if base is S.Exp1:
            return self.scalar(exp(exponent))
        if exponent.is_number and exponent.is_negative:
            return self.emit("reciprocal", self.scalar(Pow(base, -exponent)))
        if isinstance(exponent, Integer):
            return self._repeated("multiply", self.scalar(base), int(exponent))
        if isinstance(exponent, Rational) and exponent.q == 2:
            root = self.emit("function", self.scalar(base), data="sqrt")
            return self._repeated("multiply", root, int(exponent.p))
        if isinstance(exponent, Rational):
            return self.emit("power", self.scalar(base), data=exponent)
        return self.emit("function", self.scalar(exponent * log(base)), data="exp")

    def _repeated(self, op: str, register: int, times: int) -> int:
        """x^times by squaring; a later, larger power of the same x shares the squares."""
        square = register
        while times % 2 == 0:
            square, times = self.emit(op, square, square), times // 2
        result, times = square, times // 2
        while times:
            square = self.emit(op, square, square)
            if times % 2:
                result = self.emit(op, result, square)
            times //= 2
        return result

    # traces ----------------------------------------------------------------------------------------------------------

    def _trace(self, matrix: MatrixExpr, normalised: bool) -> int:
        matrix = pushed(matrix)
        if matrix.rows != matrix.cols:
            raise DimensionError(f"Trace({matrix}): the matrix is {matrix.rows} x {matrix.cols}, not square")
        if matrix.rows == 1:
            return self._form(matrix)
        dim = matrix.rows
        if isinstance(matrix, MatAdd):
            # term by term: each term may live in its own law
            return self._chain("add", [self._trace(term, normalised) for term in matrix.args])
        if isinstance(matrix, ZeroMatrix):
            return self.scalar(Integer(0))
        coefficient, factors = factors_of(matrix)
        cut = next((i for i, factor in enumerate(factors) if factor.rows == 1), None)
        if cut is not None:
            form = self.scalar(coefficient * Trace(product_of([*factors[cut:], *factors[:cut]])))
            return self.emit("divide", form, self.scalar(dim)) if normalised else form
        registers = [self._core(factor) for factor in factors]
        if not registers:
            trace = None
        elif len(registers) == 1:
            trace = self.emit("trace", registers[0], data=dim)
        else:
            product = self._chain("matmul", registers[:-1])
            trace = self.emit("trace_product", product, registers[-1], data=dim)
        parts = [] if trace is None else [trace]
        if coefficient != 1 or not parts:
            parts.insert(0, self.scalar(coefficient))
        if not normalised:
            parts.insert(0, self.scalar(dim))
        return self._chain("multiply", parts)

    def _form(self, matrix: MatrixExpr) -> int:
        """The number in a 1 x 1 matrix expression."""
        matrix = pushed(matrix)
        if isinstance(matrix, MatAdd):
            return self.scalar(Add(*(Trace(term) for term in matrix.args)))
        if isinstance(matrix, Identity):
            return self.scalar(Integer(1))
        if isinstance(matrix, ZeroMatrix):
            return self.scalar(Integer(0))
        if isinstance(matrix, Inverse):
            return self.emit("reciprocal", self._form(matrix.arg))
        if isinstance(matrix, MatPow):
            return self.scalar(Pow(Trace(matrix.base), matrix.exp))
        if isinstance(matrix, MatMul):
            coefficient, factors = factors_of(matrix)
            if not factors:
                return self.scalar(coefficient)
            registers = [self._core(factor) for factor in factors]
            form = self._chain("matmul", registers)
            return form if coefficient == 1 else self._chain("multiply", [self.scalar(coefficient), form])
        raise NotRationalError(f"{matrix} ({type(matrix).__name__}) is not a bilinear form that can be evaluated")

    # matrices --------------------------------------------------------------------------------------------------------

    def matrix(self, expr: MatrixExpr) -> int:
        """Register of a matrix with its coefficient."""
        coefficient, core = self._split(expr)
        register = self.emit("identity", data=expr.rows) if core is None else core
        return register if coefficient == 1 else self.emit("scale", self.scalar(coefficient), register)

    def _core(self, factor: MatrixExpr) -> int:
        """Register of a factor that `factors_of` returned: its coefficient was taken out already."""
        coefficient, register = self._split(factor)
        assert coefficient == 1, f"{factor} has a coefficient left"
        assert register is not None, f"{factor} is an identity"
        return register

    def _split(self, expr: MatrixExpr) -> tuple[Expr, int | None]:
        """(coefficient, register of the rest), None for the identity."""
        if expr not in self.cores:
            self.cores[expr] = self._split_now(pushed(expr))
        return self.cores[expr]

    def _split_now(self, expr: MatrixExpr) -> tuple[Expr, int | None]:
        view = letter_view(expr)
        if view is not None:
            if isinstance(view[0], RandomMatrix | Haar):
                raise NotRationalError(f"{view[0].name} is random: derive its limit first, then evaluate")
            return S.One, self.emit("letter", data=view)
        if isinstance(expr, Identity):
            return S.One, None
        if isinstance(expr, ZeroMatrix):
            return S.Zero, None
        if isinstance(expr, MatAdd):
            return S.One, self._matrix_sum(expr)
        coefficient, factors = factors_of(expr)
        if factors == [expr]:
            return S.One, self._atom(expr)
        if not factors:
            return coefficient, None
        registers = [self._core(factor) for factor in factors]
        if factors[-1].cols == 1:  # a matrix times a vector, not a product of matrices
            result = registers[-1]
            for register in reversed(registers[:-1]):
                result = self.emit("matmul", register, result)
            return coefficient, result
        return coefficient, self._chain("matmul", registers)

    def _matrix_sum(self, expr: MatAdd) -> int:
        plus: list[int] = []
        minus: list[int] = []
        for term in expr.args:
            coefficient, core = self._split(term)
            negative = coefficient.as_coeff_Mul()[0].is_negative
            register = self.emit("identity", data=expr.rows) if core is None else core
            if negative:
                coefficient = -coefficient
            if coefficient != 1:
                register = self.emit("scale", self.scalar(coefficient), register)
            (minus if negative else plus).append(register)
        if not plus:
            return self.emit("matrix_negative", self._chain("matrix_add", minus))
        result = self._chain("matrix_add", plus)
        for register in minus:
            result = self.emit("matrix_subtract", result, register)
        return result

    def _atom(self, expr: MatrixExpr) -> int:
        """An inverse or a power of something that has no coefficient."""
        if isinstance(expr, Inverse):
            return self.emit("inverse", self.matrix(expr.arg))
        if isinstance(expr, MatPow) and isinstance(expr.exp, Integer):
            base = self.matrix(expr.base)
            if expr.exp < 0:
                base = self.emit("inverse", base)
            return self._repeated("matmul", base, abs(int(expr.exp)))
        if isinstance(expr, MatPow) and isinstance(expr.exp, Rational) and expr.exp.q == 2:
            view = letter_view(expr.base)
            if view is None or not (isinstance(view[0], Deterministic | Free) and view[0].is_positive_matrix):
                raise NotRationalError(f"{expr}: a square root is taken of a matrix declared positive=True only")
            root = self.emit("matrix_sqrt", self.matrix(expr.base), data=view[0].name)
            if expr.exp < 0:
                root = self.emit("inverse", root)
            return self._repeated("matmul", root, abs(int(expr.exp.p)))
        name = type(expr).__name__
        raise NotRationalError(f"{expr}: {name} is not a rational function of matrices that can be evaluated")
