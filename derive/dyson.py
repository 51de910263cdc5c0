"""The matrix Dyson equation ``G = (L0 - eta(G))^-1`` of a pencil, with scalars as its only unknowns.

Fifth stage. Pairing a block term ``a X b`` with a term ``c X* d`` contributes ``v tr(c b G_kl) a d`` to ``eta``: one
scalar unknown ``tau = tr(W G_kl)/dim`` per (k, l, weight word W); variances are its coefficients. Three things are
dropped, each for a stated reason: pairings of a real matrix with itself untransposed (of lower order), traces through
a finite-dimensional block (o(1): a low-rank term does not move a normalised trace), and unknowns whose block is
structurally zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sympy import Symbol

from .field import Fraction
from .free import FreeElement, couplings, find_elements, reached
from .nodes import Letter
from .pencil import Pencil, RandomTerm
from .regime import Regime
from .ring import Poly, Ring, Word, word_key
from .symbols import RandomMatrix

__all__ = ["DysonEquation", "Pairing", "Tau", "dyson_equation"]


@dataclass(frozen=True)
class Tau:
    """The unknown ``symbol = tr(weight G[row, col]) / dim``, a normalised trace on the space of block ``col``."""

    symbol: Symbol
    row: int
    col: int
    weight: Word
    position: int


@dataclass(frozen=True)
class Pairing:
    """One term of eta: ``eta[i, j] += coefficient * tau * element``."""

    i: int
    j: int
    tau: int
    element: Poly


@dataclass(frozen=True)
class DysonEquation:
    """``K = L0 - eta(tau)`` block by block; ``G = K^-1``."""

    pencil: Pencil
    taus: tuple[Tau, ...]
    pairings: tuple[Pairing, ...]
    fixed: Mapping[tuple[int, int], Poly]
    K: Mapping[tuple[int, int], Poly]
    free: tuple[FreeElement, ...] = ()

    def unknowns(self) -> list[tuple[Symbol, int]]:
        """Symbol and position of every unknown: the traces of the noise, then the free elements'."""
        free = dict.fromkeys(unknown for element in self.free for unknown in element.rho.values())
        return [*((tau.symbol, tau.position) for tau in self.taus), *free]

    def growing(self) -> list[int]:
        return [k for k, block in enumerate(self.pencil.blocks) if not block.space.finite]

    def finite(self) -> list[int]:
        return [k for k, block in enumerate(self.pencil.blocks) if block.space.finite]


@dataclass(frozen=True)
class _Candidate:
    i: int
    j: int
    k: int
    l: int
    left: Poly
    right: Poly
    weight: Word
    coefficient: Fraction
    matrix: RandomMatrix


def _closure(edges: set[tuple[int, int]], count: int) -> set[tuple[int, int]]:
    """Blocks of the inverse that can be nonzero: paths in the graph of the matrix."""
    after: dict[int, set[int]] = {i: {i} for i in range(count)}
    for i, j in edges:
        after[i].add(j)
    for mid in range(count):
        for i in range(count):
            if mid in after[i]:
                after[i] |= after[mid]
    return {(i, j) for i in range(count) for j in after[i]}


def _candidates(ring: Ring, pencil: Pencil) -> list[_Candidate]:
    terms: list[tuple[int, int, RandomTerm]] = [
        (i, k, term)
        for i, row in enumerate(pencil.rows)
        for k, c in row.items()
        for term in c.random
        if isinstance(term.matrix.matrix, RandomMatrix)
    ]
    out: list[_Candidate] = []
    for i, k, first in terms:
        partner: Letter = first.matrix.apply("H")
        for l, j, second in terms:
            if second.matrix != partner:
                continue
            if pencil.blocks[k].space.finite or pencil.blocks[l].space.finite:
                continue  # the trace runs through a finite-dimensional block: o(1)
            weight = ring.mul(second.left, first.right)
            for word, c in weight.terms.items():
                if any(isinstance(f, Letter) and f.is_signal for f in word):
                    continue  # a rank-one weight: o(1)
                out.append(_Candidate(i, j, k, l, first.left, second.right, word, c, first.matrix.matrix))
    return out


