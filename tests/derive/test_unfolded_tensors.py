"""Unfoldings of planted tensors: the contraction, its rescaling, and the limits of the equivalent matrix model.

Sources: arXiv:2402.10677 (modes 2 and 3 of the nested matrix-tensor model) and those of tests/oracles/unfoldings.py;
the growth n^((d-2)/4) of the threshold of a spiked tensor of order d: A. Montanari and E. Richard, NeurIPS 2014.
"""

from __future__ import annotations

import itertools

import pytest
from sympy import Poly, Rational, Symbol, simplify, symbols

from derive import (
    Agreement,
    Alignment,
    Eigenvalue,
    Eigenvector,
    Gaussian,
    GaussianTensor,
    Labels,
    Outer,
    Signal,
    Unfolded,
    Wigner,
    dimensions,
    limit,
    spectrum,
    unfolding,
)
from derive.errors import DimensionError, NotRationalError, ParameterError, RegimeError
from derive.spectral.transition import transition_polynomials
from tests.oracles import spikes as matrices
from tests.oracles import unfoldings as oracle

n, n1, n2, n3 = dimensions("n n_1 n_2 n_3")
beta_T, beta_M, rho = symbols("beta_T beta_M rho_T", positive=True)
c1, c2 = symbols("c_1 c_2", positive=True)
x, y, z = Signal("x", n1, norm2=1), Signal("y", n2, norm2=1), Signal("z", n3, norm2=1)
W = GaussianTensor("W", n1, n2, n3, variance=1 / n)
M = beta_M * x * y.T + Gaussian("Z", n1, n2, variance=1 / (n1 + n2))
REGIME = {n1: c1 * n, n2: c2 * n, n3: (1 - c1 - c2) * n}
SCALE = (n1 * n2 * n3) ** Rational(1, 2) / n
HALF = Rational(1, 2)


def nested_law(mode):
    """With the growth written in the tensor."""
    Y = Unfolded((rho * SCALE) ** HALF * Outer(M, z) + W, mode)
    centre = (n2 if mode == 1 else n1) * n3 / n
    signal = {1: x, 2: y}[mode]
    quantities = {"outlier": (Eigenvalue(Y * Y.T) - centre) / SCALE, "alignment": Alignment(Y * Y.T, signal)}
    return limit(quantities, REGIME)


@pytest.fixture(scope="module")
def nested():
    return nested_law(2)


# ---- the nested matrix-tensor model ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("c", "beta", "strength", "location", "squared", "threshold", "edge"), oracle.MODE_2)
def test_second_mode_of_the_nested_model(nested, c, beta, strength, location, squared, threshold, edge):
    point = {c1: c[0], c2: c[1], beta_M: beta}
    found = nested.evaluate({**point, rho: strength})
    assert [found["outlier"], found["alignment"]] == pytest.approx([location, squared], abs=1e-7)
    assert list(found.values()) == pytest.approx(oracle.nested(beta, strength, c[0], c[1]), rel=1e-10)
    hidden = nested.evaluate({**point, rho: strength, beta_M: 0.01})
    assert [hidden["outlier"], hidden["alignment"]] == pytest.approx([edge, 0], abs=1e-6)
    exact = {c1: Rational(str(round(6 * c[0]))) / 6, c2: Rational(str(round(6 * c[1]))) / 6, beta_M: beta}
    (transition,) = nested.transitions(rho, exact)
    assert transition.value == pytest.approx(threshold, abs=1e-8)
    assert transition.appears


@pytest.mark.parametrize(("c", "beta", "strength", "location", "squared"), [row[:5] for row in oracle.MODE_2])
def test_first_mode_is_the_second_with_the_dimensions_swapped(c, beta, strength, location, squared):
    found = nested_law(1).evaluate({c1: c[1], c2: c[0], beta_M: beta, rho: strength})
    assert [found["outlier"], found["alignment"]] == pytest.approx([location, squared], abs=1e-7)


def test_the_bulk_solves_the_published_cubic(nested):
    curve = nested.spectrum.curve()
    m, zeta = curve.gens
    published = oracle.nested_curve(m, zeta, c1 / (c1 + c2), c2 / (c1 + c2), rho)
    assert simplify(curve.as_expr() / (c1 + c2) - published) == 0


def test_the_threshold_formula_comes_out_symbolically(nested):
    k1, k2 = c1 / (c1 + c2), c2 / (c1 + c2)
    published = (rho**2 * (k2 + beta_M**2) ** 2 * (beta_M**4 - k1 * k2) - beta_M**4) * (c1 + c2) ** 4
    polynomials = transition_polynomials(nested.spectrum, rho, {})
    assert any(Poly(p, rho, beta_M) == Poly(simplify(published).expand(), rho, beta_M) for p in polynomials)


