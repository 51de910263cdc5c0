"""Oracles and points of the classifiers on Gaussian mixtures."""

from __future__ import annotations

from derive import atomic
from tests.oracles import bagged_lssvm, label_noise, verified_data

NOISE = ("eta", "gamma", "norm_mu", "pi", "epsilon_m", "epsilon_p", "rho_m", "rho_p")
BAGS = ("eta", "gamma", "norm_mu", "m")
VERIFIED = ("f", "lambda", "norm_mu", "p", "phi", "psi")


def _label_noise(v, _):
    point = [v[name] for name in NOISE]
    mean, second = label_noise.moments(*point)
    return {
        "mean": mean,
        "variance": second - mean**2,
        "accuracy": label_noise.accuracy(*point),
        "risk": label_noise.risk(*point),
    }


def _bagged(v, law):
    point = [v[name] for name in BAGS]
    moments = bagged_lssvm.moments(*point, *law)
    return dict(zip(("mean", "within", "cross"), moments, strict=True)) | {
        "accuracy": bagged_lssvm.accuracy(*point, *law)
    }


def _verified(v, _):
    point = v["f"], v["lambda"], v["norm_mu"] ** 2, v["p"], v["phi"], v["psi"]
    moments = verified_data.moments(*point)
    return dict(zip(("mean", "variance"), moments, strict=True)) | {"accuracy": verified_data.accuracy(*point)}


ORACLES = {
    "label-noise-classifier": _label_noise,
    "bootstrap-lssvm": _bagged,
    "verified-synthetic-data": _verified,
}

POINTS = {
    "label-noise-classifier": [dict(zip(NOISE, point, strict=True)) for point, _ in label_noise.ROWS],
    "bootstrap-lssvm": [
        *(dict(zip(BAGS, point, strict=True)) for point, _ in bagged_lssvm.ROWS),
        {"Sigma": atomic([1, 4], ["3/4", "1/4"]), "m": 3},
    ],
    "verified-synthetic-data": [
        *({"f": 2}, {"p": "9/10"}, {"p": 0, "lambda": 3}),
        {"phi": 1, "psi": 1, "lambda": "1/1000", "f": "1/20"},
    ],
}
