"""The Gram matrix of an unfolded planted tensor, contracted pair by pair of its terms.

``T = W + S`` with W the noise on all modes. Along mode k, ``T_(k) T_(k)'`` sums the products of two terms of T over the
indices of all other modes: each product is a network whose closed parts are numbers and whose open part is a matrix of
the mode's space. Numbers concentrate on their means, which Wick's rule gives. What a product can add to the Gram matrix
is bounded by its operator norm, of which only the order in the dimensions is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any

from sympy import Add, Expr, MatMul, MatrixExpr, Mul, S, sqrt

from ..errors import NotRationalError
from ..symbols import Gaussian
from ..tensors.equations import inner_product
from ..tensors.network import Estimate, Factor, Noise, TensorTerm, Vector, indices, renamed
from ..tensors.reading import NoiseRecord, PlantedTensor

__all__ = ["Gram", "Product", "contract", "matrix_letter"]

# a place where an index is held: (number of the factor, slot), or (-1, 0) and (-1, 1) for the rows and columns
_Slot = tuple[int, int]


@dataclass(frozen=True)
class Product:
    """``S_a S_b'`` (or ``S_a W'``) over the other modes.

    Attributes
    ----------
    left, right : TensorTerm or None
        The terms of T; None is W.
    number : Expr
        Coefficients, inner products and means of closed parts.
    matrix : MatrixExpr or None
        The open part; None where only a bound is known.
    shift : Expr
        For a noise on three modes or more, ``E`` of its own Gram matrix is ``shift`` times the identity.
    size : Expr
        Of the order of the operator norm, ``number`` included.
    """

    left: TensorTerm | None
    right: TensorTerm | None
    number: Expr
    matrix: MatrixExpr | None
    size: Expr
    shift: Expr = S.Zero
    spread: Expr = S.Zero  # variance of an entry off the diagonal about that, with ``number``


@dataclass(frozen=True)
class Gram:
    """``T_(k) T_(k)'``: ``centre`` I, a fluctuation with entries of variance ``spread``, and products."""

    read: PlantedTensor
    mode: int
    long: Expr
    variance: Expr  # of an entry of W
    centre: Expr
    spread: Expr
    products: tuple[Product, ...]

    @property
    def short(self) -> Expr:
        return self.read.shape[self.mode]


def contract(read: PlantedTensor, mode: int, inner: Mapping) -> Gram:
    """Contract a tensor with itself over all modes but ``mode`` (from 0)."""
    if len(read.terms) > 1:
        raise NotRationalError("the unfolding of a deflated tensor depends on its first estimator; unfold the tensor")
    full: list[TensorTerm] = []
    rest: list[TensorTerm] = []
    for term in read.terms[0]:
        only = term.factors[0] if len(term.factors) == 1 else None
        whole = isinstance(only, Noise) and set(only.legs) == set(term.legs)
        (full if whole else rest).append(term)
    if not full:
        raise NotRationalError(
            "an unfolding has a limit by its noise on all modes, and this tensor has none: add "
            f"GaussianTensor('W', {', '.join(map(str, read.shape))}, variance=...)"
        )
    names = {f.name for t in full for f in t.factors if isinstance(f, Noise)}
    for term in rest:
        again = [f.name for f in term.factors if isinstance(f, Noise) and f.name in names]
        if again:
            raise NotRationalError(f"{again[0]} fills all modes and occurs contracted too; its unfolding is not known")
    others = [d for k, d in enumerate(read.shape) if k != mode]
    long = Mul(*others)
    records = [(t.coefficient, read.noises[t.factors[0].name]) for t in full]  # type: ignore[union-attr]
    variance = Add(*(c**2 * record.variance for c, record in records))
    symmetric = any(record.symmetric for _, record in records)
    # E W_a W_b sums over the permutations of the modes of a symmetric tensor: a cycle that does not hold mode k gives a
    # dimension, so that E (W W')_ii = v (n + 1) ... (n + d - 1)
    columns = Mul(*(d + j for j, d in enumerate(others, 1))) if symmetric else long
    copies = factorial(read.order - 1) if symmetric else 1
    builder = _Builder(read, mode, inner)
    products = [builder.product(a, b) for a in rest for b in rest]
    products += [builder.with_noise(a, c, record) for a in rest for c, record in records]
    # E (W_i W_j')^2 = sum over pairs of columns of E W_ia W_ib E W_ja W_jb: equal columns, and for a symmetric tensor
    # columns whose indices are permutations of one another
    return Gram(read, mode, long, variance, variance * columns, copies * variance**2 * long, tuple(products))


