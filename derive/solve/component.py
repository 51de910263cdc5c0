"""The irreducible pieces of a pencil, ready for numbers.

The pencil is block triangular in its strongly connected components, and the unknowns inside one component obey an
equation of their own. Everything about which solution is the right one happens in these components; what couples them
is affine and was solved symbolically. A component knows its blocks, its noise and its unknowns; the *hermitised* copy
of one, ``[[0, L], [L*, 0]]``, is a component too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sympy import Expr

from ..dyson import DysonEquation
from ..eliminate import Elimination
from ..field import Fraction
from ..free import FreeElement
from ..graph import components
from ..merge import signature
from ..nodes import Letter
from ..pencil import Pencil
from ..regime import Regime, Space
from ..ring import InverseAtom, Poly, Ring, Word, word_key
from ..symbols import FreeMatrix, Haar

__all__ = [
    "Component",
    "Entry",
    "FreeSlots",
    "Noise",
    "SlotEntries",
    "Unknown",
    "adjoint",
    "assignments",
    "components_of",
    "hermitised",
]


@dataclass(frozen=True)
class Entry:
    """A deterministic polynomial; ``conjugate`` means that its scalars are taken at the conjugate parameters."""

    poly: Poly
    conjugate: bool = False


@dataclass(frozen=True)
class Noise:
    """The block term ``left * matrix * right`` in row ``i``, column ``k``."""

    i: int
    k: int
    left: Entry
    matrix: Letter
    right: Entry


@dataclass(frozen=True)
class Unknown:
    """``tau = tr(weight G[k, l]) / dim``; ``name`` the symbol if it has one."""

    k: int
    l: int
    weight: Entry | None
    name: str | None


@dataclass(frozen=True)
class SlotEntries:
    """One occurrence ``sum_i left[i] X sum_k right[k]`` of a free element, restricted to a component."""

    letter: Letter
    left: Mapping[int, Entry]
    right: Mapping[int, Entry]


@dataclass(frozen=True)
class FreeSlots:
    """A free element in a component; ``names[r, s]`` are its unknowns that can differ from zero, by symbol or None."""

    letter: Letter
    slots: tuple[SlotEntries, ...]
    names: Mapping[tuple[int, int], str | None]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of slots between which there is a trace; of a Haar matrix, U with its adjoint."""
        haar, slots = isinstance(self.letter.matrix, Haar), list(enumerate(self.slots))
        return [(r, s) for r, a in slots for s, b in slots if not haar or a.letter != b.letter]


@dataclass(frozen=True)
class Component:
    """Blocks 0..m-1 with their spaces, the deterministic part, the noise, the unknowns and how they enter eta.

    ``noise`` holds the terms of free elements too, whose unknowns follow those of the Gaussian noise, in the order of
    ``free`` and of the names in it.

    ``pairings`` holds (i, j, unknown, left, right, space, matrix): ``eta[i, j] += variance * size * tau * left right``.
    ``pivots`` are the ones symbolic elimination took, ``balanced`` the same component with rows multiplied by
    deterministic matrices (see :func:`balance`), ``factors`` these matrices by row and ``places`` the positions that
    its rows go to.
    """

    spaces: tuple[Space, ...]
    fixed: Mapping[tuple[int, int], Entry]
    noise: tuple[Noise, ...]
    unknowns: tuple[Unknown, ...]
    pairings: tuple[tuple[int, int, int, Entry, Entry, Space, Letter], ...]
    pivots: tuple[tuple[int, int], ...] = ()
    balanced: Component | None = None
    factors: Mapping[int, Entry] = field(default_factory=dict)
    places: tuple[int, ...] = ()
    free: tuple[FreeSlots, ...] = ()

    @property
    def names(self) -> list[str | None]:
        """The symbols of all unknowns, in order."""
        return [u.name for u in self.unknowns] + [name for element in self.free for name in element.names.values()]


def components_of(ring: Ring, equation: DysonEquation, elimination: Elimination) -> list[Component]:
    """The distinct components with noise, every one after those it depends on."""
    pencil = equation.pencil
    growing = equation.growing()
    edges = {i: [j for j in pencil.rows[i] if j in growing] for i in growing}
    seen: set[str] = set()
    out = []
    for number, members in enumerate(components(growing, edges)):
        key = signature(pencil, members)
        if key in seen or not any(pencil.rows[i][j].random for i in members for j in pencil.rows[i] if j in members):
            continue
        seen.add(key)
        component = _component(ring, equation, pencil, members)
        local = {b: k for k, b in enumerate(members)}
        free = tuple(f for f in (_free_slots(e, number, local) for e in equation.free) if f is not None)
        component = replace(component, free=free)
        pivots = tuple((local[i], local[j]) for i, j in elimination.pivots if i in local)
        out.append(replace(component, pivots=pivots, balanced=balance(ring, component)))
    return out


