"""Decides in which order to multiply: a reading of the expression becomes a list of steps on arrays.

Chains of factors are associated at least cost (thin factors first, a trace cut where its two halves are cheapest), a
product computed once is reused, transposed too, and an inverse becomes a solve unless so many things are multiplied by
it that forming it is cheaper. The result is a :class:`Program`; ``observe.py`` runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sympy import Dummy, Expr

from derive.errors import NotRationalError
from derive.symbols import MatrixLetter

from .costs import (
    FULL,
    IDENTITY,
    Structure,
    eigen_cost,
    inverse_cost,
    product_cost,
    product_structure,
    solve_cost,
    sum_structure,
)
from .tree import Eigenpair, Reading, Ref

__all__ = ["Operand", "Program", "Scheduler", "Step"]


@dataclass(frozen=True)
class Operand:
    """The result of a step, possibly transposed and conjugated."""

    step: int
    transposed: bool = False
    conjugated: bool = False

    def flip(self, transpose: bool, conjugate: bool) -> Operand:
        return replace(self, transposed=self.transposed ^ transpose, conjugated=self.conjugated ^ conjugate)


@dataclass(frozen=True)
class Step:
    """One operation.

    Matrices: letter, identity, sum, multiply, inverse, solve, power, join, columns; eigenpairs. Numbers: trace,
    contract, eigenvalue, alignment, scalar.
    """

    op: str
    inputs: tuple[Operand, ...]
    payload: Any
    rows: int
    cols: int
    structure: Structure
    cost: float


@dataclass(frozen=True)
class Program:
    """Steps in order of execution and the step that holds each quantity."""

    steps: tuple[Step, ...]
    outputs: Mapping[str, Operand]

    @property
    def cost(self) -> float:
        return sum(step.cost for step in self.steps)


@dataclass(frozen=True)
class _Plan:
    """How an interval of a chain is computed: its last split, and how many solves wait for one another."""

    cost: float
    level: int
    split: int
    structure: Structure


def _rank(cost: float, level: int) -> tuple[float, int]:
    # of two ways that cost about the same, the one whose solves do not wait for one another: they share a factorisation
    return float(f"{cost:.2g}"), level


class Scheduler:
    """Emits the steps of one reading, given which inverses to form."""

    def __init__(self, reading: Reading, structures: Mapping[MatrixLetter, Structure], formed: frozenset[int]):
        self.reading = reading
        self.structures = structures
        self.formed = formed
        self.steps: list[Step] = []
        self.interned: dict[Any, int] = {}
        self.node_values: dict[int, Operand] = {}
        self.chains: dict[tuple[Ref, ...], Operand] = {}
        self.trace_values: dict[Any, Operand] = {}
        self.solved: set[int] = set()

    def program(self) -> Program:
        outputs = {name: self.scalar(expr) for name, expr in self.reading.quantities.items()}
        return Program(tuple(self.steps), outputs)

    # ---- emitting --------------------------------------------------------------------------------------------------
    def emit(
        self,
        op: str,
        inputs: tuple[Operand, ...],
        payload: Any = None,
        shape: tuple[int, int] = (1, 1),
        structure: Structure = FULL,
        cost: float = 0.0,
    ) -> Operand:
        key = (op, inputs, payload)
        if key not in self.interned:
            self.interned[key] = len(self.steps)
            self.steps.append(Step(op, inputs, payload, *shape, structure, cost))
        return Operand(self.interned[key])

    def shape(self, a: Operand) -> tuple[int, int]:
        step = self.steps[a.step]
        return (step.cols, step.rows) if a.transposed else (step.rows, step.cols)

    # ---- structure, before anything is emitted ---------------------------------------------------------------------
    def structure(self, ref: Ref) -> Structure:
        node = self.reading.nodes[ref.node]
        if node.kind == "letter":
            found = self.structures.get(node.args[0], FULL)
        elif node.kind == "identity":
            found = IDENTITY
        elif node.kind == "sum":
            found = sum_structure([self.structure(r) for _, r in node.args])
        elif node.kind == "product":
            found = IDENTITY
            for r in node.args:
                found = product_structure(found, self.structure(r))
        else:
            found = self.structure(node.args[0])
        return (found[0], found[2], found[1]) if ref.transposed and found[0] == "kron" else found

    # ---- values of nodes -------------------------------------------------------------------------------------------
    def value(self, ref: Ref) -> Operand:
        if ref.node not in self.node_values:
            self.node_values[ref.node] = self._node_value(ref.node)
        return self.node_values[ref.node].flip(ref.transposed, ref.conjugated)

    def _node_value(self, index: int) -> Operand:
        node = self.reading.nodes[index]
        ref, shape = Ref(index), (node.rows, node.cols)
        structure = self.structure(ref)
        if node.kind in ("letter", "identity"):
            return self.emit(node.kind, (), node.args[0] if node.args else node.rows, shape, structure)
        if node.kind == "sum":
            coefficients = tuple(self.scalar(c) for c, _ in node.args)
            inputs = coefficients + tuple(self.value(r) for _, r in node.args)
            return self.emit("sum", inputs, None, shape, structure, float(len(node.args)) * node.rows * node.cols)
        if node.kind == "product":
            return self.product(node.args)
        argument = self.value(node.args[0])
        if node.kind == "inverse":
            return self.emit("inverse", (argument,), None, shape, structure, inverse_cost(structure, node.rows))
        if structure == FULL:
            raise NotRationalError("a fractional power is taken of a deterministic positive matrix only")
        return self.emit("power", (argument,), node.args[1], shape, structure, 1.0)

    # ---- scalars ---------------------------------------------------------------------------------------------------
    def scalar(self, expr: Expr) -> Operand:
        """A scalar expression in the symbols of the traces."""
        symbols = tuple(sorted(expr.atoms(Dummy) & self.reading.symbols, key=lambda s: s.name))
        parts = [self._value_of_symbol(s) for s in symbols]
        return self.emit("scalar", tuple(p for p in parts if p is not None), self._payload(expr, symbols, parts))

    @staticmethod
    def _payload(expr: Expr, symbols: tuple[Dummy, ...], parts: list[Operand | None]) -> tuple[Expr, tuple[Dummy, ...]]:
        zeros = {s: 0 for s, p in zip(symbols, parts, strict=True) if p is None}
        return expr.xreplace(zeros), tuple(s for s in symbols if s not in zeros)

    def _value_of_symbol(self, symbol: Dummy) -> Operand | None:
        if symbol in self.reading.eigenpairs:
            return self._eigenpair(self.reading.eigenpairs[symbol])
        coeff, ref = self.reading.traces[symbol]
        return None if ref is None else self._weighted([(coeff, ref)])

    def _weighted(self, terms: Any) -> Operand:
        """``sum coeff * tr(ref)``."""
        traces = [self.trace(r) for _, r in terms]
        symbols = tuple(Dummy(f"t{k}") for k in range(len(traces)))
        key = ("weighted", tuple(terms))
        if key not in self.trace_values:
            total = sum(c * s for (c, _), s in zip(terms, symbols, strict=True))
            coefficients = tuple(sorted(total.atoms(Dummy) & self.reading.symbols, key=lambda s: s.name))
            parts = [self._value_of_symbol(s) for s in coefficients]
            total, kept = self._payload(total, coefficients, parts)
            inputs = tuple(traces) + tuple(p for p in parts if p is not None)
            self.trace_values[key] = self.emit("scalar", inputs, (total, symbols + kept))
        return self.trace_values[key]

    def trace(self, ref: Ref) -> Operand:
        # tr A' = tr A, so one value serves the node and its transpose
        key = (ref.node, ref.conjugated)
        if key not in self.trace_values:
            self.trace_values[key] = self._trace(Ref(ref.node, False, ref.conjugated))
        return self.trace_values[key]

    def _trace(self, ref: Ref) -> Operand:
        node = self.reading.nodes[ref.node]
        if ref.conjugated:
            return self.trace(Ref(ref.node)).flip(False, True)
        if node.kind == "sum":
            return self._weighted(node.args)
        if node.kind == "product" and self.structure(ref) == FULL:
            return self._cyclic_trace(node.args)
        return self.emit("trace", (self.value(ref),), None, (1, 1), FULL, float(node.rows))

    def _cyclic_trace(self, refs: tuple[Ref, ...]) -> Operand:
        """``tr(AB) = sum A * B'``, cut where computing A and B costs least."""
        count = len(refs)
        ring = refs + refs
        table = self._association(ring, count)
        options = []
        for start in range(count):
            whole = table[start, start + count]
            options.append((_rank(whole.cost, whole.level), start, count))
            for length in range(1, count):
                entries = self._rows(ring[start]) * self._cols(ring[start + length - 1])
                a, b = table[start, start + length], table[start + length, start + count]
                options.append((_rank(a.cost + b.cost + entries, max(a.level, b.level)), start, length))
        _, start, length = min(options)
        first = self._chain(ring, start, start + length, table)
        if length == count:
            return self.emit("trace", (first,), None, (1, 1), FULL, float(self._rows(ring[start])))
        second = self._chain(ring, start + length, start + count, table)
        entries = self._rows(ring[start]) * self._cols(ring[start + length - 1])
        # the second factor transposed; of a symmetric node this is the node itself, read in memory order
        middle = ring[start + length : start + count]
        flipped = self.value(self.reading.transpose(middle[0])) if len(middle) == 1 else second.flip(True, False)
        return self.emit("contract", (first, flipped), None, (1, 1), FULL, float(entries))

    # ---- eigenpairs ------------------------------------------------------------------------------------------------
    def _eigenpair(self, pair: Eigenpair) -> Operand:
        """One decomposition serves every functional of a matrix; vectors are computed where an alignment asks."""
        n = self._rows(pair.matrix)
        vectors = any(p.matrix == pair.matrix and p.signal is not None for p in self.reading.eigenpairs.values())
        shape, cost = (n, n if vectors else 1), eigen_cost(n, vectors)
        found = self.emit("eigenpairs", (self.value(pair.matrix),), vectors, shape, FULL, cost)
        if pair.signal is None:
            return self.emit("eigenvalue", (found,), pair.place)
        signal = self.value(pair.signal)
        image = self.product((*self.reading.adjoint(pair.factors), pair.signal))
        return self.emit("alignment", (found, image, signal), (pair.place, bool(pair.factors)), cost=2.0 * n)

    # ---- chains ----------------------------------------------------------------------------------------------------
    def _rows(self, ref: Ref) -> int:
        return self.reading.shape(ref)[0]

    def _cols(self, ref: Ref) -> int:
        return self.reading.shape(ref)[1]

    def _lazy(self, ref: Ref) -> bool:
        """An inverse that is not formed: it is applied by solving."""
        node = self.reading.nodes[ref.node]
        if node.kind != "inverse" or ref.node in self.formed or ref.node in self.node_values:
            return False
        return self.structure(ref) == FULL

    def _mirror(self, refs: tuple[Ref, ...], conjugate: bool) -> tuple[Ref, ...]:
        flipped = tuple(self.reading.transpose(r) for r in reversed(refs))
        return tuple(self.reading.conjugate(r) for r in flipped) if conjugate else flipped

    def _known(self, refs: tuple[Ref, ...]) -> Operand | None:
        if len(refs) == 1:
            return self.value(refs[0]) if refs[0].node in self.node_values else None
        if refs in self.chains:
            return self.chains[refs]
        for conjugate in (False, True):
            mirror = self._mirror(refs, conjugate)
            if mirror in self.chains:
                return self.chains[mirror].flip(True, conjugate)
        return None

    def _association(self, refs: tuple[Ref, ...], longest: int) -> dict[tuple[int, int], _Plan]:
        """The cheapest way to multiply every interval of at most ``longest`` factors."""
        table: dict[tuple[int, int], _Plan] = {}
        for i, ref in enumerate(refs):
            cost = inverse_cost(FULL, self._rows(ref)) if self._lazy(ref) else 0.0
            table[i, i + 1] = _Plan(cost, 0, i, self.structure(ref))
        for length in range(2, longest + 1):
            for i in range(len(refs) - length + 1):
                plans = [self._split(refs, i, k, i + length, table) for k in range(i + 1, i + length)]
                best = min(plans, key=lambda plan: _rank(plan.cost, plan.level))
                known = self._known(refs[i : i + length]) is not None
                table[i, i + length] = replace(best, cost=0.0) if known else best
        return table

    def _split(self, refs: tuple[Ref, ...], i: int, k: int, j: int, table: Mapping[tuple[int, int], _Plan]) -> _Plan:
        """The product of factors i..j-1 as that of i..k-1 and k..j-1."""
        left, right = table[i, k], table[k, j]
        m, inner, n = self._rows(refs[i]), self._rows(refs[k]), self._cols(refs[j - 1])
        level = max(left.level, right.level)
        if k == i + 1 and self._lazy(refs[i]):
            cost, level = right.cost + solve_cost(m, n), level + 1
        elif k == j - 1 and self._lazy(refs[k]):
            cost, level = left.cost + solve_cost(n, m), level + 1
        else:
            cost = product_cost(left.structure, right.structure, m, inner, n)
            if refs[i:k] in (self._mirror(refs[k:j], False), self._mirror(refs[k:j], True)):
                cost = left.cost + cost / 2  # one half is the mirror image of the other: computed once, and symmetric
            else:
                cost += left.cost + right.cost
        return _Plan(cost, level, k, product_structure(left.structure, right.structure))

    def product(self, refs: tuple[Ref, ...]) -> Operand:
        return self._chain(refs, 0, len(refs), self._association(refs, len(refs)))

    def _chain(self, refs: tuple[Ref, ...], i: int, j: int, table: Any) -> Operand:
        if j == i + 1:
            return self.value(refs[i])
        part = refs[i:j]
        known = self._known(part)
        if known is None:
            known = self.chains[part] = self._multiply(refs, i, j, table)
        return known

    def _multiply(self, refs: tuple[Ref, ...], i: int, j: int, table: Any) -> Operand:
        k, structure = table[i, j].split, table[i, j].structure
        if k == i + 1 and self._lazy(refs[i]):
            return self._solve(refs[i], self._chain(refs, k, j, table))
        if k == j - 1 and self._lazy(refs[k]):
            # x M^-1 = (M'^-1 x')', and with the adjoint in place of the transpose where M is Hermitian
            node = self.reading.nodes[refs[k].node]
            adjoint = node.hermitian and not node.symmetric
            inverse = self.reading.transpose(refs[k])
            inverse = self.reading.conjugate(inverse) if adjoint else inverse
            left = self._chain(refs, i, k, table).flip(True, adjoint)
            return self._solve(inverse, left).flip(True, adjoint)
        left, right = self._chain(refs, i, k, table), self._chain(refs, k, j, table)
        m, inner, n = self._rows(refs[i]), self._rows(refs[k]), self._cols(refs[j - 1])
        cost = product_cost(table[i, k].structure, table[k, j].structure, m, inner, n)
        return self.emit("multiply", (left, right), None, (m, n), structure, cost)

    def _solve(self, inverse: Ref, right: Operand) -> Operand:
        self.solved.add(inverse.node)
        argument = self.reading.nodes[inverse.node].args[0]
        argument = Ref(
            argument.node,
            argument.transposed ^ inverse.transposed,
            argument.conjugated ^ inverse.conjugated,
        )
        n, width = self.shape(right)
        matrix = self.value(self.reading.normal(argument))
        return self.emit("solve", (matrix, right), None, (n, width), FULL, solve_cost(n, width))
