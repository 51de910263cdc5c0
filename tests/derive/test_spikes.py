"""Outliers, alignments and thresholds in numbers: published formulas, identities and a simulation of its own."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Identity, Rational, Symbol, sqrt, symbols

from derive import (
    Alignment,
    Deterministic,
    Eigenvalue,
    Free,
    Gaussian,
    Signal,
    Wigner,
    atomic,
    density,
    dimensions,
    joint,
    limit,
)
from derive import spectrum as spectrum_of
from derive.spectral.outlier_solver import OutlierSolver
from derive.spectral.outliers import bind_master, master_of, outliers, solve_outliers, support_of
from derive.spectral.thresholds import thresholds
from derive.spectral.zeros import Zero
from tests.oracles import spikes as oracle

n, p = dimensions("n p")
c, theta, eta, l, r, s = symbols("c theta eta l r s", positive=True)
t = Symbol("t", real=True)
W = Wigner("W", n, variance=1 / n)
Z = Gaussian("Z", p, n, variance=1 / n)
u, v = Signal("u", n, norm2=1), Signal("v", n, norm2=1)
a, b = Signal("a", p, norm2=1), Signal("b", n, norm2=1)
A = Deterministic("A", n, n, symmetric=True)
S = Deterministic("S", p, p, symmetric=True)
rho = Symbol("rho", real=True)

WIGNER = W + theta * u * u.T
FACTOR = Identity(p) + (sqrt(1 + l) - 1) * a * a.T
COVARIANCE = FACTOR * Z * Z.T * FACTOR
PLANTED = Z + theta * a * b.T
POPULATION = (S + t * a * a.T) * Z * Z.T * (S + t * a * a.T)
# the population S^2 is half 1, half 4, and a is one of its eigenvectors at 1
LAW = joint({S: [1, 1, 2], a: [2, 0, 0]}, ["1/4", "1/4", "1/2"])
ATOMS = [1, 4], [0.5, 0.5]


def found(matrix, params, regime=None, **declared):
    return outliers(spectrum_of(matrix, regime, **declared), params)


# ---- published formulas --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("strength", [0.5, 0.999, 1.0003, 1.001, 1.7, 30.0])
def test_spiked_wigner(strength):
    law = limit({"location": Eigenvalue(WIGNER), "squared": Alignment(WIGNER, u)}, {})
    value = law.evaluate({theta: strength})
    assert [value["location"], value["squared"]] == pytest.approx(oracle.wigner(strength), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("strength", "ratio"), [(0.3, 0.5), (2.0, 0.5), (2.0, 2.0), (0.72, 0.5), (5.0, 0.01)])
def test_spiked_covariance(strength, ratio):
    law = limit({"location": Eigenvalue(COVARIANCE), "squared": Alignment(COVARIANCE, a)}, {p: c * n})
    value = law.evaluate({l: strength, c: ratio})
    assert [value["location"], value["squared"]] == pytest.approx(
        oracle.covariance(strength, ratio), rel=1e-10, abs=1e-12
    )


@pytest.mark.parametrize(("strength", "ratio"), [(0.4, 0.5), (2.0, 0.5), (2.0, 2.0), (1.5, 3.0)])
def test_rectangular_spike_left_and_right(strength, ratio):
    squared = PLANTED * PLANTED.T
    law = limit(
        {
            "location": Eigenvalue(squared),
            "left": Alignment(squared, a),
            "right": Alignment(PLANTED.T * PLANTED, b),
        },
        {p: c * n},
    )
    value = law.evaluate({theta: strength, c: ratio})
    assert list(value.values()) == pytest.approx(oracle.rectangular(strength, ratio), rel=1e-10, abs=1e-12)
    (direct,) = found(squared, {theta: strength, c: ratio}, {p: c * n}) or (None,)
    if direct is not None:
        assert [direct.alignments[a], direct.alignments[b]] == pytest.approx([value["left"], value["right"]])


def test_a_companion_asked_directly_agrees():
    matrix = PLANTED.T * PLANTED
    law = limit({"location": Eigenvalue(matrix), "right": Alignment(matrix, b)}, {p: c * n})
    location, _, right = oracle.rectangular(2.0, 0.5)
    assert list(law.evaluate({theta: 2, c: 0.5}).values()) == pytest.approx([location, right])


def test_generic_spike_on_two_atoms():
    w = Signal("w", n, norm2=1, generic=True)
    (outlier,) = found(A + W + theta * w * w.T, {theta: 3, A: atomic([-1, 1])})
    assert [outlier.location, outlier.alignments[w]] == pytest.approx(oracle.deformed_two_points(3.0), rel=1e-12)


def test_generic_spike_on_a_density():
    w, x = Signal("w", n, norm2=1, generic=True), Symbol("x")
    (outlier,) = found(A + W + theta * w * w.T, {theta: 3, A: density(Rational(1, 2), (x, -1, 1))})
    assert [outlier.location, outlier.alignments[w]] == pytest.approx(oracle.deformed_uniform(3.0), rel=1e-12)


def test_a_signal_with_its_joint_law_is_the_generic_one_where_it_spreads_evenly():
    law = joint({A: [-1, 1], u: [1, 1]})
    (outlier,) = found(A + W + theta * u * u.T, {theta: 3, (A, u): law})
    assert [outlier.location, outlier.alignments[u]] == pytest.approx(oracle.deformed_two_points(3.0), rel=1e-12)


@pytest.mark.parametrize("spike", [0.5, 1.8, 8.0])
def test_population_law_plus_spike(spike):
    """Below the bulk, in the gap and above it; a is an eigenvector of the population at the atom 1."""
    params = {(S, a): LAW, c: 0.1, t: float(np.sqrt(spike) - 1)}
    (outlier,) = found(POPULATION, params, {p: c * n})
    location, squared = oracle.population(spike, 0.1, *ATOMS)
    assert [outlier.location, outlier.alignments[a]] == pytest.approx([location, squared], rel=1e-10)
    assert outlier.side == {0.5: -1, 1.8: 0, 8.0: 1}[spike]


def test_population_has_a_threshold_at_every_edge():
    positive = Symbol("t", positive=True)
    for symbol, wanted in ((t, [True] * 4), (positive, [False, True, True, True])):
        model = spectrum_of(POPULATION.subs(t, symbol), {p: c * n})
        values = [(1 + float(x.value)) ** 2 for x in thresholds(model, symbol, {(S, a): LAW, c: 0.1})]
        expected = oracle.population_thresholds(0.1, *ATOMS)
        # (1 + t)^2 is reached twice on the whole line
        for value, is_wanted in zip(expected, wanted, strict=True):
            assert any(abs(x - value) < 1e-9 for x in values) == is_wanted


def test_population_outliers_appear_at_the_thresholds():
    for spike in oracle.population_thresholds(0.1, *ATOMS):
        counts = []
        for factor in (0.98, 1.02):
            params = {(S, a): LAW, c: 0.1, t: float(np.sqrt(spike * factor) - 1)}
            counts.append(len(found(POPULATION, params, {p: c * n})))
        assert sorted(counts) == [0, 1]


@pytest.mark.parametrize("overlap", [0.0, 0.3, -0.6])
def test_two_spikes_with_any_overlap(overlap):
    matrix = W + theta * u * u.T + eta * v * v.T
    listed = found(matrix, {theta: 2.5, eta: 3, rho: overlap}, inner={(u, v): rho})
    expected = [x for x in oracle.two_wigner_spikes(2.5, 3.0, overlap) if x[0] > 2]
    assert [(o.location, o.alignments[u], o.alignments[v]) for o in reversed(listed)] == [
        pytest.approx(x, rel=1e-10, abs=1e-12) for x in expected
    ]


def test_spikes_of_both_signs_are_numbered_from_both_ends():
    matrix = W + theta * u * u.T - eta * v * v.T
    law = limit({"top": Eigenvalue(matrix), "bottom": Eigenvalue(matrix, -1), "second": Eigenvalue(matrix, 2)},
                inner={(u, v): 0})  # fmt: skip
    value = law.evaluate({theta: 2, eta: 3})
    assert list(value.values()) == pytest.approx([2.5, -10 / 3, 2.0])


def test_equal_spikes_are_one_outlier_of_multiplicity_two():
    matrix = W + theta * u * u.T + eta * v * v.T
    for inner in ({(u, v): 0}, {(u, v): rho}):
        (outlier,) = found(matrix, {theta: 2, eta: 2, **({rho: 0} if rho in inner.values() else {})}, inner=inner)
        assert outlier.multiplicity == 2
        assert [outlier.location, outlier.alignments[u], outlier.alignments[v]] == pytest.approx(
            [2.5, 0.75, 0.75], rel=1e-9
        )


@pytest.mark.parametrize("atoms", [[0, 2], [1, 3]])
def test_information_plus_noise_with_a_deterministic_rectangle(atoms):
    """Both spellings of B + Z + spike have the same outliers, one in the gap and one above; left and right swap."""
    B = Deterministic("B", p, n)
    left, right = Signal("f", p, norm2=1, generic=True), Signal("g", n, norm2=1, generic=True)
    Y = B + Z + theta * left * right.T
    params = {B: atomic(atoms), c: 0.5, theta: 4}
    one = found(Y * Y.T, params, {p: c * n})
    two = found(Y.T * Y, params, {p: c * n})
    assert [x.side for x in one] == [0, 1]
    for x, y in zip(one, two, strict=True):
        assert x.location == pytest.approx(y.location, rel=1e-9)
        assert x.alignments[left] == pytest.approx(y.alignments[left], rel=1e-7)
        assert x.alignments[right] == pytest.approx(y.alignments[right], rel=1e-7)


def test_labels_are_a_signal_of_norm_n():
    """x = mu y' + noise with labels of +-1 and entries of variance 1: the strength is |mu|."""
    y, X = Signal("y", n, norm2=n), Gaussian("X", p, n)
    data = theta * a * y.T + X
    law = limit({"top": Eigenvalue(data * data.T / n), "mean": Alignment(data * data.T / n, a),
                 "labels": Alignment(data.T * data / n, y)}, {p: c * n})  # fmt: skip
    assert list(law.evaluate({theta: 1.5, c: 0.5}).values()) == pytest.approx(oracle.rectangular(1.5, 0.5), rel=1e-10)


