"""How a free element closes the system: its unknowns rho as functions of the traces g over its slots.

Used by the seventh stage. For a self-adjoint X with law mu there is an m x m matrix kappa (the subordination function,
seen from the slots) with

    E (kappa + x)^-1 = g ,        rho = g^-1 - kappa ,        x ~ mu,

so that ``kappa = g^-1 - rho`` and ``rho = (E (kappa + x)^-1)^-1 - kappa`` close the system (Belinschi, Mai and Speicher
2017, theorem 2.2). In one slot kappa is the shift of a monic inverse, ``g = tr (X + kappa)^-1 / n``: Pastur's
subordination. With ``nu = kappa^-1`` nothing needs g to be invertible, as it is not where X stands outside all inverses
(``tr X A X B``):

    nu = g (1 - rho g)^-1,     t = E x (1 + nu x)^-1,     rho = t (1 - nu t)^-1.

Slots of different components make g triangular; their off-diagonal unknowns are affine in the off-diagonal traces,
which gives two-resolvent quantities. Every function of the one matrix X is written with the fewest inverses.

For a Haar matrix the average over ``|u| = 1`` is explicit: between slots of U (1) and of ``U*`` (2),

    rho_12 = -g_12 (1 - rho_21 g_12)^-1,     rho_21 = -g_21 (1 - rho_12 g_21)^-1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .dyson import DysonEquation
from .eliminate import Elimination
from .errors import ResolventError
from .field import Field, Fraction
from .free import FreeElement
from .graph import components
from .nodes import Letter
from .ring import InverseAtom, Poly, Ring, Word

__all__ = ["subordinated"]

# a fraction with more terms gets a name of its own
_LONG = 10

Entries = dict[tuple[int, int], Fraction]


def subordinated(
    ring: Ring, equation: DysonEquation, elimination: Elimination, element: FreeElement
) -> dict[int, Fraction]:
    """Every unknown of one free element as a function of all unknowns: position -> value."""
    grows = [not block.space.finite for block in equation.pencil.blocks]
    size = ring.field.from_sympy(element.letter.rows.size)
    pairs = [(r, s) for r in range(len(element.slots)) for s in range(len(element.slots))]
    g: Entries = {}
    for r, s in pairs:
        if element.is_haar and element.slots[r].letter == element.slots[s].letter:
            continue
        total = ring.field.zero
        for k, i, b, a in element.probes(r, s, grows):
            if (k, i) in elimination.bulk:
                total = total + ring.trace(ring.mul(b, ring.mul(elimination.bulk[k, i], a)))
        if total:
            g[r, s] = total / size
    rho = {entry: ring.field.generator(position) for entry, (_, position) in element.rho.items()}
    values = _haar(ring.field, element, g, rho) if element.is_haar else _self_adjoint(ring, element, g, rho)
    out: dict[int, Fraction] = {}
    for entry, (_, position) in element.rho.items():
        # unknowns that were merged have several entries; the first is the one that was kept
        out.setdefault(position, values.get(entry, ring.field.zero))
    return out


# -- matrices over the field ------------------------------------------------------------------------------------------


def _product(a: Entries, b: Entries) -> Entries:
    out: Entries = {}
    for (i, j), x in a.items():
        for (k, l), y in b.items():
            if j == k:
                out[i, l] = out[i, l] + x * y if (i, l) in out else x * y
    return {entry: x for entry, x in out.items() if x}


def _sum(*terms: Entries) -> Entries:
    out: Entries = {}
    for term in terms:
        for entry, x in term.items():
            out[entry] = out[entry] + x if entry in out else x
    return {entry: x for entry, x in out.items() if x}


def _minus(a: Entries) -> Entries:
    return {entry: -x for entry, x in a.items()}


def _identity(field: Field, index: Sequence[int]) -> Entries:
    return {(i, i): field.one for i in index}


def _inverse(field: Field, a: Entries, index: Sequence[int]) -> Entries:
    """Gauss-Jordan with the shortest pivots."""
    rows = {i: {j: a[i, j] for j in index if (i, j) in a} for i in index}
    right = {i: {i: field.one} for i in index}
    left, taken = list(index), {}
    for _ in index:
        options = [(len(x.num) + len(x.den), i, j) for i in left for j, x in rows[i].items() if j not in taken]
        if not options:
            raise ResolventError("a free element enters through traces that are linearly dependent; simplify its terms")
        _, i, j = min(options)
        left.remove(i)
        taken[j] = i
        pivot = rows[i][j].inverse()
        rows[i] = {k: x * pivot for k, x in rows[i].items()}
        right[i] = {k: x * pivot for k, x in right[i].items()}
        for other in index:
            if other == i or j not in rows[other]:
                continue
            factor = rows[other][j]
            for target, source in ((rows, rows), (right, right)):
                for k, x in source[i].items():
                    total = target[other].get(k, field.zero) - factor * x
                    if total:
                        target[other][k] = total
                    else:
                        target[other].pop(k, None)
    return {(j, k): x for j, i in taken.items() for k, x in right[i].items()}


# -- Haar matrices ----------------------------------------------------------------------------------------------------


def _haar(field: Field, element: FreeElement, g: Entries, rho: Entries) -> Entries:
    index = range(len(element.slots))
    first = [r for r in index if element.slots[r].letter == element.letter]
    second = [r for r in index if r not in first]
    out: Entries = {}
    for rows, cols in ((first, second), (second, first)):
        forth = {(r, s): x for (r, s), x in g.items() if r in rows}
        back = {(r, s): x for (r, s), x in rho.items() if r in cols}
        inverse = _inverse(field, _sum(_identity(field, cols), _minus(_product(back, forth))), cols)
        out |= _minus(_product(forth, inverse))
    return out


# -- self-adjoint elements --------------------------------------------------------------------------------------------


class _Spectral:
    """Functions of one matrix X, polynomials in X and in inverses of such with the fewest inverses; and their means."""

    def __init__(self, ring: Ring, letter: Letter):
        self.ring, self.letter, self.space = ring, letter, letter.rows
        self.X = ring.letter(letter)
        self.one = ring.identity(self.space)
        self.coupled = False

    def brief(self, a: Entries) -> Entries:
        """The same entries, the long ones under names where slots are coupled: written out they would multiply up."""
        if not self.coupled:
            return a
        return {entry: _short(self.ring, x, _LONG) for entry, x in a.items()}

    def scale(self, c: Fraction, a: Poly) -> Poly:
        return self.ring.scale(c, a)

    def times(self, *factors: Poly) -> Poly:
        out = factors[0]
        for factor in factors[1:]:
            out = self.ring.mul(out, factor)
        return self.shortened(out)

    def shortened(self, a: Poly) -> Poly:
        """``X (X + kappa)^-1 = 1 - kappa (X + kappa)^-1``, and the like for inverses of higher degree."""
        pending, out = dict(a.terms), self.ring.zero(self.space, self.space)
        while pending:
            word, c = pending.popitem()
            for atom in word:
                if not isinstance(atom, InverseAtom):
                    continue
                degree = max(len(w) for w in atom.arg.terms)
                if word.count(self.letter) < degree:
                    continue
                rest = list(word)
                rest.remove(atom)
                for _ in range(degree):
                    rest.remove(self.letter)
                lead = atom.arg.terms[(self.letter,) * degree]
                parts = {self.ring.normal(tuple(rest)): c / lead}
                for w, x in atom.arg.terms.items():
                    if len(w) < degree:
                        shorter = self.ring.normal((*rest, *w, atom))
                        parts[shorter] = parts.get(shorter, self.ring.field.zero) - c * x / lead
                for w, x in parts.items():
                    pending[w] = pending.get(w, self.ring.field.zero) + x
                break
            else:
                out = self.ring.add(out, Poly(self.space, self.space, {word: c}))
        return Poly(self.space, self.space, {w: c for w, c in out.terms.items() if c})

    def mean(self, a: Poly) -> Fraction:
        return self.ring.trace(a) / self.ring.field.from_sympy(self.space.size)

    def power(self, k: int) -> Poly:
        word: Word = (self.letter,) * k
        return Poly(self.space, self.space, {word: self.ring.field.one})


Polys = dict[tuple[int, int], Poly]


def _self_adjoint(ring: Ring, element: FreeElement, g: Entries, rho: Entries) -> Entries:
    """Block by block of the triangular g; see the module's docstring."""
    field, count = ring.field, len(element.slots)
    spectral = _Spectral(ring, element.letter)
    edges = {r: [s for s in range(count) if (r, s) in g and s != r] for r in range(count)}
    blocks = components(range(count), edges)
    spectral.coupled = any(len(block) > 1 for block in blocks)
    nu: Entries = {}
    inverse: Polys = {}  # (1 + nu x)^-1
    out: Entries = {}
    for number, rows in enumerate(blocks):
        own, mine = _diagonal(spectral, rows, _restricted(g, rows, rows), _restricted(rho, rows, rows))
        nu |= own[0]
        inverse |= own[1]
        out |= mine
        for earlier in range(number - 1, -1, -1):
            cols = blocks[earlier]
            between = [s for block in blocks[earlier + 1 : number] for s in block]
            if not any((r, s) in rho for r in rows for s in cols):
                continue
            link = _link(spectral, rows, between, cols, g, nu, inverse)
            nu |= link[0]
            inverse |= link[1]
    t = spectral.brief(_means(spectral, {entry: spectral.times(spectral.X, x) for entry, x in inverse.items()}))
    means = spectral.brief(_means(spectral, inverse))
    for number, rows in enumerate(blocks):
        for earlier in range(number - 1, -1, -1):
            cols = blocks[earlier]
            inside = [s for block in blocks[earlier + 1 : number + 1] for s in block]
            # rho (1 - nu t) = t, column block by column block; 1 - nu t = E (1 + nu x)^-1
            known = {
                **{e: x for e, x in rho.items() if e[0] in rows and e[1] in rows},
                **_restricted(out, rows, inside),
            }
            driven = _sum(_restricted(t, rows, cols), _minus(_product(known, _restricted(means, inside, cols))))
            solved = spectral.brief(_inverse(field, _restricted(means, cols, cols), cols))
            out |= _product(driven, solved)
    return out


