"""Matrices with structure, batched: a scaled identity, a diagonal, a Kronecker product with an identity, a full array.

A deterministic matrix known by its law is a diagonal, one given as a small array is ``A (x) I``; treating them as such
makes a product with them cost what it should. Arrays carry leading batch axes; a structured matrix that is the same
for all trials carries none. Operations return the most structured result they can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Diagonal", "Eigenpairs", "Full", "Kron", "Matrix", "ScaledIdentity", "Workspace"]


@dataclass(frozen=True)
class ScaledIdentity:
    """``coeff * I_n``; ``coeff`` is an array with only batch axes (possibly none)."""

    coeff: Any
    n: int


@dataclass(frozen=True)
class Diagonal:
    """Square, with the given vector(s) on the diagonal."""

    vector: Any


@dataclass(frozen=True)
class Kron:
    """``small (x) I_m``."""

    small: Any
    m: int


@dataclass(frozen=True)
class Full:
    array: Any


@dataclass(frozen=True)
class Eigenpairs:
    """``values`` increasing along the last axis; ``vectors`` are columns, or None."""

    values: Any
    vectors: Any


Matrix = ScaledIdentity | Diagonal | Kron | Full


@dataclass(frozen=True)
class Workspace:
    """The operations on structured matrices, over one array namespace."""

    xp: Any

    # ---- representations -------------------------------------------------------------------------------------------
    def _embed(self, vector: Any) -> Any:
        eye = self.xp.eye(vector.shape[-1], dtype=self.xp.float64)
        return vector[..., None, :] * eye

    def full(self, a: Matrix) -> Any:
        """The array of ``a``."""
        xp = self.xp
        if isinstance(a, Full):
            return a.array
        if isinstance(a, ScaledIdentity):
            return a.coeff[..., None, None] * xp.eye(a.n, dtype=xp.float64)
        if isinstance(a, Diagonal):
            return self._embed(a.vector)
        k, l = a.small.shape[-2:]
        blocks = a.small[..., :, None, :, None] * xp.eye(a.m, dtype=xp.float64)[None, :, None, :]
        return xp.reshape(blocks, (*a.small.shape[:-2], k * a.m, l * a.m))

    def diagonal(self, a: Matrix) -> Any:
        """The diagonal of ``a``, as a vector."""
        if isinstance(a, Diagonal):
            return a.vector
        if isinstance(a, ScaledIdentity):
            return a.coeff[..., None] * self.xp.ones((a.n,), dtype=self.xp.float64)
        if isinstance(a, Kron):
            small = self.xp.linalg.diagonal(a.small)
            return self.xp.repeat(small, a.m, axis=-1)
        return self.xp.linalg.diagonal(a.array)

    # ---- transposition ---------------------------------------------------------------------------------------------
    def transpose(self, a: Matrix) -> Matrix:
        if isinstance(a, Full):
            return Full(self.xp.matrix_transpose(a.array))
        if isinstance(a, Kron):
            return Kron(self.xp.matrix_transpose(a.small), a.m)
        return a

    def _map(self, a: Matrix, function: Any) -> Matrix:
        if isinstance(a, Full):
            return Full(function(a.array))
        if isinstance(a, Kron):
            return Kron(function(a.small), a.m)
        if isinstance(a, Diagonal):
            return Diagonal(function(a.vector))
        return ScaledIdentity(function(a.coeff), a.n)

    def _is_complex(self, array: Any) -> bool:
        return bool(self.xp.isdtype(array.dtype, "complex floating"))

    def conjugate(self, a: Matrix) -> Matrix:
        return self._map(a, lambda x: self.xp.conj(x) if self._is_complex(x) else x)

    # ---- sums ------------------------------------------------------------------------------------------------------
    def scale(self, coeff: Any, a: Matrix) -> Matrix:
        """``coeff * a`` for a coefficient with only batch axes."""
        extra = {ScaledIdentity: (), Diagonal: (None,), Kron: (None, None), Full: (None, None)}[type(a)]
        return self._map(a, lambda x: coeff[(..., *extra)] * x)

    def add(self, a: Matrix, b: Matrix) -> Matrix:
        if isinstance(a, ScaledIdentity) and isinstance(b, ScaledIdentity):
            return ScaledIdentity(a.coeff + b.coeff, a.n)
        if isinstance(a, Kron | ScaledIdentity) and isinstance(b, Kron | ScaledIdentity):
            m = a.m if isinstance(a, Kron) else b.m  # type: ignore[union-attr]
            if all(isinstance(x, ScaledIdentity) or x.m == m for x in (a, b)):
                return Kron(self._small(a, m) + self._small(b, m), m)
        if not isinstance(a, Full | Kron) and not isinstance(b, Full | Kron):
            return Diagonal(self.diagonal(a) + self.diagonal(b))
        return Full(self.full(a) + self.full(b))

    def _small(self, a: Kron | ScaledIdentity, m: int) -> Any:
        if isinstance(a, Kron):
            return a.small
        return a.coeff[..., None, None] * self.xp.eye(a.n // m, dtype=self.xp.float64)

    # ---- products --------------------------------------------------------------------------------------------------
    def multiply(self, a: Matrix, b: Matrix) -> Matrix:
        xp = self.xp
        if isinstance(a, ScaledIdentity):
            return self.scale(a.coeff, b)
        if isinstance(b, ScaledIdentity):
            return self.scale(b.coeff, a)
        if isinstance(a, Diagonal):
            if isinstance(b, Diagonal):
                return Diagonal(a.vector * b.vector)
            return Full(a.vector[..., :, None] * self.full(b))
        if isinstance(b, Diagonal):
            return Full(self.full(a) * b.vector[..., None, :])
        if isinstance(a, Kron) and isinstance(b, Kron) and a.m == b.m:
            return Kron(xp.matmul(a.small, b.small), a.m)
        if isinstance(a, Kron):
            return Full(self._kron_times(a, self.full(b)))
        if isinstance(b, Kron):
            swapped = Kron(xp.matrix_transpose(b.small), b.m)
            return Full(xp.matrix_transpose(self._kron_times(swapped, xp.matrix_transpose(a.array))))
        return Full(xp.matmul(a.array, b.array))

    def _kron_times(self, a: Kron, x: Any) -> Any:
        # (A (x) I_m) X: the rows of X in k groups of m are mixed by A, whatever the columns
        k, l = a.small.shape[-2:]
        width = x.shape[-1]
        mixed = self.xp.matmul(a.small, self.xp.reshape(x, (*x.shape[:-2], l, a.m * width)))
        return self.xp.reshape(mixed, (*mixed.shape[:-2], k * a.m, width))

    # ---- inverses and powers ---------------------------------------------------------------------------------------
    def inverse(self, a: Matrix) -> Matrix:
        if isinstance(a, Full | Kron):
            return self._map(a, self.xp.linalg.inv)
        return self._map(a, lambda x: 1.0 / x)

    def solve(self, a: Matrix, b: Matrix) -> Matrix:
        """``a^-1 b``."""
        if not isinstance(a, Full):
            return self.multiply(self.inverse(a), b)
        right = self.full(b)
        if self._is_complex(a.array) and not self._is_complex(right):
            right = self.xp.astype(right, a.array.dtype)
        left = a.array
        if self._is_complex(right) and not self._is_complex(left):
            left = self.xp.astype(left, right.dtype)
        return Full(self.xp.linalg.solve(left, right))

    def power(self, a: Matrix, exponent: float) -> Matrix:
        """A real power of a positive (semi)definite structured matrix."""
        if isinstance(a, Diagonal | ScaledIdentity):
            return self._map(a, lambda x: x**exponent)
        return self._map(a, lambda x: self._hermitian_power(x, exponent))

    def _hermitian_power(self, x: Any, exponent: float) -> Any:
        values, vectors = self.xp.linalg.eigh(x)
        # rounding can leave the zero eigenvalues of a semidefinite matrix slightly negative
        values = self.xp.where(values < 0, self.xp.zeros_like(values), values)
        adjoint = self.xp.matrix_transpose(vectors)
        adjoint = self.xp.conj(adjoint) if self._is_complex(adjoint) else adjoint
        return self.xp.matmul(vectors * (values**exponent)[..., None, :], adjoint)

    # ---- eigenpairs ------------------------------------------------------------------------------------------------
    def eigenpairs(self, a: Matrix, vectors: bool) -> Eigenpairs:
        """The eigenvalues of a Hermitian matrix in increasing order and, asked for, its eigenvectors as columns."""
        if vectors:
            return Eigenpairs(*self.xp.linalg.eigh(self.full(a)))
        return Eigenpairs(self.xp.linalg.eigvalsh(self.full(a)), None)

    def eigenvalue(self, pairs: Eigenpairs, place: int) -> Any:
        """The eigenvalue at a place counted from the top, 0 first."""
        return pairs.values[..., pairs.values.shape[-1] - 1 - place]

    def alignment(self, pairs: Eigenpairs, image: Matrix, signal: Matrix, place: int, scaled: bool) -> Any:
        """``|<v, image>|^2 / |signal|^2`` for the eigenvector v at a place, divided by its eigenvalue if ``scaled``.

        ``scaled`` is for the pairs of ``X* X`` and ``image = X* signal``: the eigenvector of ``X X*`` is
        ``X v / sqrt(eigenvalue)``.
        """
        xp = self.xp
        v = pairs.vectors[..., pairs.values.shape[-1] - 1 - place]
        v = xp.conj(v) if self._is_complex(v) else v
        squared = xp.abs(xp.sum(v * self.full(image)[..., 0], axis=-1)) ** 2
        norm2 = xp.sum(xp.abs(self.full(signal)[..., 0]) ** 2, axis=-1)
        return squared / (norm2 * self.eigenvalue(pairs, place) if scaled else norm2)

    # ---- traces ----------------------------------------------------------------------------------------------------
    def trace(self, a: Matrix) -> Any:
        if isinstance(a, Full):
            return self.xp.linalg.trace(a.array)
        if isinstance(a, Kron):
            return self.xp.linalg.trace(a.small) * a.m
        if isinstance(a, ScaledIdentity):
            return a.coeff * a.n
        return self.xp.sum(a.vector, axis=-1)

    def contract(self, a: Matrix, b: Matrix) -> Any:
        """``sum_ij a_ij b_ij``, that is ``tr(a b')`` without forming the product."""
        if isinstance(a, ScaledIdentity):
            return a.coeff * self.trace(b)
        if isinstance(b, ScaledIdentity):
            return b.coeff * self.trace(a)
        if isinstance(a, Diagonal) or isinstance(b, Diagonal):
            return self.xp.sum(self.diagonal(a) * self.diagonal(b), axis=-1)
        if isinstance(a, Kron) and isinstance(b, Kron) and a.m == b.m:
            return a.m * self.xp.sum(a.small * b.small, axis=(-2, -1))
        return self.xp.sum(self.full(a) * self.full(b), axis=(-2, -1))

    # ---- columns ---------------------------------------------------------------------------------------------------
    def join_columns(self, blocks: list[Matrix]) -> Matrix:
        """Blocks side by side, with the batch axes of the widest."""
        arrays = [self.full(b) for b in blocks]
        batch = max((a.shape[:-2] for a in arrays), key=len)
        arrays = [self.xp.broadcast_to(a, (*batch, *a.shape[-2:])) for a in arrays]
        return Full(self.xp.concat(arrays, axis=-1))

    def columns(self, a: Matrix, start: int, stop: int) -> Matrix:
        return Full(self.full(a)[..., start:stop])