def test_a_complex_wigner_matrix_moves_its_spike_like_a_real_one():
    H = Wigner("H", n, variance=1 / n, real=False)
    law = limit({"top": Eigenvalue(H + theta * u * u.T), "squared": Alignment(H + theta * u * u.T, u)})
    assert list(law.evaluate({theta: 2}).values()) == pytest.approx(oracle.wigner(2))


def test_a_spike_on_a_free_sum():
    """A + B free, both half 1 and half -1: the sum is arcsine on [-2, 2], and G(z) = 1/theta at sqrt(theta^2 + 4)."""
    first, second = Free("A", n), Free("B", n)
    w = Signal("w", n, norm2=1, generic=True)
    signs = atomic([-1, 1])
    (outlier,) = found(first + second + theta * w * w.T, {theta: 3, first: signs, second: signs})
    assert outlier.location == pytest.approx(13**0.5, rel=1e-10)
    assert outlier.alignments[w] == pytest.approx(3 / 13**0.5, rel=1e-9)


# ---- identities ----------------------------------------------------------------------------------------------------
@settings(max_examples=8)
@given(st.floats(1.1, 4), st.floats(0.2, 3), st.floats(-0.9, 0.9))
def test_alignments_are_derivatives_of_locations(first, second, overlap):
    """Hellmann-Feynman: d location / d theta = <u, v>^2 for M = M_0 + theta u u'."""
    model = spectrum_of(W + theta * u * u.T + eta * v * v.T, inner={(u, v): rho})

    def top(strength):
        found = outliers(model, {theta: str(strength), eta: second, rho: overlap}, digits=40)
        return found[-1] if found else None

    with mpmath.workdps(40):
        h = mpmath.mpf(10) ** -12
        x = mpmath.mpf(first)
        middle, up, down = top(x), top(x + h), top(x - h)
        # the last digits of x are those of its decimal spelling
        assert middle is not None
        slope = (up.location - down.location) / (2 * h)
        assert abs(slope - middle.alignments[u]) < mpmath.mpf(10) ** -10


