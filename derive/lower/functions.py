"""Scalar functions every number kind knows, with their derivatives.

A derivative is a function of (kind, argument, value): the value is at hand in forward mode, and exp, sqrt and tanh are
cheapest through it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["DERIVATIVES", "NOT_HOLOMORPHIC"]


def _gauss(kind: Any, x: Any) -> Any:
    two_over_root_pi = kind.divide(kind.number(2), kind.function("sqrt", kind.constant("Pi")))
    return two_over_root_pi * kind.function("exp", -(x * x))


DERIVATIVES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sqrt": lambda kind, x, y: kind.divide(kind.one, 2 * y),
    "exp": lambda kind, x, y: y,
    "log": lambda kind, x, y: kind.divide(kind.one, x),
    "erf": lambda kind, x, y: _gauss(kind, x),
    "erfc": lambda kind, x, y: -_gauss(kind, x),
    "sin": lambda kind, x, y: kind.function("cos", x),
    "cos": lambda kind, x, y: -kind.function("sin", x),
    "tan": lambda kind, x, y: 1 + y * y,
    "sinh": lambda kind, x, y: kind.function("cosh", x),
    "cosh": lambda kind, x, y: kind.function("sinh", x),
    "tanh": lambda kind, x, y: 1 - y * y,
    "atan": lambda kind, x, y: kind.divide(kind.one, 1 + x * x),
    "asin": lambda kind, x, y: kind.divide(kind.one, kind.function("sqrt", 1 - x * x)),
    "acos": lambda kind, x, y: -kind.divide(kind.one, kind.function("sqrt", 1 - x * x)),
}

# evaluated, but a complex derivative does not exist
NOT_HOLOMORPHIC = ("conjugate", "Abs", "re", "im")
