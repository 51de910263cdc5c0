"""R- and S-transforms in closed form, read off the algebraic curve of a spectral law.

With ``m(z) = int (x - z)^-1 d mu(x)`` and its curve ``P(m, z) = 0``:

- the R-transform linearises free sums: ``R(g) = K(g) - 1/g``, K the inverse of ``-m``; so ``P(-g, R + 1/g) = 0``;
- the S-transform multiplies in free products: ``psi(S u/(1 + u)) = u`` for the moment series psi; so
  ``P(-u S, (1 + u)/(u S)) = 0``.

Both are the branch that is finite at 0, with ``R(0)`` the mean and ``S(0)`` its inverse. It is written down where it is
rational or a square root (Voiculescu, Dykema and Nica 1992, chapter 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import (
    Add,
    Expr,
    MatrixExpr,
    Poly,
    Rational,
    Symbol,
    cancel,
    expand,
    factor,
    factor_list,
    fraction,
    simplify,
    sqrt,
)

from .errors import NotRationalError, ParameterError
from .laws import AtomicLaw
from .symbols import Deterministic, Free

__all__ = ["r_transform", "s_transform"]


def r_transform(
    source: MatrixExpr | AtomicLaw,
    regime: Mapping | None = None,
    params: Mapping | None = None,
    *,
    symbol: Symbol | None = None,
) -> Expr:
    """The R-transform of a limiting spectral law, where it has a closed form.

    Parameters
    ----------
    source : MatrixExpr or AtomicLaw
        A self-adjoint random matrix, or a law from :func:`derive.atomic`.
    regime : mapping, optional
        As for :func:`derive.limit`.
    params : mapping, optional
        Laws of deterministic and free matrices (atoms), numbers for parameters.
    symbol : Symbol, optional
        The argument; ``g`` when left out.

    Returns
    -------
    Expr
        ``R(g)``, analytic at 0; ``R(0)`` is the mean, and R of a free sum is the sum.

    Raises
    ------
    NotRationalError
        The law is not algebraic, or its R-transform is a root of an equation of degree above 2.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Wigner, atomic, dimensions, r_transform
    >>> n, v = dimensions("n"), Symbol("v", positive=True)
    >>> r_transform(Wigner("W", n, variance=v/n))
    g*v
    >>> r_transform(atomic([1, -1]))
    (sqrt(4*g**2 + 1) - 1)/(2*g)
    """
    m, z, curve, name = _curve(source, regime, params)
    g, R = _argument(symbol, "g", curve), Symbol("_R")
    return _finite_branch(curve.xreplace({m: -g, z: R + 1 / g}), g, R, f"the R-transform of {name}")


def s_transform(
    source: MatrixExpr | AtomicLaw,
    regime: Mapping | None = None,
    params: Mapping | None = None,
    *,
    symbol: Symbol | None = None,
) -> Expr:
    """The S-transform of a limiting spectral law of non-zero mean, where it has a closed form.

    Parameters
    ----------
    source, regime, params
        As for :func:`r_transform`.
    symbol : Symbol, optional
        The argument; ``u`` when left out.

    Returns
    -------
    Expr
        ``S(u)``, analytic at 0; ``1/S(0)`` is the mean, and S of a free product is the product.

    Raises
    ------
    NotRationalError
        The law is not algebraic, its S-transform is a root of an equation of degree above 2, or its mean is 0.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Gaussian, dimensions, s_transform
    >>> (n, p), c = dimensions("n p"), Symbol("c", positive=True)
    >>> Z = Gaussian("Z", p, n, variance=1/n)
    >>> s_transform(Z*Z.T, {p: c*n})
    1/(c*u + 1)
    """
    m, z, curve, name = _curve(source, regime, params)
    u, S = _argument(symbol, "u", curve), Symbol("_S")
    return _finite_branch(curve.xreplace({m: -u * S, z: (1 + u) / (u * S)}), u, S, f"the S-transform of {name}")


def _argument(symbol: Symbol | None, default: str, curve: Expr) -> Symbol:
    if symbol is not None and not isinstance(symbol, Symbol):
        raise ParameterError(f"the argument of a transform is a Symbol, got {symbol!r}")
    chosen = symbol or Symbol(default)
    if chosen.name in {s.name for s in curve.free_symbols}:
        raise ParameterError(f"{chosen} is a parameter of the law; name the argument otherwise, symbol=Symbol('t')")
    return chosen


def _curve(source: Any, regime: Mapping | None, params: Mapping | None) -> tuple[Symbol, Symbol, Expr, str]:
    """(m, z, P, what it is the curve of)."""
    if isinstance(source, Deterministic | Free):
        declared = source.law if isinstance(source, Free) else None
        source = dict(params or {}).get(source, declared) or source
    if isinstance(source, AtomicLaw) and source.width == 1:
        m, z = Symbol("_m"), Symbol("_z")
        moments = Add(*(w / (x - z) for x, w in zip(source.points, source.weights, strict=True)))
        return m, z, fraction(cancel(m - moments))[0], "this law"
    if isinstance(source, Deterministic | Free):
        raise ParameterError(f"the transforms of {source} need its law, params={{{source}: atomic([1, 4])}}")
    if not isinstance(source, MatrixExpr):
        raise ParameterError(
            f"a transform is taken of a self-adjoint random matrix or of an atomic law, got {source!r}"
        )
    from .spectral.spectrum import spectrum

    poly = spectrum(source, regime).curve(params)
    if poly is None:
        raise NotRationalError(
            f"the spectral law of {source} is not algebraic, so its transforms have no closed form here; give the laws "
            "of its matrices as atoms, params={A: atomic([...])}"
        )
    m, z = poly.gens[:2]
    return m, z, poly.as_expr(), str(source)


def _finite_branch(equation: Expr, argument: Symbol, unknown: Symbol, what: str) -> Expr:
    """The solution that is finite at 0, in the one factor that has one."""
    numerator = fraction(cancel(equation))[0]
    for piece, _ in factor_list(numerator, unknown, argument)[1]:
        poly = Poly(piece, unknown)
        low = [c.subs(argument, 0) for c in poly.all_coeffs()]
        # at 0 all branches but one are infinite: the equation becomes linear there
        while low and low[0] == 0:
            low.pop(0)
        if poly.degree() < 1 or len(low) != 2 or (low[1] == 0 and unknown.name == "_S"):
            continue
        if poly.degree() > 2:
            raise NotRationalError(
                f"{what} has no closed form: it is a root of an equation of degree {poly.degree()}, "
                f"{piece.subs(unknown, Symbol(unknown.name[1:]))} = 0"
            )
        coefficients = [factor(c) for c in poly.all_coeffs()]
        if poly.degree() == 1:
            a, b = coefficients
            above, below = fraction(factor(-b / a))
            flip = -1 if _sign_at_zero(below, argument) < 0 else 1
            return factor(flip * above) / expand(flip * below) if below.has(argument) else factor(-b / a)
        a, b, c = coefficients
        root = sqrt(factor(b**2 - 4 * a * c))
        sign = _sign_at_zero(b, argument)
        return simplify((-b + sign * root) / (2 * a))
    raise NotRationalError(f"{what} does not exist as a power series at 0 (for an S-transform the mean must not be 0)")


def _sign_at_zero(b: Expr, argument: Symbol) -> int:
    """The sign of b near 0, parameters being positive: the root that cancels b is the finite one."""
    point = {s: Rational(3, 7) if s != argument else Rational(1, 10**6) for s in b.free_symbols}
    return 1 if b.subs(point).evalf() > 0 else -1
