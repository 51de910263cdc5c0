"""Integrals against a spectral law: double exponential quadrature on each piece, with the series for the density."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sympy import Expr, Symbol, lambdify

from ..errors import ParameterError
from .pieces import Piece
from .point import PointSpectrum

__all__ = ["as_function", "integral"]

_REACH = 3.1  # |u| up to which exp(-pi sinh |u|) is above the smallest distance that matters
_LEVELS = 8
_GOAL = 1e-13


def as_function(f: Any) -> Callable[[np.ndarray], np.ndarray]:
    """A callable on arrays, from a SymPy expression in one symbol or a callable."""
    if isinstance(f, Expr):
        symbols = sorted(f.free_symbols, key=str)
        if len(symbols) > 1:
            names = ", ".join(map(str, symbols))
            raise ParameterError(f"a linear statistic is a function of the eigenvalue alone; {f} contains {names}")
        return lambdify(symbols[0] if symbols else Symbol("x"), f, modules=["scipy", "numpy"])
    if callable(f):
        return f
    raise ParameterError(f"a linear statistic is a SymPy expression in one symbol or a function of arrays, got {f!r}")


def integral(point: PointSpectrum, f: Callable[[np.ndarray], np.ndarray], name: Any) -> float | complex:
    """``int f(x) dF(x)`` over bulk and atoms."""
    total: Any = 0.0
    for place, mass in point.support.atoms.items():
        with np.errstate(all="ignore"):
            value = np.asarray(f(np.array([float(place)])) * np.ones(1))[0]
        if not np.isfinite(value):
            raise ParameterError(f"{name} is not finite at {place}, where the spectrum has an atom of mass {mass}")
        total = total + float(mass) * value
    for piece in point.pieces:
        total = total + _over(piece, f, name)
    return complex(total) if np.iscomplexobj(total) else float(total)


def _over(piece: Piece, f: Callable[[np.ndarray], np.ndarray], name: Any) -> Any:
    """t = 1/(1 + exp(-pi sinh u)): ends where f or the density is singular cost nothing."""
    before: Any = None
    error = np.inf
    value: Any = 0.0
    for level in range(_LEVELS):
        step = 0.25 / 2**level
        u = np.arange(-round(_REACH / step), round(_REACH / step) + 1) * step
        t, rest = 1 / (1 + np.exp(-np.pi * np.sinh(u))), 1 / (1 + np.exp(np.pi * np.sinh(u)))
        weights = step * np.pi * np.cosh(u) * t * rest * piece.weight(t)
        with np.errstate(all="ignore"):
            terms = weights * f(piece.variable(t, rest))
        if not np.all(np.isfinite(terms)):
            bad = float(piece.variable(t, rest)[~np.isfinite(terms)][0])
            raise ParameterError(f"{name} is not finite at {bad:.10g}, inside the spectrum")
        value = np.sum(terms)
        size = float(np.sum(np.abs(terms))) or 1.0
        if before is not None:
            error = abs(value - before) / size
            if error < _GOAL:
                return value
        before = value
    warnings.warn(
        f"the integral of {name} over [{piece.variable.low:.6g}, {piece.variable.high:.6g}] has converged to "
        f"{error:.1e} (relative) only: the function is not smooth inside the spectrum",
        RuntimeWarning,
        stacklevel=4,
    )
    return value
