"""Parameters from observed singular values and overlaps: the derived system, solved the other way round.

Given values d of quantities q(x, theta) of the limit, solve ``F(x, theta) = 0, q(x, theta) = d`` for the unknowns x and
the parameters theta together. The start is the tensor without its noise, where q is known in closed form on a table of
theta; the noise is then turned on with d held (:func:`.branch.follow`). More data than parameters are fitted by least
squares, the noise being turned on along the normal equations of the start.

A solution counts when continuation from infinitely strong spikes at theta gives it back: other critical points solve
the same equations.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import qmc
from sympy import Expr, Symbol

from ..bind import bind
from ..errors import BranchError, ParameterError
from ..lower.algebra import Algebra
from ..lower.arrays import ArrayKind
from ..lower.program import compile_program
from ..numbers import as_array, as_double
from .branch import CONVERGED, LOST, NoisySystem, follow
from .equations import inner_product
from .noiseless import Noiseless, numbers_of
from .sensitivity import Sensitivity
from .symbols import SingularValue

if TYPE_CHECKING:
    from .tensor_limit import TensorLimit

__all__ = ["Estimation", "EstimationStatus", "estimate_parameters"]

_LARGEST_TABLE = 4096
_STARTS = 6
_POLISH = 40
_APART = 0.1
_AGREES = 1e-6


class EstimationStatus(IntEnum):
    """What became of one point of a batch."""

    SOLVED = 0
    OTHER_SOLUTION = 1
    BELOW_THRESHOLD = 2
    NO_SOLUTION = 3

    @property
    def message(self) -> str:
        return _MESSAGES[self]


_MESSAGES = {
    EstimationStatus.SOLVED: "solved: the informative solution at the parameters gives the data back",
    EstimationStatus.OTHER_SOLUTION: "the parameters solve the equations with the data, but there another solution has "
    "the larger singular value, as happens next to a point where an estimator changes from one spike to another",
    EstimationStatus.BELOW_THRESHOLD: "the data lie below the threshold; turning the noise on with the data held, the "
    "informative solution vanishes before the noise is that of the model",
    EstimationStatus.NO_SOLUTION: "no parameters were found whose informative solution gives the data, with or without "
    "the noise",
}


@dataclass(frozen=True)
class Estimation:
    """Everything :meth:`TensorLimit.estimate` knows, per element of the batch.

    ``parameters`` are the unknown parameters, ``values`` all quantities of the limit there (the alignments that
    follow), ``residual`` the root mean square of predicted minus observed, 0 but for rounding when there are as many
    data as parameters. Where there is no solution, numbers are NaN.
    """

    parameters: Mapping[Symbol, Any]
    values: Mapping[str, Any]
    residual: Any
    status: Any
    note: str = ""


class _InverseSystem(NoisySystem):
    """The noisy system with ``sum_i b_ji (q_i - d_i) = 0`` beside it, and theta among its unknowns."""

    def __init__(self, limit: TensorLimit, outputs: Sequence[Expr], theta: Sequence[Symbol]):
        super().__init__(limit.derived, len(limit.read.terms))
        self.data = [Symbol(f"_d{i}", real=True) for i in range(len(outputs))]
        self.weights = [[Symbol(f"_b{j}_{i}", real=True) for i in range(len(outputs))] for j in range(len(theta))]
        self.inside = Sensitivity(tuple(self.residuals), tuple(self.unknowns), tuple(outputs), tuple(theta))
        misfit = [q - d for q, d in zip(outputs, self.data, strict=True)]
        self.residuals += [sum(b * r for b, r in zip(row, misfit, strict=True)) for row in self.weights]
        self.unknowns = [*self.unknowns, *theta]


def estimate_parameters(
    limit: TensorLimit,
    observed: Mapping[str, Any],
    unknown: Symbol | Sequence[Symbol],
    at: Mapping,
    within: Mapping,
) -> Estimation:
    """See :meth:`TensorLimit.estimate`."""
    if limit.changed is not None:
        raise ParameterError("parameters are estimated with the derived system, and this one was changed")
    theta = _unknown_symbols(limit, unknown)
    data, shape = _read_data(limit, observed, theta)
    others = [s for s in limit.parameters if s not in theta]
    bound = bind(at, others, (), ())
    env = {s: float(np.real(as_double(v, s.name))) for s, v in bound.scalars.items()}
    outputs = [limit.system.values[name] for name in observed]
    system = _InverseSystem(limit, outputs, theta)
    box = _box(limit, theta, data, outputs, within)
    grid, states, found = _table(limit, system, env, box)
    best = _candidates(limit, system, env, data, (grid, states, found), box)

    def back(x: np.ndarray) -> Any:
        x = np.asarray(x).reshape(shape)
        return x.item() if shape == () else x

    impossible = np.flatnonzero(best.status >= EstimationStatus.BELOW_THRESHOLD)
    if impossible.size:
        bad = int(impossible[0])
        status = EstimationStatus(int(best.status[bad]))
        shown = ", ".join(f"{name} = {data[bad, i]:.6g}" for i, name in enumerate(observed))
        message = f"no {', '.join(s.name for s in theta)} with {shown}: {status.message}"
        if status is EstimationStatus.BELOW_THRESHOLD:
            message += f" (at {best.level[bad]:.3g} times its variance)"
        if shape == ():
            raise BranchError(message)
        warnings.warn(
            f"{impossible.size} of {len(data)} points have no estimate (NaN); the first: {message}",
            RuntimeWarning,
            stacklevel=3,
        )
    codes = back(best.status)
    return Estimation(
        {s: back(best.theta[:, j]) for j, s in enumerate(theta)},
        {name: back(best.values[:, j]) for j, name in enumerate(limit.quantities)},
        back(best.residual),
        EstimationStatus(codes) if shape == () else codes,
        EstimationStatus(codes).message if shape == () else "",
    )


# ---- what was asked --------------------------------------------------------------------------------------------------
def _unknown_symbols(limit: TensorLimit, unknown: Symbol | Sequence[Symbol]) -> tuple[Symbol, ...]:
    names = {s.name: s for s in limit.parameters}
    asked = (unknown,) if isinstance(unknown, Symbol | str) else tuple(unknown)
    out = []
    for symbol in asked:
        name = getattr(symbol, "name", str(symbol))
        if name not in names:
            raise ParameterError(f"unknown: {name} is no parameter; the parameters are {', '.join(names)}")
        if names[name] in out:
            raise ParameterError(f"unknown: {name} is given twice")
        out.append(names[name])
    if not out:
        raise ParameterError("unknown: name the parameters that are to be estimated")
    return tuple(out)


def _read_data(
    limit: TensorLimit, observed: Mapping[str, Any], theta: Sequence[Symbol]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """The observed values as (batch, data), and the shape of the batch."""
    if not isinstance(observed, Mapping) or not observed:
        raise ParameterError("observed maps names of quantities to values, such as {'value': 2.3}")
    for name in observed:
        if name not in limit.quantities:
            raise ParameterError(f"{name} is no quantity; the quantities are {', '.join(limit.quantities)}")
    if len(observed) < len(theta):
        raise ParameterError(
            f"{len(observed)} observed quantities ({', '.join(observed)}) cannot determine {len(theta)} parameters "
            f"({', '.join(s.name for s in theta)}); observe more or fix some with at="
        )
    arrays = [np.real(as_array(v, np, name)) for name, v in observed.items()]
    try:
        spread = np.broadcast_arrays(*arrays)
    except ValueError:
        shown = ", ".join(f"{name} has shape {a.shape}" for name, a in zip(observed, arrays, strict=True))
        raise ParameterError(f"the observed arrays do not broadcast against each other: {shown}") from None
    return np.stack([a.ravel() for a in spread], axis=-1).astype(float), spread[0].shape


def _box(
    limit: TensorLimit, theta: Sequence[Symbol], data: np.ndarray, outputs: Sequence[Expr], within: Mapping
) -> np.ndarray:
    """Bounds of theta (k, 2) in which the search starts: correlations within 1, strengths within the singular values.

    The operator norm of a spike is its strength and noise adds to a singular value, so that no single spike is much
    stronger than the largest one; correlated spikes that cancel are not ruled out, hence the margin.
    """
    given = {getattr(k, "name", k): v for k, v in within.items()}
    for name in given:
        if name not in {s.name for s in theta}:
            raise ParameterError(f"within: {name} is not among the unknown parameters")
    products = {s for e in limit.inner.values() for s in e.free_symbols}
    products |= {s for s in theta if s.name.startswith("inner_")}
    singular = {limit.system.values[name] for name, e in limit.quantities.items() if isinstance(e, SingularValue)}
    levels = [i for i, e in enumerate(outputs) if e in singular]
    reach = 1.5 * float(np.max(np.abs(data[:, levels]))) if levels else 10.0
    out = []
    for symbol in theta:
        high = 1.0 if symbol in products else reach
        low = 0.0 if symbol.is_nonnegative else -high
        low, high = given.get(symbol.name, (low, high))
        if not low < high:
            raise ParameterError(f"within: {symbol} lies between {low} and {high}; the first must be smaller")
        out.append((float(low), float(high)))
    return np.array(out)


# ---- starts ----------------------------------------------------------------------------------------------------------
def _table(
    limit: TensorLimit, system: _InverseSystem, env: Mapping[Symbol, float], box: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of theta, the unknowns of the tensor without noise there and its quantities, one row per critical point.

    Every estimator may start from every spike; which of them is the best depends on the noise.
    """
    inside, size = system.inside, min(2 ** (7 + len(box)), _LARGEST_TABLE)
    points = qmc.Sobol(len(box), scramble=False).random(size) + 0.5 / size
    theta = box[:, 0] + points * (box[:, 1] - box[:, 0])
    full = {s: np.full(len(theta), v) for s, v in env.items()} | dict(zip(inside.theta, theta.T, strict=True))
    fine = _possible(limit, full, len(theta))
    theta, full = theta[fine], {s: v[fine] for s, v in full.items()}
    noiseless = Noiseless(limit.derived, full, len(theta))
    rows, steps = [], len(limit.read.terms)
    program = compile_program(list(inside.quantities))
    with np.errstate(all="ignore"):
        before: tuple[int, ...] = ()
        for starts in product(range(noiseless.starts), repeat=steps):
            kept = next((k for k, (a, b) in enumerate(zip(starts, before, strict=False)) if a != b), 0)
            for step in range(kept + 1, steps + 1):
                noiseless.solve(step, starts[step - 1])
            before = starts
            known = noiseless.unknowns(steps)
            x = np.stack([np.broadcast_to(known[u], (len(theta),)) for u in inside.unknowns], axis=-1)
            found = program.run(full | known, Algebra(ArrayKind(np), {}, {}))
            q = np.stack([np.broadcast_to(v, (len(theta),)) for v in found], axis=-1)
            rows.append((theta, x, q))
    grid, states, values = (np.concatenate(part) for part in zip(*rows, strict=True))
    good = np.isfinite(states).all(axis=1) & np.isfinite(values).all(axis=1)
    return grid[good], states[good], values[good]


