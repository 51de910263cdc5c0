"""Stein's lemma on tensor networks, leading order kept.

For a Gaussian entry of variance w/N, ``E Z[k] F = (w/N) E dF/dZ[k]``. What depends on Z are the noise entries, the
resolvents and the estimators; an estimator solves ``T(u_-i) = lambda u_i`` on unit spheres, so that

    du_j = - sum_l R_jl (dT)(u_-l),      R = (Phi - lambda)^-1,     Phi the contraction matrix of T at u,

where dT is the explicit derivative and that through the earlier estimators T is made of; and ``dR = - R dPhi R``. A
step of Stein costs 1/N and a closed chain of resolvents is worth N: the networks with fewer closed chains than Stein
steps allow are left out, and counted by reason. Left out at once are

* ``d lambda``: its derivative ``u_1[k_1] ... u_d[k_d]`` closes no chain (for order 2 lambda is an eigenvalue of Phi:
  R is then taken on the orthogonal complement of its eigenvectors, which changes no trace at leading order);
* the dependence of Phi on Z through its vectors u: the chain would end at them, one closed chain less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, permutations

from sympy import Expr, S, Symbol

from .network import (
    Estimate,
    Factor,
    Noise,
    Resolvent,
    TensorTerm,
    Vector,
    Word,
    components,
    count_loops,
    indices,
    renamed,
)
from .reading import PlantedTensor

__all__ = ["Calculus", "Product", "Record"]

Merges = tuple[tuple[int, int], ...]
Piece = tuple[Expr, tuple[Factor, ...], Merges]


@dataclass(frozen=True)
class Product:
    """A limit term: ``coefficient`` times traces of words, inner products, and noise on vectors ``(Z, v, w, ..)``."""

    coefficient: Expr
    loops: tuple[Word, ...]
    inner: tuple[tuple, ...]
    scalars: tuple[tuple, ...] = ()


@dataclass
class Record:
    """How many networks Stein's lemma gave, and how many were left out by number of missing closed chains."""

    kept: int = 0
    dropped: Counter = field(default_factory=Counter)


