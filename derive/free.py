"""Free elements and Haar matrices: where they occur in a pencil, and the scalars through which they enter ``K``.

Part of the fifth stage, beside the pairing of the Gaussian noise. A letter X that is free from everything else enters
``L`` as ``sum_r a_r X b_r`` over few *slots* r, where ``a_r`` is a column and ``b_r`` a row of blocks. Freeness over
the scalars makes its contribution to the deterministic equivalent a matrix of scalars between the slots:

    K = L0 - eta(G) + sum_rs  rho_rs a_r b_s ,      g_rs = (1/n) tr b_r G a_s ,

and ``rho`` is a function of ``g`` alone, the amalgamated R-transform of X at ``-g`` (``subordination.py``). A Haar
matrix has slots of U and slots of ``U*``, and couples one kind with the other.

Slots are the terms of a factorisation of least rank: were the same value multiplied by X in two slots, g would be
singular. They are found component by component, so that each belongs to one component of the pencil.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sympy import Symbol

from .field import Fraction
from .graph import components
from .nodes import Letter
from .pencil import Pencil
from .ring import Poly, Ring, Word, word_key
from .symbols import FreeMatrix, Haar

__all__ = ["FreeElement", "Slot", "couplings", "find_elements", "reached"]

Key = tuple[int, Word]
Matrix = dict[Key, dict[Key, Fraction]]
_LAST = 10**9  # finite-dimensional rows come after all growing ones


@dataclass(frozen=True)
class Slot:
    """``sum_i left[i] X sum_k right[k]``: blocks of rows i and columns k.

    ``component`` is the one on whose diagonal it lies; None for a slot that links components.
    """

    letter: Letter
    left: Mapping[int, Poly]
    right: Mapping[int, Poly]
    component: int | None


@dataclass(frozen=True)
class FreeElement:
    """All slots of one free matrix, and the unknowns ``rho[r, s]`` that can differ from zero: (symbol, position)."""

    letter: Letter
    slots: tuple[Slot, ...]
    rho: Mapping[tuple[int, int], tuple[Symbol, int]]

    @property
    def is_haar(self) -> bool:
        return isinstance(self.letter.matrix, Haar)

    def blocks(self, r: int, s: int) -> Iterator[tuple[int, int, Poly, Poly]]:
        """(row, column, a, b) of every block that ``rho[r, s]`` enters."""
        for i, a in self.slots[r].left.items():
            for k, b in self.slots[s].right.items():
                yield i, k, a, b

    def probes(self, r: int, s: int, growing: Sequence[bool]) -> Iterator[tuple[int, int, Poly, Poly]]:
        """(k, i, b, a) of every block ``G_ki`` in ``g_rs = (1/n) tr b_r G a_s``; finite blocks do not move a trace."""
        for k, b in self.slots[r].right.items():
            for i, a in self.slots[s].left.items():
                if growing[k] and growing[i]:
                    yield k, i, b, a


def find_elements(ring: Ring, pencil: Pencil) -> list[FreeElement]:
    """The slots of every free letter, without unknowns yet."""
    grows = [not block.space.finite for block in pencil.blocks]
    growing = [k for k, g in enumerate(grows) if g]
    label = dict.fromkeys(range(len(grows)), _LAST)
    edges = {i: [j for j in pencil.rows[i] if grows[j]] for i in growing}
    for number, members in enumerate(components(growing, edges)):
        label.update(dict.fromkeys(members, number))
    occurring: dict[str, Letter] = {}
    for row in pencil.rows:
        for c in row.values():
            for t in c.random:
                if isinstance(t.matrix.matrix, FreeMatrix):
                    occurring.setdefault(t.matrix.key, t.matrix)
    out, seen = [], set()
    for key in sorted(occurring):
        letter = occurring[key]
        if key in seen:
            continue
        partner = letter.apply("H")
        seen |= {key, partner.key}
        both = (letter,) if partner == letter else (letter, partner)
        slots = tuple(slot for x in both for slot in _slots(ring, pencil, x, label))
        out.append(FreeElement(letter, slots, {}))
    return out


def couplings(element: FreeElement) -> Iterator[tuple[int, int]]:
    """Pairs of slots between which there may be an unknown."""
    for r, first in enumerate(element.slots):
        for s, second in enumerate(element.slots):
            if not element.is_haar or first.letter != second.letter:
                yield r, s


def reached(element: FreeElement, r: int, s: int, reach: set[tuple[int, int]], growing: Sequence[bool]) -> bool:
    """Can ``rho_rs`` differ from zero, given the blocks of G that can? The mean of a free element always can."""
    if r == s and not element.is_haar:
        return True
    return any((k, i) in reach for k, i, _, _ in element.probes(r, s, growing))


# -- least-rank factorisation -----------------------------------------------------------------------------------------


def _slots(ring: Ring, pencil: Pencil, letter: Letter, label: Mapping[int, int]) -> Iterator[Slot]:
    """Crosses ``M -> M - M[:, c] M[r, :] / M[r, c]`` over the matrix of coefficients of ``u X v``.

    Rows are taken component by component, and pivots on the diagonal of a component before others: then the slots of
    a component are those of its own diagonal block, and the others are triangular.
    """
    matrix = _coefficients(ring, pencil, letter)
    order = sorted(matrix, key=lambda key: (label[key[0]], key[0], word_key(key[1])))
    for number in sorted({label[i] for i, _ in order}):
        rows = [key for key in order if label[key[0]] == number]
        for place in (number, None) if number != _LAST else (None,):
            while (pivot := _pivot(matrix, rows, label, place)) is not None:
                yield _cross(pencil, letter, matrix, *pivot, place)


def _coefficients(ring: Ring, pencil: Pencil, letter: Letter) -> Matrix:
    out: Matrix = {}
    for i, row in enumerate(pencil.rows):
        for k, c in row.items():
            for t in c.random:
                if t.matrix != letter:
                    continue
                for u, x in t.left.terms.items():
                    for v, y in t.right.terms.items():
                        line = out.setdefault((i, u), {})
                        line[k, v] = line.get((k, v), ring.field.zero) + x * y
    return {row: {col: c for col, c in line.items() if c} for row, line in out.items()}


def _pivot(matrix: Matrix, rows: Sequence[Key], label: Mapping[int, int], number: int | None) -> tuple[Key, Key] | None:
    for row in rows:
        columns = [c for c in matrix[row] if number is None or label[c[0]] == number]
        if columns:
            return row, min(columns, key=lambda c: (c[0], word_key(c[1])))
    return None


def _cross(pencil: Pencil, letter: Letter, matrix: Matrix, row: Key, col: Key, number: int | None) -> Slot:
    pivot = matrix[row][col]
    right = {c: x / pivot for c, x in matrix[row].items()}
    left = {r: line[col] for r, line in matrix.items() if col in line}
    for r, x in left.items():
        line = matrix[r]
        for c, y in right.items():
            total = line[c] - x * y if c in line else -(x * y)
            if total:
                line[c] = total
            else:
                line.pop(c, None)
    space = [block.space for block in pencil.blocks]
    rows: dict[int, Poly] = {}
    for (i, word), x in left.items():
        rows[i] = Poly(space[i], letter.rows, {**(rows[i].terms if i in rows else {}), word: x})
    cols: dict[int, Poly] = {}
    for (k, word), y in right.items():
        cols[k] = Poly(letter.cols, space[k], {**(cols[k].terms if k in cols else {}), word: y})
    return Slot(letter, dict(sorted(rows.items())), dict(sorted(cols.items())), number)
