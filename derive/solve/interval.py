"""Name the interval of the bulk that a real point lies in, for the error message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Symbol

from ..bind import Binding
from ..pipeline import Derivation
from .status import Status

if TYPE_CHECKING:
    from ..result import Limit

__all__ = ["describe_bulk", "spectral_parameter"]


def spectral_parameter(derivation: Derivation) -> Symbol | None:
    """The parameter that shifts an inverse by a multiple of the identity with slope -1 or 1, ``z`` before others."""
    found = []
    field = derivation.ring.field
    for (i, j), poly in derivation.equation.fixed.items():
        if i != j or derivation.pencil.blocks[i].kind != "inverse" or () not in poly.terms:
            continue
        expr = field.to_sympy(poly.terms[()])
        for symbol in expr.free_symbols:
            if expr.diff(symbol) in (1, -1):
                found.append(symbol)
    found.sort(key=lambda s: (s.name != "z", s.name))
    return found[0] if found else None


def describe_bulk(law: Limit, binding: Binding) -> str:
    """A clause that names the interval around the point, or an empty string when it cannot be found."""
    symbol = spectral_parameter(law.derivation)
    if symbol is None or symbol not in binding.scalars:
        return ""
    point = float(np.real(complex(binding.exact()[symbol])))

    def inside(values: np.ndarray) -> np.ndarray:
        params: dict[Any, Any] = {**binding.scalars, **binding.laws, symbol: values}
        result = law.evaluate(params, full_output=True)
        return np.asarray(result.status) == int(Status.INSIDE_BULK)

    def height(values: np.ndarray) -> np.ndarray:
        # the boundary value: like the density, its imaginary part falls to zero at an edge
        params: dict[Any, Any] = {**binding.scalars, **binding.laws, symbol: values + 0j}
        found = law.evaluate(params, full_output=True).value
        first = next(iter(found.values())) if isinstance(found, dict) else found
        return np.abs(np.imag(first))

    try:
        low, high = _edge(inside, height, point, -1.0), _edge(inside, height, point, 1.0)
    except ValueError:
        return ""
    return f"{symbol} = {point:.6g} lies inside the bulk [{low:.8g}, {high:.8g}]: "


def _nearer(inside: Any, height: Any, a: float, b: float) -> float:
    """A point outside the bulk between a (inside) and b (outside) that lies in a gap which wide steps jump over,
    or b.
    """
    grid = np.linspace(a, b, 258)
    outside = np.flatnonzero(~inside(grid))
    if outside[0] < len(grid) - 1:
        return _nearer(inside, height, a, grid[outside[0]])
    size = height(grid[:-1])
    dips = 1 + np.flatnonzero((size[1:-1] < size[:-2]) & (size[1:-1] <= size[2:]))
    for dip in dips:
        fine = np.linspace(grid[dip - 1], grid[dip + 1], 258)
        outside = np.flatnonzero(~inside(fine))
        if outside.size:
            return float(fine[outside[0]])
    return b


def _edge(inside: Any, height: Any, point: float, direction: float) -> float:
    """The end of the interval in one direction: widen, then refine on a grid of 32 points until it is sharp."""
    reach = direction * max(1.0, abs(point)) * 2.0 ** np.arange(-20, 8)
    grid = np.concatenate([[point], point + reach])
    found = inside(grid)
    outside = np.flatnonzero(~found)
    if not outside.size:
        raise ValueError("no edge within reach")
    a, b = point, _nearer(inside, height, point, grid[outside[0]])
    for _ in range(8):
        grid = np.linspace(a, b, 34)
        found = inside(grid)
        outside = np.flatnonzero(~found)
        a, b = (grid[outside[0] - 1], grid[outside[0]]) if outside.size and outside[0] > 0 else (a, grid[1])
    return float((a + b) / 2)
