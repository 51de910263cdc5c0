"""What is known of a limit in numbers: value, status, error and unknowns, per element of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Symbol

__all__ = ["Evaluation"]


@dataclass(frozen=True)
class Evaluation:
    """Everything :meth:`Limit.evaluate` knows, per element of the batch.

    ``value`` (a dict for several quantities), ``status`` (0 converged, see :class:`derive.Status`), ``error`` (an
    estimate of the relative error of the unknowns, absolute error of the value with ``digits``) and ``unknowns``.

    Examples
    --------
    >>> import numpy as np
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Wigner, dimensions, limit
    >>> n, z = dimensions("n"), Symbol("z")
    >>> law = limit(Trace((Wigner("W", n, variance=1/n) - z*Identity(n)).I)/n)
    >>> result = law.evaluate({z: np.array([2.5, 1.0])}, full_output=True)
    >>> result.status.tolist(), result.value.real.round(12).tolist()
    ([0, 1], [-0.5, nan])
    """

    value: Any
    status: Any
    error: Any
    unknowns: Mapping[Symbol, Any]

    def __iter__(self) -> Iterator[Any]:
        """``value, status, error = law.evaluate(..., full_output=True)``"""
        yield from (self.value, self.status, self.error)
