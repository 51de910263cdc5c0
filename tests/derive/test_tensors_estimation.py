"""Best parameters of tensor limits, and parameters from observed values: exact, statistical, impossible."""

from __future__ import annotations

from functools import cache

import mpmath
import numpy as np
import pytest
from sympy import Rational, symbols

import verify
from derive import GaussianTensor, Outer, Signal, best_rank_one, dimensions, limit
from derive.errors import BranchError, ParameterError
from derive.optimum import OptimumStatus, locate
from derive.tensors.estimation import EstimationStatus
from derive.tensors.monomials import PolynomialSystem
from tests.oracles import tensors as oracle

N, p, n = dimensions("N p n")
BETA, B1, B2, C = symbols("beta beta_1 beta_2 c", positive=True)
ALPHA = symbols("alpha", real=True)
ALPHAS = symbols("alpha_1:4", real=True)
UNKNOWN = (B1, B2, ALPHA)


@cache
def spiked():
    """p = c N, the two other dimensions equal."""
    x, y, z = Signal("x", p, norm2=1), Signal("y", n, norm2=1), Signal("z", n, norm2=1)
    T = BETA * Outer(x, y, z) + GaussianTensor("W", p, n, n, variance=1 / N)
    return limit(best_rank_one(T), {p: C * N, n: (1 - C) * N / 2})


@cache
def symmetric():
    """Two steps of Hotelling's deflation of a symmetric tensor."""
    x, y = Signal("x", n, norm2=1), Signal("y", n, norm2=1)
    noise = GaussianTensor("W", n, n, n, variance=1 / (6 * n), symmetric=True)
    one = best_rank_one(B1 * Outer(x, x, x) + B2 * Outer(y, y, y) + noise)
    two = best_rank_one(one.tensor - one.value * Outer(*one.vectors))
    quantities = {"lambda_1": one.value, "lambda_2": two.value, "eta": two.overlap(one.vectors[0], 1),
                  "rho_11": one.overlap(x), "rho_12": two.overlap(x), "rho_22": two.overlap(y)}  # fmt: skip
    return limit(quantities, inner={(x, y): ALPHA})


@cache
def asymmetric(per_mode):
    dims = dimensions("n1 n2 n3")
    x = [Signal(f"x{k}", d, norm2=1) for k, d in enumerate(dims, 1)]
    y = [Signal(f"y{k}", d, norm2=1) for k, d in enumerate(dims, 1)]
    T = B1 * Outer(*x) + B2 * Outer(*y) + GaussianTensor("W", *dims, variance=1 / N)
    one = best_rank_one(T)
    two = best_rank_one(T - one.value * Outer(*one.vectors))
    quantities = {"lambda_1": one.value, "lambda_2": two.value, "rho_12": two.overlap(x[0])}
    quantities |= {f"eta_{k}": two.overlap(u) for k, u in enumerate(one.vectors, 1)}
    inner = {(a, b): ALPHAS[k] if per_mode else ALPHA for k, (a, b) in enumerate(zip(x, y, strict=True))}
    return limit(quantities, dict(zip(dims, (N / 5, 3 * N / 10, N / 2), strict=True)), inner=inner)


def observed(law, params, *names):
    found = law.evaluate(params)
    return {name: found[name] for name in names}


# ---- the best parameter ----------------------------------------------------------------------------------------------
def test_equal_dimensions_have_the_largest_singular_value():
    best = spiked().maximise(over=C, at={BETA: 2}, of="value", bounds=(0.1, 0.9))
    assert best.status is OptimumStatus.STATIONARY
    assert best.at == pytest.approx(1 / 3, abs=1e-9)
    assert best.value == pytest.approx(oracle.spiked_order_3(2.0)[0], rel=1e-13)


def test_digits_of_an_optimum():
    best = spiked().maximise(over=C, at={BETA: 2}, of="value", bounds=("0.1", "0.9"), digits=40)
    with mpmath.workdps(45):
        root = mpmath.sqrt(3) * mpmath.sqrt(mpmath.mpf(8) ** 3)
        assert abs(best.at - mpmath.mpf(1) / 3) < mpmath.mpf(10) ** -40
        assert abs(best.value - mpmath.sqrt(4 + root / 36)) < mpmath.mpf(10) ** -38
    low = spiked().minimise(over=C, at={BETA: 2}, of="value", bounds=("0.1", "0.9"), digits=30)
    assert low.status is OptimumStatus.BOUND
    with mpmath.workdps(40):
        assert abs(low.at - mpmath.mpf(9) / 10) < mpmath.mpf(10) ** -29


