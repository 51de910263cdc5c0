"""R- and S-transforms: published closed forms, additivity and multiplicativity, and refusals."""

from __future__ import annotations

import pytest
from sympy import Identity, Symbol, series, simplify, sqrt, symbols

from derive import (
    Deterministic,
    Free,
    Gaussian,
    Haar,
    NotRationalError,
    ParameterError,
    Wigner,
    atomic,
    dimensions,
    r_transform,
    s_transform,
)

n, p = dimensions("n p")
g, u = Symbol("g"), Symbol("u")
c, v, s = symbols("c v s", positive=True)
W = Wigner("W", n, variance=v / n)
Z = Gaussian("Z", p, n, variance=1 / n)
U, V = Haar("U", n), Haar("V", n)
A = Deterministic("A", n, n, symmetric=True)
X, Y = Free("X", n, atomic([0, 1])), Free("Y", n, atomic([1, 2]))
SIGNS = atomic([-1, 1])


# Voiculescu, Dykema and Nica (1992), chapter 3; Nica and Speicher (2006), lectures 12 and 18
@pytest.mark.parametrize(
    ("found", "published"),
    [
        (lambda: r_transform(W), v * g),
        (lambda: r_transform(Z * Z.T, {p: c * n}), 1 / (1 - c * g)),
        (lambda: s_transform(Z * Z.T, {p: c * n}), 1 / (1 + c * u)),
        (lambda: r_transform(SIGNS), (sqrt(1 + 4 * g**2) - 1) / (2 * g)),
        (lambda: r_transform(U + U.T), (sqrt(1 + 4 * g**2) - 1) / g),
        (lambda: r_transform(atomic([0, 1], ["2/3", "1/3"])), (g - 1 + sqrt((g - 1) ** 2 + 4 * g / 3)) / (2 * g)),
        (lambda: s_transform(atomic([0, 1], ["2/3", "1/3"])), (1 + u) / (u + 1 / Symbol("three")).subs("three", 3)),
        (lambda: r_transform(atomic([3])), 3 + 0 * g),
        (lambda: s_transform(A, params={A: atomic([3])}), 1 / (3 + 0 * u)),
    ],
)
def test_published(found, published):
    assert simplify(found() - published) == 0


def test_additive_over_free_sums():
    for first, second in ((X, W), (X, Y), (U + U.T, W)):
        total = r_transform(first + second)
        assert simplify(total - r_transform(first) - r_transform(second)) == 0
    # and not over sums that are not free
    assert simplify(r_transform(X + X) - 2 * r_transform(X)) != 0


def test_multiplicative_over_free_products():
    P, R = Free("P", n, atomic([0, 1], ["3/4", "1/4"])), Free("R", n, atomic([0, 1], ["1/3", "2/3"]))
    assert simplify(s_transform(P * R * P) - s_transform(P) * s_transform(R)) == 0
    # c X with c a number
    assert simplify(s_transform(2 * R) - s_transform(R) / 2) == 0


def test_the_first_cumulants():
    """R = k1 + k2 g + ... of a law that is in no table."""
    law = atomic([1, 4], ["3/4", "1/4"])
    mean, second = 7 / Symbol("four"), 19 / Symbol("four")
    expansion = series(r_transform(law), g, 0, 2).removeO()
    mean, second = mean.subs("four", 4), second.subs("four", 4)
    assert simplify(expansion - mean - (second - mean**2) * g) == 0


def test_the_argument_may_be_named():
    t = Symbol("t")
    assert r_transform(W, symbol=t) == v * t
    with pytest.raises(ParameterError, match="is a parameter"):
        r_transform(W, symbol=v)
    with pytest.raises(ParameterError, match="a Symbol"):
        r_transform(W, symbol="t")


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: r_transform(atomic([1, 2, 5])), NotRationalError, "degree 3"),
        (lambda: s_transform(W), NotRationalError, "the mean must not be 0"),
        (lambda: r_transform([1, 2]), ParameterError, "a self-adjoint random matrix or of an atomic law"),
        (lambda: r_transform(A), ParameterError, "the transforms of A need its law"),
        (lambda: r_transform(A + W), NotRationalError, "not algebraic"),
        (lambda: r_transform(U * W + s * Identity(n)), NotRationalError, "self-adjoint"),
    ],
)
def test_refusals(ask, error, message):
    with pytest.raises(error, match=message):
        ask()
