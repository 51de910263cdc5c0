"""Sizes at which every dimension is an integer, and clear errors where there are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import I, Rational, Symbol, pi, symbols

from derive.errors import DimensionError, LawError, ParameterError, RegimeError
from derive.laws import array_law, atomic
from derive.symbols import Deterministic, Gaussian, Signal, dimensions
from verify.inputs import Point, read_point
from verify.plan import make_plan, memory_bytes

n, p, m = dimensions("n p m")
c, psi = symbols("c psi", positive=True)
Z = Gaussian("Z", p, n)
S, A = Deterministic("S", p, p, positive=True), Deterministic("A", p, p)


def plan(regime, numbers, sizes=(200, 400, 800), letters=(Z,), laws=None, trials=8):
    point = read_point({**numbers, **(laws or {})}, letters)
    return make_plan(n, regime, tuple(regime), letters, point, sizes, trials)


def test_sizes_asked_for_are_kept_where_they_can_be():
    made = plan({p: c * n}, {c: "1/2"})
    assert made.sizes == (200, 400, 800)
    assert made.dims(200) == {n: 200, p: 100}
    assert made.trials == (8, 8, 8)


@given(st.fractions(min_value="1/8", max_value=8, max_denominator=40), st.fractions("1/4", 4, max_denominator=5))
def test_every_dimension_is_an_integer_near_the_size_asked_for(ratio, other):
    made = plan({p: c * n, m: psi * p}, {c: ratio, psi: other}, sizes=(400, 800, 1600))
    for size, asked in zip(made.sizes, (400, 800, 1600), strict=True):
        dims = made.dims(size)
        assert dims[p] == ratio * size
        assert dims[m] == ratio * other * size
        assert abs(size - asked) <= asked / 2


def test_repeating_decimals_are_read_as_fractions():
    assert plan({p: c * n}, {c: 1 / 3}).sizes == (201, 399, 801)
    assert plan({p: c * n}, {c: 0.75}).dims(200)[p] == 150
    assert plan({p: 0.75 * n}, {}).dims(200)[p] == 150


def test_arrays_and_atoms_divide_the_dimension():
    made = plan({p: c * n}, {c: "1/2"}, letters=(A,), laws={A: np.eye(3)})
    assert all(made.dims(size)[p] % 3 == 0 for size in made.sizes)
    made = plan({p: c * n}, {c: "1/2"}, letters=(S,), laws={S: atomic([1, 2, 4], ["2/7", "2/7", "3/7"])})
    assert all(made.dims(size)[p] % 7 == 0 for size in made.sizes)


def test_atoms_that_would_move_the_sizes_far_are_rounded():
    weights = ["0.111", "0.889"]
    assert plan({p: c * n}, {c: "1/2"}, letters=(S,), laws={S: atomic([1, 2], weights)}).sizes == (200, 400, 800)


def test_close_sizes_stay_different():
    assert plan({p: c * n}, {c: "1/30"}, sizes=(200, 210, 300)).sizes == (210, 240, 300)


@pytest.mark.parametrize(
    ("regime", "numbers", "options", "error", "text"),
    [
        (
            {p: c * n},
            {c: "0.31831"},
            {},
            DimensionError,
            r"p = \(31831/100000\)\*n must be an integer.*p = \(7/22\)\*n|n must be",
        ),
        (
            {p: c * n},
            {c: pi / 10},
            {},
            DimensionError,
            r"the dimension p = c\*n is pi/10\*n; give a positive fraction such as",
        ),
        ({p: c * n}, {c: -1}, {}, DimensionError, r"the dimension p = c\*n is -1\*n"),
        ({p: c * n}, {}, {}, ParameterError, r"the dimension p = c\*n needs a value for c"),
        ({p: m, m: p}, {}, {}, RegimeError, "circular"),
        ({p: c * n}, {c: 1}, {"sizes": (200, 400)}, ParameterError, "2 different sizes were given"),
        ({p: c * n}, {c: 1}, {"sizes": (200, 200, 200)}, ParameterError, "1 different sizes were given"),
        ({p: c * n}, {c: 1}, {"sizes": (2, 4, 8)}, ParameterError, "the size 2 is too small"),
        ({p: c * n}, {c: 1}, {"sizes": "many"}, ParameterError, "sizes must be whole numbers"),
        ({p: c * n}, {c: 1}, {"sizes": (10.5, 20, 30)}, ParameterError, "sizes must be whole numbers"),
        ({p: c * n}, {c: "1/50"}, {"sizes": (100, 200, 400)}, ParameterError, "at n = 100 the dimension p is 2"),
        ({p: c * n}, {c: 1}, {"trials": 1}, ParameterError, "at least 2 trials"),
        ({p: c * n}, {c: 1}, {"trials": "many"}, ParameterError, "trials must be a whole number"),
        ({p: c * n}, {c: 1}, {"trials": (5, 5)}, ParameterError, "2 numbers of trials were given for 3 sizes"),
    ],
)
def test_bad_plans(regime, numbers, options, error, text):
    with pytest.raises(error, match=text):
        plan(regime, numbers, **options)


def test_trials_by_size():
    assert plan({p: c * n}, {c: 1}, trials=(30, 20, 10)).trials == (30, 20, 10)


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2 * 10**9), ("512 MiB", 2**29), (1000, 1000), ("1.5kb", 1500), (1e9, 10**9)]
)
def test_memory(text, size):
    assert memory_bytes(text) == size


@pytest.mark.parametrize("bad", ["much", -1, 0, "3 XB", "inf"])
def test_bad_memory(bad):
    with pytest.raises(ParameterError, match="memory must be"):
        memory_bytes(bad)


# ---- the point -------------------------------------------------------------------------------------------------------
def test_numbers_stay_exact():
    z = Symbol("z")
    point = read_point({c: 0.1, psi: "1/3", z: 1 + 0.5j}, ())
    assert point.numbers == {c: Rational(1, 10), psi: Rational(1, 3), z: 1 + I / 2}
    assert read_point({"c": "0.1"}, (), (c,)).numbers == {c: Rational(1, 10)}


def test_joint_laws_are_ordered_by_their_columns():
    from derive.laws import joint

    T = Deterministic("T", p, p, symmetric=True)
    point = read_point({(T, S): joint({S: [1, 2], T: [3, 4]})}, (S, T))
    assert point.law_of(T)[0] == (S, T)


@pytest.mark.parametrize(
    ("params", "letters", "error", "text"),
    [
        ({c: [1, 2]}, (), ParameterError, "c is an array; a check is made at one point"),
        ({c: np.ones(2)}, (), ParameterError, "c is an array"),
        ({c: "__import__('os')"}, (), ParameterError, "c: expected a number"),
        ({c: float("nan")}, (), ParameterError, "c"),
        ({3: 4}, (), ParameterError, "got the key 3"),
        ([c], (), ParameterError, "must be a mapping"),
        ({}, (S,), LawError, "S has no law"),
        ({S: 3}, (S,), LawError, "the law of S must be"),
        ({(S, A): atomic([1, 2])}, (S, A), LawError, "has 1 columns"),
        ({(S, A): np.eye(2)}, (S, A), LawError, "must be joint"),
        ({Signal("u", p): atomic([1, 2])}, (Signal("u", p),), LawError, "u has a law of its own"),
    ],
)
def test_bad_points(params, letters, error, text):
    with pytest.raises(error, match=text):
        read_point(params, letters)


def test_a_point_is_plain_data():
    assert isinstance(read_point({A: array_law([[1]])}, (A,)), Point)
