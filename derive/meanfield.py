"""Mean-field theory of wide networks: the length of the preactivations, and the critical line.

A layer ``h = W phi(h_before) + b`` with ``W_ij`` of variance sigma_w^2/n and ``b_i`` of variance sigma_b^2 has Gaussian
preactivations in the limit of large width. Their variance, the length q, obeys

    q_next = sigma_w^2 E phi(sqrt(q) Z)^2 + sigma_b^2,          Z ~ N(0, 1),

and a perturbation of the input grows by chi = sigma_w^2 E phi'(sqrt(q) Z)^2 per layer: the mean squared singular value
of the Jacobian of one layer. The critical line is chi = 1.

References
----------
B. Poole et al., Exponential expressivity in deep neural networks through transient chaos, NIPS (2016), eqs. 3 and 6;
J. Pennington, S. Schoenholz, S. Ganguli, Resurrecting the sigmoid in deep learning, NIPS (2017).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
from sympy import Abs, Expr, Float, Integer, Piecewise, Symbol

from .activations import derivative_law, gaussian_image
from .errors import ParameterError
from .pieces import Pieces, as_expression, cut, gaussian_mean, real_number

__all__ = [
    "CriticalPoint",
    "chi",
    "critical_point",
    "critical_weight_variance",
    "derivative_law",
    "fixed_point",
    "gaussian_image",
    "length_map",
    "magnitude_pruning",
]

_DOUBLE = 53
_OCTAVES = 20  # beyond those of the precision: as far as a fixed point is looked for from the start


def length_map(
    activation: Any, length: Any, weight_variance: Any, bias_variance: Any = 0, *, digits: int | None = None
) -> Any:
    """One step of the length recursion.

    Parameters
    ----------
    activation : Expr
        ``phi``, a SymPy expression in one symbol; kinks (``Max``, ``Abs``, ``Piecewise``) are welcome.
    length : number
        q of the layer before.
    weight_variance, bias_variance : number
        sigma_w^2 (the entries of W have variance sigma_w^2/n) and sigma_b^2.
    digits : int, optional
        mpmath number of that many digits; a float, accurate to 1e-14 relatively, when left out.

    Returns
    -------
    float or mpf
        q of the next layer.

    Examples
    --------
    >>> from sympy import Max, Symbol, erf
    >>> from derive.meanfield import length_map
    >>> h = Symbol("h")
    >>> round(length_map(Max(0, h), 3, 2), 13)
    3.0
    >>> round(length_map(erf(h), 1, 1), 13)  # (2/pi) asin(2/3)
    0.4645590543975
    """
    phi = cut(as_expression(activation))
    weight, bias = _variances(weight_variance, bias_variance)
    bits = _bits(digits)
    q = _mpf(real_number(length, "the length"), bits)
    return _out(_step(phi, weight, bias, bits)(q), digits)


def chi(activation: Any, length: Any, weight_variance: Any, *, digits: int | None = None) -> Any:
    """Mean squared singular value of one layer, ``sigma_w^2 E phi'(sqrt(q) Z)^2``: below 1 ordered, above 1 chaotic.

    Parameters
    ----------
    activation, length, weight_variance, digits
        As for :func:`length_map`; the length is usually that of :func:`fixed_point`.

    Raises
    ------
    ParameterError
        The activation jumps: its slope is infinite there.

    Examples
    --------
    >>> from sympy import Max, Symbol
    >>> from derive.meanfield import chi
    >>> round(chi(Max(0, Symbol("h")), 1, 2), 13)
    1.0
    """
    slope = cut(as_expression(activation)).derivative()
    weight, _ = _variances(weight_variance, 0)
    bits = _bits(digits)
    q = _mpf(real_number(length, "the length"), bits)
    return _out(_mpf(weight, bits) * gaussian_mean(slope, q, bits, 2), digits)


def fixed_point(
    activation: Any,
    weight_variance: Any,
    bias_variance: Any = 0,
    *,
    start: Any = 1,
    digits: int | None = None,
) -> Any:
    """The length at which the recursion ends, q*.

    Parameters
    ----------
    activation, weight_variance, bias_variance, digits
        As for :func:`length_map`.
    start : number, optional
        Length of the first layer; it matters where several lengths are fixed. ReLU at sigma_w^2 = 2 keeps every length.

    Returns
    -------
    float or mpf
        The fixed point nearest to ``start`` in the direction in which the recursion moves; 0 where it dies out.

    Raises
    ------
    ParameterError
        The length grows without bound.

    Examples
    --------
    >>> from sympy import Max, Symbol, tanh
    >>> from derive.meanfield import fixed_point
    >>> h = Symbol("h")
    >>> round(fixed_point(tanh(h), 2), 12)
    0.617964769769
    >>> fixed_point(tanh(h), 1), fixed_point(Max(0, h), 2, start=3)
    (0.0, 3.0)
    >>> fixed_point(Max(0, h), 3)
    Traceback (most recent call last):
    ...
    derive.errors.ParameterError: the length of Max(0, h) grows without bound at weight variance 3, bias variance 0
    """
    phi = cut(as_expression(activation))
    weight, bias = _variances(weight_variance, bias_variance)
    bits = _bits(digits)
    step = _step(phi, weight, bias, bits)
    with mpmath.workprec(bits + 10):
        q = _mpf(real_number(start, "the start"), bits + 10)
        growth = lambda x: step(x) / x - 1 if x else step(x)  # noqa: E731
        first = growth(q)
        if abs(first) <= mpmath.ldexp(1, 6 - bits):
            return _out(q, digits)
        bracket = _bracket(growth, q or mpmath.mpf(1), 2 if first > 0 else mpmath.mpf(1) / 2, first, bits)
        if bracket is None:
            if first < 0:
                return _out(mpmath.mpf(0), digits)
            raise ParameterError(
                f"the length of {activation} grows without bound at weight variance {weight}, bias variance {bias}"
            )
        return _out(_root(growth, bracket, bits), digits)


class CriticalPoint(NamedTuple):
    """A point of the critical line: ``weight_variance`` is sigma_w^2, ``length`` the q* that goes with it."""

    weight_variance: Any
    length: Any


def critical_weight_variance(activation: Any, bias_variance: Any = 0, *, digits: int | None = None) -> Any:
    """The sigma_w^2 of the critical line, where chi = 1 at a fixed point of the length.

    Parameters
    ----------
    activation, bias_variance, digits
        As for :func:`length_map`.

    Returns
    -------
    Expr
        Exact, where chi does not depend on the length (ReLU: 2, the initialisation of He et al.), or where the critical
        length is 0 (an activation with ``phi(0) = 0`` and no bias).
    float or mpf
        Otherwise.

    Raises
    ------
    ParameterError
        No weight variance is critical.

    Examples
    --------
    >>> from sympy import Max, Symbol, erf, tanh
    >>> from derive.meanfield import critical_weight_variance
    >>> h = Symbol("h")
    >>> critical_weight_variance(Max(0, h)), critical_weight_variance(Max(h/10, h)), critical_weight_variance(erf(h))
    (2, 200/101, pi/4)
    >>> round(critical_weight_variance(tanh(h), "1/20"), 10)
    1.7609546396
    """
    return critical_point(activation, bias_variance, digits=digits).weight_variance


def critical_point(activation: Any, bias_variance: Any = 0, *, digits: int | None = None) -> CriticalPoint:
    """The same with the critical length: the law of D on the critical line is ``derivative_law(activation, length)``.

    The length is 0 where sigma_w^2 is exact: either only a vanishing length is critical, or all are.

    Examples
    --------
    >>> from sympy import Symbol, tanh
    >>> from derive.meanfield import chi, critical_point
    >>> point = critical_point(tanh(Symbol("h")), "1/20")
    >>> round(chi(tanh(Symbol("h")), point.length, point.weight_variance), 12)
    1.0
    """
    phi = cut(as_expression(activation))
    slope = phi.derivative()
    _, bias = _variances(1, bias_variance)
    scale_free = all(piece.is_constant for piece in slope.pieces) and all(kink == 0 for kink in slope.kinks)
    if scale_free or (bias == 0 and all(value == 0 for value in phi.sides())):
        below, above = slope.sides()
        if below == above == 0:
            raise ParameterError(f"the slope of {activation} is 0 at 0: no weight variance is critical without a bias")
        return CriticalPoint(2 / (below**2 + above**2), Integer(0))
    bits = _bits(digits)
    with mpmath.workprec(bits + 10):
        offset = _mpf(bias, bits + 10)

        # on the critical line sigma_w^2 = 1/E phi'^2, so that one equation for the length is left
        def excess(q: Any) -> Any:
            kept = gaussian_mean(slope, q, bits, 2)
            return 1 - (gaussian_mean(phi, q, bits, 2) / kept + offset) / q if kept else -mpmath.inf

        bracket = _bracket(excess, mpmath.ldexp(1, -40), 2, mpmath.mpf(-1), bits)
        if bracket is None:
            raise ParameterError(f"no weight variance is critical for {activation} at bias variance {bias}")
        q = _root(excess, bracket, bits)
        return CriticalPoint(_out(1 / gaussian_mean(slope, q, bits, 2), digits), _out(q, digits))


def magnitude_pruning(sparsity: Any, *, digits: int | None = None) -> tuple[Any, Any]:
    """What is left of Gaussian weights when the smallest ones are set to zero.

    Parameters
    ----------
    sparsity : number
        Fraction s of the weights that is removed, in [0, 1).
    digits : int, optional

    Returns
    -------
    threshold, variance : float or mpf
        Weights of modulus below ``threshold`` (in standard deviations) are removed; ``variance`` is what their second
        moment becomes, as a fraction of what it was. Weights keep their variance when multiplied by
        ``variance**(-1/2)``, which is much less than the ``(1 - s)**(-1/2)`` of weights removed at random.

    Examples
    --------
    >>> from derive.meanfield import magnitude_pruning
    >>> threshold, variance = magnitude_pruning("7/10")
    >>> round(threshold, 8), round(variance, 8)
    (1.03643339, 0.78330708)
    """
    s = real_number(sparsity, "the sparsity")
    if s >= 1:
        raise ParameterError(f"the sparsity must be below 1 (some weights stay), got {sparsity}")
    bits = _bits(digits)
    with mpmath.workprec(bits + 20):
        threshold = mpmath.sqrt(2) * mpmath.erfinv(_mpf(s, bits + 20))
        w = Symbol("w", real=True)
        edge = Float(threshold, precision=bits + 20)
        kept = cut(Piecewise((0, Abs(w) < edge), (w, True)) if s else w)
        return _out(threshold, digits), _out(gaussian_mean(kept, mpmath.mpf(1), bits, 2), digits)


def _step(phi: Pieces, weight: Expr, bias: Expr, bits: int) -> Callable[[Any], Any]:
    sigma_w, sigma_b = _mpf(weight, bits + 10), _mpf(bias, bits + 10)
    return lambda q: sigma_w * gaussian_mean(phi, q, bits, 2) + sigma_b


def _bracket(function: Callable[[Any], Any], start: Any, factor: Any, sign: Any, bits: int) -> tuple[Any, Any] | None:
    """The first octave from ``start`` on, upwards or downwards, in which the function leaves its sign.

    None where it never does, or fades below the precision (a recursion that dies out like 1/layer).
    """
    before, last = start, sign
    for _ in range(_OCTAVES + bits):
        after = before * factor
        value = function(after)
        if abs(value) < mpmath.ldexp(1, 6 - bits) and abs(last) < mpmath.ldexp(1, 9 - bits):
            return None
        if (value > 0) != (sign > 0):
            return before, after
        before, last = after, value
    return None


def _root(function: Callable[[Any], Any], bracket: tuple[Any, Any], bits: int) -> Any:
    for end in bracket:
        if function(end) == 0:
            return end
    return mpmath.findroot(function, bracket, solver="anderson", tol=mpmath.ldexp(1, 4 - 2 * bits), maxsteps=200)


def _variances(weight: Any, bias: Any) -> tuple[Expr, Expr]:
    return (
        real_number(weight, "the weight variance", positive=True),
        real_number(bias, "the bias variance"),
    )


def _bits(digits: int | None) -> int:
    if digits is None:
        return _DOUBLE
    if isinstance(digits, bool) or not isinstance(digits, int) or digits < 1:
        raise ParameterError(f"digits must be a positive whole number, got {digits!r}")
    return int(3.33 * digits) + 10


def _mpf(number: Expr, bits: int) -> Any:
    return mpmath.mpmathify(number._to_mpmath(bits + 10))


def _out(value: Any, digits: int | None) -> Any:
    return float(value) if digits is None else value
