"""Tensor limits in a campaign: the same verdicts, stores, executors and reports as limits of matrices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
from sympy import Identity, Rational, Symbol, Trace

import verify
from derive import GaussianTensor, Outer, Signal, Wigner, best_rank_one, dimensions, limit
from derive.errors import BranchError, ParameterError
from verify import PowerIteration, checking, specification
from verify.edges import evaluated
from verify.tensor_campaign import simulate_tensor

N, p, n, m = dimensions("N p n m")
beta = Symbol("beta", positive=True)
x, y, z = Signal("x", p, norm2=1), Signal("y", n, norm2=1), Signal("z", m, norm2=1)
FIRST = best_rank_one(beta * Outer(x, y, z) + GaussianTensor("W", p, n, m, variance=1 / (p + n + m)))
QUANTITIES = {"value": FIRST.value, "x": FIRST.overlap(x), "y": FIRST.overlap(y), "z": FIRST.overlap(z)}
REGIME = {p: N / 4, n: N / 4, m: N / 2}
SMALL = {"sizes": (16, 24, 32), "trials": 6, "device": "cpu"}


@pytest.fixture(scope="module")
def law():
    return limit(QUANTITIES, REGIME)


def run(law, **options):
    return verify.check(law, {beta: 2}, **SMALL | options).values


def same(a, b):
    for name in a:
        for size in a[name]:
            np.testing.assert_array_equal(a[name][size], b[name][size])


@pytest.fixture(scope="module")
def checked(law, request):
    seed = 1 + request.config.getoption("--seed-offset")
    return verify.check(law, {beta: 2}, sizes=(32, 64, 120), trials=700, seed=seed, level=1e-6, device="cpu")


def test_a_true_limit_is_consistent_and_a_wrong_one_refuted(checked):
    """The true one fails with probability 1e-6; an error of 2 % would be seen, here one of 5 % is."""
    assert checked.verdict == "consistent", str(checked)
    for name, value in checked.limits.items():
        assert checked.judge(checked.limits | {name: 1.05 * value}).verdict == "refuted"


def test_mutants_are_refuted(law, checked):
    report = verify.mutation_report(law, {beta: 2}, checked)
    assert report.survivors == (), str(report)
    assert len(report.refuted) >= len(report.rows) // 2, str(report)


def test_what_is_shown_names_the_start(checked, tmp_path):
    assert "planted start" in str(checked)
    record = checked.record()
    assert record["start"] == "planted"
    assert "entries" not in record
    checked.plot(tmp_path / "check.png")
    assert (tmp_path / "check.png").stat().st_size > 10_000


def test_observables_are_read_off(law):
    check = verify.check(law, {beta: 2}, **SMALL | {"trials": 40}, observables={"square": Symbol("x") ** 2 / beta})
    assert check.limits["square"] == pytest.approx(check.limits["x"] ** 2 / 2)
    assert set(check.columns) == {"value", "x", "y", "z", "square"}


# ---- the same numbers, wherever they are computed --------------------------------------------------------------------
def test_values_do_not_depend_on_memory_executor_and_number_of_trials(law):
    whole = run(law)
    same(whole, run(law, memory=1))
    with ThreadPoolExecutor(2) as pool:
        same(whole, run(law, scheduler=pool, memory=1))
    same({q: {s: v[:6] for s, v in by.items()} for q, by in run(law, trials=9).items()}, whole)


@pytest.mark.slow
def test_processes_give_the_same(law):
    same(run(law), run(law, workers=2))


def test_simulate_is_the_campaign_at_one_size(law):
    found = verify.simulate(law, {beta: 2}, 24, 6, device="cpu")
    same({q: {24: v} for q, v in found.items()}, {q: {24: by[24]} for q, by in run(law).items()})
    plain = simulate_tensor(law, {beta: 2}, 24, 6, 0)
    for name, values in found.items():
        np.testing.assert_allclose(values, plain[name], atol=1e-5)


def test_a_specification_travels(law):
    spec, _ = checking.specify(law, {beta: 2}, (16, 24, 32), 6, 0, start=PowerIteration("random", starts=2))
    copy = ForkingPickler.loads(ForkingPickler.dumps(spec))
    assert copy.key("x", 16, "pcg64") == spec.key("x", 16, "pcg64")
    same(
        {"x": {16: specification.run_batch(spec, 16, range(3), "cpu")["x"]}},
        {"x": {16: specification.run_batch(copy, 16, range(3), "cpu")["x"]}},
    )


# ---- the store -------------------------------------------------------------------------------------------------------
def test_stored_results_are_not_simulated_again(law, tmp_path, monkeypatch):
    from verify import engine

    done = []
    true = engine.run_batch
    monkeypatch.setattr(engine, "run_batch", lambda *args: done.extend(args[2]) or true(*args))
    first = run(law, store=tmp_path / "s")
    assert len(done) == 18
    same(first, run(law, store=tmp_path / "s"))
    assert len(done) == 18
    run(law, store=tmp_path / "s", trials=8)
    assert len(done) == 24
    run(law, store=tmp_path / "s", start="random")
    assert len(done) == 42


def key(law, point=None, size=24, **options):
    spec, _ = checking.specify(law, point or {beta: 2}, (16, 24, 32), 6, options.pop("seed", 0), **options)
    return spec.key("x", size, "pcg64")


def test_a_key_holds_everything_that_changes_the_numbers(law):
    heavy = GaussianTensor("W", p, n, m, variance=2 / (p + n + m))
    other = best_rank_one(beta * Outer(x, y, z) + heavy)
    keys = [
        key(law),
        key(law, {beta: 3}),
        key(law, size=32),
        key(law, seed=1),
        *(key(law, start=s) for s in ("unfolding", "random", PowerIteration("random", starts=3))),
        *(key(law, start=PowerIteration(**how)) for how in ({"tolerance": 1e-3}, {"sweeps": 7})),
        key(limit({**QUANTITIES, "x": other.overlap(x), "value": other.value, "y": other.overlap(y),
                   "z": other.overlap(z)}, REGIME)),
        key(limit(QUANTITIES, {p: N / 4, n: N / 2, m: N / 4})),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    # and nothing else
    assert key(law, start="planted") == key(law) == key(law, {beta: 2.0}, start=PowerIteration(starts=99))


# ---- exponents and sizes ---------------------------------------------------------------------------------------------
def test_below_the_threshold_the_bias_is_that_of_an_edge_and_of_chance():
    law = limit({**QUANTITIES, "square": FIRST.overlap(x) ** 2, "sum": FIRST.value + FIRST.overlap(x)}, REGIME)
    assert evaluated(law, {beta: 2})[1] == {}
    value, exponents = evaluated(law, {beta: Rational(1, 2)})
    assert [value[name] for name in ("x", "y", "z", "square")] == [0] * 4
    assert exponents == {"value": 2 / 3, "x": 0.5, "y": 0.5, "z": 0.5, "square": 1, "sum": 2 / 3}


def test_default_sizes_are_of_tensors_that_fit():
    for order, smallest in ((2, 100), (3, 21), (4, 9)):
        dims = [dimensions(f"n_{k}") for k in range(order)]
        signals = [Signal(f"x_{k}", d, norm2=1) for k, d in enumerate(dims)]
        first = best_rank_one(beta * Outer(*signals) + GaussianTensor("W", *dims, variance=1 / sum(dims)))
        law = limit({"value": first.value}, dict.fromkeys(dims[1:], dims[0]))
        _, plan = checking.specify(law, {beta: 2}, None, 8, 0)
        assert smallest <= plan.sizes[0] < plan.sizes[-1]
        assert plan.sizes[-1] ** order <= 200_000


# ---- bad input -------------------------------------------------------------------------------------------------------
def semicircle():
    size = dimensions("n")
    return limit(Trace((Wigner("W", size, variance=1 / size) - 3 * Identity(size)).I) / size)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"entries": "rademacher"}, "entries='rademacher' does not apply: the noise of a planted tensor is Gaussian"),
        ({"entries": "cauchy"}, "cauchy"),
        ({"dependent": object()}, "dependent does not apply"),
        ({"start": "oracle"}, "start must be one of planted, unfolding, random, got 'oracle'"),
        ({"start": 3}, "or a PowerIteration, got 3"),
        ({"sizes": (16, 24)}, "at least 3"),
        ({"sizes": (18, 26, 30)}, None),
        ({"sizes": (1, 2, 3)}, "too small"),
        ({"exponent": {"w": 1}}, "w is not a quantity"),
    ],
)
def test_a_wrong_option_is_one_clear_error(law, options, words):
    if words is None:  # sizes move to those at which all dimensions are whole
        assert checking.specify(law, {beta: 2}, options["sizes"], 6, 0)[1].sizes == (16, 24, 32)
        return
    with pytest.raises(ParameterError) as caught:
        verify.check(law, {beta: 2}, **SMALL | options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", [{"start": "oracle"}, {"starts": 0}, {"sweeps": True}, {"tolerance": 0}])
def test_a_power_iteration_checks_itself(how):
    with pytest.raises(ParameterError, match=next(iter(how))):
        PowerIteration(**how)


def test_a_start_is_for_tensors():
    with pytest.raises(ParameterError, match="start='random' does not apply: this law is about matrices"):
        verify.check(semicircle(), {}, sizes=(20, 30, 40), trials=4, start="random")


def test_wrong_parameters_are_named(law):
    with pytest.raises(ParameterError, match="beta"):
        verify.check(law, {}, **SMALL)
    with pytest.raises(ParameterError, match="array"):
        verify.check(law, {beta: np.array([1.0, 2.0])}, **SMALL)


def test_a_point_without_a_solution_says_why():
    """The second estimator of a deflation has no solution that could be claimed below its threshold."""
    second = best_rank_one(FIRST.tensor - FIRST.value * Outer(*FIRST.vectors))
    law = limit({"first": FIRST.value, "second": second.value}, REGIME)
    with pytest.raises(BranchError, match="estimator 2"):
        verify.check(law, {beta: 2}, **SMALL)


def test_trials_that_meet_the_cap_are_told(law):
    with pytest.warns(RuntimeWarning, match="of 6 trials: the cap on the number of sweeps was reached, 2"):
        verify.simulate(law, {beta: 2}, 16, 6, start=PowerIteration(sweeps=2), device="cpu")


# ---- calibration -----------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_true_limit_is_refuted_at_most_20_times_in_200(law, seed):
    """At 5 % and with a resolution that excuses nothing; P(more than 20) is 1e-3 at a true rate of 0.05."""
    options = {"sizes": (24, 48, 96), "trials": 12, "level": 0.05, "resolution": 1e-12, "device": "cpu"}
    found = [verify.check(law, {beta: 2}, seed=s, **options).verdict for s in range(seed, seed + 200)]
    assert found.count("refuted") <= 20
