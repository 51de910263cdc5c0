"""Deterministic matrices at finite size carry the law they were given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Symbol, pi, sqrt

from derive.errors import DimensionError, LawError
from derive.laws import array_law, atomic, density, joint
from derive.symbols import Deterministic, dimensions
from verify.inputs import Point
from verify.spectra import atoms_at_size, largest_remainder, quantiles, realise

n, p = dimensions("n p")
x = Symbol("x")
S, T = Deterministic("S", p, p, positive=True), Deterministic("T", p, p, symmetric=True)
A, R = Deterministic("A", p, p), Deterministic("R", p, n)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6).filter(any), st.integers(1, 400))
def test_multiplicities_are_the_nearest_whole_numbers(counts, size):
    weights = [c / sum(counts) for c in counts]
    found = largest_remainder(weights, size)
    assert found.sum() == size
    assert np.all(np.abs(found - np.array(weights) * size) < 1 + 1e-6)


def test_multiplicities_are_exact_where_they_can_be():
    np.testing.assert_array_equal(largest_remainder(atomic([1, 2, 3], ["1/6", "1/3", "1/2"]).weights, 12), [2, 4, 6])
    np.testing.assert_array_equal(largest_remainder([0.1] * 10, 70), [7] * 10)


def test_joint_laws_stay_aligned():
    law = joint({S: [1, 4, 4], T: [3, -1, 2]}, ["1/2", "1/4", "1/4"])
    pairs = np.stack([atoms_at_size(law, 0, 8), atoms_at_size(law, 1, 8)], axis=1)
    np.testing.assert_array_equal(pairs, [[1, 3]] * 4 + [[4, -1]] * 2 + [[4, 2]] * 2)


@pytest.mark.parametrize(
    ("law", "moments"),
    [
        (density(sqrt(4 - x**2) / (2 * pi), (x, -2, 2)), [0, 1, 0, 2, 0, 5]),
        (density(x / x, (x, 0, 1)), [1 / 2, 1 / 3, 1 / 4]),
        (density(1 / (pi * sqrt(1 - x**2)), (x, -1, 1)), [0, 1 / 2, 0, 3 / 8]),
    ],
    ids=["semicircle", "uniform", "arcsine"],
)
def test_quantiles_have_the_moments_of_the_density(law, moments):
    # a midpoint rule in the level: its error is of order N^(-5/3) at a square-root edge, 3e-6 at N = 2000
    found = quantiles(law, 2000)
    assert np.all(np.diff(found) >= 0)
    np.testing.assert_allclose([np.mean(found ** (k + 1)) for k in range(len(moments))], moments, rtol=1e-4, atol=1e-9)


def test_the_bias_of_quantiles_is_of_second_order():
    law = density(x / x, (x, 0, 1))
    errors = [abs(np.mean(quantiles(law, size) ** 2) - 1 / 3) for size in (100, 200)]
    assert errors[0] < 1e-5
    assert 3 < errors[0] / errors[1] < 5


def test_forms():
    point = Point({}, {(S,): atomic([1, 4]), (A,): array_law([[0, 1j], [2, 3]]), (R,): atomic([2, 3])})
    np.testing.assert_array_equal(realise(S, point, 4, 4), [1, 1, 4, 4])
    np.testing.assert_array_equal(realise(A, point, 4, 4), [[0, 1j], [2, 3]])
    rectangular = realise(R, point, 4, 6)
    assert rectangular.shape == (4, 6)
    np.testing.assert_allclose(sorted(np.linalg.svd(rectangular)[1]), [2, 2, 3, 3])


@pytest.mark.parametrize(
    ("letter", "law", "shape", "error", "text"),
    [
        (S, atomic([1, -4]), (4, 4), LawError, "S was declared positive, but its law has the atom -4"),
        (S, array_law([[1, 2], [2, 1]]), (4, 4), LawError, "S was declared positive"),
        (T, array_law([[1, 2], [3, 1]]), (4, 4), LawError, "T was declared symmetric, but its array is not"),
        (A, array_law([[1, 2], [3, 1]]), (5, 5), DimensionError, "needs p divisible by 2, got 5"),
        (R, array_law([[1, 2], [3, 1]]), (4, 6), DimensionError, "must be k x l with k/l = 4/6"),
    ],
)
def test_laws_that_cannot_be(letter, law, shape, error, text):
    with pytest.raises(error, match=text):
        realise(letter, Point({}, {(letter,): law}), *shape)
