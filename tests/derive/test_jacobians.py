"""Jacobians of deep networks: spectra, criticality, growth with depth and pruning, from the derived systems."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from sympy import Abs, Identity, Max, Rational, Symbol, Trace, tanh

from derive import (
    CertificationError,
    Deterministic,
    Eigenvalue,
    Gaussian,
    Haar,
    Signal,
    atomic,
    derivative_law,
    dimensions,
    joint,
    limit,
    spectrum,
)
from derive.meanfield import chi, critical_point, fixed_point, magnitude_pruning
from tests.oracles import jacobian as oracle

n = dimensions("n")
h = Symbol("h")
sigma2 = Symbol("sigma2", positive=True)
D = Deterministic("D", n, n, symmetric=True)
RELU = derivative_law(Max(0, h), 1)


def jacobian(weights, masks, orthogonal=False):
    """The masks follow the first weights. One letter serves for all: the rotations between are independent."""
    J = Identity(n)
    for l in range(1, weights + 1):
        W = Haar(f"O_{l}", n) if orthogonal else Gaussian(f"W_{l}", n, n, variance=sigma2 / n)
        J = (D if l <= masks else Identity(n)) * W * J
    return J * J.T


def moments(matrix, count):
    return limit({f"m{k}": Trace(matrix**k) / n for k in range(1, count + 1)})


def params(masks, q, weight_variance):
    laws = {D: RELU if q == Fraction(1, 2) else atomic([0, 1], [1 - q, q])} if masks else {}
    return {sigma2: weight_variance} | laws


@pytest.mark.parametrize("row", oracle.ROWS, ids=str)
def test_reference_rows(row):
    """Moments and norm for any numbers of weights and masks: Lagrange inversion, and the table of reference values."""
    weights, masks, q, weight_variance, printed, norm = row
    matrix, values = jacobian(weights, masks), params(masks, q, weight_variance)
    found = moments(matrix, 4).evaluate(values)
    for k, number in enumerate(printed, 1):
        assert found[f"m{k}"] == pytest.approx(float(oracle.moment(k, weights, masks, q, weight_variance)), rel=1e-12)
        assert found[f"m{k}"] == pytest.approx(float(number), rel=2e-8)
    edge = sqrt(spectrum(matrix).edges(values)[-1][1])
    assert edge == pytest.approx(oracle.spectral_norm(weights, masks, q, weight_variance), rel=1e-12)
    assert edge == pytest.approx(norm, abs=5e-8)


@pytest.mark.parametrize("depth", range(1, 6))
def test_norms_by_depth(depth):
    gaussian = spectrum(jacobian(depth, 0)).edges({sigma2: 1})[-1][1]
    assert sqrt(gaussian) == pytest.approx(oracle.GAUSSIAN_NORMS[depth - 1], abs=6e-7)
    relu = spectrum(jacobian(depth, depth)).edges(params(depth, Fraction(1, 2), 2))[-1][1]
    assert sqrt(relu) == pytest.approx(oracle.RELU_NORMS[depth - 1], abs=6e-7)
    assert sqrt(relu) == pytest.approx(oracle.relu_norm(depth), rel=1e-12)


def test_ten_layers():
    """A 10-layer ReLU network: one unknown, its norm and its moments."""
    matrix, values = jacobian(10, 10), params(10, Fraction(1, 2), 2)
    law = spectrum(matrix)
    assert len(law.stieltjes.equations) == 1
    assert sqrt(law.edges(values)[-1][1]) == pytest.approx(oracle.relu_norm(10), rel=1e-12)
    found = moments(matrix, 2).evaluate(values)
    assert found == pytest.approx({"m1": 1, "m2": float(oracle.moment(2, 10, 10, Fraction(1, 2), Fraction(2)))})


def test_the_density_of_a_product_of_gaussians():
    """Fuss-Catalan for three layers, by its parametrisation."""
    angles = np.linspace(0.05, np.pi / 4 - 0.02, 9)
    x, density = np.array([oracle.fuss_catalan_density(3, angle) for angle in angles]).T
    assert np.allclose(spectrum(jacobian(3, 0)).density(x, {sigma2: 1}), density, rtol=1e-9, atol=0)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_the_variance_grows_in_proportion_to_the_depth(depth):
    """Symbolic in the law of D: mean (sigma2 tr D^2)^L, relative variance L tr D^4/(tr D^2)^2."""
    system = moments(jacobian(depth, depth), 2).value
    second, fourth = Trace(D**2) / n, Trace(D**4) / n
    assert (system["m1"] - (sigma2 * second) ** depth).expand() == 0
    assert (system["m2"] / system["m1"] ** 2 - 1 - depth * fourth / second**2).expand().simplify() == 0
    assert system["m2"].xreplace({Trace(D**2): n / 2, Trace(D**4): n / 2, sigma2: 2}) - 1 == 2 * depth


@pytest.mark.parametrize("activation", [tanh(h), Max(0, h), Abs(h), Max(h / 10, h)], ids=str)
def test_the_mean_of_a_layer_is_chi(activation):
    """The mean squared singular value of L layers is chi^L: stable on the critical line only."""
    bias = Rational(1, 20) if activation == tanh(h) else 0
    critical, length = critical_point(activation, bias)
    law = limit(Trace(jacobian(3, 3)) / n)
    assert law.evaluate({sigma2: critical, D: derivative_law(activation, length)}) == pytest.approx(1, rel=1e-12)
    for factor in (0.9, 1.1):
        weight = factor * critical
        q = fixed_point(activation, weight, bias) if bias else 1
        mean = law.evaluate({sigma2: weight, D: derivative_law(activation, q)})
        assert mean == pytest.approx(chi(activation, q, weight) ** 3, rel=1e-12)
        assert (mean < 1) is (factor < 1)


def test_stability():
    """On the critical line the norm grows like sqrt(e L/q); off it both the mean and the norm move exponentially."""
    norms = {
        depth: sqrt(spectrum(jacobian(depth, depth)).edges(params(1, Fraction(1, 2), 2))[-1][1]) for depth in (2, 4)
    }
    ratios = [norm / oracle.polynomial_growth(depth, 0.5) for depth, norm in norms.items()]
    # e L/q is the leading order; the relative correction is of order 1/L^2
    assert ratios[0] > ratios[1] > 1
    assert (ratios[1] - 1) * 4**2 == pytest.approx((ratios[0] - 1) * 2**2, rel=0.1)
    assert norms[4] / norms[2] == pytest.approx(sqrt(2), rel=0.01)
    for weight_variance in (1, 3):
        for depth, norm in norms.items():
            off = spectrum(jacobian(depth, depth)).edges(params(1, Fraction(1, 2), weight_variance))[-1][1]
            assert sqrt(off) == pytest.approx(norm * (weight_variance / 2) ** (depth / 2), rel=1e-10)


def test_a_smooth_activation():
    """tanh: D has no atoms. Moments against the expansion of the S-transform, balls refused."""
    q = fixed_point(tanh(h), "3/2", "1/10")
    image = derivative_law(tanh(h), q)
    found = moments(jacobian(3, 3), 2).evaluate({sigma2: "3/2", D: image})
    points, weights = (np.array(x, dtype=float) for x in image.nodes(53))
    second, fourth = (weights * points**2).sum(), (weights * points**4).sum()
    assert found["m1"] == pytest.approx((1.5 * second) ** 3, rel=1e-13)
    assert found["m2"] - found["m1"] ** 2 == pytest.approx(oracle.variance(3, fourth, second, 1.5), rel=1e-12)
    resolvent = limit(Trace((jacobian(2, 2) + Identity(n)).I) / n)
    values = {sigma2: "3/2", D: image}
    assert resolvent.evaluate(values, digits=30) == pytest.approx(resolvent.evaluate(values), rel=1e-13)
    with pytest.raises(CertificationError, match="the law of D is a function of a Gaussian"):
        resolvent.certify(values)


@pytest.mark.parametrize("depth", [2, 3])
def test_orthogonal_weights(depth):
    """Dynamical isometry is lost to the masks alone: moments of a product of free projections."""
    q = Fraction(7, 10)
    found = moments(jacobian(depth, depth, orthogonal=True), 3).evaluate({D: atomic([0, 1], [1 - q, q])})
    for k in (1, 2, 3):
        assert found[f"m{k}"] == pytest.approx(float(oracle.orthogonal_moment(k, depth, q)), rel=1e-12)
    # without masks, nothing but isometry
    isometry = limit(Trace((Haar("O_1", n) * Haar("O_2", n)) * (Haar("O_1", n) * Haar("O_2", n)).T + D) / n)
    assert isometry.evaluate({D: atomic([0])}) == pytest.approx(1)


def test_pruning():
    """At random: the variance falls by 1 - s; by magnitude: by the factor of the pruned law."""
    s, kept = Rational(7, 10), magnitude_pruning("7/10")[1]
    second = moments(jacobian(2, 2), 2)
    values = params(2, Fraction(1, 2), 2)
    whole = second.evaluate(values)
    rescaled = second.evaluate(values | {sigma2: 2 * (1 - s) / (1 - s)})
    assert rescaled == pytest.approx(whole)
    at_random = second.evaluate(values | {sigma2: 2 * (1 - s)})
    assert at_random["m1"] == pytest.approx(0.3**2)
    by_magnitude = second.evaluate(values | {sigma2: 2 * kept})
    assert by_magnitude["m1"] == pytest.approx(oracle.pruned_variance(0.7) ** 2)
    # the rule (1 - s)^(-1/2) on weights pruned by magnitude makes the network chaotic
    assert second.evaluate(values | {sigma2: 2 * kept / 0.3})["m1"] > 6


@pytest.mark.parametrize("theta", [0.5, 0.99, 1.01, 2, 5])
def test_correlated_weights(theta):
    """A common factor is a rank-one term: norm 2 up to theta = 1, theta + 1/theta beyond; see BBP."""
    t, u = Symbol("theta", positive=True), Signal("u", n, norm2=1)
    W = Gaussian("W", n, n, variance=1 / n) + t * u * u.T
    assert sqrt(limit(Eigenvalue(W * W.T)).evaluate({t: theta})) == pytest.approx(
        oracle.rank_one_norm(theta), rel=1e-10
    )
    masked = D * (Gaussian("W", n, n, variance=2 / n) + t * u * u.T)
    law = {(D, u): joint({D: [0, 1], u: [1, 1]})}
    found = limit(Eigenvalue(masked * masked.T)).evaluate({t: theta, **law})
    assert found == pytest.approx(oracle.relu_layer_norm2(theta, 2), rel=1e-10)