@pytest.mark.parametrize("beta", [Rational(1, 2), Rational(69, 100)])
def test_where_no_strength_is_enough_there_is_no_transition(nested, beta):
    # beta_M^4 <= k_1 k_2 = 6/25
    point = {c1: HALF, c2: Rational(1, 3), beta_M: beta}
    assert oracle.nested_threshold(float(beta), 0.6, 0.4) is None
    assert nested.transitions(rho, point) == ()
    assert nested.evaluate({**point, rho: 1000})["alignment"] == 0


def test_in_the_strength_of_the_matrix_there_is_one_transition(nested):
    (found,) = nested.transitions(beta_M, {c1: HALF, c2: Rational(1, 3), rho: 2})
    assert oracle.nested_threshold(found.value, 0.6, 0.4) == pytest.approx(2, rel=1e-10)


@pytest.mark.parametrize(("strength", "location", "squared"), oracle.MODE_3)
def test_third_mode_of_the_nested_model(strength, location, squared):
    law = unfolding(beta_T * Outer(M, z) + W, REGIME, mode=3)
    # rho = beta_T^2 n (n_1 n_2/(n_1 + n_2))/sqrt(n_1 n_2 n_3), of which beta_T is the root in its unit
    unit = law.units[beta_T] ** 2 * n * (n1 * n2 / (n1 + n2)) / (n1 * n2 * n3) ** HALF
    assert simplify(unit) == 1
    found = law.evaluate({beta_T: strength**0.5, beta_M: 1, c1: 0.5, c2: 0.3})
    assert list(found.values()) == pytest.approx([location, squared], abs=1e-7)
    (transition,) = law.transitions(beta_T)
    assert transition.value == pytest.approx(1, rel=1e-12)


def test_units_say_with_which_power_the_thresholds_grow():
    tensor = beta_T * Outer(M, z) + W
    powers = []
    for mode in (1, 2, 3):
        law = unfolding(tensor, REGIME, mode=mode)
        powers.append(law.tensor.power(law.units[beta_T]))
    assert powers == [Rational(1, 4), Rational(1, 4), Rational(-1, 4)]


def test_what_is_dropped_is_smaller(nested):
    record = nested.tensor
    assert len(record.kept) == 4  # spike and noise of the matrix, with themselves and each other
    assert [record.power(p.size) for p in record.dropped] == [Rational(1, 4)] * 2
    assert record.power(record.scale) == HALF
    assert "order n to the power 1/4" in str(nested.steps[2]).replace("`", "")


# ---- spiked tensors of any order -------------------------------------------------------------------------------------
@pytest.mark.parametrize("order", [3, 4, 5, 6])
def test_a_spiked_tensor_of_any_order(order):
    dims = dimensions(" ".join(f"n_{k}" for k in range(1, order + 1)))
    vectors = [Signal(f"x_{k}", d, norm2=1) for k, d in enumerate(dims, 1)]
    T = beta_T * Outer(*vectors) + GaussianTensor("W", *dims, variance=1 / sum(dims))
    law = unfolding(T, {d: Rational(k + 2, 3) * dims[0] for k, d in enumerate(dims[1:], 1)}, mode=2)
    assert law.tensor.power(law.units[beta_T]) == Rational(order - 2, 4)
    assert list(law.evaluate({beta_T: 1.5}).values()) == pytest.approx(oracle.spiked(2.25), rel=1e-12)
    assert law.evaluate({beta_T: 0.9}) == {"location": 2.0, "x_2": 0.0}


@pytest.mark.parametrize("order", [3, 4, 5])
def test_a_symmetric_tensor(order):
    u = Signal("u", n, norm2=1)
    noise = GaussianTensor("W", *[n] * order, variance=1 / n, symmetric=True)
    law = unfolding(beta_T * Outer(*[u] * order) + noise, {}, mode=1)
    assert list(law.evaluate({beta_T: 2}).values()) == pytest.approx(oracle.spiked(4), rel=1e-12)
    # the mean of W W' at a small dimension, by enumeration: an entry has as many times the variance of one with
    # distinct indices as permutations leave it as it is
    size, centre = 3, Rational(0)
    for columns in itertools.product(range(size), repeat=order - 1):
        permuted = list(itertools.permutations((0, *columns)))
        centre += Rational(permuted.count((0, *columns)), size)
    assert law.centre.subs(n, size) == centre


