"""Numbers and laws: what is read exactly, what is refused and in which words."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import array_api_strict
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Abs, Float, I, Integer, Matrix, Rational, Symbol, nan, oo, pi, sqrt

from derive import Deterministic, Signal, dimensions
from derive.errors import LawError, ParameterError
from derive.laws import array_law, as_law, atomic, density, joint
from derive.numbers import as_array, as_double, exact

x = Symbol("x")
n, p = dimensions("n p")
A = Deterministic("A", n, n, symmetric=True)
B = Deterministic("B", n, n, symmetric=True)
u = Signal("u", n, norm2=1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, Integer(3)),
        (0.1, Rational(1, 10)),
        ("1/2", Rational(1, 2)),
        (" -0.3 ", Rational(-3, 10)),
        ("1e-3", Rational(1, 1000)),
        (".5", Rational(1, 2)),
        ("1+0.5j", 1 + I / 2),
        ("1/2-3/4i", Rational(1, 2) - 3 * I / 4),
        ("-j", -I),
        ("2*I", 2 * I),
        (0.1 - 2j, Rational(1, 10) - 2 * I),
        (Fraction(1, 3), Rational(1, 3)),
        (Decimal("0.3"), Rational(3, 10)),
        (Rational(2, 7), Rational(2, 7)),
        (Float("0.1", 40), Rational(1, 10)),
        (1 + 0.1 * I, 1 + I / 10),
        (mpmath.mpf("0.375"), Rational(3, 8)),
        (mpmath.mpc(1, 0.25), 1 + I / 4),
        (np.float32(0.1), Rational(1, 10)),
        (np.float64(0.1), Rational(1, 10)),
        (np.int64(4), Integer(4)),
        (np.array(2.5), Rational(5, 2)),
    ],
)
def test_exact_reads_what_is_written(value, expected):
    assert exact(value, "c") == expected


TEXT = [
    "",
    " ",
    ".",
    "abc",
    "__import__('os')",
    "1_000",
    "1 2",
    "1 2j",
    "1j2",
    "--1",
    "0x10",
    "1e99999",
    "1/0",
    "9" * 5000,
]
NOT_FINITE = ["nan", "inf", float("nan"), float("inf"), Decimal("NaN"), oo, nan, mpmath.inf, np.float64("nan")]
NOT_NUMBERS = [sqrt(2), x, None, True, [1], {}, object(), np.array([1.0])]


@pytest.mark.parametrize("value", [*TEXT, "9" * 5000, "\N{ARABIC-INDIC DIGIT THREE}", *NOT_FINITE, *NOT_NUMBERS])
def test_exact_refuses_by_name(value):
    with pytest.raises(ParameterError, match=r"^c: "):
        exact(value, "c")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_survives_exactly(value):
    assert float(exact(value)) == value


@given(st.fractions())
def test_a_fraction_survives_as_text(value):
    assert exact(str(value)) == Rational(value.numerator, value.denominator)


@pytest.mark.parametrize("xp", [np, array_api_strict], ids=["numpy", "array-api-strict"])
def test_as_array(xp):
    given_array = xp.asarray([1.0, 2.0])
    assert np.asarray(as_array(given_array, xp)).tolist() == [1.0, 2.0]
    assert as_array(xp.asarray([1, 2]), xp).dtype == xp.float64
    assert as_array(np.asarray([1j]), xp).dtype == xp.complex128
    assert np.asarray(as_array([["1/2", 3], [0.25, Rational(1, 8)]], xp)).tolist() == [[0.5, 3.0], [0.25, 0.125]]
    assert as_array("1/4", xp).shape == ()
    for bad in ([1, float("nan")], ["x"], [[1], [1, 2]], np.asarray([np.inf])):
        with pytest.raises(ParameterError, match=r"^lambda: "):
            as_array(bad, xp, "lambda")


def test_as_double():
    assert as_double("1/2") == 0.5
    assert as_double("1+2j") == 1 + 2j


class TestAtoms:
    def test_atoms_stay_exact(self):
        law = atomic([0.1, "1/3"], [0.25, "3/4"])
        assert law.points == (Rational(1, 10), Rational(1, 3))
        assert law.weights == (Rational(1, 4), Rational(3, 4))
        assert atomic([1, 2, 3]).weights == (Rational(1, 3),) * 3

    def test_joint_is_atoms_with_tuples(self):
        law = joint({A: [1, 4], B: [3, 0.5], u: [1, -1]}, [0.5, 0.5])
        assert law.points == ((1, 3, 1), (4, Rational(1, 2), -1))
        assert law.letters == (A, B, u)
        assert law.column(1) == (3, Rational(1, 2))
        assert atomic([(1, 3), (4, 0.5)]).width == 2

    def test_weights_normalised_in_floating_point_are_accepted(self):
        weights = np.ones(7) / 7
        assert sum(atomic(range(1, 8), weights).weights) == 1

    @pytest.mark.parametrize(
        ("points", "weights", "message"),
        [
            ([], None, "at least one atom"),
            ([1, 4], [0.5, 0.6], "must sum to 1"),
            ([1, 4], ["1/3", "1/3"], "must sum to 1"),
            ([1, 4], [1.5, -0.5], "non-negative"),
            ([1, 4], [1], "one weight per atom"),
            ([(1, 2), (3,)], None, "one length"),
            ([(1, 2), 3], None, "one length"),
            ([1, "abc"], None, "atom: expected a number"),
            ([1, float("nan")], None, "finite"),
            ([1, 4], ["x", 1], "weight: expected a number"),
        ],
    )
    def test_refusals(self, points, weights, message):
        with pytest.raises(LawError, match=message):
            atomic(points, weights)

    @pytest.mark.parametrize("values", [{}, [1, 2], {A: [1, 2], B: [1]}, {"A": [1]}, {A: []}])
    def test_joint_refusals(self, values):
        with pytest.raises(LawError):
            joint(values)


SEMICIRCLE = sqrt(4 - x**2) / (2 * pi)


class TestDensity:
    @pytest.mark.parametrize("bits", [53, 200])
    @pytest.mark.parametrize(
        ("expr", "interval", "moments"),
        [
            (SEMICIRCLE, (x, -2, 2), {2: 1, 4: 2, 6: 5}),
            (1 / (pi * sqrt(x * (1 - x))), (x, 0, 1), {1: Rational(1, 2), 2: Rational(3, 8), 3: Rational(5, 16)}),
            (Rational(1, 2), (x, 1, 3), {1: 2, 2: Rational(13, 3)}),
            # Marchenko-Pastur of ratio 2 without its atom: irrational edges, mean 2, second moment 6
            (sqrt(6 * x - x**2 - 1) / (2 * pi * x), (x, 3 - 2 * sqrt(2), 3 + 2 * sqrt(2)), {1: 2, 2: 6}),
        ],
    )
    def test_moments_to_the_precision_asked_for(self, expr, interval, moments, bits):
        nodes, weights = density(expr, interval).nodes(bits)
        with mpmath.workprec(bits + 40):
            for power, expected in moments.items():
                got = mpmath.fsum(w * t**power for t, w in zip(nodes, weights, strict=True))
                assert abs(got - mpmath.mpf(Rational(expected).p) / Rational(expected).q) < mpmath.ldexp(16, -bits)

    def test_resolvent_near_the_edge(self):
        nodes, weights = density(SEMICIRCLE, (x, -2, 2)).nodes(53)
        z = 2.1  # E 1/(z - x) = (z - sqrt(z^2 - 4)) / 2
        got = sum(float(w) / (z - float(t)) for t, w in zip(nodes, weights, strict=True))
        assert got == pytest.approx((z - (z * z - 4) ** 0.5) / 2, rel=1e-13)

    @pytest.mark.parametrize(
        ("expr", "interval", "message"),
        [
            (x, (x, 0, 1), "mass 0.5, expected 1"),
            (Symbol("y") * x, (x, 0, 1), "contains y besides x"),
            (x, (x, 0, oo), "finite"),
            (x, (x, 1, 0), "a < b"),
            (x, (x, 0, "abc"), "expected a number"),
            (x, (0, 1), "takes an expression"),
            (x, ("x", 0, 1), "Symbol"),
            ("x", (x, 0, 1), "not text"),
            (2 * x - Rational(1, 2), (x, 0, 2), "not negative"),
            (Abs(x), (x, -1, 1), "smooth inside"),
        ],
    )
    def test_refusals(self, expr, interval, message):
        with pytest.raises(LawError, match=message):
            density(expr, interval)


class TestArrays:
    def test_entries_are_exact(self):
        law = array_law([[1, "1/3"], [0.1, 2]])
        assert law.rows == ((1, Rational(1, 3)), (Rational(1, 10), 2))
        assert law.doubles.tolist() == [[1, 1 / 3], [0.1, 2]]
        assert not law.doubles.flags.writeable

    @pytest.mark.parametrize(
        "value",
        [
            Matrix([[1, 2], [3, 4]]),
            np.asarray([[1, 2], [3, 4]]),
            array_api_strict.asarray([[1, 2], [3, 4]]),
            [[1, 2], [3, 4]],
        ],
        ids=["sympy", "numpy", "strict", "lists"],
    )
    def test_every_container(self, value):
        assert array_law(value).rows == ((1, 2), (3, 4))

    def test_a_vector_is_one_column(self):
        assert array_law([1, 2, 3]).shape == (3, 1)

    @pytest.mark.parametrize("value", [[], [[1, 2], [3]], [["a"]], np.zeros((2, 2, 2)), [[float("nan")]], [[]]])
    def test_refusals(self, value):
        with pytest.raises(LawError, match="Sigma"):
            array_law(value, "Sigma")

    @pytest.mark.parametrize("value", [3, "1:0.5", None])
    def test_what_is_not_a_law(self, value):
        with pytest.raises(LawError, match="the law of Sigma must be"):
            as_law(value, "Sigma")
