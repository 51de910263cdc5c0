"""Oracles and points of the theorems about unfoldings and about clustering."""

from __future__ import annotations

from tests.oracles import tensor_curves, unfoldings


def _nested_unfolding(v, _):
    location, squared = unfoldings.nested(v["beta_M"], v["rho_T"], v["c_1"], v["c_2"])
    return {"outlier": location, "alignment": squared, "accuracy": unfoldings.accuracy(squared)}


def _multi_view_clustering(v, _):
    ratios = (v["c_p"], v["c_n"], 1 - v["c_p"] - v["c_n"])
    _, (_, alignment, views) = tensor_curves.nested(v["norm_h"], v["norm_mu"], ratios)
    return {"alignment": alignment, "views": views, "accuracy": unfoldings.accuracy(alignment**2)}


ORACLES = {"nested-unfolding": _nested_unfolding, "multi-view-clustering": _multi_view_clustering}

POINTS = {
    "nested-unfolding": [
        *({"rho_T": rho, "beta_M": beta, "c_1": c[0], "c_2": c[1]} for c, beta, rho, *_ in unfoldings.MODE_2),
        # below the threshold, just beside it, and where there is none
        *(
            {"rho_T": 0.1},
            {"rho_T": 0.2566},
            {"rho_T": 0.2568},
            {"beta_M": 0.7, "rho_T": 50},
            {"beta_M": 0.72, "rho_T": 50},
        ),
    ],
    # above the threshold; below it the alignment with the labels is 0 (tests/verify/test_unfolded_specification.py)
    "multi-view-clustering": [
        *({"norm_mu": 0.83}, {"norm_mu": 5}, {"norm_h": 0.5, "norm_mu": 5}, {"norm_h": 1, "norm_mu": 1.2}),
        {"norm_mu": 2, "norm_h": 2, "c_p": 1 / 6, "c_n": 11 / 24},
    ],
}
