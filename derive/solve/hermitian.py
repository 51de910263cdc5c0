"""The Hermitian part of a rotated pencil, exactly: what is zero by structure is zero, not a small ball.

In ball arithmetic ``x - x`` is not zero, so that a block is anti-Hermitian has to be read off the polynomials: a
self-adjoint word with a purely imaginary coefficient, or two mirrored blocks that are adjoint to each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flint import acb, arb

from ..ring import Ring
from .component import Component, adjoint
from .dense import coupled_groups, dense_blocks
from .matrix_equation import MatrixEquation, Numbers

__all__ = ["definiteness", "hermitian_part", "is_definite"]


def hermitian_part(
    ring: Ring, component: Component, numbers: Numbers, order: Sequence[int], p: Sequence[acb]
) -> dict[tuple[int, int], Any] | None:
    """Blocks of ``(A0 + A0*)/2`` for ``A0 = P L0``, without those that vanish by structure; None if it cannot be
    told.
    """
    row_at = {s: i for i, s in enumerate(order)}
    out: dict[tuple[int, int], Any] = {}
    for (i, j), entry in component.fixed.items():
        s = order[i]
        if s == j:
            if any(
                adjoint(ring, _single(ring, entry.poly, w)).key != _single(ring, entry.poly, w).key
                for w in entry.poly.terms
            ):
                return None
            for word, c in entry.poly.terms.items():
                coefficient = acb(p[i] * numbers.fraction(c)).real
                if coefficient == 0:
                    continue
                term = numbers.algebra.scale(coefficient, numbers.element(_single(ring, entry.poly, word)))
                out[s, s] = numbers.algebra.add(out[s, s], term) if (s, s) in out else term
            continue
        r = row_at[j]
        partner = component.fixed.get((r, s))
        if partner is None:
            return None
        mirrored = adjoint(ring, partner.poly)
        # scalars are compared as polynomials, so they must be real for the mirror to be the adjoint
        if not all(_is_real(numbers.fraction(c)) for c in partner.poly.terms.values()):
            return None
        sign = 1 if mirrored.key == entry.poly.key else -1 if ring.neg(mirrored).key == entry.poly.key else 0
        total = p[i] * sign + p[r].conjugate()
        if sign == 0 or not (total.real == 0 and total.imag == 0):
            return None
    return out


def _single(ring: Ring, poly: Any, word: Any) -> Any:
    return type(poly)(poly.rows, poly.cols, {word: ring.field.one})


def _is_real(x: Any) -> bool:
    return isinstance(x, arb) or bool(acb(x).imag == 0)


def _node_matrices(
    equation: MatrixEquation, entries: Mapping[tuple[int, int], Any]
) -> list[tuple[list[int], int | None, list[list[acb]]]]:
    """The coupled groups as dense matrices of balls, one per node; with the node where every block has one row."""
    out = []
    # slots of free elements stand after the blocks of the pencil
    count = max([equation.size, *(1 + i for i, _ in entries)])
    for group in coupled_groups(entries, count):
        inside = {pos: x for pos, x in entries.items() if pos[0] in group}
        mode, sizes = dense_blocks(inside, group)
        start, total = {}, 0
        for k in group:
            start[k], total = total, total + sizes[k]
        nodes = max((len(x.data) for x in inside.values() if x.family is not None), default=1) if mode == "nodes" else 1
        for node in range(nodes):
            dense = [[acb(0) for _ in range(total)] for _ in range(total)]
            for (i, j), x in inside.items():
                for a in range(sizes[i]):
                    for b in range(sizes[j]):
                        if x.family is None:
                            value = x.data if a == b else 0
                        else:
                            value = x.data[node] if mode == "nodes" else x.data[a, b]
                        dense[start[i] + a][start[j] + b] = acb(value)
            out.append((group, node if mode == "nodes" else None, dense))
    return out


def definiteness(equation: MatrixEquation, entries: Mapping[tuple[int, int], Any]) -> tuple[bool, bool]:
    """Is a Hermitian block matrix proven (semidefinite, definite)? Exact zero rows are allowed in the first."""
    definite = True
    for _, _, dense in _node_matrices(equation, entries):
        n = len(dense)
        zero = [k for k in range(n) if all(_is_zero(dense[k][j]) and _is_zero(dense[j][k]) for j in range(n))]
        definite = definite and not zero
        if not _pivots_positive(dense, [k for k in range(n) if k not in zero]):
            return False, False
    return True, definite


def is_definite(equation: MatrixEquation, entries: Mapping[tuple[int, int], Any]) -> bool:
    """Is the Hermitian part of any block matrix proven to be positive definite?

    A block that on some node of a law is coupled to nothing and not reached by the noise is deterministic there: its
    inverse exists (it was computed) and says nothing about the branch.
    """
    for group, node, dense in _node_matrices(equation, entries):
        n = len(dense)
        H = [[(dense[i][j] + dense[j][i].conjugate()) / 2 for j in range(n)] for i in range(n)]
        index = list(range(n))
        if node is not None:
            alone = [k for k in index if all(_is_zero(dense[k][j]) and _is_zero(dense[j][k]) for j in index if j != k)]
            index = [k for k in index if k not in alone or _is_reached(equation, group[k], node)]
        if not _pivots_positive(H, index):
            return False
    return True


def _is_reached(equation: MatrixEquation, position: int, node: int) -> bool:
    """Whether some term of the noise is not exactly zero there."""
    for (i, j, _), element in equation.terms.items():
        if position in (equation.places[i], j):
            value = element.data if element.family is None else element.data[node]
            if not _is_zero(acb(value)):
                return True
    return False


def _pivots_positive(dense: list[list[acb]], index: list[int]) -> bool:
    """LDL' in balls: every pivot is a positive ball."""
    H = [list(row) for row in dense]
    for step, k in enumerate(index):
        pivot = H[k][k].real
        if not pivot > 0:
            return False
        for i in index[step + 1 :]:
            factor = H[i][k] / pivot
            for j in index[step + 1 :]:
                H[i][j] = H[i][j] - factor * H[k][j]
    return True


def _is_zero(x: acb) -> bool:
    return bool(x.real == 0 and x.imag == 0)
