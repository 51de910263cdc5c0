"""Identities that every limit obeys, at parameters chosen by Hypothesis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Identity, MatAdd, Rational, Symbol, Trace, sqrt, symbols
from sympy.matrices.expressions import Adjoint

from derive import Deterministic, Gaussian, Signal, Wigner, atomic, dimensions, joint, limit

n, p = dimensions("n p")
c, v, s, b = symbols("c v s b", positive=True)
z = Symbol("z")
In, Ip = Identity(n), Identity(p)
X = Gaussian("X", p, n, variance=v / n)
W = Wigner("W", n, variance=v / n)
A = Deterministic("A", n, n, symmetric=True)
B = Deterministic("B", n, n, symmetric=True)
Sigma = Deterministic("Sigma", p, p, positive=True)
Y = Sigma ** Rational(1, 2) * X
u = Signal("u", n, norm2=1)

SAMPLE = limit(Trace((Y * Y.T - z * Ip).I) / p, {p: c * n})
GRAM = limit(Trace((Y.T * Y - z * In).I) / n, {p: c * n})
SUM = limit(Trace((A + W - z * In).I) / n)
FORM = limit(u.T * (A + W - z * In).I * u)

positive = st.floats(0.05, 5)
upper = st.builds(complex, st.floats(-4, 8), st.floats(1e-3, 4))
few = settings(max_examples=12)


@st.composite
def spectra(draw, low=-3.0, count=3):
    points = draw(st.lists(st.floats(low, 4), min_size=1, max_size=count, unique=True))
    raw = draw(st.lists(st.integers(1, 9), min_size=len(points), max_size=len(points)))
    return points, [Rational(w, sum(raw)) for w in raw]


def close(x, y, rel=1e-9):
    return abs(x - y) <= rel * (abs(x) + abs(y)) + 1e-12


@few
@given(upper, positive, positive, spectra(low=0.1))
def test_herglotz_and_conjugation(point, ratio, variance, law):
    params = {c: ratio, v: variance, Sigma: atomic(*law)}
    m = SAMPLE.evaluate({**params, z: point})
    assert m.imag > 0
    assert abs(m) <= 1 / point.imag + 1e-12
    # z m is the transform of a positive measure too
    assert (point * m).imag >= -1e-12
    assert close(SAMPLE.evaluate({**params, z: point.conjugate()}), m.conjugate())


@few
@given(positive, positive, spectra(low=0.1))
def test_mass_and_first_moment_at_infinity(ratio, variance, law):
    """-z m(z) -> 1, and -z (1 + z m(z)) -> the mean v E[s]."""
    params = {c: ratio, v: variance, Sigma: atomic(*law)}
    mean = variance * sum(float(w) * x for x, w in zip(*law, strict=True))
    for point in (1e7j, -1e7):
        m = SAMPLE.evaluate({**params, z: point})
        assert abs(-point * m - 1) < 1e-4
    m = SAMPLE.evaluate({**params, z: -1e6}, digits=40)
    # the next term is of relative order second moment / (1e6 * mean)
    found = float(1e6 * (1 - 1e6 * m))
    assert abs(found - mean) < 1e-3 * (1 + mean) ** 2 * (1 + ratio) * 10


@few
@given(upper, positive, positive, spectra(low=0.1))
def test_companion_duality(point, ratio, variance, law):
    """X X' and X'X differ by their zero eigenvalues: n m_gram = p m - (n - p)/z."""
    params = {c: ratio, v: variance, Sigma: atomic(*law), z: point}
    assert close(GRAM.evaluate(params), ratio * SAMPLE.evaluate(params) - (1 - ratio) / point)


@few
@given(upper, positive, positive, positive, spectra(low=0.1))
def test_scaling(point, ratio, variance, factor, law):
    """Variance times t is spectrum times t; so is Sigma times t."""
    points, weights = law
    plain = SAMPLE.evaluate({c: ratio, v: variance, Sigma: atomic(points, weights), z: point})
    louder = SAMPLE.evaluate({c: ratio, v: variance * factor, Sigma: atomic(points, weights), z: point * factor})
    stretched = atomic([x * factor for x in points], weights)
    wider = SAMPLE.evaluate({c: ratio, v: variance, Sigma: stretched, z: point * factor})
    assert close(plain, factor * louder)
    assert close(plain, factor * wider)


@few
@given(upper, positive, spectra(), st.floats(-2, 2))
def test_translation_and_reflection(point, variance, law, shift):
    points, weights = law
    plain = SUM.evaluate({v: variance, A: atomic(points, weights), z: point})
    moved = SUM.evaluate({v: variance, A: atomic([x + shift for x in points], weights), z: point + shift})
    mirrored = SUM.evaluate({v: variance, A: atomic([-x for x in points], weights), z: -point.conjugate()})
    assert close(plain, moved)
    assert close(plain, -mirrored.conjugate())


@few
@given(upper, st.floats(0.1, 3), spectra())
def test_subordination_and_positivity(point, variance, law):
    """m(z) = m_A(z + v m(z)), with Im > 0 on both sides."""
    m = SUM.evaluate({v: variance, A: atomic(*law), z: point})
    inside = sum(float(w) / (x - point - variance * m) for x, w in zip(*law, strict=True))
    assert m.imag > 0
    assert close(m, inside)


@few
@given(upper, positive, st.floats(0.1, 3))
def test_a_factor_in_front_is_in_the_variance(point, a, variance):
    """sqrt(1 + b) W has variance (1 + b) v, whatever the square root looks like."""
    scaled = limit(Trace((sqrt(1 + b) * W - z * In).I) / n)
    whole = limit(Trace((Wigner("W", n, variance=(1 + b) * v / n) - z * In).I) / n)
    params = {b: a, v: variance, z: point}
    assert close(scaled.evaluate(params), whole.evaluate(params))


@few
@given(upper, st.floats(0.1, 3), spectra())
def test_splitting_the_noise(point, variance, law):
    """A Wigner matrix is the sum of two independent ones whose variances add up."""
    V1, V2 = Wigner("V1", n, variance=v / n), Wigner("V2", n, variance=s / n)
    split = limit(Trace((A + V1 + V2 - z * In).I) / n)
    whole = SUM.evaluate({v: variance, A: atomic(*law), z: point})
    assert close(split.evaluate({v: variance / 3, s: 2 * variance / 3, A: atomic(*law), z: point}), whole)


@few
@given(upper, st.floats(0.1, 3), spectra())
def test_real_and_complex_noise_have_one_limit(point, variance, law):
    V = Wigner("V", n, variance=v / n, real=False)
    params = {v: variance, A: atomic(*law), z: point}
    assert close(limit(Trace((A + V - z * In).I) / n).evaluate(params), SUM.evaluate(params))
    Z = Gaussian("Z", p, n, variance=v / n, real=False)
    R = Gaussian("R", p, n, variance=v / n)
    pair = [limit(Trace((M * Adjoint(M) - z * Ip).I) / p, {p: c * n}) for M in (Z, R)]
    values = [law.evaluate({c: 0.7, v: variance, z: point}) for law in pair]
    assert close(*values)


@few
@given(upper, st.floats(0.1, 3), st.floats(-2, 2), st.floats(-2, 2), st.floats(0, 3))
def test_arrays_are_seen_up_to_rotation(point, variance, first, second, angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    array = turn @ np.diag([first, second]) @ turn.T
    by_law = SUM.evaluate({v: variance, A: atomic([first, second]), z: point})
    assert close(SUM.evaluate({v: variance, A: array, z: point}), by_law)
    # a form sees the rotation: e_1 against the rotated e_1
    form = FORM.evaluate({v: variance, A: array, u: turn[:, 0], z: point})
    assert close(form, FORM.evaluate({v: variance, A: np.diag([first, second]), u: [1, 0], z: point}))
    assert close(form, 1 / (first - point - variance * by_law))


@few
@given(upper, st.floats(0.1, 3), spectra(count=2))
def test_a_block_can_be_repeated(point, variance, law):
    """An array stands for itself (x) identity: twice the same block is the same matrix."""
    points, _ = law
    once, twice = np.diag(points), np.diag(points * 2)
    found = [SUM.evaluate({v: variance, A: array, z: point}) for array in (once, twice)]
    assert close(*found)


@few
@given(upper, st.floats(0.1, 3), st.permutations(range(4)))
def test_order_of_a_sum(point, variance, order):
    terms = [A, W, B, -z * In]
    law = limit(Trace(MatAdd(*(terms[k] for k in order), evaluate=False).I) / n)
    family = {(A, B): joint({A: [1, -1], B: [0, 3]}), v: variance, z: point}
    plain = limit(Trace((A + W + B - z * In).I) / n).evaluate(family)
    assert law.evaluate(family) == plain


@few
@given(upper, st.floats(0.1, 3))
def test_trace_is_cyclic_and_transposable(point, variance):
    N = Deterministic("N", n, n)
    Q = (A + W - z * In).I
    arrays = {A: [[1, 0.5], [0.5, -1]], N: [[1, 2], [-0.5, 0.3]], v: variance, z: point}
    words = [Q * N * Q * N.T * A, N.T * A * Q * N * Q, (Q * N * Q * N.T * A).T, Q * N.T * Q * N * A]
    first, rotated, transposed, other = (limit(Trace(word) / n).evaluate(arrays) for word in words)
    assert close(first, rotated)
    assert close(first, transposed)
    # N and N' do not commute: the other order is another number
    gap = abs(other - first)
    assert gap > 1e-5 * abs(first)


@few
@given(upper, st.floats(0.1, 3), spectra())
def test_resolvent_identity(point, variance, law):
    """(A + W) Q = I + z Q, and Q(z) - Q(w) = (z - w) Q(z) Q(w)."""
    w = Symbol("w")
    Q, R = (A + W - z * In).I, (A + W - w * In).I
    both = limit({"noise": Trace(W * Q) / n, "law": Trace(A * Q) / n, "one": Trace(Q) / n, "two": Trace(Q * R) / n})
    other = point + 1 + 0.5j
    found = both.evaluate({v: variance, A: atomic(*law), z: point, w: other})
    assert close(found["noise"] + found["law"], 1 + point * found["one"])
    second = SUM.evaluate({v: variance, A: atomic(*law), z: other})
    assert close(found["one"] - second, (point - other) * found["two"], 1e-8)


@few
@given(st.floats(0.1, 3), st.floats(0.05, 3), spectra(low=0.1))
def test_ridge_is_positive_and_monotone(ratio, ridge, law):
    params = {c: ratio, v: 1, Sigma: atomic(*law)}
    values = SAMPLE.evaluate({**params, z: -np.array([ridge, 1.1 * ridge])})
    assert values[0] > values[1] > 0
    assert values[0] <= 1 / ridge


@pytest.mark.parametrize("mutant", [0.9, 1.1])
def test_the_identities_can_fail(mutant):
    """The comparison used above tells a variance that is a tenth off."""
    params = {v: 1.0, A: atomic([1, -1]), z: 0.3 + 0.5j}
    m = SUM.evaluate({**params, v: mutant})
    inside = sum(0.5 / (x - params[z] - m) for x in (1, -1))
    assert not close(m, inside)