class _Builder:
    def __init__(self, read: PlantedTensor, mode: int, inner: Mapping):
        self.read, self.mode, self.inner = read, mode, dict(inner)

    def product(self, a: TensorTerm, b: TensorTerm) -> Product:
        left, right = _relabelled(a, 0), _relabelled(b, 1)
        joined = {right.legs[k]: left.legs[k] for k in range(self.read.order) if k != self.mode}
        factors = (*left.factors, *(renamed(f, joined) for f in right.factors))
        network = _Network(self, factors, left.legs[self.mode], right.legs[self.mode])
        return network.product(a, b, a.coefficient * b.coefficient)

    def with_noise(self, a: TensorTerm, coefficient: Expr, record: NoiseRecord) -> Product:
        """``S_a W'``; its transpose has the same norm."""
        left = _relabelled(a, 0)
        legs = tuple(1 if k == self.mode else leg for k, leg in enumerate(left.legs))
        network = _Network(self, (*left.factors, Noise(record.name, legs)), left.legs[self.mode], 1)
        return network.product(a, None, a.coefficient * coefficient)


def _relabelled(term: TensorTerm, side: int) -> TensorTerm:
    """Indices 2k + side, shifted by 2 so that 0 and 1 stay free."""
    names = {k: 2 * k + side + 2 for k in (*term.legs, *(i for f in term.factors for i in indices(f)))}
    return TensorTerm(
        term.coefficient, tuple(renamed(f, names) for f in term.factors), tuple(names[k] for k in term.legs)
    )


