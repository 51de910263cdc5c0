"""Oracles and points of the theorems about regression on mixed data and chains of generations."""

from __future__ import annotations

import numpy as np

from derive import atomic
from tests.oracles import regression


def _noise(v):
    return v["sigma_1"], v["sigma_2"]


def _common(v, law):
    return regression.classical(v["phi"], v["p_2"], v["lambda"], _noise(v), *law)


def _weighted(v, law):
    if len(law) == 6:
        # commuting: the joint law of the reference row, in blocks of its common eigenvectors
        *columns, weights = law
        assert np.allclose(weights, weights[0])
        law = [np.diag(column) for column in columns]
    shares = v["p_1"], v["p_2"]
    weights = (1 - v["a"]) / v["p_1"], v["a"] / v["p_2"]
    return regression.weighted(v["phi"], shares, weights, v["lambda"], _noise(v), *law)


def _projections(v, law):
    return regression.projections(v["phi"], v["psi"], v["p_2"], v["lambda"], _noise(v), *law)


def _iterative(v, _):
    phi, p2, noise2, c2 = v["phi"], v["p_2"], v["sigma"] ** 2, v["c2"]
    return {
        "kept": regression.kept(phi, p2),
        "added": noise2 * phi / (1 - phi),
        "two_rounds": regression.mixed(2, phi, p2, noise2, c2),
        "real_only": regression.real_only(phi, p2, noise2),
        "three_rounds": regression.mixed(3, phi, p2, noise2, c2),
        "many_rounds": regression.mixed_at_last(phi, p2, noise2),
    }


def _generations(v, law):
    return regression.generations(v["generations"], v["phi"], v["phi_0"], v["lambda"], v["sigma"], v["sigma_0"], *law)


def _interpolation(v, _):
    eta, r2, noise0 = v["eta"], v["r2"], v["sigma_0"]
    return {
        "kept": eta,
        "forgotten": r2 * (1 - eta),
        "added": noise0**2 * eta / (1 - eta),
        "two_generations": regression.interpolated(2, eta, r2, noise0),
        "three_generations": regression.interpolated(3, eta, r2, noise0),
        "many_generations": r2 + noise0**2 * eta / (1 - eta) ** 2,
    }


ISOTROPIC = {"Sigma,Gamma,Delta": atomic([(1, 1, "1/2")])}
TWO_DECADES = {"Sigma,Gamma,Delta": atomic([(10, 1, 2), (1, 2, 0), (0.1, 0, 3)], [0.1, 0.4, 0.5])}
BLOCKS = {
    "Sigma_1,Sigma_2,Sigma,Gamma,Delta": atomic(
        [(*((2, 0.5) if i < 150 else (0.5, 1.5)), s, 1, 0.8) for i, s in enumerate(np.linspace(0.5, 1.5, 300))]
    )
}

ORACLES = {
    "strong-model-collapse": _common,
    "strong-model-collapse-weighted": _weighted,
    "strong-model-collapse-projections": _projections,
    "iterative-mixing": _iterative,
    "model-collapse-regression": _generations,
    "model-collapse-interpolation": _interpolation,
}

POINTS = {
    # the row B4.1; few and many samples; unequal noises; a spectrum over two decades
    "strong-model-collapse": [
        ISOTROPIC,
        TWO_DECADES,
        {"phi": 0.05, "lambda": 0.001},
        {"phi": 3, "p_2": 0.7, "sigma_1": 0.1, "sigma_2": 0.9},
    ],
    # the row B4.2; unequal weights; more features than samples
    "strong-model-collapse-weighted": [
        BLOCKS,
        {"a": 0.1, "p_1": 0.8, "p_2": 0.2, "sigma_1": 1},
        {"phi": 2, "lambda": 0.01, "a": 0.7},
    ],
    # the row B4.4; the three regimes of few features, many samples and many features
    "strong-model-collapse-projections": [
        ISOTROPIC | {"phi": 0.6, "psi": 0.3, "lambda": 0.05},
        TWO_DECADES,
        {"phi": 0.3, "psi": 2, "p_2": 0.7},
        {"phi": 2, "psi": 3, "sigma_1": 0.1, "sigma_2": 0.9},
        {"phi": 0.6, "psi": 0.3, "lambda": 0.001},
    ],
    # the rows of B4.3; a large share of synthetic data
    "iterative-mixing": [{"phi": 0.05}, {"phi": 0.02}, {"phi": 0.1, "p_2": 0.8, "sigma": 0.3, "c2": 2}],
    "model-collapse-regression": [
        {"phi": 0.25, "phi_0": 0.5, "generations": 5},
        {"phi": 2, "lambda": 0.01, "generations": 10},
        {"generations": 0},
    ],
    "model-collapse-interpolation": [{"eta": 0.9, "r2": 2}, {"eta": 0.1, "sigma_0": 0}],
}
