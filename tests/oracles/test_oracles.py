"""The oracles agree with the printed numbers, with each other where they overlap, and with brute simulation."""

from math import isclose, pi

import numpy as np
import pytest

from tests.oracles import (
    deformed_wigner,
    free_sum,
    fuss_catalan,
    information_plus_noise,
    lssvm,
    marchenko_pastur,
    noncommuting,
    polynomials,
    random_features,
    ridge,
    sample_covariance,
    semicircle,
    spikes,
    two_groups,
)

HALF = [0.5, 0.5]


def close(a, b, rel=1e-12):
    return isclose(abs(a - b), 0, abs_tol=rel * abs(b))


def test_marchenko_pastur():
    assert close(marchenko_pastur.scaled_resolvent(0.5, 0.1), marchenko_pastur.SCALED_RESOLVENT)
    # Z Z' and Z'Z differ by their zero eigenvalues: with c = 1/f the two normalisations must agree
    assert close(0.1 * marchenko_pastur.resolvent(0.5, 0.1), marchenko_pastur.SCALED_RESOLVENT)
    assert abs(marchenko_pastur.stieltjes(0.1, 0.25) - marchenko_pastur.LEFT_OF_BULK) < 5e-4
    assert abs(marchenko_pastur.other_root(0.1, 0.25) - marchenko_pastur.LEFT_OF_BULK_SPURIOUS) < 5e-4
    assert marchenko_pastur.stieltjes(1 + 0.5j, 0.25).imag > 0
    assert marchenko_pastur.stieltjes(3, 0.25).real < 0


def test_sample_covariance_contains_marchenko_pastur():
    assert close(sample_covariance.kappa(0.3, 0.5, [1, 4], HALF), sample_covariance.KAPPA)
    assert close(sample_covariance.scaled_resolvent(0.3, 0.5, [1, 4], HALF), sample_covariance.SCALED_RESOLVENT)
    assert close(0.3 * sample_covariance.stieltjes(-0.3, 0.5, [1, 4], HALF), sample_covariance.SCALED_RESOLVENT)
    for z in (0.1, 3, 1 + 0.5j):
        assert close(sample_covariance.stieltjes(z, 0.25, [1], [1]), marchenko_pastur.stieltjes(z, 0.25))
    with pytest.raises(ValueError, match="inside the bulk"):
        sample_covariance.stieltjes(1.0, 0.25, [1], [1])


def test_sample_covariance_in_a_narrow_gap():
    """The gap of {1, 5} at c = 1/2 around 1.668: a point there is the limit from above; 1.6 and 1.7 are in the bulk."""
    inside = sample_covariance.stieltjes(1.668, 0.5, [1, 5], HALF)
    assert abs(sample_covariance.stieltjes(1.668 + 1e-9j, 0.5, [1, 5], HALF) - inside) < 1e-5
    for z in (1.6, 1.7):
        with pytest.raises(ValueError, match="inside the bulk"):
            sample_covariance.stieltjes(z, 0.5, [1, 5], HALF)


def test_free_sum_contains_the_semicircle():
    for z in (3, -4, 0.5 + 0.5j):
        assert close(free_sum.stieltjes(z, 0.75, [0], [1]), semicircle.stieltjes(z, 0.75))


def test_ridge():
    assert close(ridge.bias(0.3, 0.5, [1, 4], [2, 1], HALF), ridge.BIAS)
    assert close(ridge.unit_variance(0.3, 0.5, [1, 4], HALF), ridge.UNIT_VARIANCE)
    assert close(ridge.bias(0.1, 0.5, [1], [1], [1]), ridge.ISOTROPIC_BIAS, 1e-9)
    assert close(ridge.variance(0.1, 0.5, 0.25, [1], [1]), ridge.ISOTROPIC_VARIANCE, 1e-9)


def test_two_groups():
    value = two_groups.resolvent((0.4, 0.6), 0.5, 0.3, [1, 4], [3, 0.5], HALF)
    assert close(0.3 * value, two_groups.SCALED_RESOLVENT)
    assert close(two_groups.resolvent_of_matrices((0.4, 0.6), 0.5, 0.3, np.diag([1, 4]), np.diag([3, 0.5])), value)
    # one covariance for both groups is a single sample
    same = two_groups.resolvent((0.4, 0.6), 0.5, 0.3, [1, 4], [1, 4], HALF)
    assert close(0.3 * same, sample_covariance.SCALED_RESOLVENT)


