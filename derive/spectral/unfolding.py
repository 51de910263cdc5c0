"""A matrix whose sides grow at different rates, such as an unfolded tensor: which rescaling has a limit, and the limit.

Where the long side is infinitely longer than the short one, ``Y Y'`` concentrates: its spectrum has a centre and a
much smaller width. The engine derives the limit at a fixed ratio gamma of the sides, reads centre and width off the
first two moments, and lets gamma go to infinity in the derived system: the spectral parameter is ``centre + scale x``,
a strength is counted in units of its own threshold, and the leading order of every equation is kept. The limit is
checked against the system at a large ratio. At a finite size the ratio is finite: :meth:`Unfolding.at` keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sympy import (
    Expr,
    Identity,
    MatrixExpr,
    Poly,
    Rational,
    S,
    Symbol,
    Trace,
    factor,
    nsimplify,
    powdenest,
    sqrt,
    sympify,
    together,
)

from ..errors import ParameterError, RegimeError, ResolventError
from ..limits import limit
from ..scan import letters_of
from ..symbols import Signal
from .outliers import Outlier, outliers
from .sides import long_side
from .spectrum import Spectrum, spectrum
from .spikes import Spike, spikes

__all__ = ["UnfoldedSpike", "Unfolding", "unfolding"]

_CHECK = 10**8  # a ratio at which the limit must hold to its rate


@dataclass(frozen=True)
class UnfoldedSpike:
    """One spike in the limit of an infinite ratio.

    Attributes
    ----------
    strength : Symbol
        In ``location`` and ``alignments`` it is counted in units of ``unit``: the outlier leaves the bulk at 1.
    unit : Expr
        Its threshold at leading order, in the dimensions.
    location : Expr
        Of the rescaled matrix.
    alignments : mapping of Signal to Expr
    """

    strength: Symbol
    unit: Expr
    location: Expr
    alignments: Mapping[Signal, Expr]


@dataclass(frozen=True, eq=False)
class Unfolding:
    """Made by :func:`unfolding`.

    Attributes
    ----------
    matrix, rescaled : MatrixExpr
        What was asked, and ``(matrix - centre I)/scale``, which has a limit.
    centre, scale : Expr
        In the dimensions.
    curve : Poly
        Of the Stieltjes transform of the rescaled matrix, in (m, x).
    edges : tuple
        Of its bulk.
    spikes : tuple of UnfoldedSpike
    proportional : Spectrum
        The law at a fixed ratio ``ratio`` of the sides.
    """

    matrix: MatrixExpr
    rescaled: MatrixExpr
    centre: Expr
    scale: Expr
    curve: Poly
    edges: tuple[Expr, Expr]
    spikes: tuple[UnfoldedSpike, ...]
    proportional: Spectrum
    ratio: Symbol
    aspect: Expr
    originals: Mapping[Signal, Signal]

    def evaluate(self, params: Mapping | None = None) -> tuple[Outlier, ...]:
        """The outliers of the rescaled matrix; strengths are counted in units of their thresholds."""
        given = {getattr(k, "name", k): sympify(v) for k, v in (params or {}).items()}
        found = []
        for spike in self.spikes:
            if spike.strength.name not in given:
                raise ParameterError(f"missing value for {spike.strength}, in units of its threshold {spike.unit}")
            value = given[spike.strength.name]
            if value > 1:
                numbers = {s: given[s.name] for s in spike.location.free_symbols}
                alignments = {u: float(a.subs(numbers)) for u, a in spike.alignments.items()}
                found.append(Outlier(float(spike.location.subs(numbers)), alignments, 1, 1))
        return tuple(sorted(found, key=lambda o: o.location))

    def at(self, sizes: Mapping, params: Mapping | None = None) -> tuple[Outlier, ...]:
        """The outliers of the rescaled matrix at finite sizes: the ratio of the sides is kept.

        Parameters
        ----------
        sizes : mapping
            Every dimension -> whole number.
        params : mapping
            Parameters as they are in the matrix (strengths not in units).

        Notes
        -----
        The limit is approached like the square root of short/long, so that at sizes of hundreds this is several per
        cent closer to a sample than the limit.
        """
        numbers = {s: sympify(v) for s, v in sizes.items()}
        scalars = {k: sympify(v) for k, v in (params or {}).items() if isinstance(k, Symbol)}
        ratio = self.aspect.subs(numbers).subs(scalars)
        centre, scale = (e.subs(numbers).subs(scalars) for e in (self.centre, self.scale))
        if not (ratio.is_number and centre.is_number and scale.is_number):
            raise ParameterError(f"sizes must give every dimension of {self.aspect} and parameters the rest")
        plain = {k: float(v) if isinstance(v, Expr) and not v.is_Rational else v for k, v in (params or {}).items()}
        found = outliers(self.proportional, {**plain, self.ratio: float(ratio)})
        out = []
        for o in found:
            left, right = (
                {self.originals.get(u, u): x for u, x in side.items()} for side in (o.alignments, o.right_alignments)
            )
            out.append(Outlier(float((o.location - centre) / scale), left, o.multiplicity, o.side, right))
        return tuple(out)


def unfolding(matrix: Any, regime: Mapping, *, mode: int | None = None, inner: Mapping | None = None) -> Any:
    """The rescaling under which a matrix with one much longer side has a limit, and that limit.

    Parameters
    ----------
    matrix : MatrixExpr or tensor
        ``Y*Y.T`` with Y of signals and Gaussian noise; the long side may be a product of dimensions. Or a planted
        tensor, of which ``mode`` says along which mode it is unfolded: its other modes are contracted.
    regime : mapping
        How dimensions grow, at two rates: ``{m: c*n**2}``, or ``{q: a*p, r: b*p}`` for a p x (q r) matrix.
    mode : int, optional
        Of a tensor, counted from 1.
    inner : mapping, optional
        Inner products of signals.

    Returns
    -------
    Unfolding
        Of a tensor an :class:`derive.UnfoldedLimit`: the location of the outlier of the rescaled Gram matrix and the
        squared alignments with all signals of the mode. A strength that needs it is counted in the unit of ``units``.

    Raises
    ------
    RegimeError
        The sides grow at one rate (use :func:`derive.spectrum`) or at more than two.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Gaussian, Signal, dimensions, unfolding
    >>> (p, q, r), theta = dimensions("p q r"), Symbol("theta", positive=True)
    >>> a, b = Signal("a", p, norm2=1), Signal("b", q*r, norm2=1)
    >>> Y = theta*a*b.T + Gaussian("Z", p, q*r, variance=1/p)
    >>> found = unfolding(Y*Y.T, {q: p, r: 2*p})
    >>> found.centre, found.scale, found.edges
    (q*r/p, sqrt(q)*sqrt(r)/sqrt(p), (-2, 2))
    >>> found.spikes[0].unit, found.spikes[0].location
    (q**(1/4)*r**(1/4)/p**(1/4), (theta**4 + 1)/theta**2)

    The same from the tensor, and one whose slices share a noisy matrix, along its second mode:

    >>> from derive import GaussianTensor, Outer
    >>> x, y, z = Signal("x", p, norm2=1), Signal("y", q, norm2=1), Signal("z", r, norm2=1)
    >>> beta, W = Symbol("beta", positive=True), GaussianTensor("W", p, q, r, variance=1/p)
    >>> spiked = unfolding(beta*Outer(x, y, z) + W, {q: p, r: 2*p}, mode=1)
    >>> spiked.units, spiked.equivalent
    ({beta: q**(1/4)*r**(1/4)/p**(1/4)}, beta**2*x*x.T + H)
    >>> nested = unfolding(beta*Outer(theta*x*y.T + Gaussian("Z", p, q, variance=1/p), z) + W, {q: p, r: 2*p}, mode=2)
    >>> nested.equivalent
    beta**2*(theta*y*x.T + Z.T)*(theta*x*y.T + Z) + H
    >>> {name: round(x, 6) for name, x in nested.evaluate({beta: 1, theta: 2}).items()}
    {'location': 6.45, 'y': 0.718}
    """
    if mode is not None or not isinstance(matrix, MatrixExpr):
        from .unfolded_limit import rescaled_unfolding

        return rescaled_unfolding(matrix, regime, mode, inner)
    sides = long_side(matrix, regime)
    if sides is None:
        raise RegimeError(
            f"unfolding() is for a matrix whose letters have two dimensions that grow at different rates, such as p "
            f"and q*r; in {matrix} with the regime {dict(regime)} they do not: use spectrum() or limit()"
        )
    short, long, _ = sides
    if matrix.rows != short:
        raise RegimeError(
            f"{matrix} acts on the long side {long}, where almost all of its spectrum is 0: ask for the matrix on the "
            f"side {short}"
        )
    taken = {s.name for s in matrix.free_symbols} | {str(k) for k in regime}
    side = Symbol(next(x for x in ("N", "L", "M", "N_0") if x not in taken), integer=True, positive=True)
    ratio = Symbol(next(x for x in ("gamma", "Gamma", "gamma_0") if x not in taken), positive=True)
    model = matrix.xreplace({long: side})
    kept = {k: v for k, v in regime.items() if k != long}
    kept = {k: v for k, v in kept.items() if k in model.free_symbols or any(k in sympify(x).free_symbols for x in kept)}
    regime_of = {**kept, side: ratio * short}
    declared = {tuple(s.xreplace({long: side}) for s in pair): value for pair, value in (inner or {}).items()}
    law = spectrum(model, regime_of, inner=declared)
    first = limit({"a": Trace(model) / short, "b": Trace(model**2) / short}, regime_of, inner=declared).value
    centre, variance = first["a"], factor(first["b"] - first["a"] ** 2)
    scale = sqrt(_leading(variance, ratio))
    back = {ratio: long / short}
    found = tuple(_unfolded(s, law, centre, scale, ratio, back) for s in spikes(law))
    curve, edges = _bulk(law, centre, scale, ratio)
    names = {**{s.xreplace({long: side}): s for s in letters_of([matrix]) if isinstance(s, Signal)}}
    found = tuple(
        UnfoldedSpike(s.strength, s.unit, s.location, {names.get(u, u): a for u, a in s.alignments.items()})
        for s in found
    )
    centre, scale = centre.subs(back), scale.subs(back)
    rescaled = (matrix - centre * Identity(short)) / scale
    return Unfolding(matrix, rescaled, centre, scale, curve, edges, found, law, ratio, long / short, names)


# ---- the limit of an infinite ratio ----------------------------------------------------------------------------------
_EPS = Symbol("_eps", positive=True)


def _in_eps(expr: Expr, ratio: Symbol) -> tuple[Poly, Poly]:
    """Numerator and denominator as polynomials in eps, ratio = eps^-8."""
    value = together(powdenest(expr.subs(ratio, _EPS**-8), force=True))
    num, den = value.as_numer_denom()
    return Poly(num.expand(), _EPS), Poly(den.expand(), _EPS)


def _limit(expr: Expr, ratio: Symbol) -> Expr:
    """The limit of an expression in roots of the ratio as it goes to infinity."""
    num, den = _in_eps(expr, ratio)
    (a, x), (b, y) = (min((m[0], c) for m, c in poly.terms()) for poly in (num, den))
    if num.is_zero or a > b:
        return S.Zero
    if a < b:
        raise ResolventError(f"{expr} diverges as {ratio} grows")
    return factor(x / y)


def _leading(expr: Expr, ratio: Symbol) -> Expr:
    """The leading term as the ratio goes to infinity."""
    num, den = _in_eps(expr, ratio)
    (a, x), (b, y) = (min((m[0], c) for m, c in poly.terms()) for poly in (num, den))
    return factor(x / y) * ratio ** Rational(b - a, 8)


def _unfolded(
    spike: Spike, law: Spectrum, centre: Expr, scale: Expr, ratio: Symbol, back: Mapping[Any, Any]
) -> UnfoldedSpike:
    movers = [s for s, values in spike.thresholds.items() if values]
    if spike.location is None or len(movers) != 1:
        raise ResolventError(
            f"the spike of {law.matrix} has no closed form, so its limit for unequal sides is not known"
        )
    (strength,) = movers
    unit = _leading(spike.thresholds[strength][0], ratio)
    place = {strength: strength * unit}
    location = _limit((spike.location.subs(place) - centre) / scale, ratio)
    alignments = {u: _limit(a.subs(place), ratio) for u, a in {**spike.right_alignments, **spike.alignments}.items()}
    _check(spike, law, location, centre, scale, ratio, strength, unit)
    return UnfoldedSpike(strength, unit.subs(back), location, alignments)


def _check(
    spike: Spike, law: Spectrum, location: Expr, centre: Expr, scale: Expr, ratio: Symbol, strength: Symbol, unit: Expr
) -> None:
    """The law at a large ratio has its outlier where the limit says, up to the rate of the limit."""
    others = law.parameters
    point: dict[Symbol, Any] = {s: Rational(1, 2) for s in others if s != ratio}
    point[ratio] = Rational(_CHECK)
    point[strength] = nsimplify(2 * unit.subs(point).evalf(20), rational=True)
    found = [o for o in outliers(law, point, digits=30) if o.side == 1]
    expected = location.subs(point | {strength: 2})
    if len(found) != 1:
        raise ResolventError(f"at {ratio} = {_CHECK} the law does not have the one outlier of its limit")
    got = (sympify(found[0].location) - centre.subs(point)) / scale.subs(point)
    if abs(float(got - expected)) > 30 / float(_CHECK) ** 0.5:
        raise ResolventError(
            f"the limit of the outlier of {law.matrix} for a long side does not hold at {ratio} = {_CHECK}"
        )


def _bulk(law: Spectrum, centre: Expr, scale: Expr, ratio: Symbol) -> tuple[Poly, tuple[Expr, Expr]]:
    """The leading curve of the Stieltjes transform m of (M - centre)/scale in (m, x), and its two edges."""
    curve = law.curve()
    if curve is None:
        raise ResolventError(f"the bulk of {law.matrix} is not algebraic")
    taken = {s.name for s in curve.free_symbols}
    x = Symbol(next(n for n in ("x", "y", "xi") if n not in taken))
    m = curve.gens[0]
    expr = curve.as_expr().subs({law.z: centre + scale * x, m: m / scale}, simultaneous=True)
    num, _ = _in_eps(expr, ratio)
    _, lowest = min((k[0], c) for k, c in num.terms())
    leading = Poly(factor(lowest), m, x).primitive()[1]
    roots = sorted(Poly(leading.discriminant().as_expr(), x).real_roots()) if leading.degree() > 1 else []
    if len(roots) < 2:
        raise ResolventError(f"the bulk of {law.matrix} has no limit of its own after centring")
    return leading, (roots[0], roots[-1])
