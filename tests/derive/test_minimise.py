"""The best value of a parameter: known optima, differences of the limit itself, and bad input."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sympy import Identity, Symbol, Trace, symbols

from derive import BranchError, Deterministic, Gaussian, ParameterError, atomic, dimensions, limit
from tests.oracles.ridgeless import BEST_WEIGHT, optimal_ridge

n, p, n1, n2 = dimensions("n p n_1 n_2")
lam, phi, sigma2, r2 = symbols("lambda phi sigma2 r2", positive=True)
M = Gaussian("Z", p, n, variance=1 / n)
M = M * M.T
R = (M + lam * Identity(p)).I
BIAS, VARIANCE = Symbol("bias"), Symbol("variance")


@pytest.fixture(scope="module")
def ridge():
    return limit(
        {"bias": r2 * lam**2 * Trace(R * R) / p, "variance": sigma2 * Trace(R * R * M) / n},
        {p: phi * n},
    )


class TestOptimalRidge:
    @pytest.mark.parametrize(("ratio", "noise", "signal"), [(0.5, 0.25, 1), (2, 1, 2), (0.1, 4, 0.5)])
    def test_is_sigma2_phi_over_r2(self, ridge, ratio, noise, signal):
        best = ridge.minimise(lam, {phi: ratio, sigma2: noise, r2: signal}, of=BIAS + VARIANCE)
        assert best.at == pytest.approx(optimal_ridge(ratio, noise, signal), rel=1e-9)
        assert best.status.name == "STATIONARY"
        whole = ridge.evaluate({phi: ratio, sigma2: noise, r2: signal, lam: best.at})
        assert best.value == pytest.approx(whole["bias"] + whole["variance"], rel=1e-13)

    def test_a_batch_has_one_optimum_each(self, ridge):
        ratios = np.linspace(0.2, 3, 12)
        at = {phi: ratios, sigma2: np.array([[0.5], [2.0]]), r2: 1}
        best = ridge.minimise(lam, at, of=BIAS + VARIANCE)
        assert best.at.shape == (2, 12)
        assert np.allclose(best.at, optimal_ridge(ratios, np.array([[0.5], [2.0]]), 1), rtol=1e-8)

    def test_digits(self, ridge):
        best = ridge.minimise(lam, {phi: "1/3", sigma2: "1/7", r2: 1}, of=BIAS + VARIANCE, digits=40)
        with mpmath.workdps(45):
            assert abs(best.at * 21 - 1) < mpmath.mpf(10) ** -38

    def test_few_evaluations(self, ridge, monkeypatch):
        """One batched evaluation for the scan, one per step of the search."""
        calls = []
        evaluate = type(ridge).evaluate
        monkeypatch.setattr(type(ridge), "evaluate", lambda *a, **k: calls.append(1) or evaluate(*a, **k))
        ridge.minimise(lam, {phi: 0.5, sigma2: 1, r2: 1}, of=BIAS + VARIANCE)
        assert len(calls) <= 30

    def test_a_bound_is_said(self, ridge):
        best = ridge.minimise(lam, {phi: 0.5, sigma2: 1, r2: 1}, of="bias", bounds=(0.1, 2))
        assert (best.at, best.status.name) == (0.1, "BOUND")
        exact = ridge.minimise(lam, {phi: "1/2", sigma2: 1, r2: 1}, of="bias", bounds=("1/10", 2), digits=25)
        assert abs(exact.at * 10 - 1) < 1e-15


class TestOtherParameters:
    def test_a_ratio(self, ridge):
        """The derivative sees a dimension that moves: the peak of the variance, against a plain search."""
        at = {lam: 0.01, sigma2: 1, r2: 1}
        best = ridge.maximise(phi, at, of="variance", bounds=(0.1, 10))
        search = minimize_scalar(
            lambda x: -ridge.evaluate({**at, phi: x})["variance"], bounds=(0.5, 2), method="bounded",
            options={"xatol": 1e-9},
        )  # fmt: skip
        assert best.at == pytest.approx(search.x, rel=1e-6)
        assert best.value == pytest.approx(-search.fun, rel=1e-12)

    def test_traces_of_matrices(self):
        A, X = Deterministic("A", p, p, symmetric=True), Gaussian("X", n, p, variance=1 / n)
        S = (A * X.T * X * A + lam * Identity(p)).I
        law = limit(
            {"bias": lam**2 * Trace(S * A * A * S) / p, "variance": Trace(S * A * A * S * A * X.T * X * A) / n},
            {p: phi * n},
        )
        at = {phi: 0.8, A: atomic([1, 3])}
        of = BIAS + VARIANCE / 2
        best = law.minimise(lam, at, of=of)
        total = lambda x: (lambda f: f["bias"] + f["variance"] / 2)(law.evaluate({**at, lam: x}))  # noqa: E731
        search = minimize_scalar(total, bounds=(1e-3, 10), method="bounded", options={"xatol": 1e-10})
        assert best.at == pytest.approx(search.x, rel=1e-5)
        assert best.value <= search.fun * (1 + 1e-13)

    def test_the_weight_of_synthetic_samples(self):
        """Ridgeless regression on weighted real and synthetic samples: the derivative of a limit of a limit."""
        a, p2 = symbols("a p_2", positive=True)
        X1, X2 = Gaussian("X_1", n1, p, variance=1 / n), Gaussian("X_2", n2, p, variance=1 / n)
        M1, M2, w1, w2 = X1.T * X1, X2.T * X2, (1 - a) / (1 - p2), a / p2
        S = (w1 * M1 + w2 * M2 + lam * Identity(p)).I
        law = limit(
            {"V": Trace(S * S * (w1**2 * M1 + w2**2 * M2)) / n, "zeta": w2**2 * Trace(M2 * S * S * M2) / p},
            {p: phi * n, n1: (1 - p2) * n, n2: p2 * n},
        ).limit(lam, 0)
        points = list(BEST_WEIGHT)
        at = {phi: np.array([x for x, _ in points]), p2: np.array([x for _, x in points])}
        best = law.minimise(a, at, of=Symbol("V") + Symbol("zeta"), bounds=(1e-3, 0.9))
        assert np.allclose(best.at, list(BEST_WEIGHT.values()), rtol=1e-7)

    def test_nowhere(self):
        """Inside the bulk there is no limit at all."""
        z = Symbol("z", real=True)
        law = limit(Trace((M - z * Identity(p)).I) / p, {p: phi * n})
        with pytest.raises(BranchError, match="no limit at any point between the bounds"):
            law.minimise(z, {phi: 0.5}, bounds=(0.5, 1.5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"over": Symbol("q")}, "over: q is no parameter; the parameters are lambda, phi, r2, sigma2"),
        ({"at": {phi: 0.5, r2: 1, sigma2: 1, lam: 1}}, "both varied"),
        ({"at": {phi: 0.5, r2: 1}}, "missing value for sigma2"),
        ({"of": None}, "of: say which quantity, or an expression in their names; the quantities are bias, variance"),
        ({"of": "risk"}, "of: risk is no quantity; the quantities are bias, variance"),
        ({"of": BIAS + Symbol("y")}, "of: y is neither a quantity"),
        ({"of": 3.5}, "of: expected a quantity"),
        ({"bounds": (2, 1)}, "the first must be smaller"),
        ({"bounds": (-1, 1)}, "lambda is declared positive"),
        ({"bounds": 3}, "expected two numbers"),
        ({"digits": 0}, "digits must be a whole number"),
        ({"at": {phi: [0.5, 1], r2: 1, sigma2: 1}, "digits": 20}, "one point at a time"),
    ],
)
def test_bad_input(ridge, arguments, message):
    asked = {"over": lam, "at": {phi: 0.5, r2: 1, sigma2: 1}, "of": "variance"} | arguments
    with pytest.raises(ParameterError, match=message):
        ridge.minimise(asked.pop("over"), asked.pop("at"), **asked)