def test_random_features():
    zeta, eta = 0.25, 0.5 - 1 / (2 * pi)
    printed = random_features.TAU_1, random_features.TAU_2
    assert np.allclose(random_features.residuals(*printed, 1.5, 0.8, zeta, eta, 0.1), 0, atol=1e-12)
    assert np.allclose(random_features.solve(1.5, 0.8, zeta, eta, 0.1), printed, rtol=1e-11)


@pytest.mark.parametrize("point", lssvm.PRINTED)
def test_lssvm(point):
    mean, variance, accuracy = lssvm.PRINTED[point]
    assert np.allclose(lssvm.moments(*point), (mean, variance), rtol=1e-7)
    assert close(lssvm.accuracy(*point), accuracy, 1e-7)


def test_noncommuting():
    value = noncommuting.two_resolvents(2 / 3, noncommuting.A, noncommuting.B, noncommuting.C)
    assert close(value, noncommuting.VALUE)
    # what a commuting shortcut would give: the eigenvalues of C in the basis of A and B
    shortcut = noncommuting.two_resolvents(2 / 3, noncommuting.A, noncommuting.B, np.diag([5, 0.3]))
    assert abs(shortcut - value) > 0.1 * value


@pytest.mark.parametrize("b", [1.5, -2.0])
def test_spike_is_the_pole_of_the_bilinear_form(b):
    z, h = semicircle.outlier(b), 1e-6
    residue = h * semicircle.spiked_form(z + h, b)
    assert close(-residue, semicircle.alignment_squared(b), 1e-4)


def test_anticommutator_by_simulation(seed):
    """One matrix of size 1000: the transform at 2i fluctuates by about 1/n; seen within 20/n, blind below that."""
    rng, n = np.random.default_rng(seed), 1000
    first, second = ((g + g.T) / np.sqrt(2 * n) for g in rng.standard_normal((2, n, n)))
    spectrum = np.linalg.eigvalsh(first @ second + second @ first)
    assert abs(np.mean(1 / (2j - spectrum)) - polynomials.anticommutator(2j)) < 20 / n


def test_fuss_catalan_contains_marchenko_pastur():
    """One matrix is a white square sample; the moments of two are 1, 3, 12, 55 and their series is the resolvent."""
    assert close(fuss_catalan.resolvent(1, 0.1), marchenko_pastur.resolvent(1, 0.1))
    assert [fuss_catalan.moment(2, k) for k in (1, 2, 3, 4)] == [1, 3, 12, 55]
    assert fuss_catalan.edge(1) == 4
    assert fuss_catalan.edge(2) == 6.75
    series = sum((-1) ** k * fuss_catalan.moment(2, k) / 100 ** (k + 1) for k in range(30))
    assert close(fuss_catalan.resolvent(2, 100), series)


@pytest.mark.parametrize("theta", [0.5, 1.5, 3])
def test_spikes_in_structured_noise_contain_those_in_white_noise(theta):
    assert np.allclose(deformed_wigner.outlier(theta, 1, [0], [1]), spikes.wigner(theta), rtol=1e-12)
    for c in (0.2, 2):
        white = information_plus_noise.outlier(theta, c, [0], [1], [1], [1])
        assert np.allclose(white, spikes.rectangular(theta, c), rtol=1e-10)


@pytest.mark.parametrize("theta", [1.5, 2, 5])
def test_a_spike_beside_two_atoms_by_two_routes(theta):
    two = deformed_wigner.outlier(theta, 1, [-1, 1], HALF)
    assert np.allclose(two, spikes.deformed_two_points(theta), rtol=1e-10)


def test_information_plus_noise_in_numbers(seed):
    """One sample with p = 400, n = 800: the largest eigenvalue to 3 %, alignments to 0.05, far beyond fluctuations."""
    rng = np.random.default_rng(seed)
    p, n, theta = 400, 800, 1.5
    A = np.zeros((p, n))
    A[np.arange(p), np.arange(p)] = np.repeat([1, 3], p // 2)
    u, v = np.ones(p) / np.sqrt(p), np.repeat([1, 0], p) / np.sqrt(p)
    left, s, right = np.linalg.svd(A + theta * np.outer(u, v) + rng.standard_normal((p, n)) / np.sqrt(n))
    location, with_u, with_v = information_plus_noise.outlier(theta, 0.5, [1, 3], [1, 1], [1, 1], HALF)
    assert abs(s[0] ** 2 / location - 1) < 0.03
    assert abs((left[:, 0] @ u) ** 2 - with_u) < 0.05
    assert abs((right[0] @ v) ** 2 - with_v) < 0.05