def test_two_spikes_in_general_position():
    a, b, c = dimensions("a b c")
    strengths = symbols("beta_1 beta_2", positive=True)
    r_x, r_y, r_z = symbols("r_x r_y r_z")
    u, v, w = ([Signal(f"{name}_{k}", d, norm2=1) for k in (1, 2)] for name, d in (("u", a), ("v", b), ("w", c)))
    T = sum(s * Outer(*vectors) for s, *vectors in zip(strengths, u, v, w, strict=True))
    T += GaussianTensor("W", a, b, c, variance=1 / (a + b + c))
    inner = {tuple(u): r_x, tuple(v): r_y, tuple(w): r_z}
    law = unfolding(T, {b: a, c: 2 * a}, mode=1, inner=inner)
    assert set(law.units) == set(strengths)
    point = {strengths[0]: 2, strengths[1]: 1.5, r_x: 0.5, r_y: 0.3, r_z: 0.6}
    # H + U G U' with U = (u_1, u_2): eigenvalues of G U'U
    import numpy as np

    gram = np.array([[4, 3 * 0.18], [3 * 0.18, 2.25]]) @ np.array([[1, 0.5], [0.5, 1]])
    top = max(np.linalg.eigvals(gram).real)
    assert law.evaluate(point)["location"] == pytest.approx(top + 1 / top, rel=1e-10)


def test_a_noise_on_some_modes_moves_the_centre_and_hides_what_it_is_larger_than():
    a, b, c, d = dimensions("a b c d")
    theta = Symbol("theta", positive=True)
    vectors = [Signal(name, dim, norm2=1) for name, dim in zip("uvwt", (a, b, c, d), strict=True)]
    full = GaussianTensor("W", a, b, c, d, variance=1 / a)
    some = GaussianTensor("Z", a, b, c, variance=1 / a)
    regime = {b: a, c: a, d: a}
    law = unfolding(theta * Outer(*vectors) + Outer(some, vectors[3]) + full, regime, mode=1)
    assert simplify(law.centre - (b * c * d / a + b * c / a)) == 0
    with pytest.raises(RegimeError, match=r"no product of its spikes is as large .* hides them"):
        unfolding(theta * a**HALF * Outer(*vectors) + a * Outer(some, vectors[3]) + full, regime, mode=1)


# ---- the noise -------------------------------------------------------------------------------------------------------
def test_the_noise_is_a_wigner_matrix_in_the_limit():
    """The engine's own limit of Z Z' at a fixed ratio of the sides, the ratio sent to infinity."""
    p, q, r = dimensions("p q r")
    theta = Symbol("theta", positive=True)
    a, b = Signal("a", p, norm2=1), Signal("b", q * r, norm2=1)
    X = theta * a * b.T + Gaussian("Z", p, q * r, variance=1 / p)
    long = unfolding(X * X.T, {q: p, r: p})
    law = unfolding(
        theta * Outer(Signal("x", p, norm2=1), Signal("y", q, norm2=1), Signal("z", r, norm2=1))
        + GaussianTensor("W", p, q, r, variance=1 / p), {q: p, r: p}, mode=1
    )  # fmt: skip
    assert simplify(long.centre - law.centre) == 0
    assert simplify(long.scale - law.scale) == 0
    assert simplify(long.spikes[0].unit - law.units[theta]) == 0
    semicircle = spectrum(Wigner("H", p, variance=1 / p)).curve()
    assert long.curve.as_expr().subs(long.curve.gens[1], semicircle.gens[1]) == semicircle.as_expr()


# ---- a finite ratio --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("sizes", [(75, 50, 25), (150, 300, 60), (40, 20, 90)])
def test_the_law_at_finite_sizes_is_the_information_plus_noise_equivalent(nested, sizes):
    found = nested.at(dict(zip((n1, n2, n3), sizes, strict=True)), {beta_M: 1.5, rho: 2})[-1]
    location, squared = oracle.finite_aspect(1.5, 2, *sizes)
    assert found.location == pytest.approx(location, rel=1e-9)
    assert found.alignments[y] == pytest.approx(squared, rel=1e-6)


def test_the_limit_is_approached_like_the_square_root_of_the_dimension(nested):
    location = oracle.nested(1.5, 2, 1 / 2, 1 / 3)[0]
    gaps = [
        nested.at({n1: 75 * k, n2: 50 * k, n3: 25 * k}, {beta_M: 1.5, rho: 2})[-1].location - location
        for k in (10**2, 10**4)
    ]
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.01)


def test_a_spiked_tensor_at_finite_sizes_is_a_spiked_rectangular_matrix():
    T = beta_T * Outer(x, y, z) + GaussianTensor("W", n1, n2, n3, variance=1 / n1)
    law = unfolding(T, {n2: n1, n3: n1}, mode=1)
    sizes, strength = {n1: 20, n2: 30, n3: 40}, 1.4
    (found,) = law.at(sizes, {beta_T: strength})
    ratio = 20 / 1200
    location, left, _ = matrices.rectangular(strength * float(law.units[beta_T].subs(sizes)) * ratio**0.5, ratio)
    expected = (location / ratio - 1 / ratio) / float(law.scale.subs(sizes))
    assert [found.location, found.alignments[x]] == pytest.approx([expected, left], rel=1e-10)


