"""Simulation of a tensor limit at one size: the quantities of the limit, measured at the estimators it is about."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from derive.errors import ParameterError
from derive.functionals import Agreement
from derive.lower.algebra import Algebra
from derive.lower.arrays import ArrayKind
from derive.lower.program import compile_program
from derive.tensors.equations import Key, functional_key
from derive.tensors.network import Estimate, TensorTerm, Vector
from derive.tensors.symbols import Overlap, TensorFunctional
from derive.tensors.tensor_limit import TensorLimit

from .backend import Backend, select_backend
from .tensor_estimators import (
    SWEEPS,
    TOLERANCE,
    PowerResult,
    PowerStatus,
    best_of,
    power_iteration,
    random_vectors,
    unfolding_start,
)
from .tensor_sample import Letters, TensorSample, TensorSampler, fraction_agreeing

__all__ = ["PowerIteration", "TensorSimulation", "measure", "power_iteration_of", "simulate_tensor", "warn_of_caps"]

_STARTS = ("planted", "unfolding", "random")
# standard deviations of an overlap of independent directions
_CHANCE = 3


@dataclass(frozen=True)
class PowerIteration:
    """How a best rank-one approximation is looked for.

    Parameters
    ----------
    start : {"planted", "unfolding", "random"}
        Where the power iteration starts: from every spike, from the unfoldings along each mode, or from ``starts``
        random directions; the largest value is kept.
    starts : int
        How many random directions.
    tolerance, sweeps : float, int
        See :func:`verify.tensor_estimators.power_iteration`.

    Examples
    --------
    >>> from verify import PowerIteration
    >>> PowerIteration("random", starts=3).name
    '3 random'
    """

    start: str = "planted"
    starts: int = 10
    # far below any standard error, and near a threshold many sweeps are needed
    tolerance: float = 1e-7
    sweeps: int = 10_000

    def __post_init__(self) -> None:
        if self.start not in _STARTS:
            raise ParameterError(f"start must be one of {', '.join(_STARTS)}, got {self.start!r}")
        for name, count in (("starts", self.starts), ("sweeps", self.sweeps)):
            if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
                raise ParameterError(f"{name} must be a positive whole number, got {count!r}")
        if not 0 < self.tolerance < 1:
            raise ParameterError(f"tolerance must be between 0 and 1, got {self.tolerance!r}")

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.starts} random" if self.start == "random" else self.start


def power_iteration_of(start: str | PowerIteration | None) -> PowerIteration:
    """What ``start=`` says."""
    if isinstance(start, PowerIteration):
        return start
    if start is not None and not isinstance(start, str):
        raise ParameterError(f"start must be one of {', '.join(_STARTS)} or a PowerIteration, got {start!r}")
    return PowerIteration("planted" if start is None else start)


@dataclass(frozen=True)
class TensorSimulation:
    """Everything a simulation knows; arrays are (trials,), or (steps, trials) for ``status`` and ``sweeps``."""

    values: dict[str, np.ndarray]
    status: np.ndarray
    sweeps: np.ndarray
    shape: tuple[int, ...]


def simulate_tensor(
    law: TensorLimit,
    params: Mapping | None,
    size: int,
    trials: int,
    seed: int,
    start: str = "planted",
    *,
    starts: int = 10,
    tolerance: float = TOLERANCE,
    sweeps: int = SWEEPS,
    device: str | Backend = "cpu",
    memory: int | None = None,
    full_output: bool = False,
) -> Any:
    """Simulate the quantities of a tensor limit.

    Parameters
    ----------
    law : TensorLimit
    params : mapping
        One point.
    size : int
        The base dimension of the limit.
    trials, seed : int
        A trial has its own random numbers, whatever batch it is in.
    start : {"planted", "unfolding", "random"}
        Where the power iteration starts: from every spike, from the unfoldings along each mode, or from ``starts``
        random directions; the largest value is kept.
    tolerance, sweeps : float, int
        See :func:`verify.tensor_estimators.power_iteration`.
    device : {"cpu", "gpu", "auto"} or Backend
    memory : int, optional
        Bytes that a batch of trials may take.
    full_output : bool
        Return a :class:`TensorSimulation`.

    Returns
    -------
    dict of arrays (trials,), named like ``law.quantities``. Signs are those of the limit: the singular value is
    positive, and so are the overlaps with the nearest spike; where they cannot all be, one that is not told from chance
    is negative, or the last.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Signal, dimensions, limit
    >>> from derive.tensors.symbols import GaussianTensor, Outer, best_rank_one
    >>> n, beta = dimensions("n"), Symbol("beta", positive=True)
    >>> x = Signal("x", n, norm2=1)
    >>> T = beta*Outer(x, x, x) + GaussianTensor("W", n, n, n, variance=1/(6*n), symmetric=True)
    >>> law = limit(best_rank_one(T))
    >>> found = simulate_tensor(law, {beta: 3}, 40, 10, 1)
    >>> bool(abs(found["x"].mean() - law.evaluate({beta: 3})["x"]) < 0.02)
    True
    """
    method = PowerIteration(start, starts, tolerance, sweeps)
    for name, count in (("size", size), ("trials", trials)):
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
            raise ParameterError(f"{name} must be a positive whole number, got {count!r}")
    backend = select_backend(device) if isinstance(device, str) else device
    sampler = TensorSampler(law, params, size)
    budget = backend.free_memory() if memory is None else memory
    length = max(1, int(budget // bytes_of(sampler)))
    batches = [range(k, min(k + length, trials)) for k in range(0, trials, length)]
    found = [measure(sampler, backend, seed, batch, method) for batch in batches]
    values = {name: np.concatenate([f[0][name] for f in found]) for name in law.quantities}
    status, made = (np.concatenate([f[k] for f in found], axis=1) for k in (1, 2))
    if full_output:
        return TensorSimulation(values, status, made, sampler.shape)
    warn_of_caps(status, method)
    return values


def bytes_of(sampler: TensorSampler) -> int:
    """Of one trial: the noise, its sum or masked copy, and what a symmetrisation or a permuted unfolding needs."""
    return 4 * 8 * max(1, sampler.entries())


def warn_of_caps(status: np.ndarray, method: PowerIteration) -> None:
    """Say how many trials did not converge; ``status`` is (steps, trials)."""
    capped = int(np.any(status == PowerStatus.CAPPED, axis=0).sum())
    if capped:
        warnings.warn(
            f"{capped} of {status.shape[1]} trials: {PowerStatus.CAPPED.message}, {method.sweeps}; full_output=True of "
            "simulate_tensor tells which, start=PowerIteration(sweeps=...) moves the cap",
            RuntimeWarning,
            stacklevel=3,
        )


def measure(
    sampler: TensorSampler, backend: Backend, seed: int, trials: Sequence[int], method: PowerIteration
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The quantities of a batch of trials, by trial; the status and the sweeps of every step, (steps, trials)."""
    read = sampler.read
    letters = sampler.draw(backend, seed, trials)
    values: dict[int, Any] = {}
    vectors: dict[Estimate, Any] = {}
    status, made = [], []
    for step in range(1, len(read.terms) + 1):
        tensor = sampler.sample(step, letters, {k: backend.to_host(v) for k, v in values.items()}, vectors)
        begins = _begins(sampler, tensor, letters, method, step)
        result = best_of(
            backend.xp,
            [power_iteration(tensor, begin, tolerance=method.tolerance, sweeps=method.sweeps) for begin in begins],
        )
        result = _oriented(sampler, letters, result)
        values[step] = result.value
        vectors |= {Estimate(step, b): result.vectors[read.blocks.index(b)] for b in set(read.blocks)}
        status.append(backend.to_host(result.status))
        made.append(backend.to_host(result.sweeps))
    return _measured(sampler, backend, letters, values, vectors), np.stack(status), np.stack(made)


