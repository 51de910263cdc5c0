"""The engine's own form of a matrix expression: five immutable node types.

Transposes are pushed down to the letters, products and sums are flat and sums are sorted, and every node knows its
row and column space. Scalars inside nodes are of order one: powers of the dimensions were factored out by the reader.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, S

from .regime import Space
from .symbols import Deterministic, Free, FreeMatrix, MatrixLetter, RandomMatrix, Signal

__all__ = ["Eye", "Inv", "Letter", "Node", "Prod", "Sum", "adjoint_of", "sort_key"]

# composition of the four operations identity, transpose, adjoint, conjugate
_COMPOSE = {"": 0, "T": 1, "H": 2, "C": 3}
_NAMES = ("", "T", "H", "C")


def _compose(a: str, b: str) -> str:
    # the four form the Klein group: T*H = C and so on, which is exclusive-or with H = 2, T = 1, C = 3
    return _NAMES[_COMPOSE[a] ^ _COMPOSE[b]]


@dataclass(frozen=True)
class Letter:
    """A named matrix, possibly transposed (T), adjoint (H) or conjugated (C); ``root`` marks ``Sigma**(1/2)``."""

    matrix: MatrixLetter
    op: str
    rows: Space
    cols: Space
    root: bool = False

    @property
    def name(self) -> str:
        return self.matrix.name

    @property
    def is_random(self) -> bool:
        return isinstance(self.matrix, RandomMatrix | FreeMatrix)

    @property
    def is_signal(self) -> bool:
        return isinstance(self.matrix, Signal)

    @property
    def is_hermitian(self) -> bool:
        return isinstance(self.matrix, Deterministic | Free) and self.matrix.is_hermitian_matrix

    def apply(self, op: str) -> Letter:
        """The letter after transpose, adjoint or conjugation, in normal form."""
        new = _compose(self.op, op)
        if self.matrix.is_real_matrix:
            new = {"C": "", "H": "T"}.get(new, new)
        if self.matrix.is_symmetric_matrix:
            new = {"T": "", "H": "C"}.get(new, new)
        if self.matrix.is_hermitian_matrix:
            new = {"H": "", "C": "T"}.get(new, new)
            if self.matrix.is_symmetric_matrix:
                new = ""
        swap = op in ("T", "H")
        rows, cols = (self.cols, self.rows) if swap else (self.rows, self.cols)
        return Letter(self.matrix, new, rows, cols, self.root)

    @property
    def key(self) -> str:
        return f"{self.name}{'^' + self.op if self.op else ''}{'~' if self.root else ''}"


@dataclass(frozen=True)
class Eye:
    rows: Space
    coeff: Expr = S.One

    @property
    def cols(self) -> Space:
        return self.rows


@dataclass(frozen=True)
class Prod:
    """``coeff`` times the product of ``factors``, none of which is a Prod or an Eye."""

    factors: tuple[Node, ...]
    coeff: Expr = S.One

    @property
    def rows(self) -> Space:
        return self.factors[0].rows

    @property
    def cols(self) -> Space:
        return self.factors[-1].cols


@dataclass(frozen=True)
class Sum:
    terms: tuple[Node, ...]

    @property
    def rows(self) -> Space:
        return self.terms[0].rows

    @property
    def cols(self) -> Space:
        return self.terms[0].cols


@dataclass(frozen=True)
class Inv:
    arg: Node

    @property
    def rows(self) -> Space:
        return self.arg.cols

    @property
    def cols(self) -> Space:
        return self.arg.rows


Node = Letter | Eye | Prod | Sum | Inv


def sort_key(node: Node) -> str:
    """A total order on nodes that depends only on names and structure, never on hashes."""
    if isinstance(node, Letter):
        return f"L{node.key}"
    if isinstance(node, Eye):
        return f"A{node.coeff}"
    if isinstance(node, Prod):
        return "P" + "*".join(sort_key(f) for f in node.factors) + f"[{node.coeff}]"
    if isinstance(node, Sum):
        return "S(" + "+".join(sort_key(t) for t in node.terms) + ")"
    return f"V({sort_key(node.arg)})"


def adjoint_of(node: Node, op: str) -> Node:
    """Push a transpose (T), adjoint (H) or conjugation (C) down to the letters."""
    reverse = op in ("T", "H")
    conjugate = op in ("H", "C")

    def scalar(c: Expr) -> Expr:
        return c.conjugate() if conjugate else c

    if isinstance(node, Letter):
        return node.apply(op)
    if isinstance(node, Eye):
        return Eye(node.rows, scalar(node.coeff))
    if isinstance(node, Prod):
        factors = tuple(adjoint_of(f, op) for f in (reversed(node.factors) if reverse else node.factors))
        return Prod(factors, scalar(node.coeff))
    if isinstance(node, Sum):
        return Sum(tuple(sorted((adjoint_of(t, op) for t in node.terms), key=sort_key)))
    return Inv(adjoint_of(node.arg, op))
