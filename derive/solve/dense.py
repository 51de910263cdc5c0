"""Is a block matrix of elements positive? Smallest and largest eigenvalue of its Hermitian part, per point of a batch.

Blocks that are not coupled are looked at apart; multiples of the identity and diagonal blocks need no eigenvalues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..lower.element import ARRAYS, Element

__all__ = ["coupled_groups", "dense_blocks", "floating", "hermitian_nodes", "hermitian_range", "magnitude"]


def coupled_groups(entries: Mapping[tuple[int, int], Any], count: int) -> list[list[int]]:
    """Connected sets of blocks."""
    group = list(range(count))
    for i, j in entries:
        old, new = group[j], group[i]
        group = [new if g == old else g for g in group]
    return [[k for k in range(count) if group[k] == g] for g in sorted(set(group))]


def dense_blocks(entries: Mapping[tuple[int, int], Element], group: list[int]) -> tuple[str, dict[int, int]]:
    """The mode of a group ("scalar", "nodes" or "matrix") and the small dimension of every block in it."""
    inside = {pos: x for pos, x in entries.items() if pos[0] in group}
    families = {id(x.family): x.family for x in inside.values() if x.family is not None}
    if not families:
        return "scalar", dict.fromkeys(group, 1)
    if ARRAYS not in families.values():
        return "nodes", dict.fromkeys(group, 1)
    sizes: dict[int, int] = {}
    for (i, j), x in inside.items():
        if x.family is ARRAYS:
            sizes[i], sizes[j] = _shape(x.data)
    changed = True
    while changed:
        changed = False
        for i, j in inside:
            for a, b in ((i, j), (j, i)):
                if a in sizes and b not in sizes:
                    sizes[b] = sizes[a]
                    changed = True
    return "matrix", {k: sizes.get(k, 1) for k in group}


def _shape(data: Any) -> tuple[int, int]:
    if hasattr(data, "nrows"):
        return data.nrows(), data.ncols()
    if hasattr(data, "rows"):
        return data.rows, data.cols
    return data.shape[-2], data.shape[-1]


def hermitian_range(
    algebra: Any, entries: Mapping[tuple[int, int], Element], blocks: int, count: int, relative: bool = False
) -> tuple[Any, Any, Any]:
    """(smallest, largest, size): extreme eigenvalues of the Hermitian part, and the largest entry, over ``count``
    points.

    With ``relative`` every coupled group is measured in units of its own largest entry (and the size is 1): positivity
    does not care that a tiny ridge stands next to a large companion.
    """
    xp = algebra.kind.xp
    low = high = size = None
    for group in coupled_groups(entries, blocks):
        lows, highs, sizes = hermitian_nodes(algebra, entries, group)
        bottom, top, scale = xp.min(lows, axis=-1), xp.max(highs, axis=-1), xp.max(sizes, axis=-1)
        if relative:
            unit = xp.where(scale > 0, scale, xp.ones_like(scale))
            bottom, top, scale = bottom / unit, top / unit, xp.ones_like(scale)
        if low is None:
            low, high, size = bottom, top, scale
        else:
            low, high, size = xp.minimum(low, bottom), xp.maximum(high, top), xp.maximum(size, scale)
    return tuple(xp.broadcast_to(x, (count,)) for x in (low, high, size))


def hermitian_nodes(
    algebra: Any, entries: Mapping[tuple[int, int], Element], group: Sequence[int]
) -> tuple[Any, Any, Any]:
    """(smallest, largest, size) of one coupled group at every node of its laws: arrays (points or 1, nodes or 1)."""
    xp = algebra.kind.xp
    inside = {pos: x for pos, x in entries.items() if pos[0] in group}
    mode, sizes = dense_blocks(inside, list(group))
    if len(group) == 1 and mode != "matrix":
        # a multiple of the identity, or a diagonal matrix
        values = _lift(xp, inside[group[0], group[0]], mode) if inside else xp.zeros((1, 1))
        real = xp.real(values) if _complex(xp, values) else values
        return real, real, magnitude(xp, values)
    if len(group) == 2 and mode != "matrix":
        return _pair(xp, inside, list(group), mode)
    dense = _assemble(xp, inside, list(group), mode, sizes)
    scale = xp.max(abs(dense), axis=(-2, -1))
    # LAPACK gives up on a batch in which one matrix is not finite
    finite = xp.isfinite(scale)
    dense = xp.where(finite[..., None, None], dense, xp.zeros_like(dense))
    eigenvalues = xp.linalg.eigvalsh((dense + xp.conj(xp.matrix_transpose(dense))) / 2)
    lost = xp.where(finite, xp.zeros_like(scale), xp.full_like(scale, xp.nan))
    return xp.min(eigenvalues, axis=-1) + lost, xp.max(eigenvalues, axis=-1) + lost, scale


def _pair(xp: Any, inside: Mapping[tuple[int, int], Element], group: list[int], mode: str) -> tuple[Any, Any, Any]:
    """Two coupled blocks: the eigenvalues of a Hermitian 2 x 2 matrix in closed form."""
    a, b = group
    lifted = {pos: _lift(xp, x, mode) for pos, x in inside.items()}
    zero = xp.zeros((1, 1))
    p, q = (xp.real(x) if _complex(xp, x) else x for x in (lifted.get((a, a), zero), lifted.get((b, b), zero)))
    r, s = lifted.get((a, b), zero), lifted.get((b, a), zero)
    off = abs(r + (xp.conj(s) if _complex(xp, s) else s)) / 2
    middle, half = (p + q) / 2, xp.sqrt(((p - q) / 2) ** 2 + off**2)
    scale = abs(lifted.get((a, a), zero))
    for x in (lifted.get((b, b), zero), r, s):
        scale = xp.maximum(scale, abs(x))
    return middle - half, middle + half, scale


def _complex(xp: Any, x: Any) -> bool:
    return xp.isdtype(x.dtype, "complex floating")


def floating(xp: Any, x: Any) -> Any:
    """An array of floats or complex numbers, also from a Python number."""
    if isinstance(x, int | float):
        return xp.asarray(float(x))
    if isinstance(x, complex):
        return xp.asarray(x, dtype=xp.complex128)
    x = xp.asarray(x)
    return xp.astype(x, xp.float64) if xp.isdtype(x.dtype, "integral") else x


def magnitude(xp: Any, x: Any) -> Any:
    """A norm of the entries, |Re| + |Im|: within a factor of the modulus, and no square roots."""
    return abs(xp.real(x)) + abs(xp.imag(x)) if _complex(xp, x) else abs(x)


def _lift(xp: Any, x: Element, mode: str) -> Any:
    """Data with a trailing axis over nodes."""
    data = floating(xp, x.data)
    return data[..., None] if x.family is None else xp.moveaxis(data, 0, -1)


def _assemble(
    xp: Any, inside: Mapping[tuple[int, int], Element], group: list[int], mode: str, sizes: dict[int, int]
) -> Any:
    """A dense array (*batch, nodes, M, M)."""
    start, total = {}, 0
    for k in group:
        start[k], total = total, total + sizes[k]
    pieces = {}
    for (i, j), x in inside.items():
        if mode == "matrix":
            if x.family is None:
                data = floating(xp, x.data)[..., None, None] * xp.eye(sizes[i])
            else:
                data = x.data
            pieces[i, j] = data[..., None, :, :]
        else:
            pieces[i, j] = _lift(xp, x, mode)[..., None, None]
    shape: tuple[int, ...] = ()
    for piece in pieces.values():
        shape = tuple(
            max(a, b) for a, b in zip(_pad(shape, piece.ndim - 2), _pad(piece.shape[:-2], len(shape)), strict=True)
        )
    dense = xp.zeros((*shape, total, total), dtype=xp.complex128)
    for (i, j), piece in pieces.items():
        dense[..., start[i] : start[i] + sizes[i], start[j] : start[j] + sizes[j]] = piece
    return dense


def _pad(shape: tuple[int, ...], length: int) -> tuple[int, ...]:
    return (1,) * max(0, length - len(shape)) + tuple(shape)
