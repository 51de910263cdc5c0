"""Derivatives of the quantities of a limit of a limit, on whichever branch holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
from sympy import Expr, Symbol

from ..errors import BranchError
from ..optimise import Along
from ..solve.evaluate import Batch
from .selection import Found

__all__ = ["BranchSlopes"]


class BranchSlopes:
    """An expression in the quantities, and its derivative by ``over``, on whichever branch holds."""

    def __init__(self, law: Any, of: Expr, over: Symbol):
        self.law, self.over = law, over
        self.along = [Along.of(law, system, of, over) for system in law.systems]
        self.diverging = [any(b.orders[name] < 0 for name in b.orders if of.has(Symbol(name))) for b in law.branches]

    def doubles(self, params: Mapping) -> tuple[np.ndarray, np.ndarray]:
        """Over a batch; NaN where there is no limit."""
        binding = self.law.bind(params)
        found = Found(self.law, params, binding, analyse=False)
        seen = found.observed()
        batch = Batch(self.law.derivation, binding, xp)
        value, slope = np.full(found.count, np.nan), np.full(found.count, np.nan)
        for number, along in enumerate(self.along):
            here = (seen.which == number) & (not self.diverging[number])
            if here.any():
                v, s = along.batched(batch, seen.unknowns[number])
                value, slope = np.where(here, v, value), np.where(here, s, slope)
        return value, slope

    def digits(self, params: Mapping, digits: int) -> tuple[Any, Any]:
        """At one point."""
        binding = self.law.bind(params)
        found = Found(self.law, params, binding, analyse=False)
        number = int(found.which[0])
        if number < 0 or self.diverging[number]:
            raise BranchError(found.reason(0))
        start = {u: v[0] for u, v in found.observed().unknowns[number].items()}
        return self.along[number].digits(binding, start, digits)
