"""Planted tensors: derivation by order, a curve in one call against a SciPy loop, power iteration against its products.

The loop solves the published equations of the spiked tensor (arXiv:2112.12348) point by point with
``scipy.optimize.root``, each from the solution of its neighbour, from the largest beta down, and checks no branch. The
bare contractions are the two products with the tensor that one sweep needs, with NumPy's matrix product on the same
array. On a GPU the same two things are timed for dimensions of 1,000 each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np
from scipy.optimize import root
from sympy import Symbol, symbols

from derive import GaussianTensor, Outer, Signal, best_rank_one, dimensions, limit
from verify.tensor_estimators import power_iteration
from verify.tensor_sample import Product, TensorSample

__all__ = ["rows"]

_POINTS = 1000
_RATIOS = (0.2, 0.3, 0.5)
_SIZE, _SWEEPS, _TRIALS = 150, 10, 4
_GPU_SIZE = 1000
_TAG = count()


def _spiked(order: int) -> tuple[Any, Symbol, tuple[Symbol, ...]]:
    """Fresh symbols on every call, so that nothing is cached."""
    tag = f"b{next(_TAG)}"
    base = dimensions(f"N{tag}")
    dims = dimensions(" ".join(f"n{k}{tag}" for k in range(order)))
    ratios, beta = symbols(f"c{tag}_1:{order + 1}", positive=True), Symbol(f"beta{tag}", positive=True)
    vectors = [Signal(f"x{k}{tag}", d, norm2=1) for k, d in enumerate(dims)]
    T = beta * Outer(*vectors) + GaussianTensor(f"W{tag}", *dims, variance=1 / base)
    return limit(best_rank_one(T), {d: c * base for d, c in zip(dims, ratios, strict=True)}), beta, ratios


def _median(run: Callable[[], Any], times: int) -> float:
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return float(np.median(found))


def _derive(order: int) -> None:
    law, _, _ = _spiked(order)
    assert law.equations
    assert law.value


def _derivations() -> Iterator[tuple[str, str, str, str]]:
    _derive(3)
    for order in range(3, 8):
        took = _median(lambda order=order: _derive(order), 7 if order < 6 else 3)
        yield f"derive the spiked tensor of order {order}, warm", f"{1e3 * took:.0f} ms", "", ""


def _loop(betas: np.ndarray) -> np.ndarray:
    c = np.array(_RATIOS)
    out, start = np.empty(len(betas)), None
    for k in reversed(range(len(betas))):
        beta = betas[k]

        def residual(v: np.ndarray, beta: float = beta) -> np.ndarray:
            value, q, g = v[0], v[1:4], v[4:]
            h = value + g.sum() - g
            return np.array([value + g.sum() - beta * q.prod(), *(h * q - beta * q.prod() / q), *(g * h + c)])

        found = root(residual, np.array([beta, 1, 1, 1, *(-c / beta)]) if start is None else start, tol=1e-12)
        start, out[k] = found.x, found.x[1]
    return out


def _curves() -> Iterator[tuple[str, str, str, str]]:
    law, beta, ratios = _spiked(3)
    params = dict(zip(ratios, _RATIOS, strict=True))
    for name, low in (("above the threshold", 1.2), ("across the threshold", 0.5)):
        betas = np.linspace(low, 6, _POINTS)
        found = law.evaluate({**params, beta: betas})
        # other values every time: the limit remembers its last batch
        shifts = iter(1e-6 * (k + 1) for k in range(5))
        batched = _median(lambda betas=betas, shifts=shifts: law.evaluate({**params, beta: betas + next(shifts)}), 5)
        label = f"alignments at {_POINTS:,} values of beta, {name}"
        if low < 1.2:
            yield label, f"{1e3 * batched:.0f} ms", "", ""
            continue
        looped = _loop(betas)
        agree = np.isclose(looped, next(v for k, v in found.items() if k.startswith("x0")), atol=1e-8).mean()
        loop = _median(lambda betas=betas: _loop(betas), 3)
        note = "" if agree == 1 else f"; the loop is elsewhere at {100 * (1 - agree):.1f} % of its points"
        yield label, f"{1e3 * batched:.0f} ms", f"{1e3 * loop:.0f} ms", f"{loop / batched:.1f}{note}"


def _unit(xp: Any, v: Any) -> Any:
    return v / xp.linalg.norm(v, axis=-1)[:, None]


def _bare(xp: Any, T: Any, u: list[Any]) -> None:
    """The products of one sweep: the tensor with the last vector, then with the first two."""
    trials, a, b, c = T.shape
    M = (xp.reshape(T, (trials, a * b, c)) @ u[2][:, :, None]).reshape(trials, a, b)
    first = (M @ u[1][:, :, None])[:, :, 0]
    second = (first[:, None, :] @ M)[:, 0, :]
    N = (first[:, None, :] @ xp.reshape(T, (trials, a, b * c))).reshape(trials, b, c)
    assert (second[:, None, :] @ N).shape == (trials, 1, c)


def _iteration(xp: Any, size: int, trials: int, wait: Callable[[], Any]) -> tuple[float, float]:
    """Seconds per sweep of the power iteration, and of its bare products, taken in turn."""
    rng = xp.random.default_rng(1)
    T = rng.standard_normal((trials, size, size, size)) / np.sqrt(3 * size)
    u = [_unit(xp, rng.standard_normal((trials, size))) for _ in range(3)]
    sample = TensorSample(xp, (size,) * 3, (Product(xp.ones(trials), ((T, (0, 1, 2)),)),))

    def timed(run: Callable[[], Any]) -> float:
        wait()
        start = time.perf_counter()
        run()
        wait()
        return time.perf_counter() - start

    def ours(sweeps: int) -> None:
        power_iteration(sample, u, tolerance=1e-300, sweeps=sweeps)

    def bare() -> None:
        for _ in range(_SWEEPS):
            _bare(xp, T, u)

    ours(1)
    bare()
    pairs = [(timed(lambda: ours(_SWEEPS + 1)) - timed(lambda: ours(1)), timed(bare)) for _ in range(7)]
    return float(np.median([a for a, _ in pairs])) / _SWEEPS, float(np.median([b for _, b in pairs])) / _SWEEPS


def _iterations() -> Iterator[tuple[str, str, str, str]]:
    for size, trials in ((_SIZE, _TRIALS), (300, 1)):
        ours, bare = _iteration(np, size, trials, lambda: None)
        label = f"one sweep of power iteration, {trials} x {size}^3"
        yield label, f"{1e3 * ours:.1f} ms", f"{1e3 * bare:.1f} ms (bare products)", f"{ours / bare:.2f}"
    label = f"the same on a GPU, {_GPU_SIZE:,}^3"
    try:
        import cupy

        devices = cupy.cuda.runtime.getDeviceCount()
    except Exception:
        devices = 0
    if not devices:
        yield label, "no GPU", "", ""
        return
    ours, bare = _iteration(cupy, _GPU_SIZE, 1, cupy.cuda.Device().synchronize)
    yield label, f"{1e3 * ours:.1f} ms", f"{1e3 * bare:.1f} ms (bare products)", f"{ours / bare:.2f}"


def rows() -> Iterator[tuple[str, str, str, str]]:
    """(task, this library, what it is compared with, ratio)."""
    yield from _derivations()
    yield from _curves()
    yield from _iterations()
