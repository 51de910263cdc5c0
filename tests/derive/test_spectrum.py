"""Spectra against published values: edges, densities, atoms, moments, curves, functionals, digits and proofs."""

from __future__ import annotations

from functools import reduce
from operator import mul

import mpmath
import numpy as np
import pytest
from sympy import Integer, Poly, Rational, Symbol, Trace, cancel, expand, log, pi, sqrt, symbols

from derive import Deterministic, Gaussian, atomic, density, spectrum
from tests.derive.spectra_models import HALF, MODELS, A, B, S, W, X, b, c, n, p, x
from tests.oracles import fuss_catalan, marchenko_pastur, spectra

m, z = symbols("m z")
TWO = {c: HALF, S: atomic([1, 5])}


def test_two_atoms_edges_and_density():
    law = MODELS["two-atoms"].law()
    assert np.allclose(law.edges(TWO), spectra.TWO_ATOMS, rtol=5e-15, atol=0)
    assert np.allclose(np.ravel(law.edges(TWO)), spectra.two_atom_edges(0.5, [1, 5], [0.5, 0.5]), rtol=1e-10)
    for place, value in spectra.TWO_ATOMS_DENSITY.items():
        assert law.density(place, TWO) == pytest.approx(value, rel=2e-12)
    assert law.atoms(TWO) == {}
    # in the gap of width 0.018, and to both sides of it
    assert law.density([1.668, 1.65, 1.69], TWO)[0] == 0
    assert np.all(law.density([1.65, 1.69], TWO) > 0.01)


def test_anticommutator():
    law = MODELS["anticommutator"].law()
    edge = spectra.ANTICOMMUTATOR_EDGE
    assert np.allclose(law.edges(), [(-edge, edge)], rtol=4e-16, atol=0)
    for place, value in spectra.ANTICOMMUTATOR_DENSITY.items():
        assert law.density(place) == pytest.approx(value, rel=5e-15)
    assert law.density(-1) == pytest.approx(law.density(1), rel=1e-14)


def test_atom_of_a_wide_matrix():
    law = MODELS["marchenko-pastur"].law()
    for ratio in (2, Rational(5, 3), 7):
        assert law.atoms({c: ratio}) == {0: 1 - 1 / Rational(ratio)}
        assert law.mass({c: ratio}) == pytest.approx(1 / ratio, abs=1e-14)
    assert law.atoms({c: HALF}) == {}
    # the companion has the atom on the other side
    companion = MODELS["companion"].law()
    assert companion.atoms({c: HALF}) == {0: HALF}
    assert np.allclose(companion.edges({c: HALF}), law.edges({c: HALF}), rtol=1e-15)


def test_atoms_of_masks():
    assert MODELS["one-mask"].law().atoms(MODELS["one-mask"].params) == {0: HALF}
    # an atom at the hard edge of the bulk
    law, params = MODELS["two-masks"].law(), MODELS["two-masks"].params
    assert law.atoms(params) == {0: HALF}
    assert law.edges(params)[0][0] == 0


@pytest.mark.parametrize("layers", [2, 3])
def test_products_of_square_gaussians(layers):
    law = MODELS[f"fuss-catalan-{layers}"].law()
    ((low, high),) = law.edges()
    assert low == 0
    assert high == pytest.approx(fuss_catalan.edge(layers), rel=1e-15)
    moments = law.moments(6)
    assert moments == tuple(Integer(round(fuss_catalan.moment(layers, k))) for k in range(1, 7))
    if layers == 2:
        assert moments[:4] == (1, 3, 12, 55)


def test_fuss_catalan_density_up_to_the_hard_edge():
    law = MODELS["fuss-catalan-2"].law()
    places = np.array([1e-12, 1e-8, 1e-4, 0.1, 1, 3, 6, 6.7])
    assert np.allclose(law.density(places), spectra.fuss_catalan_density(places), rtol=1e-12, atol=0)


def test_log_determinant():
    law = MODELS["marchenko-pastur"].law()
    assert law.linear_statistic(log(x), {c: HALF}) == pytest.approx(spectra.LOG_DETERMINANT_HALF, abs=2e-15)
    found = law.linear_statistic(log(x), {c: [0.1, 0.9, 0.999]})
    assert np.allclose(found, [spectra.log_determinant(t) for t in (0.1, 0.9, 0.999)], rtol=1e-12)
    # at c = 1 the bulk reaches 0
    assert law.linear_statistic(log(x), {c: 1}) == pytest.approx(-1, abs=1e-13)
    assert law.linear_statistic(np.log, {c: HALF}) == pytest.approx(spectra.LOG_DETERMINANT_HALF, abs=2e-15)


def test_free_sum_of_semicircle_and_three_atoms():
    law, params = MODELS["law-plus-wigner"].law(), MODELS["law-plus-wigner"].params
    for place, value in spectra.THREE_ATOMS_DENSITY.items():
        assert law.density(place, params) == pytest.approx(value, abs=6e-8)


