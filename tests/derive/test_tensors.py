"""Planted tensors against published values (``tests/oracles/tensors.py``)."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from sympy import Identity, Symbol, symbols

from derive import (
    Gaussian,
    GaussianTensor,
    Masked,
    ModeProduct,
    Outer,
    Signal,
    Wigner,
    best_rank_one,
    dimensions,
    limit,
)
from tests.oracles import tensors as oracle

N = dimensions("N")
DIMS = dimensions("n1 n2 n3 n4 n5")
RATIOS = symbols("c_1:6", positive=True)
BETA = Symbol("beta", positive=True)
B1, B2, ALPHA, GAMMA = symbols("beta_1 beta_2 alpha gamma", positive=True)
BM, BT = symbols("beta_M beta_T", positive=True)


def regime(order):
    return {d: c * N for d, c in zip(DIMS[:order], RATIOS, strict=False)}


def ratios(c):
    return dict(zip(RATIOS, c, strict=False))


def signals(names, dims=DIMS):
    return [Signal(name, d, norm2=1) for name, d in zip(names, dims, strict=False)]


def spiked(order):
    dims = DIMS[:order]
    return BETA * Outer(*signals("xyzvw"[:order])) + GaussianTensor("W", *dims, variance=1 / N)


def two_spikes():
    first, second = signals(["a1", "a2", "a3"]), signals(["b1", "b2", "b3"])
    noise = GaussianTensor("W", *DIMS[:3], variance=1 / N)
    return B1 * Outer(*first) + B2 * Outer(*second) + noise, first, second


def nested():
    x, y, z = signals("xyz")
    p, n, m = DIMS[:3]
    Z, W = Gaussian("Z", p, n, variance=1 / (p + n)), GaussianTensor("W", p, n, m, variance=1 / (p + n + m))
    return BT * Outer(BM * x * y.T + Z, z) + W


@pytest.mark.parametrize(("c", "beta", "value", "alignments"), oracle.SPIKED)
def test_spiked(c, beta, value, alignments):
    law = limit(best_rank_one(spiked(len(c))), regime(len(c)))
    found = law.evaluate({**ratios(c), BETA: beta})
    assert found.pop("value") == pytest.approx(value, abs=6e-8)
    assert list(found.values()) == pytest.approx(alignments, abs=6e-9)


def test_radicals_of_order_3_to_the_last_digit():
    law = limit(best_rank_one(spiked(3)), regime(3))
    beta = np.linspace(1.16, 6, 40)
    found = law.evaluate({**ratios(oracle.SPIKED[0][0]), BETA: beta})
    value, alignment = np.transpose([oracle.spiked_order_3(b) for b in beta])
    np.testing.assert_allclose(found["value"], value, rtol=1e-12)
    np.testing.assert_allclose(found["x"], alignment, rtol=1e-11)


@pytest.mark.parametrize("c", [(0.15, 0.25, 0.6), (0.1, 0.2, 0.3, 0.4), (0.1, 0.15, 0.2, 0.25, 0.3)])
def test_unequal_dimensions_lie_on_the_explicit_curve(c):
    law = limit(best_rank_one(spiked(len(c))), regime(len(c)))
    points = [oracle.spiked_curve(c, s) for s in (1.2, 2.0, 4.0)]
    found = law.evaluate({**ratios(c), BETA: np.array([p[0] for p in points])})
    np.testing.assert_allclose(found.pop("value"), [p[1] for p in points], rtol=1e-12)
    np.testing.assert_allclose(list(found.values()), np.transpose([p[2] for p in points]), rtol=1e-12)


@pytest.mark.parametrize(("c", "beta_s", "edge"), oracle.SPIKED_THRESHOLDS)
def test_thresholds_of_existence(c, beta_s, edge):
    law = limit(best_rank_one(spiked(len(c))), regime(len(c)))
    end = law.threshold(BETA, ratios(c))
    assert end.at == pytest.approx(beta_s, rel=1e-7)
    assert end.values["value"] == pytest.approx(edge, rel=1e-7)
    assert law.edge({**ratios(c), BETA: 3}) == pytest.approx(edge, rel=1e-7)
    below = law.evaluate({**ratios(c), BETA: 0.9 * beta_s}, full_output=True)
    assert below.status == 1
    assert "below the threshold" in below.note
    assert below.strength == pytest.approx(1 / 0.9, rel=1e-6)
    assert below.value["value"] == pytest.approx(edge, rel=1e-7)
    assert below.value["x"] == 0


def test_threshold_to_fifty_digits():
    law = limit(best_rank_one(spiked(3)), regime(3))
    end = law.threshold(BETA, dict.fromkeys(RATIOS[:3], "1/3"), digits=50)
    with mpmath.workdps(55):
        assert abs(end.at - 2 / mpmath.sqrt(3)) < mpmath.mpf(10) ** -50
        assert abs(end.values["value"] - 2 * mpmath.sqrt(mpmath.mpf(2) / 3)) < mpmath.mpf(10) ** -49
        assert abs(end.values["x"] - 1 / mpmath.sqrt(2)) < mpmath.mpf(10) ** -49


def test_digits_of_a_point():
    law = limit(best_rank_one(spiked(3)), regime(3))
    found = law.evaluate({**dict.fromkeys(RATIOS[:3], "1/3"), BETA: 2}, digits=40)
    with mpmath.workdps(45):
        root = mpmath.sqrt(3) * mpmath.sqrt(mpmath.mpf(8) ** 3)
        assert abs(found["value"] - mpmath.sqrt(4 + root / 36)) < mpmath.mpf(10) ** -38


@pytest.mark.parametrize("beta", [0.7, 1.0, 2.5])
def test_order_2_is_bbp(beta):
    c = (0.3, 0.7)
    x, y = signals("xy")
    for matrix in (BETA * x * y.T + Gaussian("Z", *DIMS[:2], variance=1 / N), spiked(2)):
        found = limit(best_rank_one(matrix), regime(2)).evaluate({**ratios(c), BETA: beta})
        value, first, second = oracle.bbp(beta, *c)
        assert [found["value"], found["x"] ** 2, found["y"] ** 2] == pytest.approx([value, first, second], rel=1e-10)


@pytest.mark.parametrize("order", [3, 4, 5])
def test_symmetric_is_balanced_asymmetric(order):
    n = dimensions("n")
    x = Signal("x", n, norm2=1)
    variance = 1 / (np.prod(range(1, order + 1)).item() * n)
    T = BETA * Outer(*[x] * order) + GaussianTensor("W", *[n] * order, variance=variance, symmetric=True)
    law, other = limit(best_rank_one(T)), limit(best_rank_one(spiked(order)), regime(order))
    assert len(law.equations) == 3
    balanced = dict.fromkeys(RATIOS[:order], f"1/{order}")
    for beta in (1.5, 2.5):
        found, wanted = law.evaluate({BETA: beta}), other.evaluate({**balanced, BETA: beta})
        assert (found["value"], found["x"]) == pytest.approx((wanted["value"], wanted["x"]), rel=1e-12)
    end = law.threshold(BETA)
    assert end.at == pytest.approx(other.threshold(BETA, balanced).at, rel=1e-8)
    # Montanari, Richard; Perry, Wein, Bandeira: sqrt((d - 1)^(d - 1)/(d (d - 2)^(d - 2))), here in the scale of c = 1/d
    assert end.at == pytest.approx(((order - 1) ** (order - 1) / (order * (order - 2) ** (order - 2))) ** 0.5, rel=1e-8)


def test_symmetric_order_2_is_the_spiked_wigner_matrix():
    n = dimensions("n")
    x = Signal("x", n, norm2=1)
    law = limit(best_rank_one(BETA * x * x.T + Wigner("W", n, variance=1 / n)))
    found = law.evaluate({BETA: 1.7})
    # Baik, Ben Arous, Peche; Feral, Peche: theta + 1/theta and 1 - 1/theta^2
    assert (found["value"], found["x"] ** 2) == pytest.approx((1.7 + 1 / 1.7, 1 - 1 / 1.7**2), rel=1e-12)
    assert law.threshold(BETA).at == pytest.approx(1, rel=1e-9)


def test_masked():
    epsilon = Symbol("epsilon", positive=True)
    law = limit(best_rank_one(Masked(spiked(3), epsilon)), regime(3))
    c = (0.2, 0.3, 0.5)
    result = law.evaluate({**ratios(c), BETA: 3, epsilon: 0.6}, full_output=True)
    unknowns = {str(k): v for k, v in result.unknowns.items()}
    g, q = [unknowns[f"g_{k}"] for k in (1, 2, 3)], [unknowns[f"q_{k}"] for k in "xyz"]
    residuals = oracle.masked_residuals(c, 0.6, 3, unknowns["lambda"], g, q)
    np.testing.assert_allclose(residuals, 0, atol=1e-12)


@pytest.mark.parametrize(("c", "beta_t", "beta_m", "value", "alignments"), oracle.NESTED)
def test_nested(c, beta_t, beta_m, value, alignments):
    found = limit(best_rank_one(nested()), regime(3)).evaluate({**ratios(c), BT: beta_t, BM: beta_m})
    # the ratios of some rows are typed to eight digits
    assert list(found.values()) == pytest.approx([value, *alignments], abs=1e-7)


@pytest.mark.parametrize(("c", "beta_t", "beta_m", "value", "squares"), oracle.NESTED_JUMPS)
def test_nested_jump(c, beta_t, beta_m, value, squares):
    law = limit(best_rank_one(nested()), regime(3))
    end = law.threshold(BM, {**ratios(c), BT: beta_t})
    assert end.at == pytest.approx(beta_m, abs=1e-6)
    assert end.values["value"] == pytest.approx(value, abs=1e-6)
    assert [end.values[k] ** 2 for k in "xyz"] == pytest.approx(squares, abs=1e-7)


@pytest.mark.parametrize(("c", "beta_t", "beta_m", "g", "gamma"), oracle.NESTED_TRACES)
def test_nested_traces(c, beta_t, beta_m, g, gamma):
    result = limit(best_rank_one(nested()), regime(3)).evaluate({**ratios(c), BT: beta_t, BM: beta_m}, full_output=True)
    unknowns = {str(k): v for k, v in result.unknowns.items()}
    assert [unknowns[f"g_{k}"] for k in (1, 2, 3)] == pytest.approx(g, abs=2e-8)
    assert beta_t**2 * unknowns["q_z"] ** 2 / (c[0] + c[1]) == pytest.approx(gamma, abs=2e-7)


@pytest.mark.parametrize("row", oracle.DEFLATION_COMPLETED)
def test_deflation(row):
    (b1, b2), alpha, c, *wanted = row
    T, first, second = two_spikes()
    one = best_rank_one(T)
    two = best_rank_one(T - one.value * Outer(*one.vectors))
    quantities = {
        "lambda_1": one.value, "rho_11": one.overlap(first[0]), "rho_21": one.overlap(second[0]), "lambda_2": two.value,
        "rho_12": two.overlap(first[0]), "rho_22": two.overlap(second[0]), "eta": two.overlap(one.vectors[0]),
    }  # fmt: skip
    inner = dict.fromkeys(zip(first, second, strict=True), ALPHA)
    ratio = dict(zip(DIMS[:3], (RATIOS[0] * N, RATIOS[1] * N, (1 - RATIOS[0] - RATIOS[1]) * N), strict=True))
    law = limit(quantities, ratio, inner=inner)
    found = law.evaluate({B1: b1, B2: b2, ALPHA: alpha, RATIOS[0]: c[0], RATIOS[1]: c[1]})
    assert list(found.values()) == pytest.approx(wanted, abs=1e-6)


def test_printed_deflation_is_refuted_by_the_recorded_simulation():
    """The derived values are within two standard errors of the recorded simulation, the printed ones ten away."""
    T, first, second = two_spikes()
    one = best_rank_one(T)
    two = best_rank_one(T - one.value * Outer(*one.vectors))
    quantities = {"rho_12": two.overlap(first[0]), "eta": two.overlap(one.vectors[0])}
    law = limit(quantities, regime(3), inner=dict.fromkeys(zip(first, second, strict=True), ALPHA))
    derived = law.evaluate({B1: 4, B2: 3, ALPHA: 0.5, **dict.fromkeys(RATIOS[:3], "1/3")})
    for name in ("rho_12", "eta"):
        mean, error = oracle.DEFLATION_SIMULATED[name]
        assert abs(derived[name] - mean) < 2 * error
        assert abs(oracle.DEFLATION_PRINTED[name] - mean) > 9 * error


@pytest.mark.parametrize(("beta", "alpha", "gamma", "value", "u", "v", "eta_u", "eta_v"), oracle.ORTHOGONALISED)
def test_orthogonalised_deflation(beta, alpha, gamma, value, u, v, eta_u, eta_v):
    T, first, second = two_spikes()
    one = best_rank_one(T)
    w = one.vectors[0]
    two = best_rank_one(ModeProduct(T, Identity(DIMS[0]) - GAMMA * w * w.T, 1))
    names = ["value", "ru1", "ru2", "rv1", "rv2", "eta_u", "eta_v"]
    exprs = [two.value, *(two.overlap(s[k]) for k in (0, 1) for s in (first, second))]
    exprs += map(two.overlap, one.vectors[:2])
    inner = dict.fromkeys(zip(first, second, strict=True), ALPHA)
    law = limit(dict(zip(names, exprs, strict=True)), regime(3), inner=inner)
    found = law.evaluate({B1: beta[0], B2: beta[1], ALPHA: alpha, GAMMA: gamma, **dict.fromkeys(RATIOS[:3], "1/3")})
    assert list(found.values()) == pytest.approx([value, *u, *v, eta_u, eta_v], abs=1e-7)


@pytest.mark.parametrize(("beta", "alpha", "lambda_1", "rho_11", "lambda_2", "rho_21", "rho_22", "eta"),
                         oracle.SYMMETRIC_DEFLATION)  # fmt: skip
def test_symmetric_deflation(beta, alpha, lambda_1, rho_11, lambda_2, rho_21, rho_22, eta):
    n = dimensions("n")
    x, y = Signal("x", n, norm2=1), Signal("y", n, norm2=1)
    noise = GaussianTensor("W", n, n, n, variance=1 / (6 * n), symmetric=True)
    one = best_rank_one(B1 * Outer(x, x, x) + B2 * Outer(y, y, y) + noise)
    two = best_rank_one(one.tensor - one.value * Outer(*one.vectors))
    quantities = {"l1": one.value, "r1": one.overlap(x), "l2": two.value, "a": two.overlap(x), "b": two.overlap(y),
                  "eta": two.overlap(one.vectors[0], 1)}  # fmt: skip
    law = limit(quantities, inner={(x, y): ALPHA})
    found = law.evaluate({B1: beta[0], B2: beta[1], ALPHA: alpha})
    assert list(found.values()) == pytest.approx([lambda_1, rho_11, lambda_2, rho_21, rho_22, eta], abs=1e-7)
