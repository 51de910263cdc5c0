"""Spectra: density on the axis itself against a root search per point, edges, a sweep of a parameter, a deep Jacobian.

The loop solves the hand-coded companion equation point by point with ``scipy.optimize.root``, each from the solution of
its neighbour (the best start there is). "Cold" includes everything but the derivation: curve, support, series, check of
the mass; "warm" is a second call with the same parameters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import reduce
from operator import mul
from typing import Any

import numpy as np
from scipy.optimize import root
from sympy import Rational, Symbol

from derive import Deterministic, Gaussian, Spectrum, atomic, dimensions, spectrum

__all__ = ["rows"]

_POINTS = 2000
_SWEEP = 500
_LAYERS = 10
_TIMES = 7


def _median(run: Callable[[], Any], before: Callable[[], Any] = lambda: None, times: int = _TIMES) -> float:
    found = []
    for _ in range(times):
        before()
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return float(np.median(found))


def _two_atoms() -> tuple[Spectrum, Any, Any]:
    n, p = dimensions("n p")
    c = Symbol("c", positive=True)
    S = Deterministic("Sigma", p, p, positive=True)
    X = Gaussian("X", p, n, variance=1 / n)
    return spectrum(S ** Rational(1, 2) * X * X.T * S ** Rational(1, 2), {p: c * n}), c, S


def _loop(places: np.ndarray, c: float) -> np.ndarray:
    """Density of the population half 1, half 5 from the companion transform s: x = -1/s + c sum w t/(1 + t s)."""
    out = np.empty(len(places))
    start = [-0.3, 0.3]
    for k, x in enumerate(places):

        def residual(v: Any, x: float = x) -> list[float]:
            s = complex(v[0], v[1])
            r = x + 1 / s - c * 0.5 * (1 / (1 + s) + 5 / (1 + 5 * s))
            return [r.real, r.imag]

        found = root(residual, start)
        if found.success and found.x[1] > 1e-6:
            start = found.x
        out[k] = max(found.x[1], 0.0) / (np.pi * c)
    return out


def _jacobian() -> tuple[Spectrum, dict[Any, Any]]:
    n = dimensions("n")
    weights = [Gaussian(f"W_{k}", n, n, variance=2 / n) for k in range(_LAYERS)]
    masks = [Deterministic(f"D_{k}", n, n, symmetric=True) for k in range(_LAYERS)]
    J = reduce(mul, [w * d for w, d in zip(weights, masks, strict=True)])
    return spectrum(J * J.T), {d: atomic([0, 1]) for d in masks}


def rows() -> Iterator[tuple[str, str, str, str]]:
    """(task, this library, point by point, ratio)."""
    law, c, S = _two_atoms()
    params = {c: 0.5, S: atomic([1, 5])}
    places = np.linspace(0.05, 12, _POINTS)
    found = law.density(places, params)
    cold = _median(lambda: law.density(places, params), law._points.clear)
    warm = _median(lambda: law.density(places, params))
    looped = _loop(places, 0.5)
    agree = np.isclose(looped, found, rtol=1e-5, atol=1e-7).mean()
    loop = _median(lambda: _loop(places, 0.5), times=3)
    note = "" if agree > 0.999 else f"; the loop is elsewhere at {100 * (1 - agree):.1f} % of its points"
    name = f"density at {_POINTS} points, two atoms"
    yield f"{name}, cold", f"{1e3 * cold:.0f} ms", f"{1e3 * loop:.0f} ms", f"{loop / cold:.0f}{note}"
    yield f"{name}, warm", f"{1e3 * warm:.1f} ms", f"{1e3 * loop:.0f} ms", f"{loop / warm:.0f}{note}"

    edges = _median(lambda: law.edges(params), law._points.clear)
    yield "its four edges, no sweep", f"{1e3 * edges:.0f} ms", "", ""

    ratios = np.linspace(0.1, 3, _SWEEP)
    one = np.array([2.0])
    together = _median(lambda: law.density(one, {c: ratios[:, None], S: params[S]}))
    single = _median(lambda: [law.density(one, {c: ratios[k : k + 1], S: params[S]}) for k in range(50)], times=3) * 10
    yield (
        f"density over {_SWEEP} values of c, one call",
        f"{1e3 * together:.0f} ms",
        f"{1e3 * single:.0f} ms",
        f"{single / together:.0f}",
    )

    start = time.perf_counter()
    deep, masks = _jacobian()
    derived = time.perf_counter() - start
    ends = _median(lambda: deep.edges(masks), deep._points.clear, 3)
    grid = np.geomspace(1e-6, deep.edges(masks)[0][1] * 0.999, _POINTS)
    drawn = _median(lambda: deep.density(grid, masks), times=3)
    name = f"{_LAYERS}-layer Jacobian with masks"
    yield f"{name}: derivation", f"{1e3 * derived:.0f} ms", "", ""
    yield f"{name}: edges and atom", f"{1e3 * ends:.0f} ms", "", ""
    yield f"{name}: density at {_POINTS} points, edges known", f"{1e3 * drawn:.1f} ms", "", ""
