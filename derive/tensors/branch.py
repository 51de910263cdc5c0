"""The informative solution, followed from the noiseless tensor: every variance is multiplied by t, t from 0 to 1.

Multiplying the noise by sqrt(t) is dividing the spikes by it, so this is continuation from infinitely strong spikes.
The path ends where the Jacobian of the system, or that of a block Dyson equation in its own traces, changes sign: a
fold, or the singular value reaching the edge of the spectrum of the contraction matrix. Where t < 1 there, the point is
below the threshold, and the spikes would have to be 1/sqrt(t) times as strong. Batched; NumPy's batched LAPACK.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from ..lower.program import Program, compile_program
from .equations import Key, TensorEquations
from .monomials import PolynomialSystem
from .network import Estimate
from .noiseless import Noiseless, dyson_keys
from .reading import value_symbol

__all__ = ["CONVERGED", "EDGE", "FOLD", "LOST", "NoisySystem", "Path", "follow", "informative"]

# how a path ended
CONVERGED, EDGE, FOLD, LOST = range(4)

_FIRST, _SMALLEST, _LARGEST = 0.05, 1e-11, 0.15
_STEPS, _NEWTON = 400, 8
# relative size of the last Newton step: in a large step on the way (the error after it is about its square), and where
# the signs of determinants decide
_NEAR, _SHARP, _LARGE = 1e-5, 1e-13, 1e-2


@dataclass(frozen=True)
class Path:
    """Per point: the unknowns where the path ended, the noise level t there, and how it ended."""

    x: np.ndarray  # (batch, unknowns)
    t: np.ndarray
    end: np.ndarray


class NoisySystem:
    """Residuals and Jacobians of the first ``steps`` estimators as functions of the unknowns and the noise level."""

    def __init__(self, equations: TensorEquations, steps: int, residuals: tuple[Expr, ...] | None = None):
        self.equations, self.steps = equations, steps
        self.level = Symbol("_t", positive=True)
        keys = list(equations.symbols)
        chosen = [k for k, key in enumerate(keys) if key.step <= steps]
        scaled = {w: self.level * e for w, e in equations.weights.items()}
        source = equations.noisy.residuals if residuals is None else residuals
        self.residuals = [source[k].xreplace(scaled) for k in chosen]
        self.unknowns = [equations.noisy.unknowns[k] for k in chosen]
        at = {keys[k]: i for i, k in enumerate(chosen)}
        self.dyson = [[at[k] for k in dyson_keys(equations, step)] for step in range(1, steps + 1)]

    @cached_property
    def program(self) -> Program:
        return compile_program(self.residuals)

    @cached_property
    def polynomials(self) -> PolynomialSystem:
        return PolynomialSystem(self.residuals, [*self.unknowns, self.level])

    def at(self, x: np.ndarray, t: np.ndarray, env: Mapping[Symbol, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Residual (batch, n), Jacobian (batch, n, n), derivative by the noise level (batch, n)."""
        value, slope = self.polynomials.at(np.column_stack([x, t]), env)
        return value, slope[:, :, :-1], slope[:, :, -1]

    def signs(self, jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signs of the determinant of the whole Jacobian, and of those of the block Dyson equations (batch, steps)."""
        own = [np.linalg.slogdet(jacobian[:, ix][:, :, ix])[0] for ix in map(np.array, self.dyson)]
        return np.linalg.slogdet(jacobian)[0], np.stack(own, axis=-1)

    def newton(
        self, x: np.ndarray, t: np.ndarray, env: Mapping[Symbol, Any], steps: int = _NEWTON, tolerance: Any = _SHARP
    ) -> tuple:
        """Newton's iteration; the points that converged."""
        good = np.zeros(len(x), dtype=bool)
        last = np.full(len(x), np.inf)
        jacobian = np.zeros((len(x), x.shape[1], x.shape[1]))
        for _ in range(steps):
            residual, jacobian, _ = self.at(x, t, env)
            step = _solve(jacobian, residual)
            x = x - step
            size = np.max(np.abs(step), axis=-1) / (1 + np.max(np.abs(x), axis=-1))
            good = (size < tolerance) | ((size < 1e-10) & (size >= 0.25 * last))
            last = size
            if np.all(good | ~np.isfinite(size)):
                break
        return x, good & np.all(np.isfinite(x), axis=-1), jacobian


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    bad = ~(np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(right).all(axis=1))
    matrix = np.where(bad[:, None, None], np.eye(matrix.shape[-1]), matrix)
    try:
        out = np.linalg.solve(matrix, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        out = np.stack([np.linalg.lstsq(m, r, rcond=None)[0] for m, r in zip(matrix, right, strict=True)])
    return np.where(bad[:, None], np.nan, out)


def _rows(env: Mapping[Symbol, Any], chosen: np.ndarray) -> dict[Symbol, Any]:
    return {s: v[chosen] if isinstance(v, np.ndarray) and v.ndim else v for s, v in env.items()}


def follow(system: NoisySystem, x: np.ndarray, env: Mapping[Symbol, Any]) -> Path:
    """Follow the solution from t = 0 to t = 1."""
    batch = len(x)
    t, h = np.zeros(batch), np.full(batch, _FIRST)
    end = np.full(batch, LOST)
    with np.errstate(all="ignore"):
        x, good, jacobian = system.newton(x.copy(), t, env, 20)
        whole, own = system.signs(jacobian)
        why = np.full(batch, LOST)
        active = good & (whole != 0)
        for _ in range(_STEPS):
            index = np.flatnonzero(active)
            if not index.size:
                break
            here = _rows(env, index)
            _, jacobian, slope = system.at(x[index], t[index], here)
            step = np.minimum(h[index], 1 - t[index])
            guess = x[index] - step[:, None] * _solve(jacobian, slope)
            tolerance = np.where(step > _LARGE, _NEAR, _SHARP)
            new, good, jacobian = system.newton(guess, t[index] + step, here, tolerance=tolerance)
            a, b = system.signs(jacobian)
            near = np.max(np.abs(new - guess), axis=-1) < 0.2 * (1 + np.max(np.abs(new), axis=-1))
            stable = np.all(b == own[index], axis=-1)
            fine = good & near & stable & (a == whole[index])
            why[index] = np.where(fine, why[index], np.where(good & ~stable, EDGE, FOLD))
            done = index[fine]
            x[done], t[done] = new[fine], t[done] + step[fine]
            h[index] = np.where(fine, np.minimum(2 * step, _LARGEST), step / 2)
            finished = t >= 1 - 1e-15
            short = active & (h < _SMALLEST)
            end[active & finished] = CONVERGED
            end[short & ~finished] = why[short & ~finished]
            active &= ~finished & ~short
        x, end = _sharpened(system, Path(x, t, end), env, whole, own)
    return Path(x, t, end)


def _sharpened(
    system: NoisySystem, path: Path, env: Mapping[Symbol, Any], whole: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The points that arrived, to the last digit, and whether they are still on the right side of the threshold."""
    x, end = path.x.copy(), path.end.copy()
    index = np.flatnonzero(end == CONVERGED)
    if index.size:
        new, good, jacobian = system.newton(x[index], path.t[index], _rows(env, index), 20)
        a, b = system.signs(jacobian)
        x[index[good]] = new[good]
        stable = np.all(b == own[index], axis=-1)
        end[index] = np.where(~good, LOST, np.where(~stable, EDGE, np.where(a != whole[index], FOLD, CONVERGED)))
    return x, end


def informative(
    equations: TensorEquations, env: Mapping[Symbol, Any], size: int, systems: list[NoisySystem]
) -> list[Path]:
    """One path per estimator; every step is taken from each spike and the largest singular value at the end wins."""
    noiseless = Noiseless(equations, env, size)
    chosen = [np.zeros(size, dtype=int)]
    paths: list[Path] = []
    for step, system in enumerate(systems, 1):
        best: Path | None = None
        place = system.unknowns.index(equations.symbols[Key("value", step, None)])
        picked = np.zeros(size, dtype=int)
        for start in range(noiseless.starts):
            for earlier in range(1, step):
                _solve_chosen(noiseless, earlier, chosen[earlier])
            noiseless.solve(step, start)
            begin = noiseless.unknowns(step)
            x = np.stack([np.broadcast_to(begin[u], (size,)) for u in system.unknowns], axis=-1)
            path = follow(system, np.array(x, dtype=float), env)
            if best is None:
                best = path
                continue
            score, old = (np.where(p.end == CONVERGED, p.x[:, place], p.t - 2) for p in (path, best))
            better = score > old + 1e-9
            picked = np.where(better, start, picked)
            best = Path(
                np.where(better[:, None], path.x, best.x),
                np.where(better, path.t, best.t),
                np.where(better, path.end, best.end),
            )
        assert best is not None
        chosen.append(picked)
        paths.append(best)
    return paths


def _solve_chosen(noiseless: Noiseless, step: int, starts: np.ndarray) -> None:
    """An earlier estimator from the spike that won at every point."""
    blocks = sorted(set(noiseless.read.blocks))
    kept: dict[Any, np.ndarray] = {}
    for start in np.unique(starts):
        value = noiseless.solve(step, int(start))
        here = starts == start
        found: dict[Any, np.ndarray] = {value_symbol(step): value}
        for b in blocks:
            found[b, Estimate(step, b)] = noiseless.coordinates[b, Estimate(step, b)]
        for name, array in found.items():
            mask = here if array.ndim == 1 else here[:, None]
            kept[name] = np.where(mask, array, kept.get(name, array))
    for name, array in kept.items():
        if isinstance(name, Symbol):
            noiseless.env[name] = array
        else:
            noiseless.coordinates[name] = array
