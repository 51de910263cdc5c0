"""Any number of digits: Newton in mpmath from the double-precision solution, precision doubled at each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
from sympy import Expr, Symbol

from ..bind import Binding
from ..errors import BranchError
from ..lower.algebra import Algebra
from ..lower.digits import MpKind
from ..lower.program import compile_program
from ..lower.represent import represent
from ..pipeline import Derivation
from ..system import System
from .evaluate import finish, reduced_jacobian
from .linear import solve_dense, solve_small
from .matrix_equation import MatrixEquation, Numbers

__all__ = ["Digits", "evaluate_digits", "numbers_at", "refine_component"]

_GUARD_BITS = 40


@dataclass(frozen=True)
class Digits:
    """Values with an error estimate each (the last Newton correction carried to the value), and the unknowns."""

    values: Mapping[str, Any]
    errors: Mapping[str, Any]
    unknowns: Mapping[Symbol, Any]


def numbers_at(derivation: Derivation, binding: Binding, kind: Any) -> Numbers:
    """One parameter point in the numbers of ``kind``."""
    with kind.context():
        env: dict[Any, Any] = {s: kind.coerce(v, s.name) for s, v in binding.exact().items()}
        regime = derivation.problem.regime
        ratios = list(regime.ratios.items())
        sizes = compile_program([r for _, r in ratios]).run(env, Algebra(kind, {}, {}))
        dims = {dim: size for (dim, _), size in zip(ratios, sizes, strict=True)}
        algebra = represent(binding.laws, derivation.lettered, dims, kind)
        return Numbers(derivation.ring, algebra, env | dims)


def as_mp(value: Any) -> Any:
    value = complex(value)
    return mpmath.mpf(value.real) if value.imag == 0 else mpmath.mpc(value)


def evaluate_digits(
    derivation: Derivation, system: System, binding: Binding, start: Mapping[Symbol, Any], digits: int
) -> Digits:
    """Refine ``start`` (double precision) until the values are good to ``digits`` digits."""
    target = int(digits * 3.3219281) + _GUARD_BITS
    unknowns = {u: as_mp(start[u]) for u in system.unknowns}
    bits = 106
    previous: dict[str, Any] = {}
    for _ in range(60):
        kind = MpKind(min(bits, target))
        numbers = numbers_at(derivation, binding, kind)
        with kind.context():
            unknowns, step = _step(system, unknowns, numbers)
            if bits >= target:
                values = finish(system, unknowns, numbers.env, numbers)
                errors = {k: abs(v - previous[k]) if k in previous else mpmath.inf for k, v in values.items()}
                goal = mpmath.mpf(10) ** (-digits - 2)
                if all(errors[k] <= goal * max(abs(v), mpmath.mpf(10) ** -digits) for k, v in values.items()):
                    floor = mpmath.ldexp(1, -kind.bits + 8)
                    return Digits(values, {k: errors[k] + floor * abs(v) for k, v in values.items()}, unknowns)
                previous = values
            elif step > mpmath.mpf(2) ** (-bits // 4):
                continue  # not yet in the quadratic regime at this precision
        bits *= 2
    raise BranchError(
        f"Newton's iteration did not reach {digits} digits; the point is at or very near an edge of the "
        "spectrum, where the "
        f"solution is not differentiable"
    )


def _step(system: System, unknowns: Mapping[Symbol, Any], numbers: Numbers) -> tuple[dict[Symbol, Any], Any]:
    if not system.unknowns:
        return {}, mpmath.mpf(0)
    residual, jacobian = reduced_jacobian(system, unknowns, numbers.env, numbers.algebra)
    delta = solve_dense(numbers.algebra.kind, jacobian, [-r for r in residual])
    new = {u: unknowns[u] + d for u, d in zip(system.unknowns, delta, strict=True)}
    size = max(abs(x) for x in new.values())
    return new, max(abs(d) for d in delta) / size if size else mpmath.mpf(0)


def refine_component(equation: MatrixEquation, start: list[Any], steps: int) -> list[Any]:
    """Newton on the unreduced equation of one component, in the precision of the caller."""
    kind = equation.algebra.kind
    tau = list(start)
    for _ in range(steps):
        G = equation.inverse(equation.K(tau))
        residual = [b - a for a, b in zip(tau, equation.traces(G, tau), strict=True)]
        tau = [a + d for a, d in zip(tau, solve_small(kind, equation.derivative(G, tau), residual), strict=True)]
    return tau


def origin_values(system: System, tau: Mapping[Symbol, Any], numbers: Numbers) -> dict[Symbol, Any]:
    """The reduced unknowns that belong to Dyson unknowns."""
    names = list(system.unknowns)
    exprs: list[Expr] = [system.origin[u] for u in names]
    return dict(zip(names, compile_program(exprs).run(dict(numbers.env) | dict(tau), numbers.algebra), strict=True))
