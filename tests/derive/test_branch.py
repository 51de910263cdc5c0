"""Which solution: the limit, never another root of the equations, and a refusal where there is no limit."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Identity, Rational, Symbol, Trace, symbols
from sympy.matrices.expressions import Adjoint

from derive import BranchError, Deterministic, Gaussian, Signal, Status, Wigner, atomic, density, dimensions, limit
from tests.oracles import free_sum, marchenko_pastur, polynomials, sample_covariance, semicircle

n, p = dimensions("n p")
c, b, v = symbols("c b v", positive=True)
z = Symbol("z")
In, Ip = Identity(n), Identity(p)
X = Gaussian("X", p, n, variance=1 / n)
Sigma = Deterministic("Sigma", p, p, positive=True)
A = Deterministic("A", n, n, symmetric=True)
W = Wigner("W", n, variance=v / n)
TWO = atomic([1, 5])
HALF = [0.5, 0.5]
# the bulk of {1, 5} at c = 1/2: two intervals with a narrow gap
EDGES = [0.124658778375258, 1.65937419573788, 1.67752738532051, 11.5384396405664]


@pytest.fixture(scope="module")
def pastur():
    return limit(Trace((X * X.T - z * Ip).I) / p, {p: c * n})


@pytest.fixture(scope="module")
def two_atoms():
    Y = Sigma ** Rational(1, 2) * X
    return limit(Trace((Y * Y.T - z * Ip).I) / p, {p: c * n})


def in_bulk(x):
    return (EDGES[0] < x < EDGES[1]) or (EDGES[2] < x < EDGES[3])


@pytest.mark.parametrize("point", [0.1, 3, 1 + 0.5j, -2.0, 0.2499, 2.2501, 1e-8, 1e6, -1e9, 1e-3j, 1e8j])
def test_marchenko_pastur(pastur, point):
    expected = marchenko_pastur.stieltjes(point, 0.25)
    found = pastur.evaluate({c: 0.25, z: point})
    # near an edge half of the digits are lost, on both sides of the comparison
    near = abs(point - 0.25) < 1e-3 or abs(point - 2.25) < 1e-3
    assert abs(found - expected) < (1e-8 if near else 1e-11) * abs(expected)


def test_the_spurious_root_is_not_returned(pastur):
    found = pastur.evaluate({c: 0.25, z: 0.1})
    assert abs(found - marchenko_pastur.LEFT_OF_BULK) < 5e-4
    assert abs(marchenko_pastur.other_root(0.1, 0.25) - marchenko_pastur.LEFT_OF_BULK_SPURIOUS) < 5e-4


def test_narrow_gap(two_atoms):
    found = two_atoms.evaluate({c: 0.5, z: 1.668, Sigma: TWO})
    assert abs(found - sample_covariance.stieltjes(1.668, 0.5, [1, 5], HALF)) < 1e-11
    # an iteration that stays on the real axis would land elsewhere
    companion = sample_covariance.companion(1.668, 0.5, [1, 5], HALF)
    assert companion < 0


def test_status_says_exactly_where_the_bulk_is(two_atoms):
    grid = np.concatenate([np.linspace(-1, 13, 281), *(np.array(EDGES) * (1 + s) for s in (-1e-6, 1e-6, -1e-9, 1e-9))])
    grid = grid[grid != 0]
    found = two_atoms.evaluate({c: 0.5, z: grid, Sigma: TWO}, full_output=True)
    inside = np.array([in_bulk(x) for x in grid])
    assert np.array_equal(found.status == Status.INSIDE_BULK, inside)
    assert np.array_equal(found.status == Status.CONVERGED, ~inside)
    assert np.all(np.isnan(found.value[inside]))
    expected = [sample_covariance.stieltjes(x, 0.5, [1, 5], HALF).real for x in grid[~inside]]
    assert np.allclose(found.value[~inside], expected, rtol=1e-6)


def test_boundary_value_is_the_density(two_atoms):
    """Imaginary part +0 asks for the limit from above: positive exactly on the bulk, of mass one."""
    grid = np.linspace(0.05, 12, 4001)
    found = two_atoms.evaluate({c: 0.5, z: grid + 0j, Sigma: TWO})
    inside = np.array([in_bulk(x) for x in grid])
    assert np.all(found.imag[inside] > 1e-3 * 0.01)
    assert np.max(np.abs(found.imag[~inside])) < 1e-12
    assert abs(np.trapezoid(found.imag, grid) / np.pi - 1) < 2e-3
    above = two_atoms.evaluate({c: 0.5, z: grid[::400] + 1e-9j, Sigma: TWO})
    assert np.allclose(found[::400], above, atol=1e-6)


@pytest.mark.parametrize("point", [1 + 0j, "1+0j", np.complex128(1 + 0j)])
def test_the_ways_to_write_plus_zero(pastur, point):
    found = pastur.evaluate({c: 0.25, z: point})
    assert abs(found - marchenko_pastur.stieltjes(1 + 1e-14j, 0.25)) < 1e-10
    assert abs(complex(pastur.evaluate({c: "1/4", z: point}, digits=20)) - found) < 1e-14


@pytest.mark.parametrize("point", [1.0, 1, "1", complex(1, -0.0), "1-0j"])
def test_a_real_point_in_the_bulk_is_refused_by_its_interval(pastur, point):
    with pytest.raises(BranchError, match=r"z = 1 lies inside the bulk \[0\.25, 2\.25\]"):
        pastur.evaluate({c: 0.25, z: point})


@pytest.mark.parametrize(
    ("point", "interval"),
    [(1.0, r"\[0\.12465878, 1\.6593742\]"), (1.6592, r"1\.6593742\]"), (5.0, r"\[1\.6775274, 11\.53844\]")],
)
def test_the_interval_named_stops_at_a_narrow_gap(two_atoms, point, interval):
    with pytest.raises(BranchError, match=interval):
        two_atoms.evaluate({c: 0.5, z: point, Sigma: TWO})


@pytest.mark.parametrize("point", [EDGES[0], 2.25])
def test_an_edge_is_no_number_or_the_right_one(pastur, two_atoms, point):
    law, params = (pastur, {c: 0.25}) if point == 2.25 else (two_atoms, {c: 0.5, Sigma: TWO})
    found = law.evaluate({**params, z: point}, full_output=True)
    if found.status == Status.CONVERGED:
        expected = law.evaluate({**params, z: point + 1e-12j})
        assert abs(found.value - expected) < 1e-4 * abs(expected)
    else:
        assert np.isnan(found.value)


@pytest.mark.parametrize("ridge", [1e-6, 1e-4, 1.0, 1e6, 1e12, 1e100])
@pytest.mark.parametrize("ratio", [0.01, 0.5, 1.0, 2.0, 50.0])
def test_tiny_and_huge_ridges(pastur, ridge, ratio):
    found = pastur.evaluate({c: ratio, z: -ridge})
    # c (-l) m^2 + (c - 1 - l) m + 1 = 0, its positive root without cancellation
    h = 1 + ridge - ratio
    root = np.hypot(h, 2 * np.sqrt(ratio * ridge))
    expected = 2 / (h + root) if h > 0 else (root - h) / (2 * ratio * ridge)
    assert abs(found - expected) < 1e-9 * expected


@pytest.mark.parametrize("point", [2.01, 3.0, -2.5, 100.0, 0.3 + 1e-6j, 1j, -1 - 2j, 1.5 + 0j])
def test_wigner(point):
    law = limit(Trace((W - z * In).I) / n)
    for variance in (1.0, 0.25):
        expected = semicircle.stieltjes(complex(point) + (1e-300j if np.iscomplexobj(point) else 0), variance)
        found = law.evaluate({v: variance, z: point})
        if np.iscomplexobj(point) and np.imag(point) == 0 and variance == 1.0:
            assert found.imag > 0
        assert abs(found - expected) < 1e-12


@pytest.mark.parametrize("point", [6.0, -5.0, 1j, 0.4 + 0.1j, 1.0 + 1e-4j])
def test_free_sum(point):
    law = limit(Trace((A + W - z * In).I) / n)
    found = law.evaluate({v: 0.5, z: point, A: atomic([-1, 2], ["1/3", "2/3"])})
    assert abs(found - free_sum.stieltjes(point, 0.5, [-1, 2], [1 / 3, 2 / 3])) < 1e-10


def test_free_sum_with_a_density():
    """A semicircle plus a Wigner matrix is a semicircle."""
    x = Symbol("x")
    from sympy import pi, sqrt

    half = density(2 * sqrt(1 - x**2) / pi, (x, -1, 1))
    law = limit(Trace((A + W - z * In).I) / n)
    for point in (2.5, 0.3 + 0.2j, -1.7):
        found = law.evaluate({v: 0.25, z: point, A: half})
        assert abs(found - semicircle.stieltjes(point, 0.5)) < 1e-12


def test_anticommutator_on_the_axis():
    V = Wigner("V", n, variance=1 / n)
    U = Wigner("U", n, variance=1 / n)
    law = limit(Trace((U * V + V * U - z * In).I) / n)
    # edges at +-3.3301906767855614: sqrt((11 + 5 sqrt 5)/2)
    edge = np.sqrt((11 + 5 * np.sqrt(5)) / 2)
    found = law.evaluate({z: np.array([edge - 1e-6, edge + 1e-6, -edge - 1e-6])}, full_output=True)
    assert found.status.tolist() == [1, 0, 0]
    assert abs(law.evaluate({z: 4.0}) + polynomials.anticommutator(4.0)) < 1e-12


def test_spike_outside_the_bulk():
    u = Signal("u", n, norm2=1)
    law = limit(u.T * (W + b * u * u.T - z * In).I * u)
    for beta, point in ((1.5, 3.0), (1.5, 2.05), (0.5, 2.2), (1.5, 1 + 1j), (1.5, -3.0)):
        found = law.evaluate({v: 1, b: beta, z: point})
        assert abs(found - semicircle.spiked_form(point, beta)) < 1e-10 * abs(found)


# -- no self-adjointness ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ginibre():
    return limit(Trace((Gaussian("Z", n, n, variance=1 / n) - z * In).I) / n)


def test_square_matrix_outside_its_disc(ginibre):
    points = np.array([2, -1.5, 1.01, 1j + 1, 0.8 + 0.7j, -3j])
    assert np.allclose(ginibre.evaluate({z: points}), -1 / points, rtol=1e-12)


@pytest.mark.parametrize("point", [0.5, 0.99, -0.3, 0.5 + 0.5j, 0.1j, 0.6 - 0.7j])
def test_square_matrix_inside_its_disc(ginibre, point):
    with pytest.raises(BranchError, match="singular values arbitrarily close to 0"):
        ginibre.evaluate({z: point})


def test_status_across_the_circle(ginibre):
    radii, angles = np.array([0.2, 0.6, 0.97, 1.03, 1.4, 3]), np.linspace(0, 2 * np.pi, 7)
    points = radii[:, None] * np.exp(1j * angles)
    found = ginibre.evaluate({z: points}, full_output=True)
    assert np.array_equal(found.status == Status.NOT_INVERTIBLE, np.abs(points) < 1)
    assert np.array_equal(found.status == Status.CONVERGED, np.abs(points) > 1)


def test_complex_square_matrix():
    Z = Gaussian("Z", n, n, variance=1 / n, real=False)
    law = limit(Trace((Z - z * In).I * (Adjoint(Z) - z * In).I) / n)
    # E tr (Z - z)^-1 (Z* - z)^-1 / n for real z > 1: sum_k z^(-2k-2)
    assert abs(law.evaluate({z: 2.0}) - 1 / 3) < 1e-12
    with pytest.raises(BranchError):
        law.evaluate({z: 0.5})


def test_non_self_adjoint_and_singular_products():
    """A product of squares has the disc too; an invertible rectangular product has none."""
    Y, Z = Gaussian("Y", n, n, variance=1 / n), Gaussian("Z", n, n, variance=1 / n)
    law = limit(Trace((Y * Z - z * In).I) / n)
    assert abs(law.evaluate({z: 1.5}) + 1 / 1.5) < 1e-12
    with pytest.raises(BranchError):
        law.evaluate({z: 0.5})


def test_inverse_of_a_singular_sample_covariance():
    """tr (X X')^-1 / p = 1 / (1 - c), and nothing for c > 1."""
    law = limit(Trace((X * X.T).I) / p, {p: c * n})
    assert np.allclose(law.evaluate({c: np.array([0.1, 0.5, 0.9])}), [1 / 0.9, 2, 10], rtol=1e-10)
    found = law.evaluate({c: 1.5}, full_output=True)
    assert found.status != Status.CONVERGED
    assert np.isnan(found.value)
