"""Observables at values of the quantities: in double precision, in mpmath's digits, in ball arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Expr, Symbol, lambdify, sympify

from derive.numbers import exact

__all__ = ["number", "on_balls", "read_off"]


def number(value: Any) -> Any:
    """A parameter's value, read where it is text."""
    return exact(value) if isinstance(value, str) else value


def read_off(
    observables: Mapping[str, Expr], limits: Mapping[str, Any], params: Mapping[Any, Any], digits: int | None
) -> dict[str, Any]:
    """See :meth:`models.Theorem.read_off`."""
    import mpmath

    found = {}
    for name, expr in observables.items():
        symbols = sorted(expr.free_symbols, key=str)
        values = [limits[s.name] if s.name in limits else number(params[s]) for s in symbols]
        if digits is None:
            arrays = [np.asarray(v) if np.ndim(v) else complex(v) for v in values]
            plain = [a.real if isinstance(a, complex) and a.imag == 0 else a for a in arrays]
            found[name] = lambdify(symbols, expr, modules=["scipy", "numpy"])(*plain)
        else:
            with mpmath.workdps(digits + 10):
                exactly = [v if isinstance(v, (mpmath.mpf, mpmath.mpc)) else _mp(v, digits) for v in values]
                found[name] = lambdify(symbols, expr, modules="mpmath")(*exactly)
    return found


def on_balls(expr: Expr, env: Mapping[Symbol, Any], kind: Any) -> Any:
    """Evaluate a scalar expression in ball arithmetic."""
    from derive.lower import compile_program
    from derive.lower.algebra import Algebra

    with kind.context():
        numbers = {symbol: kind.coerce(value, symbol.name) for symbol, value in env.items()}
        return compile_program([expr]).run(numbers, Algebra(kind, {}, {}))[0]


def _mp(value: Any, digits: int) -> Any:
    import mpmath

    return mpmath.mpmathify(sympify(value).evalf(digits + 10))
