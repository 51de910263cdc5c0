"""What is varied when a limit is optimised: a parameter, and the interval it is looked for in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sympy import Symbol

from .errors import ParameterError
from .numbers import as_double

__all__ = ["interval_of", "parameter_named"]


def parameter_named(parameters: Iterable[Symbol], over: Any) -> Symbol:
    """The parameter that ``over``, a symbol or a name, means."""
    names = {s.name: s for s in parameters}
    name = getattr(over, "name", str(over))
    if name not in names:
        raise ParameterError(f"over: {name} is no parameter; the parameters are {', '.join(names) or 'none'}")
    return names[name]


def interval_of(symbol: Symbol, bounds: tuple[Any, Any] | None, positive: tuple[float, float]) -> tuple[float, float]:
    """The bounds in doubles; without bounds, ``positive`` for a positive parameter."""
    if bounds is None:
        if not symbol.is_positive:
            raise ParameterError(f"bounds: give the interval in which {symbol} is varied, as in bounds=(0, 1)")
        return positive
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise ParameterError(f"bounds: expected two numbers (lowest, highest) for {symbol}, got {bounds!r}")
    low, high = (float(np.real(as_double(b, "bounds"))) for b in bounds)
    if not low < high:
        raise ParameterError(f"bounds: {symbol} from {low:g} to {high:g}; the first must be smaller")
    if (symbol.is_positive and low <= 0) or (symbol.is_nonnegative and low < 0):
        word = "positive" if symbol.is_positive else "nonnegative"
        raise ParameterError(f"bounds: {symbol} is declared {word}, and the interval begins at {low:g}")
    return low, high
