"""The length recursion, the critical line and pruned weights, against published formulas and independent quadrature."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from sympy import Abs, Heaviside, Max, Min, Piecewise, Rational, Symbol, cos, erf, exp, log, pi, sign, sin, sqrt, tanh

from derive import LawError, ParameterError, derivative_law, gaussian_image
from derive.meanfield import chi, critical_point, critical_weight_variance, fixed_point, length_map, magnitude_pruning
from derive.pieces import cut
from tests.oracles import jacobian as oracle

h = Symbol("h")
GELU = h * (1 + erf(h / sqrt(2))) / 2
ELU = Piecewise((h, h > 0), (exp(h) - 1, True))


@pytest.mark.parametrize("q", [0.01, 1, 7.5, 400])
def test_erf_has_a_closed_form(q):
    """C. Williams, Neural Computation 10 (1998)."""
    assert length_map(erf(h), q, 1.7) == pytest.approx(oracle.erf_length(q, 1.7), rel=1e-14)
    assert chi(erf(h), q, 1.7) == pytest.approx(oracle.erf_chi(q, 1.7), rel=1e-14)


def test_forty_digits():
    q, sigma2 = Rational(3, 7), Rational(17, 10)
    with mpmath.workdps(45):
        exact = mpmath.mpf(17) / 10 * 2 / mpmath.pi * mpmath.asin(mpmath.mpf(6) / 13)
        assert abs(length_map(erf(h), q, sigma2, digits=40) - exact) < mpmath.mpf(10) ** -40


@pytest.mark.parametrize("activation", [tanh(h), sin(h), GELU, log(1 + exp(h)), h**3 - h, h / (1 + exp(-h))])
def test_smooth_activations_agree_with_gauss_hermite(activation):
    from sympy import lambdify

    nodes, weights = hermegauss(200)
    phi, slope = (lambdify(h, e, modules=["scipy", "numpy"]) for e in (activation, activation.diff(h)))
    q = 0.3
    z = np.sqrt(q) * nodes
    mean = lambda f: float(np.sum(weights * f(z) ** 2) / np.sqrt(2 * np.pi))  # noqa: E731
    assert length_map(activation, q, 1.3, 0.2) == pytest.approx(1.3 * mean(phi) + 0.2, rel=1e-12)
    assert chi(activation, q, 1.3) == pytest.approx(1.3 * mean(slope), rel=1e-12)


@pytest.mark.parametrize(
    ("activation", "second", "slope"),
    [
        # E (s^2 Z^2; a < sZ) and P(a < sZ) by hand
        (Max(0, h), 0.5, 0.5),
        (Max(h / 10, h), 0.505, 0.505),
        (Abs(h), 1, 1),
        (Max(-1, Min(1, h)), 0.5160585509617785, 0.6826894921370859),
        (Heaviside(h) * h, 0.5, 0.5),
        (Max(h - 1, 0), 0.07533978334377078, 0.15865525393145707),
    ],
)
def test_kinks(activation, second, slope):
    assert length_map(activation, 1, 1) == pytest.approx(second, rel=1e-13)
    assert chi(activation, 1, 1) == pytest.approx(slope, rel=1e-13)


def test_fixed_points():
    q = fixed_point(tanh(h), 2, "1/10")
    assert length_map(tanh(h), q, 2, "1/10") == pytest.approx(q, rel=1e-13)
    many = fixed_point(tanh(h), 2, "1/10", digits=30)
    with mpmath.workdps(35):
        assert abs(length_map(tanh(h), many, 2, "1/10", digits=30) - many) < mpmath.mpf(10) ** -30
    # the recursion itself ends there
    length = 3.0
    for _ in range(200):
        length = length_map(tanh(h), length, 2, "1/10")
    assert length == pytest.approx(q, rel=1e-12)
    # ordered side: the signal dies out; at the critical point it does so like 1/layer
    assert fixed_point(tanh(h), 0.5) == fixed_point(tanh(h), 1) == fixed_point(Max(0, h), 1.5) == 0
    assert fixed_point(Max(0, h), 2, start=5) == 5
    assert fixed_point(Max(0, h), 1, 1) == pytest.approx(2, rel=1e-14)
    with pytest.raises(ParameterError, match=r"the length of Max\(0, h\) grows without bound"):
        fixed_point(Max(0, h), 2, "1/10")


def test_the_critical_line():
    """He et al. (2015) for ReLU; Poole et al. (2016) for tanh and Williams' integral for erf without a bias."""
    assert critical_weight_variance(Max(0, h)) == 2
    assert critical_weight_variance(Max(0, h), 1) == 2
    assert critical_weight_variance(Max(h / 10, h)) == Rational(200, 101)
    assert critical_weight_variance(tanh(h)) == 1
    assert critical_weight_variance(erf(h)) == pi / 4
    for activation in (tanh(h), erf(h), GELU, ELU, Max(-1, Min(1, h))):
        weight, q = critical_point(activation, "1/20")
        assert length_map(activation, q, weight, "1/20") == pytest.approx(q, rel=1e-12)
        assert chi(activation, q, weight) == pytest.approx(1, abs=1e-12)
    weight, q = critical_point(tanh(h), "1/20")
    assert fixed_point(tanh(h), weight, "1/20") == pytest.approx(q, rel=1e-12)
    for factor, ordered in ((0.9, True), (1.1, False)):
        off = chi(tanh(h), fixed_point(tanh(h), factor * weight, "1/20"), factor * weight)
        assert (off < 1) is ordered
    with pytest.raises(ParameterError, match="no weight variance is critical"):
        critical_weight_variance(log(1 + exp(h)), "1/20")


