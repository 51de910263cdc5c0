"""Reads the user's SymPy tree into a small graph in which equal subexpressions are one node.

This is the simulation's own reading of the expression: it knows matrices of numbers, sums, products and inverses, and
nothing of limits. A transpose is a flag on a reference, so ``Q`` and ``Q.T`` share their node; products are flat.
Scalars stay SymPy expressions, with every trace in them replaced by a symbol (see :class:`Reading`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sympy import Dummy, Expr, Identity, Integer, MatrixExpr, S, Symbol, Trace, ZeroMatrix
from sympy.matrices.expressions import Adjoint, Inverse, MatAdd, MatMul, MatPow, Transpose
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.errors import DimensionError, NotRationalError, ParameterError
from derive.functionals import Alignment, SpectralFunctional
from derive.symbols import MatrixLetter

__all__ = ["Eigenpair", "Node", "Reading", "Ref", "read_quantities"]


@dataclass(frozen=True)
class Ref:
    """A node, possibly transposed and conjugated."""

    node: int
    transposed: bool = False
    conjugated: bool = False


@dataclass(frozen=True)
class Node:
    """``kind`` is letter, identity, sum, product, inverse or power; ``args`` is what it is made of.

    letter: the letter. identity: nothing. sum: pairs of a scalar and a Ref. product: Refs. inverse: a Ref.
    power: a Ref and the exponent, a rational that is not an integer.
    """

    kind: str
    args: tuple[Any, ...]
    rows: int
    cols: int
    real: bool
    symmetric: bool
    hermitian: bool


@dataclass(frozen=True)
class Eigenpair:
    """An eigenvalue of ``matrix``, or the squared alignment of ``signal`` with its eigenvector.

    ``place`` counts from the top, 0 is the largest. With the factors of an X the matrix is ``X* X``, smaller than the
    ``X X*`` that was written and of the same eigenvalues at these places.
    """

    matrix: Ref
    place: int
    signal: Ref | None
    factors: tuple[Ref, ...] = ()


@dataclass
class Reading:
    """What the scheduler needs: the nodes, the traces, and each quantity as a scalar in symbols.

    A symbol stands for a trace (``traces``) or for a functional of one eigenpair (``eigenpairs``).
    """

    dims: Mapping[Symbol, Integer]
    params: Mapping[Symbol, Expr]
    nodes: list[Node] = field(default_factory=list)
    index: dict[tuple[Any, ...], int] = field(default_factory=dict)
    # the trace (or 1 x 1 form) each symbol stands for, as a scalar multiple of a Ref; None is a trace that is zero
    traces: dict[Dummy, tuple[Expr, Ref | None]] = field(default_factory=dict)
    eigenpairs: dict[Dummy, Eigenpair] = field(default_factory=dict)
    trace_symbols: dict[Expr, Dummy] = field(default_factory=dict)
    quantities: dict[str, Expr] = field(default_factory=dict)

    # ---- dimensions ------------------------------------------------------------------------------------------------
    def size(self, dim: Expr) -> int:
        value = dim.xreplace(dict(self.dims))
        if not value.is_Integer or value < 1:
            raise DimensionError(f"the dimension {dim} is {value} at {self._sizes()}, not a positive integer")
        return int(value)

    def _sizes(self) -> str:
        return ", ".join(f"{d} = {v}" for d, v in sorted(self.dims.items(), key=lambda item: item[0].name))

    # ---- references ------------------------------------------------------------------------------------------------
    def normal(self, ref: Ref) -> Ref:
        """The same matrix with the fewest flags."""
        node = self.nodes[ref.node]
        t, c = ref.transposed, ref.conjugated and not node.real
        if node.symmetric:
            t = False
        if node.hermitian and t:
            t, c = False, not c
            c = c and not node.real
        return Ref(ref.node, t, c)

    def transpose(self, ref: Ref) -> Ref:
        return self.normal(Ref(ref.node, not ref.transposed, ref.conjugated))

    def conjugate(self, ref: Ref) -> Ref:
        return self.normal(Ref(ref.node, ref.transposed, not ref.conjugated))

    def shape(self, ref: Ref) -> tuple[int, int]:
        node = self.nodes[ref.node]
        return (node.cols, node.rows) if ref.transposed else (node.rows, node.cols)

    # ---- building nodes --------------------------------------------------------------------------------------------
    def _flip(self, kind: str, args: tuple[Any, ...], transpose: bool, conjugate: bool) -> tuple[Any, ...]:
        """The arguments of the transposed and/or conjugated node."""

        def ref(r: Ref) -> Ref:
            return self.normal(Ref(r.node, r.transposed ^ transpose, r.conjugated ^ conjugate))

        def scalar(c: Expr) -> Expr:
            return c.conjugate() if conjugate else c

        if kind == "sum":
            return self._sorted_terms((scalar(c), ref(r)) for c, r in args)
        if kind == "product":
            return tuple(ref(r) for r in (reversed(args) if transpose else args))
        return (ref(args[0]), *args[1:])

    @staticmethod
    def _sorted_terms(terms: Any) -> tuple[Any, ...]:
        # nodes are numbered in order of appearance, so this order depends on nothing but the tree
        return tuple(sorted(terms, key=lambda t: (t[1].node, t[1].transposed, t[1].conjugated, str(t[0]))))

    def add(self, kind: str, args: tuple[Any, ...], rows: int, cols: int, real: bool) -> Ref:
        """The reference to this node, an existing one where it or its transpose or conjugate is there already."""
        if kind == "sum":
            args = self._sorted_terms(args)
        for t, c in ((False, False), (True, False), (False, True), (True, True)):
            found = self.index.get((kind, self._flip(kind, args, t, c), *((cols, rows) if t else (rows, cols))))
            if found is not None:
                return self.normal(Ref(found, t, c))
        square = rows == cols
        symmetric = square and self._flip(kind, args, True, False) == args
        hermitian = square and self._flip(kind, args, True, True) == args
        return self._append(Node(kind, args, rows, cols, real, symmetric, hermitian))

    def _append(self, node: Node) -> Ref:
        self.index[(node.kind, node.args, node.rows, node.cols)] = len(self.nodes)
        self.nodes.append(node)
        return Ref(len(self.nodes) - 1)

    def letter(self, letter: MatrixLetter) -> Ref:
        rows, cols = (self.size(d) for d in letter.shape)
        found = self.index.get(("letter", (letter,), rows, cols))
        if found is not None:
            return Ref(found)
        real = letter.is_real_matrix
        symmetric, hermitian = letter.is_symmetric_matrix, letter.is_hermitian_matrix
        return self._append(Node("letter", (letter,), rows, cols, real, symmetric, hermitian))

    def identity(self, n: int) -> Ref:
        found = self.index.get(("identity", (), n, n))
        return Ref(found) if found is not None else self._append(Node("identity", (), n, n, True, True, True))

    # ---- reading matrices ------------------------------------------------------------------------------------------
    def matrix(self, expr: MatrixExpr) -> tuple[Expr, Ref | None]:
        """``expr`` as a scalar multiple of a node; None stands for a zero matrix."""
        coeff, refs = self._factors(expr)
        if refs is None:
            return S.Zero, None
        kept = [r for r in refs if self.nodes[r.node].kind != "identity"] or refs[:1]
        return coeff, self._product(kept)

    def _product(self, refs: list[Ref]) -> Ref:
        if len(refs) == 1:
            return refs[0]
        rows, cols = self.shape(refs[0])[0], self.shape(refs[-1])[1]
        return self.add("product", tuple(refs), rows, cols, all(self.nodes[r.node].real for r in refs))

    def _factors(self, expr: MatrixExpr) -> tuple[Expr, list[Ref] | None]:
        """A scalar and the flat list of factors of ``expr``."""
        if isinstance(expr, MatrixLetter):
            return S.One, [self.letter(expr)]
        if isinstance(expr, Identity):
            return S.One, [self.identity(self.size(expr.shape[0]))]
        if isinstance(expr, ZeroMatrix):
            return S.Zero, None
        if isinstance(expr, MatMul):
            return self._matmul(expr)
        if isinstance(expr, MatAdd):
            return self._matadd(expr)
        if isinstance(expr, Transpose | Adjoint):
            return self._flipped(expr)
        if isinstance(expr, Inverse):
            return self._inverse(*self.matrix(expr.arg), expr)
        if isinstance(expr, MatPow):
            return self._power(expr)
        raise NotRationalError(
            f"{expr} ({type(expr).__name__}) cannot be simulated: sums, products, transposes, inverses and powers of "
            "declared matrices can"
        )

    def _matmul(self, expr: MatMul) -> tuple[Expr, list[Ref] | None]:
        coeff: Expr = S.One
        refs: list[Ref] = []
        for arg in expr.args:
            if not isinstance(arg, MatrixExpr):
                coeff *= self.scalar(arg)
                continue
            scalar, factors = self._factors(arg)
            if factors is None:
                return S.Zero, None
            if refs and self.shape(refs[-1])[1] != self.shape(factors[0])[0]:
                raise DimensionError(f"in {expr}: the shapes of the factors do not match at {self._sizes()}")
            coeff *= scalar
            refs.extend(factors)
        return coeff, refs

    def _matadd(self, expr: MatAdd) -> tuple[Expr, list[Ref] | None]:
        terms: dict[Ref, Expr] = {}
        for arg in expr.args:
            coeff, ref = self.matrix(arg)
            if ref is not None:
                terms[ref] = terms.get(ref, S.Zero) + coeff
        terms = {ref: coeff for ref, coeff in terms.items() if coeff != 0}
        if not terms:
            return S.Zero, None
        if len({self.shape(ref) for ref in terms}) > 1:
            raise DimensionError(f"in {expr}: the shapes of the terms do not match at {self._sizes()}")
        if len(terms) == 1:
            ref, coeff = next(iter(terms.items()))
            return coeff, [ref]
        rows, cols = self.shape(next(iter(terms)))
        real = all(self.nodes[r.node].real and c.is_real is True for r, c in terms.items())
        return S.One, [self.add("sum", tuple((c, r) for r, c in terms.items()), rows, cols, real)]

    def _flipped(self, expr: Transpose | Adjoint) -> tuple[Expr, list[Ref] | None]:
        coeff, refs = self._factors(expr.arg)
        if refs is None:
            return coeff, None
        refs = [self.transpose(r) for r in reversed(refs)]
        if isinstance(expr, Adjoint):
            coeff, refs = coeff.conjugate(), [self.conjugate(r) for r in refs]
        return coeff, refs

    def _inverse(self, coeff: Expr, ref: Ref | None, expr: MatrixExpr) -> tuple[Expr, list[Ref]]:
        if ref is None:
            raise NotRationalError(f"{expr} is the inverse of a zero matrix")
        rows, cols = self.shape(ref)
        if rows != cols:
            raise DimensionError(f"{expr}: the inverse of a {rows} x {cols} matrix at {self._sizes()}")
        if self.nodes[ref.node].kind == "identity":
            return 1 / coeff, [ref]
        return 1 / coeff, [self.add("inverse", (ref,), rows, cols, self.nodes[ref.node].real)]

    def _power(self, expr: MatPow) -> tuple[Expr, list[Ref] | None]:
        exponent = expr.exp
        if not exponent.is_Rational:
            raise NotRationalError(f"{expr}: the exponent of a matrix must be a number")
        coeff, ref = self.matrix(expr.base)
        if ref is None:
            return S.Zero, None
        if not exponent.is_Integer:
            n = self.shape(ref)[0]
            return coeff**exponent, [self.add("power", (ref, exponent), n, n, self.nodes[ref.node].real)]
        if exponent == 0:
            return S.One, [self.identity(self.shape(ref)[0])]
        if exponent < 0:
            coeff, (ref,) = self._inverse(coeff, ref, expr)
        # a product inside a power is spliced, so that the scheduler is free to associate it anew
        node = self.nodes[ref.node]
        refs = list(node.args) if node.kind == "product" and not (ref.transposed or ref.conjugated) else [ref]
        return coeff ** abs(exponent), refs * abs(int(exponent))

    # ---- reading scalars -------------------------------------------------------------------------------------------
    def scalar(self, expr: Expr) -> Expr:
        """``expr`` with every trace and 1 x 1 form in it replaced by a symbol."""
        if isinstance(expr, MatrixExpr):
            return self._trace_symbol(expr, expr)
        if isinstance(expr, SpectralFunctional):
            return self._eigenpair_symbol(expr)
        if isinstance(expr, Trace):
            return self._trace_symbol(expr, expr.arg)
        if isinstance(expr, MatrixElement):
            if expr.parent.shape != (1, 1):
                raise NotRationalError(f"{expr}: single entries of a growing matrix are not simulated")
            return self._trace_symbol(expr, expr.parent)
        if expr.has(MatrixExpr) and expr.args:
            return expr.func(*[self.scalar(arg) for arg in expr.args])
        return self._substitute(expr)

    def _substitute(self, expr: Expr) -> Expr:
        value = expr.xreplace({**self.dims, **self.params})
        missing = sorted(s.name for s in value.free_symbols)
        if missing:
            raise ParameterError(f"{expr} needs a value for {', '.join(missing)}")
        return value

    def _trace_symbol(self, key: Expr, matrix: MatrixExpr) -> Expr:
        if isinstance(key, MatrixExpr) and tuple(self.size(d) for d in matrix.shape) != (1, 1):
            raise DimensionError(f"{matrix} is a matrix of shape {matrix.shape}; a quantity is a scalar")
        if key not in self.trace_symbols:
            symbol = Dummy(f"trace{len(self.trace_symbols)}")
            self.trace_symbols[key] = symbol
            self.traces[symbol] = self.matrix(matrix)
        return self.trace_symbols[key]

    @property
    def symbols(self) -> set[Dummy]:
        """The symbols that stand for simulated numbers."""
        return self.traces.keys() | self.eigenpairs.keys()

    # ---- eigenvalues and eigenvectors ------------------------------------------------------------------------------
    def _eigenpair_symbol(self, expr: SpectralFunctional) -> Dummy:
        if expr not in self.trace_symbols:
            size = self.size(expr.matrix.rows)
            place = expr.index - 1 if expr.index > 0 else size + expr.index
            if not 0 <= place < size:
                raise DimensionError(f"{expr}: the matrix has {size} eigenvalues at {self._sizes()}")
            signal = self.letter(expr.signal) if isinstance(expr, Alignment) else None
            symbol = self.trace_symbols[expr] = Dummy(f"eigenpair{len(self.eigenpairs)}")
            self.eigenpairs[symbol] = Eigenpair(self._self_adjoint(expr), place, signal)
        return self.trace_symbols[expr]

    def _self_adjoint(self, expr: SpectralFunctional) -> Ref:
        coeff, ref = self.matrix(expr.matrix)
        if ref is None:
            raise NotRationalError(f"{expr}: the matrix is zero")
        if coeff != 1:
            real = self.nodes[ref.node].real and coeff.is_real is True
            ref = self.add("sum", ((coeff, ref),), *self.shape(ref), real)
        if not self.nodes[ref.node].hermitian:
            raise NotRationalError(
                f"{expr}: {expr.matrix} is not equal to its adjoint as it is written, and only self-adjoint matrices "
                "have an order of eigenvalues; write M*M.T or (M + M.T)/2"
            )
        return ref

    def shrink(self) -> None:
        """Replace ``X X*`` by ``X* X`` where that is smaller and holds every eigenvalue that is asked for."""
        places: dict[Ref, int] = {}
        for pair in self.eigenpairs.values():
            places[pair.matrix] = max(pair.place, places.get(pair.matrix, 0))
        for symbol, pair in self.eigenpairs.items():
            half = self._half(pair.matrix)
            if half and places[pair.matrix] < self.shape(half[-1])[1] < self.shape(half[0])[0]:
                gram = self._product([*self.adjoint(half), *half])
                self.eigenpairs[symbol] = Eigenpair(gram, pair.place, pair.signal, half)

    def _half(self, ref: Ref) -> tuple[Ref, ...]:
        """The factors of X in a product ``X X*``; none where the matrix is not one."""
        node = self.nodes[ref.node]
        if node.kind != "product" or ref.conjugated:
            return ()
        half: tuple[Ref, ...] = node.args[: len(node.args) // 2]
        return half if (*half, *self.adjoint(half)) == node.args else ()

    def adjoint(self, refs: tuple[Ref, ...]) -> tuple[Ref, ...]:
        """The adjoint of a product of factors."""
        return tuple(self.conjugate(self.transpose(r)) for r in reversed(refs))


def read_quantities(
    quantities: Mapping[str, Expr], dims: Mapping[Symbol, int], params: Mapping[Symbol, Expr]
) -> Reading:
    """Read scalar expressions of matrices at integer dimensions and exact parameters; see :class:`Reading`."""
    reading = Reading({d: Integer(v) for d, v in dims.items()}, dict(params))
    for name, expr in quantities.items():
        reading.quantities[name] = reading.scalar(expr)
    reading.shrink()
    return reading
