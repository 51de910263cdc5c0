"""The ridgeless limit of random projections with a spread population, where the equation has poles in the limit."""

from __future__ import annotations

import pytest

import models


@pytest.fixture(scope="module")
def ridgeless():
    theorem = models.load("strong-model-collapse-projections")
    ridge = theorem.parameter("lambda").symbol
    return theorem, ridge, theorem.law.limit(ridge, 0)


def test_the_three_regimes_are_found(ridgeless):
    _, _, law = ridgeless
    assert sorted(list(branch.exponents.values()) for branch in law.branches) == [[0], [0], [1]]


@pytest.mark.parametrize(("phi", "psi"), [(0.5, 0.25), (0.5, 2), (2, 0.5), (2, 1.5), (0.75, 1.25)])
def test_it_is_what_small_ridges_tend_to(ridgeless, phi, psi):
    """m, d or n smallest; the ridge enters as a power series."""
    theorem, ridge, law = ridgeless
    point = {"phi": phi, "psi": psi}
    limits = law.evaluate({k: v for k, v in theorem.resolve(point).items() if k != ridge})
    far, middle, near = (theorem.evaluate({**point, "lambda": value}) for value in (4e-5, 2e-5, 1e-5))
    for name, value in limits.items():
        # without the first and the second power of the ridge
        extrapolated = (8 * near[name] - 6 * middle[name] + far[name]) / 3
        assert extrapolated == pytest.approx(value, rel=1e-8, abs=1e-9)
