"""Classifiers on Gaussian mixtures: the printed reference rows, and what the papers conclude from them."""

from __future__ import annotations

from math import erf

import numpy as np
import pytest
from sympy import Identity

import models
import verify
from derive import Deterministic, Gaussian, ParameterError, Signal, atomic, dimensions, joint, limit
from tests.models.mixture_cases import BAGS, NOISE
from tests.oracles import bagged_lssvm, label_noise, verified_data

n, p = dimensions("n p")


@pytest.mark.parametrize(("point", "printed"), label_noise.ROWS)
def test_label_noise_rows(point, printed):
    found = models.load("label-noise-classifier").observe(dict(zip(NOISE, point, strict=True)))
    second = found["variance"] + found["mean"] ** 2
    assert (found["mean"], second, found["accuracy"], found["risk"]) == pytest.approx(printed, abs=6e-8)


@pytest.mark.parametrize(("point", "printed"), bagged_lssvm.ROWS)
def test_bagged_rows(point, printed):
    values = dict(zip(BAGS, point, strict=True))
    found = models.load("bootstrap-lssvm").observe(values)
    m = values["m"]
    variance = found["within"] / m + (1 - 1 / m) * found["cross"]
    assert (found["mean"], found["within"], found["cross"], variance, found["accuracy"]) == pytest.approx(
        printed, abs=6e-8
    )


def test_verified_rows():
    """The row that is not ridgeless, and the accuracy 1/2 exactly at the printed threshold."""
    theorem = models.load("verified-synthetic-data")
    (f, ridge, s, *rest), (mean, *_) = verified_data.ROWS[1]
    point = dict(zip(("f", "lambda", "norm_mu", "p", "phi", "psi"), (f, ridge, s**0.5, *rest), strict=True))
    assert theorem.observe(point)["mean"] == pytest.approx(mean, abs=6e-10)
    for phi, psi in ((0.8, 0.2), (0.5, 0.9)):
        at = {"p": verified_data.threshold(phi, psi), "phi": phi, "psi": psi}
        assert theorem.observe(at)["accuracy"] == pytest.approx(0.5, abs=1e-12)


def test_verified_data_without_a_ridge():
    """lambda -> 0 on the derived system: the printed ridgeless rows."""
    theorem = models.load("verified-synthetic-data")
    names = {parameter.name: parameter.symbol for parameter in theorem.parameters}
    law = theorem.law.limit(names["lambda"], 0)
    (f, _, s, *rest), printed = verified_data.ROWS[0]
    rows = [((f, s, *rest), printed[2]), *(((*point, 1, 1), value) for point, value in verified_data.RIDGELESS)]
    for (f, s, *rest), value in rows:
        point = dict(zip(("f", "norm_mu", "p", "phi", "psi"), (f, s**0.5, *rest), strict=True))
        found = law.evaluate({names[name]: number for name, number in point.items()})
        assert theorem.read_off(found, {})["accuracy"] == pytest.approx(value, abs=6e-11)


def test_the_transition_of_verified_data_is_sharp_with_many_samples():
    """d/N -> 0: Bayes accuracy for fewer wrong labels than phi/(phi + psi), its opposite for more."""
    theorem = models.load("verified-synthetic-data")
    names = {parameter.name: parameter.symbol for parameter in theorem.parameters}
    law = theorem.law.limit(names["f"], 0)
    bayes = (1 + erf(1.5 / np.sqrt(2))) / 2
    at = verified_data.threshold(0.8, 0.2)
    for p_, expected in ((at - 0.001, bayes), (at + 0.001, 1 - bayes)):
        point = {"lambda": 0.1, "norm_mu": 1.5, "p": p_, "phi": 0.8, "psi": 0.2}
        found = law.evaluate({names[name]: number for name, number in point.items()})
        assert theorem.read_off(found, {})["accuracy"] == pytest.approx(expected, abs=1e-12)


def test_the_best_correction_of_label_noise():
    """The accuracy depends on the labels through one ratio: the best rho is the printed one at every ridge and size."""
    theorem = models.load("label-noise-classifier")
    pi, e_m, e_p = 0.3, 0.3, 0.4
    delta = ((1 - pi) ** 2 * e_p * (1 - e_p) - pi**2 * e_m * (1 - e_m)) / (pi * (1 - pi) * (1 - e_p - e_m))
    for gamma, eta in ((0.1, 0.5), (3, 2)):
        grid = np.linspace(-delta - 0.2, -delta + 0.2, 41)
        labels = {"pi": pi, "epsilon_m": e_m, "epsilon_p": e_p, "rho_m": grid, "rho_p": 0}
        found = theorem.observe({**labels, "gamma": gamma, "eta": eta})["accuracy"]
        assert grid[np.argmax(found)] == pytest.approx(-delta, abs=0.006)


