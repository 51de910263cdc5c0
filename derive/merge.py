"""Equal unknowns: one resolvent that occurs twice must not double the system.

Runs on the Dyson equation before elimination. The unknowns inside one strongly connected component of the pencil obey
equations of their own (the pencil is block triangular in its components), so two components with the same blocks have
the same solution: the unknowns of one are those of the other.
"""

from __future__ import annotations

from dataclasses import replace

from .dyson import DysonEquation, Pairing, Tau
from .graph import components
from .pencil import Pencil
from .ring import Poly, Ring, word_key

__all__ = ["merge_equal", "signature"]


def signature(pencil: Pencil, members: list[int]) -> str:
    """Equal exactly for components with the same blocks in the same order."""
    return ";".join(
        f"{members.index(i)},{members.index(j)}:{pencil.rows[i][j].key}:{pencil.blocks[i].space.size}"
        for i in members
        for j in members
        if j in pencil.rows[i]
    )


def merge_equal(ring: Ring, equation: DysonEquation) -> tuple[DysonEquation, dict[int, int]]:
    """Give equal components the same unknowns; returns an equation with fewer taus, and which became which."""
    pencil = equation.pencil
    growing = equation.growing()
    edges = {i: [j for j in pencil.rows[i] if j in growing] for i in growing}
    groups: dict[str, list[int]] = {}
    twin: dict[int, int] = {}
    label: dict[int, int] = {}
    for component in components(growing, edges):
        members = sorted(component)
        first = groups.setdefault(signature(pencil, members), members)
        twin.update(zip(members, first, strict=True))
        label.update(dict.fromkeys(members, members[0]))
    representative: dict[tuple[int, int, str], int] = {}
    index: list[int] = []
    kept: list[Tau] = []
    replacement = {}
    became: dict[int, int] = {}
    for tau in equation.taus:
        row, col = tau.row, tau.col
        if label[row] == label[col]:
            row, col = twin[row], twin[col]
        key = (row, col, word_key(tau.weight))
        if key not in representative:
            representative[key] = len(kept)
            kept.append(replace(tau, row=row, col=col))
        index.append(representative[key])
        target = kept[representative[key]]
        if target.position != tau.position:
            replacement[tau.position] = ring.field.generator(target.position)
            became[tau.position] = target.position
    if not replacement:
        return equation, {}
    pairings = tuple(Pairing(p.i, p.j, index[p.tau], p.element) for p in equation.pairings)

    def rewrite(a: Poly) -> Poly:
        return Poly(a.rows, a.cols, {w: ring.field.subs(c, replacement) for w, c in a.terms.items()})

    K = {entry: rewrite(a) for entry, a in equation.K.items()}
    return replace(equation, taus=tuple(kept), pairings=pairings, K=K), became
