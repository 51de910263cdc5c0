"""Any number of digits, batches, and the same numbers whichever way they are asked for."""

from __future__ import annotations

import warnings

import mpmath
import numpy as np
import pytest
from sympy import Identity, Rational, Symbol, Trace, symbols

from derive import (
    Deterministic,
    Evaluation,
    Gaussian,
    LawError,
    ParameterError,
    Signal,
    Status,
    Wigner,
    atomic,
    dimensions,
    joint,
    limit,
)
from tests.derive.zoo import CASES
from tests.oracles import marchenko_pastur

n, p = dimensions("n p")
c, v = symbols("c v", positive=True)
z = Symbol("z")
In, Ip = Identity(n), Identity(p)
X = Gaussian("X", p, n, variance=1 / n)
PASTUR = limit(Trace((X * X.T - z * Ip).I) / p, {p: c * n})
WIGNER = limit(Trace((Wigner("W", n, variance=v / n) - z * In).I) / n)


# -- digits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["product", "square-root-array", "two-points", "commuting-family", "score-second", "cube"]
)
def test_digits_continue_double_precision(name):
    case = CASES[name]
    law = limit(case.quantity, case.regime, **case.declared)
    double, long, longer = (law.evaluate(case.params, digits=k) for k in (None, 30, 60))
    assert abs(complex(long) - double) < 1e-12 * abs(double)
    with mpmath.workdps(60):
        assert abs(long - longer) < mpmath.mpf(10) ** -28 * abs(longer)


def test_exact_arithmetic_of_the_input():
    """1/3 is a third at every precision; 0.1 is a tenth."""
    with mpmath.workdps(50):
        g = (-mpmath.mpf(10) / 3 + mpmath.sqrt(mpmath.mpf(100) / 9 - 4)) / 2
        assert abs(WIGNER.evaluate({v: 1, z: "10/3"}, digits=45) - g) < mpmath.mpf(10) ** -44
    tenth = [WIGNER.evaluate({v: x, z: 3}, digits=40) for x in (0.1, "0.1", "1/10", Rational(1, 10), np.float64(0.1))]
    assert len({str(x) for x in tenth}) == 1


def test_error_estimate_covers_the_error():
    rough = PASTUR.evaluate({c: "1/3", z: "-1/7"}, digits=20, full_output=True)
    sharp = PASTUR.evaluate({c: "1/3", z: "-1/7"}, digits=80)
    with mpmath.workdps(80):
        assert abs(rough.value - sharp) <= max(rough.error, mpmath.mpf(10) ** -20 * abs(sharp))


def test_digits_near_an_edge():
    with mpmath.workdps(50):
        point = mpmath.mpf("2.25") + mpmath.mpf(10) ** -8
        low, high, third = mpmath.mpf(1) / 4, mpmath.mpf(9) / 4, mpmath.mpf(3) / 4
        root = mpmath.sqrt((point - low) * (point - high))
        expected = (third - point + root) / (point / 2)
        found = PASTUR.evaluate({c: "1/4", z: "2.25000001"}, digits=40)
        assert abs(found - expected) < mpmath.mpf(10) ** -38


# -- confluence: two resolvents at one point are a derivative ---------------------------------------------------------


@pytest.mark.parametrize("point", ["-1/2", "3", "0.3+0.7j"])
def test_a_square_is_the_derivative(point):
    """tr Q(z) A Q(z) = d/dz tr A Q(z), and tr Q^3 = (1/2) d^2/dz^2 tr Q, by differences at 60 digits."""
    Sigma = Deterministic("Sigma", p, p, positive=True)
    Y = Sigma ** Rational(1, 2) * X
    Q = (Y * Y.T - z * Ip).I
    single = limit({"one": Trace(Q) / p, "weighted": Trace(Sigma * Q) / p}, {p: c * n})
    nested = limit({"two": Trace(Q * Sigma * Q) / p, "three": Trace(Q**3) / p}, {p: c * n})
    law = {Sigma: atomic([1, 5])}
    # far enough from the bulk of {1, 5} at c = 1/10 in every case
    with mpmath.workdps(70):
        step = mpmath.mpf(10) ** -20
        centre = (
            mpmath.mpmathify(complex(point))
            if "j" in point
            else mpmath.mpf(-1) / 2
            if point[0] == "-"
            else mpmath.mpf(3)
        )
        values = [single.evaluate({c: "1/10", z: centre + k * step, **law}, digits=65) for k in (-1, 0, 1)]
        found = nested.evaluate({c: "1/10", z: centre, **law}, digits=40)
        first = (values[2]["weighted"] - values[0]["weighted"]) / (2 * step)
        second = (values[2]["one"] - 2 * values[1]["one"] + values[0]["one"]) / step**2
        assert abs(found["two"] - first) < mpmath.mpf(10) ** -30 * abs(first)
        assert abs(found["three"] - second / 2) < mpmath.mpf(10) ** -20 * abs(second)


