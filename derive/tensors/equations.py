"""The closed system of the singular values, the overlaps and the traces.

Three kinds of equation, all by Stein's lemma: ``<T(u_-j), b> = lambda <u_j, b>`` for every vector b that occurs;
``T(u_1, ..., u_d) = lambda``; and ``(1/N) tr (Phi R ...) = lambda (1/N) tr (R ...) + ...`` for every closed chain that
occurs, which is the block Dyson equation of the contraction matrix and, for several estimators, of the block-triangular
matrix that holds all of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sympy import Add, Expr, Mul, S, Symbol, expand

from ..errors import DimensionError, ParameterError, RegimeError
from ..regime import Regime
from ..symbols import Signal
from ..system import System
from .naming import name_unknowns
from .network import Estimate, Noise, Resolvent, Vector, Word, canonical
from .reading import PlantedTensor, value_symbol
from .stein import Calculus, Product, Record
from .symbols import Overlap, SingularValue, SingularVector, TensorFunctional

__all__ = ["Equation", "Key", "TensorEquations", "derive_equations", "functional_key", "inner_product"]


class Key(NamedTuple):
    """What an unknown is: the value of a step, an overlap (vector, estimate), or the trace of a word."""

    kind: str
    step: int
    what: Any


@dataclass(frozen=True)
class Equation:
    """``0 = sum of terms``; every term is a coefficient times unknowns. ``source`` is how it arose before Stein."""

    key: Key
    terms: tuple[tuple[Expr, tuple[Key, ...]], ...]
    products: tuple[Product, ...]
    record: Record


@dataclass(frozen=True)
class TensorEquations:
    """All equations, the symbol of every unknown, and the system with its weights as symbols."""

    read: PlantedTensor
    regime: Regime
    equations: tuple[Equation, ...]
    symbols: dict[Key, Symbol]
    weights: dict[Symbol, Expr]
    noisy: System  # the variances are the symbols of ``weights``
    system: System
    inner: dict[tuple[Signal, Signal], Expr] = field(default_factory=dict)

    def of_step(self, step: int) -> tuple[Symbol, ...]:
        return tuple(s for k, s in self.symbols.items() if k.step == step)

    def keys_of(self, kind: str, step: int | None = None) -> tuple[Key, ...]:
        return tuple(k for k in self.symbols if k.kind == kind and step in (None, k.step))


def inner_product(declared: dict, v: Signal, w: Signal) -> Expr:
    """The declared inner product of two signals, or its parameter."""
    if v == w:
        return v.norm2
    if (v, w) in declared or (w, v) in declared:
        return declared.get((v, w), declared.get((w, v)))
    a, b = sorted((v.name, w.name))
    return Symbol(f"inner_{a}_{b}", real=True)


class _Builder:
    def __init__(self, read: PlantedTensor, regime: Regime, declared: dict):
        self.read, self.regime, self.declared = read, regime, declared
        self.calculus = Calculus(read)
        self.done: dict[Key, Equation] = {}
        self.pending: list[Key] = []

    # -- unknowns -----------------------------------------------------------------------------------------------------
    def monomial(self, product: Product) -> tuple[Expr, tuple[Key, ...]]:
        coefficient, keys = product.coefficient, []
        for step in range(1, len(self.read.terms) + 1):
            symbol = value_symbol(step)
            power = Mul(*[f for f in Mul.make_args(coefficient) if f.as_base_exp()[0] == symbol])
            if power != 1:
                coefficient = coefficient / power
                keys += [Key("value", step, None)] * int(power.as_base_exp()[1])
        for pair in product.inner:
            value = self.inner(*pair)
            if isinstance(value, Key):
                keys.append(value)
            else:
                coefficient = coefficient * value
        for word in product.loops:
            value = self.trace(word)
            if isinstance(value, Key):
                keys.append(value)
            else:
                coefficient = coefficient * value
        for scalar in product.scalars:
            step = max((w.step for w in scalar[1:] if isinstance(w, Estimate)), default=0)
            keys.append(Key("noise", step, self._sorted(scalar)))
        return coefficient, tuple(keys)

    def _sorted(self, scalar: tuple) -> tuple:
        """A symmetric noise does not mind the order of its vectors."""
        name, *vectors = scalar
        return (name, *(sorted(vectors, key=str) if self.calculus.symmetric[name] else vectors))

    def inner(self, v: Any, w: Any) -> Expr | Key:
        if isinstance(v, Estimate) and isinstance(w, Estimate):
            if v == w:
                return S.One
            v, w = sorted((v, w))
            return Key("overlap", w.step, (v, w))
        if isinstance(v, Estimate):
            v, w = w, v
        if isinstance(w, Estimate):
            return Key("overlap", w.step, (v, w))
        return inner_product(self.declared, v, w)

    def trace(self, word: Word) -> Expr | Key:
        if word[0][0] == 0:
            return self.size(word[0][1])
        return Key("trace", max(step for step, _ in word), word)

    def size(self, block: int) -> Expr:
        return self.regime.growth(self.read.shape[self.calculus.first[block]])[0]

    # -- equations ----------------------------------------------------------------------------------------------------
    def want(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if key not in self.done and key not in self.pending:
                self.pending.append(key)

    def run(self, wanted: Sequence[Key]) -> None:
        self.want(wanted)
        while self.pending:
            key = self.pending.pop(0)
            self.done[key] = getattr(self, f"_{key.kind}")(key)
            self.want(k for _, keys in self.done[key].terms for k in keys)

    def _finish(self, key: Key, products: Iterable[Product], record: Record, more: Iterable[tuple]) -> Equation:
        products = tuple(products)
        total: dict[tuple[Key, ...], Expr] = {}
        for coefficient, keys in (*map(self.monomial, products), *more):
            keys = tuple(sorted(keys, key=str))
            total[keys] = total.get(keys, S.Zero) + coefficient
        terms = tuple((c, keys) for keys, c in ((k, expand(c)) for k, c in total.items()) if c != 0)
        return Equation(key, terms, products, record)

    def _scalar(self, step: int, free: dict[int, int], ends: tuple, record: Record) -> list[Product]:
        out: list[Product] = []
        for coefficient, factors in self.calculus.contracted(step, free):
            out += self.calculus.limit(coefficient, (*factors, *ends), 0, record)
        return out

    def _value(self, key: Key) -> Equation:
        record = Record()
        products = self._scalar(key.step, {}, (), record)
        return self._finish(key, products, record, [(-S.One, (key,))])

    def _overlap(self, key: Key) -> Equation:
        vector, estimate = key.what
        index, record = next(self.calculus.fresh), Record()
        free = {self.calculus.first[estimate.block]: index}
        products = self._scalar(key.step, free, (Vector(vector, index),), record)
        return self._finish(key, products, record, [(-S.One, (Key("value", key.step, None), key))])

    def _noise(self, key: Key) -> Equation:
        name, *vectors = key.what
        record = Record()
        legs = tuple(next(self.calculus.fresh) for _ in vectors)
        ends = tuple(Vector(v, k) for v, k in zip(vectors, legs, strict=True))
        products = list(self.calculus.limit(S.One, (Noise(name, legs), *ends), 0, record))
        return self._finish(key, products, record, [(-S.One, (key,))])

    def _trace(self, key: Key) -> Equation:
        """``tr Phi R ... = lambda tr R ... + tr of the rest``, the rest if the first resolvent ends on its block."""
        word: Word = key.what
        (step, row), after = word[0], word[1:]
        ends = [*(block for _, block in after), row]
        left, record = next(self.calculus.fresh), Record()
        products: list[Product] = []
        for block in self.calculus.first:
            inner = next(self.calculus.fresh)
            chain, here = [], inner
            for k, (s, _) in enumerate(word):
                there = left if k == len(word) - 1 else next(self.calculus.fresh)
                chain.append(Resolvent(s, block if k == 0 else word[k][1], ends[k], here, there))
                here = there
            for coefficient, factors in self.calculus.contraction_matrix(step, row, block, left, inner):
                products += self.calculus.limit(coefficient, (*factors, *chain), 1, record)
        more: list[tuple] = [(-S.One, (Key("value", step, None), key))]
        if ends[0] == row:
            rest = self.trace(canonical(after) if after else ((0, row),))
            more.append((-S.One, (rest,)) if isinstance(rest, Key) else (-rest, ()))
        return self._finish(key, products, record, more)


def _weights(calculus: Calculus, read: PlantedTensor, regime: Regime) -> dict[Symbol, Expr]:
    out = {}
    for name, symbol in calculus.weights.items():
        noise = read.noises[name]
        size, power = regime.growth(noise.variance)
        if power != -1:
            raise DimensionError(
                f"the variance {noise.variance} of {noise.letter} is of order {regime.base}**({power}); a limit needs "
                f"order 1/{regime.base}"
            )
        if size.is_extended_nonpositive:
            raise DimensionError(f"the variance {noise.variance} of {noise.letter} is not positive")
        out[symbol] = size
    return out


def derive_equations(
    read: PlantedTensor, regime: Regime, declared: dict, wanted: Sequence[Key], taken: Iterable[str]
) -> TensorEquations:
    """Close the system that contains ``wanted``."""
    builder = _Builder(read, regime, declared)
    weights = _weights(builder.calculus, read, regime)
    builder.run(wanted)
    order = {"value": 0, "overlap": 1, "noise": 2, "trace": 3}
    keys = sorted(builder.done, key=lambda k: (k.step, order[k.kind]))
    equations = [builder.done[k] for k in keys]
    symbols = name_unknowns(read, keys, set(taken))
    residuals, right = [], []
    for equation in equations:
        unknown = symbols[equation.key]
        terms = [Mul(part, *(symbols[k] for k in ks)) for c, ks in equation.terms for part in Add.make_args(c)]
        residuals.append(Add(*terms))
        right.append(_isolated(equation.key, unknown, terms))
    total = regime.ratios.keys() - set(read.shape)
    ones = {}
    if regime.base in total:
        ratios = [regime.growth(d)[0] for d in sorted(set(read.shape), key=str) for _ in range(read.shape.count(d))]
        whole = Add(*ratios)
        if read.symmetric:
            whole = ratios[0]
        if whole.is_number and whole != 1:
            raise RegimeError(
                f"{regime.base} is the dimension of no mode, so it is the sum of all of them: the ratios "
                f"{', '.join(map(str, ratios))} sum to {whole} and not to 1"
            )
        ones = {whole: S.One} if not whole.is_number else {}
    weights = {s: e.xreplace(ones) for s, e in weights.items()}
    noisy = System(tuple(symbols[k] for k in keys), tuple(residuals), tuple(right), (), {}, {})
    system = System(
        noisy.unknowns,
        tuple(r.xreplace(weights) for r in residuals),
        tuple(None if r is None else r.xreplace(weights) for r in right),
        (),
        {},
        {},
    )
    return TensorEquations(read, regime, tuple(equations), symbols, weights, noisy, system, dict(declared))


def _isolated(key: Key, unknown: Symbol, terms: Sequence[Expr]) -> Expr | None:
    """``0 = unknown*A + B`` as ``unknown = -B/A``; for an overlap A holds the terms of degree one in it."""
    degree = {t: t.as_coeff_exponent(unknown)[1] for t in terms}
    own = [t for t in terms if (degree[t] == 1 if key.kind == "overlap" else degree[t] != 0)]
    rest = [t for t in terms if t not in own]
    if not rest or not own:
        return None
    return Add(*rest) / Add(*(-t / unknown for t in own))


def functional_key(read: PlantedTensor, functional: TensorFunctional) -> Key | Expr:
    """The unknown, or the number, that a functional of the tensors is."""
    if functional.tensor not in read.expressions:
        raise ParameterError(f"{functional} belongs to another tensor than the other quantities")
    step = read.step_of(functional.tensor)
    if isinstance(functional, SingularValue):
        return Key("value", step, None)
    assert isinstance(functional, Overlap)
    estimate = Estimate(step, read.blocks[functional.singular.mode - 1])
    vector = functional.vector
    if isinstance(vector, SingularVector):
        if vector.tensor not in read.expressions:
            raise ParameterError(f"{vector} belongs to another tensor than the other quantities")
        other = Estimate(read.step_of(vector.tensor), read.blocks[vector.mode - 1])
        if other == estimate:
            return S.One
        first, last = sorted((other, estimate))
        return Key("overlap", last.step, (first, last))
    return Key("overlap", step, (vector, estimate))