class _Network:
    """Factors that share indices; ``row`` and ``column`` are open."""

    def __init__(self, builder: _Builder, factors: Sequence[Factor], row: int, column: int):
        self.builder, self.factors, self.row, self.column = builder, tuple(factors), row, column
        for factor in factors:
            if isinstance(factor, Vector) and isinstance(factor.what, Estimate):
                raise NotRationalError(
                    "the unfolding of a tensor that holds an estimate is not known; unfold the tensor"
                )
        self.at: dict[int, list[_Slot]] = {}
        for number, factor in enumerate(factors):
            for slot, k in enumerate(indices(factor)):
                self.at.setdefault(k, []).append((number, slot))
        self.at.setdefault(row, []).append((-1, 0))
        self.at.setdefault(column, []).append((-1, 1))

    # -- pieces -------------------------------------------------------------------------------------------------------
    def pieces(self) -> Iterator[tuple[int, ...]]:
        """Connected components, as numbers of factors; those with open indices hold -1 once per open index."""
        parent = {k: k for k in self.at}

        def find(k: int) -> int:
            while parent[k] != k:
                k = parent[k]
            return k

        for factor in self.factors:
            first, *rest = indices(factor)
            for k in rest:
                parent[find(k)] = find(first)
        groups: dict[int, list[int]] = {find(k): [] for k in self.at}
        for number, factor in enumerate(self.factors):
            groups[find(indices(factor)[0])].append(number)
        for root, group in groups.items():
            yield (*(-1 for k in (self.row, self.column) if find(k) == root), *group)

    def record(self, number: int) -> NoiseRecord:
        factor = self.factors[number]
        assert isinstance(factor, Noise)
        return self.builder.read.noises[factor.name]

    def product(self, a: TensorTerm, b: TensorTerm | None, coefficient: Expr) -> Product:
        number, size = coefficient, sqrt(coefficient**2)
        opened = []
        for piece in self.pieces():
            if -1 in piece:
                opened.append(piece)
                continue
            mean = self.mean(piece)
            number *= mean
            size *= sqrt(mean**2) if mean != 0 else sqrt(self.second_moment(piece))
        matrix, norm, shift, spread = self.open_part(opened)
        return Product(a, b, number, matrix, size * norm, number * shift, number**2 * spread)

    # -- closed pieces ------------------------------------------------------------------------------------------------
    def mean(self, piece: Sequence[int]) -> Expr:
        """Of a closed piece: an inner product, or by Wick's rule where every noise occurs twice."""
        noises = [k for k in piece if isinstance(self.factors[k], Noise)]
        names = [self.record(k).name for k in noises]
        if any(names.count(name) % 2 for name in names):
            return S.Zero
        if any(names.count(name) > 2 for name in names):
            raise NotRationalError(f"{names[0]} occurs twice in one term; its unfolding is not known")
        value: Expr = S.One
        same: dict[int, int] = {}
        for name in dict.fromkeys(names):
            first, second = (k for k in noises if self.record(k).name == name)
            value *= self.record(first).variance
            same |= dict(zip(indices(self.factors[first]), indices(self.factors[second]), strict=True))
        # after pairing, an index runs in a circle (a dimension) or between two vectors (an inner product)
        seen: set[int] = set()
        links: dict[int, list[int]] = {}
        for k, other in same.items():
            links.setdefault(k, []).append(other)
            links.setdefault(other, []).append(k)
        for start in {k for number in piece for k in indices(self.factors[number])}:
            if start in seen:
                continue
            group, pending = {start}, [start]
            while pending:
                for other in links.get(pending.pop(), ()):
                    if other not in group:
                        group.add(other)
                        pending.append(other)
            seen |= group
            ends = [self.factors[n] for k in sorted(group) for n, _ in self.at[k]]
            vectors = [f.what for f in ends if isinstance(f, Vector)]
            value *= self.inner(*vectors) if vectors else self.dimension(start)
        return value

    def inner(self, v: Any, w: Any) -> Expr:
        return inner_product(self.builder.inner, v, w)

    def dimension(self, index: int) -> Expr:
        for number, slot in self.at[index]:
            if number >= 0 and isinstance(self.factors[number], Noise):
                return self.record(number).shape[slot]
        return self.builder.read.shape[self.builder.mode]

    def second_moment(self, piece: Sequence[int]) -> Expr:
        """Of the sum of squares over the open indices, the noises being independent."""
        value: Expr = S.One
        held = [k for k in piece if k >= 0]
        for number in held:
            if isinstance(self.factors[number], Noise):
                value *= self.record(number).variance
        for index in {k for number in held for k in indices(self.factors[number])}:
            vectors = [f.what for n, _ in self.at[index] if n >= 0 and isinstance(f := self.factors[n], Vector)]
            if len(vectors) == 2:
                value *= self.inner(*vectors) ** 2
            else:
                value *= vectors[0].norm2 if vectors else self.dimension(index)  # type: ignore[attr-defined]
        return value

    # -- the open part ------------------------------------------------------------------------------------------------
    def open_part(self, pieces: Sequence[Sequence[int]]) -> tuple[MatrixExpr | None, Expr, Expr, Expr]:
        """The matrix (or None), the order of its norm, and mean and spread of a noise on three modes or more."""
        if len(pieces) == 1 and (found := self.twice_one_noise(pieces[0])) is not None:
            shift, spread = found
            flat = self.builder.read.shape[self.builder.mode]
            return None, sqrt(flat * spread), shift, spread
        steps = self.walk(self.row)
        if steps is not None and len(pieces) == 1:
            return _product([m for m, _ in steps]), Mul(*(norm for _, norm in steps)), S.Zero, S.Zero
        back = self.walk(self.column)
        if steps is not None and back is not None:
            matrices = [m for m, _ in steps] + [m.T for m, _ in reversed(back)]
            return _product(matrices), Mul(*(norm for _, norm in (*steps, *back))), S.Zero, S.Zero
        # a product of independent noises has a norm of the order of root n times the root mean square of its entries;
        # a matrix of rank one has its Frobenius norm
        total = Mul(*(self.second_moment(piece) for piece in pieces))
        flat = self.builder.read.shape[self.builder.mode] if len(pieces) == 1 else S.One
        return None, sqrt(total / flat), S.Zero, S.Zero

    def twice_one_noise(self, piece: Sequence[int]) -> tuple[Expr, Expr] | None:
        """``Z Z'`` of one noise on three modes or more, all but one summed: its mean and the variance about it."""
        held = [k for k in piece if k >= 0]
        if len(held) != 2 or not all(isinstance(self.factors[k], Noise) for k in held):
            return None
        (a, b), record = held, self.record(held[0])
        one, two = indices(self.factors[a]), indices(self.factors[b])
        if self.record(b) != record or len(one) < 3 or [k for k in one if k in two] != [k for k in two if k in one]:
            return None
        if len([k for k in one if k in two]) != len(one) - 1:
            return None
        columns = Mul(*(record.shape[slot] for slot, k in enumerate(one) if k in two))
        return record.variance * columns, record.variance**2 * columns

    def walk(self, index: int) -> list[tuple[MatrixExpr, Expr]] | None:
        """Matrices, each with the order of its norm, from an open index to the other one or to a vector."""
        out: list[tuple[MatrixExpr, Expr]] = []
        here: _Slot = (-1, 0 if index == self.row else 1)
        while True:
            (place,) = [s for s in self.at[index] if s != here]
            number, slot = place
            if number == -1:
                return out
            factor = self.factors[number]
            if isinstance(factor, Vector):
                out.append((factor.what, sqrt(factor.what.norm2)))  # type: ignore[attr-defined]
                return out
            record = self.record(number)
            if len(record.shape) != 2 or record.symmetric:
                return None
            letter = matrix_letter(record)
            out.append((letter if slot == 0 else letter.T, sqrt(record.variance * Add(*record.shape))))
            here = (number, 1 - slot)
            index = indices(factor)[1 - slot]


def matrix_letter(record: NoiseRecord) -> MatrixExpr:
    """A noise on two modes as a matrix, the first mode its rows."""
    if isinstance(record.letter, MatrixExpr):
        return record.letter
    rows, columns = record.shape
    return Gaussian(record.name, rows, columns, variance=record.variance)


def _product(matrices: Sequence[MatrixExpr]) -> MatrixExpr:
    return MatMul(*matrices) if len(matrices) > 1 else matrices[0]
