"""Reading: every way to write an expression gives the same node, with the powers of the dimensions factored out."""

from __future__ import annotations

import pytest
from sympy import Identity, Inverse, MatAdd, MatMul, MatPow, Rational, S, Symbol, Trace, Transpose, exp, sqrt, symbols
from sympy.matrices.expressions import Adjoint

from derive import Deterministic, DimensionError, Gaussian, Signal, Wigner, dimensions, limit
from derive.read import Reader
from derive.regime import read_regime

n, p = dimensions("n p")
c, l = symbols("c l", positive=True)
z = Symbol("z")
In, Ip = Identity(n), Identity(p)
X, unit = Gaussian("X", p, n, variance=1 / n), Gaussian("X", p, n)
C = Gaussian("C", p, n, variance=1 / n, real=False)
W = Wigner("W", n, variance=1 / n)
A = Deterministic("A", n, n, symmetric=True)
N = Deterministic("N", n, n)
u, y = Signal("u", n, norm2=1), Signal("y", n, norm2=n)
READER = Reader(read_regime({p: c * n}, [n, p]))


def read(expr):
    return READER.matrix(expr)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((X * X.T).T, X * X.T),
        ((A * N).T, N.T * A),
        (Inverse(Inverse(A)), A),
        (Transpose(Inverse(N)), Inverse(Transpose(N))),
        (MatPow(W, 3), W * W * W),
        (MatPow(A, -2), A.I * A.I),
        (MatMul(2, MatMul(3, A)), 6 * A),
        (MatAdd(A, MatAdd(W, In, evaluate=False), evaluate=False), W + A + In),
        (A + A + W, 2 * A + W),
        (A * In * N, A * N),
        ((2 * A).I, A.I / 2),
        (Adjoint(X), X.T),
        (Adjoint(C).T, C.conjugate()),
        (W.T, W),
        ((3 * In).I, In / 3),
        (MatPow(In, 5), In),
    ],
)
def test_spellings(one, other):
    assert read(one) == read(other)


def test_order_is_kept():
    assert read(A * N) != read(N * A)
    assert read(A * N.T) != read(A * N)
    # the transpose of a complex matrix is not its adjoint
    assert read(C * Adjoint(C)) != read(C * C.T)


@pytest.mark.parametrize(
    ("expr", "power"),
    [
        (X, 0),
        (unit, Rational(1, 2)),
        (unit * unit.T, 1),
        (unit * unit.T / n, 0),
        (unit / sqrt(n), 0),
        (unit * unit.T / p, 0),
        (y, Rational(1, 2)),
        (y * y.T / n, 0),
        ((unit * unit.T).I, -1),
        (n * A, 1),
    ],
)
def test_powers_of_the_dimension(expr, power):
    assert read(expr)[1] == power


def test_where_the_scale_is_written_does_not_matter():
    spellings = [
        Trace((unit * unit.T / n + l * Ip).I) / p,
        n * Trace((unit * unit.T + n * l * Ip).I) / p,
        Trace((X * X.T + l * Ip).I) / p,
        Trace(((unit / sqrt(n)) * (unit / sqrt(n)).T + l * Ip).I) / (c * n),
        Trace(n * (unit * unit.T + n * l * Ip).I) / p,
    ]
    laws = [limit(e, {p: c * n}) for e in spellings]
    assert len({law.evaluate({c: 0.5, l: 0.3}) for law in laws}) == 1
    assert len({law.system.signature for law in laws}) == 1


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (Trace((W - z * In).I) / n, lambda g: g),
        (2 + 3 * Trace((W - z * In).I) / n, lambda g: 2 + 3 * g),
        ((Trace((W - z * In).I) / n) ** 2, lambda g: g**2),
        (Trace((W - z * In).I) / Trace(In), lambda g: g),
        (exp(Trace((W - z * In).I) / n) * z, lambda g: exp(g) * 3),
        (sqrt(-Trace((W - z * In).I) / n), lambda g: sqrt(-g)),
        (1 / (1 + n / Trace((W - z * In).I)), lambda g: 1 / (1 + 1 / g)),
        (Trace((W - z * In).I * (In + u * u.T)) / n, lambda g: g),
        (Trace((W - z * In).I * (In + u * u.T)) - Trace((W - z * In).I), None),
    ],
)
def test_functions_of_traces(quantity, expected):
    if expected is None:
        # a difference of two divergent traces is not resolved: refused, not guessed
        with pytest.raises(DimensionError, match="diverges"):
            limit(quantity)
        return
    g = (-3 + 5**0.5) / 2
    assert abs(limit(quantity).evaluate({z: 3.0}) - float(expected(S(g)))) < 1e-12


def test_functions_of_bilinear_forms():
    form = u.T * (W - z * In).I * u
    g = (-3 + 5**0.5) / 2
    for quantity, expected in ((form, g), (form**2, g**2), (form.I, 1 / g), (2 * form - form**2, 2 * g - g**2)):
        assert abs(limit(quantity).evaluate({z: 3.0}) - expected) < 1e-12
    assert abs(limit(Trace(form) ** 2 + Trace((W - z * In).I) / n).evaluate({z: 3.0}) - g**2 - g) < 1e-12
