"""Samples of planted tensors, from the networks that :func:`derive.tensors.reading.read_tensor` reads.

A sample is a sum of outer products of arrays, one batch axis first: noise that fills all modes is one dense array,
spikes and noise on fewer modes stay factored, and so does what deflation takes off. The signals of one dimension meet
their declared Gram matrix exactly in every trial, in directions drawn anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations
from math import factorial, prod, sqrt
from typing import Any

import numpy as np
from sympy import Add, Expr, MatAdd, Mul, S, Symbol, sympify

from derive.errors import NotRationalError, ParameterError
from derive.lower.algebra import Algebra
from derive.lower.arrays import ArrayKind
from derive.lower.program import compile_program
from derive.symbols import Labels, Signal
from derive.tensors.equations import inner_product
from derive.tensors.network import Estimate, Noise, TensorTerm, Vector, indices
from derive.tensors.reading import NoiseRecord, read_terms, value_symbol
from derive.tensors.symbols import Masked, SingularValue, tensor_shape
from derive.tensors.tensor_limit import TensorLimit

from .backend import Backend
from .sample import seeds
from .tensor_definition import TensorDefinition

__all__ = ["Letters", "Product", "TensorSample", "TensorSampler", "contract_axis", "fraction_agreeing"]

# an array (trials, n_i, n_j, ...) and its modes, increasing and counted from 0
Block = tuple[Any, tuple[int, ...]]
_TOLERANCE = 1e-9


def contract_axis(xp: Any, array: Any, vector: Any, axis: int) -> Any:
    """Sum one axis of ``array`` (trials, ...) against ``vector`` (trials, n), as a matrix product without a copy."""
    trials, length = vector.shape
    before, after = prod(array.shape[1:axis]), prod(array.shape[axis + 1 :])
    rest = (*array.shape[:axis], *array.shape[axis + 1 :])
    if after == 1:
        out = xp.reshape(array, (trials, before, length)) @ vector[:, :, None]
    elif before == 1:
        out = vector[:, None, :] @ xp.reshape(array, (trials, length, after))
    else:
        out = vector[:, None, None, :] @ xp.reshape(array, (trials, before, length, after))
    return xp.reshape(out, rest)


def fraction_agreeing(xp: Any, labels: Any, vectors: Any) -> Any:
    """Per trial the fraction of entries with the sign of the labels, or of the mirror image; arrays (trials, n)."""
    same = xp.mean(xp.where(labels * vectors > 0, xp.ones_like(vectors), xp.zeros_like(vectors)), axis=-1)
    return xp.where(same < 0.5, 1 - same, same)


def _vectors(rng: np.random.Generator, length: int, group: Sequence[Signal], root: np.ndarray) -> np.ndarray:
    """One row per signal with the Gram matrix ``root root'``; labels have entries of one size, in random signs."""
    frame = rng.standard_normal((length, len(group)))
    labels = [k for k, signal in enumerate(group) if isinstance(signal, Labels)]
    if not labels:
        return root @ np.linalg.qr(frame)[0].T
    if len(labels) > 1:
        names = " and ".join(group[k].name for k in labels)
        raise ParameterError(f"{names} are labels of one dimension; signs with a given inner product are not drawn")
    # the rows of the root in a triangular form that begins with the labels
    order = [labels[0], *(k for k in range(len(group)) if k != labels[0])]
    triangular = np.linalg.qr(root[order].T)[1].T
    frame[:, 0] = rng.choice([-1.0, 1.0], size=length)
    found = np.empty((len(group), length))
    found[order] = triangular @ np.linalg.qr(frame)[0].T
    return found