@settings(max_examples=8)
@given(st.floats(1.3, 6), st.floats(0.1, 3))
def test_residues_by_two_routes(strength, ratio):
    """Implicit differentiation and Cauchy's integral over a circle."""
    model = spectrum_of(PLANTED * PLANTED.T, {p: c * n})
    params = {theta: strength + ratio**0.25, c: ratio}
    master = master_of(model)
    solver = OutlierSolver(master, bind_master(master, params))
    support = support_of(model, params)
    ((outlier,),) = solve_outliers(solver, [support])
    room = (outlier.location - support[0][-1][1]) / 2
    around, location = solver.around(Zero(0, outlier.location + room / 100, 1), room)
    assert location == pytest.approx(outlier.location, rel=1e-8)
    assert around["left_a"] == pytest.approx(outlier.alignments[a], rel=1e-8)
    assert around["right_b"] / outlier.location == pytest.approx(outlier.alignments[b], rel=1e-8)


def test_fifty_digits():
    law = limit({"location": Eigenvalue(COVARIANCE), "squared": Alignment(COVARIANCE, a)}, {p: c * n})
    value = law.evaluate({l: "7/3", c: "1/3"}, digits=50)
    with mpmath.workdps(50):
        spike, ratio = mpmath.mpf(7) / 3, mpmath.mpf(1) / 3
        assert abs(value["location"] - (1 + spike) * (1 + ratio / spike)) < mpmath.mpf(10) ** -48
        assert abs(value["squared"] - (1 - ratio / spike**2) / (1 + ratio / spike)) < mpmath.mpf(10) ** -49


