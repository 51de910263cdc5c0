"""Newton's linear systems ``(I - J) d = r``, one per point of a batch, for any number kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["identity_minus", "solve_dense", "solve_small"]


def solve_small(kind: Any, jacobian: Sequence[Sequence[Any]], residual: Sequence[Any]) -> list[Any]:
    """Solve ``(I - jacobian) d = residual`` entry by entry."""
    return solve_dense(kind, identity_minus(kind, jacobian), list(residual))


def identity_minus(kind: Any, jacobian: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """``I - jacobian``."""
    n = len(jacobian)
    return [[kind.one * (i == j) - jacobian[i][j] for j in range(n)] for i in range(n)]


def solve_dense(kind: Any, rows: Sequence[Sequence[Any]], residual: Sequence[Any]) -> list[Any]:
    """Gaussian elimination elementwise over the batch, with row exchanges chosen per point on arrays."""
    n = len(residual)
    a = [list(row) for row in rows]
    b = list(residual)
    xp = getattr(kind, "xp", None)
    for k in range(n):
        if xp is not None:
            _exchange(xp, a, b, k)
        else:
            pivot = max(range(k, n), key=lambda i: abs(a[i][k]))
            a[k], a[pivot], b[k], b[pivot] = a[pivot], a[k], b[pivot], b[k]
        for i in range(k + 1, n):
            factor = a[i][k] / a[k][k]
            a[i] = a[i][: k + 1] + [a[i][j] - factor * a[k][j] for j in range(k + 1, n)]
            b[i] = b[i] - factor * b[k]
    x: list[Any] = [None] * n
    for k in reversed(range(n)):
        total = b[k]
        for j in range(k + 1, n):
            total = total - a[k][j] * x[j]
        x[k] = total / a[k][k]
    return x


def _exchange(xp: Any, a: list[list[Any]], b: list[Any], k: int) -> None:
    """Partial pivoting per point: swap row k with row i wherever row i has the larger pivot."""
    n = len(b)
    for i in range(k + 1, n):
        swap = abs(a[i][k]) > abs(a[k][k])
        if isinstance(swap, bool):
            if swap:
                a[k], a[i], b[k], b[i] = a[i], a[k], b[i], b[k]
            continue
        if not bool(xp.any(swap)):
            continue
        for row_k, row_i in ((a[k], a[i]),):
            for j in range(k, n):
                x, y = (
                    row_k[j] + xp.zeros_like(swap, dtype=xp.float64),
                    row_i[j] + xp.zeros_like(swap, dtype=xp.float64),
                )
                row_k[j], row_i[j] = xp.where(swap, y, x), xp.where(swap, x, y)
        x, y = b[k] + xp.zeros_like(swap, dtype=xp.float64), b[i] + xp.zeros_like(swap, dtype=xp.float64)
        b[k], b[i] = xp.where(swap, y, x), xp.where(swap, x, y)