def test_two_points_become_one():
    """(m(z) - m(w)) / (z - w) is tr Q(z) Q(w), also as w approaches z."""
    w = Symbol("w")
    Q, R = (X * X.T - z * Ip).I, (X * X.T - w * Ip).I
    both = limit(Trace(Q * R) / p, {p: c * n})
    square = limit(Trace(Q * Q) / p, {p: c * n})
    for other in (-2.0, -0.51, -0.5000001):
        quotient = (PASTUR.evaluate({c: 0.5, z: -0.5}) - PASTUR.evaluate({c: 0.5, z: other})) / (-0.5 - other)
        found = both.evaluate({c: 0.5, z: -0.5, w: other})
        assert abs(found - quotient) < 1e-7 * abs(quotient)
    assert abs(found - square.evaluate({c: 0.5, z: -0.5})) < 1e-6


# -- batches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cs", "zs", "shape"),
    [
        (0.5, -1.0, ()),
        (np.array(0.5), -1.0, ()),
        (np.array([0.5]), -1.0, (1,)),
        (0.5, np.linspace(-2, -1, 5), (5,)),
        (np.ones((3, 1)) / 2, np.linspace(-2, -1, 4), (3, 4)),
        (np.ones((2, 1, 3)), -np.ones((4, 1)), (2, 4, 3)),
        (np.zeros(0), -1.0, (0,)),
        (np.ones((0, 3)), -np.ones(3), (0, 3)),
        ([0.5, 0.25], [-1, -2], (2,)),
        (["1/2", "0.25"], "-1", (2,)),
        ("1/2", -1, ()),
    ],
)
def test_broadcasting(cs, zs, shape):
    found = PASTUR.evaluate({c: cs, z: zs}, full_output=True)
    assert isinstance(found, Evaluation)
    for part in (found.value, found.status, found.error, *found.unknowns.values()):
        assert np.shape(part) == shape
    bare = PASTUR.evaluate({c: cs, z: zs})
    assert isinstance(bare, float) if shape == () else isinstance(bare, np.ndarray)
    ratios, points = np.broadcast_arrays(*(np.asarray(x, dtype=object) for x in (cs, zs)))
    flat = zip(ratios.ravel(), points.ravel(), strict=True)
    exact = np.array([marchenko_pastur.stieltjes(number(b), number(a)).real for a, b in flat]).reshape(shape)
    assert np.allclose(bare, exact, rtol=1e-12)


def number(text) -> float:
    top, _, bottom = str(text).partition("/")
    return float(top) / float(bottom or 1)


def test_good_and_bad_points_do_not_disturb_each_other(seed):
    rng = np.random.default_rng(seed)
    zs = np.concatenate([rng.uniform(-1, 4, 60), rng.uniform(0, 3, 20) + 1j * rng.uniform(-1, 1, 20)])
    cs = rng.uniform(0.1, 3, 80)
    together = PASTUR.evaluate({c: cs, z: zs}, full_output=True)
    for k in range(0, 80, 3):
        # a real point among complex ones has the imaginary part +0: the boundary value
        alone = PASTUR.evaluate({c: cs[k], z: zs[k]}, full_output=True)
        assert alone.status == together.status[k]
        if alone.status == Status.CONVERGED:
            assert abs(alone.value - together.value[k]) < 1e-10 * abs(alone.value)


def test_real_and_refused_points_in_one_array():
    zs = np.array([0.1, 1.0, 3.0, 2.0, -1.0])
    with pytest.warns(RuntimeWarning, match=r"2 of 5 points have no limit .*inside the bulk"):
        found = PASTUR.evaluate({c: 0.25, z: zs})
    assert np.isnan(found).tolist() == [False, True, False, True, False]
    assert np.isrealobj(found)
    good = PASTUR.evaluate({c: 0.25, z: zs[[0, 2, 4]]})
    assert np.allclose(found[[0, 2, 4]], good, rtol=1e-14)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        status = PASTUR.evaluate({c: 0.25, z: zs}, full_output=True).status
    assert status.tolist() == [0, 1, 0, 1, 0]


