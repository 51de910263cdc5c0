"""From a tensor expression to its terms: a coefficient and a network of vectors and noise with one open leg per mode.

First stage. Earlier estimators that the expression uses (deflation) become ``step`` 1, 2, ..., each with its own
tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, product
from typing import Any

from sympy import Add, Expr, Identity, MatAdd, MatMul, Mul, S, Symbol, Transpose, sympify
from sympy.matrices.expressions import Adjoint

from ..errors import DimensionError, NotRationalError, ParameterError
from ..symbols import Gaussian, Signal, Wigner
from .network import Estimate, Factor, Noise, TensorTerm, Vector, fixed_vectors, indices, renamed
from .symbols import GaussianTensor, Masked, ModeProduct, Outer, SingularValue, SingularVector, tensor_shape

__all__ = ["NoiseRecord", "PlantedTensor", "TermsRead", "read_tensor", "read_terms", "value_symbol"]


def value_symbol(step: int) -> Symbol:
    """The singular value of an estimator, before it is named."""
    return Symbol(f"_lambda{step}", positive=True)


@dataclass(frozen=True)
class NoiseRecord:
    """A Gaussian tensor: what the terms call it, its variance, and whether it is symmetric."""

    name: str
    shape: tuple[Expr, ...]
    variance: Expr
    symmetric: bool
    letter: Expr
    kept: Expr = S.One  # probability with which its entries are kept by a mask


@dataclass(frozen=True)
class PlantedTensor:
    """The tensor of the last estimator, read: ``terms[a]`` is the tensor of step a + 1."""

    expressions: tuple[Expr, ...]
    terms: tuple[tuple[TensorTerm, ...], ...]
    noises: Mapping[str, NoiseRecord]
    shape: tuple[Expr, ...]
    symmetric: bool

    @property
    def order(self) -> int:
        return len(self.shape)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The block of every mode: one per mode, or one for all when the tensor is symmetric."""
        return (0,) * self.order if self.symmetric else tuple(range(self.order))

    def step_of(self, tensor: Expr) -> int:
        return self.expressions.index(tensor) + 1

    def vectors(self, mode: int) -> tuple[Signal, ...]:
        """The fixed vectors that stand in a mode, in the order of the terms."""
        found: dict[Any, None] = {}
        for term in (t for terms in self.terms for t in terms):
            found |= dict.fromkeys(v for place, v in fixed_vectors(term) if self.symmetric or place == mode)
        return tuple(found)

    def modes_of(self, vector: Any) -> tuple[int, ...]:
        modes = tuple(k for k in range(self.order) if vector in self.vectors(k))
        return modes[:1] if self.symmetric else modes

    @property
    def spikes(self) -> tuple[TensorTerm, ...]:
        """The terms of the first tensor that hold fixed vectors only."""
        return tuple(t for t in self.terms[0] if all(isinstance(f, Vector) for f in t.factors))


@lru_cache(maxsize=256)
def read_tensor(expr: Expr) -> PlantedTensor:
    """Read a tensor and the tensors of the estimators it uses."""
    reader = _Reader()
    reader.step(expr)
    shape = tensor_shape(expr)
    if len(shape) < 2:
        raise DimensionError(f"{expr} has order {len(shape)}; a tensor has two modes or more")
    used = {f.name for terms in reader.steps.values() for t in terms for f in t.factors if isinstance(f, Noise)}
    noises = {name: noise for name, noise in reader.noises.items() if name in used}
    for name, noise in noises.items():
        if noise.symmetric and len(noise.shape) != len(shape):
            raise DimensionError(
                f"{name} is symmetric on {len(noise.shape)} of {len(shape)} modes; a symmetric noise fills all modes"
            )
    if not noises:
        raise ParameterError(f"{expr} has no noise, so there is no limit to take")
    for earlier in reader.steps:
        if tensor_shape(earlier) != shape:
            raise DimensionError(
                f"the singular vectors used are those of a tensor of shape {tensor_shape(earlier)}, "
                f"the tensor itself has shape {shape}"
            )
    for name, noise in noises.items():
        if noise.kept != 1 and name[:-1] in noises:
            raise ParameterError(f"{name[:-1]} is used masked and unmasked; the two are not independent")
    symmetric = any(n.symmetric for n in noises.values())
    steps = [tuple(_one_block(t) for t in terms) if symmetric else terms for terms in reader.steps.values()]
    read = PlantedTensor(tuple(reader.steps), tuple(steps), noises, shape, symmetric)
    if symmetric:
        _check_symmetric(read)
    if not read.spikes:
        raise ParameterError(
            f"{expr} has no spike, a term beta*Outer(x, y, ...) of fixed vectors: without one every critical point is "
            "made of noise"
        )
    return read


@dataclass(frozen=True)
class TermsRead:
    """Terms of a tensor expression, the tensors of the estimators they use (step k + 1 at k), and their noises."""

    terms: tuple[TensorTerm, ...]
    steps: tuple[Expr, ...]
    noises: Mapping[str, NoiseRecord]


