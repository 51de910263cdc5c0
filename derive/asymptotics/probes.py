"""Points at which a limit is asked which of the possible balances occur: spread over the domains of its parameters.

The points are the same in every run. Matrices get laws without an atom at 0 that no identity between traces singles
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sympy import Symbol

from ..laws import atomic
from ..symbols import Free, MatrixLetter, Signal

__all__ = ["probes"]

_COUNT = 48
_SEED = 20240607


def probes(
    parameters: Sequence[Symbol],
    positive: set[Symbol],
    letters: Sequence[MatrixLetter],
    commuting: Sequence[Sequence[MatrixLetter]],
) -> tuple[list[dict[Symbol, float]], dict[Any, Any]]:
    """Parameter values, point by point, and one set of laws."""
    rng = np.random.default_rng(_SEED)
    points = []
    for k in range(_COUNT):
        point = {}
        for s in parameters:
            size = float(round(np.exp(rng.uniform(-1.5, 1.5)), 4))
            signed = not (s.is_nonnegative or s in positive)
            point[s] = -size if s.is_nonpositive or (signed and k % 2) else size
        points.append(point)
    return points, _laws(rng, letters, commuting)


def _laws(
    rng: np.random.Generator, letters: Sequence[MatrixLetter], commuting: Sequence[Sequence[MatrixLetter]]
) -> dict:
    given = [m for m in letters if not (isinstance(m, Free) and m.law is not None)]
    free = [m for m in given if isinstance(m, Free)]
    fixed = [m for m in given if not isinstance(m, Free)]
    laws: dict[Any, Any] = {m: atomic(_positive(rng)) for m in free}
    if len(fixed) == 1 and not isinstance(fixed[0], Signal):
        return laws | {fixed[0]: atomic(_positive(rng))}
    together = {m for family in commuting for m in family}
    for m in fixed:
        if isinstance(m, Signal):
            vector = rng.uniform(0.5, 1.5, 3)
            norm = float(m.norm2) if m.norm2.is_number else float(vector @ vector)
            laws[m] = (vector * np.sqrt(norm / (vector @ vector)))[:, None]
        elif m.rows == m.cols:
            square = np.diag(_positive(rng))
            if m not in together:
                noise = rng.normal(size=(3, 3))
                square = square + 0.3 * noise @ noise.T
            laws[m] = square
    return laws


def _positive(rng: np.random.Generator) -> list[float]:
    return [round(x, 3) for x in rng.uniform(0.4, 3.0, 3)]
