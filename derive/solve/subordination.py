"""The rule of a free element in numbers: arrays, mpmath or balls alike, with its derivative.

Same equations as ``derive/subordination.py`` and none of its algebra: one component, and a function of matrices of
numbers in place of symbols. With ``nu = g (1 - rho g)^-1`` and ``R(x) = (1 + nu x)^-1``,

    rho = E[x R(x)] E[R(x)]^-1,       R(x) = sum_j C_j x^j / sum_k e_k x^k   (Faddeev and LeVerrier),

so that expectations of ``x^j / det`` and ``x^j / det^2`` are all that is needed. A Haar matrix has its rational rule.

The map ``kappa -> rho`` sends the half plane ``Re V kappa > 0`` into its closure, where V says how the slots mirror
each other in a rotated pencil; so ``kappa = nu^-1`` belongs to the criterion for the branch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..ring import word_key
from ..symbols import Haar
from .component import FreeSlots, SlotEntries, adjoint
from .linear import solve_dense

if TYPE_CHECKING:
    from .matrix_equation import Numbers

__all__ = ["FreeRule", "HaarRule", "rule_of"]

Square = list[list[Any]]
# moves of (g, rho) -> the move of the new rho
Tangent = Callable[[Square, Square], Square]


def rule_of(numbers: Numbers, element: FreeSlots) -> FreeRule | HaarRule:
    """The rule of one free element."""
    return HaarRule(numbers, element) if isinstance(element.letter.matrix, Haar) else FreeRule(numbers, element)


class _Matrices:
    """Small matrices of numbers of one kind, entries over the batch."""

    def __init__(self, kind: Any, size: int):
        self.kind, self.size = kind, size
        self.zero = kind.number(0)
        self.one: Square = [[kind.one if i == j else self.zero for j in range(size)] for i in range(size)]

    def times(self, a: Square, b: Square) -> Square:
        index = range(self.size)
        if self.size == 1:
            return [[a[0][0] * b[0][0]]]
        return [[sum((a[i][k] * b[k][j] for k in index[1:]), a[i][0] * b[0][j]) for j in index] for i in index]

    def plus(self, a: Square, b: Square) -> Square:
        return [[x + y for x, y in zip(p, q, strict=True)] for p, q in zip(a, b, strict=True)]

    def minus(self, a: Square, b: Square) -> Square:
        return [[x - y for x, y in zip(p, q, strict=True)] for p, q in zip(a, b, strict=True)]

    def scale(self, c: Any, a: Square) -> Square:
        return [[c * x for x in row] for row in a]

    def inverse(self, a: Square) -> Square:
        if self.size == 1:
            return [[self.kind.divide(self.kind.one, a[0][0])]]
        columns = [solve_dense(self.kind, a, [row[j] for row in self.one]) for j in range(self.size)]
        return [[columns[j][i] for j in range(self.size)] for i in range(self.size)]


class _Rule:
    """What both rules share: the slots, and the frame in which positivity is seen."""

    def __init__(self, numbers: Numbers, element: FreeSlots):
        self.numbers, self.element = numbers, element
        self.matrices = _Matrices(numbers.algebra.kind, len(element.slots))

    def nu(self, g: Square, rho: Square) -> Square:
        """``kappa^-1 = g (1 - rho g)^-1``."""
        m = self.matrices
        return m.times(g, m.inverse(m.minus(m.one, m.times(rho, g))))

    def nu_moved(self, g: Square, rho: Square, dg: Square, drho: Square) -> Square:
        """``d nu = (1 - g rho)^-1 dg (1 - rho g)^-1 + nu d rho nu``."""
        m = self.matrices
        left = m.inverse(m.minus(m.one, m.times(g, rho)))
        right = m.inverse(m.minus(m.one, m.times(rho, g)))
        nu = m.times(g, right)
        return m.plus(m.times(m.times(left, dg), right), m.times(m.times(nu, drho), nu))

    def frame(self, places: Sequence[int], multipliers: Sequence[Any]) -> Square:
        """V with ``P a = b* V``: how the slots of the rotated pencil mirror each other."""
        kind, m = self.numbers.algebra.kind, self.matrices
        columns = [self._column(slot, multipliers, places) for slot in self.element.slots]
        mirrored = [self._mirror(slot) for slot in self.element.slots]

        def inner(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> Any:
            return sum((kind.conjugate(x) * b[key] for key, x in a.items() if key in b), m.zero)

        gram = [[inner(a, b) for b in mirrored] for a in mirrored]
        return m.times(m.inverse(gram), [[inner(a, b) for b in columns] for a in mirrored])

    def _column(self, slot: SlotEntries, multipliers: Sequence[Any], places: Sequence[int]) -> dict[Any, Any]:
        """Coefficients of ``P a``, by position, word and the letter that mirrors X."""
        partner = slot.letter.apply("H").key
        return {
            (places[i], word_key(word), partner): multipliers[i] * self.numbers.fraction(c, entry.conjugate)
            for i, entry in slot.left.items()
            for word, c in entry.poly.terms.items()
        }

    def _mirror(self, slot: SlotEntries) -> dict[Any, Any]:
        """Coefficients of ``b*``."""
        kind = self.numbers.algebra.kind
        return {
            (k, word_key(word), slot.letter.key): kind.conjugate(self.numbers.fraction(c, entry.conjugate))
            for k, entry in slot.right.items()
            for word, c in adjoint(self.numbers.ring, entry.poly).terms.items()
        }


class FreeRule(_Rule):
    """A self-adjoint element with a spectral law."""

    def __init__(self, numbers: Numbers, element: FreeSlots):
        super().__init__(numbers, element)
        algebra, letter = numbers.algebra, element.letter
        self.dim = letter.rows.label
        x = numbers.letter(letter)
        self.powers = [algebra.identity(self.dim), x]
        while len(self.powers) <= 2 * self.matrices.size:
            self.powers.append(algebra.matmul(self.powers[-1], x))

    def _resolvent(self, nu: Square) -> tuple[list[Square], Any]:
        """Coefficients of the adjugate of ``1 + nu x`` and the inverse of its determinant."""
        m, algebra = self.matrices, self.numbers.algebra
        adjugate, determinant = [m.one], self.powers[0]
        for k in range(1, m.size + 1):
            step = m.times(nu, adjugate[-1])
            e = sum((step[i][i] for i in range(1, m.size)), step[0][0]) / k
            determinant = algebra.add(algebra.scale(e, self.powers[k]), determinant)
            adjugate.append(m.minus(m.scale(e, m.one), step))
        return adjugate[: m.size], algebra.inverse(determinant)

    def _means(self, nu: Square) -> tuple[Square, Square, list[Square], Any]:
        """``E[R]``, ``t = E[x R]``, and what they are made of."""
        m, algebra = self.matrices, self.numbers.algebra
        adjugate, atom = self._resolvent(nu)
        T = [algebra.trace_product(power, atom, self.dim) for power in self.powers[: m.size + 1]]
        mean, t = m.scale(T[0], adjugate[0]), m.scale(T[1], adjugate[0])
        for j in range(1, m.size):
            mean, t = m.plus(mean, m.scale(T[j], adjugate[j])), m.plus(t, m.scale(T[j + 1], adjugate[j]))
        return mean, t, adjugate, atom

    def image(self, g: Square, rho: Square) -> Square:
        """The new rho."""
        mean, t, _, _ = self._means(self.nu(g, rho))
        return self.matrices.times(t, self.matrices.inverse(mean))

    def tangent(self, g: Square, rho: Square) -> Tangent:
        """The derivative of :meth:`image` there."""
        m, algebra = self.matrices, self.numbers.algebra
        mean, t, adjugate, atom = self._means(self.nu(g, rho))
        square = algebra.matmul(atom, atom)
        S = {i: algebra.trace_product(self.powers[i], square, self.dim) for i in range(2, 2 * m.size + 1)}
        outer = m.inverse(mean)
        image = m.times(t, outer)

        def move(dg: Square, drho: Square) -> Square:
            dnu = self.nu_moved(g, rho, dg, drho)
            dt: Square | None = None
            for j, left in enumerate(adjugate):
                for k, right in enumerate(adjugate):
                    term = m.scale(-S[j + k + 2], m.times(m.times(left, dnu), right))
                    dt = term if dt is None else m.plus(dt, term)
            assert dt is not None
            return m.plus(m.times(m.times(outer, dt), outer), m.times(m.times(image, dnu), image))

        return move


class HaarRule(_Rule):
    """``rho_12 = -g_12 (1 - rho_21 g_12)^-1`` and its mirror; g and rho vanish between slots of one kind."""

    def image(self, g: Square, rho: Square) -> Square:
        """The new rho."""
        return self.matrices.scale(self.numbers.algebra.kind.number(-1), self.nu(g, rho))

    def tangent(self, g: Square, rho: Square) -> Tangent:
        """The derivative of :meth:`image` there."""
        minus = self.numbers.algebra.kind.number(-1)
        return lambda dg, drho: self.matrices.scale(minus, self.nu_moved(g, rho, dg, drho))
