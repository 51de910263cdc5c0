"""Block elimination over any ring: invert K with entries that do not commute.

Sixth stage. Growing blocks are eliminated first and finite-dimensional ones last: a finite block may be singular
before the growing ones are gone, and the final finite Schur complement is then a small commutative matrix, the master
matrix. The same function inverts symbolic polynomials, floating-point arrays and balls: only the ring differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .dyson import DysonEquation
from .errors import ResolventError
from .graph import components
from .ring import InverseAtom, Poly, Ring

__all__ = ["BlockRing", "Elimination", "eliminate", "invert_blocks", "pivot_cost"]

Matrix = Mapping[tuple[int, int], Any]


class BlockRing(Protocol):
    """What elimination needs to know about the entries."""

    def add(self, a: Any, b: Any) -> Any: ...
    def mul(self, a: Any, b: Any) -> Any: ...
    def neg(self, a: Any) -> Any: ...
    def inverse(self, a: Any) -> Any: ...


def invert_blocks(
    ring: BlockRing,
    K: Matrix,
    index: Sequence[int],
    identity: Callable[[int], Any],
    cost: Callable[[Any, int, int], Any] | None = None,
    order: Sequence[tuple[int, int]] | None = None,
) -> tuple[dict[tuple[int, int], Any], list[tuple[int, int]]]:
    """Gauss-Jordan on ``K`` restricted to ``index``; returns the inverse and the pivots taken.

    ``cost`` ranks a possible pivot (None forbids it); with ``order`` the pivots are prescribed, which is how the
    numerical inverses follow the symbolic one.
    """
    left = {i: {j: K[i, j] for j in index if (i, j) in K} for i in index}
    right: dict[int, dict[int, Any]] = {i: {i: identity(i)} for i in index}
    rows, cols = set(index), set(index)
    taken: list[tuple[int, int]] = []
    while rows:
        if order is not None:
            r, c = order[len(taken)]
        else:
            assert cost is not None
            best = None
            for i in sorted(rows):
                for j, entry in left[i].items():
                    if j not in cols:
                        continue
                    price = cost(entry, i, j)
                    if price is None:
                        continue
                    fill = (sum(k in cols for k in left[i]) - 1) * (sum(j in left[k] for k in rows) - 1)
                    rank = (price, fill, i != j, i, j)
                    if best is None or rank < best:
                        best, r, c = rank, i, j
            if best is None:
                raise ResolventError(
                    "the matrix equation is singular: one of the inverses in the expression does not exist in the limit"
                )
        taken.append((r, c))
        rows.discard(r)
        cols.discard(c)
        inverse = ring.inverse(left[r][c])
        left[r] = {j: ring.mul(inverse, x) for j, x in left[r].items() if j != c}
        right[r] = {j: ring.mul(inverse, x) for j, x in right[r].items()}
        for i in index:
            if i == r or c not in left[i]:
                continue
            factor = ring.neg(left[i].pop(c))
            for target, source in ((left[i], left[r]), (right[i], right[r])):
                for j, x in source.items():
                    step = ring.mul(factor, x)
                    total = ring.add(target[j], step) if j in target else step
                    if _nonzero(total):
                        target[j] = total
                    else:
                        target.pop(j, None)
    # row r now holds the unknown of its pivot column
    return {(c, j): x for r, c in taken for j, x in right[r].items() if _nonzero(x)}, taken


def _nonzero(x: Any) -> bool:
    return bool(x) if isinstance(x, Poly) else True


def pivot_cost(entry: Poly, i: int, j: int) -> int | None:
    """Multiples of the identity first, then polynomials with an identity term, then anything square."""
    if entry.rows != entry.cols:
        return None
    scalar = entry.scalar()
    if scalar is not None:
        return 0 if not scalar.generators() else 1
    nested = any(isinstance(f, InverseAtom) for word in entry.terms for f in word)
    return (2 if () in entry.terms else 4) + nested


@dataclass(frozen=True)
class Elimination:
    """The inverse on growing blocks, the master matrix on finite ones and its inverse, and the pivots."""

    bulk: Mapping[tuple[int, int], Poly]
    master: Mapping[tuple[int, int], Poly]
    master_inverse: Mapping[tuple[int, int], Poly]
    pivots: tuple[tuple[int, int], ...]


def eliminate(ring: Ring, equation: DysonEquation) -> Elimination:
    """Invert ``K`` on the growing blocks and form the master matrix of the finite ones."""
    blocks = equation.pencil.blocks
    growing, finite = equation.growing(), equation.finite()
    K = equation.K

    def identity(i: int) -> Poly:
        return ring.identity(blocks[i].space)

    # K is block triangular in its components; a pivot that links two of them (the -I between the resolvents of Q Q)
    # would mix what is separate, and every unknown of one with every unknown of the other
    edges = {i: [j for j in growing if (i, j) in K] for i in growing}
    label = {i: k for k, members in enumerate(components(growing, edges)) for i in members}

    def cost(entry: Poly, i: int, j: int) -> int | None:
        return pivot_cost(entry, i, j) if label[i] == label[j] else None

    bulk, pivots = invert_blocks(ring, K, growing, identity, cost)
    master: dict[tuple[int, int], Poly] = {(i, j): K[i, j] for i in finite for j in finite if (i, j) in K}
    for i in finite:
        for j in finite:
            for k in growing:
                for l in growing:
                    if (i, k) in K and (k, l) in bulk and (l, j) in K:
                        term = ring.neg(ring.mul(K[i, k], ring.mul(bulk[k, l], K[l, j])))
                        total = ring.add(master[i, j], term) if (i, j) in master else term
                        if total:
                            master[i, j] = total
                        else:
                            master.pop((i, j), None)
    inverse, _ = invert_blocks(ring, master, finite, identity, pivot_cost) if finite else ({}, [])
    return Elimination(bulk, master, inverse, tuple(pivots))


def block_of_inverse(ring: Ring, equation: DysonEquation, elimination: Elimination, i: int, j: int) -> Poly:
    """The block (i, j) of the whole inverse, finite blocks included."""
    K, bulk, inverse = equation.K, elimination.bulk, elimination.master_inverse
    blocks = equation.pencil.blocks
    growing, finite = equation.growing(), equation.finite()
    total = ring.zero(blocks[i].space, blocks[j].space)
    if (i, j) in bulk:
        total = bulk[i, j]
    # columns of the growing part seen from a finite unknown: w_g = -G K_gf t_f
    left: dict[int, Poly] = {}
    right: dict[int, Poly] = {}
    for f in finite:
        if i == f:
            left[f] = ring.identity(blocks[f].space)
        elif i in growing:
            for l in growing:
                if (i, l) in bulk and (l, f) in K:
                    term = ring.neg(ring.mul(bulk[i, l], K[l, f]))
                    left[f] = ring.add(left[f], term) if f in left else term
        if j == f:
            right[f] = ring.identity(blocks[f].space)
        elif j in growing:
            for k in growing:
                if (f, k) in K and (k, j) in bulk:
                    term = ring.neg(ring.mul(K[f, k], bulk[k, j]))
                    right[f] = ring.add(right[f], term) if f in right else term
    for f, a in left.items():
        for g, b in right.items():
            if (f, g) in inverse:
                total = ring.add(total, ring.mul(a, ring.mul(inverse[f, g], b)))
    return total
