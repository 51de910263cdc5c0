"""What holds for every spectrum: mass 1, a distribution function with its inverse, moments that are integrals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import sqrt

from derive import BranchError, atomic
from derive.spectral.numeric_support import numeric_support
from derive.spectral.pieces import Variable, expand
from tests.derive.spectra_models import HALF, MODELS, A, S, c, x
from tests.oracles import marchenko_pastur, spectra

BOUNDED = [name for name in MODELS if name != "inverse-of-a-wigner"]


@pytest.mark.parametrize("name", MODELS)
def test_mass_and_quantiles(name):
    law, params = MODELS[name].law(), MODELS[name].params
    atoms = law.atoms(params)
    assert law.mass(params) + float(sum(atoms.values())) == pytest.approx(1, abs=1e-13)
    # the smallest place with at least that mass: exact outside atoms
    levels = np.array([0.013, 0.1, 0.37, 0.5001, 0.77, 0.99, 0.9999])
    places = law.quantiles(levels, params)
    assert np.all(np.diff(places) >= 0)
    free = np.array([not any(abs(place - float(a)) < 1e-15 for a in atoms) for place in places])
    assert np.allclose(law.cdf(places, params)[free], levels[free], atol=2e-14)
    assert np.all(law.cdf(places, params) >= levels - 2e-14)
    for a, mass in atoms.items():
        assert law.cdf(float(a), params) - law.cdf(float(a) - 1e-9, params) == pytest.approx(float(mass), abs=1e-4)


@pytest.mark.parametrize("name", BOUNDED)
def test_moments_are_integrals(name):
    law, params = MODELS[name].law(), MODELS[name].params
    moments = np.array(law.moments(4, params), dtype=float)
    integrals = [law.linear_statistic(x**k, params) for k in range(1, 5)]
    assert np.allclose(moments, integrals, rtol=1e-12, atol=1e-12)
    assert law.linear_statistic(lambda v: np.ones_like(v), params) == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize(
    "name", ["two-atoms", "law-plus-wigner", "anticommutator", "wishart-times-wishart", "one-mask"]
)
def test_two_routes_to_the_density(name):
    """The curve's branch against the solver of the limit, which knows nothing of the curve."""
    law, params = MODELS[name].law(), MODELS[name].params
    places = law.quantiles(np.linspace(0.51, 0.99, 25), params) + 1e-3
    direct = law.stieltjes.evaluate({**params, law.z: places + 0j}).imag / np.pi
    assert np.allclose(law.density(places, params), direct, rtol=1e-10, atol=1e-13)
    # the derivative of the distribution function
    step = 1e-5
    rise = (law.cdf(places + step, params) - law.cdf(places - step, params)) / (2 * step)
    assert np.allclose(rise, law.density(places, params), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["two-atoms", "two-atoms-companion", "law-plus-wigner", "wigner-plus-wishart"])
def test_the_scan_finds_what_the_curve_proves(name):
    law, params = MODELS[name].law(), MODELS[name].params
    point = law.at(params)
    scan = numeric_support(point.transform)
    found = [(float(i.ends[0]), float(i.ends[-1])) for i in scan.intervals]
    assert np.allclose(found, point.edges(), rtol=1e-12)
    assert len(scan.atoms) == len(point.support.atoms)
    for (a, mass), (b, exact) in zip(scan.atoms.items(), point.support.atoms.items(), strict=True):
        assert float(a) == pytest.approx(float(b), abs=1e-9)
        assert float(mass) == pytest.approx(float(exact), abs=1e-8)


@settings(max_examples=12, deadline=None)
@given(
    ratio=st.floats(0.05, 4).map(lambda v: round(v, 4)),
    points=st.lists(st.floats(0.1, 9).map(lambda v: round(v, 3)), min_size=1, max_size=4, unique=True),
)
def test_random_populations(ratio, points):
    law = MODELS["two-atoms"].law()
    params = {c: ratio, S: atomic(points)}
    weights = [1 / len(points)] * len(points)
    expected = [e for e in spectra.two_atom_edges(ratio, points, weights) if e > 1e-9]
    found = np.ravel(law.edges(params))
    assert np.allclose(found[found > 1e-9], expected, rtol=1e-6)
    atom = float(sum(law.atoms(params).values()))
    assert atom == pytest.approx(max(0, 1 - 1 / ratio), abs=1e-12)
    assert law.mass(params) + atom == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("half_width", ["1.001", "1.000001", "1.00000001"])
