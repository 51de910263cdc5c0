"""Functions of one variable cut at their kinks, and their means over a Gaussian.

Between two kinks an activation is analytic, so Gauss-Legendre converges geometrically there. (Gauss-Hermite over the
whole line does not: its error is of order 1/N at a kink, and exp(-c sqrt(N)) for tanh.) The line is cut at 0 and at a
few powers as well: activations bend around 0, on a scale of one, whatever the variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
from sympy import Expr, FiniteSet, Piecewise, S, Symbol, diff, lambdify, oo, piecewise_fold, solveset, sympify
from sympy.core.relational import Relational

from .errors import ParameterError
from .numbers import exact
from .quadrature import legendre

__all__ = [
    "COUNTS",
    "GUARD",
    "Piece",
    "Pieces",
    "as_expression",
    "cut",
    "gaussian_mean",
    "gaussian_panels",
    "on_array",
    "real_number",
    "shown",
]

_DOUBLE = 53  # bits
GUARD = 24  # bits beyond those asked for; also how far the tails are followed
COUNTS = (24, 36, 54, 81, 121, 181, 271, 406, 609, 913)  # nodes per panel
_LONGEST_TAIL = 4  # the cutoff is moved out that often for a function that grows


@dataclass(frozen=True)
class Piece:
    """A smooth expression on (``lower``, ``upper``)."""

    lower: Expr
    upper: Expr
    expr: Expr

    @property
    def is_constant(self) -> bool:
        return not self.expr.free_symbols


@dataclass(frozen=True)
class Pieces:
    """A function of ``variable``, piece by piece from minus to plus infinity."""

    variable: Symbol
    pieces: tuple[Piece, ...]

    @property
    def kinks(self) -> tuple[Expr, ...]:
        return tuple(piece.lower for piece in self.pieces[1:])

    def derivative(self) -> Pieces:
        """The derivative, piece by piece; a jump of the function is refused."""
        for left, right in pairwise(self.pieces):
            ends = [piece.expr.subs(self.variable, right.lower) for piece in (left, right)]
            if not _same(*ends):
                raise ParameterError(
                    f"the function jumps from {ends[0]} to {ends[1]} at {right.lower}: it has no derivative there; "
                    f"an activation must be continuous"
                )
        pieces = (Piece(p.lower, p.upper, diff(p.expr, self.variable)) for p in self.pieces)
        return Pieces(self.variable, tuple(pieces))

    def sides(self) -> tuple[Expr, Expr]:
        """The limits at 0 from below and from above."""
        below = next(p for p in self.pieces if p.upper >= 0)
        above = next(p for p in reversed(self.pieces) if p.lower <= 0)
        return below.expr.subs(self.variable, 0), above.expr.subs(self.variable, 0)


def _same(a: Expr, b: Expr) -> bool:
    difference = a - b
    return difference == 0 or bool(abs(difference.evalf(30)) < 1e-20)


@lru_cache(maxsize=256)
def cut(function: Expr) -> Pieces:
    """Cut a function of one symbol at its kinks (``Max``, ``Min``, ``Abs``, ``Heaviside``, ``sign``, ``Piecewise``).

    Raises
    ------
    ParameterError
        More than one symbol, a kink that cannot be located, or a value that is not real.

    Examples
    --------
    >>> from sympy import Max, Symbol
    >>> from derive.pieces import cut
    >>> [(p.lower, p.upper, p.expr.is_constant()) for p in cut(Max(0, Symbol("h"))).pieces]
    [(-oo, 0, True), (0, oo, False)]
    """
    symbols = function.free_symbols
    if len(symbols) > 1:
        names = ", ".join(sorted(map(str, symbols)))
        raise ParameterError(f"{function} must be a function of one symbol, it contains {names}: substitute numbers")
    h = next(iter(symbols)) if symbols else Symbol("h")
    x = Symbol(h.name, real=True)
    folded = piecewise_fold(function.xreplace({h: x}).rewrite(Piecewise))
    relations = folded.atoms(Relational)
    points = sorted({point for relation in relations for point in _zeros(relation, x, function)})
    ends = [-oo, *points, oo]
    pieces: list[Piece] = []
    for lower, upper in pairwise(ends):
        inside = _between(lower, upper)
        settled = {relation: S.true if relation.subs(x, inside) == True else S.false for relation in relations}  # noqa: E712
        expr = folded.xreplace(settled)
        if expr.has(Piecewise) or expr is S.NaN:
            raise ParameterError(
                f"{function} has no value around {h} = {inside}: its Piecewise needs a last case (..., True)"
            )
        if pieces and pieces[-1].expr == expr:
            pieces[-1] = Piece(pieces[-1].lower, upper, expr)
        else:
            pieces.append(Piece(lower, upper, expr))
    return Pieces(x, tuple(pieces))


def _zeros(relation: Relational, x: Symbol, function: Expr) -> Sequence[Expr]:
    found = solveset(relation.lhs - relation.rhs, x, S.Reals)
    if found is S.EmptySet:
        return ()
    if not isinstance(found, FiniteSet):
        raise ParameterError(f"cannot tell where {function} switches: solve {relation} for its symbol, and write that")
    return tuple(found)


def _between(lower: Expr, upper: Expr) -> Expr:
    if lower == -oo:
        return S.Zero if upper == oo else upper - 1
    return lower + 1 if upper == oo else (lower + upper) / 2


def real_number(value: Any, name: str, *, positive: bool = False) -> Expr:
    """Read a real number exactly: as :func:`derive.numbers.exact`, or a SymPy constant such as ``4/pi``."""
    if isinstance(value, Expr) and not value.free_symbols and value.is_real and not value.is_Float:
        number = value
    else:
        number = exact(value, name)
    if not number.is_real or number < 0 or (positive and number == 0):
        raise ParameterError(f"{name} must be {'positive' if positive else 'zero or positive'}, got {value}")
    return number


def gaussian_mean(function: Pieces, variance: Any, bits: int, power: int = 1) -> Any:
    """``E f(h)^power`` for ``h ~ N(0, variance)``, an mpmath number converged to `bits` bits.

    Raises
    ------
    ParameterError
        The mean is infinite, or its quadrature does not converge.
    """
    if bits == _DOUBLE and variance > 0:
        quick = _mean_in_doubles(function, float(variance), power)
        if quick is not None:
            return mpmath.mpf(quick)
    with mpmath.workprec(bits + GUARD):
        if variance == 0:
            return sum(mpmath.mpmathify(side.evalf(mpmath.mp.dps)) ** power for side in function.sides()) / 2
        before = None
        for count in COUNTS:
            panels = gaussian_panels(function, variance, count, bits)
            terms = [w * y**power for values, weights in panels for y, w in zip(values, weights, strict=True)]
            mean = mpmath.fsum(terms)
            if before is not None and abs(mean - before) <= mpmath.ldexp(mpmath.fsum(map(abs, terms)), 2 - bits):
                return mean
            before = mean
        raise ParameterError(
            f"the mean of {shown(function)} over N(0, {mpmath.nstr(variance, 6)}) is not found to {bits} bits by "
            f"{COUNTS[-1]} nodes between its kinks"
        )


def _mean_in_doubles(function: Pieces, variance: float, power: int) -> float | None:
    """The same in double precision; None where a value overflows, the tails matter or it does not converge."""
    deviation = math.sqrt(variance)
    reach = math.sqrt(2 * math.log(2) * (_DOUBLE + GUARD))
    cuts = np.array([float(point) for point in _cuts(reach, deviation)])
    before = math.nan
    for count in COUNTS:
        roots, weights = _legendre_in_doubles(count)
        mean = size = 0.0
        for piece, formula in zip(function.pieces, _formulas(function), strict=True):
            lower, upper = float(piece.lower) / deviation, float(piece.upper) / deviation
            inner = cuts[(cuts > lower) & (cuts < upper)]
            ends = np.array([max(lower, -reach), *inner, min(upper, reach)])
            middle, half = (ends[1:] + ends[:-1])[:, None] / 2, np.diff(ends)[:, None] / 2
            z = middle + half * roots
            with np.errstate(all="ignore"):
                values = np.asarray(formula(deviation * z)) ** power * np.ones_like(z)
            if np.iscomplexobj(values) or not np.isfinite(values).all():
                return None
            terms = np.maximum(half, 0) * weights * values * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
            mean, size = mean + terms.sum(), size + np.abs(terms).sum()
            if np.abs(values).max() * 2.0 ** -(_DOUBLE + GUARD) > size * 2.0 ** -(_DOUBLE + 4):
                return None
        if abs(mean - before) <= 1e-15 * size:
            return float(mean)
        before = mean
    return None


@lru_cache(maxsize=32)
def _legendre_in_doubles(count: int) -> tuple[np.ndarray, np.ndarray]:
    pairs = legendre(count, _DOUBLE + GUARD)
    return np.array([float(x) for x, _ in pairs]), np.array([float(w) for _, w in pairs])


def gaussian_panels(function: Pieces, variance: Any, count: int, bits: int) -> list[tuple[list[Any], list[Any]]]:
    """Values of the function and Gaussian weights, for every stretch between kinks, 0 and the cutoffs.

    A stretch where the function is constant is one value with its exact weight. Runs at the precision in force.
    """
    deviation = mpmath.sqrt(variance)
    evaluate = [lambdify(function.variable, piece.expr, modules="mpmath") for piece in function.pieces]
    reach = mpmath.sqrt(2 * mpmath.ln2 * (bits + GUARD))
    for _ in range(_LONGEST_TAIL):
        tails = (evaluate[0](-reach * deviation), evaluate[-1](reach * deviation))
        if all(abs(tail) * mpmath.exp(-(reach**2) / 2) < mpmath.ldexp(1, -bits - 4) for tail in tails):
            break
        reach = 3 * reach / 2
    else:
        raise ParameterError(f"{shown(function)} grows too fast: it has no mean over a Gaussian")
    rule = legendre(count, mpmath.mp.prec)
    panels = []
    for piece, value in zip(function.pieces, evaluate, strict=True):
        lower, upper = (_real(end) / deviation for end in (piece.lower, piece.upper))
        if piece.is_constant:
            panels.append(([_checked(value(0), function)], [mpmath.ncdf(upper) - mpmath.ncdf(lower)]))
            continue
        inner = [point for point in _cuts(reach, deviation) if lower < point < upper]
        ends = [max(lower, -reach), *inner, min(upper, reach)]
        for a, b in pairwise(ends):
            if a >= b:
                continue  # a kink beyond the cutoff
            points = [(a + b) / 2 + (b - a) / 2 * root for root, _ in rule]
            weights = [w * (b - a) / 2 * mpmath.npdf(z) for z, (_, w) in zip(points, rule, strict=True)]
            panels.append(([_checked(value(deviation * z), function) for z in points], weights))
    return panels


def on_array(function: Pieces, points: np.ndarray) -> np.ndarray:
    """The function at every point of an array, in double precision."""
    found = np.zeros(points.shape)
    for piece, formula in zip(function.pieces, _formulas(function), strict=True):
        inside = (points > float(piece.lower)) & (points <= float(piece.upper))
        # only where it holds: elsewhere the formula may overflow
        found[inside] = formula(points[inside])
    return found


@lru_cache(maxsize=64)
def _formulas(function: Pieces) -> tuple[Any, ...]:
    return tuple(lambdify(function.variable, piece.expr, modules=["scipy", "numpy"]) for piece in function.pieces)


def _cuts(reach: Any, deviation: Any) -> list[Any]:
    """0 and plus or minus 2, 16, 128, ... in units of the function's variable, as far as the cutoff, increasing."""
    outer = []
    point = 2 / deviation
    while point < reach:
        outer.append(point)
        point *= 8
    return [-point for point in reversed(outer)] + [mpmath.mpf(0)] + outer


def _real(end: Expr) -> Any:
    if end in (oo, -oo):
        return mpmath.inf if end == oo else -mpmath.inf
    return mpmath.mpmathify(end._to_mpmath(mpmath.mp.prec))


def _checked(value: Any, function: Pieces) -> Any:
    number = mpmath.mpmathify(value)
    if not mpmath.isfinite(number) or mpmath.im(number) != 0:
        raise ParameterError(f"{shown(function)} takes the value {mpmath.nstr(number, 6)}: it must be real and finite")
    return mpmath.re(number)


def shown(function: Pieces) -> str:
    """The function in an error message."""
    cases = [str(piece.expr) for piece in function.pieces]
    return cases[0] if len(cases) == 1 else f"the function with the pieces {', '.join(cases)}"


def as_expression(function: Any, name: str = "the activation") -> Expr:
    """A SymPy expression, or an error; text is not read."""
    expr = function if isinstance(function, Expr) else None if isinstance(function, str) else sympify(function)
    if not isinstance(expr, Expr):
        raise ParameterError(f"{name} must be a SymPy expression such as tanh(h) or Max(0, h), got {function!r}")
    return expr
