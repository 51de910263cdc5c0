"""Real networks against the limit, whose masks are independent of the weights."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Identity, Max, Rational, Symbol, Trace, sign, tanh

import models
import verify
from derive import (
    Deterministic,
    Eigenvalue,
    Gaussian,
    Haar,
    ParameterError,
    Signal,
    derivative_law,
    dimensions,
    joint,
    limit,
)
from derive.cli_output import law_text
from derive.meanfield import critical_point, magnitude_pruning
from tests.oracles import jacobian as oracle
from verify.backend import numpy_backend
from verify.structured import Full

n = dimensions("n")
h, sigma2 = Symbol("h"), Symbol("sigma2", positive=True)
RELU = Max(0, h)
SIZES = (40, 80, 160)


def network(depth, activation, variance=sigma2, orthogonal=False, **options):
    """The Jacobian, its layers, and the network that draws the masks."""
    weights = [
        Haar(f"O_{l}", n) if orthogonal else Gaussian(f"W_{l}", n, n, variance=variance / n) for l in range(depth)
    ]
    masks = [Deterministic(f"D_{l}", n, n, symmetric=True) for l in range(depth)]
    J = Identity(n)
    for W, D in zip(weights, masks, strict=True):
        J = D * W * J
    return J, masks, verify.Network(activation, zip(weights, masks, strict=True), **options)


def resolvent(J):
    return limit(Trace((J * J.T + Identity(n)).I) / n)


@pytest.mark.parametrize("namespace", [None, "array_api_strict"])
def test_the_masks_make_the_jacobian(namespace):
    """``D_2 W_2 D_1 W_1`` is the derivative of the network's output, by finite differences."""
    width, rng = 6, np.random.default_rng(5)
    _, (D_1, D_2), mlp = network(2, tanh(h), bias_variance=Rational(1, 5), input_length=2)
    (W_1, _), (W_2, _) = mlp.layers
    arrays = {W: rng.standard_normal((1, width, width)) for W in (W_1, W_2)}
    stream = lambda _: [np.random.default_rng(7)]  # noqa: E731
    backend = numpy_backend(namespace and pytest.importorskip(namespace))
    drawn = {W: Full(backend.xp.asarray(a)) for W, a in arrays.items()}
    masks = {D: np.asarray(d.vector) for D, d in mlp.draw(drawn, {}, stream, backend).items()}

    again = stream("")[0]
    x = again.standard_normal(width)
    x *= np.sqrt(2 * width) / np.linalg.norm(x)
    biases = [np.sqrt(0.2) * again.standard_normal(width) for _ in range(2)]

    def output(x):
        for W, b in zip((W_1, W_2), biases, strict=True):
            x = np.tanh(arrays[W][0] @ x + b)
        return x

    step = 1e-6
    derivative = np.column_stack([(output(x + e) - output(x - e)) / (2 * step) for e in step * np.eye(width)])
    product = np.diag(masks[D_2][0]) @ arrays[W_2][0] @ np.diag(masks[D_1][0]) @ arrays[W_1][0]
    assert np.allclose(product, derivative, rtol=0, atol=1e-8)


def test_weights_that_are_expressions():
    """``Z + theta u u'`` is applied to a vector like the matrix it is."""
    theta, u, Z = Symbol("theta"), Signal("u", n, norm2=1), Gaussian("Z", n, n)
    D = Deterministic("D", n, n, symmetric=True)
    rng, width = np.random.default_rng(1), 5
    z, v = rng.standard_normal((2, width, width)), rng.standard_normal((2, width, 1))
    mlp = verify.Network(RELU, [(Z.T + 2 * theta * u * u.T, D)])
    stream = lambda _: [np.random.default_rng(s) for s in (1, 2)]  # noqa: E731
    found = mlp.draw({Z: Full(z), u: Full(v)}, {theta: 3}, stream, numpy_backend())[D].vector
    for t, seed in enumerate((1, 2)):
        x = np.random.default_rng(seed).standard_normal(width)
        assert np.array_equal(found[t], (z[t].T @ x + 6 * v[t] @ (v[t].T @ x) > 0).astype(float))


def test_the_numbers_do_not_depend_on_batches(tmp_path):
    J, masks, mlp = network(2, RELU)
    law, values = limit(Trace(J * J.T) / n), {sigma2: 2} | {D: derivative_law(RELU, 1) for D in masks}
    options = {"size": 20, "trials": 12, "dependent": mlp}
    whole = verify.simulate(law, values, **options)["value"]
    assert np.array_equal(verify.simulate(law, values, memory=50_000, **options)["value"], whole)
    assert np.array_equal(verify.simulate(law, values, store=tmp_path / "runs.sqlite", **options)["value"], whole)
    # another activation is another key in the store
    other = verify.Network(tanh(h), mlp.layers)
    stored = verify.simulate(law, values, **options | {"store": tmp_path / "runs.sqlite", "dependent": other})["value"]
    assert not np.array_equal(stored, whole)
    apart = verify.simulate(law, values, size=20, trials=12)["value"]
    assert not np.array_equal(apart, whole)