# ---- quantities and bad input ----------------------------------------------------------------------------------------
def test_a_growth_that_is_not_written_is_named():
    Y = Unfolded(beta_T * Outer(M, z) + W, 2)
    with pytest.raises(RegimeError, match=r"threshold is at beta_T = Theta\(n\*\*\(1/4\)\)") as error:
        limit(Alignment(Y * Y.T, y), REGIME)
    assert "unfolding(T, regime, mode=2)" in str(error.value)
    loud = Unfolded(n * Outer(x, y, z) + W, 2)
    with pytest.raises(RegimeError, match="larger than the fluctuation"):
        limit(Alignment(loud * loud.T, y), REGIME)


def test_an_eigenvalue_that_is_not_centred_is_refused():
    T = (rho * SCALE) ** HALF * Outer(M, z) + W
    Y = Unfolded(T, 2)
    top = Eigenvalue(Y * Y.T)
    for wrong in (top, top / SCALE, (top - n2 * n3 / n) / SCALE, (top - n1 * n3 / n)):
        with pytest.raises(RegimeError, match=r"n_1\*n_3/n"):
            limit(wrong, REGIME)
    with pytest.raises(RegimeError, match="tends to 0 whatever the spikes are"):
        limit((top - n1 * n3 / n) / n, REGIME)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: Unfolded(W, 4), DimensionError, "mode 4 of a tensor with modes 1 to 3"),
        (lambda: Unfolded(x, 1), DimensionError, "order 2 or more"),
        (lambda: unfolding(beta_T * Outer(x, y, z) + W, REGIME), ParameterError, "say which"),
        (lambda: unfolding(Outer(x, y, z), REGIME, mode=1), ParameterError, "no noise"),
        (lambda: unfolding(beta_T * Outer(M, z), REGIME, mode=1), NotRationalError, "noise on all modes"),
        (lambda: unfolding(M, {n2: n1}, mode=1), RegimeError, "sides grow at one rate"),
        (
            lambda: unfolding(beta_T * beta_M * Outer(x, y, z) + W, REGIME, mode=1),
            RegimeError,
            "not clear which strength",
        ),
        (lambda: unfolding(3 * Outer(x, y, z) + W, REGIME, mode=1), RegimeError, "not clear which strength"),
    ],
)
def test_bad_input(ask, error, message):
    with pytest.raises(error, match=message):
        ask()


def test_other_functions_of_an_unfolding_are_refused():
    Y = Unfolded((rho * SCALE) ** HALF * Outer(M, z) + W, 2)
    with pytest.raises(DimensionError, match=r"Y\*Y.T are known"):
        limit(Eigenvalue(Y * Y.T + Wigner("H", n2, variance=1 / n2)), REGIME)
    labels = Labels("s", n2, norm2=1)
    with pytest.raises(ParameterError, match="counts signs on samples and has no limit of its own"):
        limit(Agreement(labels, Eigenvector(Y * Y.T)), REGIME)
    with pytest.raises(ParameterError, match="Agreement counts signs of labels"):
        Agreement(y, Eigenvector(Y * Y.T))


def test_missing_numbers_are_named(nested):
    sizes = {n1: 50, n2: 40, n3: 30}
    for ask, message in (
        (lambda: nested.at(sizes, {rho: 1}), "missing value for beta_M$"),
        (lambda: nested.at({n1: 50}, {rho: 1, beta_M: 2}), "sizes: n, n_2, n_3 not given"),
        (lambda: nested.at({**sizes, "k": 3}, {rho: 1, beta_M: 2}), "k is no dimension of the tensor"),
        (lambda: nested.at({n1: 5, n2: 500, n3: 3}, {rho: 1, beta_M: 2}), "not longer than n_2 = 500"),
        (lambda: nested.transitions(rho, {c1: HALF}), "missing value for beta_M, c_2"),
        (lambda: nested.transitions("gamma", {}), "gamma is not a parameter of the limit"),
        (lambda: nested.evaluate({rho: 1}), "missing value for beta_M, c_1, c_2"),
    ):
        with pytest.raises(ParameterError, match=message):
            ask()


def test_many_digits_and_a_batch(nested):
    point = {c1: "1/2", c2: "1/3", beta_M: "3/2", rho: 2}
    digits = nested.evaluate(point, digits=40)
    double = nested.evaluate({**point, rho: [0.1, 2.0]})
    assert float(digits["outlier"]) == pytest.approx(double["outlier"][1], rel=1e-13)
    assert double["alignment"][0] == 0