def read_terms(expr: Expr) -> TermsRead:
    """The terms of any tensor expression as they are written: nothing is added up, and no noise is asked for.

    For a part of a tensor, such as what is inside a mask; its estimators are numbered by themselves.

    Examples
    --------
    >>> from derive import Gaussian, Outer, Signal, dimensions
    >>> p, n, m = dimensions("p n m")
    >>> read = read_terms(Outer(Gaussian("Z", p, n, variance=1/n), Signal("y", m, norm2=1)))
    >>> len(read.terms), list(read.noises), read.steps
    (1, ['Z'], ())
    """
    reader = _Reader()
    terms = tuple(reader.tensor(expr))
    return TermsRead(terms, tuple(reader.steps), dict(reader.noises))


def _one_block(term: TensorTerm) -> TensorTerm:
    """A symmetric tensor has one estimate for all its modes."""
    factors = tuple(
        Vector(Estimate(f.what.step, 0), f.leg) if isinstance(f, Vector) and isinstance(f.what, Estimate) else f
        for f in term.factors
    )
    return TensorTerm(term.coefficient, factors, term.legs)


def _check_symmetric(read: PlantedTensor) -> None:
    for name, noise in read.noises.items():
        if not noise.symmetric:
            raise DimensionError(f"{name} is not symmetric but another noise is; declare all of them symmetric")
    for term in read.spikes:
        if len({f.what for f in term.factors if isinstance(f, Vector)}) > 1:
            shown = ", ".join(str(f.what) for f in term.factors if isinstance(f, Vector))
            raise DimensionError(f"the noise is symmetric but the spike Outer({shown}) is not")