@dataclass(frozen=True)
class Product:
    """``coefficient`` (trials,) times the outer product of blocks whose modes partition the modes of the tensor."""

    coefficient: Any
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class TensorSample:
    """A batch of tensors as a sum of outer products.

    Examples
    --------
    >>> import numpy as np
    >>> from verify.tensor_sample import Product, TensorSample
    >>> x, y = np.array([[1.0, 0.0]]), np.array([[0.0, 2.0, 0.0]])
    >>> TensorSample(np, (2, 3), (Product(np.array([3.0]), ((x, (0,)), (y, (1,)))),)).dense()
    array([[[0., 6., 0.], [0., 0., 0.]]])
    """

    xp: Any
    shape: tuple[int, ...]
    products: tuple[Product, ...]
    symmetric: bool = False

    @property
    def order(self) -> int:
        return len(self.shape)

    @property
    def trials(self) -> int:
        return self.products[0].coefficient.shape[0]

    def dense(self) -> Any:
        """The entries, (trials, n_1, ..., n_d)."""
        xp, total = self.xp, None
        for product in self.products:
            part = xp.reshape(product.coefficient, (-1, *(1,) * self.order))
            for array, modes in product.blocks:
                shape = [1] * self.order
                for mode, length in zip(modes, array.shape[1:], strict=True):
                    shape[mode] = length
                part = part * xp.reshape(array, (array.shape[0], *shape))
            total = part if total is None else total + part
        return total

    def take(self, rows: Any) -> TensorSample:
        """Some of the trials."""
        take = self.xp.take
        products = tuple(
            Product(take(p.coefficient, rows, axis=0), tuple((take(a, rows, axis=0), modes) for a, modes in p.blocks))
            for p in self.products
        )
        return TensorSample(self.xp, self.shape, products, self.symmetric)

    def minus(self, value: Any, vectors: Sequence[Any]) -> TensorSample:
        """Hotelling's deflation: the tensor less ``value * u_1 o ... o u_d``; the dense part is shared, not copied."""
        off = Product(-value, tuple((u, (mode,)) for mode, u in enumerate(vectors)))
        return TensorSample(self.xp, self.shape, (*self.products, off), self.symmetric)


@dataclass
class Letters:
    """What is random in a batch of trials; arrays have the trial first."""

    xp: Any
    trials: int
    normal: Callable[[str, tuple[int, ...]], Any]
    uniform: Callable[[str, tuple[int, ...]], Any]
    signals: dict[Signal, Any]
    noises: dict[str, Any] = field(default_factory=dict)
    # dense sums of noise by what they are made of, shared by the tensors of all steps
    sums: dict[Any, Any] = field(default_factory=dict)