# ---- starts and signs ------------------------------------------------------------------------------------------------
def _spike_vectors(sampler: TensorSampler, letters: Letters, spike: TensorTerm) -> list[Any]:
    """The signals of a spike, one per mode."""
    at = {f.leg: f.what for f in spike.factors if isinstance(f, Vector)}
    return [letters.signals[at[leg]] for leg in spike.legs]  # type: ignore[index]


def _begins(
    sampler: TensorSampler, tensor: TensorSample, letters: Letters, method: PowerIteration, step: int
) -> list[list[Any]]:
    if method.start == "planted":
        return [_spike_vectors(sampler, letters, spike) for spike in sampler.read.spikes]
    if method.start == "unfolding":
        return [unfolding_start(tensor)]
    return [random_vectors(tensor, letters.normal, 1000 * step + k) for k in range(method.starts)]


def _oriented(sampler: TensorSampler, letters: Letters, result: PowerResult) -> PowerResult:
    """Signs are free in pairs of modes: as :class:`derive.tensors.noiseless.Noiseless` fixes them."""
    xp, read = letters.xp, sampler.read
    modes = [0] if read.symmetric else list(range(read.order))
    overlaps = []
    for spike in read.spikes:
        planted = _spike_vectors(sampler, letters, spike)
        overlaps.append(xp.stack([xp.sum(planted[m] * result.vectors[m], axis=-1) for m in modes]))
    nearest = overlaps[0]
    for other in overlaps[1:]:
        closer = xp.abs(xp.prod(other, axis=0)) > xp.abs(xp.prod(nearest, axis=0))
        nearest = xp.where(closer, other, nearest)
    signs = xp.where(nearest < 0, -xp.ones_like(nearest), xp.ones_like(nearest))
    if read.symmetric:
        if read.order % 2:
            return result
        return PowerResult(
            result.value, tuple(signs[0, :, None] * u for u in result.vectors), result.sweeps, result.status
        )
    # the product of all signs is not free, so one mode may be left with the wrong one: one whose overlap is not told
    # from chance where there is such a mode, and the last otherwise
    size = xp.stack([xp.abs(nearest[m, :]) * sqrt(sampler.shape[m]) for m in modes])
    least = xp.argmin(size, axis=0)
    left = xp.where(xp.min(size, axis=0) < _CHANCE, least, len(modes) - 1)
    odd = xp.prod(signs, axis=0) < 0
    turned = [
        xp.where(odd & (left == m), -signs[m, :], signs[m, :])[:, None] * result.vectors[m] for m in modes
    ]  # fmt: skip
    return PowerResult(result.value, tuple(turned), result.sweeps, result.status)