@pytest.mark.parametrize("orthogonal", [False, True])
def test_a_relu_network_is_consistent(seed, orthogonal):
    J, masks, mlp = network(2, RELU, orthogonal=orthogonal)
    values = {D: derivative_law(RELU, 1) for D in masks} | ({} if orthogonal else {sigma2: 2})
    check = verify.check(resolvent(J), values, SIZES, 600, seed, dependent=mlp, level=1e-6, device="cpu")
    assert check.verdict == "consistent", str(check)


def test_a_tanh_network_at_its_critical_point_is_consistent(seed):
    """Biases, and an input at the fixed point of the length; the wrong length is refuted."""
    bias = Rational(1, 20)
    weight, length = critical_point(tanh(h), bias)
    J, masks, mlp = network(2, tanh(h), bias_variance=bias, input_length=(length - float(bias)) / weight)
    law = resolvent(J)
    values = {sigma2: weight} | {D: derivative_law(tanh(h), length) for D in masks}
    check = verify.check(law, values, SIZES, 200, seed, dependent=mlp, level=1e-6, resolution=0.01, device="cpu")
    assert check.verdict == "consistent", str(check)
    wrong = law.evaluate({sigma2: weight} | {D: derivative_law(tanh(h), 1) for D in masks})
    assert check.judge({"value": wrong}).verdict == "refuted"


def test_magnitude_pruning(seed):
    """s = 0.7, L = 2: m_2 = 3 with the factor of the pruned law, and not with (1 - s)^(-1/2)."""
    W_1, W_2 = (Gaussian(name, n, n, variance=sigma2 / n) for name in ("W_1", "W_2"))
    M = W_2 * W_1 * W_1.T * W_2.T
    law = limit(Trace(M**2) / n)
    check = verify.check(law, {sigma2: 1}, SIZES, 500, seed, verify.pruned(0.7), level=1e-6, resolution=0.03)
    assert check.verdict == "consistent", str(check)
    kept = magnitude_pruning("7/10")[1]
    assert check.judge({"value": law.evaluate({sigma2: (1 - 0.7) / kept})}).verdict == "refuted"
    assert law.evaluate({sigma2: 1}) == pytest.approx(3)


def test_sparse_entries_move_moments_at_finite_size(seed):
    """n times the bias of m_2 is about 90 at s = 0.9 and L = 3; it is gone in the limit."""
    s = Symbol("s", nonnegative=True)
    J = Identity(n)
    for l in range(3):
        J = Gaussian(f"W_{l}", n, n, variance=1 / n) * J
    values = verify.simulate(limit(Trace((J * J.T) ** 2) / n), {}, 200, 400, seed, verify.sparse(0.1))["value"]
    assert 200 * (values.mean() - 4) == pytest.approx(90, rel=0.25)
    with pytest.raises(ParameterError, match=r"sparse\(1 - s\) need a value for s"):
        verify.simulate(limit(Trace(J * J.T) / n), {}, 20, 4, entries=verify.sparse(1 - s))


def test_sparsity_tied_to_a_parameter(seed):
    s = Symbol("s", nonnegative=True)
    W = Gaussian("W", n, n, variance=(1 - s) / n)
    law = limit(Trace(W * W.T) / n)
    values = verify.simulate(law, {s: "3/4"}, 100, 50, seed, entries=verify.sparse(1 - s))["value"]
    same = verify.simulate(law, {s: "3/4"}, 100, 50, seed, entries=verify.sparse(0.25))["value"]
    assert np.array_equal(values, same)
    assert values.mean() == pytest.approx(0.25, rel=0.05)


def test_a_law_of_its_own_is_not_the_networks():
    theorem = models.load("jacobian-spectrum")
    assert theorem.finite_model()["dependent"] is theorem.dependent
    assert theorem.finite_model({"D_1": derivative_law(tanh(h), 1)})["dependent"] is None


def test_bad_input():
    W, D = Gaussian("W", n, n, variance=1 / n), Deterministic("D", n, n, symmetric=True)
    law, laws = limit(Trace(D * W * W.T * D) / n), {D: derivative_law(RELU, 1)}
    other = Deterministic("E", n, n, symmetric=True)
    for call, message in (
        (lambda: verify.Network(RELU, [W]), r"the layers are pairs \(weight, mask\)"),
        (lambda: verify.Network(RELU, []), "at least one layer"),
        (lambda: verify.Network(RELU, [(W, W)]), "the mask of W must be a Deterministic letter"),
        (lambda: verify.Network(sign(h), [(W, D)]), "jumps"),
        (
            lambda: verify.simulate(law, laws, 20, 4, dependent=verify.Network(RELU, [(W, other)])),
            "draws E, which is no",
        ),
        (
            lambda: verify.simulate(law, laws, 20, 4, dependent=verify.Network(RELU, [(W, D)], bias_variance=sigma2)),
            "the bias variance sigma2 needs a value for sigma2",
        ),
        (
            lambda: verify.simulate(law, laws, 20, 4, dependent=verify.Network(RELU, [(Gaussian("V", n, n), D)])),
            "V is a weight of the network and no letter of the model",
        ),
        (lambda: verify.pruned(1), r"must be in \[0, 1\)"),
    ):
        with pytest.raises(ParameterError, match=message):
            call()