def test_an_edge_has_fifty_digits_too():
    value = limit(Eigenvalue(COVARIANCE), {p: c * n}).evaluate({l: "1/10", c: "1/2"}, digits=50)
    with mpmath.workdps(50):
        assert abs(value - (1 + mpmath.sqrt(0.5)) ** 2) < mpmath.mpf(10) ** -48


def test_arrays_of_parameters_are_their_points():
    squared = PLANTED * PLANTED.T
    law = limit({"location": sqrt(Eigenvalue(squared)), "left": Alignment(squared, a)}, {p: c * n})
    strengths, ratios = np.linspace(0.2, 3, 5)[:, None], np.array([0.5, 2.0])
    batch = law.evaluate({theta: strengths, c: ratios}, full_output=True)
    assert batch.value["left"].shape == (5, 2) == batch.note.shape
    for i in range(5):
        for j in range(2):
            point = law.evaluate({theta: strengths[i, 0], c: ratios[j]})
            assert batch.value["location"][i, j] == pytest.approx(point["location"], rel=1e-12)
            assert batch.value["left"][i, j] == pytest.approx(point["left"], rel=1e-9, abs=1e-12)


def test_a_quantity_may_use_parameters():
    law = limit(theta * Eigenvalue(WIGNER) - Alignment(WIGNER, u), {})
    assert law.evaluate({theta: 2}) == pytest.approx(4.25)


# ---- simulation ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("strength", [0.4, 2.0])
def test_simulation_on_both_sides_of_the_threshold(strength, seed):
    """p = 200, n = 400, 40 samples. Above: fluctuations of order n^-1/2, so the mean of 40 is good to 1 %. Below: the
    eigenvalue is within n^(-2/3) of the edge and the alignment of order n^(-1/3).
    """
    rng = np.random.default_rng(seed)
    size, width, trials = 200, 400, 40
    samples = []
    for _ in range(trials):
        x, y = rng.standard_normal(size), rng.standard_normal(width)
        x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
        Y = rng.standard_normal((size, width)) / np.sqrt(width) + strength * np.outer(x, y)
        values, vectors = np.linalg.eigh(Y @ Y.T)
        left, right = vectors[:, -1], Y.T @ vectors[:, -1]
        samples.append((values[-1], (x @ left) ** 2, (right @ y) ** 2 / values[-1]))
    mean, error = np.mean(samples, axis=0), np.std(samples, axis=0) / np.sqrt(trials)
    squared = PLANTED * PLANTED.T
    law = limit(
        {"location": Eigenvalue(squared), "left": Alignment(squared, a), "right": Alignment(PLANTED.T * PLANTED, b)},
        {p: c * n},
    )
    value = np.array(list(law.evaluate({theta: strength, c: 0.5}).values()))
    # 5 standard errors (false alarm 6e-7 each) and the bias at this size
    bias = np.array([0.02, 0.01, 0.01]) if strength > 1 else np.array([3 * size ** (-2 / 3), 0.06, 0.06])
    assert np.all(np.abs(mean - value) < 5 * error + bias)
    if strength < 0.84:
        assert value[1] == 0 == value[2]
    else:
        assert mean[1] > 0.8


def test_simulation_of_an_outlier_in_a_gap(seed):
    """The population half 1, half 4 with a spike 1.8 between them, c = 1/10: one eigenvalue inside the gap."""
    rng = np.random.default_rng(seed)
    size, width, spike = 200, 2000, 1.8
    roots = np.sqrt(np.repeat([1.0, 4.0], size // 2))
    roots[0] = np.sqrt(spike)
    params = {(S, a): LAW, c: 0.1, t: float(np.sqrt(spike) - 1)}
    model = spectrum_of(POPULATION, {p: c * n})
    (outlier,) = outliers(model, params)
    (_, low), (high, _) = support_of(model, params)[0]
    places, squared = [], []
    for _ in range(30):
        Y = roots[:, None] * rng.standard_normal((size, width)) / np.sqrt(width)
        values, vectors = np.linalg.eigh(Y @ Y.T)
        index = size // 2 - 1  # the spike replaces one eigenvalue of the lower half
        places.append(values[index])
        squared.append(vectors[0, index] ** 2)
    assert low < outlier.location < high
    for sample, value, bias in ((places, outlier.location, 0.02), (squared, outlier.alignments[a], 0.06)):
        assert abs(np.mean(sample) - value) < 5 * np.std(sample) / np.sqrt(len(sample)) + bias
