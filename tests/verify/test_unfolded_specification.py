"""Unfolded planted tensors, simulated: against the law at the finite ratio of the sides, and against the limit.

The bias about the limit is n^(-1/2), that of the law at the finite ratio 1/n (arXiv:2402.10677).
"""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Rational, Symbol, erf, factorial, sqrt

import models
import verify
from derive import Gaussian, GaussianTensor, Labels, Outer, Signal, best_rank_one, dimensions, limit, unfolding
from derive.errors import ParameterError
from tests.oracles import unfoldings as oracle
from verify.edges import evaluated
from verify.extrapolate import extrapolate, summarise
from verify.tensor_estimators import unfolding_gram
from verify.tensor_sample import TensorSampler

POINT = {"rho_T": 2, "beta_M": "3/2", "c_1": "1/2", "c_2": "1/3"}


@pytest.fixture(scope="module")
def nested():
    return models.load("nested-unfolding")


def _standing(values, expected):
    """How many standard errors the mean is off."""
    return (values.mean() - expected) / (values.std(ddof=1) / np.sqrt(len(values)))


def test_samples_agree_with_the_law_at_their_ratio_and_not_with_the_limit(nested, seed):
    values = verify.simulate(nested.law, nested.resolve(POINT), 120, trials=1500, seed=seed)
    location, squared = oracle.finite_aspect(1.5, 2, 60, 40, 20)
    # what is left is of order 1/n: 0.5 % of the location and 0.005 in the alignment at n = 120
    assert abs(_standing(values["alignment"], squared)) < 5 + 0.005 / (values["alignment"].std() / 1500**0.5)
    assert abs(_standing(values["outlier"], location)) < 5 + 0.005 * location / (values["outlier"].std() / 1500**0.5)
    assert _standing(values["alignment"], nested.evaluate(POINT)["alignment"]) < -10


def test_the_declared_bias_is_seen(nested, seed):
    """Extrapolated in n^(-1/2) the alignment meets the limit; extrapolated in 1/n it is refuted."""
    options = {"seed": seed, "device": "cpu", "progress": False, "level": 1e-6, "resolution": 0.005}
    found = nested.verify(sizes=(24, 48, 96), trials=(3000, 2500, 2000), **options)
    by_name = {c.quantity: c for c in found.comparisons}
    assert by_name["alignment"].fit.exponents == (0.5,)
    wrong = extrapolate(by_name["alignment"].samples, (1.0,))
    assert (wrong.limit - by_name["alignment"].limit) / wrong.error < -5


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_every_mode_of_the_nested_model(mode, seed):
    n_1, n_2, n_3 = dimensions("n_1 n_2 n_3")
    beta_T, beta_M = Symbol("beta_T", positive=True), Symbol("beta_M", positive=True)
    x, y, z = Signal("x", n_1, norm2=1), Signal("y", n_2, norm2=1), Signal("z", n_3, norm2=1)
    M = beta_M * x * y.T + Gaussian("Z", n_1, n_2, variance=1 / (n_1 + n_2))
    T = beta_T * Outer(M, z) + GaussianTensor("W", n_1, n_2, n_3, variance=1 / (n_1 + n_2 + n_3))
    law = unfolding(T, {n_2: Rational(2, 3) * n_1, n_3: n_1 / 2}, mode=mode)
    point = {beta_T: 1.3, beta_M: 2}
    size = 60
    values = verify.simulate(law, point, size, trials=300, seed=seed)
    (found,) = law.at({n_1: size, n_2: 40, n_3: 30}, point)
    signal = (x, y, z)[mode - 1]
    for name, expected, left in (("location", found.location, 0.04), (signal.name, found.alignments[signal], 0.015)):
        slack = left * (expected if name == "location" else 1)
        assert abs(values[name].mean() - expected) < 5 * values[name].std() / 300**0.5 + slack, name


@pytest.mark.parametrize(("order", "size", "slack"), [(3, 80, 0.3), (4, 24, 0.5)])
def test_symmetric_noise(order, size, slack, seed):
    """Without the cycles of the permutations in the centre the second would be off by more than 2."""
    n, beta = dimensions("n"), Symbol("beta", positive=True)
    u = Signal("u", n, norm2=1)
    noise = GaussianTensor("W", *[n] * order, variance=1 / (factorial(order) * n), symmetric=True)
    law = unfolding(beta * Outer(*[u] * order) + noise, {}, mode=1)
    values = verify.simulate(law, {beta: 2}, size, trials=60, seed=seed)
    expected = law.evaluate({beta: 2})
    assert abs(values["location"].mean() - expected["location"]) < slack
    assert abs(values["u"].mean() - expected["u"]) < slack / 2