class TensorSampler:
    """Samples of all the tensors of a limit at one size.

    Parameters
    ----------
    law : TensorLimit or TensorDefinition
    params : mapping
        One point; a definition has its own.
    size : int
        The base dimension; every other one is its ratio times the base, rounded.
    """

    def __init__(self, law: TensorLimit | TensorDefinition, params: Mapping | None, size: int):
        self.definition = law if isinstance(law, TensorDefinition) else TensorDefinition.of(law, params)
        law = self.definition
        self.read, self.size = law.read, size
        self.numbers: dict[Symbol, float] = {s: float(v) for s, v in law.numbers.items()}
        self.dims: dict[Symbol, int] = {}
        for dim, ratio in law.ratios.items():
            length = round(self._number(ratio, f"the ratio of {dim}") * size)
            if length < 1:
                raise ParameterError(
                    f"at {law.base} = {size} the dimension {dim} would be {length}; take a larger size"
                )
            self.dims[dim] = length
        base = law.base
        if base not in {s for d in self.read.shape for s in d.free_symbols} and not self.read.symmetric:
            # the base is the sum of the modes: what is rounded there must still add up
            self.dims[base] = sum(self.shape)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.length(d) for d in self.read.shape)

    def length(self, dim: Expr) -> int:
        return int(dim.xreplace(dict(self.dims)))

    def _number(self, expr: Expr, what: str) -> float:
        value = sympify(expr.xreplace({**self.numbers, **self.dims}))
        if value.free_symbols:
            names = ", ".join(sorted(s.name for s in value.free_symbols if isinstance(s, Symbol)))
            raise ParameterError(f"{what}, {expr}, needs a value for {names}")
        return float(value)

    def entries(self) -> int:
        """Entries of the dense arrays of one trial, for the choice of a batch."""
        return sum(prod(self.length(d) for d in noise.shape) for noise in self.read.noises.values())

    # -- letters ------------------------------------------------------------------------------------------------------
    @cached_property
    def roots(self) -> list[tuple[int, tuple[Signal, ...], np.ndarray]]:
        """Per dimension: its signals, and a square root of their Gram matrix."""
        by_dim: dict[Expr, list[Signal]] = {}
        for letter in self.definition.letters:
            if isinstance(letter, Signal):
                by_dim.setdefault(letter.shape[0], []).append(letter)
        out = []
        for dim, signals in sorted(by_dim.items(), key=lambda item: str(item[0])):
            gram = np.array([[self._inner(v, w) for w in signals] for v in signals])
            values, frame = np.linalg.eigh(gram)
            names = ", ".join(s.name for s in signals)
            if values[0] < -_TOLERANCE * max(values[-1], 1e-300):
                raise ParameterError(
                    f"no vectors have the inner products of {names}: their Gram matrix {gram.tolist()} is not positive "
                    "semidefinite; declare those that are left open with inner={(x, y): value}"
                )
            if len(signals) > self.length(dim):
                raise ParameterError(f"{dim} = {self.length(dim)} is too small to hold {names}; take a larger size")
            out.append((self.length(dim), tuple(signals), frame * np.sqrt(np.maximum(values, 0))))
        return out

    def _inner(self, v: Signal, w: Signal) -> float:
        value = sympify(inner_product(dict(self.definition.inner), v, w).xreplace({**self.numbers, **self.dims}))
        # vectors that share a dimension and no mode: nothing depends on their inner product
        return 0.0 if value.free_symbols and v != w else self._number(value, f"the inner product of {v} and {w}")

    def draw(self, backend: Backend, seed: int, trials: Sequence[int]) -> Letters:
        """The letters of a batch; those of one trial do not depend on the batch it is in."""
        xp = backend.xp

        def stacked(method: str) -> Callable[[str, tuple[int, ...]], Any]:
            def draws(label: str, shape: tuple[int, ...]) -> Any:
                out = xp.empty((len(trials), *shape), dtype=backend.real)
                for row, trial in enumerate(trials):
                    out[row, ...] = xp.asarray(getattr(backend.generator(seeds(seed, self.size, trial, label)), method)(
                        size=shape
                    ))  # fmt: skip
                return out

            return draws

        signals: dict[Signal, Any] = {}
        for index, (length, group, root) in enumerate(self.roots):
            drawn = []
            for trial in trials:
                # a few vectors: drawn on the host, the same for every device
                rng = np.random.Generator(np.random.PCG64(seeds(seed, self.size, trial, f"signals {index}")))
                drawn.append(_vectors(rng, length, group, root))
            batch = np.stack(drawn)
            signals |= {s: xp.asarray(np.ascontiguousarray(batch[:, k])) for k, s in enumerate(group)}
        return Letters(xp, len(trials), stacked("standard_normal"), stacked("random"), signals)

    def _noise(self, record: NoiseRecord, letters: Letters) -> Any:
        name = record.letter.name
        if name not in letters.noises:
            xp, shape = letters.xp, tuple(self.length(d) for d in record.shape)
            variance = self._number(record.letter.variance, f"the variance of {name}")
            raw, order = letters.normal(name, shape), len(shape)
            if record.symmetric:
                turned = [xp.permute_dims(raw, (0, *(k + 1 for k in p))) for p in permutations(range(order))]
                # the mean over d! permutations has 1/d! of the variance where the indices are distinct
                raw, variance = sum(turned[1:], turned[0]) / len(turned), variance * factorial(order)
            raw *= sqrt(variance)
            letters.noises[name] = raw
        return letters.noises[name]

    # -- tensors ------------------------------------------------------------------------------------------------------
    def sample(
        self, step: int, letters: Letters, values: Mapping[int, Any], vectors: Mapping[Estimate, Any]
    ) -> TensorSample:
        """The tensor of estimator ``step``, from the values and vectors of the earlier ones."""
        expr = self.read.expressions[step - 1]
        if expr.has(Masked):
            if self.read.symmetric:
                raise NotRationalError(
                    f"{expr}: a mask on a symmetric tensor is not sampled; its mask would be symmetric"
                )
            products = self._masked(expr, S.One, letters, values, vectors)
        else:
            products = self._products(self.read.terms[step - 1], self.read.noises, letters, values, vectors)
        return TensorSample(letters.xp, self.shape, tuple(products), self.read.symmetric)

    def _products(
        self,
        terms: Sequence[TensorTerm],
        noises: Mapping[str, NoiseRecord],
        letters: Letters,
        values: Mapping[int, Any],
        vectors: Mapping[Estimate, Any],
    ) -> list[Product]:
        full: list[tuple[str, Expr, tuple[int, ...]]] = []
        products: list[Product] = []
        for term in terms:
            only = term.factors[0] if len(term.factors) == 1 else None
            plain = not any(term.coefficient.has(value_symbol(k)) for k in range(1, len(self.read.terms) + 1))
            if isinstance(only, Noise) and set(only.legs) == set(term.legs) and plain:
                full.append((only.name, term.coefficient, tuple(only.legs.index(k) for k in term.legs)))
            else:
                products.append(self._product(term, noises, letters, values, vectors))
        if full:
            products.insert(0, self._dense(tuple(full), noises, letters))
        return products

    def _dense(self, full: tuple, noises: Mapping[str, NoiseRecord], letters: Letters) -> Product:
        """Noise on all modes in one array, so that a contraction reads it once."""
        xp = letters.xp
        if full not in letters.sums:
            total = None
            for name, coefficient, legs in full:
                array = self._noise(noises[name], letters)
                if legs != tuple(range(len(legs))):
                    array = xp.permute_dims(array, (0, *(k + 1 for k in legs)))
                number = self._number(coefficient, "a coefficient")
                part = array if number == 1 else number * array
                total = part if total is None else total + part
            letters.sums[full] = total
        array = letters.sums[full]
        return Product(xp.ones((letters.trials,), dtype=xp.float64), ((array, tuple(range(len(self.shape)))),))

    def coefficient(self, expr: Expr, letters: Letters, values: Mapping[int, Any]) -> Any:
        """A coefficient per trial; it may hold earlier singular values."""
        expr = sympify(expr.xreplace(dict(self.dims)))
        env: dict[Symbol, Any] = dict(self.numbers)
        env |= {value_symbol(step): np.asarray(v) for step, v in values.items()}
        (found,) = compile_program([expr]).run(env, Algebra(ArrayKind(np), {}, {}))
        return letters.xp.asarray(np.ascontiguousarray(np.broadcast_to(np.asarray(found, float), (letters.trials,))))

    def _product(
        self,
        term: TensorTerm,
        noises: Mapping[str, NoiseRecord],
        letters: Letters,
        values: Mapping[int, Any],
        vectors: Mapping[Estimate, Any],
    ) -> Product:
        xp = letters.xp
        pieces: list[tuple[Any, tuple[int, ...]]] = []
        for factor in term.factors:
            if isinstance(factor, Vector):
                array = vectors[factor.what] if isinstance(factor.what, Estimate) else letters.signals[factor.what]  # type: ignore[index]
            else:
                assert isinstance(factor, Noise)
                array = self._noise(noises[factor.name], letters)
            pieces.append((array, indices(factor)))
        coefficient = self.coefficient(term.coefficient, letters, values)
        pieces = _joined(xp, pieces, set(term.legs))
        blocks: list[Block] = []
        for array, legs in pieces:
            if not legs:
                coefficient = coefficient * array
                continue
            modes = [term.legs.index(k) for k in legs]
            order = sorted(range(len(modes)), key=modes.__getitem__)
            if order != list(range(len(modes))):
                array = xp.permute_dims(array, (0, *(k + 1 for k in order)))
            blocks.append((array, tuple(sorted(modes))))
        return Product(coefficient, tuple(blocks))

    # -- masks --------------------------------------------------------------------------------------------------------
    def _masked(
        self, expr: Expr, scale: Expr, letters: Letters, values: Mapping[int, Any], vectors: Mapping[Estimate, Any]
    ) -> list[Product]:
        """A mask is drawn for all the entries of its tensor, spikes included, where the limit keeps their mean."""
        if isinstance(expr, Add | MatAdd):
            return [p for a in expr.args for p in self._masked(a, scale, letters, values, vectors)]
        if isinstance(expr, Mul):
            (tensor,) = (a for a in expr.args if tensor_shape(a))
            scalar = Mul(*(a for a in expr.args if not tensor_shape(a)))
            return self._masked(tensor, scale * scalar, letters, values, vectors)
        known = {f: value_symbol(self.read.step_of(f.tensor)) for f in scale.atoms(SingularValue)}
        coefficient = self.coefficient(scale.xreplace(known), letters, values)
        if isinstance(expr, Masked):
            if expr not in letters.sums:
                inner = self._masked(expr.args[0], S.One, letters, values, vectors)
                kept = self._number(expr.args[1], "the probability of the mask")
                dense = TensorSample(letters.xp, self.shape, tuple(inner)).dense()
                keep = letters.uniform(f"mask {expr}", self.shape) < kept
                letters.sums[expr] = letters.xp.where(keep, dense, letters.xp.zeros_like(dense))
            return [Product(coefficient, ((letters.sums[expr], tuple(range(len(self.shape)))),))]
        products = self._unmasked(expr, letters, values, vectors)
        return [Product(p.coefficient * coefficient, p.blocks) for p in products]

    def _unmasked(
        self, expr: Expr, letters: Letters, values: Mapping[int, Any], vectors: Mapping[Estimate, Any]
    ) -> list[Product]:
        reader = read_terms(expr)
        terms = reader.terms
        steps = {k: self.read.step_of(e) for k, e in enumerate(reader.steps, 1)}
        if any(record.kept != 1 for record in reader.noises.values()) and any(
            isinstance(f, Noise) and reader.noises[f.name].kept != 1 for t in terms for f in t.factors
        ):
            raise NotRationalError(f"{expr}: a mask is sampled on a whole term of the tensor, not inside a product")
        own = {value_symbol(k): Symbol(f"_step{k}") for k in steps}
        law = {Symbol(f"_step{k}"): value_symbol(s) for k, s in steps.items()}
        renamed = []
        for term in terms:
            factors = tuple(
                Vector(Estimate(steps[f.what.step], self.read.blocks[f.what.block]), f.leg)
                if isinstance(f, Vector) and isinstance(f.what, Estimate)
                else f
                for f in term.factors
            )
            renamed.append(TensorTerm(term.coefficient.xreplace(own).xreplace(law), factors, term.legs))
        return self._products(renamed, reader.noises, letters, values, vectors)


