"""Spectra that reach 0 through a law with values close to 0: one layer of a smooth activation, and two.

Oracle: with ``t = phi'(h)^2`` and ``m = 1/k`` the law of ``D W W' D`` solves ``x = -k^2 E[1/(k + t)]`` (Marchenko and
Pastur's equation for square W), here with a quadrature of its own.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from sympy import Rational, Symbol, tanh

from derive import BranchError, Deterministic, Gaussian, derivative_law, dimensions, spectrum
from derive.spectral import point

n = dimensions("n")
h = Symbol("h")
D, E = (Deterministic(name, n, n, symmetric=True) for name in "DE")
W, V = (Gaussian(name, n, n, variance=1 / n) for name in "WV")
LAWS = {D: derivative_law(tanh(h), Rational(1, 2))}


U = np.linspace(-11, 11, 8001)
WEIGHT = np.exp(-(U**2)) / np.sqrt(np.pi) * (U[1] - U[0])
T = 1 / np.cosh(U) ** 4


def place(k):
    """x(k) and its derivative; the trapezoidal rule converges geometrically for a Gaussian weight."""
    value = np.sum(WEIGHT / (k + T))
    return -(k**2) * value, -2 * k * value + k**2 * np.sum(WEIGHT / (k + T) ** 2)


def density(x):
    """The solution on the branch k ~ -i sqrt(x / E[1/t]), continued from small x by Newton's method."""
    k, before = -1j * np.sqrt(1e-30 / np.sum(WEIGHT / T)), 1e-30
    for target in [*10.0 ** np.arange(-29.5, np.log10(x), 0.25), x]:
        k, before = k * np.sqrt(target / before), target
        for _ in range(30):
            value, slope = place(k)
            k -= (value - target) / slope
        assert abs(value / target - 1) < 1e-13
    return (1 / k).imag / np.pi


@pytest.fixture(scope="module")
def one():
    return spectrum((D * W) * (D * W).T, {})


def test_edges(one):
    """The upper edge is where dx/dk = 0 on the negative axis left of the support of -t."""
    ((low, high),) = one.edges(LAWS)
    critical = brentq(lambda k: place(k)[1], -10, -1.01, xtol=1e-14)
    assert low == 0
    assert high == pytest.approx(place(critical)[0], rel=1e-12)
    assert one.atoms(LAWS) == {}


@pytest.mark.parametrize("x", [1e-14, 1e-9, 1e-6, 1e-2])
def test_density(one, x):
    assert one.density(x, LAWS) == pytest.approx(density(x), rel=1e-11 if x > 1e-7 else 1e-8)


def test_mass_and_mean(one):
    assert one.cdf(one.edges(LAWS)[0][1], LAWS) == pytest.approx(1, abs=1e-12)
    assert one.linear_statistic(lambda x: x, LAWS) == pytest.approx(one.moments(1, LAWS)[0], rel=1e-12)
    median = one.quantiles(0.5, LAWS)
    assert one.cdf(median, LAWS) == pytest.approx(0.5, rel=1e-12)


def test_a_solution_that_is_lost_is_an_error(monkeypatch):
    """Without the continuation the mass next to 0 is missing, and nothing is given."""
    law = spectrum((D * W) * (D * W).T, {})
    monkeypatch.setattr(point, "continued", lambda law, z, params, start, x: np.full(x.shape, np.nan, dtype=complex))
    with pytest.raises(BranchError, match="did not converge on the axis"):
        law.edges(LAWS)


def test_the_plot_rises_to_the_edge(one):
    """No line falls to 0 at the hard edge, where the series goes on to places without mass."""
    (axes,) = one.plot(LAWS).axes
    x, y = np.concatenate([line.get_xydata() for line in axes.lines]).T
    assert np.all(y[x < 1e-3] > 5)


@pytest.mark.slow
def test_two_layers_against_simulation():
    """Density of x^(-2/3) kind; the empirical distribution of eigenvalues, within a few 1/sqrt(n)."""
    J = E * V * D * W
    law = spectrum(J * J.T, {})
    laws = LAWS | {E: LAWS[D]}
    size = 800
    rng = np.random.default_rng(3)
    masks = [1 / np.cosh(np.sqrt(0.5) * rng.standard_normal(size)) ** 2 for _ in range(2)]
    first, second = (mask[:, None] * rng.standard_normal((size, size)) / np.sqrt(size) for mask in masks)
    found = np.sort(np.linalg.svd(second @ first, compute_uv=False) ** 2)
    gap = np.abs(law.cdf(found, laws) - (np.arange(size) + 0.5) / size)
    # the masks are random: 1/sqrt(n), with a small constant
    assert np.max(gap) < 1.6 / np.sqrt(size)
    assert law.linear_statistic(lambda x: x, laws) == pytest.approx(law.moments(1, laws)[0], rel=1e-11)