def _component(ring: Ring, equation: DysonEquation, pencil: Pencil, members: list[int]) -> Component:
    local = {b: k for k, b in enumerate(members)}
    fixed, noise = {}, []
    for i in members:
        for k, c in pencil.rows[i].items():
            if k not in local:
                continue
            if c.fixed:
                fixed[local[i], local[k]] = Entry(c.fixed)
            for t in c.random:
                noise.append(Noise(local[i], local[k], Entry(t.left), t.matrix, Entry(t.right)))
    names = {
        (local[t.row], local[t.col], word_key(t.weight)): t.symbol.name
        for t in equation.taus
        if t.row in local and t.col in local
    }
    return _pair(ring, tuple(pencil.blocks[b].space for b in members), fixed, noise, names)


def _free_slots(element: FreeElement, number: int, local: Mapping[int, int]) -> FreeSlots | None:
    """The slots that lie in component ``number``."""
    index = [r for r, slot in enumerate(element.slots) if slot.component == number]
    if not index:
        return None

    def inside(entries: Mapping[int, Poly]) -> dict[int, Entry]:
        return {local[k]: Entry(poly) for k, poly in entries.items() if k in local}

    slots = (element.slots[r] for r in index)
    names = {
        (a, b): element.rho[r, s][0].name
        for a, r in enumerate(index)
        for b, s in enumerate(index)
        if (r, s) in element.rho
    }
    return FreeSlots(
        element.letter, tuple(SlotEntries(s.letter, inside(s.left), inside(s.right)) for s in slots), names
    )


def _pair(
    ring: Ring,
    spaces: tuple[Space, ...],
    fixed: Mapping[tuple[int, int], Entry],
    noise: list[Noise],
    names: Mapping[tuple[int, int, str], str] | None,
) -> Component:
    """Every pairing of the noise; unknowns are shared by block and weight, named after the symbolic ones."""
    unknowns: dict[tuple[int, int, str], int] = {}
    out: list[Unknown] = []
    pairings = []
    for first in noise:
        partner = first.matrix.apply("H")
        for second in noise:
            if second.matrix != partner or isinstance(partner.matrix, FreeMatrix):
                continue
            # one unknown per word of the weight, as in the symbolic equation; scalars stay with their own term
            for word, x, y in _weights(ring, second.left.poly, first.right.poly):
                name = None if names is None else names.get((first.k, second.i, word_key(word)))
                if names is not None and name is None:
                    continue  # the symbolic pass found this block to be structurally zero
                key = (first.k, second.i, word_key(word))
                if key not in unknowns:
                    unknowns[key] = len(out)
                    out.append(Unknown(first.k, second.i, _unit(ring, word), name))
                left = Entry(ring.scale(y, first.left.poly), first.left.conjugate)
                right = Entry(ring.scale(x, second.right.poly), second.right.conjugate)
                pairings.append((first.i, second.k, unknowns[key], left, right, spaces[second.i], first.matrix))
    return Component(spaces, fixed, tuple(noise), tuple(out), tuple(pairings))


def _unit(ring: Ring, word: Word) -> Entry | None:
    return Entry(Poly(word[0].rows, word[-1].cols, {word: ring.field.one})) if word else None


def _weights(ring: Ring, second: Poly, first: Poly) -> Iterator[tuple[Word, Fraction, Fraction]]:
    """Words of ``second * first`` with the scalars of either side."""
    for u, x in second.terms.items():
        for v, y in first.terms.items():
            yield ring.normal(u + v), x, y


def balance(ring: Ring, component: Component) -> Component | None:
    """Multiply rows by deterministic matrices so that mirrored noise is adjoint: ``Z S`` in one row needs ``S Z'`` in
    the other, which ``v = Z' w`` times S gives. None when no row needs it.

    The unknowns keep their values: with ``G'_kl = G_kl M_l^-1`` the weight becomes ``M_l W``.
    """
    candidates = ((order, _factors(ring, component, order)) for order in assignments(component))
    order, words = next(((o, f) for o, f in candidates if f is not None), ((), None))
    if words is None or not any(words):
        return None

    def times(i: int, entry: Entry) -> Entry:
        poly = entry.poly
        return Entry(ring.mul(Poly(poly.rows, poly.rows, {words[i]: ring.field.one}), poly), entry.conjugate)

    fixed = {(i, j): times(i, e) for (i, j), e in component.fixed.items()}
    noise = [replace(t, left=times(t.i, t.left)) for t in component.noise]
    names = {}
    for u in component.unknowns:
        weight = () if u.weight is None else next(iter(u.weight.poly.terms))
        names[u.k, u.l, word_key(ring.normal(words[u.l] + weight))] = u.name or ""
    units = {i: _unit(ring, word) for i, word in enumerate(words)}
    factors = {i: unit for i, unit in units.items() if unit is not None}
    free = tuple(
        replace(e, slots=tuple(replace(s, left={i: times(i, a) for i, a in s.left.items()}) for s in e.slots))
        for e in component.free
    )
    paired = _pair(ring, component.spaces, fixed, noise, names)
    return replace(paired, factors=factors, places=order, free=free)


