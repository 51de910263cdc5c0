"""The matrix Dyson equation ``G = (L0 - eta(G))^-1`` of a pencil, with scalars as its only unknowns.

Fifth stage. Pairing a block term ``a X b`` with a term ``c X* d`` contributes ``v tr(c b G_kl) a d`` to ``eta``: one
scalar unknown ``tau = tr(W G_kl)/dim`` per (k, l, weight word W); variances are its coefficients. Three things are
dropped, each for a stated reason: pairings of a real matrix with itself untransposed (of lower order), traces through
a finite-dimensional block (o(1): a low-rank term does not move a normalised trace), and unknowns whose block is
structurally zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, count

from sympy import Symbol

from .field import Fraction
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
        (i, k, term) for i, row in enumerate(pencil.rows) for k, c in row.items() for term in c.random
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


def _fresh(ring: Ring) -> str:
    """``tau``, unless the user has a symbol of such a name: two unknowns must not share one."""
    taken = {s.name.partition("_")[0] for s in ring.field.symbols}
    names = chain(("tau", "vartau", "varrho"), (f"tau{k}" for k in count()))
    return next(name for name in names if name not in taken)


def dyson_equation(ring: Ring, pencil: Pencil, regime: Regime) -> DysonEquation:
    """Pair the noise of the pencil and write ``K = L0 - eta`` in scalar unknowns."""
    size = len(pencil.blocks)
    candidates = _candidates(ring, pencil)
    grows = [not block.space.finite for block in pencil.blocks]
    # a path through a finite block has finite rank and does not move a normalised trace
    edges = {(i, j) for i, row in enumerate(pencil.rows) for j, c in row.items() if c.fixed and grows[i] and grows[j]}
    alive: set[int] = set()
    # least fixed point: an unknown that is alive creates fill-in that can make another one alive
    while True:
        reach = _closure(edges, size)
        born = {n for n, c in enumerate(candidates) if n not in alive and (c.k, c.l) in reach}
        if not born:
            break
        alive |= born
        edges |= {(c.i, c.j) for c in (candidates[n] for n in born) if grows[c.i] and grows[c.j]}
    fixed = {(i, j): c.fixed for i, row in enumerate(pencil.rows) for j, c in row.items() if c.fixed}
    taus: dict[tuple[int, int, str], Tau] = {}
    pairings: list[Pairing] = []
    K = dict(fixed)
    prefix = _fresh(ring)
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
        entry = (c.i, c.j)
        total = ring.add(K[entry], term) if entry in K else term
        if total:
            K[entry] = total
        else:
            K.pop(entry, None)
    return DysonEquation(pencil, tuple(taus.values()), tuple(pairings), fixed, K)
