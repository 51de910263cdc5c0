"""Numbers of a tensor limit: the informative solution of a batch, and the digits of a point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from sympy import Expr, Symbol

from ..bind import Binding
from ..errors import BranchError, ParameterError
from ..lower.algebra import Algebra
from ..lower.arrays import ArrayKind
from ..lower.digits import MpKind
from ..lower.program import compile_program
from ..numbers import as_array
from .branch import CONVERGED, EDGE, FOLD, LOST, NoisySystem, Path, informative
from .critical import newton_digits
from .later import below_later, later_digits
from .noiseless import numbers_of
from .tensor_limit import TensorEvaluation, TensorStatus
from .uninformative import uninformative_of

if TYPE_CHECKING:
    from .tensor_limit import TensorLimit

__all__ = ["evaluate_tensor"]


def systems_of(limit: TensorLimit) -> list[NoisySystem]:
    limit = limit.__dict__.get("_origin", limit)
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
    _check_masks(limit, env, size)
    return env, shape, size


def _check_masks(limit: TensorLimit, env: Mapping[Symbol, Any], size: int) -> None:
    for noise in limit.read.noises.values():
        (kept,) = numbers_of([noise.kept], dict(env), size)
        wrong = ~((kept > 0) & (kept <= 1))
        if wrong.any():
            raise ParameterError(
                f"{noise.kept} is the probability with which a mask keeps an entry and lies in (0, 1], "
                f"got {kept[int(np.argmax(wrong))]:g}"
            )


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
    origin = limit.__dict__.get("_origin", limit)
    # the last batch is kept: digits, proofs and changed systems start from the same solution
    key = (size, tuple((s.name, v.tobytes()) for s, v in sorted(env.items(), key=lambda item: item[0].name)))
    last, paths = origin.__dict__.get("_followed", (None, []))
    if last != key:
        paths = informative(limit.derived, env, size, systems_of(limit))
        origin.__dict__["_followed"] = (key, paths)
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
        # without spikes there is no informative solution to follow
        silent = (path.end == LOST) & _silent(limit, env, size)
        below |= silent
        lost = (path.end == LOST) & ~silent
        fresh = (status == 0) & below
        ratio = np.where(silent, np.inf, 1 / np.sqrt(np.maximum(path.t, 1e-300)))
        strength = np.where(fresh, ratio, strength)
        status = np.where(status != 0, status, np.where(lost, 3, np.where(below, 1, 0)))
        place = {u: k for k, u in enumerate(system.unknowns)}
        own = {symbol: path.x[:, place[symbol]] for key, symbol in limit.derived.symbols.items() if key.step == step}
        if step == 1 and (status == 1).any():
            unknowns = _below(limit, env, status, own)
        else:
            unknowns |= {symbol: np.where(status == 0, x, np.nan) for symbol, x in own.items()}
            at = np.flatnonzero(status == 1)
            if step > 1 and at.size:
                first = dict(zip(systems_of(limit)[0].unknowns, paths[0].x[at].T, strict=True))
                dead = below_later(limit, step, {s: v[at] for s, v in env.items()}, first)
                for symbol, values in dead.items():
                    unknowns[symbol][at] = values
    return unknowns, status, strength


def _silent(limit: TensorLimit, env: Mapping[Symbol, Any], size: int) -> np.ndarray:
    """Whether all spikes have strength 0."""
    return np.all(np.equal(numbers_of([t.coefficient for t in limit.read.spikes], dict(env), size), 0), axis=0)


def _below(
    limit: TensorLimit, env: Mapping[Symbol, Any], status: np.ndarray, ends: Mapping[Symbol, np.ndarray]
) -> dict[Symbol, np.ndarray]:
    """The unknowns of the first estimator; points below the threshold get the solution of :mod:`.uninformative`."""
    at = np.flatnonzero(status == 1)
    out = {symbol: np.where(status == 0, x, np.nan) for symbol, x in ends.items()}
    overlaps = {s for key, s in limit.derived.symbols.items() if key.kind == "overlap"}
    here, starts = ({s: v[at] for s, v in group.items()} for group in (env, ends))
    solutions = uninformative_of(limit).solve_batch(here, starts)
    for k, solution in zip(at, solutions, strict=True):
        if solution is None:
            status[k] = TensorStatus.NOT_CONVERGED
            continue
        found = solution.unknowns({s: float(v[k]) for s, v in env.items()})
        for symbol, number in found.items():
            out[symbol][k] = number
        if any(found[s] for s in overlaps & found.keys()):
            status[k] = TensorStatus.PARTIALLY_INFORMATIVE
    return out


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
    env = {s: float(v) for s, v in params.items()}
    if len(systems) > 1 and next(p for p in paths if p.end[0] != CONVERGED).end[0] != LOST:
        return later_digits(limit, paths, params, digits + 5)
    if len(systems) == 1 and (path.end[0] in (EDGE, FOLD) or _silent(limit, env, 1)[0]):
        end = dict(zip(system.unknowns, map(float, path.x[0]), strict=True))
        solution = uninformative_of(limit).solve(env, end)
        if solution is not None:
            return solution.digits(params, digits + 5)
    raise BranchError(TensorStatus.NOT_CONVERGED.message)


def _ordered(limit: TensorLimit, system: NoisySystem, values: list[Any]) -> list[Any]:
    at = dict(zip(system.unknowns, values, strict=True))
    return [at[u] for u in limit.unknowns]


def _follow_change(limit: TensorLimit, env: Mapping[Symbol, Any], paths: list[Path]) -> list[Path]:
    """A changed system, from the solution of the true one, in ten steps."""
    assert limit.changed is not None
    path = paths[-1]
    blend = Symbol("_s")
    system = NoisySystem(limit.derived, len(paths))
    x, ones = path.x.copy(), np.ones(len(path.x))
    old, new = limit.named.residuals, _turned(limit, dict(env) | dict(zip(system.unknowns, x.T, strict=True)))
    system.residuals = [a if a == b else (1 - blend) * a + blend * b for a, b in zip(old, new, strict=True)]
    good = path.end == CONVERGED
    with np.errstate(all="ignore"):
        for s in np.linspace(0.1, 1, 10):
            x, fine, _ = system.newton(x, ones, dict(env) | {blend: s * ones})
            good = good & fine
            if not good.any():
                break
    return [*paths[:-1], Path(x, path.t, np.where(good, path.end, LOST))]


def _turned(limit: TensorLimit, values: Mapping[Symbol, Any]) -> list[Expr]:
    """The changed residuals, each with the sign that its gradient has in the true system.

    ``a = b`` is also ``b - a = 0``: half way between an equation and its negative there is none.
    """
    assert limit.changed is not None
    pairs = list(zip(limit.named.residuals, limit.changed.residuals, strict=True))
    program = compile_program([e for pair in pairs if pair[0] != pair[1] for e in pair])
    _, rows = program.jacobian(values, Algebra(ArrayKind(np), {}, {}), list(limit.unknowns))
    slopes = iter(rows)
    out = []
    for old, new in pairs:
        if old != new:
            product = sum(np.nansum(np.multiply(a, b)) for a, b in zip(next(slopes), next(slopes), strict=True))
            new = -new if product < 0 else new
        out.append(new)
    return out


def _note(limit: TensorLimit, status: TensorStatus, strength: Any, paths: list[Path]) -> str:
    if status is TensorStatus.INFORMATIVE:
        return status.message
    step = next(k for k, p in enumerate(paths, 1) if p.end[0] != CONVERGED)
    which = f"estimator {step}: " if len(paths) > 1 else ""
    if status is TensorStatus.NOT_CONVERGED:
        return which + status.message
    if np.isinf(strength):
        return f"{which}{status.message}. The spikes have strength 0"
    return f"{which}{status.message}. The threshold of existence is at spikes {strength:.6g} times as strong"