def _factors(ring: Ring, component: Component, order: Sequence[int]) -> list[Word] | None:
    """For every row the word that makes its noise the adjoint of the noise it is paired with."""
    row_at = {s: i for i, s in enumerate(order)}
    factors: list[Word | None] = [None] * len(component.spaces)
    for t in component.noise:
        j, s = row_at[t.k], order[t.i]
        other = next((o for o in component.noise if (o.i, o.k, o.matrix) == (j, s, t.matrix.apply("H"))), None)
        if other is None:
            return None
        left, right = _word(t.left.poly), _word(adjoint(ring, other.right.poly))
        if left is None or right is None or right[len(right) - len(left) :] != left:
            return None
        factor = right[: len(right) - len(left)]
        if factors[t.i] not in (None, factor):
            return None
        factors[t.i] = factor
    return [f or () for f in factors]


def assignments(component: Component) -> Iterator[tuple[int, ...]]:
    """Where each row goes so that every random matrix meets its adjoint across the diagonal; the identity first."""
    m = len(component.spaces)
    rows = [sorted(t.matrix.key for t in component.noise if t.i == i) for i in range(m)]
    cols = [sorted(t.matrix.apply("H").key for t in component.noise if t.k == k) for k in range(m)]

    def assign(i: int, order: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if i == m:
            yield order
            return
        for s in sorted(range(m), key=lambda s: s != i):
            if s not in order and component.spaces[s] == component.spaces[i] and rows[i] == cols[s]:
                yield from assign(i + 1, (*order, s))

    yield from assign(0, ())


def _word(poly: Poly) -> Word | None:
    return next(iter(poly.terms)) if len(poly.terms) == 1 else None


def adjoint(ring: Ring, a: Poly) -> Poly:
    """The adjoint with the scalars left alone (they are conjugated when numbers are put in)."""
    terms = {}
    for word, c in a.terms.items():
        out: list = []
        for factor in reversed(word):
            if isinstance(factor, Letter):
                out.append(factor.apply("H"))
            else:
                inner = adjoint(ring, factor.arg)
                (atom,), _ = next(iter(ring.inverse(inner).terms.items()))
                assert isinstance(atom, InverseAtom)
                out.append(atom)
        terms[ring.normal(tuple(out))] = c
    return Poly(a.cols, a.rows, terms)


def hermitised(ring: Ring, component: Component) -> Component:
    """The component of ``[[0, L], [L*, 0]]``: blocks 0..m-1 are the left halves, m..2m-1 the right ones."""
    m = len(component.spaces)
    fixed: dict[tuple[int, int], Entry] = {}
    for (i, j), entry in component.fixed.items():
        fixed[i, m + j] = entry
        fixed[m + j, i] = Entry(adjoint(ring, entry.poly), not entry.conjugate)
    noise = []
    for t in component.noise:
        noise.append(Noise(t.i, m + t.k, t.left, t.matrix, t.right))
        noise.append(
            Noise(
                m + t.k,
                t.i,
                Entry(adjoint(ring, t.right.poly), True),
                t.matrix.apply("H"),
                Entry(adjoint(ring, t.left.poly), True),
            )
        )
    spaces = component.spaces * 2
    free = tuple(_hermitised_slots(ring, element, m) for element in component.free)
    return replace(_pair(ring, spaces, fixed, noise, None), free=free)


def _hermitised_slots(ring: Ring, element: FreeSlots, m: int) -> FreeSlots:
    """The slots of L and those of its adjoint; unknowns between the first keep their names."""
    slots = [SlotEntries(s.letter, s.left, {m + k: b for k, b in s.right.items()}) for s in element.slots]
    for s in element.slots:
        left = {m + k: Entry(adjoint(ring, b.poly), True) for k, b in s.right.items()}
        right = {i: Entry(adjoint(ring, a.poly), True) for i, a in s.left.items()}
        slots.append(SlotEntries(s.letter.apply("H"), left, right))
    doubled = FreeSlots(element.letter, tuple(slots), {})
    return replace(doubled, names={pair: element.names.get(pair) for pair in doubled.pairs})


def variance_of(regime: Regime, letter: Letter) -> Expr:
    return regime.growth(letter.matrix.variance)[0]
