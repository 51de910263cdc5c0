"""Below the threshold of a later estimator: when it sees the noise of the first one and nothing else.

Put all overlaps of a later estimator to 0, those with earlier estimates among them. If its overlap equations hold and
its block Dyson equation becomes that of the first estimator, its uninformative critical points are those of the first
one (:mod:`.uninformative`): taking off rank-one terms, or projecting out one direction, changes the noise in too few
directions to matter. Otherwise nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from sympy import Expr, Symbol, expand

from ..errors import BranchError
from .branch import CONVERGED, Path
from .critical import newton_digits
from .equations import Key, TensorEquations
from .noiseless import dyson_keys
from .uninformative import uninformative_of

if TYPE_CHECKING:
    from .tensor_limit import TensorLimit

__all__ = ["below_later", "later_digits"]


def below_later(
    limit: TensorLimit, step: int, env: Mapping[Symbol, Any], start: Mapping[Symbol, np.ndarray]
) -> dict[Symbol, np.ndarray]:
    """The unknowns of estimator ``step`` at points below its threshold; NaN where nothing is claimed.

    ``start`` holds the unknowns of the first estimator where its informative path ended.
    """
    derived = limit.derived
    size = len(next(iter(start.values())))
    out = {s: np.full(size, np.nan) for key, s in derived.symbols.items() if key.step == step}
    if not _sees_noise_only(limit, step):
        return out
    overlaps = derived.keys_of("overlap", 1)
    for k, solution in enumerate(uninformative_of(limit).solve_batch(env, start)):
        if solution is None:
            continue
        found = solution.unknowns({s: float(v[k]) for s, v in env.items()})
        if any(found[derived.symbols[key]] for key in overlaps):
            continue
        for key in derived.keys_of("overlap", step):
            out[derived.symbols[key]][k] = 0.0
        for key, first in _twins(derived, step).items():
            out[derived.symbols[key]][k] = found[derived.symbols[first]]
    return out


def later_digits(
    limit: TensorLimit, paths: Sequence[Path], params: Mapping[Symbol, Expr], digits: int
) -> dict[Symbol, Any]:
    """Many digits at one point where a path ended early: of the steps before it, and of the noise from there on."""
    derived = limit.derived
    keys = list(derived.symbols)
    env = {s: float(v) for s, v in params.items()}
    last = next(k for k, path in enumerate(paths) if path.end[0] != CONVERGED)
    start = {derived.symbols[key]: float(x) for key, x in zip(keys, paths[0].x[0], strict=False)}
    solution = uninformative_of(limit).solve(env, start)
    if solution is None or not all(_sees_noise_only(limit, step) for step in range(max(last, 1) + 1, len(paths) + 1)):
        raise BranchError("there is no informative solution at this point, and no other is claimed")
    noise = solution.digits(params, digits)
    out = dict(noise) if last == 0 else {}
    if last > 0:
        rows = [k for k, key in enumerate(keys) if key.step <= last]
        names = [derived.symbols[keys[k]] for k in rows]
        x = newton_digits([limit.system.residuals[k] for k in rows], names, list(paths[last - 1].x[0]), params, digits)
        out |= dict(zip(names, x, strict=True))
    for step in range(max(last, 1) + 1, len(paths) + 1):
        out |= {derived.symbols[key]: mpmath.mpf(0) for key in derived.keys_of("overlap", step)}
        out |= {derived.symbols[key]: noise[derived.symbols[one]] for key, one in _twins(derived, step).items()}
    return out


def _twins(derived: TensorEquations, step: int) -> dict[Key, Key]:
    """The value and the traces of a step, and their counterparts of the first."""
    one = {key: Key("trace", 1, tuple((1, block) for _, block in key.what)) for key in dyson_keys(derived, step)}
    return {Key("value", step, None): Key("value", 1, None)} | one


def _sees_noise_only(limit: TensorLimit, step: int) -> bool:
    """Whether the equations of a step at overlaps 0 are those of the first estimator at overlaps 0."""
    known = limit.__dict__.setdefault("_later", {})
    if step not in known:
        derived = limit.derived
        residual = dict(zip(derived.symbols, derived.system.residuals, strict=True))
        zero = {derived.symbols[key]: 0 for s in (1, step) for key in derived.keys_of("overlap", s)}
        twins = _twins(derived, step)
        names = {derived.symbols[a]: derived.symbols[b] for a, b in twins.items()}
        known[step] = all(
            expand(residual[key].xreplace(zero)) == 0 for key in derived.keys_of("overlap", step)
        ) and all(
            first in residual
            and expand(residual[key].xreplace(zero).xreplace(names) - residual[first].xreplace(zero)) == 0
            for key, first in twins.items()
            if key.kind == "trace"
        )
    return known[step]