def test_batch_of_optima_agrees_with_a_grid():
    beta = np.array([[1.5], [2.0]])
    best = spiked().maximise(over=C, at={BETA: beta}, of="x", bounds=(0.05, 0.95))
    assert best.at.shape == best.value.shape == best.status.shape == (2, 1)
    grid = np.linspace(0.05, 0.95, 181)
    found = spiked().evaluate({BETA: beta, C: grid}, full_output=True)
    inside = np.where(found.status == 0, found.value["x"], -1)
    assert np.all(best.value[:, 0] >= np.max(inside, axis=1) - 1e-12)
    assert np.all(np.abs(best.at[:, 0] - grid[np.argmax(inside, axis=1)]) < 0.006)


def test_optimum_where_the_informative_solution_ends():
    best = spiked().minimise(over=BETA, at={C: Rational(1, 3)}, of="x", bounds=(0.5, 3))
    assert best.status is OptimumStatus.ENDS
    assert best.at == pytest.approx(2 / 3**0.5, rel=1e-6)
    assert "ceases to exist" in best.note


def test_jump_between_two_solutions():
    """Two orthogonal spikes: the estimate turns from one to the other where they are equally strong."""
    x, y = Signal("x", n, norm2=1), Signal("y", n, norm2=1)
    noise = GaussianTensor("W", n, n, n, variance=1 / (6 * n), symmetric=True)
    law = limit(best_rank_one(BETA * Outer(x, x, x) + 3 * Outer(y, y, y) + noise), inner={(x, y): 0})
    best = law.maximise(over=BETA, of="y", bounds=(2, 4))
    assert best.value == pytest.approx(oracle.spiked_order_3(3.0)[1], rel=1e-9)
    lowest = law.minimise(over=BETA, of="value", bounds=(2.5, 4))
    assert lowest.value == pytest.approx(oracle.spiked_order_3(3.0)[0], rel=1e-9)
    worst = law.minimise(over=BETA, of="y", bounds=(2, 4))
    assert worst.value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("shift", "at", "status"), [(0.3, 0.3, 0), (-1.0, 0.0, 1), (2.0, 1.0, 1)])
def test_location_of_a_parabola(shift, at, status):
    found = locate(lambda k, x: ((x - shift) ** 2, 2 * (x - shift)), 0, 1, 1)
    assert (found.at[0], found.status[0]) == (pytest.approx(at, abs=1e-12), status)


def test_location_of_jumps_and_ends():
    def falls_then_jumps(k, x):
        return np.where(x < 0.61803, -x, 1 + x), np.where(x < 0.61803, -1.0, 1.0)

    found = locate(falls_then_jumps, 0, 1, 1)
    assert found.status[0] == OptimumStatus.JUMP
    assert found.at[0] == pytest.approx(0.61803, abs=1e-10)

    def falls_then_jumps_and_falls(k, x):
        return np.where(x < 0.61803, -x, 5 - x), -np.ones_like(x)

    found = locate(falls_then_jumps_and_falls, 0, 1, 1)
    assert (found.status[0], found.at[0]) == (OptimumStatus.JUMP, pytest.approx(0.61803, abs=1e-10))

    def ends(k, x):
        return np.where(x < 0.61803, -x, np.nan), np.where(x < 0.61803, -1.0, np.nan)

    found = locate(ends, 0, 1, 1)
    assert (found.status[0], found.at[0]) == (OptimumStatus.ENDS, pytest.approx(0.61803, abs=1e-10))
    nothing = locate(lambda k, x: (np.full_like(x, np.nan), np.full_like(x, np.nan)), 0, 1, 2)
    assert nothing.status.tolist() == [OptimumStatus.NOWHERE] * 2


def test_the_lower_of_two_minima_is_found():
    found = locate(lambda k, x: (np.cos(9 * x) + 0.1 * x, -9 * np.sin(9 * x) + 0.1), 0, 2, 1)
    assert found.at[0] == pytest.approx((np.pi - np.arcsin(0.1 / 9)) / 9, abs=1e-9) or found.value[0] < -0.96


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"over": "theta"}, "over: theta is no parameter; the parameters are beta, c"),
        ({"over": C, "of": None}, "of: say which quantity; the quantities are value, x, y, z"),
        ({"over": C, "of": "w"}, "of: w is no quantity"),
        ({"over": C, "bounds": (0.9, 0.1)}, "the first must be smaller"),
        ({"over": C, "bounds": (-1, 0.5)}, "c is declared positive, and the interval begins at -1"),
        ({"over": C, "bounds": 0.5}, "expected two numbers"),
        ({"over": C, "at": {BETA: 2, C: 0.5}}, "c is both varied"),
        ({"over": C, "at": {BETA: [1.5, 2]}, "digits": 20}, "digits are computed at one point at a time"),
        ({"over": C, "at": {}}, "missing value for beta"),
    ],
)
def test_bad_input_to_an_optimum(options, message):
    given = {"at": {BETA: 2}, "of": "x", "bounds": (0.1, 0.9)} | options
    with pytest.raises(ParameterError, match=message):
        spiked().maximise(**given)