# ---- quantities ------------------------------------------------------------------------------------------------------
def _measured(
    sampler: TensorSampler,
    backend: Backend,
    letters: Letters,
    values: Mapping[int, Any],
    vectors: Mapping[Estimate, Any],
) -> dict[str, np.ndarray]:
    law, xp = sampler.definition, backend.xp
    functionals = {f for e in law.quantities.values() for f in e.atoms(TensorFunctional)}
    env: dict[Symbol, Any] = dict(sampler.numbers)
    placed: dict[Expr, Expr] = {}
    for index, functional in enumerate(sorted(functionals, key=str)):
        key = functional_key(law.read, functional)
        if not isinstance(key, Key):
            placed[functional] = key
            continue
        placed[functional] = Symbol(f"_q{index}", real=True)
        if key.kind == "value":
            array = values[key.step]
        else:
            one, other = key.what
            first = vectors[one] if isinstance(one, Estimate) else letters.signals[one]
            array = xp.sum(first * vectors[other], axis=-1)
        env[placed[functional]] = backend.to_host(array)
    counted = {a for e in law.quantities.values() for a in e.atoms(Agreement)}
    for index, agreement in enumerate(sorted(counted, key=str)):
        key = functional_key(law.read, Overlap(agreement.labels, agreement.estimate))
        assert isinstance(key, Key)
        placed[agreement] = Symbol(f"_a{index}", real=True)
        env[placed[agreement]] = backend.to_host(
            fraction_agreeing(xp, letters.signals[agreement.labels], vectors[key.what[1]])
        )
    exprs = [e.xreplace(placed) for e in law.quantities.values()]
    found = compile_program(exprs).run(env, Algebra(ArrayKind(np), {}, {}))
    return {
        name: np.broadcast_to(np.asarray(v, dtype=float), (letters.trials,)).copy()
        for name, v in zip(law.quantities, found, strict=True)
    }
