"""The planted part of an unfolding as one matrix, where its terms have one vector in every other mode but one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sympy import Add, Expr, MatAdd, MatMul, MatrixExpr, Mul, S, Symbol

from ..symbols import Signal
from ..tensors.network import Noise, TensorTerm, Vector
from ..tensors.reading import PlantedTensor
from .contraction import Gram, Product, matrix_letter

__all__ = ["planted_column", "planted_matrix"]


def planted_matrix(gram: Gram, place: Mapping[Symbol, Expr]) -> tuple[MatrixExpr | None, Expr]:
    """``(M, weight)`` with ``S_(k) S_(k)' = weight M M'``: all terms have one vector in every other mode but one."""
    terms = list(dict.fromkeys(p.left for p in gram.products if p.left is not None))
    read, mode = gram.read, gram.mode
    others = [k for k in range(read.order) if k != mode]
    at = [{f.leg: f.what for f in t.factors if isinstance(f, Vector)} for t in terms]
    vectors = [[held.get(t.legs[k]) for t, held in zip(terms, at, strict=True)] for k in others]
    shared = [
        k for k, found in zip(others, vectors, strict=True) if found and found[0] is not None and len(set(found)) == 1
    ]
    left = [k for k in others if k not in shared]
    if not terms or len(left) > 1:
        return None, S.One
    weight: Expr = S.One
    for k in shared:
        weight *= at[0][terms[0].legs[k]].norm2  # type: ignore[attr-defined]
    common = _shared_factor([t.coefficient for t in terms])
    parts = []
    for term, held in zip(terms, at, strict=True):
        matrix = _as_matrix(read, term, held, mode, left[0] if left else None)
        if matrix is None:
            return None, S.One
        parts.append((term.coefficient / common).subs(place) * matrix)
    planted = parts[0] if len(parts) == 1 else MatAdd(*parts)
    return planted, weight * (common**2).subs(place)


def planted_column(products: Sequence[Product]) -> tuple[MatrixExpr | None, Expr]:
    """The same where every product is a multiple of one ``u u'``."""
    matrix = products[0].matrix
    if isinstance(matrix, MatMul) and isinstance(matrix.args[0], Signal):
        return matrix.args[0], Add(*(p.number for p in products))
    return None, S.One


def _shared_factor(coefficients: Sequence[Expr]) -> Expr:
    powers = [c.as_powers_dict() for c in coefficients]
    return Mul(*(b**e for b, e in powers[0].items() if all(p.get(b) == e for p in powers)))


def _as_matrix(read: PlantedTensor, term: TensorTerm, held: Mapping, mode: int, other: int | None) -> MatrixExpr | None:
    """A term without its shared vectors: a matrix between the mode and the one that is left, or a vector."""
    row, column = held.get(term.legs[mode]), None if other is None else held.get(term.legs[other])
    loose = [f for f in term.factors if isinstance(f, Noise)]
    if row is not None and not loose:
        return row if other is None else MatMul(row, column.T)  # type: ignore[union-attr]
    if other is None or len(loose) != 1 or set(loose[0].legs) != {term.legs[mode], term.legs[other]}:
        return None
    letter = matrix_letter(read.noises[loose[0].name])
    return letter if loose[0].legs[0] == term.legs[mode] else letter.T