def test_optimum_without_any_solution():
    with pytest.raises(BranchError, match="there is no limit at any point between the bounds"):
        spiked().maximise(over=C, at={BETA: 0.3}, of="x", bounds=(0.2, 0.5))


# ---- parameters from observed values ---------------------------------------------------------------------------------
STRENGTHS = [(4, 3, 0.5), (10, 8, 0.7), (9, 2, 0.1), (3.5, 3.2, 0.4)]


@pytest.mark.parametrize("truth", STRENGTHS)
def test_exact_data_give_the_parameters_back(truth):
    law, params = symmetric(), dict(zip(UNKNOWN, truth, strict=True))
    found = law.estimate(observed(law, params, "lambda_1", "lambda_2", "eta"), unknown=UNKNOWN)
    assert found.status is EstimationStatus.SOLVED
    assert list(found.parameters.values()) == pytest.approx(truth, rel=1e-9)
    assert found.residual < 1e-9
    for name, value in law.evaluate(params).items():
        assert found.values[name] == pytest.approx(value, abs=1e-9)


def test_batch_of_data_and_one_point_below_the_threshold():
    law = spiked()
    values = np.array([1.5, 2.0, 3.0])
    with pytest.warns(RuntimeWarning, match="1 of 3 points have no estimate"):
        found = law.estimate({"value": values}, unknown=BETA, at={C: Rational(1, 3)})
    assert found.status.tolist() == [EstimationStatus.BELOW_THRESHOLD, 0, 0]
    assert np.isnan(found.parameters[BETA][0])
    for value, beta, x in zip(values[1:], found.parameters[BETA][1:], found.values["x"][1:], strict=True):
        assert (value, x) == pytest.approx(oracle.spiked_order_3(beta), rel=1e-10)


def test_an_inner_product_for_every_mode():
    truth = (4.0, 3.0, 0.5, 0.4, 0.6)
    law, unknown = asymmetric(True), (B1, B2, *ALPHAS)
    names = ("lambda_1", "lambda_2", "eta_1", "eta_2", "eta_3")
    found = law.estimate(observed(law, dict(zip(unknown, truth, strict=True)), *names), unknown=unknown)
    assert list(found.parameters.values()) == pytest.approx(truth, rel=1e-8)


def test_least_squares_when_there_are_more_data_than_parameters():
    truth = (4.0, 3.0, 0.5)
    law = asymmetric(False)
    data = observed(law, dict(zip(UNKNOWN, truth, strict=True)), "lambda_1", "lambda_2", "eta_1", "eta_2", "eta_3")
    found = law.estimate(data, unknown=UNKNOWN)
    assert list(found.parameters.values()) == pytest.approx(truth, rel=1e-8)
    # contradictory data: no small change of the parameters fits better
    noisy = {name: value + shift for (name, value), shift in zip(data.items(), (0, 0, 0.01, -0.01, 0.005), strict=True)}
    best = law.estimate(noisy, unknown=UNKNOWN)
    assert 1e-3 < best.residual < 0.01

    def misfit(params):
        values = law.evaluate(params)
        return np.sqrt(np.mean([(values[name] - value) ** 2 for name, value in noisy.items()]))

    assert misfit(best.parameters) == pytest.approx(best.residual, rel=1e-9)
    for symbol in UNKNOWN:
        for step in (-1e-3, 1e-3):
            assert misfit(best.parameters | {symbol: best.parameters[symbol] + step}) > best.residual


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((5, 1.2, 0.4), "lambda_2 = 1.2, eta = 0.4: the data lie below the threshold"),
        ((1.3, 1.2, 0.3), "the data lie below the threshold"),
        ((5, 2.5, 0.95), "no parameters were found"),
    ],
)
def test_impossible_data(data, message):
    with pytest.raises(BranchError, match=f"no beta_1, beta_2, alpha with lambda_1 = .*{message}"):
        symmetric().estimate(dict(zip(("lambda_1", "lambda_2", "eta"), data, strict=True)), unknown=UNKNOWN)