def _restricted(a: Mapping[tuple[int, int], Fraction], rows: Sequence[int], cols: Sequence[int]) -> Entries:
    return {(i, j): x for (i, j), x in a.items() if i in rows and j in cols}


def _diagonal(
    spectral: _Spectral, rows: Sequence[int], g: Entries, rho: Entries
) -> tuple[tuple[Entries, Polys], Entries]:
    """nu and (1 + nu x)^-1 on one diagonal block, and the unknowns there."""
    ring, field = spectral.ring, spectral.ring.field
    if not g:
        # X stands outside all inverses: its mean
        (r,) = rows
        mean = spectral.mean(spectral.X)
        return ({}, {(r, r): spectral.one}), {(r, r): mean}
    if len(rows) == 1:
        (r,) = rows
        shifted = spectral.scale(g[r, r].inverse() - rho[r, r], spectral.one)
        atom = ring.inverse(ring.add(shifted, spectral.X))
        ((inner,),) = atom.terms
        assert isinstance(inner, InverseAtom)
        kappa = inner.arg.terms[()]
        closed = spectral.mean(atom).inverse() - kappa
        return ({(r, r): kappa.inverse()}, {(r, r): spectral.scale(kappa, atom)}), {(r, r): closed}
    omega = {e: ring.shift_entry(x) for e, x in _shift(ring, g, rho, rows).items()}
    # adjugate of omega + x by Faddeev and LeVerrier: sum_j C_j x^(m-1-j) over the determinant
    one, m = _identity(field, rows), len(rows)
    adjugate, determinant = [one], spectral.power(m)
    for k in range(1, m + 1):
        step = _product(omega, adjugate[-1])
        trace = field.zero
        for r in rows:
            trace = trace + step.get((r, r), field.zero)
        e = trace / field.integer(k)
        determinant = ring.add(determinant, spectral.scale(e, spectral.power(m - k)))
        if k < m:
            adjugate.append(_sum({entry: e * x for entry, x in one.items()}, _minus(step)))
    atom = ring.inverse(determinant)
    resolvent: Polys = {}
    for k, C in enumerate(adjugate):
        for entry, x in C.items():
            term = spectral.scale(x, spectral.times(spectral.power(m - 1 - k), atom))
            resolvent[entry] = ring.add(resolvent[entry], term) if entry in resolvent else term
    means = {entry: _short(ring, x, _LONG) for entry, x in _means(spectral, resolvent).items()}
    value = _sum(_inverse(field, means, rows), _minus(omega))
    nu = spectral.brief(_inverse(field, omega, rows))
    return (nu, _mixed(spectral, omega, resolvent)), value


