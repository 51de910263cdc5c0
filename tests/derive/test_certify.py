"""A certificate encloses the limit, and what is not the limit gets none: proving a wrong root is the worst of all."""

from __future__ import annotations

import flint
import mpmath
import pytest
from sympy import Identity, Matrix, Rational, Symbol, Trace, diag, pi, sqrt, symbols

from derive import CertificationError, Deterministic, Gaussian, Signal, Wigner, atomic, density, dimensions, limit
from tests.derive.rows import ROWS
from tests.oracles import marchenko_pastur

n, p, d = dimensions("n p d")
c, f, l, b = symbols("c f l b", positive=True)
z = Symbol("z")
In, Ip = Identity(n), Identity(p)
X = Gaussian("X", p, n, variance=1 / n)
W = Wigner("W", n, variance=1 / n)
A = Deterministic("A", n, n, symmetric=True)
Sigma = Deterministic("Sigma", p, p, positive=True)
Y = Sigma ** Rational(1, 2) * X

PASTUR = limit(Trace((X * X.T - z * Ip).I) / p, {p: c * n})
ANISOTROPIC = limit(Trace((Y * Y.T - z * Ip).I) / p, {p: c * n})
WIGNER = limit(Trace((W - z * In).I) / n)
SUM = limit(Trace((A + W - z * In).I) / n)


def parts(ball):
    ball = flint.acb(ball)
    return ball.real, ball.imag


def encloses(ball, value) -> bool:
    """The ball contains an mpmath number of more digits, up to the digits of that number."""
    with mpmath.workdps(90):
        value = mpmath.mpc(value)
        return all(
            bool(part.overlaps(flint.arb(mpmath.nstr(x, 80), abs(x) * mpmath.mpf(10) ** -75 + mpmath.mpf(10) ** -80)))
            for part, x in zip(parts(ball), (value.real, value.imag), strict=True)
        )


def width(ball) -> float:
    return max(float(part.rad()) for part in parts(ball))


@pytest.mark.parametrize("row", [row for row in ROWS if row != "anticommutator"])
def test_every_row_of_the_table(row):
    variant = ROWS[row][0]
    law = variant.law()
    params = variant.params
    certificate = law.certify(params, digits=30)
    values = law.evaluate(params, digits=70)
    for name, expected in variant.expected.items():
        ball = certificate.balls[name]
        assert encloses(ball, values[name])
        assert width(ball) < 1e-29
        assert abs(float(certificate.balls[name].mid()) - expected) < 1e-13
        assert not encloses(ball, values[name] * (1 + mpmath.mpf(10) ** -25))


def test_fifty_digits_of_marchenko_pastur():
    f_row = ROWS["marchenko-pastur"][0]
    certificate = limit(f_row.quantities["G"], f_row.regime).certify({"f": "1/2", "l": "1/10"}, digits=50)
    with mpmath.workdps(60):
        exact = (-mpmath.mpf(6) / 10 + mpmath.sqrt(mpmath.mpf(36) / 100 + mpmath.mpf(2) / 10)) / 1
    assert encloses(certificate.value, exact)
    assert width(certificate.value) < 1e-50
    assert certificate.midpoint.startswith("0.148331477354788")
    assert len(certificate.midpoint.replace("0.", "").rstrip("0")) >= 49


@pytest.mark.parametrize("digits", [1, 15, 30, 100, 300])
def test_any_number_of_digits(digits):
    certificate = WIGNER.certify({z: "5/2"}, digits=digits)
    assert certificate.value.contains(flint.arb(-1) / 2)
    assert certificate.value.rad() < flint.arb(10) ** (-digits)


# -- the branch -------------------------------------------------------------------------------------------------------


def test_the_spurious_root_of_marchenko_pastur_is_refused():
    point = {c: "1/4", z: "1/10"}
    good = PASTUR.certify(point, near=marchenko_pastur.LEFT_OF_BULK)
    assert good.value.overlaps(PASTUR.certify(point).value)
    with pytest.raises(CertificationError, match="not the limit"):
        PASTUR.certify(point, near=marchenko_pastur.LEFT_OF_BULK_SPURIOUS)


@pytest.mark.parametrize("point", [3, "-1/2", "1+0.5j", "0.2j", "1/10", 100])
def test_the_other_root_is_refused_everywhere(point):
    number = complex(str(point).replace("1/10", "0.1").replace("-1/2", "-0.5"))
    right, wrong = marchenko_pastur.stieltjes(number, 0.25), marchenko_pastur.other_root(number, 0.25)
    if number.imag == 0:
        right, wrong = right.real, complex(wrong).real
    assert PASTUR.certify({c: "1/4", z: point}, near=right)
    with pytest.raises(CertificationError):
        PASTUR.certify({c: "1/4", z: point}, near=wrong)


def test_the_other_root_of_the_semicircle_is_refused():
    assert WIGNER.certify({z: "5/2"}, near=-0.5)
    for point, wrong in (("5/2", -2), ("1j", complex(0, -(5**0.5 + 1) / 2))):
        with pytest.raises(CertificationError):
            WIGNER.certify({z: point}, near=wrong)


