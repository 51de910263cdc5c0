"""Is a matrix expression self-adjoint? Decided on the reader's nodes, by structure or else at a random sample.

Two expressions of the same matrix may look different ((X'X + 1)^-1 X'X is symmetric, because its factors commute), so
that structure alone cannot refuse. Rational functions that agree at a generic sample agree everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Expr, I, Symbol

from ..nodes import Eye, Inv, Letter, Node, Prod, Sum, adjoint_of, sort_key
from ..regime import Space
from ..symbols import MatrixLetter

__all__ = ["is_self_adjoint"]

_TOLERANCE = 1e-7


def is_self_adjoint(node: Node) -> bool:
    """Whether the node equals its adjoint, with symbols without assumptions taken as real."""
    if sort_key(node) == sort_key(adjoint_of(node, "H")):
        return True
    rng = np.random.default_rng(20)
    for _ in range(3):
        value = _Sample(rng).matrix(node)
        if np.all(np.isfinite(value)):
            return bool(np.max(np.abs(value - value.conj().T)) <= _TOLERANCE * (1 + np.max(np.abs(value))))
    return False


class _Sample:
    """Small matrices for the letters and numbers for the symbols, drawn once each."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.sizes: dict[str, int] = {}
        self.letters: dict[MatrixLetter, np.ndarray] = {}
        self.scalars: dict[Symbol, Any] = {}

    def size(self, space: Space) -> int:
        if space.finite:
            return 1
        return self.sizes.setdefault(str(space.size), 5 + len(self.sizes))

    def scalar(self, expr: Expr) -> complex:
        for symbol in sorted(expr.free_symbols, key=str):
            if symbol not in self.scalars:
                number = self.rng.uniform(0.3, 1.7)
                self.scalars[symbol] = number * I if symbol.is_imaginary else -number if symbol.is_negative else number
        return complex(expr.subs(self.scalars))

    def letter(self, letter: Letter) -> np.ndarray:
        matrix = letter.matrix
        if matrix not in self.letters:
            base = Letter(matrix, "", letter.rows, letter.cols)
            # a transposed letter has its spaces exchanged
            rows, cols = (base.rows, base.cols) if letter.op not in ("T", "H") else (base.cols, base.rows)
            self.letters[matrix] = self._draw(matrix, self.size(rows), self.size(cols))
        value = self.letters[matrix]
        if letter.root:
            roots, vectors = np.linalg.eigh(value)
            value = (vectors * np.sqrt(np.maximum(roots, 0))) @ vectors.conj().T
        return {"": value, "T": value.T, "H": value.conj().T, "C": value.conj()}[letter.op]

    def _draw(self, matrix: MatrixLetter, rows: int, cols: int) -> np.ndarray:
        value = self.rng.standard_normal((rows, cols)) + 0j
        if not matrix.is_real_matrix:
            value = value + 1j * self.rng.standard_normal((rows, cols))
        flags: Mapping[str, bool] = {
            name: bool(getattr(matrix, f"is_{name}_matrix", False)) for name in ("symmetric", "hermitian", "positive")
        }
        if flags["positive"]:
            value = value @ value.conj().T
        if flags["symmetric"]:
            value = value + value.T
        if flags["hermitian"]:
            value = value + value.conj().T
        if getattr(matrix, "is_unitary_matrix", False):
            value = np.linalg.qr(value)[0]
        return value

    def matrix(self, node: Node) -> np.ndarray:
        if isinstance(node, Letter):
            return self.letter(node)
        if isinstance(node, Eye):
            return self.scalar(node.coeff) * np.eye(self.size(node.rows))
        if isinstance(node, Prod):
            value = self.scalar(node.coeff) * self.matrix(node.factors[0])
            for factor in node.factors[1:]:
                value = value @ self.matrix(factor)
            return value
        if isinstance(node, Sum):
            return sum((self.matrix(t) for t in node.terms[1:]), self.matrix(node.terms[0]))
        assert isinstance(node, Inv)
        return np.linalg.inv(self.matrix(node.arg))
