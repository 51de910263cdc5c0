"""Oracles and points of the theorems about deflation."""

from __future__ import annotations

from tests.oracles import deflation, deflation_systems

MODES = (1, 2, 3)


def _setting(v):
    c = (v["c_1"], v["c_2"], 1 - v["c_1"] - v["c_2"])
    return (v["beta_1"], v["beta_2"]), tuple(v[f"alpha_{k}"] for k in MODES), c


def _per_mode(name, values):
    return {f"{name}_{k}": value for k, value in zip(MODES, values, strict=True)}


def _hotelling(v, _):
    row = deflation_systems.hotelling(*_setting(v), joint=True)
    found = {"lambda_1": row.lambda_1, "lambda_2": row.lambda_2}
    for step, rho in ((1, row.rho_step1), (2, row.rho_step2)):
        for spike in (1, 2):
            found |= _per_mode(f"rho_{spike}{step}", rho[spike - 1])
    return found | _per_mode("eta", row.eta)


def _orthogonalised(v, _):
    beta, alpha, c = _setting(v)
    row, rho = deflation_systems.orthogonalised(beta, alpha, v["gamma"], c)
    found = {"lambda_1": row.lambda_1, "lambda_2": row.lambda_2, "rho_11_1": rho[0][0], "rho_21_1": rho[1][0]}
    for spike in (1, 2):
        found |= _per_mode(f"rho_{spike}2", (row.ru[spike - 1], row.rv[spike - 1], row.rw[spike - 1]))
    return found | _per_mode("eta", row.eta)


def _point(row):
    alpha = dict.fromkeys(("alpha_1", "alpha_2", "alpha_3"), row.alpha)
    return {"beta_1": row.beta[0], "beta_2": row.beta[1], **alpha}


ORACLES = {"tensor-deflation": _hotelling, "tensor-deflation-orthogonalised": _orthogonalised}

UNEQUAL = {"alpha_1": 0.5, "alpha_2": 0.4, "alpha_3": 0.6, "c_1": 0.2, "c_2": 0.3}

POINTS = {
    # the rows of theorems/tensors.md, section 8, and inner products that differ from mode to mode
    "tensor-deflation": [
        *(_point(row) | {"c_1": row.c[0], "c_2": row.c[1]} for row in deflation.COMPLETED),
        *(UNEQUAL, {"beta_1": 9, "beta_2": 12} | UNEQUAL),
    ],
    "tensor-deflation-orthogonalised": [
        # eta_1 vanishes at gamma = 1
        *(_point(row) | {"gamma": row.gamma} for row in deflation.ORTHOGONALISED if row.gamma < 1),
        *({"gamma": 0.7} | UNEQUAL, {"gamma": 0.6}),
    ],
}
