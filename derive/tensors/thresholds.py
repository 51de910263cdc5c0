"""Thresholds of existence and edges of the contraction matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from sympy import Expr, Float, Symbol

from ..bind import Binding
from ..errors import BranchError, ParameterError
from ..lower.algebra import Algebra
from ..lower.digits import MpKind
from ..lower.program import compile_program
from ..numbers import exact
from .branch import CONVERGED, EDGE, FOLD, Path, informative
from .complexity import ground_state
from .critical import newton_digits, refine_end
from .edge import DysonEdge
from .numeric import digits_of, evaluate_tensor, flat, systems_of
from .tensor_limit import TensorLimit

__all__ = ["Threshold", "contraction_edge", "threshold"]

_FOLD = "the informative critical point meets another one and both vanish (a fold)"
_EDGE = "the singular value meets the edge of the spectrum of the contraction matrix"
_MAXIMUM = "the informative value equals the largest value of the pure noise: above, it is the global maximum"
_CONTINUOUS = "the informative overlaps reach 0 (a continuous transition)"


@dataclass(frozen=True)
class Threshold:
    """Where an informative critical point begins to exist, or where it becomes the global maximum: ``kind`` says which.

    ``at`` is the value of ``parameter``, ``values`` the quantities there, ``kind`` says how the solution ends.
    """

    parameter: Symbol
    at: Any
    values: Mapping[str, Any]
    kind: str

    def __str__(self) -> str:
        shown = ", ".join(f"{k} = {v}" for k, v in self.values.items())
        return f"{self.parameter} = {self.at}: {shown}; {self.kind}"


def threshold(limit: TensorLimit, parameter: Symbol, params: dict, digits: int | None) -> Threshold:
    """See :meth:`TensorLimit.threshold`."""
    names = {s.name: s for s in limit.parameters}
    symbol = names.get(getattr(parameter, "name", str(parameter)))
    if symbol is None:
        raise ParameterError(f"{parameter} is no parameter; the parameters are {', '.join(names)}")
    params = {k: v for k, v in params.items() if getattr(k, "name", k) != symbol.name}
    found = _by_scaling(limit, symbol, params) if _multiplies_spikes(limit, symbol) else None
    guess, x, end, step = found or _bracket(limit, symbol, params)
    system = systems_of(limit)[step]
    numbers = {s: v for s, v in limit.bind({**params, symbol: guess}).exact().items() if s != symbol}
    numbers[system.level] = exact(1)
    solution, at = refine_end(system, x, symbol, guess, numbers, end, digits or 15)
    kind = MpKind.of_digits((digits or 15) + 10)
    values = {}
    with kind.context():
        env = {s: kind.number(v) for s, v in numbers.items()} | {symbol: at} | solution
        for name, expr in limit.system.values.items():
            if expr.free_symbols <= env.keys():
                (values[name],) = compile_program([expr]).run(env, Algebra(kind, {}, {}))
    overlaps = [solution[s] for k, s in limit.derived.symbols.items() if k.kind == "overlap" and s in solution]
    how = _CONTINUOUS if all(v == 0 for v in overlaps) else _EDGE if end == EDGE else _FOLD
    with mpmath.workdps(digits or 15):
        shown = {k: +v if digits else float(v) for k, v in values.items()}
        return Threshold(symbol, +at if digits else float(at), shown, how)


def maximum_threshold(limit: TensorLimit, parameter: Symbol, params: dict, digits: int | None) -> Threshold:
    """Where the informative value overtakes the largest value of the pure noise."""
    begin = threshold(limit, parameter, params, None)
    symbol = begin.parameter
    params = {k: v for k, v in params.items() if getattr(k, "name", k) != symbol.name}
    precision = digits or 15
    ground = ground_state(limit, {**params, symbol: begin.at}, precision + 5)
    grid = begin.at * (1 + np.geomspace(1e-6, 10, 400))
    found = limit.evaluate({**params, symbol: grid}, full_output=True)
    level = next(s for k, s in limit.derived.symbols.items() if k.kind == "value")
    above = np.flatnonzero(found.unknowns[level] > float(ground))
    if not above.size:
        raise BranchError(f"the informative value stays below the ground state of the noise, {float(ground):.8g}")
    k = int(above[0])
    names = [*limit.unknowns, symbol]
    start = [*(found.unknowns[u][k] for u in limit.unknowns), grid[k]]
    numbers = {s: v for s, v in limit.bind({**params, symbol: begin.at}).exact().items() if s != symbol}
    with mpmath.workdps(precision + 5):
        target = Float(mpmath.nstr(ground, precision + 5), precision + 5)
    solution = newton_digits([*limit.system.residuals, level - target], names, start, numbers, precision)
    values = dict(zip(names, solution, strict=True))
    with mpmath.workdps(precision):
        at = +values.pop(symbol)
        kind = MpKind.of_digits(precision + 10)
        env = {s: kind.number(v) for s, v in numbers.items()} | {symbol: at} | values
        out = compile_program(list(limit.system.values.values())).run(env, Algebra(kind, {}, {}))
        shown = {n: +v if digits else float(v) for n, v in zip(limit.system.values, out, strict=True)}
        return Threshold(symbol, at if digits else float(at), shown, _MAXIMUM)


def _multiplies_spikes(limit: TensorLimit, symbol: Symbol) -> bool:
    """Whether the parameter is a factor of every spike and occurs nowhere else: then noise and spikes trade places."""
    spikes = limit.read.spikes
    others = [t.coefficient for t in limit.read.terms[0] if t not in spikes]
    others += [*limit.derived.weights.values(), *limit.inner.values(), *limit.ratios.ratios.values()]
    return (
        len(limit.read.terms) == 1
        and all((t.coefficient / symbol).has(symbol) is False for t in spikes)
        and not any(e.has(symbol) for e in others)
    )


def _by_scaling(limit: TensorLimit, symbol: Symbol, params: dict) -> tuple[float, np.ndarray, int, int] | None:
    """One path: with noise t the spikes are 1/sqrt(t) times as strong."""
    (system,) = systems_of(limit)
    env, shape, _ = flat(limit, limit.bind({**params, symbol: 1.0}))
    if shape != ():
        raise ParameterError("a threshold is computed at one point of the other parameters")
    for _ in range(40):
        (path,) = informative(limit.derived, env, 1, [system])
        if path.end[0] in (EDGE, FOLD):
            break
        env[symbol] = env[symbol] / 4
    else:
        return None
    root = float(np.sqrt(path.t[0]))
    x = path.x[0].copy()
    for key, s in limit.derived.symbols.items():
        k = system.unknowns.index(s)
        x[k] = (
            x[k] / root
            if key.kind in ("value", "noise")
            else x[k] * root ** len(key.what)
            if (key.kind == "trace")
            else x[k]
        )
    return float(env[symbol][0]) / root, x, int(path.end[0]), 0


def _bracket(limit: TensorLimit, symbol: Symbol, params: dict) -> tuple[float, np.ndarray, int, int]:
    """A scan of the parameter, then bisection: its value, the unknowns, how the path ended, which estimator's."""
    systems = systems_of(limit)

    def ends(grid: np.ndarray) -> tuple[list[Path], np.ndarray]:
        env, _, size = flat(limit, limit.bind({**params, symbol: grid}))
        paths = informative(limit.derived, env, size, systems)
        return paths, np.all([p.end == CONVERGED for p in paths], axis=0)

    grid = np.geomspace(1e-2, 1e2, 81)
    if symbol.is_positive is not True:
        grid = np.linspace(0, 1, 81)
    _, above = ends(grid)
    crossings = np.flatnonzero(above[1:] & ~above[:-1])
    if not crossings.size:
        where = "above" if above.all() else "below"
        raise BranchError(f"every value of {symbol} between {grid[0]:g} and {grid[-1]:g} is {where} the threshold")
    low, high = grid[crossings[-1]], grid[crossings[-1] + 1]
    for _ in range(12):
        inner = np.linspace(low, high, 10)
        _, above = ends(inner)
        k = int(np.flatnonzero(~above)[-1])
        low, high = inner[k], inner[min(k + 1, 9)]
        if high - low < 1e-9 * high:
            break
    paths, _ = ends(np.array([low]))
    step = next(k for k, p in enumerate(paths) if p.end[0] != CONVERGED)
    path: Path = paths[step]
    return float(low + high) / 2, path.x[0], int(path.end[0]), step