def test_one_refused_point_in_an_array_is_nan():
    with pytest.warns(RuntimeWarning, match="1 of 1"):
        assert np.isnan(PASTUR.evaluate({c: 0.25, z: np.array([1.0])})).all()


def test_inputs_are_not_touched():
    cs, zs = np.array([0.25, 0.5, 2.0]), np.array([0.01, -1.0, 0.1 + 0.2j])
    small = np.diag([1.0, 5.0])
    for array in (cs, zs, small):
        array.setflags(write=False)
    PASTUR.evaluate({c: cs, z: zs})
    Sigma = Deterministic("Sigma", p, p, positive=True)
    Y = Sigma ** Rational(1, 2) * X
    limit(Trace((Y * Y.T - z * Ip).I) / p, {p: c * n}).evaluate({c: cs, z: -1.0, Sigma: small})
    assert cs.tolist() == [0.25, 0.5, 2.0]


def test_large_batches_in_pieces():
    cs = np.linspace(0.05, 3, 70_001)
    found = PASTUR.evaluate({c: cs, z: -0.3}, full_output=True)
    assert np.all(found.status == 0)
    h = -0.3 + cs - 1
    exact = (-h - np.sqrt(h * h + 1.2 * cs)) / (2 * cs * -0.3)
    assert np.allclose(found.value, exact, rtol=1e-10)


def test_a_mapping_gives_a_mapping():
    law = limit({"m": Trace((X * X.T - z * Ip).I) / p, "d": Trace((X * X.T - z * Ip).I ** 2) / p}, {p: c * n})
    found = law.evaluate({c: 0.5, z: np.array([-1.0, -2.0])})
    assert set(found) == {"m", "d"}
    assert found["m"].shape == found["d"].shape == (2,)
    assert set(law.value) == {"m", "d"}
    assert set(law.certify({c: "1/2", z: -1}).value) == {"m", "d"}


def test_parameters_by_name_and_by_symbol():
    by_symbol = PASTUR.evaluate({c: 0.5, z: -1})
    assert PASTUR.evaluate({"c": 0.5, "z": -1}) == by_symbol
    assert [s.name for s in PASTUR.parameters] == ["c", "z"]


# -- signals and their laws -------------------------------------------------------------------------------------------


def test_a_law_of_a_signal_agrees_with_its_norm():
    Sigma = Deterministic("Sigma", p, p, positive=True)
    mu, nu = Signal("mu", p, norm2=2), Signal("nu", p)
    Y = Sigma ** Rational(1, 2) * X
    K = (Y * Y.T + Ip).I
    law = limit(mu.T * K * mu, {p: c * n})
    assert law.evaluate({c: 0.5, (Sigma, mu): joint({Sigma: [1, 4], mu: [2**0.5, 2**0.5]})}) > 0
    with pytest.raises(LawError, match="squared norm of mu is 1 by the law given, but 2 was declared"):
        law.evaluate({c: 0.5, (Sigma, mu): joint({Sigma: [1, 4], mu: [1, 1]})})
    # a norm that was not declared is not asked for where the law says it
    free = limit(nu.T * K * nu, {p: c * n})
    assert [s.name for s in free.parameters] == ["c"]
    assert free.evaluate({c: 0.5, (Sigma, nu): joint({Sigma: [1, 4], nu: [1, 1]})}) > 0
    rho = Symbol("rho", real=True)
    pair = limit(mu.T * K * nu + mu.T * nu, {p: c * n}, inner={(mu, nu): rho})
    family = {(Sigma, mu, nu): joint({Sigma: [1, 4], mu: [2, 0], nu: [1, 1]})}
    assert pair.evaluate({c: 0.5, rho: 1, **family}) > 1
    with pytest.raises(LawError, match="inner product of mu and nu"):
        pair.evaluate({c: 0.5, rho: 0.3, **family})


@pytest.mark.parametrize(("number", "digits"), [(0, 5), (10001, 5), (2.5, 5), ("20", 5)])
def test_digits_out_of_range(number, digits):
    with pytest.raises(ParameterError, match="whole number"):
        PASTUR.evaluate({c: 0.5, z: -1}, digits=number)
