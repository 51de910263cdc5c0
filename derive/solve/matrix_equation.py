"""The unreduced Dyson equation of one component in numbers: arrays, mpmath or balls alike.

This is the reference program. It shares the reading of the expression (the pencil) with the symbolic stages but not
their elimination, their merging or their reduction: K is assembled block by block from numbers and inverted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sympy import Expr, Symbol

from ..eliminate import invert_blocks
from ..field import Fraction
from ..lower.program import compile_program
from ..nodes import Letter
from ..regime import Regime
from ..ring import InverseAtom, Poly, Ring
from .component import Component, Entry, FreeSlots, variance_of
from .subordination import FreeRule, HaarRule, rule_of

__all__ = ["MatrixEquation", "Numbers"]

# a normalised trace of blocks of G: (weight, row, column) of each, the trace taken over the space of the column
Moment = list[tuple[Any, int, int]]


class Numbers:
    """Puts numbers into fractions and polynomials: one parameter point or a batch of them."""

    def __init__(self, ring: Ring, algebra: Any, env: Mapping[Symbol, Any]):
        self.ring, self.algebra, self.env = ring, algebra, dict(env)
        self._values: dict[tuple[int, bool], Any] = {}
        self._letters: dict[tuple[str, str, bool], Any] = {}

    def scalar(self, expr: Expr) -> Any:
        return compile_program([expr]).run(self.env, self.algebra)[0]

    def _generator(self, position: int, conjugate: bool) -> Any:
        if (position, conjugate) not in self._values:
            meaning = self.ring.field.meaning(position)
            value = self.env[meaning] if meaning in self.env else self.scalar(meaning)
            self._values[position, conjugate] = self.algebra.kind.conjugate(value) if conjugate else value
        return self._values[position, conjugate]

    def fraction(self, value: Fraction, conjugate: bool = False) -> Any:
        """A coefficient in parameters only."""
        num = self._poly(value.num, conjugate)
        return num if value.den.is_one() else num / self._poly(value.den, conjugate)

    def _poly(self, poly: Any, conjugate: bool) -> Any:
        number = self.algebra.kind.number
        total = None
        for exponents, c in poly.to_dict().items():
            term = number(int(c))
            for k, e in enumerate(exponents):
                if e:
                    term = term * self._generator(k, conjugate) ** int(e)
            total = term if total is None else total + term
        return number(0) if total is None else total

    def letter(self, letter: Letter) -> Any:
        key = (letter.name, letter.op, letter.root)
        if key not in self._letters:
            x = self.algebra.letter(letter.matrix)
            if letter.root:
                x = self.algebra.sqrt(x)
            if letter.op in ("T", "C"):
                x = self.algebra.transpose(x)
            if letter.op in ("H", "C"):
                x = self.algebra.adjoint(x)
            self._letters[key] = x
        return self._letters[key]

    def element(self, entry: Entry | Poly) -> Any:
        """A deterministic polynomial as an element of the algebra."""
        poly, conjugate = (entry.poly, entry.conjugate) if isinstance(entry, Entry) else (entry, False)
        total = None
        for word, c in poly.terms.items():
            term = None
            for factor in word:
                if isinstance(factor, InverseAtom):
                    x = self.algebra.inverse(self.element(Entry(factor.arg, conjugate)))
                else:
                    x = self.letter(factor)
                term = x if term is None else self.algebra.matmul(term, x)
            if term is None:
                term = self.algebra.identity(poly.rows.label)
            scaled = term if c.is_one else self.algebra.scale(self.fraction(c, conjugate), term)
            total = scaled if total is None else self.algebra.add(total, scaled)
        return total


class _Blocks:
    """The algebra's elements as a ring for block elimination."""

    def __init__(self, algebra: Any):
        self.add, self.mul, self.inverse = algebra.add, algebra.matmul, algebra.inverse
        self._minus = algebra.kind.number(-1)
        self._scale = algebra.scale

    def neg(self, a: Any) -> Any:
        return self._scale(self._minus, a)