def test_a_number_that_solves_nothing_is_refused():
    with pytest.raises(CertificationError):
        PASTUR.certify({c: "1/4", z: "1/10"}, near=7)


def test_in_a_narrow_gap_and_beside_the_edges():
    for point in ("1.668", "1.66", "1.677", "0.1246", "-3", "12", "1.6593742", "1.6775273"):
        params = {c: "1/2", z: point, Sigma: atomic([1, 5])}
        certificate = ANISOTROPIC.certify(params)
        assert encloses(certificate.value, ANISOTROPIC.evaluate(params, digits=70))


@pytest.mark.parametrize("point", ["1+0.5j", "1.5+0.001j", "-2-3j", "1.668+0.01j", "0.3j"])
def test_complex_points(point):
    params = {c: "1/2", z: point, Sigma: atomic([1, 5])}
    certificate = ANISOTROPIC.certify(params)
    assert isinstance(certificate.value, flint.acb)
    assert encloses(certificate.value, ANISOTROPIC.evaluate(params, digits=70))
    assert bool(certificate.value.imag > 0) == ("-3j" not in point)


@pytest.mark.parametrize("point", ["9/4", "1/4"])
def test_an_edge_is_refused(point):
    with pytest.raises(CertificationError, match=r"edge|converge"):
        PASTUR.certify({c: "1/4", z: point})


def test_the_inside_of_the_bulk_is_refused():
    with pytest.raises(CertificationError, match="inside the bulk"):
        PASTUR.certify({c: "1/4", z: 1})
    with pytest.raises(CertificationError, match="inside the bulk"):
        ANISOTROPIC.certify({c: "1/2", z: 5, Sigma: atomic([1, 5])})


def test_a_density_is_refused():
    x = Symbol("x")
    half = density(sqrt(4 - x**2) / (2 * pi), (x, -2, 2))
    assert SUM.evaluate({z: 4, A: half}) < 0
    with pytest.raises(CertificationError, match="density"):
        SUM.certify({z: 4, A: half})


def test_what_is_not_self_adjoint_is_refused():
    law = limit(Trace((Gaussian("Z", n, n, variance=1 / n) - z * In).I) / n)
    with pytest.raises(CertificationError):
        law.certify({z: "1/2"})


# -- exact input ------------------------------------------------------------------------------------------------------


def test_no_float_leaks_in():
    third = PASTUR.certify({c: "1/3", z: -1}).value
    near = PASTUR.certify({c: "0.3333333333333333", z: -1}).value
    assert not third.overlaps(near)
    # a float is its decimal: 0.1 is a tenth
    assert PASTUR.certify({c: 0.1, z: -1}).value.overlaps(PASTUR.certify({c: "1/10", z: -1}).value)
    assert PASTUR.certify({c: Rational(1, 3), z: -1}).value.overlaps(third)


def test_atoms_and_weights_are_exact():
    law = atomic([1, 5], ["1/3", "2/3"])
    decimal = atomic([1, 5], ["0.333333333333333", "0.666666666666667"])
    balls = [ANISOTROPIC.certify({c: "1/2", z: -1, Sigma: x}).value for x in (law, decimal)]
    assert not balls[0].overlaps(balls[1])


def test_arrays_that_do_not_commute():
    variant = ROWS["noncommuting"][0]
    rotation = Matrix([[1, -1], [1, 1]]) / sqrt(2)
    letters = {m.name: m for m in variant.law().letters}
    exact = {
        f: "2/3",
        letters["A"]: diag(3, 0),
        letters["B"]: diag(0, 2),
        letters["C"]: rotation * diag(5, Rational(3, 10)) * rotation.T,
    }
    certificate = variant.law().certify(exact, digits=40)
    value = variant.law().evaluate(exact, digits=70)["value"]
    assert encloses(certificate.balls["value"], value)
    # without the rotation everything commutes, and the number is another one
    shortcut = variant.law().certify({**exact, letters["C"]: diag(5, Rational(3, 10))}, digits=20)
    assert not certificate.balls["value"].overlaps(shortcut.balls["value"])


def test_a_spike_and_its_bilinear_form():
    u = Signal("u", n, norm2=1)
    law = limit(u.T * (W + b * u * u.T - z * In).I * u)
    certificate = law.certify({b: 2, z: 3}, digits=40)
    with mpmath.workdps(60):
        g = (-3 + mpmath.sqrt(5)) / 2
        assert encloses(certificate.value, 1 / (1 / g + 2))


def test_printed_midpoint_and_radius_enclose():
    """The decimal string with its radius is a statement of its own."""
    for digits in (5, 20, 50):
        certificate = PASTUR.certify({c: "1/3", z: "-1/7"}, digits=digits)
        printed = flint.arb(certificate.midpoint, certificate.radius)
        assert encloses(printed, PASTUR.evaluate({c: "1/3", z: "-1/7"}, digits=70))
