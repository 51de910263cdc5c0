"""Matrices whose sides grow at different rates: the rescaling, its limit, and the law at a finite ratio.

Sources: M. Seddik, H. Goulart, M. Guillaud and others, arXiv:2402.10677 (unfoldings of the nested matrix-tensor model):
rescaled spectra, outliers, thresholds; its third mode is the spiked unfolding, its second a semicircle plus a
sample-covariance law.
"""

from __future__ import annotations

import numpy as np
import pytest
from sympy import simplify, symbols

from derive import Alignment, Eigenvalue, Gaussian, Signal, Wigner, dimensions, limit, unfolding
from derive import spectrum as spectrum_of
from derive.errors import ParameterError, RegimeError
from tests.oracles import spikes as oracle

p, q, r, m, n = dimensions("p q r m n")
theta, c = symbols("theta c", positive=True)
a, b = Signal("a", p, norm2=1), Signal("b", q * r, norm2=1)
Y = theta * a * b.T + Gaussian("Z", p, q * r, variance=1 / p)
REGIME = {q: p, r: 2 * p}


@pytest.fixture(scope="module")
def unfolded():
    return unfolding(Y * Y.T, REGIME)


def test_centre_scale_and_bulk(unfolded):
    assert simplify(unfolded.centre - q * r / p) == 0
    assert simplify(unfolded.scale**2 - q * r / p) == 0
    mm, x = unfolded.curve.gens
    assert unfolded.curve.as_expr() == mm**2 + mm * x + 1
    assert unfolded.edges == (-2, 2)


def test_threshold_grows_like_the_fourth_root_of_the_ratio(unfolded):
    (spike,) = unfolded.spikes
    assert simplify(spike.unit**4 - q * r / p) == 0


# rho, location, squared alignment: reference values of mode 3
@pytest.mark.parametrize(
    ("rho", "location", "squared"),
    [
        (1.1, 2.0090909, 0.17355372),
        (1.3, 2.0692308, 0.40828402),
        (2, 2.5, 0.75),
        (4, 4.25, 0.9375),
        (8, 8.125, 0.984375),
    ],
)
def test_outlier_of_the_rescaled_matrix(unfolded, rho, location, squared):
    (outlier,) = unfolded.evaluate({theta: rho**0.5})
    assert [outlier.location, outlier.alignments[a]] == pytest.approx([location, squared], abs=1e-7)
    assert outlier.alignments[b] == 0


def test_below_the_threshold_there_is_no_outlier(unfolded):
    assert unfolded.evaluate({theta: 0.9}) == ()
    with pytest.raises(ParameterError, match="in units of its threshold"):
        unfolded.evaluate({})


def test_a_finite_ratio_is_kept_at_a_finite_size(unfolded):
    sizes = {p: 40, q: 40, r: 80}
    ratio = 80.0
    strength = 1.6 * ratio**0.25
    (outlier,) = unfolded.at(sizes, {theta: strength})
    # variance 1/p instead of 1/n: strengths and singular values are sqrt(n/p) times those of the formula
    location, left, right = oracle.rectangular(strength / ratio**0.5, 1 / ratio)
    assert outlier.location == pytest.approx((location * ratio - ratio) / ratio**0.5, rel=1e-10)
    assert [outlier.alignments[a], outlier.alignments[b]] == pytest.approx([left, right], rel=1e-10)


def test_the_limit_is_approached_like_the_square_root_of_the_ratio(unfolded):
    (limiting,) = unfolded.evaluate({theta: 1.6})
    gaps = []
    for size in (10**2, 10**4):
        (outlier,) = unfolded.at({p: size, q: size, r: 2 * size}, {theta: 1.6 * (2 * size) ** 0.25})
        gaps.append(abs(outlier.location - limiting.location))
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.05)


