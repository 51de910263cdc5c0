"""Commutative coefficients: exact rational functions over the integers, in one fixed list of generators.

Arithmetic core of the symbolic stages. A :class:`Fraction` is kept in lowest terms with a canonical sign, so equality
is structural and zero is recognised; this is what keeps elimination from growing. Scalars that are not rational
functions of the symbols (``exp(a)``, ``sqrt(1 + a)``) are opaque generators; a symbol that occurs under a root is
replaced by a power of that root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import lcm

from flint import Ordering, fmpz_mpoly, fmpz_mpoly_ctx
from sympy import Add, Expr, Integer, Mul, Pow, Rational, S, Symbol, nsimplify

__all__ = ["Field", "Fraction"]


class Fraction:
    """num/den in lowest terms; immutable."""

    __slots__ = ("_key", "den", "field", "num")

    def __init__(self, field: Field, num: fmpz_mpoly, den: fmpz_mpoly):
        self.field, self.num, self.den = field, num, den
        self._key: str | None = None

    def __bool__(self) -> bool:
        return not self.num.is_zero()

    @property
    def is_one(self) -> bool:
        return self.num.is_one() and self.den.is_one()

    @property
    def key(self) -> str:
        """A string that is equal exactly for equal fractions (generators by position, so independent of names)."""
        if self._key is None:
            self._key = f"{self.num}/{self.den}"
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fraction) and self.num == other.num and self.den == other.den

    def __hash__(self) -> int:
        return hash(self.key)

    def __add__(self, other: Fraction) -> Fraction:
        if not self.num:
            return other
        if not other.num:
            return self
        if self.den == other.den:
            return self.field.reduce(self.num + other.num, self.den)
        return self.field.reduce(self.num * other.den + other.num * self.den, self.den * other.den)

    def __neg__(self) -> Fraction:
        return Fraction(self.field, -self.num, self.den)

    def __sub__(self, other: Fraction) -> Fraction:
        return self + (-other)

    def __mul__(self, other: Fraction) -> Fraction:
        if self.is_one:
            return other
        if other.is_one:
            return self
        return self.field.reduce(self.num * other.num, self.den * other.den)

    def __rsub__(self, other: int) -> Fraction:
        return self.field.integer(other) - self

    def inverse(self) -> Fraction:
        return self.field.reduce(self.den, self.num)

    def __truediv__(self, other: Fraction) -> Fraction:
        return self * other.inverse()

    def generators(self) -> set[int]:
        """Positions of the generators that occur."""
        degrees = zip(self.num.degrees(), self.den.degrees(), strict=True)
        return {k for k, (a, b) in enumerate(degrees) if a or b}

    def __repr__(self) -> str:
        return str(self.field.to_sympy(self))


class Field:
    """Rational functions in the free symbols of some expressions and in unknowns added later."""

    def __init__(self, exprs: Iterable[Expr], spare: int = 48):
        exprs = list(exprs)
        self._root: dict[Expr, int] = {}
        for expr in exprs:
            for power in expr.atoms(Pow):
                if power.exp.is_Rational and power.exp.q > 1:
                    self._root[power.base] = lcm(self._root.get(power.base, 1), int(power.exp.q))
        symbols = sorted({s for e in exprs for s in e.free_symbols}, key=lambda s: s.name)
        self._ctx = fmpz_mpoly_ctx.get([f"x{k}" for k in range(len(symbols) + spare)], Ordering.lex)
        self._gens = self._ctx.gens()
        self._index: dict[Expr, int] = {}
        self._meaning: list[Expr] = []
        for symbol in symbols:
            self.new(symbol)
        self._unit = self._ctx.constant(1)
        self.zero = Fraction(self, self._ctx.constant(0), self._unit)
        self.one = Fraction(self, self._unit, self._unit)
        self._cache: dict[Expr, Fraction] = {}
        self._written: dict[str, Expr] = {}

    def new(self, meaning: Expr) -> Fraction:
        """A generator that stands for ``meaning`` (a symbol, an unknown, a trace or an opaque scalar)."""
        position = self._index.setdefault(meaning, len(self._meaning))
        if position == len(self._meaning):
            self._meaning.append(meaning)
            if position >= len(self._gens):
                raise OverflowError("out of generators")
        return self.generator(position)

    def __contains__(self, meaning: Expr) -> bool:
        return meaning in self._index

    @property
    def symbols(self) -> set[Symbol]:
        """The symbols that occur in a generator."""
        return {s for meaning in self._meaning for s in meaning.free_symbols if isinstance(s, Symbol)}

    def position(self, meaning: Expr) -> int:
        return self._index[meaning]

    def meaning(self, position: int) -> Expr:
        return self._meaning[position]

    def generator(self, position: int) -> Fraction:
        return Fraction(self, self._gens[position], self._ctx.constant(1))

    def integer(self, value: int) -> Fraction:
        return Fraction(self, self._ctx.constant(value), self._unit)

    def monomial(self, exponents: Sequence[int], coefficient: int) -> Fraction:
        """A single term of a polynomial."""
        return Fraction(self, self._ctx.term(exp_vec=tuple(exponents), coeff=coefficient), self._unit)

    def reduce(self, num: fmpz_mpoly, den: fmpz_mpoly) -> Fraction:
        """Lowest terms, leading coefficient of the denominator positive."""
        if den.is_zero():
            raise ZeroDivisionError("division by a coefficient that is identically zero")
        if num.is_zero():
            return self.zero
        if not den.is_one():
            common = num.gcd(den)
            if not common.is_one():
                num, den = num // common, den // common
            if den.leading_coefficient() < 0:
                num, den = -num, -den
        return Fraction(self, num, den)

    # -- SymPy ----------------------------------------------------------------------------------------------------
    def from_sympy(self, expr: Expr) -> Fraction:
        if expr not in self._cache:
            self._cache[expr] = self._convert(expr)
        return self._cache[expr]

    def _convert(self, expr: Expr) -> Fraction:
        if expr.is_Integer:
            return self.integer(int(expr))
        if expr.is_Rational:
            return self.integer(int(expr.p)) / self.integer(int(expr.q))
        if expr.is_Float:
            return self.from_sympy(nsimplify(str(expr), rational=True))
        if isinstance(expr, Add):
            total = self.zero
            for arg in expr.args:
                total = total + self.from_sympy(arg)
            return total
        if isinstance(expr, Mul):
            total = self.one
            for arg in expr.args:
                total = total * self.from_sympy(arg)
            return total
        root = self._root.get(expr.base if isinstance(expr, Pow) else expr, 1)
        if isinstance(expr, Pow) and expr.exp.is_Rational:
            # base**(p/q): with r = base**(1/root), base**(p/q) = r**(p root/q)
            exponent = expr.exp * root
            if exponent.q == 1:
                base = self.generator_of_root(expr.base, root) if root > 1 else self.from_sympy(expr.base)
                count = int(exponent)
                if count < 0:
                    base, count = base.inverse(), -count
                return Fraction(self, base.num**count, base.den**count)
        if root > 1:
            base = self.generator_of_root(expr, root)
            return Fraction(self, base.num**root, base.den**root)
        return self.new(expr)

    def generator_of_root(self, base: Expr, root: int) -> Fraction:
        if base.is_Rational and base.is_positive:
            return self.new(Pow(base, Rational(1, root)))
        return self.new(Pow(base, Rational(1, root)) if not base.is_Symbol else self._symbol_root(base, root))

    def _symbol_root(self, base: Symbol, root: int) -> Expr:
        # the slot reserved for the symbol itself serves its root: both occur only together
        position = self._index.get(base)
        meaning = Pow(base, Rational(1, root))
        if position is not None and meaning not in self._index:
            self._index[meaning] = position
            self._meaning[position] = meaning
            self._written.clear()
        return meaning

    def poly_to_sympy(self, poly: fmpz_mpoly) -> Expr:
        terms = []
        for exponents, coefficient in poly.to_dict().items():
            factors = [Integer(int(coefficient))]
            for k, e in enumerate(exponents):
                if e:
                    factors.append(Pow(self._meaning[k], Integer(int(e))))
            terms.append(Mul(*factors))
        return Add(*terms)

    def _factored(self, poly: fmpz_mpoly) -> list[tuple[Expr, int, list[tuple[int, int]]]]:
        if len(poly) == 1:
            return [(self.poly_to_sympy(poly), 1, [])]
        content, factors = poly.factor()
        out: list[tuple[Expr, int, list[tuple[int, int]]]] = []
        if content != 1:
            out.append((Integer(int(content)), 1, []))
        for factor, multiplicity in factors:
            terms = [(sum(int(e) for e in exponents), int(c)) for exponents, c in factor.to_dict().items()]
            out.append((self.poly_to_sympy(factor), int(multiplicity), terms))
        return out

    def to_sympy(self, frac: Fraction) -> Expr:
        """Factored form, with signs arranged so that no factor starts with a minus."""
        if frac.key not in self._written:
            self._written[frac.key] = self._to_sympy(frac)
        return self._written[frac.key]

    def _to_sympy(self, frac: Fraction) -> Expr:
        sign = S.One
        factors = []
        for poly, power in ((frac.num, 1), (frac.den, -1)):
            for expr, multiplicity, poly_terms in self._factored(poly):
                # a power of an opaque root can be a sum without terms of its own: sqrt(1 + a)**2
                if poly_terms and expr.is_Add and _starts_negative(poly_terms):
                    expr = -expr
                    if multiplicity % 2:
                        sign = -sign
                factors.append(Pow(expr, power * multiplicity))
        return Mul(sign, *factors)

    def linear(self, poly: Fraction, v: int) -> tuple[Fraction, Fraction]:
        """Constant and slope of a polynomial that is of degree 1 in the generator ``v``."""
        constant = self.subs(poly, {v: self.zero})
        return constant, self.subs(poly, {v: self.one}) - constant

    def subs(self, frac: Fraction, replacement: dict[int, Fraction]) -> Fraction:
        """Replace generators (by position) by fractions."""
        if not frac or not replacement or not (frac.generators() & replacement.keys()):
            return frac
        return self._substitute(frac.num, replacement) / self._substitute(frac.den, replacement)

    def _substitute(self, poly: fmpz_mpoly, replacement: dict[int, Fraction]) -> Fraction:
        # common denominator: one power product per term instead of a sum of fractions
        degrees = poly.degrees()
        used = [k for k in replacement if degrees[k]]
        if not used:
            return Fraction(self, poly, self._ctx.constant(1))
        num, den = self._ctx.constant(0), self._ctx.constant(1)
        tops = {k: int(degrees[k]) for k in used}
        for k in used:
            den = den * replacement[k].den ** tops[k]
        powers: dict[tuple[int, int, bool], fmpz_mpoly] = {}

        def power(k: int, e: int, top: bool) -> fmpz_mpoly:
            slot = (k, e, top)
            if slot not in powers:
                powers[slot] = (replacement[k].num if top else replacement[k].den) ** e
            return powers[slot]

        for exponents, coefficient in poly.to_dict().items():
            rest = list(exponents)
            term = self._ctx.constant(int(coefficient))
            for k in used:
                e = int(rest[k])
                rest[k] = 0
                term = term * power(k, e, True) * power(k, tops[k] - e, False)
            num = num + term * self._ctx.term(exp_vec=tuple(rest))
        return self.reduce(num, den)


def _starts_negative(terms: list[tuple[int, int]]) -> bool:
    """Mostly minus signs, or as many of both and the lowest-degree term negative: 1 - x rather than x - 1."""
    minus = sum(c < 0 for _, c in terms)
    if 2 * minus != len(terms):
        return 2 * minus > len(terms)
    return min(terms, key=lambda t: t[0])[1] < 0
