"""What a user writes about tensors: outer products, Gaussian tensors, the best rank-one approximation.

Tensors are SymPy scalars to the eyes of SymPy, so that sums and multiples are written as usual; :mod:`.reading` gives
them their modes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sympy import Add, Expr, Integer, MatrixExpr, Mul, S, Symbol, Tuple, sympify
from sympy.core.symbol import Str

from ..errors import DimensionError, ParameterError
from ..symbols import MatrixLetter, Signal

__all__ = [
    "BestRankOne",
    "GaussianTensor",
    "Masked",
    "ModeProduct",
    "Outer",
    "Overlap",
    "SingularValue",
    "SingularVector",
    "TensorExpr",
    "TensorFunctional",
    "best_rank_one",
    "tensor_shape",
]


class TensorExpr(Expr):
    """Base of the tensors; ``shape`` lists one dimension per mode."""

    is_commutative = True

    @property
    def shape(self) -> tuple[Expr, ...]:
        raise NotImplementedError

    def doit(self, **hints: Any) -> Expr:
        return self

    def _eval_derivative(self, s: Symbol) -> Expr:
        return S.Zero


def tensor_shape(expr: Any) -> tuple[Expr, ...]:
    """One dimension per mode of a tensor, a matrix or a vector expression; () for a scalar."""
    if isinstance(expr, TensorExpr):
        return expr.shape
    if isinstance(expr, MatrixExpr):
        return tuple(d for d in expr.shape if d != 1)
    if not isinstance(expr, Add | Mul):
        return ()
    shapes = {shape for shape in map(tensor_shape, expr.args) if shape}
    if expr.is_Mul and sum(bool(tensor_shape(a)) for a in expr.args) > 1:
        raise DimensionError(f"{expr} multiplies two tensors; their outer product is written Outer(A, B)")
    if expr.is_Add and (len(shapes) > 1 or (shapes and not all(tensor_shape(a) for a in expr.args))):
        listed = "; ".join(f"{a} has shape {tensor_shape(a)}" for a in expr.args)
        raise DimensionError(f"the terms of {expr} do not have one shape: {listed}")
    return next(iter(shapes), ())


class Outer(TensorExpr):
    """The outer product of vectors, matrices and tensors.

    Parameters
    ----------
    *factors : Signal, MatrixExpr or tensor
        Their modes follow one another, unless ``modes`` places them.
    modes : sequence, optional
        For every factor the mode (or tuple of modes) it takes, counted from 1.

    Examples
    --------
    >>> from derive import Gaussian, Signal, dimensions
    >>> from derive.tensors.symbols import Outer
    >>> p, n, m = dimensions("p n m")
    >>> x, y, Z = Signal("x", p, norm2=1), Signal("y", m, norm2=1), Gaussian("Z", p, n, variance=1/(p + n))
    >>> Outer(Z, y).shape, Outer(Z, y, modes=((1, 3), 2)).shape
    ((p, n, m), (p, m, n))
    """

    def __new__(cls, *factors, modes=None):
        # rebuilt by SymPy as Outer(factors..., Tuple of Tuples)
        if factors and isinstance(factors[-1], Tuple):
            modes, factors = factors[-1], factors[:-1]
        factors = tuple(sympify(f) for f in factors)
        if not factors:
            raise DimensionError("Outer() needs at least one vector, matrix or tensor")
        shapes = [tensor_shape(f) for f in factors]
        for factor, shape in zip(factors, shapes, strict=True):
            if not shape:
                raise DimensionError(f"Outer: {factor} is a number; put it in front, as in {factor}*Outer(...)")
        if modes is None:
            ends = [sum(map(len, shapes[:k])) for k in range(len(shapes) + 1)]
            modes = [range(a + 1, b + 1) for a, b in pairwise(ends)]
        placed = Tuple(*(Tuple(*map(Integer, m if isinstance(m, Sequence | Tuple) else (m,))) for m in modes))
        flat = sorted(int(m) for group in placed for m in group)
        total = sum(map(len, shapes))
        if [len(g) for g in placed] != list(map(len, shapes)) or flat != list(range(1, total + 1)):
            wanted = ", ".join(f"{f} takes {len(s)}" for f, s in zip(factors, shapes, strict=True))
            raise DimensionError(
                f"Outer: modes={tuple(map(tuple, placed))} must use 1..{total} once each, and {wanted}"
            )
        return TensorExpr.__new__(cls, *factors, placed)

    @property
    def factors(self) -> tuple[Expr, ...]:
        return self.args[:-1]

    @property
    def modes(self) -> tuple[tuple[int, ...], ...]:
        """The modes of every factor, from 0."""
        return tuple(tuple(int(m) - 1 for m in group) for group in self.args[-1])

    @property
    def shape(self):
        out = {}
        for factor, places in zip(self.factors, self.modes, strict=True):
            out.update(zip(places, tensor_shape(factor), strict=True))
        return tuple(out[k] for k in range(len(out)))

    def _sympystr(self, printer):
        return f"Outer({', '.join(map(printer._print, self.factors))})"


class GaussianTensor(TensorExpr):
    """A tensor of independent centred Gaussian entries.

    Parameters
    ----------
    name : str
    *dims : Symbol
        One per mode.
    variance : Expr
        Of one entry, of order 1/dimension.
    symmetric : bool
        Invariant under permutations of its modes; ``variance`` is that of an entry with distinct indices.

    Examples
    --------
    >>> from derive import dimensions
    >>> from derive.tensors.symbols import GaussianTensor
    >>> n = dimensions("n")
    >>> GaussianTensor("W", n, n, n, variance=1/(6*n), symmetric=True).shape
    (n, n, n)
    """

    def __new__(cls, name, *dims, variance=1, symmetric=False):
        # rebuilt by SymPy as GaussianTensor(name, Tuple(dims), variance, symmetric)
        if dims and isinstance(dims[0], Tuple):
            dims, variance, symmetric = dims[0], dims[1], dims[2] in (True, S.true)
        dims = tuple(sympify(d) for d in dims)
        if not dims:
            raise DimensionError(f"GaussianTensor('{name}') is a noise on no mode; give one dimension per mode")
        for d in dims:
            if not isinstance(d, Expr) or d.is_positive is False:
                raise DimensionError(f"{name}: a dimension must be a positive integer or symbol, got {d}")
        if symmetric and len(set(dims)) > 1:
            raise DimensionError(f"{name} is declared symmetric but its dimensions {dims} are not all the same")
        return TensorExpr.__new__(
            cls, Str(str(name)), Tuple(*dims), sympify(variance), S.true if symmetric else S.false
        )

    @property
    def name(self) -> str:
        return str(self.args[0])

    @property
    def shape(self):
        return tuple(self.args[1])

    @property
    def variance(self) -> Expr:
        return self.args[2]

    @property
    def is_symmetric(self) -> bool:
        return self.args[3] is S.true

    def _sympystr(self, printer):
        return self.name

    def _latex(self, printer):
        return printer._print(Symbol(self.name))


class Masked(TensorExpr):
    """Every entry of a tensor kept with probability ``probability``, independently, and set to 0 otherwise.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import dimensions
    >>> from derive.tensors.symbols import GaussianTensor, Masked
    >>> n, m = dimensions("n m")
    >>> Masked(GaussianTensor("W", n, n, m, variance=1/n), Symbol("epsilon", positive=True)).shape
    (n, n, m)
    """

    def __new__(cls, tensor, probability):
        if not tensor_shape(tensor):
            raise DimensionError(f"Masked takes a tensor, got {tensor}")
        kept = sympify(probability)
        if kept.is_number and not (kept.is_real and 0 < kept <= 1):
            raise ParameterError(f"Masked keeps an entry with a probability in (0, 1], got {probability}")
        return TensorExpr.__new__(cls, sympify(tensor), sympify(probability))

    @property
    def shape(self):
        return tensor_shape(self.args[0])


class ModeProduct(TensorExpr):
    """A matrix applied to one mode of a tensor: ``sum_k A[i, k] T[.., k, ..]``.

    Parameters
    ----------
    tensor : tensor
    matrix : MatrixExpr
        ``c*Identity(n)`` plus products ``a*b.T`` of vectors.
    mode : int
        Counted from 1.
    """

    def __new__(cls, tensor, matrix, mode):
        shape = tensor_shape(tensor)
        if not shape:
            raise DimensionError(f"ModeProduct takes a tensor, got {tensor}")
        if not 1 <= int(mode) <= len(shape):
            raise DimensionError(f"ModeProduct: mode {mode} of a tensor with {len(shape)} modes")
        if not isinstance(matrix, MatrixExpr) or matrix.shape != (shape[int(mode) - 1],) * 2:
            raise DimensionError(
                f"ModeProduct: mode {mode} has dimension {shape[int(mode) - 1]}, the matrix is {matrix}"
            )
        return TensorExpr.__new__(cls, sympify(tensor), matrix, Integer(mode))

    @property
    def shape(self):
        return tensor_shape(self.args[0])


class SingularVector(MatrixLetter):
    """The unit vector that the best rank-one approximation of a tensor has in one mode; ``args``: tensor, mode."""

    def __new__(cls, tensor, mode):
        return MatrixExpr.__new__(cls, sympify(tensor), Integer(mode))

    @property
    def tensor(self) -> Expr:
        return self.args[0]

    @property
    def mode(self) -> int:
        """Counted from 1."""
        return int(self.args[1])

    @property
    def name(self) -> str:
        return f"u_{self.mode}"

    @property
    def shape(self):
        return tensor_shape(self.tensor)[self.mode - 1], Integer(1)


class TensorFunctional(Expr):
    """Base of the scalars that a best rank-one approximation has."""

    is_commutative = True

    def doit(self, **hints: Any) -> Expr:
        return self


class SingularValue(TensorFunctional):
    """The singular value ``T(u_1, ..., u_d)`` of a tensor at its best rank-one approximation."""

    def __new__(cls, tensor):
        return Expr.__new__(cls, sympify(tensor))

    @property
    def tensor(self) -> Expr:
        return self.args[0]


class Overlap(TensorFunctional):
    """The inner product of a vector with a singular vector: its sign and its square are both determined."""

    def __new__(cls, vector, singular):
        return Expr.__new__(cls, vector, singular)

    @property
    def vector(self) -> MatrixExpr:
        return self.args[0]

    @property
    def singular(self) -> SingularVector:
        return self.args[1]

    @property
    def tensor(self) -> Expr:
        return self.singular.tensor


class BestRankOne:
    """The best rank-one approximation of a tensor, as quantities; made by :func:`best_rank_one`.

    Attributes
    ----------
    value : SingularValue
    vectors : tuple of SingularVector
        One per mode; they may be used in further tensors (deflation).

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Signal, dimensions
    >>> from derive.tensors.symbols import GaussianTensor, Outer, best_rank_one
    >>> p, n, m = dimensions("p n m")
    >>> x, y, z = Signal("x", p, norm2=1), Signal("y", n, norm2=1), Signal("z", m, norm2=1)
    >>> T = Symbol("beta", positive=True)*Outer(x, y, z) + GaussianTensor("W", p, n, m, variance=1/(p + n + m))
    >>> first = best_rank_one(T)
    >>> deflated = T - first.value*Outer(*first.vectors)
    >>> best_rank_one(deflated).overlap(y).singular.mode
    2
    """

    def __init__(self, tensor: Any):
        self.tensor = sympify(tensor)
        shape = tensor_shape(self.tensor)
        if len(shape) < 2:
            raise DimensionError(f"best_rank_one: {tensor} has order {len(shape)}; a tensor has two modes or more")

    @property
    def shape(self) -> tuple[Expr, ...]:
        return tensor_shape(self.tensor)

    @property
    def value(self) -> SingularValue:
        return SingularValue(self.tensor)

    @property
    def vectors(self) -> tuple[SingularVector, ...]:
        return tuple(SingularVector(self.tensor, k + 1) for k in range(len(self.shape)))

    def modes_of(self, vector: MatrixExpr) -> tuple[int, ...]:
        """The modes, counted from 1, in which a vector stands."""
        if isinstance(vector, SingularVector):
            return (vector.mode,)
        from .reading import read_tensor

        return tuple(k + 1 for k in read_tensor(self.tensor).modes_of(vector))

    def overlap(self, vector: MatrixExpr, mode: int | None = None) -> Overlap:
        """The inner product of a vector with the singular vector of its mode."""
        if not isinstance(vector, Signal | SingularVector):
            raise DimensionError(f"overlap takes a Signal or a singular vector, got {vector}")
        if mode is None:
            modes = self.modes_of(vector)
            if not modes:
                modes = tuple(k + 1 for k, d in enumerate(self.shape) if d == vector.shape[0])
            if len(modes) != 1:
                where = "no mode" if not modes else "modes " + ", ".join(map(str, modes))
                raise ParameterError(f"{vector} belongs to {where}; say which one: overlap({vector}, mode=1)")
            mode = modes[0]
        if not 1 <= mode <= len(self.shape) or self.shape[mode - 1] != vector.shape[0]:
            raise DimensionError(f"overlap: {vector} has dimension {vector.shape[0]}, the modes have {self.shape}")
        return Overlap(vector, SingularVector(self.tensor, mode))


def best_rank_one(tensor: Any) -> BestRankOne:
    """The critical point of ``T(u_1, ..., u_d)`` on unit spheres that the spikes of T cause, as quantities.

    Parameters
    ----------
    tensor : tensor or MatrixExpr
        Spikes ``beta*Outer(x, y, z)`` plus Gaussian noise, on all modes or on some of them.

    Returns
    -------
    BestRankOne
        ``.value``, ``.vectors`` and ``.overlap(x)``; :func:`derive.limit` takes the limit of it, or of its parts.
    """
    return BestRankOne(tensor)
