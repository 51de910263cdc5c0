"""Real algebraic numbers as isolated roots: compared and refined with balls, exact where they are rational."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import mpmath
from flint import arb, ctx, fmpq, fmpz_poly
from sympy import Integer, Rational

__all__ = ["RealRoot", "between", "critical_points", "rational", "real_roots"]

_BITS = 128


class Factor:
    """An irreducible polynomial; its real roots are isolated once for each precision."""

    def __init__(self, poly: fmpz_poly):
        self.poly = poly
        self._known: dict[int, list[arb]] = {}

    def real(self, bits: int) -> list[arb]:
        """Real roots, ascending; flint isolates them, and a real one has an imaginary part that is exactly 0."""
        if bits not in self._known:
            with ctx.workprec(bits):
                found = [root.real for root, _ in self.poly.complex_roots() if root.imag == 0]
            self._known[bits] = sorted(found, key=_key)
        return self._known[bits]


@dataclass(frozen=True, eq=False)
class RealRoot:
    """Root number ``index`` (ascending) among the real roots of an irreducible polynomial."""

    factor: Factor
    index: int

    @property
    def poly(self) -> fmpz_poly:
        """The irreducible polynomial."""
        return self.factor.poly

    def ball(self, bits: int = _BITS) -> arb:
        """An enclosure with a relative radius of at most 2**-bits."""
        exact = self.exact
        if exact is not None:
            with ctx.workprec(bits + 32):
                return arb(fmpq(int(exact.p), int(exact.q)))
        return self.factor.real(bits + 32)[self.index]

    @property
    def exact(self) -> Rational | None:
        """The number, where it is rational."""
        if self.poly.degree() > 1:
            return None
        return Rational(-int(self.poly[0]), int(self.poly[1]))

    def digits(self, digits: int) -> Any:
        """An mpmath number of ``digits`` digits."""
        bits = int(digits * 3.33) + 16
        mantissa, exponent = self.ball(bits).mid().man_exp()
        with mpmath.workprec(bits):
            return mpmath.ldexp(mpmath.mpf(int(mantissa)), int(exponent))

    def __float__(self) -> float:
        return float(self.ball().mid())


def _key(ball: arb) -> Any:
    mantissa, exponent = ball.mid().man_exp()
    return fmpq(int(mantissa)) * fmpq(2) ** int(exponent)


def real_roots(polys: Iterable[fmpz_poly]) -> list[RealRoot]:
    """The distinct real roots of some polynomials, ascending."""
    factors: dict[str, fmpz_poly] = {}
    for poly in polys:
        if poly.degree() > 0:
            for factor, _ in poly.factor()[1]:
                factors[str(factor)] = factor
    roots = []
    for factor in map(Factor, factors.values()):
        roots += [RealRoot(factor, k) for k in range(len(factor.real(_BITS + 32)))]
    bits = _BITS
    while True:
        # different irreducible polynomials have different roots: some precision tells them apart
        balls = sorted(((root.ball(bits), root) for root in roots), key=lambda pair: _key(pair[0]))
        if all(bool(a[0] < b[0]) for a, b in pairwise(balls)):
            return [root for _, root in balls]
        bits *= 2


def critical_points(polys: Iterable[fmpz_poly]) -> list[complex]:
    """All complex roots, in double precision."""
    out: list[complex] = []
    with ctx.workprec(_BITS):
        for poly in polys:
            if poly.degree() > 0:
                for factor, _ in poly.factor()[1]:
                    out += [complex(float(r.real.mid()), float(r.imag.mid())) for r, _ in factor.complex_roots()]
    return out


def between(a: RealRoot | None, b: RealRoot | None) -> Rational:
    """A rational number with few digits strictly between two roots (None: no bound on that side)."""
    if a is None and b is None:
        return Integer(0)
    if a is None or b is None:
        root = b if a is None else a
        assert root is not None
        reach = Integer(int(abs(float(root))) + 1)
        shift = rational(root.ball())
        return _simple(shift - 2 * reach if a is None else shift + 2 * reach, reach)
    bits = _BITS
    while True:
        low, high = rational(a.ball(bits)), rational(b.ball(bits))
        if low < high:
            return _simple((low + high) / 2, (high - low) / 8)
        bits *= 2


def _simple(value: Rational, slack: Rational) -> Rational:
    """``value`` rounded to a power of two below ``slack``."""
    unit = Integer(2) ** (Integer(int(mpmath.floor(mpmath.log(mpmath.mpf(slack.p) / slack.q, 2)))))
    return Rational(value / unit).round() * unit if unit else value


def rational(ball: arb) -> Rational:
    """The midpoint of a ball."""
    mantissa, exponent = ball.mid().man_exp()
    return Integer(int(mantissa)) * Integer(2) ** int(exponent)
