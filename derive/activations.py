"""The law of ``f(h)`` for a Gaussian h: what the derivative of an activation is as a diagonal matrix.

``D = diag(phi'(h))`` with ``h ~ N(0, q)`` is deterministic for the limit: only the law of its entries counts. Where
phi' takes finitely many values (ReLU) that law has atoms; otherwise it is known through quadrature nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import mpmath
import numpy as np
from scipy.special import ndtri
from sympy import Expr, Float, Rational, S, oo

from .errors import LawError
from .laws import AtomicLaw, NodeLaw, atomic
from .pieces import COUNTS, GUARD, Piece, Pieces, as_expression, cut, gaussian_panels, on_array, real_number, shown

__all__ = ["GaussianImage", "derivative_law", "gaussian_image"]

_NEAR = mpmath.mpf(1) / 64  # distance of the test resolvents from the values, in units of their range


@dataclass(frozen=True)
class GaussianImage(NodeLaw):
    """The law of ``function(h)``, ``h ~ N(0, variance)``, for a function that is not piecewise constant.

    Attributes
    ----------
    function : Pieces
    variance : Expr
        A positive number.
    """

    described: ClassVar[str] = "a function of a Gaussian"

    function: Pieces
    variance: Expr

    @property
    def lower(self) -> Expr:
        return Float(str(min(self.nodes(53)[0])), 15)

    @property
    def upper(self) -> Expr:
        return Float(str(max(self.nodes(53)[0])), 15)

    def __str__(self) -> str:
        return f"{shown(self.function)}, h of variance {self.variance}"

    def quantiles(self, count: int) -> np.ndarray:
        """Values at the quantiles ``(i + 1/2) / count`` of the Gaussian: a sample without noise."""
        h = math.sqrt(float(self.variance)) * ndtri((np.arange(count) + 0.5) / count)
        return on_array(self.function, h)

    def nodes(self, bits: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Values and weights, converged to `bits` bits: mass, two moments and resolvents next to the range.

        A constant stretch is one node with its exact mass, equal values (an even function) are one node.
        """
        return _nodes(self.function, self.variance, bits)


@lru_cache(maxsize=64)
def _nodes(function: Pieces, variance: Expr, bits: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    with mpmath.workprec(bits + GUARD):
        spread = mpmath.mpmathify(variance._to_mpmath(mpmath.mp.prec))
        before: list[Any] | None = None
        sample = [v for values, _ in gaussian_panels(function, spread, COUNTS[0], bits) for v in values]
        low, high = min(sample), max(sample)
        for count in COUNTS:
            masses: dict[Any, Any] = {}
            for values, weights in gaussian_panels(function, spread, count, bits):
                for value, weight in zip(values, weights, strict=True):
                    masses[value] = masses.get(value, 0) + weight
            moments = _moments(masses, low, high)
            if before is not None and all(
                abs(new - old) <= mpmath.ldexp(1 + abs(new), 2 - bits) for new, old in zip(moments, before, strict=True)
            ):
                total = mpmath.fsum(masses.values())
                # nodes far in the tails carry no weight at this precision
                kept = {v: w / total for v, w in masses.items() if w > mpmath.ldexp(total, -bits - GUARD)}
                return tuple(kept), tuple(kept.values())
            before = moments
    raise LawError(
        f"the law of {shown(function)} over N(0, {variance}) is not resolved to {bits} bits by {COUNTS[-1]} nodes "
        f"between two cuts: the function must be smooth between its kinks, and have two moments"
    )


def _moments(masses: dict[Any, Any], low: Any, high: Any) -> list[Any]:
    near = (high - low or 1) * _NEAR
    tests = (
        lambda x: 1,
        lambda x: x,
        lambda x: x * x,
        lambda x: near / (x - low + near),
        lambda x: near / (high - x + near),
    )
    return [mpmath.fsum(weight * test(value) for value, weight in masses.items()) for test in tests]


def gaussian_image(function: Any, variance: Any) -> AtomicLaw | GaussianImage:
    """The law of ``f(h)`` for ``h ~ N(0, variance)``.

    Parameters
    ----------
    function : Expr
        ``f``, an expression in one symbol; ``Max``, ``Abs``, ``Heaviside`` and ``Piecewise`` are welcome.
    variance : number
        Zero gives the atoms of the two sides of 0.

    Returns
    -------
    AtomicLaw
        With exact atoms and weights, where ``f`` is constant on either side of 0.
    GaussianImage
        Otherwise; accepted wherever a law of :func:`derive.density` is.

    Raises
    ------
    ParameterError
        A function of two symbols, or one that is not real and finite.
    LawError
        It is not integrated to double precision.

    Examples
    --------
    >>> from sympy import Heaviside, Symbol, tanh
    >>> from derive.activations import gaussian_image
    >>> h = Symbol("h")
    >>> law = gaussian_image(Heaviside(h), 1)
    >>> law.points, law.weights
    ((0, 1), (1/2, 1/2))
    >>> len(gaussian_image(1 - tanh(h)**2, "1/2").nodes(53)[0]) < 200
    True
    """
    return _law(cut(as_expression(function, "the function")), real_number(variance, "the variance"))


def derivative_law(activation: Any, length: Any) -> AtomicLaw | GaussianImage:
    """The law of ``D = diag(phi'(h))``, ``h ~ N(0, length)``: a layer of a network as its Jacobian sees it.

    Parameters
    ----------
    activation : Expr
        ``phi``, an expression in one symbol, continuous.
    length : number
        Variance of the preactivations, e.g. from :func:`derive.meanfield.fixed_point`.

    Examples
    --------
    >>> from sympy import Max, Symbol
    >>> from derive.activations import derivative_law
    >>> derivative_law(Max(0, Symbol("h")), 1).points
    (0, 1)
    """
    return _law(cut(as_expression(activation)).derivative(), real_number(length, "the length"))


def _law(function: Pieces, variance: Expr) -> AtomicLaw | GaussianImage:
    if variance == 0:
        # h is 0 in the limit of small variance, from either side with equal probability
        below, above = function.sides()
        function, variance = Pieces(function.variable, (Piece(-oo, S.Zero, below), Piece(S.Zero, oo, above))), S.One
    if all(kink == 0 for kink in function.kinks) and all(isinstance(p.expr, Rational) for p in function.pieces):
        masses: dict[Expr, Rational] = {}
        for piece in function.pieces:
            masses[piece.expr] = masses.get(piece.expr, S.Zero) + Rational(1, len(function.pieces))
        return atomic(list(masses), list(masses.values()))
    law = GaussianImage(function, variance)
    law.nodes(53)  # an integral that does not converge is an error where the law is written
    return law
