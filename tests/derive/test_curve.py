"""The algebraic curve of a value: irreducible, satisfied by the limit, and None where there is none."""

from __future__ import annotations

import mpmath
import pytest
from sympy import I as imaginary
from sympy import Identity, Poly, Symbol, Trace, cancel, sqrt, symbols

from derive import Deterministic, Gaussian, Signal, Wigner, dimensions, limit

n, p, m = dimensions("n p m")
c, b, v = symbols("c b v", positive=True)
z, G = Symbol("z"), Symbol("G")
In, Ip = Identity(n), Identity(p)
X = Gaussian("X", p, n, variance=1 / n)
Y = Gaussian("Y", n, m, variance=1 / m)
W = Wigner("W", n, variance=v / n)
V = Wigner("V", n, variance=1 / n)
u = Signal("u", n, norm2=1)

CURVES = {
    "semicircle": (Trace((W - z * In).I) / n, {}, v * G**2 + z * G + 1),
    "marchenko-pastur": (Trace((X * X.T - z * Ip).I) / p, {p: c * n}, c * z * G**2 + (z + c - 1) * G + 1),
    "companion": (Trace((X.T * X - z * In).I) / n, {p: c * n}, z * G**2 + (z + 1 - c) * G + 1),
    "spike": (
        u.T * (V + b * u * u.T - z * In).I * u,
        {},
        # G = 1/(1/g + b) with g^2 + z g + 1 = 0
        G**2 + z * G * (1 - b * G) + (1 - b * G) ** 2,
    ),
    "imaginary-point": (Trace((V - imaginary * b * In).I) / n, {}, G**2 + imaginary * b * G + 1),
    "square-of-a-wigner": (Trace((V**2 - z * In).I) / n, {}, z * G**2 + z * G + 1),
}


@pytest.mark.parametrize("name", CURVES)
def test_known_curves(name):
    quantity, regime, expected = CURVES[name]
    curve = limit(quantity, regime).curve()
    assert isinstance(curve, Poly)
    assert curve.gens[0] == G
    ratio = cancel(curve.as_expr() / expected)
    assert ratio.is_number
    assert ratio != 0
    # and not up to a parameter: another variance is another curve
    assert not cancel(curve.as_expr() / (expected + G)).is_number


@pytest.mark.parametrize(
    ("quantity", "regime", "point"),
    [
        (Trace((X * Y * Y.T * X.T - z * Ip).I) / p, {p: c * n, m: b * n}, {c: "1/2", b: "3/2", z: -1}),
        (Trace((V * W + W * V - z * In).I) / n, {}, {v: 2, z: 9}),
        (Trace((X * X.T - z * Ip).I ** 2) / p, {p: c * n}, {c: "1/2", z: "0.3+0.4j"}),
        (u.T * (V + b * u * u.T - z * In).I ** 2 * u, {}, {b: "1/2", z: 3}),
    ],
)
def test_the_limit_lies_on_its_curve(quantity, regime, point):
    law = limit(quantity, regime)
    curve = law.curve()
    value = law.evaluate(point, digits=40)
    numbers = {s.name: law.bind(point).exact()[s] for s in law.parameters}
    with mpmath.workdps(45):

        def at(g):
            total = mpmath.mpc(0)
            for monomial, coefficient in curve.terms():
                term = mpmath.mpmathify(complex(coefficient)) * mpmath.mpc(g) ** monomial[0]
                for gen, power in zip(curve.gens[1:], monomial[1:], strict=True):
                    x, y = numbers[gen.name].as_real_imag()
                    term *= (mpmath.mpc(mpmath.mpf(x.p) / x.q, mpmath.mpf(y.p) / y.q)) ** power
                total += term
            return abs(total)

        assert at(value) < mpmath.mpf(10) ** -30
        assert at(value * 1.01) > 1e-8
    factors = curve.factor_list()[1]
    assert len(factors) == 1
    assert factors[0][1] == 1


def test_no_curve_when_a_matrix_enters_by_its_law():
    A = Deterministic("A", n, n, symmetric=True)
    assert limit(Trace((A + V - z * In).I) / n).curve() is None


def test_no_curve_for_several_quantities():
    assert limit({"a": Trace((V - z * In).I) / n, "b": Trace((V - z * In).I ** 2) / n}).curve() is None


def test_no_curve_for_a_function_that_is_not_algebraic():
    from sympy import erf

    assert limit(erf(Trace((V - z * In).I) / n)).curve() is None
    assert abs(limit(sqrt(Trace((V + z * In).I) / n)).evaluate({z: 3.0}) ** 2 - (3 - sqrt(5)) / 2) < 1e-12


def test_name_of_the_value_avoids_the_user():
    g = Symbol("G")
    curve = limit(Trace((V - g * In).I) / n).curve()
    assert curve.gens[0] != g
    assert g in curve.gens