class MatrixEquation:
    """``tau = Phi(tau)``, ``G = (L0 + y P^-1 - eta(tau))^-1``, for one component.

    ``shift`` maps a block position (row, column) to the number ``1/p`` that a regularisation ``y`` multiplies there.
    """

    def __init__(self, numbers: Numbers, component: Component, regime: Regime):
        self.numbers, self.component = numbers, component
        algebra = self.algebra = numbers.algebra
        self.blocks = _Blocks(algebra)
        self.size = len(component.spaces)
        self.count = len(component.names)
        self.fixed = {position: numbers.element(entry) for position, entry in component.fixed.items()}
        # without the equations that decouple the kernels of the factors
        self.plain = self.fixed
        self._moments: list[Moment] = [
            [(None if u.weight is None else numbers.element(u.weight), u.k, u.l)] for u in component.unknowns
        ]
        terms: dict[tuple[int, int, int], Any] = {}
        for i, j, unknown, left, right, space, letter in component.pairings:
            strength = numbers.scalar(variance_of(regime, letter) * space.size)
            element = algebra.scale(strength, algebra.matmul(numbers.element(left), numbers.element(right)))
            slot = (i, j, unknown)
            terms[slot] = algebra.add(terms[slot], element) if slot in terms else element
        self.terms = terms
        self.elements: list[_Element] = []
        self._add_elements()
        self.places: Sequence[int] = component.places or range(self.size)
        self._order: Sequence[tuple[int, int]] = list(enumerate(self.places))
        self._ground: Sequence[tuple[int, int]] | None = None
        self.shift: Mapping[tuple[int, int], Any] = {}
        self.multipliers: Sequence[Any] = ()
        # the size that the unknowns have far from the axis, set by whoever solves
        self.unit: Any = 0.0
        self._decouple()

    def _add_elements(self) -> None:
        """Their traces ``g_rs`` follow those of the noise, and ``rho_rs a_r b_s`` enters K."""
        numbers, algebra = self.numbers, self.algebra
        unknowns = len(self.component.unknowns)
        for free in self.component.free:
            element = _Element(rule_of(numbers, free), free, len(self._moments), unknowns)
            self.elements.append(element)
            unknowns += len(element.pairs)
            element_of = numbers.element
            sides = [
                ({i: element_of(a) for i, a in s.left.items()}, {k: element_of(b) for k, b in s.right.items()})
                for s in free.slots
            ]
            for r, s in free.pairs:
                moment: Moment = []
                for k, b in sides[r][1].items():
                    for i, a in sides[s][0].items():
                        ratio = numbers.scalar(self.component.spaces[i].size / free.letter.rows.size)
                        moment.append((algebra.scale(ratio, algebra.matmul(a, b)), k, i))
                self._moments.append(moment)
            for (r, s), position in element.unknowns.items():
                for i, a in sides[r][0].items():
                    for k, b in sides[s][1].items():
                        self.terms[i, k, position] = algebra.scale(algebra.kind.number(-1), algebra.matmul(a, b))

    def rotate(
        self,
        order: Sequence[tuple[int, int]],
        multipliers: Sequence[Any],
        ground: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        """Prescribe the pivots (row i goes to position s) and where the regularisation enters.

        Principal pivots are safe while the rotated matrix is accretive; ``ground`` are pivots for y = 0, where it
        need not be.
        """
        self._order, self._ground = order, ground
        one = self.algebra.kind.one
        self.shift = {(i, s): one / multipliers[i] for i, s in order}
        self.places, self.multipliers = [s for _, s in sorted(order)], multipliers
        self._decouple()

    def _decouple(self) -> None:
        """On the kernel of its factor a row says nothing, and an unknown is multiplied by 0 wherever it occurs.

        It gets the value 0, by an equation that keeps ``P K`` accretive.
        """
        self.fixed = dict(self.plain)
        for i, factor in self.component.factors.items():
            kernel, slot = self.algebra.kernel(self.numbers.element(factor)), (i, self.places[i])
            if kernel is not None:
                term = self.algebra.scale(self.shift.get(slot, self.algebra.kind.one), kernel)
                self.fixed[slot] = self.algebra.add(self.fixed[slot], term) if slot in self.fixed else term

    @property
    def extent(self) -> int:
        """Blocks of the pencil and slots of free elements together."""
        return self.size + sum(len(element.free.slots) for element in self.elements)

    def identity(self, block: int) -> Any:
        return self.algebra.identity(self.component.spaces[block].label)

    def K(self, tau: Sequence[Any], y: Any = None, plain: bool = False) -> dict[tuple[int, int], Any]:
        algebra = self.algebra
        K = dict(self.plain if plain else self.fixed)
        for (i, j, unknown), element in self.terms.items():
            term = algebra.scale(-tau[unknown], element)
            K[i, j] = algebra.add(K[i, j], term) if (i, j) in K else term
        if y is not None:
            for (i, s), weight in self.shift.items():
                term = algebra.scale(y * weight, self.identity(s))
                K[i, s] = algebra.add(K[i, s], term) if (i, s) in K else term
        return K

    def slope(self, lift: Sequence[Any]) -> dict[tuple[int, int], Any]:
        """``dK/dy`` when the unknowns move by ``lift`` per unit of y."""
        algebra = self.algebra
        out: dict[tuple[int, int], Any] = {}
        for (i, j, unknown), element in self.terms.items():
            term = algebra.scale(-lift[unknown], element)
            out[i, j] = algebra.add(out[i, j], term) if (i, j) in out else term
        for (i, s), weight in self.shift.items():
            term = algebra.scale(weight, self.identity(s))
            out[i, s] = algebra.add(out[i, s], term) if (i, s) in out else term
        return out

    def inverse(self, K: Mapping[tuple[int, int], Any], lifted: bool = False) -> dict[tuple[int, int], Any]:
        order = self._order if lifted or self._ground is None else self._ground
        G, _ = invert_blocks(self.blocks, K, range(self.size), self.identity, order=order)
        return G

    def traces(self, G: Mapping[tuple[int, int], Any], tau: Sequence[Any] = ()) -> list[Any]:
        """The unknowns that belong to G; those of free elements depend on ``tau`` too."""
        moments = self.moments(G)
        out = moments[: len(self.component.unknowns)]
        for element in self.elements:
            out += element.listed(element.rule.image(*element.squares(moments, tau)))
        return out

    def moments(self, G: Mapping[tuple[int, int], Any]) -> list[Any]:
        """The traces of G that the unknowns are made of."""
        return [self._moment(G, moment) for moment in self._moments]

    def _moment(self, G: Mapping[tuple[int, int], Any], moment: Moment) -> Any:
        total = self.algebra.kind.number(0)
        for weight, k, l in moment:
            if (k, l) in G:
                total = total + self._trace(weight, G[k, l], l)
        return total

    def _trace(self, weight: Any, block: Any, space: int) -> Any:
        if weight is not None:
            block = self.algebra.matmul(weight, block)
        return self.algebra.trace(block, self.component.spaces[space].label)

    def phi(self, tau: Sequence[Any], y: Any = None) -> list[Any]:
        return self.traces(self.inverse(self.K(tau, y), y is not None), tau)

    def derivative(self, G: Mapping[tuple[int, int], Any], tau: Sequence[Any] = ()) -> list[list[Any]]:
        """``d Phi_a / d tau_b`` at the G given: with dK = -E_b, dG = G E_b G."""
        zero = self.algebra.kind.number(0)
        slopes = [[zero] * self.count for _ in self._moments]
        for (i, j, b), element in self.terms.items():
            for a, moment in enumerate(self._moments):
                for weight, k, l in moment:
                    if (k, i) in G and (j, l) in G:
                        step = self.algebra.matmul(G[k, i], self.algebra.matmul(element, G[j, l]))
                        slopes[a][b] = slopes[a][b] + self._trace(weight, step, l)
        units = [[self.algebra.kind.one if a == b else zero for a in range(self.count)] for b in range(self.count)]
        return self._chained(G, tau, slopes, units)

    def source(self, G: Mapping[tuple[int, int], Any], tau: Sequence[Any] = ()) -> list[Any]:
        """``d Phi_a / d y``: with dK = P^-1, dG = -G P^-1 G."""
        slopes = [[self._lifted(G, moment)] for moment in self._moments]
        still = [self.algebra.kind.number(0)] * self.count
        return [row[0] for row in self._chained(G, tau, slopes, [still])]

    def _lifted(self, G: Mapping[tuple[int, int], Any], moment: Moment) -> Any:
        total = self.algebra.kind.number(0)
        for weight, k, l in moment:
            for (i, s), p in self.shift.items():
                if (k, i) in G and (s, l) in G:
                    total = total - p * self._trace(weight, self.algebra.matmul(G[k, i], G[s, l]), l)
        return total

    def _chained(
        self,
        G: Mapping[tuple[int, int], Any],
        tau: Sequence[Any],
        slopes: list[list[Any]],
        moves: Sequence[Sequence[Any]],
    ) -> list[list[Any]]:
        """Columns of moved moments and moved unknowns to columns of moved images."""
        out = slopes[: len(self.component.unknowns)]
        moments = self.moments(G) if self.elements else []
        for element in self.elements:
            tangent = element.rule.tangent(*element.squares(moments, tau))
            columns = []
            for b, move in enumerate(moves):
                columns.append(element.listed(tangent(*element.squares([row[b] for row in slopes], move))))
            out += [list(row) for row in zip(*columns, strict=True)]
        return out

    # -- free elements in the half plane ------------------------------------------------------------------------------
    def subordinations(self, G: Mapping[tuple[int, int], Any], tau: Sequence[Any]) -> dict[tuple[int, int], Any]:
        """``(V kappa)^-1`` of every free element, as blocks that follow those of the pencil."""
        moments = self.moments(G) if self.elements else []
        return self._framed([element.rule.nu(*element.squares(moments, tau)) for element in self.elements])

    def subordinations_lifted(
        self, G: Mapping[tuple[int, int], Any], tau: Sequence[Any], lift: Sequence[Any]
    ) -> dict[tuple[int, int], Any]:
        """Their derivative by y when the unknowns move by ``lift``."""
        if not self.elements:
            return {}
        moments = self.moments(G)
        moved = []
        for moment in self._moments:
            total = self._lifted(G, moment)
            for (i, j, b), element in self.terms.items():
                for weight, k, l in moment:
                    if (k, i) in G and (j, l) in G:
                        step = self.algebra.matmul(G[k, i], self.algebra.matmul(element, G[j, l]))
                        total = total + lift[b] * self._trace(weight, step, l)
            moved.append(total)
        return self._framed(
            [e.rule.nu_moved(*e.squares(moments, tau), *e.squares(moved, lift)) for e in self.elements]
        )

    def _framed(self, squares: Sequence[Any]) -> dict[tuple[int, int], Any]:
        out: dict[tuple[int, int], Any] = {}
        offset = self.size
        for element, square in zip(self.elements, squares, strict=True):
            rule = element.rule
            turned = rule.matrices.times(square, rule.matrices.inverse(rule.frame(self.places, self.multipliers)))
            for r, row in enumerate(turned):
                for s, x in enumerate(row):
                    out[offset + r, offset + s] = self.algebra.multiple(x, 1)
            offset += len(turned)
        return out


class _Element:
    """A free element of a component: its rule, and where its traces and unknowns stand in the lists."""

    def __init__(self, rule: FreeRule | HaarRule, element: FreeSlots, moments: int, unknowns: int):
        self.rule, self.free, self.pairs = rule, element, list(element.names)
        self.moments = {pair: moments + k for k, pair in enumerate(element.pairs)}
        self.unknowns = {pair: unknowns + k for k, pair in enumerate(self.pairs)}

    def squares(self, moments: Sequence[Any], tau: Sequence[Any]) -> tuple[list[list[Any]], list[list[Any]]]:
        """(g, rho) as matrices over the slots."""
        index, zero = range(self.rule.matrices.size), self.rule.matrices.zero
        g = [[moments[self.moments[r, s]] if (r, s) in self.moments else zero for s in index] for r in index]
        rho = [[tau[self.unknowns[r, s]] if (r, s) in self.unknowns else zero for s in index] for r in index]
        return g, rho

    def listed(self, square: Sequence[Sequence[Any]]) -> list[Any]:
        return [square[r][s] for r, s in self.pairs]
