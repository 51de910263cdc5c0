"""Oracles and points of the theorems about tensors."""

from __future__ import annotations

from tests.oracles import tensor_curves


def _ratios(v, *names):
    first = [v[name] for name in names]
    return (*first, 1 - sum(first))


def _named(found, *names):
    value, overlaps = found
    return {"singular_value": value} | dict(zip(names, overlaps, strict=True))


def _spiked_tensor(v, _):
    return _named(
        tensor_curves.spiked(v["beta"], _ratios(v, "c_1", "c_2")), "alignment_1", "alignment_2", "alignment_3"
    )


def _masked_tensor(v, _):
    return _named(tensor_curves.masked(v["beta"], v["epsilon"], _ratios(v, "c_1", "c_2")), *AXES)


def _nested_matrix_tensor(v, _):
    return _named(tensor_curves.nested(v["beta_T"], v["beta_M"], _ratios(v, "c_p", "c_n")), *AXES)


AXES = ("alignment_x", "alignment_y", "alignment_z")
THIRDS = {"c_1": 1 / 3, "c_2": 1 / 3}

ORACLES = {
    "spiked-tensor": _spiked_tensor,
    "spiked-tensor-symmetric": lambda v, _: dict(
        zip(("singular_value", "alignment"), tensor_curves.spiked_symmetric(v["beta"], 3), strict=True)
    ),
    "masked-tensor": _masked_tensor,
    "nested-matrix-tensor": _nested_matrix_tensor,
}

POINTS = {
    # the rows of theorems/tensors.md, section 9, and both sides of the threshold
    "spiked-tensor": [
        *({"beta": 1.5, **THIRDS}, {"beta": 3, **THIRDS}, {"beta": 1.3, "c_1": 0.2, "c_2": 0.3}),
        *({"beta": 2, "c_1": 0.2, "c_2": 0.3}, {"beta": 1.5, "c_1": 0.1, "c_2": 0.1}),
        *({"beta": 1.15, **THIRDS}, {"beta": 1.16, **THIRDS}, {"beta": 0.5}, {"beta": 30}),
    ],
    "spiked-tensor-symmetric": [{"beta": 1.15}, {"beta": 1.16}, {"beta": 1.5}, {"beta": 3}, {"beta": 0.5}],
    "masked-tensor": [
        *({"beta": 1, "epsilon": 1, **THIRDS}, {"beta": 1.5, "epsilon": 1, **THIRDS}, {"beta": 0.5}),
        *({"beta": 1.7}, {"beta": 5, "epsilon": 0.1}, {"beta": 3, "epsilon": 0.1}, {"epsilon": 0.9, "c_1": 0.1}),
    ],
    "nested-matrix-tensor": [
        # below the transition: test_tensors.py, as what the notes say of it is an approximation
        *({"beta_M": 2, "beta_T": 2}, {"beta_M": 1.2, "beta_T": 2}, {"beta_M": 0.73, "beta_T": 2}),
        *({"beta_M": 0.989}, {"beta_M": 1, "beta_T": 20}, {"beta_M": 3, "beta_T": 0.7, "c_p": 1 / 3, "c_n": 1 / 3}),
        {"beta_M": 3, "beta_T": 2, "c_p": 1 / 3, "c_n": 1 / 3},
        {"beta_M": 1.5, "beta_T": 1.5, "c_p": 5 / 17, "c_n": 10 / 17},
        {"beta_M": 2.5, "beta_T": 1, "c_p": 3 / 7, "c_n": 3 / 14},
    ],
}
