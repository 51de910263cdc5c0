"""A solution of the reduced equations chosen by its value: what a certificate is asked to judge."""

from __future__ import annotations

from typing import Any

import mpmath
from sympy import Symbol

from ..bind import Binding
from ..errors import CertificationError
from ..lower.digits import MpKind
from ..lower.program import compile_program
from ..numbers import exact
from ..pipeline import Derivation
from ..system import System
from .digits import numbers_at
from .evaluate import finish, reduced_jacobian
from .quick import tau_definitions

__all__ = ["solution_near"]


def solution_near(
    derivation: Derivation, system: System, binding: Binding, near: Any
) -> tuple[dict[Symbol, Any], dict[str, complex]]:
    """The unknown of a one-unknown system at which the value is nearest to ``near``, and the Dyson unknowns there."""
    if len(system.unknowns) != 1:
        raise CertificationError(
            f"near= chooses among solutions of one unknown; this system has {len(system.unknowns)}"
        )
    (unknown,) = system.unknowns
    kind = MpKind(120)
    numbers = numbers_at(derivation, binding, kind)
    (name,) = system.values
    with kind.context():
        target = kind.number(exact(near, "near"))

        def value(x: Any) -> Any:
            return finish(system, {unknown: x}, numbers.env, numbers)[name] - target

        def equation(x: Any) -> Any:
            return reduced_jacobian(system, {unknown: x}, numbers.env, numbers.algebra)[0][0]

        try:
            start = mpmath.findroot(
                value, (target, target + mpmath.mpf(1) / 7), solver="secant", tol=1e-12, verify=False
            )
            root = mpmath.findroot(equation, (start, start * (1 + mpmath.mpf(10) ** -6)), solver="secant", tol=1e-25)
        except (ValueError, ZeroDivisionError) as error:
            raise CertificationError(f"no solution of the equations was found near {near}") from error
        found = value(root) + target
        if abs(found - target) > 1e-2 * max(1, abs(target)):
            raise CertificationError(
                f"no solution of the equations gives {near}; the nearest one found gives {mpmath.nstr(found, 8)}"
            )
        tau = _dyson_unknowns(derivation, system, {unknown: root}, numbers)
    return {unknown: complex(root) if mpmath.im(root) else float(mpmath.re(root))}, tau


def _dyson_unknowns(
    derivation: Derivation, system: System, unknowns: dict[Symbol, Any], numbers: Any
) -> dict[str, complex]:
    """Every tau of the unreduced equation from the reduced unknowns."""
    exprs, definitions = tau_definitions(derivation, system)
    values = compile_program(list(exprs.values()), definitions).run(dict(numbers.env) | unknowns, numbers.algebra)
    return {name: complex(value) for name, value in zip(exprs, values, strict=True)}
