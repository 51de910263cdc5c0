"""The simulation against the bare LAPACK and BLAS calls a person would write for the same quantity.

Both sides get the same sampled matrices (sampling is left out on both) and the same number of BLAS threads, and run in
turn, trial batch by trial batch; their values must agree.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from sympy import Identity, Symbol, Trace

import models
from derive import Gaussian, dimensions, limit
from verify.backend import select_backend
from verify.checking import specify
from verify.finite_model import Simulator
from verify.structured import Workspace
from verify.threads import few_threads

__all__ = ["rows"]

_SIZE = 600
_TRIALS = 4
_REPEATS = 7
Bare = Callable[[Mapping[str, np.ndarray]], np.ndarray]


def _eye(n: int, scale: float) -> np.ndarray:
    return scale * np.eye(n)


def _marchenko_pastur(m: Mapping[str, np.ndarray]) -> np.ndarray:
    Z = m["Z"]
    Q = np.linalg.inv(Z @ Z.swapaxes(1, 2) + _eye(Z.shape[1], 0.1))
    return np.trace(Q, axis1=1, axis2=2) / Z.shape[1]


def _two_resolvents(m: Mapping[str, np.ndarray]) -> np.ndarray:
    Z = m["Z"]
    G = Z @ Z.swapaxes(1, 2)
    Q, P = np.linalg.inv(G + _eye(Z.shape[1], 0.1)), np.linalg.inv(G + _eye(Z.shape[1], 1.0))
    return np.einsum("tij,tji->t", Q, P) / Z.shape[1]


def _lssvm(m: Mapping[str, np.ndarray]) -> np.ndarray:
    Z, mu, y = m["Z"], m["mu"], m["y"]
    n = Z.shape[2]
    X = Z + mu @ y.swapaxes(1, 2)
    w = np.linalg.solve(X @ X.swapaxes(1, 2) / n + _eye(Z.shape[1], 0.1), X @ y / n)
    mean, _variance = (mu.swapaxes(1, 2) @ w)[:, 0, 0], np.einsum("tij,tij->t", w, w)
    return mean


def _problems() -> Iterator[tuple[str, Any, Mapping, str, Bare]]:
    n, p = dimensions("n p")
    c, l1, l2 = (Symbol(s, positive=True) for s in ("c", "l1", "l2"))
    Z = Gaussian("Z", p, n, variance=1 / n)
    Q, P = ((Z * Z.T + l * Identity(p)).I for l in (l1, l2))
    single = limit(Trace(Q) / p, {p: c * n})
    yield "tr (ZZ' + l)^-1", single, {c: "1/2", l1: "1/10"}, "value", _marchenko_pastur
    double = limit(Trace(Q * P) / p, {p: c * n})
    yield "tr (ZZ' + l1)^-1 (ZZ' + l2)^-1", double, {c: "1/2", l1: "1/10", l2: 1}, "value", _two_resolvents
    theorem = models.load("lssvm")
    yield "lssvm: mean and variance", theorem.law, theorem.defaults, "mean", _lssvm


def rows() -> Iterator[tuple[str, str, str, str]]:
    """(expression, engine, bare, ratio)."""
    backend = select_backend("cpu")
    work = Workspace(backend.xp)
    for name, law, params, quantity, bare in _problems():
        spec, plan = specify(law, params, (_SIZE // 4, _SIZE // 2, _SIZE), _TRIALS, 0, "gaussian")
        size = max(plan.sizes)
        simulator = Simulator(spec, size, backend)
        engine_times, bare_times = [], []
        for repeat in range(_REPEATS + 1):
            trials = range(repeat * _TRIALS, (repeat + 1) * _TRIALS)
            sampled = simulator.sampler.draw(backend, 0, trials)
            plain = {letter.name: work.full(matrix) for letter, matrix in sampled.items()}
            with few_threads(size):
                start = time.perf_counter()
                values = simulator.observation(sampled, backend.xp)
                engine_times.append(time.perf_counter() - start)
                start = time.perf_counter()
                reference = bare(plain)
                bare_times.append(time.perf_counter() - start)
            if not np.allclose(values[quantity], reference, rtol=1e-9):
                raise AssertionError(f"{name}: the two routes disagree")
        pairs = list(zip(engine_times, bare_times, strict=True))[1:]
        ratio = statistics.median(a / b for a, b in pairs)
        engine, lapack = (1e3 * statistics.median(t) / _TRIALS for t in zip(*pairs, strict=True))
        yield f"{name}, n = {size}", f"{engine:.1f} ms/trial", f"{lapack:.1f} ms/trial", f"{ratio:.2f}"