def contraction_edge(limit: TensorLimit, binding: Binding, digits: int | None) -> Any:
    """Lower the singular value in the block Dyson equation alone until its derivative is singular."""
    env, shape, size = flat(limit, binding)
    if shape != ():
        raise ParameterError("the edge is computed at one point at a time")
    systems = systems_of(limit)
    paths = informative(limit.derived, env, size, systems)
    system, path = systems[-1], paths[-1]
    if path.end[0] != CONVERGED:
        found = evaluate_tensor(limit, binding, digits)
        return next(v for s, v in found.unknowns.items() if s == _value_symbol(limit))
    level = _value_symbol(limit)
    positions = system.dyson[-1]
    names = [system.unknowns[k] for k in positions]
    values = dict(zip(system.unknowns, path.x[0], strict=True))
    fixed: dict[Any, Expr] = {u: exact(float(v)) for u, v in values.items() if u not in names and u != level}
    known = dict(binding.exact()) | {system.level: exact(1)}
    residuals = [system.residuals[k] for k in positions]
    static = {s: float(v) for s, v in (known | fixed).items()}
    outside = DysonEdge(residuals, names, level)
    ell, g, kernel = outside.below(static, float(values[level]), np.array([values[u] for u in names]))
    if digits is None:
        return ell
    exact_values = digits_of(limit, binding, systems, paths, {u: np.array([v]) for u, v in values.items()}, digits + 5)
    with mpmath.workdps(digits + 5):
        held = {u: Float(mpmath.nstr(exact_values[u], digits + 5), digits + 5) for u in fixed}
    rows = [r.xreplace(held) for r in residuals]
    edge = DysonEdge(rows, names, level)
    solved = newton_digits([*rows, *edge.equations], edge.edge_names, [*g, ell, *kernel], known, digits)
    with mpmath.workdps(digits):
        return +solved[len(names)]


def _value_symbol(limit: TensorLimit) -> Symbol:
    steps = len(limit.read.terms)
    return next(s for k, s in limit.derived.symbols.items() if k.kind == "value" and k.step == steps)
