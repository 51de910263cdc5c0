"""Row multipliers that make a pencil accretive, which is what selects the branch.

If rows of ``L`` can be permuted and multiplied by complex numbers so that the random part of ``A = P L`` is
anti-Hermitian and its deterministic part has a nonnegative Hermitian part, then ``A + y`` is invertible for every
realisation and every y > 0, the Dyson equation has exactly one solution with ``Re G > 0``, and the averaged iteration
converges to it from anywhere (Helton, Rashidi Far and Speicher 2007; Earle and Hamilton 1970). One construction
covers the positive case ``(M + lambda)^-1``, spectral points off the real axis, and everything else through the
hermitised pair.
"""

from __future__ import annotations

import cmath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ..field import Fraction
from ..ring import Poly, Ring, word_key
from .component import Component, adjoint, assignments
from .matrix_equation import Numbers

__all__ = ["Rotation", "multipliers", "rotated", "rotations"]

# the real positive case first, then the two half planes, then the rest of the circle
_ANGLES = tuple(cmath.pi * k / 8 for k in (0, 4, -4, 8, 2, -2, 6, -6, 1, -1, 3, -3, 5, -5, 7, -7))


@dataclass(frozen=True)
class Rotation:
    """Row ``i`` goes to position ``order[i]``; each constraint (i, j, a, b) says ``p_j b = -conj(p_i a)``."""

    order: tuple[int, ...]
    constraints: tuple[tuple[int, int, Fraction, Fraction], ...]


def _lead(ring: Ring, a: Poly) -> tuple[Fraction, str]:
    first = min(a.terms, key=word_key)
    return a.terms[first], ring.scale(a.terms[first].inverse(), a).key


def rotations(ring: Ring, component: Component) -> Iterator[Rotation]:
    """Permutations of the rows that can make the random part anti-Hermitian, the identity first."""
    terms = []
    for t in component.noise:
        left, left_key = _lead(ring, t.left.poly)
        right, right_key = _lead(ring, t.right.poly)
        mirrored = (_lead(ring, adjoint(ring, t.right.poly))[1], _lead(ring, adjoint(ring, t.left.poly))[1])
        terms.append((t.i, t.k, t.matrix, (left_key, right_key), mirrored, left * right))
    for order in assignments(component):
        row_at = {s: i for i, s in enumerate(order)}
        constraints = []
        for i, k, matrix, _, mirrored, c in terms:
            j, s = row_at[k], order[i]
            partner = next(
                (t for t in terms if t[0] == j and t[1] == s and t[2] == matrix.apply("H") and t[3] == mirrored), None
            )
            if partner is None:
                break
            constraints.append((i, j, c, partner[5]))
        else:
            # mirrored deterministic blocks must cancel too; that fixes the magnitudes of rows the noise does not link
            mirrored_blocks = tuple(_mirrored(ring, component, order, row_at))
            if mirrored_blocks:
                yield Rotation(order, (*constraints, *mirrored_blocks))
            yield Rotation(order, tuple(constraints))


def _mirrored(
    ring: Ring, component: Component, order: tuple[int, ...], row_at: dict[int, int]
) -> Iterator[tuple[int, int, Fraction, Fraction]]:
    for (i, j), entry in component.fixed.items():
        s, r = order[i], row_at[j]
        partner = component.fixed.get((r, s))
        if s == j or partner is None:
            continue
        a, key = _lead(ring, entry.poly)
        b, _ = _lead(ring, partner.poly)
        if _lead(ring, adjoint(ring, partner.poly))[1] == key:
            yield i, r, a, b


def rotated(
    algebra: Any, order: Sequence[int], p: Sequence[Any], K: Mapping[tuple[int, int], Any]
) -> dict[tuple[int, int], Any]:
    """The blocks of ``P K``: row i times ``p[i]``, in position ``order[i]``."""
    return {(order[i], j): x if _is_one(p[i]) else algebra.scale(p[i], x) for (i, j), x in K.items()}


def _is_one(x: Any) -> bool:
    return isinstance(x, int | float | complex) and x == 1


def multipliers(rotation: Rotation, numbers: Numbers) -> Iterator[list[Any]]:
    """Solutions p of the constraints on a grid of free phases; inconsistent phases are skipped."""
    m = len(rotation.order)
    values = []
    for i, j, a, b in rotation.constraints:
        values.append((i, j, numbers.fraction(a), numbers.fraction(b)))
    group = list(range(m))
    for i, j, _, _ in values:
        old, new = group[j], group[i]
        group = [new if g == old else g for g in group]
    roots = sorted(set(group))
    kind = numbers.algebra.kind
    angles = _ANGLES if len(roots) <= 2 else _ANGLES[:4]
    for choice in product(angles, repeat=len(roots)):
        if len(roots) > 3 and len(set(choice)) > 1:
            continue
        p: list[Any] = [None] * m
        for root, angle in zip(roots, choice, strict=True):
            p[group.index(root)] = _unit(angle) if hasattr(kind, "xp") else kind.number(_unit(angle))
        changed = True
        while changed:
            changed = False
            for i, j, a, b in values:
                if p[i] is not None and p[j] is None:
                    p[j] = -kind.conjugate(p[i] * a) / b
                    changed = True
                elif p[j] is not None and p[i] is None:
                    p[i] = -kind.conjugate(p[j] * b) / a
                    changed = True
        p = [kind.one if x is None else x for x in p]
        if all(_close(numbers, p[j] * b, -kind.conjugate(p[i] * a)) for i, j, a, b in values):
            yield p


def _unit(angle: float) -> complex | int:
    exact = {0.0: 1, cmath.pi / 2: 1j, -cmath.pi / 2: -1j, cmath.pi: -1}
    return exact.get(angle, cmath.exp(1j * angle))


def _close(numbers: Numbers, x: Any, y: Any) -> bool:
    kind = numbers.algebra.kind
    xp = getattr(kind, "xp", None)
    gap, size = abs(x - y), abs(x)
    if hasattr(kind, "bits"):
        # a proof rests on this equality of rational functions: ask for it to half the working precision
        return bool(gap <= kind.number(2) ** (-(kind.bits // 2)) * size)
    if xp is None or isinstance(gap, float):
        return bool(gap <= 1e-9 * size)
    return bool(xp.all(gap <= 1e-9 * size))
