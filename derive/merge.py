"""Equal unknowns: one resolvent that occurs twice must not double the system.

Runs on the Dyson equation before elimination. The unknowns inside one strongly connected component of the pencil obey
equations of their own (the pencil is block triangular in its components), so two components with the same blocks have
the same solution: the unknowns of one are those of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .dyson import DysonEquation, Pairing, Tau
from .free import FreeElement
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
    groups: dict[str, tuple[int, list[int]]] = {}
    twin: dict[int, int] = {}
    label: dict[int, int] = {}
    same: dict[int, int] = {}
    for number, component in enumerate(components(growing, edges)):
        members = sorted(component)
        same[number], first = groups.setdefault(signature(pencil, members), (number, members))
        twin.update(zip(members, first, strict=True))
        label.update(dict.fromkeys(members, members[0]))
    representative: dict[tuple[int, int, str], int] = {}
    index: list[int] = []
    kept: list[Tau] = []
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
            became[tau.position] = target.position
    free = tuple(_merge_slots(element, same, became) for element in equation.free)
    if not became:
        return equation, {}
    pairings = tuple(Pairing(p.i, p.j, index[p.tau], p.element) for p in equation.pairings)
    replacement = {old: ring.field.generator(new) for old, new in became.items()}

    def rewrite(a: Poly) -> Poly:
        return Poly(a.rows, a.cols, {w: ring.field.subs(c, replacement) for w, c in a.terms.items()})

    K = {entry: rewrite(a) for entry, a in equation.K.items()}
    return replace(equation, taus=tuple(kept), pairings=pairings, K=K, free=free), became


def _merge_slots(element: FreeElement, same: Mapping[int, int], became: dict[int, int]) -> FreeElement:
    """The unknowns between two slots of one component are those of the component it equals."""
    members: dict[tuple[str, int], list[int]] = {}
    for r, slot in enumerate(element.slots):
        if slot.component is not None:
            members.setdefault((slot.letter.key, slot.component), []).append(r)
    first: dict[int, int] = {}
    for (key, number), slots in members.items():
        first.update(zip(slots, members[key, same[number]], strict=True))
    rho = {}
    for (r, s), unknown in element.rho.items():
        a, b = element.slots[r].component, element.slots[s].component
        rho[r, s] = element.rho[first[r], first[s]] if a is not None and a == b else unknown
        if rho[r, s] != unknown:
            became[unknown[1]] = rho[r, s][1]
    return replace(element, rho=rho)
