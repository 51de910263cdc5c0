"""How dimensions grow: ratios to one base, however the regime is written, and powers of the base in scalars."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Rational, S, Symbol, simplify, sqrt, symbols

from derive import RegimeError, dimensions
from derive.regime import read_regime

n, p, m, d = dimensions("n p m d")
c, b = symbols("c b", positive=True)


@pytest.mark.parametrize(
    ("rules", "base", "ratios"),
    [
        ({p: c * n}, n, {n: 1, p: c}),
        ({n: p / c}, p, {p: 1, n: 1 / c}),
        ({p: c * n, m: b * p}, n, {n: 1, p: c, m: b * c}),
        ({p: c * n, m: n + p}, n, {n: 1, p: c, m: 1 + c}),
        ({p: n, m: 2 * n}, n, {n: 1, p: 1, m: 2}),
        ({}, n, {n: 1}),
    ],
)
def test_ratios(rules, base, ratios):
    found = read_regime(rules, ratios)
    assert found.base == base
    assert all(simplify(found.ratios[d] - r) == 0 for d, r in ratios.items())


def test_a_dimension_may_occur_in_the_regime_alone():
    found = read_regime({n: d / c, m: b * d}, [n, m])
    assert found.base == d
    assert found.ratios[n] == 1 / c


def test_equal_ratios_are_one_space():
    found = read_regime({p: n, m: c * n}, [n, p, m])
    assert found.space(p) == found.space(n)
    assert found.space(p) != found.space(m)
    assert found.space(n + m).size == 1 + c
    assert found.space(S(3)).finite
    assert not found.space(2 * n).finite


@pytest.mark.parametrize(
    ("scalar", "coefficient", "power"),
    [
        (S(1), 1, 0),
        (n, 1, 1),
        (p / n, c, 0),
        (1 / sqrt(n * p), 1 / sqrt(c), -1),
        (n + 1, 1, 1),
        (n + p, 1 + c, 1),
        (3 * sqrt(p), 3 * sqrt(c), Rational(1, 2)),
        ((n + 2) * (p - 1) / n**2, c, 0),
        (b, b, 0),
    ],
)
def test_growth(scalar, coefficient, power):
    found, exponent = read_regime({p: c * n}, [n, p]).growth(scalar)
    assert simplify(found - coefficient) == 0
    assert exponent == power


@given(st.integers(-3, 3), st.integers(-3, 3), st.integers(1, 5))
def test_growth_of_monomials(i, j, k):
    found, exponent = read_regime({p: c * n}, [n, p]).growth(k * n**i * p**j)
    assert exponent == i + j
    assert simplify(found - k * c**j) == 0


@pytest.mark.parametrize("scalar", [n - p / c, n**p, Symbol("x") ** n])
def test_growth_that_cannot_be_told(scalar):
    with pytest.raises(RegimeError):
        read_regime({p: c * n}, [n, p]).growth(scalar)


def test_a_space_that_does_not_grow_linearly():
    with pytest.raises(RegimeError, match=r"grows like n\*\*2"):
        read_regime({p: c * n}, [n, p]).space(n * p)
