"""Tensor networks: products of vectors, noise entries and resolvent blocks that share summed indices.

Every index stands twice. A network without noise is a product of components: two vectors that meet (an inner product),
a closed chain of resolvent blocks (a trace, of order N), or a chain between two vectors (a form, of order 1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sympy import Expr

__all__ = [
    "Estimate",
    "Factor",
    "Noise",
    "Resolvent",
    "TensorTerm",
    "Vector",
    "Word",
    "components",
    "count_loops",
    "fixed_vectors",
]


class Estimate(NamedTuple):
    """The vector that estimator ``step`` has in block ``block`` (a mode, or all modes when it is symmetric)."""

    step: int
    block: int


class Vector(NamedTuple):
    """A vector, fixed or an :class:`Estimate`, at an index."""

    what: Hashable
    leg: int


class Noise(NamedTuple):
    """An entry of a Gaussian tensor."""

    name: str
    legs: tuple[int, ...]


class Resolvent(NamedTuple):
    """An entry of the block (row, col) of the resolvent of estimator ``step``."""

    step: int
    row: int
    col: int
    left: int
    right: int


Factor = Vector | Noise | Resolvent
# a closed chain R^a_{ij} R^b_{jk} ... as ((a, i), (b, j), ...); ((0, i),) with step 0 is the identity on block i
Word = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class TensorTerm:
    """One term of a tensor: a network whose indices ``legs`` are open, one per mode."""

    coefficient: Expr
    factors: tuple[Factor, ...]
    legs: tuple[int, ...]


def fixed_vectors(term: TensorTerm) -> Iterator[tuple[int | None, Hashable]]:
    """The fixed vectors of a term, each with the mode it stands in (None when it is contracted inside the term)."""
    for factor in term.factors:
        if isinstance(factor, Vector) and not isinstance(factor.what, Estimate):
            yield (term.legs.index(factor.leg) if factor.leg in term.legs else None), factor.what


def indices(factor: Factor) -> tuple[int, ...]:
    if isinstance(factor, Vector):
        return (factor.leg,)
    return factor.legs if isinstance(factor, Noise) else (factor.left, factor.right)


def renamed(factor: Factor, names: Mapping[int, int]) -> Factor:
    if isinstance(factor, Vector):
        return Vector(factor.what, names.get(factor.leg, factor.leg))
    if isinstance(factor, Noise):
        return Noise(factor.name, tuple(names.get(k, k) for k in factor.legs))
    step, row, col, left, right = factor
    return Resolvent(step, row, col, names.get(left, left), names.get(right, right))


def _remaining(factors: Sequence[Factor]) -> list[set[int]]:
    """Legs left after everything that hangs on a vector is taken off: what is left closes on itself."""
    legs = [set(indices(f)) for f in factors]
    # an index that one factor holds twice is a loop of that factor
    own = [{k for k, times in Counter(indices(f)).items() if times == 2} for f in factors]
    where: dict[int, list[int]] = {}
    for position, held in enumerate(legs):
        for k in held:
            where.setdefault(k, []).append(position)
    pending = [i for i, held in enumerate(legs) if len(held) + len(own[i]) == 1]
    while pending:
        i = pending.pop()
        for k in list(legs[i]):
            legs[i].discard(k)
            for j in where[k]:
                if j != i and k in legs[j]:
                    legs[j].discard(k)
                    if len(legs[j]) + len(own[j]) == 1:
                        pending.append(j)
    return legs


def count_loops(factors: Sequence[Factor]) -> int:
    """Closed chains of resolvents, a noise entry with two free legs counting as a link: each is of order N."""
    legs = _remaining(factors)
    parent: dict[int, int] = {}

    def find(k: int) -> int:
        while parent.setdefault(k, k) != k:
            k = parent[k]
        return k

    for held in legs:
        for k in held:
            parent[find(k)] = find(min(held))
    return len({find(k) for held in legs for k in held})


def components(factors: Sequence[Factor]) -> Iterator[tuple[str, tuple]]:
    """The components of a network without noise: ("inner", (v, w)), ("loop", word) or ("form", ())."""
    at: dict[int, list[int]] = {}
    for position, factor in enumerate(factors):
        for k in indices(factor):
            at.setdefault(k, []).append(position)
    seen: set[int] = set()
    for start, factor in enumerate(factors):
        if not isinstance(factor, Vector) or start in seen:
            continue
        end, length = _follow(factors, at, start, factor.leg, seen)
        last = factors[end]
        assert isinstance(last, Vector)
        yield ("form", ()) if length else ("inner", (factor.what, last.what))
    for start, factor in enumerate(factors):
        if start in seen or not isinstance(factor, Resolvent):
            continue
        word, position, index = [], start, factor.left
        while position not in seen:
            seen.add(position)
            here = factors[position]
            assert isinstance(here, Resolvent)
            forward = index == here.left
            word.append((here.step, here.row if forward else here.col))
            index = here.right if forward else here.left
            position = _other(at[index], position)
        yield "loop", canonical(word)


def _follow(factors: Sequence[Factor], at: Mapping[int, list[int]], start: int, index: int, seen: set[int]) -> tuple:
    seen.add(start)
    position, length = _other(at[index], start), 0
    while isinstance(here := factors[position], Resolvent):
        seen.add(position)
        index = here.right if index == here.left else here.left
        position = _other(at[index], position)
        length += 1
    seen.add(position)
    return position, length


def _other(pair: Sequence[int], one: int) -> int:
    return pair[1] if pair[0] == one else pair[0]


def canonical(word: Iterable[tuple[int, int]]) -> Word:
    """One name for a closed chain, whichever way and from wherever it is read; later estimators first."""
    forward = list(word)
    n = len(forward)
    backward = [(forward[k][0], forward[(k + 1) % n][1]) for k in reversed(range(n))]
    rotations = [tuple(w[k:] + w[:k]) for w in (forward, backward) for k in range(n)]
    return min(rotations, key=lambda w: ([-step for step, _ in w], [block for _, block in w]))