def dyson_equation(ring: Ring, pencil: Pencil, regime: Regime) -> DysonEquation:
    """Pair the noise of the pencil and write ``K = L0 - eta`` in scalar unknowns."""
    size = len(pencil.blocks)
    candidates = _candidates(ring, pencil)
    grows = [not block.space.finite for block in pencil.blocks]
    # a path through a finite block has finite rank and does not move a normalised trace
    edges = {(i, j) for i, row in enumerate(pencil.rows) for j, c in row.items() if c.fixed and grows[i] and grows[j]}
    elements = find_elements(ring, pencil)
    waiting = {(e, r, s) for e, element in enumerate(elements) for r, s in couplings(element)}
    coupled: set[tuple[int, int, int]] = set()
    alive: set[int] = set()
    # least fixed point: an unknown that is alive creates fill-in that can make another one alive
    while True:
        reach = _closure(edges, size)
        born = {n for n, c in enumerate(candidates) if n not in alive and (c.k, c.l) in reach}
        linked = {(e, r, s) for e, r, s in waiting if reached(elements[e], r, s, reach, grows)}
        if not born and not linked:
            break
        alive |= born
        waiting, coupled = waiting - linked, coupled | linked
        for e, r, s in linked:
            edges |= {(i, k) for i, k, _, _ in elements[e].blocks(r, s) if grows[i] and grows[k]}
        edges |= {(c.i, c.j) for c in (candidates[n] for n in born) if grows[c.i] and grows[c.j]}
    fixed = {(i, j): c.fixed for i, row in enumerate(pencil.rows) for j, c in row.items() if c.fixed}
    taus: dict[tuple[int, int, str], Tau] = {}
    pairings: list[Pairing] = []
    K = dict(fixed)
    prefix = ring.fresh("tau", "vartau", "varrho")
    for n in sorted(alive):
        c = candidates[n]
        key = (c.k, c.l, word_key(c.weight))
        if key not in taus:
            symbol = Symbol(f"{prefix}_{len(taus) + 1}")
            ring.unknown(symbol)
            taus[key] = Tau(symbol, c.k, c.l, c.weight, ring.field.position(symbol))
        tau = taus[key]
        variance = ring.field.from_sympy(regime.growth(c.matrix.variance)[0])  # in units of 1/base
        dimension = ring.field.from_sympy(pencil.blocks[c.l].space.size)
        element = ring.scale(variance * dimension * c.coefficient, ring.mul(c.left, c.right))
        if not element:
            continue
        order = list(taus).index(key)
        pairings.append(Pairing(c.i, c.j, order, element))
        term = ring.neg(ring.scale(ring.field.generator(tau.position), element))
        _accumulate(ring, K, (c.i, c.j), term)
    free = _subordinated(ring, elements, coupled, K)
    return DysonEquation(pencil, tuple(taus.values()), tuple(pairings), fixed, K, free)


def _accumulate(ring: Ring, K: dict[tuple[int, int], Poly], entry: tuple[int, int], term: Poly) -> None:
    total = ring.add(K[entry], term) if entry in K else term
    if total:
        K[entry] = total
    else:
        K.pop(entry, None)


def _subordinated(
    ring: Ring,
    elements: list[FreeElement],
    coupled: set[tuple[int, int, int]],
    K: dict[tuple[int, int], Poly],
) -> tuple[FreeElement, ...]:
    """Name the unknowns of the free elements and add ``sum rho_rs a_r b_s`` to K."""
    prefix = ring.fresh("rho", "varrho", "varpi")
    out, number = [], 0
    for e, element in enumerate(elements):
        rho: dict[tuple[int, int], tuple[Symbol, int]] = {}
        for r, s in sorted((r, s) for other, r, s in coupled if other == e):
            number += 1
            symbol = Symbol(f"{prefix}_{number}")
            generator = ring.unknown(symbol)
            rho[r, s] = symbol, ring.field.position(symbol)
            for i, k, a, b in element.blocks(r, s):
                _accumulate(ring, K, (i, k), ring.scale(generator, ring.mul(a, b)))
        out.append(replace(element, rho=rho))
    return tuple(out)
