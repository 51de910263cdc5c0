"""Oracles and points of the theorems about matrices."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from derive import atomic
from tests.oracles import (
    deformed_wigner,
    free_convolutions,
    free_sum,
    fuss_catalan,
    information_plus_noise,
    jacobian,
    lssvm,
    marchenko_pastur,
    random_features,
    ridge,
    sample_covariance,
    semicircle,
    spikes,
    two_groups,
)


def _ridge(v, law):
    sigma, theta, w = law
    bias = ridge.bias(v["lambda"], v["f"], sigma, theta, w)
    variance = ridge.variance(v["lambda"], v["f"], v["s2"], sigma, w)
    risk = bias + variance
    return {"bias": bias, "variance": variance, "risk": risk, "test_error": risk + v["s2"]}


def _lssvm(v, _):
    point = v["c"], v["gamma"], v["norm_mu"]
    return dict(zip(("mean", "variance"), lssvm.moments(*point), strict=True)) | {"accuracy": lssvm.accuracy(*point)}


def _sample_covariance(v, law):
    return {
        "stieltjes": sample_covariance.stieltjes(v["z"], v["c"], *law),
        "weighted": sample_covariance.weighted(v["z"], v["c"], *law),
    }


def _random_features(v, _):
    taus = random_features.solve(v["phi"], v["psi"], v["zeta"], v["eta"], v["lambda"])
    return dict(zip(("tau_1", "tau_2"), taus, strict=True))


def _two_groups(v, law):
    return {"resolvent": two_groups.resolvent((v["p_1"], v["p_2"]), v["f"], v["lambda"], *law)}


def _fuss_catalan(v, _):
    moments = {"second_moment": fuss_catalan.moment(2, 2), "third_moment": fuss_catalan.moment(2, 3)}
    return {"resolvent": fuss_catalan.resolvent(2, v["lambda"]), **moments}


def _spiked_wigner(v, _):
    scale = sqrt(v["v"])
    location, alignment = spikes.wigner(v["theta"] / scale)
    return {"location": scale * location, "alignment": alignment}


def _spiked_covariance(v, _):
    return dict(zip(LOCATED, spikes.covariance(v["s"] ** 2 - 1, v["c"]), strict=True))


def _spiked_rectangular(v, _):
    return dict(zip(("location", "left", "right"), spikes.rectangular(v["theta"], v["c"]), strict=True))


def _deformed_wigner(v, law):
    atoms, spread, weights = law
    assert np.allclose(np.square(spread), 1)  # u in general position to A
    return dict(zip(LOCATED, deformed_wigner.outlier(v["theta"], v["v"], atoms, weights), strict=True))


def _information_plus_noise(v, law):
    found = information_plus_noise.outlier(v["theta"], v["c"], *law)
    return dict(zip(LOCATED, found[:2], strict=True))


LOCATED = ("location", "alignment")

# theorem -> (values of its parameters, columns and weights of its law) -> what a published formula says
ORACLES = {
    "semicircle": lambda v, _: {"stieltjes": semicircle.stieltjes(v["z"], v["v"])},
    "marchenko-pastur": lambda v, _: {"resolvent": marchenko_pastur.resolvent(v["c"], v["lambda"])},
    "sample-covariance": _sample_covariance,
    "free-sum": lambda v, law: {"stieltjes": free_sum.stieltjes(v["z"], v["v"], *law)},
    "two-sample-covariance": _two_groups,
    "ridge-regression": _ridge,
    "random-features": _random_features,
    "lssvm": _lssvm,
    "wachter": lambda v, law: {"stieltjes": free_convolutions.projections(v["z"], law[1][1], law[3][1])},
    "free-convolution-sum": lambda v, law: {"stieltjes": free_convolutions.additive(v["z"], law[:2], law[2:])},
    "free-convolution-product": lambda v, law: {
        "stieltjes": free_convolutions.multiplicative(v["z"], law[:2], law[2:])
    },
    "fuss-catalan": _fuss_catalan,
    "spiked-wigner": _spiked_wigner,
    "spiked-covariance": _spiked_covariance,
    "spiked-rectangular": _spiked_rectangular,
    "deformed-wigner-outlier": _deformed_wigner,
    "information-plus-noise": _information_plus_noise,
    "jacobian-spectrum": lambda v, _: {"resolvent": jacobian.relu_resolvent(3, v["sigma2"], v["lambda"])},
    "jacobian-stability-sparse-correlated": lambda v, _: {
        "largest": jacobian.relu_layer_norm2(v["theta"], v["sigma2"] * (1 - v["s"]) * v["r"])
    },
}

# away from the defaults: other sides of 1 of every ratio, small and large ridges, both signs and both parts of z
POINTS = {
    "semicircle": [{"z": -2.5}, {"z": 0.3 + 0.2j}, {"v": 0.2, "z": 1 - 1j}],
    "marchenko-pastur": [{"c": 2}, {"lambda": 1e-4}, {"c": 0.05, "lambda": 30}, {"c": 1, "lambda": 0.01}],
    "sample-covariance": [{"z": 1.668, "Sigma": atomic([1, 5])}, {"z": 1 + 0.5j}, {"c": 3, "z": -0.01}, {"z": 20}],
    "free-sum": [{"z": 5}, {"z": -0.5 + 0.01j}, {"v": 2, "A": atomic([0, 1, 7], ["1/2", "1/4", "1/4"])}, {"z": -9}],
    "wachter": [
        {"z": -0.5},
        {"z": 1.05},
        {"z": 0.2 - 0.01j},
        {"P": atomic([0, 1], [0.5, 0.5]), "Q": atomic([0, 1], [0.25, 0.75])},
    ],
    "free-convolution-sum": [
        {"z": 5},
        {"z": -0.5 + 0.01j},
        {"A": atomic([0, 1, 7], ["1/2", "1/4", "1/4"]), "z": 3 - 1j},
        {"z": -9, "B": atomic([0, 1])},
    ],
    "free-convolution-product": [
        {"z": -0.5},
        {"z": 20},
        {"z": 5 - 0.02j},
        {"A": atomic([0, 2]), "B": atomic([1, 5, 9], ["1/2", "1/4", "1/4"])},
    ],
    "two-sample-covariance": [{"f": 4}, {"p_1": 1, "p_2": 2, "lambda": 0.01}, {"lambda": 10}],
    "ridge-regression": [{"s2": 0}, {"f": 3, "lambda": 0.02}, {"Sigma,Theta": atomic([(1, 1)]), "lambda": 0.1}],
    "random-features": [{"eta": 0.5 - 1 / (2 * pi)}, {"phi": 0.5, "psi": 2}, {"eta": 0.25, "lambda": 1}],
    "lssvm": [dict(zip(("c", "gamma", "norm_mu"), point, strict=True)) for point in lssvm.PRINTED],
    "fuss-catalan": [{"lambda": 2}, {"lambda": 1e-3}],
    "spiked-wigner": [{"theta": 0}, {"theta": 0.5}, {"theta": 1.01}, {"v": 4}, {"v": 0.3, "theta": 0.6}],
    "spiked-covariance": [{"s": 1}, {"s": 0.3}, {"s": 1.3}, {"c": 3}, {"c": 0.01, "s": 1.2}],
    "spiked-rectangular": [{"theta": 0}, {"theta": 0.8}, {"theta": 0.85}, {"c": 2}, {"c": 0.1, "theta": 1}],
    "deformed-wigner-outlier": [
        *({"theta": 0}, {"theta": 1.2}, {"theta": 1.21}, {"theta": 9, "v": 0.1}),
        {"A,u": atomic([(-3, 1), (0, -1), (1, 1)], ["1/2", "1/4", "1/4"]), "v": 0.5},
    ],
    "information-plus-noise": [
        *({"theta": 0}, {"theta": 0.62}, {"theta": 0.64}, {"c": 2}, {"c": 0.1, "theta": 2}),
        {"A,u,v": atomic([(0, 1, 1), (0, 1, -1), (2, 1, 1), (2, 1, -1)])},
    ],
    "jacobian-spectrum": [{"sigma2": 1}, {"sigma2": 5, "lambda": 0.01}, {"lambda": 20}],
    "jacobian-stability-sparse-correlated": [
        *({"theta": 0}, {"theta": 1.68}, {"theta": 1.69}, {"s": 0.9, "r": 10}, {"s": 0.7, "theta": 9})
    ],
}

# below their thresholds; the bias of an edge is N^(-2/3), so sizes are larger here
BELOW = {
    "spiked-wigner": {"theta": "1/4"},
    "spiked-covariance": {"s": "21/20"},
    "spiked-rectangular": {"theta": "1/4"},
    "deformed-wigner-outlier": {"theta": "1/5"},
    "information-plus-noise": {"theta": "1/10"},
}
