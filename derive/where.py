"""Symbols that stand for expressions in the parameters: ``where={a: 1 - 2*epsilon}``.

The derivation keeps them as symbols, which keeps it short; a user gives values to the parameters behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sympy import Expr, Symbol, lambdify, sympify

from .errors import ParameterError
from .numbers import as_array, exact

__all__ = ["read_where", "values_where"]


def read_where(where: Mapping[Any, Any] | None, taken: Iterable[Symbol]) -> dict[Symbol, Expr]:
    """Check a declaration: symbols that are no dimensions, expressions in parameters alone."""
    if not isinstance(where or {}, Mapping):
        raise ParameterError(f"where= is a mapping {{a: expression in the parameters}}, got {where!r}")
    found: dict[Symbol, Expr] = {}
    for symbol, expr in (where or {}).items():
        value = sympify(expr, strict=True)
        if not isinstance(symbol, Symbol) or not isinstance(value, Expr):
            raise ParameterError(f"where= is a mapping of symbols to expressions, got {symbol!r}: {expr!r}")
        if symbol in set(taken):
            raise ParameterError(f"where= gives a value to {symbol}, which is a dimension")
        found[symbol] = value
    for symbol, value in found.items():
        for other in sorted(value.free_symbols & {*found, *taken}, key=str):
            kind = "a dimension" if other in set(taken) else "itself declared by where="
            raise ParameterError(f"where= declares {symbol} = {value}, and {other} is {kind}; write it in parameters")
    return found


def values_where(where: Mapping[Symbol, Expr], scalars: Mapping[Symbol, Any]) -> dict[Symbol, Any]:
    """The declared symbols at given parameters: exact at one point, arrays over a batch."""
    out: dict[Symbol, Any] = {}
    for symbol, expr in where.items():
        names = sorted(expr.free_symbols, key=str)
        given = [scalars[s] for s in names]
        if any(not isinstance(v, str | Expr) and np.ndim(v) for v in given):
            arrays = [as_array(v, np, s.name) for s, v in zip(names, given, strict=True)]
            out[symbol] = lambdify(names, expr, modules="numpy")(*arrays)
            continue
        value = expr.xreplace({s: exact(v, s.name) for s, v in zip(names, given, strict=True)})
        if not value.is_finite:
            at = ", ".join(f"{s} = {v}" for s, v in zip(names, given, strict=True))
            raise ParameterError(f"{symbol} = {expr} is not finite at {at}")
        out[symbol] = value
    return out
