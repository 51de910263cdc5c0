"""The units in which the strengths of the spikes of an unfolded tensor are critical, and errors where they are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sympy import Expr, S, Symbol, sqrt

from ..errors import RegimeError
from ..regime import Regime
from ..tensors.network import TensorTerm, Vector
from .contraction import Gram, Product
from .growth import Orders, tidy_powers
from .unfolded_symbol import Unfolded

__all__ = ["diverging", "hidden", "shown", "strength_units"]


def strength_units(gram: Gram, order: Orders, scale: Expr, open_units: bool, unfolded: Unfolded) -> dict[Symbol, Expr]:
    """For every group of terms that one strength multiplies: the unit in which its largest product is of the order of
    the scale, where it is not already.
    """
    found: dict[Symbol, Expr] = {}
    dims = set(order.ratios.ratios)
    # a noise whose own Gram matrix is a multiple of the identity is no spike
    spikes = [p for p in gram.products if p.left == p.right and p.shift == 0]
    groups = [[p for p in spikes if p.left in group] for group in _groups([p.left for p in spikes], dims)]  # type: ignore[misc]
    largest = [max(group, key=lambda p: order(p.size)) for group in groups]
    critical = any(order(p.size) == order(scale) for p in largest)
    for group, top in zip(groups, largest, strict=True):
        size, terms = order(top.size), [p.left for p in group if p.left is not None]
        if size == order(scale) or (size < order(scale) and critical and not open_units):
            continue
        common = _common(terms, dims)
        unit = {s: _unit(s, e, top, order, scale) for s, e in common.items()} if len(common) == 1 else {}
        if not open_units:
            raise RegimeError(_off(unfolded, top, unit, order, scale))
        if not unit:
            names = ", ".join(map(str, common)) or "none"
            raise RegimeError(
                f"{unfolded}: the parameters that multiply all of {', '.join(map(shown, terms))} are {names}, so it is "
                "not clear which strength grows with the dimensions; write the growth in the tensor, for example "
                f"theta*({tidy_powers(sqrt(scale))})"
            )
        found |= unit
    return found


def _groups(terms: Sequence[TensorTerm], dims: set[Symbol]) -> Iterable[list[TensorTerm]]:
    """Terms that share a parameter, directly or through others."""
    groups: list[tuple[set[Symbol], list[TensorTerm]]] = []
    for term in terms:
        symbols = term.coefficient.free_symbols - dims
        met = [g for g in groups if g[0] & symbols]
        groups = [g for g in groups if g not in met]
        groups.append((symbols.union(*(g[0] for g in met)), [t for g in met for t in g[1]] + [term]))
    return [group for _, group in groups]


def _common(group: Sequence[TensorTerm], dims: set[Symbol]) -> dict[Symbol, Expr]:
    """Parameters that multiply every term with the same power."""
    powers = [{s: e for s, e in t.coefficient.as_powers_dict().items() if s.is_Symbol and s not in dims} for t in group]
    return {s: e for s, e in powers[0].items() if all(p.get(s) == e for p in powers)}


def _unit(strength: Symbol, power: Expr, p: Product, order: Orders, scale: Expr) -> Expr:
    ones = dict.fromkeys(p.size.free_symbols - set(order.ratios.ratios), S.One)
    number = p.number if order(p.size / sqrt(p.number**2)) == 0 and p.shift == 0 else p.size
    size = number.subs(ones) if order(number) != 0 else S.One
    return tidy_powers((scale / size) ** (1 / (2 * power)))


def _off(unfolded: Unfolded, p: Product, unit: Mapping[Symbol, Expr], order: Orders, scale: Expr) -> str:
    ratios = order.ratios
    much = "smaller" if order(p.size) < order(scale) else "larger"
    text = (
        f"{unfolded}: {shown(p.left)} changes its Gram matrix by {_growth(p.size, ratios)}, which is {much} than the "
        f"fluctuation {_growth(scale, ratios)} of the noise"
    )
    ((strength, value),) = unit.items() if unit else ((None, None),)
    if strength is None:
        return f"{text}; multiply the spike by the power of the dimensions that makes them equal"
    size = _growth(value, ratios)
    return (
        f"{text}: the threshold is at {strength} = Theta({size}). Write {strength} = theta*({value}) in the tensor, or "
        f"ask unfolding(T, regime, mode={unfolded.mode}), which counts {strength} in that unit"
    )


def _growth(expr: Expr, ratios: Regime) -> str:
    power = Orders(ratios)(expr)
    return "1" if power == 0 else str(ratios.base**power)


def diverging(unfolded: Unfolded, p: Product, scale: Expr, ratios: Regime) -> str:
    return (
        f"{unfolded}: the product of {shown(p.left)} and {shown(p.right)} is of order {_growth(p.size, ratios)}, "
        f"larger than the fluctuation {_growth(scale, ratios)} of the noise; take weaker spikes"
    )


def hidden(unfolded: Unfolded, gram: Gram, scale: Expr, ratios: Regime) -> str:
    return (
        f"{unfolded}: no product of its spikes is as large as the fluctuation {_growth(scale, ratios)} of its noise; "
        f"the noise {', '.join(n for n in gram.read.noises)} hides them"
    )


def shown(term: TensorTerm | None) -> str:
    """A term of the tensor in words a user knows."""
    if term is None:
        return "the noise"
    names = [str(f.what) if isinstance(f, Vector) else f.name for f in term.factors]  # type: ignore[union-attr]
    return f"({term.coefficient})*Outer({', '.join(names)})"
