"""The best value of one parameter of a limit: the derivative is taken through the fixed-point system.

Where the residuals F(x, theta) of the reduced system vanish and F_x is regular, a quantity q(x, theta) has the
derivative ``q_theta - q_x F_x^-1 F_theta``. The search itself (``optimum.py``) knows no limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import array_api_compat.numpy as xp
import mpmath
import numpy as np
from sympy import Dummy, Expr, Symbol, Trace

from .bind import Binding
from .errors import BranchError, ParameterError
from .lower.digits import MpKind
from .lower.program import Program, compile_program
from .numbers import check_digits, exact
from .optimum import Optimum, OptimumStatus, locate
from .solve.digits import evaluate_digits, numbers_at
from .solve.evaluate import Batch
from .solve.linear import solve_dense
from .symbols import Deterministic, MatrixLetter
from .system import System
from .varied import interval_of, parameter_named

__all__ = ["Along", "Slopes", "optimise"]

_WIDEST = (1e-4, 1e4)  # where a positive parameter is looked for
_SECANTS = 40


def optimise(
    law: Any,
    over: Any,
    at: Mapping | None,
    of: Any,
    bounds: tuple[Any, Any] | None,
    digits: int | None,
    *,
    largest: bool,
) -> Optimum:
    """See :meth:`derive.Limit.minimise`."""
    symbol, expr = parameter_named(law.parameters, over), _objective(law, of)
    low, high = interval_of(symbol, bounds, _WIDEST)
    fixed = dict(at or {})
    if any(getattr(k, "name", k) == symbol.name for k in fixed):
        raise ParameterError(f"{symbol} is both varied (over) and fixed (at)")
    shape = law.bind({**fixed, symbol: (low + high) / 2}).shape
    if digits is not None:
        check_digits(digits)
        if shape != ():
            raise ParameterError("digits are computed at one point at a time")
    slopes = law.slopes(expr, symbol)
    sign = -1.0 if largest else 1.0
    flat = {k: _column(k, v, shape) for k, v in fixed.items()}

    def objective(element: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        here = {k: v[element] if isinstance(v, np.ndarray) and not _is_law(k) else v for k, v in flat.items()}
        value, slope = slopes.doubles({**here, symbol: x})
        return sign * value, sign * slope

    size = int(np.prod(shape, dtype=int))
    best = locate(objective, low, high, size)
    if shape != ():
        return Optimum(best.at.reshape(shape), sign * best.value.reshape(shape), best.status.reshape(shape))
    status = OptimumStatus(int(best.status[0]))
    if status is OptimumStatus.NOWHERE:
        raise BranchError(f"{symbol} between {low:g} and {high:g}: {status.message}")
    where, value = float(best.at[0]), sign * float(best.value[0])
    if digits is not None:
        end = None if bounds is None else bounds[(low, high).index(where)] if where in (low, high) else None
        where, value = _to_digits(slopes, fixed, where, end, status, digits)
    return Optimum(where, value, status, status.message)


# what was asked ------------------------------------------------------------------------------------------------------


def _objective(law: Any, of: Any) -> Expr:
    """An expression in the names of the quantities (and in parameters)."""
    names = list(law.quantities)
    shown = ", ".join(names)
    if of is None:
        if len(names) > 1:
            raise ParameterError(f"of: say which quantity, or an expression in their names; the quantities are {shown}")
        return Symbol(names[0])
    if isinstance(of, str):
        if of not in names:
            raise ParameterError(f"of: {of} is no quantity; the quantities are {shown}")
        return Symbol(of)
    if not isinstance(of, Expr) or not any(s.name in names for s in of.free_symbols):
        raise ParameterError(f"of: expected a quantity or an expression in their names ({shown}), got {of!r}")
    expr = of
    known = {s.name: s for s in law.parameters}
    unknown = sorted(s.name for s in expr.free_symbols if s.name not in known and s.name not in names)
    if unknown:
        raise ParameterError(f"of: {', '.join(unknown)} is neither a quantity ({shown}) nor a parameter")
    return expr.xreplace({s: Symbol(s.name) if s.name in names else known[s.name] for s in expr.free_symbols})


def _is_law(key: Any) -> bool:
    return isinstance(key, MatrixLetter | tuple)


def _column(key: Any, value: Any, shape: tuple[int, ...]) -> Any:
    if _is_law(key) or isinstance(value, str | Expr) or np.ndim(value) == 0:
        return value
    return np.broadcast_to(np.asarray(value), shape).ravel()


# derivatives ---------------------------------------------------------------------------------------------------------


class Slopes:
    """An expression in the quantities of a limit, and its derivative by ``over`` along the solutions of its system."""

    def __init__(self, law: Any, of: Expr, over: Symbol):
        self.law, self.over = law, over
        self.along = Along.of(law, law.system, of, over)

    def doubles(self, params: Mapping) -> tuple[np.ndarray, np.ndarray]:
        """Over a batch; NaN where there is no limit."""
        law = self.law
        found = law.evaluate(params, full_output=True)
        batch = Batch(law.derivation, law.bind(params), xp)
        value, slope = self.along.batched(batch, {u: np.ravel(v) for u, v in found.unknowns.items()})
        good = np.ravel(found.status) == 0
        return np.where(good, value, np.nan), np.where(good, slope, np.nan)

    def digits(self, params: Mapping, digits: int) -> tuple[Any, Any]:
        """At one point."""
        rough = self.law.evaluate(params, full_output=True)
        return self.along.digits(self.law.bind(params), rough.unknowns, digits)


@dataclass(frozen=True, eq=False)
class Along:
    """The same for one system, at unknowns that solve it."""

    law: Any
    system: System
    over: Symbol
    program: Program

    @classmethod
    def of(cls, law: Any, system: System, of: Expr, over: Symbol) -> Along:
        value = of.xreplace({Symbol(name): v for name, v in system.values.items()})
        # a declared symbol moves where its expression does
        moving = {s: e for s, e in law.law.where.items() if e.has(over)}
        exprs = [e.xreplace(moving) for e in system.substituted([*system.residuals, value])]
        ratios = {d: r.xreplace(moving) for d, r in law.derivation.problem.regime.ratios.items()}
        if any(r.has(over) for r in ratios.values()):
            _check_shapes(law, over, ratios)
            exprs = [_in_ratios(e, ratios) for e in exprs]
        return cls(law, system, over, compile_program(exprs))

    def batched(self, batch: Batch, unknowns: Mapping[Symbol, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """In double precision, at every point of the batch."""
        numbers = batch.numbers()
        with np.errstate(all="ignore"), batch.kind.context():
            found = self._at({**numbers.env, **unknowns}, numbers.algebra)
        value, slope = (np.broadcast_to(np.real(np.asarray(v)), (batch.count,)) for v in found)
        return value, slope

    def digits(self, binding: Binding, start: Mapping[Symbol, Any], digits: int) -> tuple[Any, Any]:
        """At one point, from a solution in double precision."""
        kind = MpKind.of_digits(digits)
        found = evaluate_digits(self.law.derivation, self.system, binding, start, digits)
        with kind.context():
            numbers = numbers_at(self.law.derivation, binding, kind)
            return self._at({**numbers.env, **found.unknowns}, numbers.algebra)

    def _at(self, env: Mapping[Any, Any], algebra: Any) -> tuple[Any, Any]:
        unknowns = list(self.system.unknowns)
        n = len(unknowns)
        outputs, rows = self.program.jacobian(env, algebra, [*unknowns, self.over])
        slope = rows[n][n]
        if n:
            # the adjoint equation: one linear system for any number of parameters
            transposed = [[rows[i][j] for i in range(n)] for j in range(n)]
            multipliers = solve_dense(algebra.kind, transposed, [rows[n][j] for j in range(n)])
            slope = slope - sum(m * rows[i][n] for i, m in enumerate(multipliers))
        return outputs[n], slope


def _check_shapes(law: Any, symbol: Symbol, ratios: Mapping[Symbol, Expr]) -> None:
    for letter in law.letters:
        moving = any(ratios.get(d, d).has(symbol) for d in letter.shape)
        if isinstance(letter, Deterministic) and letter.rows != letter.cols and moving:
            raise ParameterError(
                f"over: the shape of {letter.name} depends on {symbol}, and so does the law of its singular values; "
                f"vary another parameter"
            )


def _in_ratios(expr: Expr, ratios: Mapping[Symbol, Expr]) -> Expr:
    """Dimensions as multiples of the base, which a derivative sees; traces stay with the dimension they are over."""
    hidden = {t: Dummy() for t in expr.atoms(Trace) if t.arg.rows != 1}
    plain = expr.xreplace(hidden).xreplace(dict(ratios))
    return plain.xreplace({d: t / t.arg.rows * t.arg.rows.xreplace(dict(ratios)) for t, d in hidden.items()})


# digits --------------------------------------------------------------------------------------------------------------


def _to_digits(
    slopes: Any, fixed: Mapping, where: float, end: Any, status: OptimumStatus, digits: int
) -> tuple[Any, Any]:
    """The zero of the slope by the secant rule, or the bound itself."""
    symbol = slopes.over
    work = digits + 15
    if status is OptimumStatus.BOUND:
        number = exact(where if end is None else end, symbol.name)
        with mpmath.workdps(work):
            at, value = mpmath.mpf(number.p) / number.q, slopes.digits({**fixed, symbol: number}, work)[0]
    elif status is OptimumStatus.STATIONARY:
        at, value = _zero(lambda x: slopes.digits({**fixed, symbol: x}, work), where, digits, work)
    else:
        raise BranchError(f"the optimum over {symbol} has no digits: {status.message} ({symbol} = {where:.10g})")
    with mpmath.workdps(digits):
        return +at, +value


def _zero(evaluated: Callable[[Any], tuple[Any, Any]], where: float, digits: int, work: int) -> tuple[Any, Any]:
    with mpmath.workdps(work):
        x = [mpmath.mpf(where), mpmath.mpf(where) * (1 + mpmath.mpf(10) ** -7)]
        g = [evaluated(x[0])[1], evaluated(x[1])[1]]
        for _ in range(_SECANTS):
            if g[1] == g[0]:
                break
            new = x[1] - g[1] * (x[1] - x[0]) / (g[1] - g[0])
            x = [x[1], new]
            value, slope = evaluated(new)
            g = [g[1], slope]
            if abs(x[1] - x[0]) <= mpmath.mpf(10) ** (-digits - 3) * abs(x[1]):
                return new, value
    raise BranchError(f"the stationary point was not found to {digits} digits; ask for fewer")
