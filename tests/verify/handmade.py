"""Laws written by hand, with what `verify` reads of a derived one: the tests of the statistics need no derivation.

Marchenko-Pastur: with Z p x n of variance 1/n and p = c n, ``g = tr (Z Z' + lambda)^-1 / p`` tends to the positive root
of ``c lambda g^2 + (lambda + 1 - c) g - 1 = 0`` (V. Marchenko and L. Pastur, Math. USSR-Sbornik 1, 1967).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sympy import Expr, Identity, Symbol, Trace, lambdify, symbols

from derive.errors import BranchError
from derive.symbols import Gaussian, MatrixLetter, dimensions

n, p = dimensions("n p")
c, lam = symbols("c lambda", positive=True)
g = Symbol("g")


@dataclass(frozen=True)
class System:
    unknowns: tuple[Symbol, ...]
    residuals: tuple[Expr, ...]
    definitions: tuple[tuple[Symbol, Expr], ...]
    values: Mapping[str, Expr]


@dataclass(frozen=True, eq=False)
class Law:
    """What `verify` reads of a `derive.Limit`."""

    quantities: Mapping[str, Expr]
    regime: Mapping[Symbol, Expr]
    base: Symbol
    solve: Callable[[Law, Mapping[Any, Any]], Any]
    system: Any = None
    inner: Mapping[Any, Expr] = field(default_factory=dict)
    parameters: tuple[Symbol, ...] = ()

    @property
    def dims(self) -> tuple[Symbol, ...]:
        return (self.base, *self.regime)

    @property
    def letters(self) -> tuple[MatrixLetter, ...]:
        return tuple({m for q in self.quantities.values() for m in q.atoms(MatrixLetter)})

    def evaluate(self, params: Mapping[Any, Any]) -> Any:
        return self.solve(self, params)

    def with_system(self, system: System) -> Law:
        return Law(self.quantities, self.regime, self.base, self.solve, system, self.inner, self.parameters)


def constant(quantities, regime, base, values, **rest) -> Law:
    """A law whose limits are given numbers."""
    return Law(quantities, regime, base, lambda law, params: dict(values), **rest)


def marchenko_pastur(real: bool = True) -> Law:
    Z = Gaussian("Z", p, n, variance=1 / n, real=real)
    quantity = Trace((Z * Z.adjoint() + lam * Identity(p)).I) / p
    system = System((g,), (c * lam * g**2 + (lam + 1 - c) * g - 1,), (), {"value": g})
    return Law({"value": quantity}, {p: c * n}, n, _root, system, parameters=(c, lam))


def _root(law: Law, params: Mapping[Any, Any]) -> float:
    """The root that continues the positive one of the true equation."""
    values = {s: complex(np.complex128(eval_number(v))) for s, v in params.items()}
    residual = law.system.residuals[0].subs(values)
    from sympy import Poly, together

    numerator = Poly(together(residual).as_numer_denom()[0], g)
    roots = np.roots([complex(x) for x in numerator.all_coeffs()])
    z, ratio = values[lam], values[c]
    truth = np.roots([ratio * z, z + 1 - ratio, -1])
    start = truth[np.argmax(truth.real)]
    if not len(roots):
        raise BranchError("no solution")
    root = roots[np.argmin(abs(roots - start))]
    if abs(root.imag) > 1e-12 * abs(root) and abs(z.imag) == 0:
        raise BranchError("the solution is complex")
    value = complex(lambdify(g, law.system.values["value"].subs(values))(root))
    return value.real if z.imag == 0 else value


def eval_number(value: Any) -> complex:
    from fractions import Fraction

    return complex(float(Fraction(value))) if isinstance(value, str) else complex(value)