class Calculus:
    """Stein's lemma for the estimators of one planted tensor; ``weight(name)`` stands for N times the variance."""

    def __init__(self, read: PlantedTensor):
        self.read = read
        self.blocks = read.blocks
        self.first = {b: self.blocks.index(b) for b in self.blocks}  # a mode of every block
        self.fresh = count(1000)
        self.weights: dict[str, Symbol] = {name: Symbol(f"_w{k}", positive=True) for k, name in enumerate(read.noises)}
        self.symmetric = {name: noise.symmetric for name, noise in read.noises.items()}

    # -- contractions -------------------------------------------------------------------------------------------------
    def contracted(self, step: int, free: Mapping[int, int]) -> Iterator[tuple[Expr, tuple[Factor, ...]]]:
        """T of an estimator contracted with its vectors in all modes but those of ``free`` (mode -> index)."""
        for term in self.read.terms[step - 1]:
            yield self._place(term, step, free)

    def _place(self, term: TensorTerm, step: int, free: Mapping[int, int]) -> tuple[Expr, tuple[Factor, ...]]:
        names: dict[int, int] = {}
        ends: list[Factor] = []
        for mode, leg in enumerate(term.legs):
            if mode in free:
                names[leg] = free[mode]
            else:
                names[leg] = next(self.fresh)
                ends.append(Vector(Estimate(step, self.blocks[mode]), names[leg]))
        for factor in term.factors:
            for k in indices(factor):
                if k not in names:
                    names[k] = next(self.fresh)
        return term.coefficient, (*(renamed(f, names) for f in term.factors), *ends)

    def contraction_matrix(self, step: int, row: int, col: int, left: int, right: int) -> Iterator:
        """The block (row, col) of Phi: the derivative by u_col of the contraction that leaves block ``row`` free."""
        out = self.first[row]
        for mode, block in enumerate(self.blocks):
            if mode != out and block == col:
                yield from self.contracted(step, {out: left, mode: right})

    # -- derivatives --------------------------------------------------------------------------------------------------
    def derivative(self, factor: Factor, name: str, legs: Sequence[int]) -> Iterator[Piece]:
        """What replaces a factor under d/dZ[legs]: (coefficient, factors, indices to identify)."""
        if isinstance(factor, Noise):
            if factor.name == name:
                orders = permutations(legs) if self.symmetric[name] else (legs,)
                for order in orders:
                    yield S.One, (), tuple(zip(factor.legs, order, strict=True))
        elif isinstance(factor, Vector):
            if isinstance(factor.what, Estimate):
                yield from self._of_estimate(factor.what, factor.leg, name, legs)
        else:
            yield from self._of_resolvent(factor, name, legs)

    def _of_estimate(self, what: Estimate, index: int, name: str, legs: Sequence[int]) -> Iterator[Piece]:
        step = what.step
        for block, mode in self.first.items():
            here = next(self.fresh)
            through = Resolvent(step, what.block, block, index, here)
            for coefficient, factors in self.contracted(step, {mode: here}):
                for position, factor in enumerate(factors):
                    if isinstance(factor, Vector) and (
                        not isinstance(factor.what, Estimate) or factor.what.step == step
                    ):
                        continue
                    rest = factors[:position] + factors[position + 1 :]
                    for c, more, merges in self.derivative(factor, name, legs):
                        yield -coefficient * c, (through, *rest, *more), merges

    def _of_resolvent(self, factor: Resolvent, name: str, legs: Sequence[int]) -> Iterator[Piece]:
        for row in self.first:
            for col in self.first:
                left, right = next(self.fresh), next(self.fresh)
                before = Resolvent(factor.step, factor.row, row, factor.left, left)
                after = Resolvent(factor.step, col, factor.col, right, factor.right)
                for coefficient, factors in self.contraction_matrix(factor.step, row, col, left, right):
                    for position, inner in enumerate(factors):
                        if isinstance(inner, Noise):
                            rest = factors[:position] + factors[position + 1 :]
                            for c, more, merges in self.derivative(inner, name, legs):
                                yield -coefficient * c, (before, after, *rest, *more), merges

    # -- Stein's lemma ------------------------------------------------------------------------------------------------
    def limit(self, coefficient: Expr, factors: tuple[Factor, ...], order: int, record: Record) -> Iterator[Product]:
        """The part of a network that grows like N**order, in traces and inner products."""
        if (missing := order - count_loops(factors)) > 0:
            record.dropped[missing] += 1
            return
        yield from self._limit(coefficient, factors, (), (), order, record)

    def _limit(
        self,
        coefficient: Expr,
        factors: tuple[Factor, ...],
        closed: tuple[Word, ...],
        scalars: tuple[tuple, ...],
        order: int,
        record: Record,
    ) -> Iterator[Product]:
        position = next((i for i, f in enumerate(factors) if isinstance(f, Noise)), None)
        if position is None:
            found = list(components(factors))
            loops = (*closed, *(word for kind, word in found if kind == "loop"))
            assert len(loops) == order, "the order of a network without noise is its number of closed chains"
            if any(kind == "form" for kind, _ in found):
                raise NotImplementedError("a bilinear form of a resolvent at leading order")
            record.kept += 1
            yield Product(coefficient, loops, tuple(pair for kind, pair in found if kind == "inner"), scalars)
            return
        noise = factors[position]
        assert isinstance(noise, Noise)
        rest = factors[:position] + factors[position + 1 :]
        weight = self.weights[noise.name]
        for k, factor in enumerate(rest):
            others = rest[:k] + rest[k + 1 :]
            for c, more, merges in self.derivative(factor, noise.name, noise.legs):
                after, identities = self._merge((*others, *more), merges, noise)
                total = len(closed) + len(identities) + count_loops(after)
                if total > order + 1:
                    raise AssertionError("a quantity that was said to be of one order is of a larger one")
                if total < order + 1:
                    record.dropped[order + 1 - total] += 1
                    continue
                after, apart = self._set_apart(after)
                yield from self._limit(
                    coefficient * c * weight, after, closed + identities, scalars + apart, order + 1, record
                )

    @staticmethod
    def _set_apart(factors: tuple[Factor, ...]) -> tuple[tuple[Factor, ...], tuple[tuple, ...]]:
        """Noise that has met a vector on every leg is a number of order one: an unknown with an equation of its own.

        Applying Stein's lemma to it on the spot would not end where it occurs in its own derivative.
        """
        at = {f.leg: f for f in factors if isinstance(f, Vector)}
        out, gone = [], set()
        for factor in factors:
            if isinstance(factor, Noise) and all(k in at for k in factor.legs):
                out.append((factor.name, *(at[k].what for k in factor.legs)))
                gone |= set(factor.legs)
        rest = tuple(f for f in factors if not gone & set(indices(f)))
        return rest, tuple(out)

    def _merge(
        self, factors: tuple[Factor, ...], merges: Merges, noise: Noise
    ) -> tuple[tuple[Factor, ...], tuple[Word, ...]]:
        """Identify indices; a class of indices on which nothing else stands is the trace of an identity."""
        root: dict[int, int] = {}

        def find(k: int) -> int:
            while root.get(k, k) != k:
                k = root[k]
            return k

        for a, b in merges:
            if find(a) != find(b):
                root[find(a)] = find(b)
        names = {k: find(k) for pair in merges for k in pair}
        factors = tuple(renamed(f, names) for f in factors)
        used = {k for f in factors for k in indices(f)}
        lone = sorted({find(k) for pair in merges for k in pair} - used)
        record = self.read.noises[noise.name]
        words = []
        for k in lone:
            leg = next(i for i, index in enumerate(noise.legs) if find(index) == k)
            words.append(((0, self._block_of(record.shape[leg])),))
        return factors, tuple(words)

    def _block_of(self, dimension: Expr) -> int:
        return self.blocks[self.read.shape.index(dimension)]
