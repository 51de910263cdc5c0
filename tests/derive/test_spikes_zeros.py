"""Counting and finding real zeros outside a support, on functions whose zeros are known."""

from __future__ import annotations

import numpy as np
import pytest

from derive.spectral.zeros import find_zeros, windows_outside


def semicircle(z):
    """m(z) off [-2, 2], on the axis too."""
    z = np.asarray(z, dtype=complex)
    return (-z + np.sqrt(z - 2) * np.sqrt(z + 2)) / 2


def function(strengths, spoil=None):
    """prod (1 + theta m(z)): zeros at theta + 1/theta for |theta| > 1, and the calls are counted."""

    def f(owners, z):
        value = np.prod([1 + s * semicircle(z) for s in strengths], axis=0)
        value = np.where(np.iscomplex(z), value, value.real)
        return value if spoil is None else spoil(z, value)

    return f


@pytest.mark.parametrize(
    "strengths",
    [
        [0.9],
        [2.0],
        [-3.0],
        [1.0001],
        [1.5, 0.5, -1.5],
        [2.0, 2.0],
        [2.0, 2.0, 2.0, -5.0],
        [2.0, 2.01],
        [1e4],
        [1.05, 50.0, -7.0, 3.0],
    ],
)
def test_zeros_outside_the_semicircle(strengths):
    expected = {}
    for s in strengths:
        if abs(s) > 1:
            expected[s] = expected.get(s, 0) + 1
    zeros = sorted(find_zeros(function(strengths), windows_outside(0, [(-2.0, 2.0)], [])), key=lambda x: x.z)
    assert sum(x.multiplicity for x in zeros) == sum(expected.values())
    for s, count in expected.items():
        near = [x for x in zeros if abs(x.z - s - 1 / s) < 1e-5 * abs(s)]
        assert sum(x.multiplicity for x in near) == count


def test_zeros_are_sharp_without_a_polish():
    (zero,) = find_zeros(function([1.7]), windows_outside(0, [(-2.0, 2.0)], []))
    assert zero.z == pytest.approx(1.7 + 1 / 1.7, rel=1e-12)


def test_a_polish_that_fails_or_strays_is_not_believed():
    for answer in (np.nan, 77.0):
        polish = lambda owners, z, answer=answer: np.full(len(z), answer)  # noqa: E731
        (zero,) = find_zeros(function([1.7]), windows_outside(0, [(-2.0, 2.0)], []), polish)
        # 77 lies in the window too: what a polish returns must be verified by the polish itself
        assert zero.z == pytest.approx(77.0 if answer == 77.0 else 1.7 + 1 / 1.7)


def test_gaps_and_atoms_cut_the_axis():
    windows = windows_outside(3, [(1.0, 2.0), (4.0, 5.0)], [0.0])
    assert [(w.low, w.high) for w in windows[:2]] == [(0.0, 1.0), (2.0, 4.0)]
    outer = windows[2]
    assert outer.z(np.array(outer.low)) == pytest.approx(0.0)
    assert outer.z(np.array(outer.high)) == pytest.approx(5.0)
    assert {w.owner for w in windows} == {3}


def test_many_parameter_points_at_once():
    strengths = np.linspace(0.5, 3, 11)
    calls = []

    def f(owners, z):
        calls.append(len(z))
        value = 1 + strengths[owners] * semicircle(z)
        return np.where(np.iscomplex(z), value, value.real)

    windows = [w for k in range(11) for w in windows_outside(k, [(-2.0, 2.0)], [])]
    zeros = {x.owner: x.z for x in find_zeros(f, windows)}
    assert sorted(zeros) == [k for k in range(11) if strengths[k] > 1]
    for k, z in zeros.items():
        assert z == pytest.approx(strengths[k] + 1 / strengths[k], rel=1e-10)
    assert len(calls) < 100  # all points share every call


def test_points_that_could_not_be_evaluated_are_left_out():
    def spoil(z, value):
        lost = (np.abs(np.abs(np.real(z)) - 2) < 1e-6) & (np.abs(np.imag(z)) < 1e-6)
        return np.where(lost, np.nan, value)

    (zero,) = find_zeros(function([2.0], spoil), windows_outside(0, [(-2.0, 2.0)], []))
    assert zero.z == pytest.approx(2.5, rel=1e-9)