def test_data_of_a_solution_that_is_not_the_informative_one():
    found = symmetric().estimate({"lambda_1": 4.82752, "lambda_2": 1.98852, "eta": 0.524487}, unknown=UNKNOWN)
    assert found.status is EstimationStatus.OTHER_SOLUTION
    there = symmetric().evaluate(found.parameters)
    assert there["lambda_2"] > found.values["lambda_2"] + 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"observed": {"lambda_1": 4}}, r"1 observed quantities \(lambda_1\) cannot determine 3 parameters"),
        ({"observed": {"mu": 4}}, "mu is no quantity; the quantities are lambda_1, lambda_2"),
        ({"observed": 3}, "observed maps names of quantities to values"),
        ({"unknown": ("gamma",)}, "unknown: gamma is no parameter; the parameters are alpha, beta_1, beta_2"),
        ({"unknown": ()}, "unknown: name the parameters"),
        ({"unknown": (B1, B1)}, "beta_1 is given twice"),
        ({"unknown": (B1, B2)}, "missing value for alpha"),
        ({"at": {ALPHA: 0.5}}, "unknown parameter alpha"),
        ({"within": {"c": (0, 1)}}, "within: c is not among the unknown parameters"),
        ({"within": {ALPHA: (1, 0)}}, "within: alpha lies between 1 and 0"),
        ({"observed": {"lambda_1": [1, 2], "lambda_2": [1, 2, 3], "eta": 0.1}}, "do not broadcast"),
        ({"observed": {"lambda_1": float("nan"), "lambda_2": 2, "eta": 0.1}}, "lambda_1"),
    ],
)
def test_bad_input_to_an_estimate(options, message):
    given = {"observed": {"lambda_1": 4.8, "lambda_2": 2.3, "eta": 0.46}, "unknown": UNKNOWN} | options
    with pytest.raises(ParameterError, match=message):
        symmetric().estimate(**given)


def _standardised(size, trials, seed):
    """Errors of parameters and alignments, estimated trial by trial, in standard errors of their means."""
    law, truth = symmetric(), dict(zip(UNKNOWN, (4, 3, 0.5), strict=True))
    found = verify.simulate(law, truth, size=size, trials=trials, seed=seed, device="cpu")
    seen = law.estimate({name: found[name] for name in ("lambda_1", "lambda_2", "eta")}, unknown=UNKNOWN)
    good = seen.status == EstimationStatus.SOLVED
    errors = {s.name: seen.parameters[s][good] - float(value) for s, value in truth.items()}
    # the alignments that follow, against those of the same sample
    errors |= {name: (seen.values[name] - found[name])[good] for name in ("rho_11", "rho_12", "rho_22")}
    return good, {name: (np.mean(e), np.std(e) / np.sqrt(len(e))) for name, e in errors.items()}


@pytest.mark.filterwarnings("ignore:.*trials. the cap on the number of sweeps:RuntimeWarning")
def test_estimates_from_simulated_tensors(seed):
    """30 tensors of dimension 40: means within 4 standard errors and a bias of 1/n."""
    good, errors = _standardised(40, 30, seed)
    assert np.mean(good) > 0.8
    for name, (mean, error) in errors.items():
        assert abs(mean) < 4 * error + 1 / 40, (name, mean, error)
        assert error < 0.08


@pytest.mark.slow
def test_estimates_from_large_simulated_tensors(seed):
    """150 tensors of dimension 100: the same, and standard errors a third as large."""
    good, errors = _standardised(100, 150, seed)
    assert np.mean(good) > 0.98
    for name, (mean, error) in errors.items():
        assert abs(mean) < 4 * error + 1 / 100, (name, mean, error)
        assert error < 0.015


# ---- the arithmetic under both ---------------------------------------------------------------------------------------
def test_polynomials_in_batches_agree_with_their_derivatives():
    x, y, c = symbols("x y c")
    exprs = [x**3 * y - c * x + 2, c, (x + y) ** 2 * c, x / (1 + y**2)]
    rng = np.random.default_rng(1)
    points, values = rng.standard_normal((4, 2)), rng.standard_normal(4)
    found, slopes = PolynomialSystem(exprs, [x, y]).at(points, {c: values})
    for k, (a, b) in enumerate(points):
        at = {x: a, y: b, c: values[k]}
        np.testing.assert_allclose(found[k], [float(e.subs(at)) for e in exprs], rtol=1e-13)
        wanted = [[float(e.diff(s).subs(at)) for s in (x, y)] for e in exprs]
        np.testing.assert_allclose(slopes[k], wanted, rtol=1e-12, atol=1e-14)
