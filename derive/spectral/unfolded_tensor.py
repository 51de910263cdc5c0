"""From the contracted Gram matrix of an unfolding to a matrix model of order one.

Where the other modes together are infinitely longer than mode k, the Gram matrix of the noise is a multiple of the
identity plus a fluctuation that is much smaller and, being invariant under rotations, a Wigner matrix in the limit,
independent of the rest of the tensor. Every product of the contraction is compared with that fluctuation by its order
in the dimensions: of the same order it is kept, of a smaller one dropped, of a larger one the strengths are not those
at which the unfolding has a transition. A strength whose growth was left open is counted in the unit that makes it
critical.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sympy import Add, Expr, MatAdd, MatrixExpr, S, Symbol, sqrt, sympify

from ..bind import Binding, bind
from ..errors import NotRationalError, RegimeError
from ..regime import Regime, read_regime
from ..symbols import MatrixLetter, Signal, Wigner
from ..tensors.reading import PlantedTensor, read_tensor
from .contraction import Gram, Product, contract
from .growth import Orders, leading_scalar, tidy_powers
from .planted_matrix import planted_column, planted_matrix
from .strength_units import diverging, hidden, shown, strength_units
from .unfolded_symbol import Unfolded

__all__ = ["UnfoldedTensor", "free_name", "unfold"]


@dataclass(frozen=True, eq=False)
class UnfoldedTensor:
    """``(T_(k) T_(k)' - centre I)/scale`` and the matrix model with the same limit.

    Attributes
    ----------
    unfolded : Unfolded
    gram : Gram
        The contraction, strengths as they are in the tensor.
    units : mapping of Symbol to Expr
        In ``equivalent`` these strengths are counted in units of powers of the dimensions.
    centre, scale : Expr
        In the dimensions.
    products : tuple of Product
        All products of terms, in these units: ``kept`` are those of the order of the scale, ``dropped`` smaller ones.
    equivalent : MatrixExpr
        A Wigner matrix plus the products that were kept.
    """

    unfolded: Unfolded
    gram: Gram
    ratios: Regime
    declared: Mapping[Any, Expr]
    units: Mapping[Symbol, Expr]
    centre: Expr
    scale: Expr
    products: tuple[Product, ...]
    kept: tuple[Product, ...]
    dropped: tuple[Product, ...]
    planted: MatrixExpr | None  # M with S_(k) S_(k)' = weight * M * M', where the terms have one
    weight: Expr
    equivalent: MatrixExpr

    def power(self, expr: Expr) -> Expr:
        """The power of the base dimension with which a scalar grows."""
        return Orders(self.ratios)(expr)

    # -- the finite model, for whoever samples it ----------------------------------------------------------------------
    @property
    def read(self) -> PlantedTensor:
        return self.gram.read

    @property
    def sampled(self) -> PlantedTensor:
        """The tensor with strengths in their units."""
        tensor = self.unfolded.tensor
        return self.read if not self.units else read_tensor(tensor.xreplace({s: s * u for s, u in self.units.items()}))

    @property
    def base(self) -> Symbol:
        return self.ratios.base

    @property
    def dims(self) -> tuple[Symbol, ...]:
        return tuple(self.ratios.ratios)

    @property
    def inner(self) -> dict[Any, Expr]:
        return dict(self.declared)

    @property
    def letters(self) -> tuple[Any, ...]:
        """The noises, then the signals."""
        signals = dict.fromkeys(v for k in range(self.read.order) for v in self.read.vectors(k))
        more = (s for pair in self.declared for s in pair)
        return (*(noise.letter for noise in self.read.noises.values()), *dict.fromkeys((*signals, *more)))

    @property
    def parameters(self) -> tuple[Symbol, ...]:
        """What a sample of the tensor needs a number for."""
        exprs = [*self.read.expressions, *self.ratios.ratios.values(), *self.declared.values(), *self._norms]
        found = {s for e in exprs for s in e.free_symbols if isinstance(s, Symbol)} - set(self.dims)
        names = {x.name for x in self.letters}
        return tuple(sorted((s for s in found if s.name not in names), key=lambda s: s.name))

    @property
    def _norms(self) -> list[Expr]:
        return [s.norm2 for s in self.letters if isinstance(s, Signal)]

    def bind(self, params: Mapping | None) -> Binding:
        """Check the parameters of a sample."""
        letters = tuple(x for x in self.letters if isinstance(x, MatrixLetter))
        return bind(params or {}, list(self.parameters), [], letters)


def free_name(taken: set[str], *names: str) -> str:
    """The first name that is not taken; it is taken then."""
    found = next(n for n in (*names, *(f"{names[0]}_{k}" for k in range(1, 99))) if n not in taken)
    taken.add(found)
    return found


def unfold(
    unfolded: Unfolded, regime: Mapping | None, inner: Mapping | None, open_units: bool = False
) -> UnfoldedTensor:
    """The equivalent matrix model of an unfolding.

    Parameters
    ----------
    unfolded : Unfolded
    regime : mapping
        How the dimensions of the modes grow together.
    inner : mapping, optional
    open_units : bool
        Whether a strength that is not critical is counted in a unit that is; otherwise it is refused.
    """
    read = read_tensor(unfolded.tensor)
    if read.order < 3:
        raise RegimeError(
            f"{unfolded} is a matrix whose sides grow at one rate: write it as a matrix and use limit() or spectrum()"
        )
    dims = {s for d in read.shape for s in d.free_symbols}
    ratios = read_regime(regime or {}, dims)
    for d in read.shape:
        ratios.space(d)
    declared = {pair: sympify(v) for pair, v in (inner or {}).items()}
    gram = contract(read, unfolded.mode - 1, declared)
    order = Orders(ratios)
    scale = sqrt(gram.short * gram.spread)
    units = strength_units(gram, order, scale, open_units, unfolded)
    place = {s: s * unit for s, unit in units.items()}
    products = [_placed(p, place) for p in gram.products]
    spreads = [gram.spread, *(p.spread for p in products if p.spread != 0)]
    top = max(order(s) for s in spreads)
    spread = Add(*(s for s in spreads if order(s) == top))
    scale = tidy_powers(sqrt(gram.short * spread))
    limit = order(scale)
    kept: list[Product] = []
    dropped: list[Product] = []
    for p in products:
        if p.shift != 0:
            continue
        size = order(p.size)
        if size > limit:
            raise RegimeError(diverging(unfolded, p, scale, ratios))
        (kept if size == limit else dropped).append(p)
    for p in kept:
        if p.matrix is None:
            raise NotRationalError(
                f"{unfolded}: the product of {shown(p.left)} and {shown(p.right)} is as large as the noise and is no "
                "matrix model; its unfolding is not known"
            )
    if not kept:
        raise RegimeError(hidden(unfolded, gram, scale, ratios))
    centre = tidy_powers(gram.centre + Add(*(p.shift for p in products)))
    whole = [p for p in products if p.right is not None]
    planted: MatrixExpr | None = None
    weight: Expr = S.One
    if not any(p.shift != 0 for p in whole):
        if all(p in kept for p in whole):
            planted, weight = planted_matrix(gram, place)
        if planted is None and len({p.matrix for p in whole}) == 1:
            planted, weight = planted_column(whole)
    taken = {noise.letter.name for noise in read.noises.values()} | {d.name for d in ratios.ratios}
    taken |= {v.name for k in range(read.order) for v in read.vectors(k)}
    taken |= {s.name for s in read.expressions[-1].free_symbols if isinstance(s, Symbol)}
    wigner = Wigner(free_name(taken, "H", "X", "G"), gram.short, variance=1 / gram.short)
    if planted is not None and all(p in kept for p in whole):
        parts = [leading_scalar(weight / scale, ratios) * planted * planted.T]
    else:
        parts = [leading_scalar(p.number / scale, ratios) * p.matrix for p in kept]
    equivalent = MatAdd(wigner, *parts)
    return UnfoldedTensor(
        unfolded,
        gram,
        ratios,
        declared,
        units,
        centre,
        scale,
        tuple(products),
        tuple(kept),
        tuple(dropped),
        planted,
        weight,
        equivalent,
    )


def _placed(p: Product, place: Mapping[Symbol, Expr]) -> Product:
    return replace(
        p, number=p.number.subs(place), size=p.size.subs(place), shift=p.shift.subs(place), spread=p.spread.subs(place)
    )