HALVES = [HALF, HALF]
CURVES = {
    "inverse-wishart": (None, spectra.inverse_wishart(m, z, c)),
    "law-plus-wishart": ({B: atomic([1, 5])}, spectra.law_plus_wishart([1, 5], HALVES, m, z, c)),
    "two-atoms": ({S: atomic([1, 5])}, spectra.law_times_wishart([1, 5], HALVES, m, z, c)),
    "wigner-plus-wishart": (None, spectra.wigner_plus_wishart(m, z, c)),
    "wishart-times-wishart": (None, spectra.wishart_times_wishart(m, z, c, c / b)),
}


@pytest.mark.parametrize("name", CURVES)
def test_curves_of_the_polynomial_method(name):
    laws, expected = CURVES[name]
    curve = MODELS[name].law().curve(laws)
    assert isinstance(curve, Poly)
    assert [g.name for g in curve.gens] == ["m", "z"]
    # irreducible, so equal up to a factor without m and z
    ratio = cancel(curve.as_expr() / expected)
    assert not ratio.free_symbols & {m, z}
    assert ratio != 0
    assert cancel(curve.as_expr() / (expected + m)).free_symbols & {m, z}
    # numbers for the parameters: the same curve
    numbers = {symbol: Rational(2, 7) for symbol in (c, b) if symbol in MODELS[name].law().parameters}
    special = MODELS[name].law().curve({**(laws or {}), **numbers})
    assert not cancel(special.as_expr() / expected.subs(numbers)).free_symbols


def test_the_limit_lies_on_the_curve_of_a_law_of_arrays():
    law = MODELS["law-plus-wigner"].law()
    params = {A: [[1, "1/2"], ["1/2", -1]]}
    curve = law.curve(params)
    value = law.stieltjes.evaluate({**params, law.z: "0.3+0.2j"}, digits=30)
    with mpmath.workdps(30):
        terms = [int(k) * value**i * mpmath.mpc("0.3", "0.2") ** j for (i, j), k in curve.terms()]
        assert abs(mpmath.fsum(terms)) < mpmath.mpf(10) ** -26 * max(map(abs, terms))
    # an array counts through its eigenvalues +-sqrt(5)/2, irrational although the curve is not
    both = law.edges({A: atomic([1.118033988749895, -1.118033988749895])})
    assert np.allclose(law.edges(params), both, atol=1e-14)


def test_discriminants():
    law = MODELS["marchenko-pastur"].law()
    # its roots are the edges (1 -+ sqrt c)^2
    expected = z**2 - 2 * (c + 1) * z + (c - 1) ** 2
    assert not cancel(law.discriminant().as_expr() / expected).free_symbols & {z}
    roots = [root for root in law.discriminant({c: 2}).nroots(n=20) if root.is_real]
    assert np.allclose([float(root) for root in roots], marchenko_pastur.edges(2), rtol=1e-14)


def test_moments():
    law = MODELS["marchenko-pastur"].law()
    assert [expand(v) for v in law.moments(6)] == [expand(spectra.marchenko_pastur_moment(k, c)) for k in range(1, 7)]
    # with a law that stays open they are polynomials in its moments: the first two by hand
    general = MODELS["two-atoms"].law().moments(2)
    t1, t2 = Trace(S) / p, Trace(S**2) / p
    assert expand(general[0] - t1) == 0
    assert expand(general[1] - t2 - c * t1**2) == 0
    assert MODELS["two-atoms"].law().moments(3, TWO) == pytest.approx([3, 17.5, 128.25], rel=1e-13)
    # of the inverse of a Wishart: 1/(1 - c), 1/(1 - c)^3
    inverse = MODELS["inverse-wishart"].law().moments(2)
    assert cancel(inverse[0] - 1 / (1 - c)) == 0
    assert cancel(inverse[1] - 1 / (1 - c) ** 3) == 0
    batch = MODELS["marchenko-pastur"].law().moments(2, {c: np.array([0.5, 2.0])})
    assert np.allclose(batch, [[1, 1], [1.5, 3]])


def test_edges_to_fifty_digits():
    with mpmath.workdps(60):
        ((low, high),) = MODELS["marchenko-pastur"].law().edges({c: HALF}, digits=50)
        assert abs(low - (1 - mpmath.sqrt(mpmath.mpf(1) / 2)) ** 2) < mpmath.mpf(10) ** -50
        assert abs(high - (1 + mpmath.sqrt(mpmath.mpf(1) / 2)) ** 2) < mpmath.mpf(10) ** -49
        ((_, edge),) = MODELS["anticommutator"].law().edges(digits=50)
        assert abs(edge - mpmath.sqrt((11 + 5 * mpmath.sqrt(5)) / 2)) < mpmath.mpf(10) ** -49
        value = MODELS["anticommutator"].law().density(0, digits=40)
        assert abs(value - 1 / mpmath.pi) < mpmath.mpf(10) ** -40