def test_simulation_of_an_unfolded_tensor(unfolded, seed):
    """40 x (20 * 80): the mean of 40 samples agrees with the law at this ratio, and not with the limit."""
    rng = np.random.default_rng(seed)
    size, width, trials = 40, 1600, 40
    ratio = width / size
    strength = 1.6 * ratio**0.25
    places, squared = [], []
    for _ in range(trials):
        sample = rng.standard_normal((size, width)) / np.sqrt(size)
        sample[0, 0] += strength
        values, vectors = np.linalg.eigh(sample @ sample.T)
        places.append((values[-1] - ratio) / np.sqrt(ratio))
        squared.append(vectors[0, -1] ** 2)
    (outlier,) = unfolded.at({p: size, q: 20, r: 80}, {theta: strength})
    for found, value, bias in ((places, outlier.location, 0.08), (squared, outlier.alignments[a], 0.06)):
        # bias of order 1/p at p = 40
        assert abs(np.mean(found) - value) < 5 * np.std(found) / np.sqrt(trials) + bias


def test_a_regime_with_a_power():
    u, v = Signal("u", n, norm2=1), Signal("v", m, norm2=1)
    X = theta * u * v.T + Gaussian("X", n, m, variance=1 / m)
    found = unfolding(X * X.T, {m: c * n**2})
    assert found.centre == 1
    assert simplify(found.scale**2 - n / m) == 0
    assert simplify(found.spikes[0].unit ** 4 - n / m) == 0


# ---- asked without the rescaling -----------------------------------------------------------------------------------
@pytest.mark.parametrize("ask", [lambda: spectrum_of(Y * Y.T, REGIME), lambda: limit(Eigenvalue(Y * Y.T), REGIME)])
def test_the_right_rescaling_is_named(ask):
    with pytest.raises(RegimeError, match=r"q\*r grows faster than p") as error:
        ask()
    text = str(error.value)
    assert "(M - (q*r/p) I)/(sqrt(q)*sqrt(r)/sqrt(p))" in text
    assert "theta in units of q**(1/4)*r**(1/4)/p**(1/4)" in text
    assert "unfolding(M, regime)" in text


def test_the_long_side_is_refused():
    with pytest.raises(RegimeError, match=r"acts on the long side q\*r"):
        unfolding(Y.T * Y, REGIME)


def test_equal_rates_are_refused():
    X = Gaussian("X", p, n, variance=1 / n)
    with pytest.raises(RegimeError, match="use spectrum"):
        unfolding(X * X.T, {p: c * n})


# ---- the second mode: what is left after the rescaling is a model of equal growth -----------------------------------
# c1, c2, beta_M, rho, location, squared alignment, threshold of rho, right edge
MODE_2 = [
    (3 / 6, 2 / 6, 1.5, 2, 6.9020126, 0.77857874, 0.38663443, 4.497563),
    (3 / 6, 2 / 6, 1.5, 1, 3.7340252, 0.68789985, 0.38663443, 2.9321417),
    (3 / 6, 2 / 6, 1, 3, 6.9580952, 0.50236476, 0.81934191, 6.3067888),
    (3 / 6, 2 / 6, 3, 0.4, 4.2766241, 0.8868865, 0.10654093, 2.2850003),
    (1 / 3, 1 / 3, 1, 2, 4.8333333, 0.42592593, 0.76980036, 4.4844353),
]


@pytest.mark.parametrize(("c1", "c2", "beta", "rho", "location", "squared", "threshold", "edge"), MODE_2)
def test_second_mode_of_a_nested_tensor(c1, c2, beta, rho, location, squared, threshold, edge):
    """W + rho M'M with M = beta x y' + noise of variance 1/(n1 + n2), n1 x n2."""
    n1, n2 = dimensions("n1 n2")
    k, strength, scale = symbols("k beta rho", positive=True)
    x, y = Signal("x", n1, norm2=1), Signal("y", n2, norm2=1)
    M = strength * x * y.T + Gaussian("Z", n1, n2, variance=1 / (n1 + n2))
    matrix = Wigner("W", n2, variance=1 / n2) + scale * M.T * M
    law = limit({"top": Eigenvalue(matrix), "squared": Alignment(matrix, y)}, {n1: k * n2})
    value = law.evaluate({k: c1 / c2, strength: beta, scale: rho})
    assert list(value.values()) == pytest.approx([location, squared], abs=2e-7)
    none = law.evaluate({k: c1 / c2, strength: 0.01, scale: rho})
    assert list(none.values()) == pytest.approx([edge, 0], abs=2e-6)
    sides = [law.evaluate({k: c1 / c2, strength: beta, scale: threshold * s})["squared"] for s in (0.99, 1.01)]
    assert sides[0] == 0
    assert sides[1] > 0
