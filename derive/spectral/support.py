"""Where the spectrum is, from the algebraic curve: edges and atoms without looking at the density in between.

The real roots of the discriminant and of the leading coefficient cut the real line into intervals on which the branch
is analytic. If Im m vanished at one point of an interval and not near it, m and its conjugate would meet there, at a
root of the discriminant: so the density of an interval is positive throughout or zero throughout, and one point of
each decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
from flint import arb, ctx, fmpz_poly
from sympy import Expr, Float, Integer, Rational, ilcm

from ..numbers import exact as as_exact
from .branch import Branch
from .point_curve import PointCurve
from .roots import RealRoot, between, rational, real_roots

__all__ = ["Interval", "Support", "algebraic_support"]

_ATOM_BITS = 80  # an atom is seen at 2**-80 of the distance to the next critical point


@dataclass(frozen=True)
class Interval:
    """One interval of the absolutely continuous part; ``ends`` are its two ends and the points between them where the
    density is not analytic, ``turns`` the ramification index of each.

    An end is a :class:`RealRoot`, or another object with ``float()``, ``exact`` and ``digits(n)``; None is infinity.
    """

    ends: tuple[Any, ...]
    turns: tuple[int, ...]


@dataclass(frozen=True)
class Support:
    """Intervals in ascending order, and atoms: location -> mass."""

    intervals: tuple[Interval, ...]
    atoms: Mapping[Expr, Expr]
    branch: Branch | None = None
    tests: tuple[tuple[Rational, bool], ...] = ()


def algebraic_support(curve: PointCurve, transform: Callable[[np.ndarray], np.ndarray]) -> Support:
    """The support of the branch of ``curve`` that ``transform`` evaluates."""
    branch = Branch(curve, transform)
    points = real_roots([curve.discriminant, curve.coefficients[-1]])
    bounds: list[RealRoot | None] = [None, *points, None]
    tests = [between(a, b) for a, b in pairwise(bounds)]
    values = [branch.at(x) for x in tests]
    positive = [bool(v.imag != 0) for v in values]
    masses = [_mass(branch, root) for root in points]
    atoms = {_location(root): mass for root, mass in zip(points, masses, strict=True) if mass is not None}
    intervals: list[Interval] = []
    current: list[int] = []
    # interval k lies between bounds k and k + 1; a singular point or an atom between two of them stays as a break
    for k, inside in enumerate([*positive, False]):
        if inside:
            current = [*(current or [k]), k + 1]
        elif current:
            turns = {i: _turns(branch, bounds[i], inside=i in current[1:-1]) for i in current}
            kept = [i for i in current if i in (current[0], current[-1]) or turns[i] > 1 or masses[i - 1] is not None]
            intervals.append(Interval(tuple(bounds[i] for i in kept), tuple(turns[i] for i in kept)))
            current = []
    return Support(tuple(intervals), atoms, branch, tuple(zip(tests, positive, strict=True)))


def _location(root: RealRoot) -> Expr:
    return root.exact if root.exact is not None else _decimal(root)


def _decimal(root: RealRoot) -> Expr:
    with mpmath.workdps(30):
        return Float(mpmath.nstr(root.digits(30), 30), 30)


def _turns(branch: Branch, root: RealRoot | None, inside: bool) -> int:
    """The ramification index at a critical point ``inside`` or at an end of an interval; None is infinity."""
    curve = branch.curve
    if root is not None and not inside and curve.coefficients[-1] % root.poly:
        once = curve.discriminant // root.poly
        # at a simple zero of the discriminant two branches meet like square roots, and ours is one: it turns real there
        if once % root.poly:
            return 2
    x = 0.0 if root is None else float(root)
    radius = 2 * branch.scale if root is None else 0.5 * branch.clearance(x)
    m = branch.at(as_exact(x + radius))
    return branch.ramification(x, radius, complex(float(m.real.mid()), float(m.imag.mid())))


def _mass(branch: Branch, root: RealRoot) -> Expr | None:
    """The mass of an atom at a zero of the leading coefficient, None where there is none.

    Near an atom ``m = w/(x - z)``: the possible w are the roots of the leading part of ``P(-w/s, x + s)``, and the
    value of the branch just above x tells which.
    """
    if branch.curve.coefficients[-1] % root.poly:
        return None
    exact = root.exact
    # coefficients vanish there, to an order of at most their degree: that many digits cancel
    bits = _ATOM_BITS * (2 + max(poly.degree() for poly in branch.curve.coefficients))
    with ctx.workprec(bits):
        x = exact if exact is not None else rational(root.ball(2 * bits))
        heights = [arb(branch.clearance(float(root))) * arb(2) ** -(_ATOM_BITS + extra) for extra in (0, 8)]
        values = [float((y * m.imag).mid()) for y, m in zip(heights, branch.above(x, heights, bits), strict=True)]
    # y Im m tends to the mass, or to 0 as a power of y where there is none
    if values[1] < 1e-12 or values[1] < 0.8 * values[0]:
        return None
    if exact is not None:
        factors = [factor for factor, _ in _residues(branch.curve, exact).factor()[1]]
        possible = [root for root in real_roots(factors) if float(root) > 0]
        nearest = min(possible, key=lambda root: abs(float(root) - values[1]), default=None)
        # masks of several layers make it slow: a power of y as small as the height to one over the layers
        if nearest is not None and abs(float(nearest) - values[1]) < 0.05 * float(nearest):
            return nearest.exact if nearest.exact is not None else _decimal(nearest)
    return Float(values[1], 12)


def _residues(curve: PointCurve, x: Rational) -> fmpz_poly:
    """The polynomial in w whose roots are the masses that the branches with a simple pole at ``x`` can have."""
    polys = {k: _shifted(poly, x) for k, poly in enumerate(curve.coefficients) if poly}
    # m = -w/s: the term k has order valuation - k, and the lowest order must cancel
    orders = {k: _valuation(poly) - k for k, poly in polys.items()}
    lowest = min(orders.values())
    terms = {k: polys[k][_valuation(polys[k])] * (-1) ** k for k, order in orders.items() if order == lowest}
    common = Integer(ilcm(1, *(term.q for term in terms.values())))
    return fmpz_poly([int(terms.get(k, Integer(0)) * common) for k in range(max(terms) + 1)])


def _shifted(poly: fmpz_poly, x: Rational) -> list[Rational]:
    """Coefficients of poly(x + s) in s."""
    coefficients = [Rational(int(c)) for c in poly.coeffs()]
    for i in range(len(coefficients)):
        for j in range(len(coefficients) - 2, i - 1, -1):
            coefficients[j] += x * coefficients[j + 1]
    return coefficients


def _valuation(poly: list[Rational]) -> int:
    return next(k for k, c in enumerate(poly) if c != 0)