def _shift(ring: Ring, g: Entries, rho: Entries, rows: Sequence[int]) -> Entries:
    """``g^-1 - rho``: from g itself where that is short, as rho then often cancels, else from names for its entries."""
    explicit = len(rows) <= 2 and max(map(_terms, g.values())) <= 2 * _LONG
    named = g if explicit else {entry: _short(ring, x, 1) for entry, x in g.items()}
    return _sum(_inverse(ring.field, named, rows), _minus(rho))


def _short(ring: Ring, value: Fraction, limit: int) -> Fraction:
    return value if _terms(value) <= limit else ring.shift_entry(value)


def _terms(value: Fraction) -> int:
    return len(value.num) + len(value.den)


def _link(
    spectral: _Spectral,
    rows: Sequence[int],
    between: Sequence[int],
    cols: Sequence[int],
    g: Entries,
    nu: Entries,
    inverse: Polys,
) -> tuple[Entries, Polys]:
    """nu and (1 + nu x)^-1 between two diagonal blocks, from ``g = E (1 + nu x)^-1 nu``, which is affine in this nu."""
    ring, field = spectral.ring, spectral.ring.field

    def polys(left: Sequence[int], right: Sequence[int]) -> Polys:
        return {(i, j): x for (i, j), x in inverse.items() if i in left and j in right}

    # what goes through the blocks in between: sum_k nu_ik R_kj x, and R_ik nu_kj
    through = _mixed(spectral, _restricted(nu, rows, between), polys(between, cols))
    rest = _times(spectral, polys(rows, rows), {e: ring.neg(spectral.times(spectral.X, x)) for e, x in through.items()})
    known: Entries = _means(spectral, _numbered(spectral, rest, _restricted(nu, cols, cols)))
    known = _sum(known, _means(spectral, _numbered(spectral, polys(rows, between), _restricted(nu, between, cols))))
    target = spectral.brief(_sum(_restricted(g, rows, cols), _minus(known)))
    # sum_uv E[R_ru R_vs] nu_uv = target_rs
    index = [(u, v) for u in rows for v in cols]
    system: Entries = {}
    for a, (r, s) in enumerate(index):
        for b, (u, v) in enumerate(index):
            if (r, u) in inverse and (v, s) in inverse:
                x = spectral.mean(spectral.times(inverse[r, u], inverse[v, s]))
                if x:
                    system[a, b] = x
    inverted = spectral.brief(_inverse(field, spectral.brief(system), range(len(index))))
    solved = _product(inverted, {(a, 0): target[e] for a, e in enumerate(index) if e in target})
    own = spectral.brief({index[b]: x for (b, _), x in solved.items()})
    direct = _mixed(spectral, own, polys(cols, cols))
    direct = {e: ring.neg(spectral.times(spectral.X, x)) for e, x in direct.items()}
    total = dict(rest)
    for entry, poly in _times(spectral, polys(rows, rows), direct).items():
        total[entry] = ring.add(total[entry], poly) if entry in total else poly
    return own, {entry: poly for entry, poly in total.items() if poly}


