"""Batched solving against a Python loop over ``scipy.optimize.root`` on the same points, in one run.

The loop solves the same reduced equations, hand-coded as plain Python functions (the fastest form it can have) with a
start in the basin of the right root. It runs over the first ``_LOOP`` points and is scaled to all of them unless
``--full`` is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.optimize import root
from sympy import Identity, Symbol, Trace

from derive import Gaussian, atomic, dimensions, limit

from .cases import anisotropic, marchenko_pastur, random_features

__all__ = ["rows"]

_POINTS = 100_000
_LOOP = 10_000


def _symbols(law: Any) -> dict[str, Symbol]:
    return {s.name: s for s in law.parameters}


def _problems(rng: np.random.Generator) -> Iterator[tuple[str, Callable[[], np.ndarray], Callable[[int], Any]]]:
    f, l = rng.uniform(0.1, 2, _POINTS), rng.uniform(0.05, 2, _POINTS)
    law = limit(*marchenko_pastur(""))
    s = _symbols(law)

    def quadratic(g: Any, f: float, l: float) -> Any:
        return f * g * g + (l + 1 - f) * g - l

    yield (
        "Marchenko-Pastur, real",
        lambda: law.evaluate({s["f"]: f, s["l"]: l}),
        lambda i: root(quadratic, 0.5, args=(f[i], l[i])).x[0],
    )

    n, p = dimensions("n p")
    c, z = Symbol("c", positive=True), Symbol("z")
    Z = Gaussian("Z", p, n, variance=1 / n)
    transform = limit(Trace((Z * Z.T - z * Identity(p)).I) / p, {p: c * n})
    points = rng.uniform(-1, 5, _POINTS) + 1j * rng.uniform(0.05, 2, _POINTS)

    def complex_quadratic(x: Any, c: float, z: complex) -> list[float]:
        g = complex(x[0], x[1])
        r = c * z * g * g + (c + z - 1) * g + 1
        return [r.real, r.imag]

    def complex_root(i: int) -> complex:
        x = root(complex_quadratic, [0, 1], args=(f[i], points[i])).x
        return complex(x[0], x[1])

    yield "Marchenko-Pastur, complex z", lambda: transform.evaluate({c: f, z: points}), complex_root

    (S,) = [m for m in limit(*anisotropic("")).letters if m.name == "S"]
    shifted = limit(*anisotropic(""))
    t = _symbols(shifted)

    def kappa(k: Any, f: float, l: float) -> Any:
        return k - l - f * k * 0.5 * (1 / (1 + k) + 4 / (4 + k))

    def trace_value(i: int) -> float:
        k = root(kappa, 1.0, args=(f[i], l[i])).x[0]
        return k * 0.5 * (1 / (1 + k) + 1 / (4 + k))

    yield (
        "anisotropic, two atoms",
        lambda: shifted.evaluate({t["f"]: f, t["l"]: l, S: atomic([1, 2])}),
        trace_value,
    )

    features = limit(*random_features(""))
    q = _symbols(features)

    def adlam_pennington(tau: Any, f: float, l: float) -> list[float]:
        a, b = tau
        z, eta, y = 0.25, 0.34, 0.8
        return [
            f * (z * a * b + f * (b - a)) + z * a * b * y * (l * a - 1),
            f * (b - a) * (z * (b - a) + eta * a) - z * a * b * (l * a - 1),
        ]

    yield (
        "random features",
        lambda: features.evaluate({q["f"]: f, q["l"]: l, q["y"]: 0.8, q["zeta"]: 0.25, q["eta"]: 0.34})["tau1"],
        lambda i: root(adlam_pennington, [1 / l[i], 0.9 / l[i]], args=(f[i], l[i])).x[0],
    )


def rows(full: bool = False) -> Iterator[tuple[str, str, str, str]]:
    """(case, batched, loop, ratio)."""
    rng = np.random.default_rng(0)
    for name, batched, one in _problems(rng):
        batched()
        times, loops = [], []
        count = _POINTS if full else _LOOP
        for _ in range(3):
            start = time.perf_counter()
            values = batched()
            times.append(time.perf_counter() - start)
            start = time.perf_counter()
            looped = np.array([one(i) for i in range(count if full else count // 3)])
            loops.append((time.perf_counter() - start) * _POINTS / looped.size)
            if full:
                break
        agree = np.isclose(looped, values[: looped.size], rtol=1e-6).mean()
        ratio = np.median([b / a for a, b in zip(times, loops, strict=True)])
        note = "" if agree > 0.999 else f" (the loop found another root at {100 * (1 - agree):.1f} % of its points)"
        yield name, f"{1e3 * np.median(times):.0f} ms", f"{np.median(loops):.1f} s", f"{ratio:.0f}{note}"