def test_below_the_transition_the_alignment_vanishes(nested, seed):
    point = {"rho_T": "1/50"}
    assert nested.evaluate(point) == {"outlier": pytest.approx(oracle.nested(2, 0.02, 1 / 4, 1 / 4)[0]), "alignment": 0}
    options = {"seed": seed, "device": "cpu", "progress": False, "level": 1e-6}
    found = nested.verify(point, sizes=(24, 48, 96), trials=(1500, 1200, 1000), resolution=0.08, **options)
    verdicts = {c.quantity: c.verdict for c in found.comparisons}
    assert verdicts["alignment"] == verdicts["accuracy"] == "consistent", str(found)
    assert {c.quantity: c.verdict for c in found.judge({"outlier": 2, "alignment": 0.2}).comparisons}[
        "alignment"
    ] == "refuted"
    # the largest eigenvalue sits N^(-2/3) below the edge of the law at the ratio of the sides; the edge of the limit is
    # no substitute for it
    samples = []
    for size, values in found.values["outlier"].items():
        sizes = dict(zip(nested.law.tensor.read.shape, (size // 4, size // 4, size // 2), strict=True))
        edge = nested.law.edge_at(sizes, {"rho_T": "1/50", "beta_M": 2})
        assert edge > found.limits["outlier"]
        samples.append(summarise(size, values - edge))
    fit = extrapolate(samples, (2 / 3,))
    assert abs(fit.limit) < 5 * fit.error
    assert fit.coefficients[0] < 0


# ---- accuracy, counted ----------------------------------------------------------------------------------------------
def test_accuracy_is_counted_and_not_computed_from_the_alignment(nested, seed):
    theorem = models.load("multi-view-clustering")
    found = theorem.verify(seed=seed, trials=300, device="cpu", progress=False, level=1e-6, resolution=0.05)
    counted = found.columns["accuracy"][102]
    # a fraction of 60 points, between one half and one
    assert np.allclose(counted * 60, np.round(counted * 60))
    assert counted.min() >= 0.5
    assert found.verdict == "consistent", str(found)
    # a formula that forgets what the alignment leaves to the noise
    alignment = Symbol("alignment")
    wrong = theorem.verify(
        seed=seed, trials=300, device="cpu", progress=False, level=1e-6, resolution=0.02,
        observables={"accuracy": (1 + erf(alignment / sqrt(2))) / 2},
    )  # fmt: skip
    assert {c.quantity: str(c.verdict) for c in wrong.comparisons}["accuracy"] == "refuted"


def test_labels_have_entries_of_one_size_and_the_declared_products():
    p, n, m = dimensions("p n m")
    x, z = Signal("x", p, norm2=1), Signal("z", m, norm2=1)
    y, other = Labels("y", n, norm2=1), Signal("a", n, norm2=1)
    W = GaussianTensor("W", p, n, m, variance=1 / (p + n + m))
    law = limit(best_rank_one(3 * Outer(x, y, z) + 2 * Outer(x, other, z) + W), {n: p, m: p}, inner={(y, other): 0.3})
    sampler = TensorSampler(law, {}, 30)
    from verify.backend import select_backend

    signals = sampler.draw(select_backend("cpu"), 1, range(5)).signals
    assert np.allclose(np.abs(signals[y]), 30**-0.5)
    assert np.allclose(np.sum(signals[y] * signals[other], axis=1), 0.3)
    assert np.allclose(np.sum(signals[other] ** 2, axis=1), 1)
    assert len({tuple(np.sign(row)) for row in signals[y]}) == 5


@pytest.mark.slow
# below the threshold one trial in hundreds climbs for more sweeps than the cap allows
@pytest.mark.filterwarnings("ignore:.*the cap on the number of sweeps:RuntimeWarning")
def test_below_its_threshold_the_tensor_does_not_cluster_either(seed):
    theorem = models.load("multi-view-clustering")
    assert theorem.observe({"norm_mu": "1/5"})["accuracy"] == 0.5
    options = {"seed": seed, "device": "cpu", "progress": False, "level": 1e-6}
    found = theorem.verify({"norm_mu": "1/5"}, sizes=(51, 102, 204), trials=(900, 600, 300), resolution=0.1, **options)
    assert found.verdict == "consistent", str(found)


@pytest.mark.slow
def test_the_tensor_clusters_better_than_its_unfolding(seed):
    """(p, n, m) = (150, 300, 60), |mu| = |h| = 1.5: 0.911709 by the tensor, less by the unfolding."""
    tensor, unfolded = models.load("multi-view-clustering"), models.load("nested-unfolding")
    by_tensor = verify.simulate(
        tensor.law, tensor.resolve(), 510, trials=60, seed=seed, measured=dict(tensor.measured)
    )["accuracy"]  # fmt: skip
    assert abs(_standing(by_tensor, 0.911709)) < 5
    rho = 1.5**2 * 510 / (150 * 300 * 60) ** 0.5
    point = {"rho_T": rho, "beta_M": 1.5, "c_1": "5/17", "c_2": "10/17"}
    by_unfolding = verify.simulate(
        unfolded.law, unfolded.resolve(point), 510, trials=60, seed=seed, measured=dict(unfolded.measured)
    )["accuracy"]  # fmt: skip
    _, squared = oracle.finite_aspect(1.5, rho, 150, 300, 60)
    assert abs(_standing(by_unfolding, oracle.accuracy(squared))) < 6
    assert by_tensor.mean() - by_unfolding.mean() > 0.02


# ---- the machinery ---------------------------------------------------------------------------------------------------
def test_a_gram_matrix_is_the_one_of_the_unfolding():
    n, p, q = dimensions("n p q")
    beta = Symbol("beta", positive=True)
    x, y, z = Signal("x", n, norm2=1), Signal("y", p, norm2=1), Signal("z", q, norm2=1)
    law = limit(best_rank_one(beta * Outer(x, y, z) + GaussianTensor("W", n, p, q, variance=1 / n)), {p: n, q: 2 * n})
    sampler = TensorSampler(law, {beta: 2}, 7)
    from verify.backend import select_backend

    sample = sampler.sample(1, sampler.draw(select_backend("cpu"), 3, range(2)), {}, {})
    dense = sample.dense()
    for mode in range(3):
        flat = np.moveaxis(dense, mode + 1, 1).reshape(2, dense.shape[mode + 1], -1)
        assert np.allclose(unfolding_gram(sample, mode), flat @ flat.transpose(0, 2, 1))


def test_numbers_do_not_depend_on_the_batch(nested):
    law, point = nested.law, nested.resolve()
    whole = verify.simulate(law, point, 24, trials=7, seed=3)
    pieces = verify.simulate(law, point, 24, trials=7, seed=3, memory="200KB")
    assert all(np.array_equal(whole[name], pieces[name]) for name in whole)


@pytest.mark.parametrize(("order", "exponent"), [(3, 0.5), (4, 1.0), (5, 1.0)])
def test_the_declared_bias_follows_the_ratio_of_the_sides(order, exponent):
    dims = dimensions(" ".join(f"n_{k}" for k in range(order)))
    beta = Symbol("beta", positive=True)
    vectors = [Signal(f"x_{k}", d, norm2=1) for k, d in enumerate(dims)]
    T = beta * Outer(*vectors) + GaussianTensor("W", *dims, variance=1 / dims[0])
    law = unfolding(T, dict.fromkeys(dims[1:], dims[0]), mode=1)
    assert evaluated(law, {beta: 2})[1] == {"location": exponent, "x_0": exponent}
    assert evaluated(law, {beta: Rational(1, 2)})[1] == {"location": exponent, "x_0": 1.0}


def test_options_that_do_not_apply_are_refused(nested):
    point = nested.resolve()
    with pytest.raises(ParameterError, match="entries='rademacher' does not apply"):
        verify.simulate(nested.law, point, 24, trials=3, entries="rademacher")
    with pytest.raises(ParameterError, match="start='random' does not apply"):
        verify.simulate(nested.law, point, 24, trials=3, start="random")
    tensor = models.load("multi-view-clustering")
    with pytest.raises(ParameterError, match="of this law an Eigenvector"):
        verify.simulate(nested.law, point, 24, trials=3, measured=dict(tensor.measured))
    with pytest.raises(ParameterError, match="accuracy is no observable"):
        nested.verify(trials=3, observables={}, progress=False)
    ridge = models.load("lssvm")
    with pytest.raises(ParameterError, match="this law is about matrices"):
        verify.simulate(ridge.law, ridge.resolve(), 24, trials=3, measured=dict(tensor.measured))
