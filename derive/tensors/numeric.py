"""Numbers of a tensor limit: the informative solution of a batch, and the digits of a point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from sympy import Symbol

from ..bind import Binding
from ..errors import BranchError, ParameterError
from ..lower.algebra import Algebra
from ..lower.arrays import ArrayKind
from ..lower.digits import MpKind
from ..lower.program import compile_program
from ..numbers import as_array
from .branch import CONVERGED, EDGE, FOLD, LOST, NoisySystem, Path, informative
from .critical import newton_digits, refine_end
from .network import Noise, fixed_vectors
from .noiseless import gram_matrices, numbers_of
from .tensor_limit import TensorEvaluation, TensorLimit, TensorStatus

if TYPE_CHECKING:
    from .equations import Key

__all__ = ["evaluate_tensor"]


def systems_of(limit: TensorLimit) -> list[NoisySystem]:
    found = limit.__dict__.get("_systems")
    if found is None:
        found = [NoisySystem(limit.derived, step) for step in range(1, len(limit.read.terms) + 1)]
        limit.__dict__["_systems"] = found
    return found


def flat(limit: TensorLimit, binding: Binding) -> tuple[dict[Symbol, np.ndarray], tuple[int, ...], int]:
    shape = binding.shape
    size = int(np.prod(shape, dtype=int))
    env = {}
    for symbol, value in binding.scalars.items():
        array = as_array(value, np, symbol.name)
        env[symbol] = np.broadcast_to(np.real(array), shape).reshape(size).astype(float)
    _check_ratios(limit, env, size)
    return env, shape, size


def _check_ratios(limit: TensorLimit, env: Mapping[Symbol, Any], size: int) -> None:
    read, regime = limit.read, limit.ratios
    if regime.base in set(read.shape):
        return
    dims = [read.shape[0]] if read.symmetric else read.shape
    ratios = numbers_of([regime.growth(d)[0] for d in dims], env, size)
    total = np.sum(ratios, axis=0)
    wrong = np.abs(total - 1) > 1e-6
    if wrong.any():
        k = int(np.argmax(wrong))
        shown = " + ".join(f"{r[k]:g}" for r in ratios)
        raise ParameterError(
            f"{regime.base} is the dimension of no mode, so it is the sum of all of them and the ratios sum to 1; "
            f"got {shown} = {total[k]:g}"
        )


def evaluate_tensor(limit: TensorLimit, binding: Binding, digits: int | None) -> TensorEvaluation:
    """See :meth:`TensorLimit.evaluate`."""
    env, shape, size = flat(limit, binding)
    systems = systems_of(limit)
    paths = paths_of(limit, env, size)
    unknowns, status, strength = unknowns_of(limit, env, size, paths)
    error = _error(limit, env, systems[-1], unknowns, status)
    exact_values = None
    if digits is not None:
        exact_values = digits_of(limit, binding, systems, paths, unknowns, digits)
        unknowns = {u: np.asarray([v], dtype=object) for u, v in exact_values.items()}
    values = _values(limit, binding, env, unknowns, size, digits)

    def back(x: np.ndarray) -> Any:
        x = np.asarray(x).reshape(shape)
        return x.item() if shape == () else x

    values = {k: back(v) for k, v in values.items()}
    codes = back(status)
    note = _note(limit, TensorStatus(codes), back(strength), paths) if shape == () else ""
    return TensorEvaluation(
        values["value"] if limit.single else values,
        TensorStatus(codes) if shape == () else codes,
        mpmath.mpf(10) ** (-digits) if digits is not None else back(error),
        {u: back(v) for u, v in unknowns.items()},
        back(strength),
        note,
    )


def paths_of(limit: TensorLimit, env: Mapping[Symbol, Any], size: int) -> list[Path]:
    """The informative solution of every estimator, followed from the noiseless tensor."""
    paths = informative(limit.derived, env, size, systems_of(limit))
    return paths if limit.changed is None else _follow_change(limit, env, paths)


def unknowns_of(
    limit: TensorLimit, env: Mapping[Symbol, Any], size: int, paths: list[Path]
) -> tuple[dict[Symbol, np.ndarray], np.ndarray, np.ndarray]:
    """Unknowns of all steps; a step whose path ended early gives its uninformative solution."""
    unknowns: dict[Symbol, np.ndarray] = {}
    status = np.zeros(size, dtype=int)
    strength = np.full(size, np.nan)
    for step, (system, path) in enumerate(zip(systems_of(limit), paths, strict=True), 1):
        below = (path.end == EDGE) | (path.end == FOLD)
        lost = path.end == LOST
        fresh = (status == 0) & below
        strength = np.where(fresh, 1 / np.sqrt(np.maximum(path.t, 1e-300)), strength)
        status = np.where(status != 0, status, np.where(lost, 3, np.where(below, 1, 0)))
        place = {u: k for k, u in enumerate(system.unknowns)}
        for key, symbol in limit.derived.symbols.items():
            if key.step != step:
                continue
            x = path.x[:, place[symbol]]
            dead = _uninformative(limit, env, size, key, path, place)
            unknowns[symbol] = np.where(status == 0, x, np.where(status == 1, dead, np.nan))
    return unknowns, status, strength


def _uninformative(
    limit: TensorLimit, env: Mapping[Symbol, Any], size: int, key: Key, path: Path, place: Mapping[Symbol, int]
) -> np.ndarray:
    """What an unknown is below the threshold.

    The end of the path is the point at which the spikes are just too weak; the noise alone, and the fixed vectors it is
    multiplied by, are still seen there, and nothing changes when the spikes become weaker still. Past the first
    estimator nothing is claimed.
    """
    if key.step > 1:
        return np.full(size, np.nan)
    if key.kind == "value":
        return path.x[:, place[limit.derived.symbols[key]]] / np.sqrt(np.maximum(path.t, 1e-300))
    if key.kind != "overlap":
        # a trace scales with the inverse of the singular value
        return path.x[:, place[limit.derived.symbols[key]]] * np.sqrt(np.maximum(path.t, 1e-300))
    vector, estimate = key.what
    seen = _beside_noise(limit, estimate.block)
    if not seen:
        return np.zeros(size)
    for vectors, gram in gram_matrices(limit.derived, env, size):
        if vector in vectors and all(v in vectors for v in seen):
            at = [vectors.index(v) for v in seen]
            small = gram[:, at][:, :, at]
            known = [limit.derived.symbols[key._replace(what=(v, estimate))] for v in seen]
            q = np.stack([path.x[:, place[s]] for s in known], axis=-1)
            weights = np.linalg.pinv(small) @ gram[:, at, vectors.index(vector)][..., None]
            return np.sum(weights[..., 0] * q, axis=-1)
    return np.zeros(size)


def _beside_noise(limit: TensorLimit, block: int) -> list[Any]:
    """The fixed vectors of a block that some noise is multiplied by."""
    found: dict[Any, None] = {}
    for term in limit.read.terms[0]:
        if any(isinstance(f, Noise) for f in term.factors):
            places = ((mode, v) for mode, v in fixed_vectors(term) if mode is not None)
            found |= dict.fromkeys(v for mode, v in places if limit.read.blocks[mode] == block)
    return list(found)


def _error(
    limit: TensorLimit, env: Mapping[Symbol, Any], system: NoisySystem, unknowns: Mapping, status: np.ndarray
) -> np.ndarray:
    """The size of one more Newton step, relative."""
    x = np.stack([unknowns[u] for u in system.unknowns], axis=-1)
    good = (status == 0) & np.isfinite(x).all(axis=-1)
    out = np.full(len(x), np.nan)
    if good.any():
        here = {s: v[good] for s, v in env.items()}
        residual, jacobian, _ = system.at(x[good], np.ones(int(good.sum())), here)
        step = np.linalg.solve(jacobian, residual[..., None])[..., 0]
        out[good] = np.max(np.abs(step), axis=-1) / np.max(np.abs(x[good]), axis=-1) + 2e-16
    return out


def _values(
    limit: TensorLimit, binding: Binding, env: Mapping[Symbol, Any], unknowns: Mapping, size: int, digits: int | None
) -> dict[str, np.ndarray]:
    exprs = list(limit.system.values.values())
    if digits is None:
        program = compile_program(exprs)
        found = program.run(dict(env) | dict(unknowns), Algebra(ArrayKind(np), {}, {}))
        out = [np.broadcast_to(np.asarray(v, dtype=float), (size,)) for v in found]
    else:
        kind = MpKind.of_digits(digits + 10)
        with kind.context():
            numbers = {s: kind.number(v) for s, v in binding.exact().items()}
            numbers |= {u: v[0] for u, v in unknowns.items()}
            found = compile_program(exprs).run(numbers, Algebra(kind, {}, {}))
        with mpmath.workdps(digits):
            out = [np.asarray([+v], dtype=object) for v in found]
    return dict(zip(limit.system.values, out, strict=True))


def digits_of(
    limit: TensorLimit, binding: Binding, systems: list[NoisySystem], paths: list[Path], unknowns: Mapping, digits: int
) -> dict[Symbol, Any]:
    params = binding.exact()
    if any(np.size(u) != 1 for u in unknowns.values()):
        raise ParameterError("digits are computed at one point at a time")
    system = systems[-1]
    if all(p.end[0] == CONVERGED for p in paths):
        start = [unknowns[u][0] for u in system.unknowns]
        x = newton_digits(limit.system.residuals, limit.unknowns, _ordered(limit, system, start), params, digits)
        return dict(zip(limit.unknowns, x, strict=True))
    path = paths[0]
    if path.end[0] in (EDGE, FOLD) and len(systems) == 1:
        found, level = refine_end(
            systems[0], path.x[0], systems[0].level, float(path.t[0]), params, int(path.end[0]), digits + 5
        )
        with mpmath.workdps(digits + 15):
            out = {}
            for key, symbol in limit.derived.symbols.items():
                dead = float(unknowns[symbol][0])
                if key.kind == "overlap":
                    out[symbol] = found[symbol] if abs(dead - float(found[symbol])) < 1e-4 else mpmath.mpf(dead)
                else:
                    power = mpmath.sqrt(level)
                    out[symbol] = found[symbol] / power if key.kind == "value" else found[symbol] * power
        return out
    raise BranchError(TensorStatus.BELOW_THRESHOLD.message)


def _ordered(limit: TensorLimit, system: NoisySystem, values: list[Any]) -> list[Any]:
    at = dict(zip(system.unknowns, values, strict=True))
    return [at[u] for u in limit.unknowns]


def _follow_change(limit: TensorLimit, env: Mapping[Symbol, Any], paths: list[Path]) -> list[Path]:
    """A changed system, from the solution of the true one, in ten steps."""
    assert limit.changed is not None
    path = paths[-1]
    blend = Symbol("_s")
    system = NoisySystem(limit.derived, len(paths))
    old, new = limit.named.residuals, limit.changed.residuals
    system.residuals = [(1 - blend) * a + blend * b for a, b in zip(old, new, strict=True)]
    x, ones = path.x.copy(), np.ones(len(path.x))
    good = path.end == CONVERGED
    with np.errstate(all="ignore"):
        for s in np.linspace(0.1, 1, 10):
            x, fine, _ = system.newton(x, ones, dict(env) | {blend: s * ones})
            good = good & fine
    return [*paths[:-1], Path(x, path.t, np.where(good, path.end, LOST))]


def _note(limit: TensorLimit, status: TensorStatus, strength: Any, paths: list[Path]) -> str:
    if status is TensorStatus.INFORMATIVE:
        return status.message
    step = next(k for k, p in enumerate(paths, 1) if p.end[0] != CONVERGED)
    which = f"estimator {step}: " if len(paths) > 1 else ""
    if status is TensorStatus.NOT_CONVERGED:
        return which + status.message
    return f"{which}{status.message}. The threshold of existence is at spikes {strength:.6g} times as strong"
