"""Noncommutative polynomials in deterministic matrices, with inverses as atoms.

The ring over which block elimination works. A :class:`Poly` maps words (tuples of letters and inverse atoms) to
commutative :class:`~derive.field.Fraction` coefficients. Order is kept; only matrices of one commuting family
(functions of one symmetric matrix, or a family the user declared) are sorted inside a word. Scalar facts about words
leave the ring as generators of the field: normalised traces, and bilinear forms of signals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, count

from sympy import Expr, Identity, Integer, MatAdd, MatMul, MatPow, MatrixExpr, Rational, S, Symbol, Trace
from sympy.matrices.expressions import Adjoint, Inverse, Transpose

from .cancel import cancelled
from .field import Field, Fraction
from .nodes import Letter
from .regime import Regime, Space
from .symbols import MatrixLetter, Signal

__all__ = ["InverseAtom", "Poly", "Ring", "Shift", "Word", "letter_to_sympy", "word_key"]


@dataclass(frozen=True)
class InverseAtom:
    """The inverse of a polynomial, as one letter; ``key`` identifies it, ``family`` says with what it commutes."""

    key: str
    family: str | None
    arg: Poly

    @property
    def rows(self) -> Space:
        return self.arg.rows

    @property
    def cols(self) -> Space:
        return self.arg.rows

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InverseAtom) and self.key == other.key


Factor = Letter | InverseAtom
Word = tuple[Factor, ...]


@dataclass(frozen=True)
class Poly:
    """A matrix from ``cols`` to ``rows``: a sum of words with coefficients, none zero."""

    rows: Space
    cols: Space
    terms: Mapping[Word, Fraction]

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def key(self) -> str:
        return "+".join(sorted(f"{word_key(w)}[{c.key}]" for w, c in self.terms.items()))

    def scalar(self) -> Fraction | None:
        """The coefficient if this is a multiple of the identity, else None."""
        if len(self.terms) == 1 and () in self.terms:
            return self.terms[()]
        return None


@dataclass(frozen=True)
class Shift:
    """An unknown introduced to make an inverse monic: ``symbol = value`` in ``(S + symbol)^-1``.

    Or an entry of the matrix kappa that shifts a free element, ``(X + kappa)^-1``.
    """

    symbol: Symbol
    position: int
    value: Fraction


def factor_key(factor: Factor) -> str:
    return f"0{factor.key}" if isinstance(factor, Letter) else f"1{factor.key}"


def word_key(word: Word) -> str:
    return "*".join(factor_key(f) for f in word)


class Ring:
    """Arithmetic on :class:`Poly`; owns the dictionary from traces, forms and shifts to field generators."""

    def __init__(
        self,
        field: Field,
        regime: Regime,
        commuting: tuple[tuple[MatrixLetter, ...], ...] = (),
        inner: Mapping[frozenset[Signal], Expr] | None = None,
    ):
        self.field, self.regime = field, regime
        self._families = {m.name: f"joint{k}" for k, group in enumerate(commuting) for m in group}
        self._inner = dict(inner or {})
        self._atoms: dict[str, InverseAtom] = {}
        self.unknowns: set[int] = set()
        self.traces: dict[int, Word] = {}
        self.forms: dict[int, Word] = {}
        self.shifts: dict[str, Shift] = {}
        self.entries: dict[str, Shift] = {}
        self._steps = 0
        self._trace_of: dict[str, Fraction] = {}

    def unknown(self, meaning: Expr) -> Fraction:
        """A new generator that is not a parameter."""
        generator = self.field.new(meaning)
        self.unknowns.add(self.field.position(meaning))
        return generator

    def fresh(self, *bases: str) -> str:
        """The first base, unless there is a symbol of such a name: two unknowns must not share one."""
        taken = {s.name.partition("_")[0] for s in self.field.symbols}
        names = chain(bases, (f"{bases[0]}{k}" for k in count()))
        return next(name for name in names if name not in taken)

    def is_parameter(self, value: Fraction) -> bool:
        """Free of unknowns, traces and forms."""
        return not value.generators() & self.unknowns

    # -- construction ---------------------------------------------------------------------------------------------
    def zero(self, rows: Space, cols: Space) -> Poly:
        return Poly(rows, cols, {})

    def identity(self, space: Space, coeff: Fraction | None = None) -> Poly:
        return Poly(space, space, {(): self.field.one if coeff is None else coeff})

    def letter(self, letter: Letter) -> Poly:
        return Poly(letter.rows, letter.cols, {(letter,): self.field.one})

    def family(self, factor: Factor) -> str | None:
        if isinstance(factor, InverseAtom):
            return factor.family
        if factor.is_hermitian and (factor.op == "" or factor.op in ("C", "T")):
            name = factor.name + ("" if factor.op == "" else "^" + factor.op)
            return self._families.get(factor.name, name) if factor.op == "" else name
        return None

    def normal(self, word: Word) -> Word:
        """Sort neighbours that commute."""
        out: list[Factor] = []
        for factor in word:
            out.append(factor)
            k = len(out) - 1
            while k > 0:
                left, right = out[k - 1], out[k]
                family = self.family(right)
                if family is None or self.family(left) != family or factor_key(left) <= factor_key(right):
                    break
                out[k - 1], out[k] = right, left
                k -= 1
        return tuple(out)

    # -- arithmetic -----------------------------------------------------------------------------------------------
    def add(self, a: Poly, b: Poly) -> Poly:
        terms = dict(a.terms)
        for word, c in b.terms.items():
            total = terms[word] + c if word in terms else c
            if total:
                terms[word] = total
            else:
                del terms[word]
        return Poly(a.rows, a.cols, terms)

    def scale(self, c: Fraction, a: Poly) -> Poly:
        if not c:
            return Poly(a.rows, a.cols, {})
        return Poly(a.rows, a.cols, {w: c * v for w, v in a.terms.items()})

    def neg(self, a: Poly) -> Poly:
        return Poly(a.rows, a.cols, {w: -v for w, v in a.terms.items()})

    def mul(self, a: Poly, b: Poly) -> Poly:
        assert a.cols == b.rows, "inner dimensions agree by construction"
        terms: dict[Word, Fraction] = {}
        for u, x in a.terms.items():
            for v, y in b.terms.items():
                word, value = cancelled(self.normal(u + v), self.family), x * y
                if any(f.cols.finite for f in word):
                    word, number = self._contract(word)
                    value = value * number
                    if not value:
                        continue
                if word in terms:
                    value = terms[word] + value
                    if not value:
                        del terms[word]
                        continue
                terms[word] = value
        out = Poly(a.rows, b.cols, terms)
        if a.rows.finite and b.cols.finite:
            return self.absorb(out)
        return out

    def _contract(self, word: Word) -> tuple[Word, Fraction]:
        """Take the numbers ``u' M v`` out of a word that goes on around them: ``A u u' v -> (u'v) A u``."""
        total = self.field.one
        start = None
        k = 0
        while k < len(word):
            if word[k].rows.finite:
                start = k
            if start is not None and word[k].cols.finite and k + 1 - start < len(word):
                total = total * self.form(word[start : k + 1])
                word, k, start = word[:start] + word[k + 1 :], start, None
                continue
            k += 1
        return word, total

    def absorb(self, a: Poly) -> Poly:
        """A 1 x 1 matrix is a number: its words become generators of the field."""
        total = self.field.zero
        for word, c in a.terms.items():
            total = total + c * self.form(word)
        return self.identity(a.rows, total) if total else self.zero(a.rows, a.cols)

    def inverse(self, a: Poly) -> Poly:
        """The inverse as a polynomial in one more atom; monic when it is ``a I + b W`` for one word W."""
        scalar = a.scalar()
        if scalar is not None:
            return self.identity(a.rows, scalar.inverse())
        if len(a.terms) == 1:
            ((word, c),) = a.terms.items()
            if len(word) == 1 and isinstance(word[0], InverseAtom):
                return self.scale(c.inverse(), word[0].arg)
            # a single word has no shift to normalise
            monic, lead = Poly(a.rows, a.cols, {word: self.field.one}), c
        elif len(a.terms) == 2 and () in a.terms:
            ((word, lead),) = ((w, c) for w, c in a.terms.items() if w)
            shift = a.terms[()] / lead
            monic = Poly(a.rows, a.cols, {(): self.shift(shift, word), word: self.field.one})
        else:
            monic, lead = a, self.field.one
        return Poly(a.rows, a.cols, {(self._atom(monic),): lead.inverse()})

    def _atom(self, a: Poly) -> InverseAtom:
        key = f"({a.key})^-1"
        if key not in self._atoms:
            self._atoms[key] = InverseAtom(key, self._family_of(a), a)
        return self._atoms[key]

    def _family_of(self, a: Poly) -> str | None:
        families = {self.family(f) for word in a.terms for f in word}
        if len(families) == 1:
            return families.pop()
        # a product such as A A' of a rectangular letter: functions of one matrix commute with each other
        words = [w for w in a.terms if w]
        return f"function of {word_key(words[0])}" if len(words) == 1 else None

    def shift(self, value: Fraction, word: Word) -> Fraction:
        """``value`` itself if it contains parameters only, else an unknown that stands for it."""
        if self.is_parameter(value):
            return value
        if value.key not in self.shifts:
            symbol = Symbol(f"_kappa{len(self.shifts)}")
            self.unknown(symbol)
            self.shifts[value.key] = Shift(symbol, self.field.position(symbol), value)
        return self.field.generator(self.shifts[value.key].position)

    def count_step(self) -> int:
        """The number of the next intermediate coefficient that gets a name."""
        self._steps += 1
        return self._steps

    def shift_entry(self, value: Fraction) -> Fraction:
        """The same for one entry of a matrix that shifts a free element; it may occur outside inverses."""
        if self.is_parameter(value):
            return value
        if value.key not in self.entries:
            symbol = Symbol(f"_omega{len(self.entries)}")
            self.unknown(symbol)
            self.entries[value.key] = Shift(symbol, self.field.position(symbol), value)
        return self.field.generator(self.entries[value.key].position)

    # -- leaving the ring -----------------------------------------------------------------------------------------
    def transpose(self, word: Word) -> Word | None:
        out: list[Factor] = []
        for factor in reversed(word):
            if isinstance(factor, Letter):
                out.append(factor.apply("T"))
            else:
                terms = {}
                for w, c in factor.arg.terms.items():
                    t = self.transpose(w)
                    if t is None:
                        return None
                    terms[self.normal(t)] = c
                poly = Poly(factor.arg.rows, factor.arg.cols, terms)
                out.append(self._atom(poly))
        return tuple(out)

    def trace(self, a: Poly) -> Fraction:
        """``(1/base) tr a``: the size of the space times the normalised trace."""
        total = self.field.zero
        for word, c in a.terms.items():
            total = total + c * self.trace_of_word(word, a.rows)
        return total

    def trace_of_word(self, word: Word, space: Space) -> Fraction:
        word = cancelled(word, self.family)
        if not word:
            return self.field.from_sympy(space.size)
        key = word_key(word)
        if key not in self._trace_of:
            options = self._rotations(word)
            flipped = self.transpose(word)
            if flipped is not None:
                options += self._rotations(flipped)
            best = min(options, key=word_key)
            start = best[0].rows
            meaning = Trace(self.word_to_sympy(best, start)) / start.label
            generator = self.unknown(meaning)
            self.traces[self.field.position(meaning)] = best
            self._trace_of[key] = self.field.from_sympy(start.size) * generator
        return self._trace_of[key]

    def renamed(self, value: Fraction, rules: Mapping[int, int]) -> Fraction:
        """``value`` with unknowns replaced by unknowns, also inside the traces and forms that occur in it."""
        field = self.field
        change = {a: field.generator(b) for a, b in rules.items()}
        for g in value.generators():
            word = self.traces.get(g)
            if word is not None:
                moved = self._renamed_word(word, change)
                space = moved[0].rows
                change[g] = self.trace_of_word(moved, space) / field.from_sympy(space.size)
            elif g in self.forms:
                change[g] = self.form(self._renamed_word(self.forms[g], change))
        return field.subs(value, change)

    def _renamed_word(self, word: Word, change: Mapping[int, Fraction]) -> Word:
        out: list[Factor] = []
        for factor in word:
            if isinstance(factor, InverseAtom):
                terms = {
                    self._renamed_word(w, change): self.field.subs(c, dict(change)) for w, c in factor.arg.terms.items()
                }
                out.append(self._atom(Poly(factor.rows, factor.cols, terms)))
            else:
                out.append(factor)
        return self.normal(tuple(out))

    def _rotations(self, word: Word) -> list[Word]:
        """Cyclic rotations that do not cut a run of commuting factors in two."""

        def boundaries(w: Word) -> list[int]:
            return [k for k in range(len(w)) if self.family(w[k]) is None or self.family(w[k]) != self.family(w[k - 1])]

        cuts = boundaries(word)
        if not cuts:
            return [self.normal(word)]
        start = self.normal(word[cuts[0] :] + word[: cuts[0]])
        return [start[k:] + start[:k] for k in boundaries(start)]

    def form(self, word: Word) -> Fraction:
        """The number ``u' M v`` of a word that starts and ends in a finite space."""
        if not word:
            return self.field.one
        flipped = self.transpose(word)
        if flipped is not None and word_key(flipped) < word_key(word):
            word = flipped
        ends = [f.matrix for f in word if isinstance(f, Letter) and isinstance(f.matrix, Signal)]
        if len(word) == 2 and len(ends) == 2:
            return self._product(*ends)
        if len(ends) == 2 and any(s.is_generic for s in ends):
            # a generic direction sees every deterministic matrix through its normalised trace
            inside = word[1:-1]
            if inside[0].rows != inside[-1].cols:
                return self.field.zero
            space = inside[0].rows
            return self._product(*ends) * self.trace_of_word(inside, space) / self.field.from_sympy(space.size)
        meaning = Trace(self.word_to_sympy(word, word[0].rows))
        generator = self.unknown(meaning)
        self.forms[self.field.position(meaning)] = word
        return generator

    def _product(self, u: Signal, v: Signal) -> Fraction:
        declared = self._inner.get(frozenset((u, v)))
        if declared is None:
            if u == v:
                declared = self.regime.growth(u.norm2)[0]
            else:
                first, second = sorted((u.name, v.name))
                declared = Symbol(f"inner_{first}_{second}", real=True)
        return self.field.from_sympy(declared)

    # -- SymPy ----------------------------------------------------------------------------------------------------
    def word_to_sympy(self, word: Word, space: Space) -> MatrixExpr:
        if not word:
            return Identity(space.label)
        factors: list[MatrixExpr] = []
        k = 0
        while k < len(word):
            factor, run = word[k], k
            while run < len(word) and word[run] == factor:
                run += 1
            count = run - k
            if isinstance(factor, InverseAtom):
                factors.append(_power(self.to_sympy(factor.arg), Integer(-count)))
            elif factor.root:
                factors.append(_power(factor.matrix, Rational(count, 2)))
            else:
                factors.append(_power(letter_to_sympy(factor), Integer(count)))
            k = run
        return MatMul(*factors) if len(factors) > 1 else factors[0]

    def to_sympy(self, a: Poly) -> MatrixExpr:
        terms = []
        for word, c in sorted(a.terms.items(), key=lambda item: word_key(item[0])):
            matrix, scalar = self.word_to_sympy(word, a.rows), self.field.to_sympy(c)
            terms.append(matrix if scalar == S.One else MatMul(scalar, matrix))
        return MatAdd(*terms) if len(terms) > 1 else terms[0]


def _power(matrix: MatrixExpr, exponent: Rational) -> MatrixExpr:
    if exponent == 1:
        return matrix
    return Inverse(matrix) if exponent == -1 else MatPow(matrix, exponent)


def letter_to_sympy(letter: Letter) -> MatrixExpr:
    return {
        "": lambda m: m,
        "T": Transpose,
        "H": Adjoint,
        "C": lambda m: Adjoint(Transpose(m)),
    }[letter.op](letter.matrix)