class _Reader:
    def __init__(self) -> None:
        self.fresh = count()
        self.steps: dict[Expr, tuple[TensorTerm, ...]] = {}
        self.noises: dict[str, NoiseRecord] = {}
        self.reading: list[Expr] = []

    def step(self, expr: Expr) -> int:
        if expr not in self.steps:
            terms = self._merged(list(self.tensor(expr)))
            self.steps[expr] = terms
        return list(self.steps).index(expr) + 1

    @staticmethod
    def _merged(terms: list[TensorTerm]) -> tuple[TensorTerm, ...]:
        """Equal terms added, their legs numbered 0, 1, ... so that equal networks look equal."""
        total: dict[tuple, Expr] = {}
        for term in terms:
            order = {k: i for i, k in enumerate(term.legs)}
            for factor in term.factors:
                for k in indices(factor):
                    order.setdefault(k, len(order))
            factors = tuple(renamed(f, order) for f in term.factors)
            total[factors] = total.get(factors, S.Zero) + term.coefficient
        legs = tuple(range(len(terms[0].legs))) if terms else ()
        return tuple(TensorTerm(c, factors, legs) for factors, c in total.items() if c != 0)

    # -- tensors ------------------------------------------------------------------------------------------------------
    def tensor(self, expr: Any) -> Iterator[TensorTerm]:
        """The terms of an expression, one leg per mode."""
        if isinstance(expr, Add | MatAdd):
            tensor_shape(expr)
            shapes = {tensor_shape(a) for a in expr.args}
            if len(shapes) > 1:
                raise DimensionError(f"the terms of {expr} do not have one shape: {sorted(map(str, shapes))}")
            for part in expr.args:
                yield from self.tensor(part)
        elif isinstance(expr, MatMul):
            yield from self._matrix_product(expr)
        elif isinstance(expr, Mul):
            tensors = [a for a in expr.args if tensor_shape(a)]
            if len(tensors) > 1:
                tensor_shape(expr)
            scalar = Mul(*(a for a in expr.args if not tensor_shape(a)))
            yield from self._scaled(scalar, self.tensor(tensors[0]))
        elif isinstance(expr, Transpose | Adjoint):
            for term in self.tensor(expr.arg):
                yield TensorTerm(term.coefficient, term.factors, term.legs[::-1])
        elif isinstance(expr, Signal | SingularVector):
            leg = next(self.fresh)
            what: Any = expr
            if isinstance(expr, SingularVector):
                step = self.step(expr.tensor)
                what = Estimate(step, expr.mode - 1)
            yield TensorTerm(S.One, (Vector(what, leg),), (leg,))
        elif isinstance(expr, GaussianTensor | Gaussian | Wigner):
            yield self._noise(expr)
        elif isinstance(expr, Outer):
            yield from self._outer(expr)
        elif isinstance(expr, Masked):
            yield from self._masked(expr)
        elif isinstance(expr, ModeProduct):
            yield from self._mode_product(expr)
        else:
            raise NotRationalError(
                f"{expr} ({type(expr).__name__}) is not part of a planted tensor; use Signals, Gaussian, "
                "GaussianTensor, their Outer products, sums and multiples"
            )

    def _scaled(self, scalar: Expr, terms: Iterator[TensorTerm]) -> Iterator[TensorTerm]:
        scalar = sympify(scalar)
        known = {f: value_symbol(self.step(f.tensor)) for f in sorted(scalar.atoms(SingularValue), key=str)}
        for term in terms:
            yield TensorTerm(scalar.xreplace(known) * term.coefficient, term.factors, term.legs)

    def _noise(self, letter: Any) -> TensorTerm:
        if isinstance(letter, GaussianTensor):
            record = NoiseRecord(letter.name, letter.shape, letter.variance, letter.is_symmetric, letter)
        else:
            record = NoiseRecord(letter.name, letter.shape, letter.variance, isinstance(letter, Wigner), letter)
            if not letter.is_real_matrix:
                raise NotRationalError(f"{letter} is complex; planted tensors are real")
        if self.noises.setdefault(letter.name, record) != record:
            raise ParameterError(f"{letter.name} is used with two definitions; one name has one definition")
        legs = tuple(next(self.fresh) for _ in record.shape)
        return TensorTerm(S.One, (Noise(letter.name, legs),), legs)

    def _outer(self, expr: Outer) -> Iterator[TensorTerm]:
        for chosen in product(*(list(self.tensor(f)) for f in expr.factors)):
            legs: dict[int, int] = {}
            factors: list[Factor] = []
            coefficient: Expr = S.One
            for term, modes in zip(chosen, expr.modes, strict=True):
                term = self._copy(term)
                legs.update(zip(modes, term.legs, strict=True))
                factors += term.factors
                coefficient *= term.coefficient
            yield TensorTerm(coefficient, tuple(factors), tuple(legs[k] for k in range(len(legs))))

    def _copy(self, term: TensorTerm) -> TensorTerm:
        names: dict[int, int] = {}
        for k in (*term.legs, *(i for f in term.factors for i in indices(f))):
            names.setdefault(k, next(self.fresh))
        return TensorTerm(
            term.coefficient, tuple(renamed(f, names) for f in term.factors), tuple(names[k] for k in term.legs)
        )

    def _matrix_product(self, expr: MatMul) -> Iterator[TensorTerm]:
        """Neighbours share an index, except across a dimension 1."""
        scalar, matrices = expr.as_coeff_matrices()
        matrices = [m for m in matrices if not isinstance(m, Identity)]
        for chosen in product(*(list(self.tensor(m)) for m in matrices)):
            coefficient: Expr = S.One
            factors: list[Factor] = []
            legs: list[int] = []
            for matrix, term in zip(matrices, chosen, strict=True):
                term = self._copy(term)
                open_legs = list(term.legs)
                coefficient *= term.coefficient
                more = list(term.factors)
                if factors and matrix.shape[0] != 1:
                    joined = {open_legs.pop(0): legs.pop()}
                    more = [renamed(f, joined) for f in more]
                    open_legs = [joined.get(k, k) for k in open_legs]
                factors += more
                legs += open_legs
            yield from self._scaled(scalar, iter([TensorTerm(coefficient, tuple(factors), tuple(legs))]))

    # -- operations ---------------------------------------------------------------------------------------------------
    def _masked(self, expr: Masked) -> Iterator[TensorTerm]:
        """A kept entry has mean ``probability`` times its own; the fluctuation of the mask on what is not a noise on
        all modes has entries of smaller order than the noise, and is left out."""
        probability = expr.args[1]
        for term in self.tensor(expr.args[0]):
            full = [f for f in term.factors if isinstance(f, Noise) and set(f.legs) == set(term.legs)]
            if len(term.factors) == 1 and full:
                (noise,) = full
                record = self.noises[noise.name]
                name = f"{noise.name}'"
                masked = NoiseRecord(
                    name, record.shape, record.variance * probability, record.symmetric, record.letter, probability
                )
                if self.noises.setdefault(name, masked) != masked:
                    raise ParameterError(f"{noise.name} is masked twice, with different probabilities")
                yield TensorTerm(term.coefficient, (Noise(name, noise.legs),), term.legs)
            else:
                yield TensorTerm(probability * term.coefficient, term.factors, term.legs)

    def _mode_product(self, expr: ModeProduct) -> Iterator[TensorTerm]:
        tensor, matrix, mode = expr.args[0], expr.args[1], int(expr.args[2]) - 1
        for term in self.tensor(tensor):
            for part in matrix.args if isinstance(matrix, MatAdd) else (matrix,):
                scalar, matrices = part.as_coeff_matrices() if isinstance(part, MatMul) else (S.One, [part])
                if all(isinstance(m, Identity) for m in matrices):
                    yield from self._scaled(scalar, iter([self._copy(term)]))
                    continue
                for applied in self.tensor(part):
                    copy, action = self._copy(term), self._copy(applied)
                    out, into = action.legs
                    names = {copy.legs[mode]: into}
                    factors = (*(renamed(f, names) for f in copy.factors), *action.factors)
                    legs = tuple(out if k == mode else leg for k, leg in enumerate(copy.legs))
                    yield TensorTerm(copy.coefficient * action.coefficient, factors, legs)
