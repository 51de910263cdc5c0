"""An unfolding at finite sizes: its columns turned by a rotation, its law at the ratio that its sides have.

The planted part ``M (I (x) z')`` of the unfolding fills as many columns as M has, after a rotation of all columns that
the noise does not notice: ``(s M + A)(s M + A)' + B B'`` with independent A and B has exactly the law of the Gram
matrix. Its limit at a fixed ratio of the sides is what the engine derives for any matrix model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sympy import Expr, MatrixExpr, Rational, Symbol, sqrt

from ..errors import NotRationalError, ParameterError
from ..numbers import exact
from ..scan import letters_of
from ..symbols import Gaussian, Signal
from .outliers import Outlier, bulk_params, outliers
from .spectrum import Spectrum, spectrum
from .unfolded_tensor import UnfoldedTensor, free_name

__all__ = ["finite_edge", "finite_outliers"]


@dataclass(frozen=True, eq=False)
class _Finite:
    """The law at a fixed ratio, and the symbols of what the sizes give."""

    law: Spectrum
    ratios: Mapping[Symbol, Symbol]  # dimension -> its ratio to the short side
    side: Symbol
    variance: Symbol  # of an entry of the noise, times the short side
    strength: Symbol


_LAWS: WeakKeyDictionary[UnfoldedTensor, _Finite] = WeakKeyDictionary()


def _finite(tensor: UnfoldedTensor) -> _Finite:
    if tensor in _LAWS:
        return _LAWS[tensor]
    planted = tensor.planted
    if planted is None or tensor.read.symmetric:
        why = (
            "its noise is symmetric"
            if tensor.read.symmetric
            else "its terms do not share a vector in all modes but one"
        )
        raise NotRationalError(
            f"{tensor.unfolded}: {why}, so that its law at a finite ratio is not derived; its limit is"
        )
    short = tensor.gram.short
    taken = {s.name for s in (*tensor.parameters, *tensor.dims)} | {x.name for x in tensor.letters}

    def symbol(*names: str, **assumptions: bool) -> Symbol:
        return Symbol(free_name(taken, *names), **assumptions)

    side = symbol("N", "L", integer=True, positive=True)
    variance, strength, ratio = (
        symbol(*names, positive=True) for names in (("v", "w"), ("s", "t"), ("gamma", "Gamma"))
    )
    rest = Gaussian(free_name(taken, "B", "V"), short, side, variance=variance / short)
    whole: MatrixExpr
    if planted.shape[1] == 1:
        along = Signal(free_name(taken, "w", "omega"), side, norm2=1)
        whole = strength * planted * along.T + rest
        matrix = whole * whole.T
    else:
        met = Gaussian(free_name(taken, "A", "U"), short, planted.shape[1], variance=variance / short)
        whole = strength * planted + met
        matrix = whole * whole.T + rest * rest.T
    dims = {d for x in letters_of([matrix]) for d in x.free_symbols} & set(tensor.dims)
    ratios = {d: symbol(f"r_{d.name}", positive=True) for d in sorted(dims, key=str) if d != short}
    present = {x for x in letters_of([matrix]) if isinstance(x, Signal)}
    inner = {pair: v for pair, v in tensor.declared.items() if set(pair) <= present}
    regime = {d: r * short for d, r in ratios.items()} | {side: ratio * short}
    found = _Finite(spectrum(matrix, regime, inner=inner), ratios, ratio, variance, strength)
    return _LAWS.setdefault(tensor, found)


@dataclass(frozen=True)
class _Placed:
    """The law at a fixed ratio with the numbers that the sizes give; centre and scale of the Gram matrix."""

    law: Spectrum
    numbers: Mapping[Symbol, Any]
    centre: float
    scale: float

    def rescaled(self, location: Any) -> float:
        return (float(location) - self.centre) / self.scale


def _placed(tensor: UnfoldedTensor, sizes: Mapping, params: Mapping | None) -> _Placed:
    lengths = _lengths(tensor, sizes)
    names = {s.name: s for s in tensor.parameters}
    place: dict[Symbol, Expr] = dict(lengths)
    for key, value in (params or {}).items():
        name = getattr(key, "name", key)
        if name in names:
            place[names[name]] = exact(value, name)
    finite = _finite(tensor)
    assert tensor.planted is not None
    needed = _signal_parameters(tensor) | {s.name for s in tensor.weight.free_symbols if isinstance(s, Symbol)}
    missing = sorted(needed - {s.name for s in (*place, *tensor.dims)})
    if missing:
        raise ParameterError(f"missing value for {', '.join(missing)}")
    short, columns = lengths[tensor.gram.short], tensor.planted.shape[1].subs(lengths)
    # one column of the noise stays with a spike that is a single column
    rest = tensor.gram.long.subs(lengths) - (columns if columns != 1 else 0)
    if rest < short:
        raise ParameterError(f"at these sizes the unfolding is not longer than {tensor.gram.short} = {short}")
    known = {s.name for s in finite.law.stieltjes.parameters} | _signal_parameters(tensor)
    given: dict[Symbol, Any] = {s: v for s, v in place.items() if s not in lengths and s.name in known}
    given |= {r: Rational(lengths[d]) / short for d, r in finite.ratios.items()}
    given |= {
        finite.side: Rational(rest) / short,
        finite.variance: _number(tensor.gram.variance * tensor.gram.short, place),
        finite.strength: _number(sqrt(tensor.weight), place),
    }
    centre, scale = (float(_number(e, place)) for e in (tensor.centre, tensor.scale))
    return _Placed(finite.law, given, centre, scale)


def finite_outliers(tensor: UnfoldedTensor, sizes: Mapping, params: Mapping | None) -> tuple[Outlier, ...]:
    """The outliers of ``(T_(k) T_(k)' - centre)/scale`` from the law at the finite ratio of the sides."""
    here = _placed(tensor, sizes, params)
    return tuple(
        Outlier(
            here.rescaled(o.location),
            {u: a for u, a in o.alignments.items() if u.shape[0] == tensor.gram.short},
            o.multiplicity,
            o.side,
        )
        for o in outliers(here.law, here.numbers)
    )


def finite_edge(tensor: UnfoldedTensor, sizes: Mapping, params: Mapping | None) -> float:
    """The right end of the bulk of the same matrix."""
    here = _placed(tensor, sizes, params)
    return here.rescaled(here.law.edges(bulk_params(here.law, here.numbers))[-1][1])


def _signal_parameters(tensor: UnfoldedTensor) -> set[str]:
    assert tensor.planted is not None
    exprs = [tensor.planted, *tensor.declared.values()]
    return {s.name for e in exprs for s in e.free_symbols if isinstance(s, Symbol)} - {d.name for d in tensor.dims}


def _lengths(tensor: UnfoldedTensor, sizes: Mapping) -> dict[Symbol, Expr]:
    """Every dimension as a whole number; the base may be left out where it is the sum of the modes."""
    known = {d.name: d for d in tensor.dims}
    found: dict[Symbol, Expr] = {}
    for key, value in sizes.items():
        name = getattr(key, "name", key)
        if name not in known:
            raise ParameterError(f"sizes: {name} is no dimension of the tensor; those are {', '.join(known)}")
        number = exact(value, name)
        if not (number.is_Integer and number > 0):
            raise ParameterError(f"sizes: {name} must be a positive whole number, got {value}")
        found[known[name]] = number
    modes = tensor.read.shape
    if tensor.base not in found and tensor.base not in modes and all(d in found for d in modes):
        found[tensor.base] = sum((found[d] for d in modes), start=exact(0, "0"))
    missing = [d.name for d in tensor.dims if d not in found]
    if missing:
        raise ParameterError(f"sizes: {', '.join(missing)} not given")
    return found


def _number(expr: Expr, place: Mapping[Symbol, Expr]) -> Expr:
    value = expr.subs(place)
    missing = sorted(s.name for s in value.free_symbols if isinstance(s, Symbol))
    if missing:
        raise ParameterError(f"missing value for {', '.join(missing)}")
    return value.evalf(30)