@pytest.mark.slow
def test_moments_and_norm_of_a_relu_network(seed):
    """L = 3: m_2 = 7, m_3 = 67, norm^2 = 16.458, from networks of width 100 to 800."""
    J, masks, mlp = network(3, RELU)
    values = {sigma2: 2} | {D: derivative_law(RELU, 1) for D in masks}
    M = J * J.T
    law = limit({"m2": n * Trace(M**2) / Trace(M) ** 2, "m3": n**2 * Trace(M**3) / Trace(M) ** 3})
    assert law.evaluate(values) == pytest.approx({"m2": 7, "m3": 67})
    check = verify.check(law, values, (100, 200, 400), 1500, seed, dependent=mlp, level=1e-6, resolution=0.05)
    assert check.verdict == "consistent", str(check)
    # the norm relative to the mean: without the common factor of all singular values, which fluctuates most
    largest = limit(Eigenvalue(M))
    edge = largest.evaluate(values)
    edge = edge["value"] if isinstance(edge, dict) else edge
    assert edge == pytest.approx(oracle.relu_norm(3) ** 2)
    check = verify.check(largest, values, (100, 200, 400, 800), 400, seed, dependent=mlp, level=1e-6, resolution=0.1)
    assert check.verdict == "consistent", str(check)


@pytest.mark.slow
def test_correlated_weights(seed):
    """theta = 2: the norm of one layer is 2.5."""
    theta, u = Symbol("theta", positive=True), Signal("u", n, norm2=1)
    W = Gaussian("W", n, n, variance=1 / n) + theta * u * u.T
    check = verify.check(limit(Eigenvalue(W * W.T)), {theta: 2}, (100, 200, 400), 1000, seed, level=1e-6)
    assert check.verdict == "consistent", str(check)
    assert next(iter(check.limits.values())) == pytest.approx(oracle.rank_one_norm(2) ** 2)


def test_joint_laws_of_masks_and_signals(seed):
    """A mask drawn by the network, next to a signal that shares its law."""
    theta, u = Symbol("theta", positive=True), Signal("u", n, norm2=1)
    W, D = Gaussian("W", n, n, variance=2 / n) + theta * u * u.T, Deterministic("D", n, n, symmetric=True)
    J = D * W
    law, shared = limit(Eigenvalue(J * J.T)), {(D, u): joint({D: [0, 1, 0, 1], u: [1, 1, -1, -1]})}
    mlp = verify.Network(RELU, [(W, D)])
    check = verify.check(law, {theta: 3} | shared, SIZES, 600, seed, dependent=mlp, level=1e-6, resolution=0.05)
    assert check.verdict == "consistent", str(check)


def test_masks_that_are_independent_of_the_weights(seed, tmp_path):
    """Without a network the masks are the quantiles of their law, here that of tanh'."""
    J, (D,), _ = network(1, tanh(h))
    law, image = resolvent(J), derivative_law(tanh(h), "1/2")
    assert law_text(image) == "1 - tanh(h)**2, h of variance 1/2"
    check = verify.check(law, {sigma2: 1, D: image}, SIZES, 60, seed, level=1e-6, resolution=0.01, device="cpu")
    assert check.verdict == "consistent", str(check)
    options = {"size": 20, "trials": 4, "store": tmp_path / "runs.sqlite"}
    one, two = (
        verify.simulate(law, {sigma2: 1, D: derivative_law(tanh(h), q)}, **options)["value"] for q in ("1/2", "1/3")
    )
    assert not np.array_equal(one, two)


@pytest.mark.slow
def test_the_edge_of_stability_of_sparse_weights(seed):
    """An experiment, not a theorem: rows with few entries detach from the bulk.

    Heuristic: a row of squared norm a > 2 gives a singular value a/sqrt(a - 1), and the largest of n rows of normal
    entries reaches 2 at n (1 - s) = 9.08 log n entries (leading order; arXiv:2506.08764 for the edge of stability).
    """
    width, W = 600, Gaussian("W", n, n, variance=1 / n)
    law = limit(Eigenvalue(W * W.T))
    edge = 9.08 * np.log(width) / width
    norms = {}
    for factor in (0.1, 0.3, 3):
        values = verify.simulate(law, {}, width, 20, seed, verify.sparse(factor * edge))
        norms[factor] = np.sqrt(next(iter(values.values()))).mean()
    dense = np.sqrt(next(iter(verify.simulate(law, {}, width, 20, seed).values()))).mean()
    assert norms[0.1] > norms[0.3] + 0.1 > norms[3] + 0.2
    assert abs(norms[3] - dense) < 0.03