def _resampled():
    """Two classifiers on weighted copies of the same samples: mean, variance within one and covariance across."""
    eta, gamma, norm_mu = models.load("bootstrap-lssvm").parameters[:3]
    weights = [Deterministic(f"D_{k}", n, n, symmetric=True) for k in (1, 2)]
    mu, y = Signal("mu", p, norm2=norm_mu.symbol**2), Signal("y", n, norm2=n, generic=True)
    X = mu * y.T + Gaussian("Z", p, n)
    w_1, w_2 = ((X * D * X.T / n + gamma.symbol * Identity(p)).I * X * D * y / n for D in weights)
    asked = {"mean": mu.T * w_1, "within": w_1.T * w_1, "cross": w_1.T * w_2}
    law = limit(asked, {p: eta.symbol * n}, commuting=[weights])
    return law, (eta.symbol, gamma.symbol, norm_mu.symbol), tuple(weights)


# eta, gamma, norm_mu, kept fraction -> mean, within, cross; gamma is the ridge of the bag's own Gram matrix
FRACTIONS = (
    ((0.5, 0.01, 0.9, 0.5), (0.42294891, 2.723476, 0.60476025)),
    ((0.8, 0.01, 1.5, 0.3), (0.45614798, 0.32104068, 0.14103472)),
    ((0.25, 0.1, 1.2, 0.7), (0.55699254, 0.36947392, 0.31238482)),
)
REPLACED = (
    ((0.5, 0.1, 0.9), (0.38500017, 0.71073657, 0.42198038)),
    ((0.25, 0.05, 1.2), (0.57014704, 0.45918887, 0.33625333)),
)


def test_subsets_with_replacement_and_fractions():
    """The other two sampling schemes are laws of the weights: Poisson counts, and kept or not."""
    law, symbols, weights = _resampled()
    for (eta, gamma, norm_mu, f), printed in FRACTIONS:
        kept = joint(
            {weights[0]: [1, 1, 0, 0], weights[1]: [1, 0, 1, 0]}, [f * f, f * (1 - f), f * (1 - f), (1 - f) ** 2]
        )
        # normalised by all samples
        found = law.evaluate(dict(zip(symbols, (eta, f * gamma, norm_mu), strict=True)) | {weights: kept})
        assert tuple(found.values()) == pytest.approx(printed, abs=6e-7)
    counts = np.arange(18)
    poisson = np.exp(-1) / np.cumprod([1, *counts[1:]])
    pairs = np.array([(i, j) for i in counts for j in counts])
    drawn = joint(
        {weights[0]: list(pairs[:, 0]), weights[1]: list(pairs[:, 1])},
        list(poisson[pairs[:, 0]] * poisson[pairs[:, 1]]),
    )
    for point, printed in REPLACED:
        found = law.evaluate(dict(zip(symbols, point, strict=True)) | {weights: drawn})
        assert tuple(found.values()) == pytest.approx(printed, abs=6e-8)


def test_the_accuracy_is_measured_on_every_sample():
    """It is that of each classifier, not what the means of mean and variance say."""
    theorem = models.load("verified-synthetic-data")
    values = verify.simulate(theorem.law, theorem.resolve(), 50, 200, seed=2, **theorem.finite_model())
    own = theorem.read_off(values, theorem.resolve())["accuracy"]
    means = {name: values[name].mean() for name in ("mean", "variance")}
    assert values["accuracy"] == pytest.approx(own, rel=1e-12)
    assert abs(values["accuracy"].mean() - theorem.read_off(means, theorem.resolve())["accuracy"]) > 1e-4


def test_a_declared_symbol_is_no_parameter():
    theorem = models.load("label-noise-classifier")
    with pytest.raises(ParameterError, match="no parameter a"):
        theorem.resolve(a=1)
    with pytest.raises(ParameterError, match="which is a dimension"):
        limit(theorem.quantities, theorem.regime, inner=theorem.inner, where={n: 2})


def test_subsets_of_an_anisotropic_population_have_a_best_number():
    """White data favour the centroid, ever more subsets; with a spread population the best number is inside."""
    theorem = models.load("bootstrap-lssvm")
    grid = np.arange(1, 80)
    point = {"eta": 0.5, "gamma": 0.001, "norm_mu": 1.5, "m": grid}
    white = theorem.observe(point)["accuracy"]
    spread = theorem.observe(point | {"Sigma": atomic([0.05, 8], [0.7, 0.3])})["accuracy"]
    assert np.argmax(white) == len(grid) - 1
    assert 0 <= np.argmax(spread) < len(grid) - 1
