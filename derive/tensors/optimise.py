"""The best value of one parameter of a tensor limit: the derivative is taken through the fixed-point system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from sympy import Expr, Matrix, Symbol

from ..errors import BranchError, ParameterError
from ..lower.algebra import Algebra
from ..lower.digits import MpKind
from ..lower.program import compile_program
from ..numbers import check_digits, exact
from ..optimum import Optimum, OptimumStatus, locate
from ..varied import interval_of, parameter_named
from .critical import newton_digits
from .numeric import flat
from .sensitivity import Sensitivity

if TYPE_CHECKING:
    from .tensor_limit import TensorLimit

__all__ = ["optimise"]

_WIDEST = (1e-2, 1e2)  # where a positive parameter is looked for


def optimise(
    limit: TensorLimit,
    over: Symbol,
    at: Mapping | None,
    of: str | None,
    bounds: tuple[Any, Any] | None,
    digits: int | None,
    *,
    largest: bool,
) -> Optimum:
    """See :meth:`TensorLimit.minimise`."""
    symbol, expr = parameter_named(limit.parameters, over), _quantity(limit, of)
    low, high = interval_of(symbol, bounds, _WIDEST)
    rest = {k: v for k, v in dict(at or {}).items() if getattr(k, "name", k) != symbol.name}
    if len(rest) < len(dict(at or {})):
        raise ParameterError(f"{symbol} is both varied (over) and fixed (at)")
    env, shape, size = flat(limit, limit.bind({**rest, symbol: (low + high) / 2}))
    if digits is not None:
        check_digits(digits)
        if shape != ():
            raise ParameterError("digits are computed at one point at a time")
    sign = -1.0 if largest else 1.0
    slopes = Sensitivity(tuple(limit.system.residuals), limit.unknowns, (expr,), (symbol,))

    def objective(element: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        here = {s: v[element] for s, v in env.items()} | {symbol: x}
        found = limit.evaluate(here, full_output=True)
        state = np.stack([np.broadcast_to(found.unknowns[u], x.shape) for u in limit.unknowns], axis=-1)
        with np.errstate(all="ignore"):
            derived = slopes.at(state.astype(float), here)
        good = np.asarray(found.status) == 0
        value, slope = derived.values[:, 0], derived.slopes[:, 0, 0]
        return np.where(good, sign * value, np.nan), np.where(good, sign * slope, np.nan)

    best = locate(objective, low, high, size)
    if shape == ():
        status = OptimumStatus(int(best.status[0]))
        if status is OptimumStatus.NOWHERE:
            raise BranchError(f"{symbol} between {low:g} and {high:g}: {status.message}")
        where, value = float(best.at[0]), sign * float(best.value[0])
        if digits is not None:
            where, value = _to_digits(limit, symbol, expr, rest, where, status, (low, high), bounds, digits)
        return Optimum(where, value, status, status.message)
    return Optimum(best.at.reshape(shape), sign * best.value.reshape(shape), best.status.reshape(shape))


def _quantity(limit: TensorLimit, of: str | None) -> Expr:
    values = limit.system.values
    if of is None and len(values) == 1:
        return next(iter(values.values()))
    if of is None or of not in values:
        asked = "say which quantity" if of is None else f"{of} is no quantity"
        raise ParameterError(f"of: {asked}; the quantities are {', '.join(values)}")
    return values[of]


def _to_digits(
    limit: TensorLimit,
    symbol: Symbol,
    expr: Expr,
    rest: Mapping,
    where: float,
    status: OptimumStatus,
    interval: tuple[float, float],
    bounds: tuple[Any, Any] | None,
    digits: int,
) -> tuple[Any, Any]:
    """Newton's iteration on the stationarity of ``q - p.F`` in the unknowns, the multipliers p and the parameter."""
    if status is OptimumStatus.BOUND and bounds is not None:
        number = exact(bounds[interval.index(where)], symbol.name)
        found = limit.evaluate({**rest, symbol: number}, digits=digits, full_output=True)
        name = next(k for k, e in limit.system.values.items() if e == expr)
        with mpmath.workdps(digits):
            return mpmath.mpf(number.p) / number.q, found.value if limit.single else found.value[name]
    if status is not OptimumStatus.STATIONARY:
        raise BranchError(f"the optimum over {symbol} has no digits: {status.message} ({symbol} = {where:.10g})")
    point = limit.bind({**rest, symbol: where})
    env, _, _ = flat(limit, point)
    state = limit.evaluate(point.scalars, full_output=True).unknowns
    residuals, unknowns = limit.system.residuals, limit.unknowns
    x = np.array([[float(state[u]) for u in unknowns]])
    slopes = Sensitivity(tuple(residuals), unknowns, (expr,), (symbol,))
    jacobian = slopes.jacobian(x, env)[0]
    multipliers = np.linalg.solve(jacobian.T, slopes.at(x, env).own[0, 0])
    p = [Symbol(f"_p{k}", real=True) for k in range(len(unknowns))]
    lagrangian = expr - sum(a * r for a, r in zip(p, residuals, strict=True))
    names = [*unknowns, symbol, *p]
    stationary = [*residuals, *Matrix([lagrangian]).jacobian([*unknowns, symbol])]
    numbers = {s: v for s, v in point.exact().items() if s != symbol}
    found = dict(
        zip(names, newton_digits(stationary, names, [*x[0], where, *multipliers], numbers, digits), strict=True)
    )
    kind = MpKind.of_digits(digits + 10)
    with kind.context():
        inputs = {s: kind.number(v) for s, v in numbers.items()} | found
        (value,) = compile_program([expr]).run(inputs, Algebra(kind, {}, {}))
    with mpmath.workdps(digits):
        return +found[symbol], +value