def test_edges_of_a_law_with_a_density():
    """No curve: a semicircle added to a Wigner matrix is a semicircle of twice the variance."""
    law = spectrum(A + W)
    params = {A: density(sqrt(4 - x**2) / (2 * pi), (x, -2, 2))}
    assert law.curve(params) is None
    assert np.allclose(law.edges(params), [(-np.sqrt(8), np.sqrt(8))], rtol=1e-13)
    assert law.density(1, params) == pytest.approx(np.sqrt(7) / (4 * np.pi), rel=1e-12)
    assert law.mass(params) == pytest.approx(1, abs=1e-13)
    with mpmath.workdps(40):
        ((_, edge),) = law.edges(params, digits=30)
        assert abs(edge - mpmath.sqrt(8)) < mpmath.mpf(10) ** -29


def test_an_atom_beside_a_law_with_a_density():
    law = spectrum(X.T * S * X, {p: c * n})
    params = {c: HALF, S: density(Rational(1, 4), (x, 1, 5))}
    ((place, mass),) = law.atoms(params).items()
    assert place == 0
    assert float(mass) == pytest.approx(0.5, abs=1e-9)
    assert law.mass(params) == pytest.approx(0.5, abs=1e-9)


def test_certified_edges():
    proof = MODELS["two-atoms"].law().certify(TWO, digits=30)
    for (low, high), (a, d) in zip(proof.midpoints, spectra.TWO_ATOMS, strict=True):
        assert float(low) == pytest.approx(a, rel=5e-15)
        assert float(high) == pytest.approx(d, rel=5e-15)
    assert all(float(radius) < 1e-28 for pair in proof.radii for radius in pair)
    # two edges of a gap of width 0.018 belong to different balls
    assert proof.intervals[0][1] < proof.intervals[1][0]
    exact = MODELS["fuss-catalan-2"].law().certify(digits=20)
    assert exact.intervals[0][1] == 27 / 4


def test_certified_density():
    ball = MODELS["anticommutator"].law().certify(x=0, digits=30)
    assert ball.contains("0.318309886183790671537767526745028724")
    assert not ball.contains("0.3183098861837907")


def test_density_over_parameters_in_one_call(monkeypatch):
    law = MODELS["marchenko-pastur"].law()
    calls = []
    evaluate = type(law.stieltjes).evaluate
    monkeypatch.setattr(type(law.stieltjes), "evaluate", lambda *a, **k: calls.append(1) or evaluate(*a, **k))
    ratios = np.linspace(0.2, 3, 500)
    places = np.array([0.5, 1.0, 2.5])
    values = law.density(places, {c: ratios[:, None]})
    assert values.shape == (500, 3)
    expected = [spectra.marchenko_pastur_density(places, t) for t in ratios]
    assert np.allclose(values, expected, rtol=1e-9, atol=1e-11)
    assert len(calls) == 1


def test_edges_of_a_batch():
    law = MODELS["marchenko-pastur"].law()
    found = law.edges({c: [0.25, 0.5]})
    assert np.allclose(found, [[marchenko_pastur.edges(0.25)], [marchenko_pastur.edges(0.5)]])


def test_what_a_spectrum_shows():
    law = MODELS["marchenko-pastur"].law()
    assert law.parameters == (c,)
    assert law.regime == {p: c * n}
    assert [letter.name for letter in law.letters] == ["X"]
    assert repr(law).startswith("Spectrum of X*X.T(")
    assert "independent centred" in law.latex()
    assert law.steps
    # a parameter called z keeps its name
    named = Symbol("z", positive=True)
    other = spectrum(named * X * X.T, {p: c * n})
    assert other.z.name != "z"
    assert np.allclose(other.edges({"z": 2, c: 1}), [(0, 8)])


@pytest.mark.parametrize("layers", [4, 10])
def test_deep_products(layers):
    """Layers with half of their units masked: an atom of one half, and the support of MP(1)^(x layers) x masks."""
    weights = [Gaussian(f"G_{k}", n, n, variance=2 / n) for k in range(layers)]
    masks = [Deterministic(f"D_{k}", n, n, symmetric=True) for k in range(layers)]
    J = reduce(mul, [w * d for w, d in zip(weights, masks, strict=True)])
    law, params = spectrum(J * J.T), {d: atomic([0, 1]) for d in masks}
    assert law.atoms(params) == {0: HALF}
    # S-transforms multiply: 1/(1 + y) of a square Wishart, (1 + y)/(1/2 + y) of a mask, 1/2 of the variance; the edge
    # is the least value of x(y) = (1 + y)/(y S(y)) for y > 0
    y = np.linspace(1e-4, 1, 400_001)
    edge = np.min((1 + y) * (1 + 2 * y) ** layers / y)
    ((low, high),) = law.edges(params)
    assert low == 0
    assert high == pytest.approx(edge, rel=1e-8)
    assert law.mass(params) == pytest.approx(0.5, abs=1e-13)
    assert law.linear_statistic(x, params) == pytest.approx(1, rel=1e-12)