def test_a_gap_as_narrow_as_one_likes(half_width):
    """Wigner plus +-a: at a = 1 the gap closes, like 2 (2 (a - 1)/3)^(3/2) before."""
    law, params = MODELS["law-plus-wigner"].law(), {A: atomic([half_width, f"-{half_width}"])}
    (_, low), (high, _) = law.edges(params)
    width = (4 / 3) ** 1.5 * (float(half_width) - 1) ** 1.5
    assert high - low == pytest.approx(width * np.sqrt(2), rel=1e-2)
    assert law.mass(params) == pytest.approx(1, abs=1e-13)


def test_a_closed_gap_is_one_interval():
    law = MODELS["law-plus-wigner"].law()
    for half_width in ("1", "0.999"):
        params = {A: atomic([half_width, f"-{half_width}"])}
        assert len(law.edges(params)) == 1
        assert law.mass(params) == pytest.approx(1, abs=1e-13)
    # at the cusp the density vanishes like |x|^(1/3), and is said to be singular
    with pytest.raises(BranchError, match="singular point"):
        law.density(0, {A: atomic([1, -1])})
    near = law.density([1e-9, 8e-9], {A: atomic([1, -1])})
    assert near[1] / near[0] == pytest.approx(2, rel=1e-5)


def test_hard_edges():
    law = MODELS["marchenko-pastur-square"].law()
    places = np.array([1e-14, 1e-9, 1e-3, 1.0, 3.9999])
    assert np.allclose(law.density(places, {c: 1}), spectra.marchenko_pastur_density(places, 1.0), rtol=1e-11)


def test_unbounded_supports():
    law = MODELS["inverse-wishart"].law()
    ((low, high),) = law.edges({c: 1})
    assert (low, high) == (0.25, np.inf)
    # the eigenvalues are the inverses of Marchenko-Pastur ones
    direct = MODELS["marchenko-pastur"].law()
    levels = np.array([0.1, 0.5, 0.9])
    assert np.allclose(law.quantiles(levels, {c: 1}), 1 / direct.quantiles(1 - levels, {c: 1}), rtol=1e-12)
    wigner = MODELS["inverse-of-a-wigner"].law()
    assert wigner.edges() == [(-np.inf, -0.5), (0.5, np.inf)]
    assert wigner.quantiles(0.75) == pytest.approx(1 / 0.8079455065990344, rel=1e-12)


def test_distribution_of_marchenko_pastur():
    """By Gauss-Chebyshev quadrature of the published density."""
    law = MODELS["marchenko-pastur"].law()
    low, high = marchenko_pastur.edges(0.5)
    middle, half = (low + high) / 2, (high - low) / 2
    angle = (np.arange(400) + 0.5) * np.pi / 800  # the upper half
    nodes = middle + half * np.cos(angle)
    mass = np.sum(half * np.sin(angle) * spectra.marchenko_pastur_density(nodes, 0.5)) * np.pi / 800
    assert law.cdf(middle, {c: HALF}) == pytest.approx(1 - mass, abs=1e-5)
    assert law.cdf([low, high], {c: HALF}).tolist() == [0, pytest.approx(1, abs=1e-15)]


def test_batches():
    law = MODELS["marchenko-pastur"].law()
    ratios = np.array([[0.5], [2.0]])
    assert law.cdf([1.0, 2.0, 3.0], {c: ratios}).shape == (2, 3)
    medians = law.quantiles(0.5, {c: [0.5, 2.0]})
    assert medians[0] == pytest.approx(law.quantiles(0.5, {c: 0.5}))
    assert medians[1] == 0
    assert np.allclose(law.mass({c: [0.5, 2.0]}), [1, 0.5])
    assert np.allclose(law.linear_statistic(sqrt(x), {c: [0.5, 2.0]})[1] * 2, 1.197, atol=1)
    assert law.atoms({c: [0.5, 2.0]}) == [{}, {0: HALF}]


def test_a_series_that_does_not_converge_is_an_error():
    rng = np.random.default_rng(0)
    with pytest.raises(BranchError, match="not resolved"):
        expand(Variable(0.0, 1.0, (2, 2), 1.0), lambda x, slope, guesses: 1j * rng.uniform(1, 2, x.shape))


def test_missing_mass_is_an_error(monkeypatch):
    """Half of the support is taken away: the check of the mass must see it."""
    from dataclasses import replace

    law, params = MODELS["two-atoms"].law(), MODELS["two-atoms"].params
    point = law.at(params)
    support = point.support
    point.__dict__["support"] = replace(support, intervals=support.intervals[:1])
    with pytest.raises(BranchError, match=r"have mass 0\.5"):
        law.mass(params)