def _possible(limit: TensorLimit, env: Mapping[Symbol, np.ndarray], size: int) -> np.ndarray:
    """Where theta is in its domain and the inner products of every mode are those of vectors."""
    fine = np.ones(size, dtype=bool)
    for symbol, value in env.items():
        fine &= ~(value <= 0) if symbol.is_positive else ~(value < 0) if symbol.is_nonnegative else np.isfinite(value)
    for mode in range(limit.read.order):
        vectors = limit.read.vectors(mode)
        entries = numbers_of([inner_product(limit.inner, v, w) for v in vectors for w in vectors], env, size)
        gram = np.nan_to_num(np.stack(entries, axis=-1).reshape(size, len(vectors), len(vectors)))
        fine &= np.linalg.eigvalsh(gram)[:, 0] > 1e-9
    return fine


def _nearest(data: np.ndarray, table: tuple[np.ndarray, np.ndarray, np.ndarray], box: np.ndarray) -> np.ndarray:
    """Rows of the table (batch, starts): the nearest in the data, then the nearest that are far from it in theta."""
    grid, _, values = table
    scale = np.std(values, axis=0) + 1e-12
    place = (grid - box[:, 0]) / (box[:, 1] - box[:, 0])
    out = np.empty((len(data), _STARTS), dtype=int)
    for row, d in enumerate(data):
        distance = np.sum(((values - d) / scale) ** 2, axis=1)
        for k in range(_STARTS):
            out[row, k] = pick = int(np.argmin(distance))
            distance = np.where(np.max(np.abs(place - place[pick]), axis=1) < _APART, np.inf, distance)
    return out