def _mixed(spectral: _Spectral, a: Entries, b: Polys) -> Polys:
    out: Polys = {}
    for (i, j), x in a.items():
        for (k, l), y in b.items():
            if j == k:
                term = spectral.scale(x, y)
                out[i, l] = spectral.ring.add(out[i, l], term) if (i, l) in out else term
    return {e: x for e, x in out.items() if x}


def _numbered(spectral: _Spectral, a: Polys, b: Entries) -> Polys:
    out: Polys = {}
    for (i, j), x in a.items():
        for (k, l), y in b.items():
            if j == k:
                term = spectral.scale(y, x)
                out[i, l] = spectral.ring.add(out[i, l], term) if (i, l) in out else term
    return {e: x for e, x in out.items() if x}


def _times(spectral: _Spectral, a: Polys, b: Polys) -> Polys:
    out: Polys = {}
    for (i, j), x in a.items():
        for (k, l), y in b.items():
            if j == k:
                term = spectral.times(x, y)
                out[i, l] = spectral.ring.add(out[i, l], term) if (i, l) in out else term
    return {e: x for e, x in out.items() if x}


def _means(spectral: _Spectral, a: Polys) -> Entries:
    means = {entry: spectral.mean(x) for entry, x in a.items()}
    return {entry: x for entry, x in means.items() if x}
