"""Estimators of planted tensors, batched over trials: power iteration, unfoldings, Hotelling's deflation.

Written against the array API. A tensor is a :class:`~verify.tensor_sample.TensorSample`, a sum of outer products: only
noise that fills all modes is dense, and a contraction reads it as a matrix product without a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import prod
from typing import Any

from derive.errors import ParameterError

from .tensor_sample import Block, TensorSample, contract_axis

__all__ = [
    "PowerResult",
    "PowerStatus",
    "Unfolding",
    "best_of",
    "contract",
    "deflate",
    "power_iteration",
    "random_vectors",
    "tensor_value",
    "unfolding",
    "unfolding_gram",
    "unfolding_start",
]

TOLERANCE = 1e-10
SWEEPS = 1000
# of a symmetric step, in units of the value: enough where the spectrum is about symmetric, and a quarter slower
_SHIFT = 0.5


class PowerStatus(IntEnum):
    """What became of one trial."""

    CONVERGED = 0
    CAPPED = 1

    @property
    def message(self) -> str:
        return "converged" if self is PowerStatus.CONVERGED else "the cap on the number of sweeps was reached"


@dataclass(frozen=True)
class PowerResult:
    """Per trial: the value ``T(u_1, ..., u_d)``, the unit vectors, the sweeps made and the :class:`PowerStatus`."""

    value: Any
    vectors: tuple[Any, ...]
    sweeps: Any
    status: Any


@dataclass(frozen=True)
class Unfolding:
    """Per trial: the largest singular value of an unfolding, and its left singular vector."""

    value: Any
    vector: Any


# ---- contractions ----------------------------------------------------------------------------------------------------
def _contract_block(xp: Any, block: Block, vectors: Sequence[Any], free: int | None) -> Any:
    """A block against the vectors of its modes, all but ``free``: later axes from the end, earlier from the front."""
    array, modes = block
    for axis in range(len(modes), 0, -1):
        if modes[axis - 1] == free:
            break
        array = contract_axis(xp, array, vectors[modes[axis - 1]], axis)
    for mode in modes:
        if free not in modes or mode == free:
            break
        array = contract_axis(xp, array, vectors[mode], 1)
    return array


def _contract_product(xp: Any, product: Any, vectors: Sequence[Any], free: int) -> Any:
    scalar, vector = product.coefficient, None
    for block in product.blocks:
        part = _contract_block(xp, block, vectors, free)
        if free in block[1]:
            vector = part
        else:
            scalar = scalar * part
    assert vector is not None
    return scalar[:, None] * vector


def contract(tensor: TensorSample, vectors: Sequence[Any], free: int) -> Any:
    """``T(u_1, .., ., .., u_d)`` with mode ``free`` (from 0) left open, (trials, n)."""
    parts = [_contract_product(tensor.xp, p, vectors, free) for p in tensor.products]
    return sum(parts[1:], parts[0])


def tensor_value(tensor: TensorSample, vectors: Sequence[Any]) -> Any:
    """``T(u_1, ..., u_d)``, (trials,)."""
    return tensor.xp.sum(contract(tensor, vectors, 0) * vectors[0], axis=-1)


def _unit(xp: Any, vector: Any) -> tuple[Any, Any]:
    norm = xp.linalg.vector_norm(vector, axis=-1)
    return vector / xp.where(norm > 0, norm, xp.ones_like(norm))[:, None], norm


def _sweep(tensor: TensorSample, vectors: Sequence[Any]) -> tuple[list[Any], Any]:
    """Every vector once, each from the newest others (alternating least squares), and the last norm.

    A block is contracted from its last mode on and the partial results are kept: mode k needs that with the old vectors
    after it, then the new ones before it. So a dense array is read twice in a sweep, whatever the order. A block that
    does not hold mode k is a number, kept up to date as its vectors change.
    """
    xp = tensor.xp
    stacks, numbers = [], []
    for product in tensor.products:
        for array, modes in product.blocks:
            stack = [array]
            for axis in range(len(modes) - 1, 0, -1):
                stack.append(contract_axis(xp, stack[-1], vectors[modes[axis]], axis + 1))
            stacks.append(stack)
            numbers.append(xp.sum(stack[-1] * vectors[modes[0]], axis=-1))
    out, norm = list(vectors), None
    for mode in range(tensor.order):
        total, parts, first = None, {}, 0
        for product in tensor.products:
            scalar, vector = product.coefficient, None
            for place, (_, modes) in enumerate(product.blocks, first):
                if mode not in modes:
                    scalar = scalar * numbers[place]
                    continue
                axis = modes.index(mode)
                vector = stacks[place][len(modes) - 1 - axis]
                for earlier in modes[:axis]:
                    vector = contract_axis(xp, vector, out[earlier], 1)
                parts[place] = vector
            first += len(product.blocks)
            assert vector is not None
            part = scalar[:, None] * vector
            total = part if total is None else total + part
        out[mode], norm = _unit(xp, total)
        for place, vector in parts.items():
            numbers[place] = xp.sum(vector * out[mode], axis=-1)
    return out, norm


def _symmetric_sweep(tensor: TensorSample, vectors: Sequence[Any]) -> tuple[list[Any], Any]:
    """One step, shifted: without a shift a large negative eigenvalue of the contraction matrix makes it oscillate.

    T. Kolda and J. Mayo, SIAM J. Matrix Anal. Appl. 32 (2011). The critical points are the same.
    """
    xp, (old, *_) = tensor.xp, vectors
    found = contract(tensor, vectors, 0)
    value = xp.abs(xp.sum(found * old, axis=-1))
    new, norm = _unit(xp, found + (_SHIFT * value)[:, None] * old)
    return [new] * tensor.order, norm


# ---- power iteration -------------------------------------------------------------------------------------------------
def power_iteration(
    tensor: TensorSample, start: Sequence[Any], *, tolerance: float = TOLERANCE, sweeps: int = SWEEPS
) -> PowerResult:
    """Tensor power iteration from given vectors.

    Parameters
    ----------
    tensor : TensorSample
    start : sequence of arrays (trials, n_k)
        One per mode; they need not be unit vectors.
    tolerance : float
        A trial has converged when a sweep moves no vector by more than this (Euclidean distance). It is then frozen,
        so that what it gives does not depend on the batch.
    sweeps : int
        Cap on their number; a trial that meets it has status ``CAPPED``.

    Returns
    -------
    PowerResult

    Examples
    --------
    >>> import numpy as np
    >>> from verify.tensor_estimators import power_iteration
    >>> from verify.tensor_sample import Product, TensorSample
    >>> matrix = np.array([[[3.0, 0.0], [0.0, -1.0]]])
    >>> T = TensorSample(np, (2, 2), (Product(np.ones(1), ((matrix, (0, 1)),)),))
    >>> found = power_iteration(T, [np.array([[1.0, 1.0]])] * 2)
    >>> round(float(found.value[0]), 9), int(found.status[0])
    (3.0, 0)
    """
    if not tolerance > 0 or sweeps < 1:
        raise ParameterError(f"power iteration needs a positive tolerance and cap, got {tolerance} and {sweeps}")
    lengths = tuple(u.shape[-1] for u in start)
    if lengths != tensor.shape:
        raise ParameterError(f"the starting vectors have lengths {lengths}, the tensor has dimensions {tensor.shape}")
    return _iterate(tensor, [_unit(tensor.xp, u)[0] for u in start], tolerance, sweeps)


def _iterate(tensor: TensorSample, vectors: list[Any], tolerance: float, sweeps: int) -> PowerResult:
    """From unit vectors: they are not divided by their norms again, so that a trial does not depend on its batch."""
    xp, one_sweep = tensor.xp, _symmetric_sweep if tensor.symmetric else _sweep
    made = xp.zeros((tensor.trials,), dtype=xp.int64)
    active = xp.ones((tensor.trials,), dtype=xp.bool)
    for left in range(sweeps - 1, -1, -1):
        new, _ = one_sweep(tensor, vectors)
        moved = xp.stack([xp.linalg.vector_norm(a - b, axis=-1) for a, b in zip(new, vectors, strict=True)])
        vectors = [xp.where(active[:, None], a, b) for a, b in zip(new, vectors, strict=True)]
        made = made + xp.astype(active, xp.int64)
        active = active & (xp.max(moved, axis=0) > tolerance)
        count = int(xp.sum(xp.astype(active, xp.int64)))
        if not count:
            break
        if left and 2 * count <= tensor.trials:
            return _rest(tensor, PowerResult(None, tuple(vectors), made, active), tolerance, left)
    return PowerResult(tensor_value(tensor, vectors), tuple(vectors), made, xp.astype(active, xp.int64))


def _rest(tensor: TensorSample, sofar: PowerResult, tolerance: float, sweeps: int) -> PowerResult:
    """The trials that have not converged by themselves, once they are half of the batch or less."""
    xp, active = tensor.xp, sofar.status
    chosen = [k for k in range(tensor.trials) if bool(active[k])]
    rows = xp.asarray(chosen, dtype=xp.int64)
    found = _iterate(tensor.take(rows), [xp.take(u, rows, axis=0) for u in sofar.vectors], tolerance, sweeps)
    place = {trial: k for k, trial in enumerate(chosen)}
    back = xp.asarray([place.get(trial, 0) for trial in range(tensor.trials)], dtype=xp.int64)
    vectors = tuple(
        xp.where(active[:, None], xp.take(u, back, axis=0), old)
        for u, old in zip(found.vectors, sofar.vectors, strict=True)
    )
    zero = xp.zeros_like(sofar.sweeps)
    return PowerResult(
        tensor_value(tensor, vectors),
        vectors,
        sofar.sweeps + xp.where(active, xp.take(found.sweeps, back, axis=0), zero),
        xp.where(active, xp.take(found.status, back, axis=0), zero),
    )


def best_of(xp: Any, results: Sequence[PowerResult]) -> PowerResult:
    """Per trial the result with the largest value."""
    best = results[0]
    for other in results[1:]:
        better = other.value > best.value
        best = PowerResult(
            xp.where(better, other.value, best.value),
            tuple(xp.where(better[:, None], a, b) for a, b in zip(other.vectors, best.vectors, strict=True)),
            xp.where(better, other.sweeps, best.sweeps),
            xp.where(better, other.status, best.status),
        )
    return best


def deflate(
    tensor: TensorSample, start: Callable[[int, TensorSample], Sequence[Any]], count: int, **options: Any
) -> list[PowerResult]:
    """Hotelling's deflation: a rank-one term is estimated and taken off, ``count`` times.

    ``start(step, tensor)`` gives the vectors that step 1, 2, ... starts from; ``options`` go to
    :func:`power_iteration`.
    """
    found = []
    for step in range(1, count + 1):
        result = power_iteration(tensor, start(step, tensor), **options)
        found.append(result)
        tensor = tensor.minus(result.value, result.vectors)
    return found


# ---- unfoldings ------------------------------------------------------------------------------------------------------
def unfolding_gram(tensor: TensorSample, mode: int) -> Any:
    """The Gram matrix ``T_(k) T_(k)'`` along one mode (from 0), (trials, n_k, n_k).

    The mode is not moved to the front: the Gram matrix is a sum over the slices of the modes before it, added up in
    blocks that are no larger than the tensor.
    """
    xp, dense, trials = tensor.xp, tensor.dense(), tensor.trials
    length, before, after = tensor.shape[mode], prod(tensor.shape[:mode]), prod(tensor.shape[mode + 1 :])
    if after == 1:
        matrix = xp.reshape(dense, (trials, before, length))
        return xp.matrix_transpose(matrix) @ matrix
    slices = xp.reshape(dense, (trials, before, length, after))
    step = max(1, before * after // length)
    total = None
    for first in range(0, before, step):
        some = slices[:, first : min(first + step, before), ...]
        part = xp.sum(some @ xp.matrix_transpose(some), axis=1)
        total = part if total is None else total + part
    return total


def unfolding(tensor: TensorSample, rows: int | Sequence[int]) -> Unfolding:
    """The first left singular vector of the unfolding with the modes ``rows`` (from 0) as rows.

    By the eigenvectors of the Gram matrix of its short side.
    """
    xp, modes = tensor.xp, (rows,) if isinstance(rows, int) else tuple(rows)
    if (
        not modes
        or len(set(modes)) != len(modes)
        or len(modes) >= tensor.order
        or not set(modes) <= set(range(tensor.order))
    ):
        raise ParameterError(f"an unfolding takes some of the modes 0..{tensor.order - 1} as rows, got {rows}")
    long, short = (prod(tensor.shape[k] for k in range(tensor.order) if (k in modes) is side) for side in (True, False))
    if len(modes) == 1 and long <= short:
        values, vectors = xp.linalg.eigh(unfolding_gram(tensor, modes[0]))
        return Unfolding(xp.sqrt(values[:, -1]), vectors[:, :, -1])
    dense, trials = tensor.dense(), tensor.trials
    rest = tuple(k for k in range(tensor.order) if k not in modes)
    matrix = xp.reshape(xp.permute_dims(dense, (0, *(k + 1 for k in (*modes, *rest)))), (trials, long, short))
    if long <= short:
        values, vectors = xp.linalg.eigh(matrix @ xp.matrix_transpose(matrix))
        return Unfolding(xp.sqrt(values[:, -1]), vectors[:, :, -1])
    values, vectors = xp.linalg.eigh(xp.matrix_transpose(matrix) @ matrix)
    left, norm = _unit(xp, (matrix @ vectors[:, :, -1:])[:, :, 0])
    return Unfolding(norm, left)


# ---- starts ----------------------------------------------------------------------------------------------------------
def unfolding_start(tensor: TensorSample) -> list[Any]:
    """The first left singular vector of the unfolding along each mode, signs so that T is positive on them."""
    xp = tensor.xp
    if tensor.symmetric:
        vectors = [unfolding(tensor, 0).vector] * tensor.order
        odd = tensor.order % 2 == 1
        flipped = range(tensor.order) if odd else range(0)
    else:
        vectors, flipped = [unfolding(tensor, k).vector for k in range(tensor.order)], range(1)
    value = tensor_value(tensor, vectors)
    sign = xp.where(value < 0, -xp.ones_like(value), xp.ones_like(value))[:, None]
    return [sign * u if k in flipped else u for k, u in enumerate(vectors)]


def random_vectors(tensor: TensorSample, normal: Callable[[str, tuple[int, ...]], Any], index: int) -> list[Any]:
    """Uniform random directions, one per mode (one in all for a symmetric tensor); ``index`` tells starts apart."""
    count = 1 if tensor.symmetric else tensor.order
    drawn = [_unit(tensor.xp, normal(f"start {index} mode {k}", (tensor.shape[k],)))[0] for k in range(count)]
    return drawn * tensor.order if tensor.symmetric else drawn