def test_magnitude_pruning():
    """Table of the reference values; ``2 (t phi(t) + 1 - Phi(t))``."""
    for sparsity, value in oracle.MAGNITUDE_PRUNING.items():
        threshold, variance = magnitude_pruning(sparsity)
        assert variance == pytest.approx(value, abs=5e-9)
        assert variance == pytest.approx(oracle.pruned_variance(float(sparsity)), rel=1e-13)
        assert variance > 1 - sparsity  # the rule for random pruning is wrong here
        assert threshold == pytest.approx(oracle.NormalDist().inv_cdf((1 + float(sparsity)) / 2), rel=1e-12)
    assert magnitude_pruning(0) == (0, 1)
    with pytest.raises(ParameterError, match="below 1"):
        magnitude_pruning(1)


def test_the_law_of_a_derivative():
    assert derivative_law(Max(0, h), 3) == gaussian_image(Heaviside(h), 3)
    law = derivative_law(Max(h / 10, h), 1)
    assert dict(zip(law.points, law.weights, strict=True)) == {1: Rational(1, 2), Rational(1, 10): Rational(1, 2)}
    assert derivative_law(tanh(h), 0).points == (1,)
    for activation in (tanh(h), GELU, ELU, Max(0, tanh(h)), erf(h), Max(-1, Min(1, h))):
        points, weights = derivative_law(activation, 2).nodes(53)
        assert float(sum(weights)) == pytest.approx(1, rel=1e-15)
        second = float(mpmath.fsum(w * x**2 for x, w in zip(points, weights, strict=True)))
        assert second == pytest.approx(chi(activation, 2, 1), rel=1e-14)
        assert len(points) < 600
    # a stretch on which the function is constant is an atom
    points, weights = derivative_law(Max(-1, Min(1, h)), 1).nodes(100)
    with mpmath.workprec(100):
        assert abs(dict(zip(points, weights, strict=True))[1] - mpmath.erf(1 / mpmath.sqrt(2))) < mpmath.ldexp(1, -98)


def test_nodes_resolve_a_resolvent_next_to_the_support():
    """``E 1/(1.02 - D)``, D = 1 - tanh(h)^2, by adaptive quadrature of mpmath."""
    points, weights = gaussian_image(1 - tanh(h) ** 2, 1).nodes(53)
    found = mpmath.fsum(w / (mpmath.mpf("1.02") - x) for x, w in zip(points, weights, strict=True))
    direct = mpmath.quad(
        lambda z: mpmath.npdf(z) / (mpmath.mpf("0.02") + mpmath.tanh(z) ** 2), [-mpmath.inf, -1, 0, 1, mpmath.inf]
    )
    assert abs(found - direct) < 1e-13 * direct


def test_quantiles_of_the_law():
    law = gaussian_image(1 - tanh(h) ** 2, "1/2")
    sample = law.quantiles(200_000)
    assert np.mean(sample**2) == pytest.approx(chi(tanh(h), 0.5, 1), rel=1e-6)
    assert np.mean(derivative_law(ELU, 1).quantiles(1000) == 1) == 0.5


def test_kinks_are_found():
    assert cut(Max(-1, Min(1, h))).kinks == (-1, 1)
    assert cut(Max(0, tanh(h))).kinks == (0,)
    assert cut(Max(0, h, h**2 - 1)).kinks == (-1, 0, Rational(1, 2) + sqrt(5) / 2)
    assert cut(cos(h)).kinks == ()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: length_map(Symbol("a") * h, 1, 1), ParameterError, r"function of one symbol, it contains a, h"),
        (lambda: length_map("tanh(h)", 1, 1), ParameterError, "the activation must be a SymPy expression"),
        (lambda: length_map(tanh(h), -1, 1), ParameterError, "the length must be zero or positive, got -1"),
        (lambda: length_map(tanh(h), 1, 0), ParameterError, "the weight variance must be positive"),
        (lambda: length_map(exp(h**2), 1, 1), ParameterError, "grows too fast"),
        (lambda: length_map(sqrt(h), 1, 1), ParameterError, "must be real and finite"),
        (lambda: length_map(tanh(h), 1, 1, digits=0), ParameterError, "digits must be a positive whole number"),
        (lambda: chi(sign(h), 1, 1), ParameterError, "jumps from -1 to 1 at 0"),
        (lambda: derivative_law(Heaviside(h), 1), ParameterError, "jumps from 0 to 1 at 0"),
        (lambda: gaussian_image(1 / h, 1), LawError, "is not resolved"),
        (lambda: gaussian_image(Piecewise((h, h > 0)), 1), ParameterError, r"needs a last case"),
        (lambda: cut(Max(0, sin(h))), ParameterError, "cannot tell where"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
