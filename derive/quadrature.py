"""Gauss-Legendre nodes for a density with square-root edges, at any precision.

With x = (a+b)/2 - (b-a)/2 cos t the Jacobian sin t absorbs a square root, or an inverse square root, at either end, so
that the integrand is analytic in t and the rule converges geometrically. The number of nodes grows by half until
the mass and a few test moments agree with those of the step before.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import flint
import mpmath
from sympy import Expr, Symbol, lambdify

from .errors import LawError

__all__ = ["legendre", "quadrature"]

_GUARD = 40  # bits: what (x - a) loses at the node next to an edge, where x - a ~ (b - a)/N^4
_SMALLEST, _LARGEST = 16, 2048  # a smooth density takes about 80 nodes in double precision
_NEAR = mpmath.mpf(1) / 64  # distance of the test resolvents from the support, in units of its length
_MASS = 1e-8  # how far from 1 the mass of a density may be: a typing error is larger, a rounded constant smaller


@lru_cache(maxsize=64)
def quadrature(
    expr: Expr, variable: Symbol, lower: Expr, upper: Expr, bits: int
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Nodes and weights (mpmath numbers, weights summing to 1) for a density, converged to `bits` bits.

    Converged means: mass, first two moments and the resolvents at 1/64 of the support's length from either end
    agree with those of two thirds as many nodes. An integrand with a pole much closer than that to the
    support (a resolvent next to an edge) is less accurate than `bits`.
    """
    function = lambdify(variable, expr, modules="mpmath")
    precision = bits + _GUARD
    with mpmath.workprec(precision):
        tolerance = mpmath.ldexp(1, -bits + 2)
        before: list[Any] | None = None
        count = _SMALLEST
        while count <= _LARGEST:
            nodes, weights = _rule(function, expr, lower, upper, count, precision)
            moments = _moments(nodes, weights, lower, upper)
            if before is not None and all(
                abs(new - old) <= tolerance * (1 + abs(new)) for new, old in zip(moments, before, strict=True)
            ):
                break
            before, count = moments, 3 * count // 2
        else:
            raise LawError(
                f"the density {expr} on [{lower}, {upper}] is not integrated to {bits} bits by {_LARGEST} nodes: "
                f"it must be smooth inside the interval, with square-root edges at most; give atoms instead"
            )
        mass = moments[0]
        if abs(mass - 1) > _MASS:
            raise LawError(f"the density {expr} on [{lower}, {upper}] has mass {mpmath.nstr(mass, 8)}, expected 1")
        return nodes, tuple(weight / mass for weight in weights)


def _rule(
    function: Any, expr: Expr, lower: Expr, upper: Expr, count: int, precision: int
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    a, b = _mpf(lower, precision), _mpf(upper, precision)
    middle, half = (a + b) / 2, (b - a) / 2
    nodes, weights = [], []
    for root, weight in legendre(count, precision):
        angle = mpmath.pi * (1 + root) / 2
        point = middle - half * mpmath.cos(angle)
        try:
            height = mpmath.mpmathify(function(point))
        except (TypeError, ValueError, ZeroDivisionError, NameError) as error:
            raise LawError(f"the density {expr} cannot be evaluated at {mpmath.nstr(point, 8)}: {error}") from None
        if not mpmath.isfinite(height) or abs(mpmath.im(height)) > 0 or mpmath.re(height) < 0:
            raise LawError(
                f"the density {expr} is {mpmath.nstr(height, 8)} at {mpmath.nstr(point, 8)}; "
                f"a density is real and not negative on [{lower}, {upper}]"
            )
        nodes.append(point)
        weights.append(height.real * weight * half * mpmath.sin(angle) * mpmath.pi / 2)
    return tuple(nodes), tuple(weights)


@lru_cache(maxsize=32)
def legendre(count: int, precision: int) -> tuple[tuple[Any, Any], ...]:
    """Roots of P_count in (-1, 1) and their weights."""
    with flint.ctx.workprec(precision):
        pairs = [flint.arb.legendre_p_root(count, index, True) for index in range(count)]
        return tuple((_midpoint(root), _midpoint(weight)) for root, weight in pairs)


def _mpf(number: Expr, precision: int) -> Any:
    return mpmath.mpmathify(number._to_mpmath(precision))


def _midpoint(ball: flint.arb) -> Any:
    mantissa, exponent = ball.mid().man_exp()
    return mpmath.ldexp(mpmath.mpf(int(mantissa)), int(exponent))


def _moments(nodes: Any, weights: Any, lower: Expr, upper: Expr) -> list[Any]:
    a, b = _mpf(lower, mpmath.mp.prec), _mpf(upper, mpmath.mp.prec)
    near = (b - a) * _NEAR
    tests = (
        lambda x: 1,
        lambda x: x,
        lambda x: x * x,
        lambda x: near / (x - a + near),
        lambda x: near / (b - x + near),
    )
    return [mpmath.fsum(weight * test(node) for node, weight in zip(nodes, weights, strict=True)) for test in tests]
