"""Functions on the nodes of a law as tuples of scalars: shared by the number kinds without arrays (mpmath, balls)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["NodeTuples"]


class NodeTuples:
    """Elementwise operations on tuples; the scalar operations come from the kind this is mixed into."""

    number: Callable[[Any], Any]
    divide: Callable[[Any, Any], Any]
    conjugate: Callable[[Any], Any]
    function: Callable[[str, Any], Any]
    zero: Any
    one: Any

    def nodes(self, values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(self.number(value) for value in values)

    def nodes_add(self, x, y):
        return tuple(a + b for a, b in zip(x, y, strict=True))

    def nodes_subtract(self, x, y):
        return tuple(a - b for a, b in zip(x, y, strict=True))

    def nodes_multiply(self, x, y):
        return tuple(a * b for a, b in zip(x, y, strict=True))

    def nodes_shift(self, x, scalar):
        return tuple(a + scalar for a in x)

    def nodes_scale(self, scalar, x):
        return tuple(scalar * a for a in x)

    def nodes_inverse(self, x, absent=False):
        """1/x; where the last node does not exist (`absent`) its value is 1 and never used."""
        last = len(x) - 1
        return tuple(self.one if absent and i == last else self.divide(self.one, a) for i, a in enumerate(x))

    def nodes_kernel(self, x):
        return tuple(self.one if a == 0 else self.zero for a in x)

    def nodes_sqrt(self, x):
        return tuple(self.function("sqrt", a) for a in x)

    def nodes_conjugate(self, x):
        return tuple(self.conjugate(a) for a in x)

    def nodes_mean(self, weights, x):
        total = self.zero
        for weight, value in zip(weights, x, strict=True):
            total = total + weight * value
        return total

    def nodes_append(self, x, value):
        return (*x, value)
