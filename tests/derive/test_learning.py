"""The language of a learning problem: its algebra against least-squares solvers, its limits against oracles."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Identity, Rational, Symbol, Trace, ZeroMatrix, symbols

from derive import (
    Dataset,
    Deterministic,
    Gaussian,
    RandomVector,
    Signal,
    after_rounds,
    atomic,
    average,
    dimensions,
    excess_risk,
    least_squares,
    limit,
    ridge,
    risk_product,
    stationary,
)
from derive.errors import DimensionError, NotRationalError, ParameterError
from derive.learning.linear import linear_form
from tests.oracles import regression
from verify.observe import compile_observation
from verify.structured import Full

n, d, m, n1, n2 = dimensions("n d m n_1 n_2")
phi, psi, p2, lam, mu = (Symbol(name, positive=True) for name in ("phi", "psi", "p_2", "lambda", "mu"))
s1, s2, c2, r2 = (Symbol(name, nonnegative=True) for name in ("s1", "s2", "c2", "r2"))
Sigma = Deterministic("Sigma", d, d, positive=True)
Gamma = Deterministic("Gamma", d, d, positive=True)
I = Identity(d)
w = RandomVector("w", d, r2 * I / d)
delta = RandomVector("delta", d, c2 * I / d)


def two_sources(**shared):
    real = Dataset("1", n1, w, noise=s1, **shared)
    return real, Dataset("2", n2, w + delta, noise=s2, **shared)


# ---- the algebra -----------------------------------------------------------------------------------------------------
def coefficients(expr):
    return {v.name: a.matrix() for v, a in linear_form(expr).items()}


def test_the_resolvent_identity_leaves_the_short_form():
    real, synthetic = two_sources(covariance=Sigma)
    found = coefficients(ridge(real, synthetic, penalty=lam, samples=n) - w)
    X1, X2 = real.X, synthetic.X
    R = (X1.T * X1 / n + X2.T * X2 / n + lam * I).I
    zero = ZeroMatrix(d, d)
    assert (found["w"] + lam * R).doit() == zero or str(found["w"]) == str((-lam * R).doit())
    assert str(found["delta"]) == str((R * X2.T * X2 / n).doit())
    assert str(found["epsilon_1"]) == str((R * X1.T / n).doit())


def test_least_squares_returns_its_target():
    data = Dataset("1", n, w, Sigma, noise=s1)
    # the error of least squares is due to the noise alone, after any number of generations
    assert list(coefficients(least_squares(data) - w)) == ["epsilon_1"]
    again = Dataset("2", m, least_squares(data), Sigma, noise=s2)
    assert sorted(coefficients(least_squares(again) - w)) == ["epsilon_1", "epsilon_2"]
    assert str(coefficients(least_squares(again))["w"]) == "I"


def test_a_difference_of_penalties_is_a_product_of_resolvents():
    data = Dataset("1", n, w)
    A, B = ((data.X.T * data.X / n + x * I).I for x in (lam, mu))
    found = linear_form((A - B) * w)
    assert set(found) == {w}  # nothing to shorten, and nothing is lost
    assert len(found[w].terms) == 2


def draw(rng, sizes, letters):
    return {x: rng.standard_normal([sizes[s] for s in x.shape]) for x in letters}


def traced(risk, sizes, values, numbers):
    """The traces of a risk, evaluated on matrices."""
    found = compile_observation(
        {"risk": risk}, sizes, {k: Rational(v) for k, v in numbers.items()}, dict.fromkeys(values, ("full", 1.0))
    )
    return float(np.asarray(found({x: Full(v[None]) for x, v in values.items()}, np)["risk"]).squeeze())


def test_the_risk_is_that_of_a_numerical_solver():
    """All random vectors of a chain of two fits with shared data, by running the solver on their basis vectors."""
    real, synthetic = two_sources()
    first = ridge(real, synthetic, penalty=lam)
    relabelled = Dataset("3", n2, average(first, w), noise=s2, weight=Rational(1, 3))
    second = ridge(real, relabelled, penalty=mu, samples=n)
    risk = excess_risk(second, w, None)
    sizes = {n: 11, n1: 9, n2: 7, d: 5}
    rng = np.random.default_rng(1)
    Z = draw(rng, sizes, [s.Z for s in (real, synthetic, relabelled)])
    Z1, Z2, Z3 = (Z[s.Z] for s in (real, synthetic, relabelled))
    numbers = {lam: "1/3", mu: "1/7", s1: "1/2", s2: "1/5", c2: "2", r2: "3"}
    l1, l2, e1, e2, c, r = (float(Rational(x)) for x in numbers.values())

    def solve(parts, samples, penalty):
        """Weighted ridge as a least-squares problem: ``parts`` are features, labels and weights."""
        rows = [np.sqrt(v / samples) * X for X, _, v in parts] + [np.sqrt(penalty) * np.eye(5)]
        labels = [np.sqrt(v / samples) * y for _, y, v in parts] + [np.zeros(5)]
        return np.linalg.lstsq(np.vstack(rows), np.concatenate(labels), rcond=None)[0]

    def error(w0, change, noise1, noise2, noise3):
        y1 = Z1 @ w0 + noise1
        one = solve([(Z1, y1, 1), (Z2, Z2 @ (w0 + change) + noise2, 1)], 16, l1)
        return solve([(Z1, y1, 1), (Z3, Z3 @ (one + w0) / 2 + noise3, 1 / 3)], 11, l2) - w0

    lengths = (5, 5, 9, 7, 7)
    variances = (r / 5, c / 5, e1, e2, e2)
    vectors = (w, delta, real.epsilon, synthetic.epsilon, relabelled.epsilon)
    total = 0.0
    for index, (length, variance, vector) in enumerate(zip(lengths, variances, vectors, strict=True)):
        share = 0.0
        for k in range(length):
            arguments = [np.zeros(x) for x in lengths]
            arguments[index][k] = 1.0
            share += variance * float(np.sum(error(*arguments) ** 2))
        assert traced(risk.due_to(vector), sizes, Z, numbers) == pytest.approx(share, rel=1e-10)
        total += share
    assert traced(risk.total, sizes, Z, numbers) == pytest.approx(total, rel=1e-10)
    assert risk.due_to(w, delta) == risk.due_to(w) + risk.due_to(delta)


def test_fixed_coefficients_have_a_cross_term():
    u, v = Signal("u", d, norm2=1), Signal("v", d, norm2=c2)
    real, synthetic = Dataset("1", n1, u), Dataset("2", n2, u + v)
    estimator = ridge(real, synthetic, penalty=lam, samples=n)
    risk = excess_risk(estimator, u)
    assert set(risk.parts) == {(u, u), (u, v), (v, u), (v, v)}
    regime = {d: phi * n, n1: (1 - p2) * n, n2: p2 * n}
    rho = Symbol("rho", real=True)
    law = limit({"total": risk.total, "u": risk.due_to(u), "v": risk.due_to(v)}, regime, inner={(u, v): rho})
    point = {phi: "1/2", p2: "1/5", lam: "1/10", c2: "1/2"}
    alone = law.evaluate({**point, rho: 0})
    oracle = regression.classical(0.5, 0.2, 0.1, (0, 0), [1.0], [1.0], [0.5], [1.0])
    assert alone["total"] == pytest.approx(oracle["bias"] + oracle["zeta"], rel=1e-10)
    assert alone["u"] + alone["v"] == pytest.approx(alone["total"], rel=1e-12)
    # the sign of the cross term is that of -<u, v>: data shifted towards 0 shrink like the ridge does
    assert law.evaluate({**point, rho: -0.3})["total"] > alone["total"] > law.evaluate({**point, rho: 0.3})["total"]


# ---- rows of the tables ----------------------------------------------------------------------------------------------
ROW = {"bias": 0, "variance": 1, "zeta": 2}


def split(estimator, real, synthetic, metric=None):
    risk = excess_risk(estimator, w, metric)
    noise = risk.due_to(real.epsilon, synthetic.epsilon)
    return {"bias": risk.due_to(w), "variance": noise, "zeta": risk.due_to(delta)}


def test_row_of_the_classical_model():
    real, synthetic = two_sources()
    law = limit(split(ridge(real, synthetic, penalty=lam), real, synthetic), {d: phi * n, n1: (1 - p2) * n, n2: p2 * n})
    found = law.evaluate({phi: "1/2", p2: "1/5", lam: "1/10", s1: "1/4", s2: "1/4", c2: "1/2", r2: 1})
    assert [found[k] for k in ROW] == pytest.approx(regression.CLASSICAL[:3], rel=1e-8)
    assert sum(found.values()) == pytest.approx(regression.CLASSICAL[3], rel=1e-8)


def test_row_of_random_projections():
    real, synthetic = two_sources()
    S = Gaussian("S", d, m, variance=1 / d)
    estimator = ridge(real, synthetic, penalty=lam, features=S)
    law = limit(split(estimator, real, synthetic), {d: phi * n, m: psi * n, n1: (1 - p2) * n, n2: p2 * n})
    values = {phi: "3/5", psi: "3/10", p2: "1/5", lam: "1/20", s1: "1/4", s2: "1/4", c2: "1/2", r2: 1}
    found = law.evaluate(values)
    assert [found[k] for k in ROW] == pytest.approx(regression.PROJECTIONS[:3], rel=1e-8)


def test_rows_without_ridge():
    real, synthetic = two_sources()
    law = limit(excess_risk(least_squares(real, synthetic), w).total, {d: phi * n, n1: (1 - p2) * n, n2: p2 * n})
    for (ratio, share, _, quality, noise), (variance, zeta, total) in regression.RIDGELESS.items():
        found = law.evaluate({phi: ratio, p2: share, c2: quality, s1: noise, s2: noise})
        assert found == pytest.approx(variance + zeta, rel=1e-10)
        assert found == pytest.approx(total, rel=1e-10)


RATIOS = [(0.5, 0.1), (0.3, 0.7), (2.0, 0.25)]


@pytest.mark.parametrize(("ratio", "share"), RATIOS)
def test_ridge_to_zero(ratio, share):
    real, synthetic = two_sources()
    law = limit(split(ridge(real, synthetic, penalty=lam), real, synthetic), {d: phi * n, n1: (1 - p2) * n, n2: p2 * n})
    if not hasattr(law, "limit"):
        pytest.skip("limits of limits are not there yet")
    found = law.limit(lam, 0).evaluate({phi: ratio, p2: share, s1: 0.5, s2: 0.5, c2: 0.7, r2: 2})
    oracle = regression.ridgeless(ratio, share, 2.0, 0.7, 0.5)
    for name in ROW:
        assert found[name] == pytest.approx(oracle[name], rel=1e-9, abs=1e-12)


def test_ridge_to_zero_with_projections():
    """The three regimes: few features, many samples, many features."""
    real, synthetic = two_sources()
    estimator = ridge(real, synthetic, penalty=lam, features=Gaussian("S", d, m, variance=1 / d))
    law = limit(split(estimator, real, synthetic), {d: phi * n, m: psi * n, n1: (1 - p2) * n, n2: p2 * n})
    if not hasattr(law, "limit"):
        pytest.skip("limits of limits are not there yet")
    ridgeless, ones = law.limit(lam, 0), {r2: 1, c2: 1, s1: 1, s2: 1}
    for (ratio, gamma, share), row in regression.RIDGELESS_PROJECTIONS.items():
        found = ridgeless.evaluate({phi: ratio, psi: gamma * ratio, p2: share, **ones})
        assert (found["variance"], found["zeta"]) == pytest.approx(row, rel=1e-9)
    found = ridgeless.evaluate({phi: 2, psi: 3, p2: 1 / 3, **ones})
    assert sum(found.values()) == pytest.approx(regression.RIDGELESS_PROJECTIONS_ERROR, rel=1e-9)
    oracle = regression.ridgeless_projections(2, 1.5, 1 / 3, 1, 1, 1)
    assert [found[name] for name in ROW] == pytest.approx([oracle[name] for name in ROW], rel=1e-9)


def test_the_best_weight_of_synthetic_data():
    a = Symbol("a", positive=True)
    p1 = Symbol("p_1", positive=True)
    real = Dataset("1", n1, w, noise=1, weight=(1 - a) / p1)
    synthetic = Dataset("2", n2, w + delta, noise=1, weight=a / p2)
    estimator = least_squares(real, synthetic)
    law = limit(excess_risk(estimator, w).total, {d: phi * n, n1: p1 * n, n2: p2 * n})
    for (ratio, share), weight in regression.MIXING_WEIGHTS.items():
        # the printed formula is that for few features per sample; the rows were searched for, to half their digits
        if ratio <= 0.01:
            assert regression.mixing_weight(ratio, share, 1.0, 1.0) == pytest.approx(weight, rel=2 * ratio)
        if not hasattr(law, "minimise"):
            pytest.skip("optimisation is not there yet")
        point = {phi: ratio, p1: 1 - share, p2: share, c2: 1}
        assert law.minimise(over=a, at=point, bounds=(1e-3, 1 - 1e-3)).at == pytest.approx(weight, rel=1e-7)


def test_generations_add_up():
    """Three generations written out are three times one: exact in the algebra, and in the limit."""
    sigma0, phi0 = symbols("sigma_0 phi_0", positive=True)
    chain, noises = w, []
    for k in range(3):
        generation = Dataset(f"g{k}", m, chain, Sigma, noise=sigma0**2)
        noises.append(generation.epsilon)
        chain = least_squares(generation)
    last = Dataset("last", n, chain, Sigma, noise=s1)
    risk = excess_risk(least_squares(last), w, Sigma)
    law = limit({"all": risk.total, **{e.name: risk.due_to(e) for e in noises}}, {d: phi * n, m: phi / phi0 * n})
    found = law.evaluate({phi: 0.5, phi0: 1 / 3, sigma0: 0.3, s1: 0.25, Sigma: atomic([1, 4])})
    each = 0.3**2 * (1 / 3) / (1 - 1 / 3)
    assert [found[e.name] for e in noises] == pytest.approx([each] * 3, rel=1e-10)
    assert found["all"] == pytest.approx(0.25 * 0.5 / 0.5 + 3 * each, rel=1e-10)


@pytest.mark.parametrize(("count", "dims"), regression.LEAST_SQUARES)
def test_rows_of_generations_at_finite_size(count, dims):
    """The printed rows are exact at d = 200; the limit is off by what a degree of freedom is worth."""
    exact = regression.least_squares(count, dims, 0.5, 0.3)
    assert exact == pytest.approx(regression.LEAST_SQUARES[count, dims], rel=1e-9)
    data = Dataset("1", n, w, noise=s1)
    alone = limit(excess_risk(least_squares(data), w).total, {d: phi * n})
    size, t, t0 = dims
    found = alone.evaluate({phi: size / t, s1: 0.25}) + count * alone.evaluate({phi: size / t0, s1: 0.09})
    assert found < exact < found * (1 + 2 / (min(t, t0) - size))


def second_round(reused, share):
    """Two rounds of real and relabelled data, the real half of the second fresh or that of the first."""
    real = Dataset("1", n1, w, noise=s1)
    first = least_squares(real, Dataset("2", n2, w + delta, noise=s1))
    again = real if reused else Dataset("3", n1, w, noise=s1)
    return excess_risk(least_squares(again, Dataset("4", n2, first, noise=s1)), w)


def test_a_reused_half_is_not_a_fresh_one():
    """The error of the first model after two rounds, against the recursion given the real half."""
    ratio, share = 0.2, Rational(1, 2)
    fresh, reused = second_round(False, share), second_round(True, share)
    # the noise of a reused half enters both rounds, once
    assert len(fresh.parts) == 5
    assert len(reused.parts) == 4
    regime = {d: n / 5, n1: (1 - share) * n, n2: share * n}
    found = limit({"fresh": fresh.due_to(delta)}, regime).evaluate({c2: 1})
    assert found["fresh"] == pytest.approx(regression.kept(ratio, 0.5) ** 2, rel=1e-10)
    oracle = regression.Reused(ratio, 0.5)
    moment = np.ones_like(oracle.s)
    for _ in range(2):
        moment = oracle.next(moment, 0.0)
    again = limit(reused.due_to(delta), regime).evaluate({c2: 1})
    assert again == pytest.approx(oracle.mean(moment), rel=1e-9)
    assert again > 1.01 * found["fresh"]


def test_rounds():
    kept, new, error, start = symbols("kept new error start")
    update = kept * error + new
    assert (after_rounds(update, error, start, 2) - (kept * (kept * start + new) + new)).simplify() == 0
    assert stationary(update, error).equals(new / (1 - kept))
    for (ratio, share), (fresh, reused, real) in regression.ITERATED.items():
        rho, added = regression.kept(ratio, share), ratio / (1 - ratio)
        last = stationary(rho * error + added, error)
        assert float(last) == pytest.approx(fresh, rel=1e-9)
        assert regression.mixed_at_last(ratio, share, 1.0) == pytest.approx(fresh, rel=1e-9)
        assert float(after_rounds(rho * error + added, error, 1, 14)) == pytest.approx(fresh, rel=1e-6)
        if reused is not None:
            assert regression.Reused(ratio, share).at_last(1.0) == pytest.approx(reused, rel=1e-8)
            assert regression.real_only(ratio, share, 1.0) == pytest.approx(real, rel=1e-9)
    with pytest.raises(NotRationalError, match="is not affine in error"):
        after_rounds(error**2, error, 1, 3)
    with pytest.raises(NotRationalError, match="without a limit"):
        stationary(error + new, error)


def test_the_formulas_give_the_rows():
    one = [1.0], [1.0], [0.5], [1.0]
    assert list(regression.classical(0.5, 0.2, 0.1, (0.5, 0.5), *one).values()) == pytest.approx(
        regression.CLASSICAL, rel=1e-9
    )
    assert list(regression.projections(0.6, 0.3, 0.2, 0.05, (0.5, 0.5), *one).values()) == pytest.approx(
        regression.PROJECTIONS, rel=1e-9
    )
    halves = [np.diag(np.repeat(values, 150)) for values in ((2, 0.5), (0.5, 1.5))]
    rest = np.diag(np.linspace(0.5, 1.5, 300)), np.eye(300), 0.8 * np.eye(300)
    found = regression.weighted(0.5, (0.5, 0.5), (1, 1), 0.1, (0.5, 0.3), *halves, *rest)
    assert list(found.values()) == pytest.approx(regression.WEIGHTED, rel=1e-9)
    for (ratio, gamma, share), row in regression.RIDGELESS_PROJECTIONS.items():
        found = regression.ridgeless_projections(ratio, gamma, share, 1, 1, 1)
        assert (found["variance"], found["zeta"]) == pytest.approx(row, rel=1e-9)


# ---- a model that no document lists ----------------------------------------------------------------------------------
def test_two_ridges_that_share_part_of_their_data():
    """The mean product of the errors of two ridge estimators with different penalties and one data set in common."""
    shared, left, right = (Dataset(name, n, w, Sigma, noise=s1) for name in ("s", "l", "r"))
    one = ridge(shared, left, penalty=lam, samples=n)
    two = ridge(shared, right, penalty=mu, samples=n)
    cross = risk_product(one - w, two - w, Sigma)
    assert set(cross.parts) == {(w, w), (shared.epsilon, shared.epsilon)}
    law = limit({"bias": cross.due_to(w), "variance": cross.due_to(shared.epsilon)}, {d: phi * n})
    values = {phi: "1/2", lam: "1/2", mu: "1/5", s1: "1/4", r2: 1, Sigma: atomic([1, 2])}
    import verify

    check = verify.check(law, values, sizes=(40, 80, 160), trials=400, seed=3, device="cpu", progress=False, level=1e-6)
    assert check.verdict == "consistent", str(check)
    mutants = verify.mutation_report(law, values, check, most=20)
    assert mutants.survivors == ()
    assert len(mutants.refuted) >= 8


# ---- bad input -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RandomVector("w", d, 1), DimensionError, r"takes its d x d covariance matrix third"),
        (lambda: RandomVector("w", n, I), DimensionError, r"the covariance I of w is d x d and w has dimension n"),
        (lambda: Dataset("1", n, I), DimensionError, r"Dataset 1: the target is the column of coefficients"),
        (
            lambda: Dataset("1", n, w, Deterministic("A", d, d)),
            ParameterError,
            r"Dataset 1: the covariance A must be a Deterministic matrix declared positive=True",
        ),
        (lambda: Dataset("1", n, w, noise=-1), ParameterError, r"Dataset 1: the variance of the noise is -1"),
        (lambda: ridge(Dataset("1", n, w), penalty=0), ParameterError, r"must be positive, got 0; see least_squares"),
        (lambda: ridge(penalty=lam), ParameterError, r"an estimator needs data"),
        (lambda: ridge(*[Dataset("1", n, w)] * 2, penalty=lam), ParameterError, r"both called 1; fresh data get a new"),
        (
            lambda: ridge(Dataset("1", n, w), Dataset("2", n, RandomVector("v", m, Identity(m))), penalty=lam),
            DimensionError,
            r"Dataset 1 has d features and Dataset 2 has m",
        ),
        (
            lambda: least_squares(Dataset("1", n, w), Dataset("2", n, w), minimum_norm=True),
            ParameterError,
            r"takes one data set, got 2",
        ),
        (lambda: excess_risk(Gaussian("X", d, d) * w, w).due_to(delta), ParameterError, r"delta does not contribute"),
        (lambda: excess_risk(w * w.T * w, w), NotRationalError, r"is not linear in a random vector"),
        (
            lambda: excess_risk(w + RandomVector("w", d, I), delta),
            ParameterError,
            r"two different vectors are called w",
        ),
        (lambda: average(), ParameterError, r"was given no estimator"),
        (lambda: limit(Trace(w.T * w), {}), ParameterError, r"w is a random vector: average over it first"),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error, match=message):
        make()