# ---- solutions -------------------------------------------------------------------------------------------------------
def _follow_data(
    system: _InverseSystem, env: Mapping[Symbol, np.ndarray], data: np.ndarray, theta: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn the noise on with the data held: the unknowns, theta (NaN where lost), and the noise that was reached."""
    inside, k, size = system.inside, theta.shape[1], len(data)
    fixed = dict(env) | dict(zip(system.data, data.T, strict=True))
    weights = np.broadcast_to(np.eye(k), (size, k, k))
    with np.errstate(all="ignore"):
        if data.shape[1] > k:
            place = fixed | dict(zip(inside.theta, theta.T, strict=True)) | {system.level: np.zeros(size)}
            weights = np.nan_to_num(np.swapaxes(inside.at(x, place).slopes, 1, 2))
        named = {s: weights[:, j, i] for j, row in enumerate(system.weights) for i, s in enumerate(row)}
        path = follow(system, np.concatenate([x, theta], axis=1), fixed | named)
        x, theta = path.x[:, :-k], path.x[:, -k:]
        fine = path.end == CONVERGED
        if data.shape[1] > k:
            x, theta, fine = _least_squares(system, fixed, data, x, theta, fine)
    return x, np.where(fine[:, None], theta, np.nan), np.where(path.end == LOST, 0.0, path.t)


def _least_squares(
    system: _InverseSystem,
    env: Mapping[Symbol, np.ndarray],
    data: np.ndarray,
    x: np.ndarray,
    theta: np.ndarray,
    fine: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gauss and Newton's iteration at full noise: x stays a solution to first order while theta moves."""
    inside, settled = system.inside, np.zeros(len(x), dtype=bool)
    for _ in range(_POLISH):
        here = dict(env) | dict(zip(inside.theta, theta.T, strict=True)) | {system.level: np.ones(len(x))}
        now = inside.at(x, here)
        miss = data - now.values - np.einsum("bmn,bn->bm", now.own, now.newton)
        usable = np.isfinite(now.slopes).all(axis=(1, 2)) & np.isfinite(miss).all(axis=1) & fine
        pseudo = np.linalg.pinv(np.where(usable[:, None, None], now.slopes, 0.0))
        move = np.einsum("bkm,bm->bk", pseudo, np.where(usable[:, None], miss, 0.0))
        step = now.newton + np.einsum("bnk,bk->bn", now.response, move)
        x, theta = x + np.where(usable[:, None], step, np.nan), theta + move
        size = np.maximum(np.max(np.abs(move), axis=1), np.max(np.abs(step), axis=1))
        settled = usable & (size < 1e-11 * (1 + np.max(np.abs(x), axis=1)))
        fine = usable
        if np.all(settled | ~fine):
            break
    return x, theta, settled


@dataclass
class _Found:
    """Per row of the data: theta, all quantities, the misfit, the status, and the largest noise that was reached."""

    theta: np.ndarray
    values: np.ndarray
    residual: np.ndarray
    status: np.ndarray
    level: np.ndarray


def _candidates(
    limit: TensorLimit,
    system: _InverseSystem,
    env: Mapping[Symbol, float],
    data: np.ndarray,
    table: tuple[np.ndarray, np.ndarray, np.ndarray],
    box: np.ndarray,
) -> _Found:
    """The best solution of every row of the data."""
    inside, size = system.inside, len(data)
    every = Sensitivity(inside.residuals, inside.unknowns, tuple(limit.system.values.values()), inside.theta)
    best = _Found(
        np.full((size, len(inside.theta)), np.nan),
        np.full((size, len(every.quantities)), np.nan),
        np.full(size, np.nan),
        np.full(size, int(EstimationStatus.NO_SOLUTION)),
        np.zeros(size),
    )
    fixed = {s: np.full(size, v) for s, v in env.items()}
    for rows in _nearest(data, table, box).T:
        x, theta, reached = _follow_data(system, fixed, data, table[0][rows], table[1][rows])
        best.level = np.maximum(best.level, reached)
        fine = np.isfinite(theta).all(axis=1)
        trial = fixed | {s: np.where(fine, theta[:, j], 1.0) for j, s in enumerate(inside.theta)}
        place = np.flatnonzero(fine & _possible(limit, trial, size))
        if not place.size:
            continue
        x, here = x[place], {s: v[place] for s, v in trial.items()}
        found = limit.evaluate(here, full_output=True)
        informative = np.stack([found.unknowns[u] for u in inside.unknowns], axis=-1)
        same = np.max(np.abs(informative - x), axis=1) < _AGREES * (1 + np.max(np.abs(x), axis=1))
        status = np.where((found.status == 0) & same, EstimationStatus.SOLVED, EstimationStatus.OTHER_SOLUTION)
        miss = np.sqrt(np.mean((inside.values_at(x, here) - data[place]) ** 2, axis=1))
        values = every.values_at(x, here)
        # the informative solution first, then the smaller misfit, then the larger parameter
        old, old_status = np.nan_to_num(best.residual[place], nan=np.inf), best.status[place]
        closer = np.where(np.abs(old - miss) < _AGREES, theta[place, 0] > best.theta[place, 0], miss < old)
        known = old_status != EstimationStatus.NO_SOLUTION
        better = ~known | (status < old_status) | ((status == old_status) & closer)
        place = place[better]
        best.theta[place], best.values[place], best.residual[place] = theta[place], values[better], miss[better]
        best.status[place] = status[better]
    lost = (best.status == EstimationStatus.NO_SOLUTION) & (best.level > 0) & (best.level < 1)
    best.status[lost] = EstimationStatus.BELOW_THRESHOLD
    return best