def _joined(xp: Any, pieces: list[tuple[Any, tuple[int, ...]]], open_legs: set[int]) -> list:
    """Sum over the indices that two pieces share; vectors first, as they make the rest smaller."""
    pieces = sorted(pieces, key=lambda piece: len(piece[1]))
    while True:
        shared = next((k for _, legs in pieces for k in legs if k not in open_legs), None)
        if shared is None:
            return pieces
        pair = [piece for piece in pieces if shared in piece[1]]
        if len(pair) == 1:
            raise NotRationalError("a trace of a noise over two of its own modes is not sampled")
        (small, one), (large, two) = pair
        rest = [piece for piece in pieces if piece is not pair[0] and piece is not pair[1]]
        if one == (shared,):
            out = contract_axis(xp, large, small, two.index(shared) + 1), tuple(k for k in two if k != shared)
        else:
            both = [k for k in one if k in two]
            left, right = [k for k in one if k not in both], [k for k in two if k not in both]
            trials = small.shape[0]
            a = xp.permute_dims(small, (0, *(one.index(k) + 1 for k in (*left, *both))))
            b = xp.permute_dims(large, (0, *(two.index(k) + 1 for k in (*both, *right))))
            shape = (*a.shape[1 : len(left) + 1], *b.shape[len(both) + 1 :])
            inner = prod(b.shape[1 : len(both) + 1])
            product = xp.reshape(a, (trials, -1, inner)) @ xp.reshape(b, (trials, inner, -1))
            out = xp.reshape(product, (trials, *shape)), (*left, *right)
        pieces = sorted([*rest, out], key=lambda piece: len(piece[1]))
