"""Haar matrices and free elements at a finite size, and what simulation says of their limits."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import I, Identity, Rational, Symbol, Trace, pi, sqrt

import verify
from derive import Deterministic, Free, Gaussian, Haar, LawError, Wigner, atomic, density, dimensions, limit
from verify.fingerprint import fingerprint
from verify.inputs import read_point
from verify.rotations import eigenvalues_of, haar_matrix, rotated

n, p = dimensions("n p")
z, x = Symbol("z"), Symbol("x")
In = Identity(n)
A = Deterministic("A", n, n, symmetric=True)
P = Deterministic("P", n, n, positive=True)
W = Wigner("W", n, variance=1 / n)
U, C = Haar("U", n), Haar("C", n, real=False)
X, Y = Free("X", n), Free("Y", n, atomic([1, 2]))
THREE = atomic([-1, 0, 3], ["1/2", "1/4", "1/4"])
TWO = atomic([1, -2], ["1/4", "3/4"])


@pytest.mark.parametrize("real", [True, False])
def test_haar(real, seed):
    """Orthogonal, and invariant: E tr U = 0, E |tr U|^2 = 1, both signs of the determinant."""
    rng = np.random.default_rng(seed)
    drawn = [haar_matrix(12, real, rng, np) for _ in range(2000)]
    for q in drawn[:5]:
        assert np.allclose(q @ q.conj().T, np.eye(12), atol=1e-12)
        assert np.iscomplexobj(q) is not real
    traces = np.array([np.trace(q) for q in drawn])
    # standard errors 1/sqrt(2000); false alarms below 1e-6
    assert abs(traces.mean()) < 5 / np.sqrt(2000) * (1 if real else np.sqrt(2))
    assert abs((np.abs(traces) ** 2).mean() - 1) < 5 * np.sqrt(2 / 2000)
    if real:
        assert abs(np.mean([np.linalg.det(q) for q in drawn])) < 5 / np.sqrt(2000)


def test_without_the_phases_it_is_not_haar(seed):
    rng = np.random.default_rng(seed)
    traces = [np.trace(np.linalg.qr(rng.standard_normal((12, 12)))[0]) for _ in range(500)]
    assert abs(np.mean(traces)) > 5 / np.sqrt(500)


def test_free_elements_have_their_law(seed):
    rng = np.random.default_rng(seed)
    point = read_point({X: THREE}, [X])
    values = eigenvalues_of(X, point, 8)
    matrix = rotated(values, True, rng, np)
    assert np.allclose(np.linalg.eigvalsh(matrix), [-1, -1, -1, -1, 0, 0, 3, 3])
    assert np.abs(matrix - np.diag(np.diag(matrix))).max() > 0.1
    semicircle = Free("S", n, density(sqrt(4 - x**2) / (2 * pi), (x, -2, 2)))
    quantiles = eigenvalues_of(semicircle, read_point({}, [semicircle]), 400)
    assert abs(np.mean(quantiles**2) - 1) < 1e-2


def test_two_free_elements_of_one_law_are_independent(seed):
    law = limit({"xy": Trace(X * Free("D", n, THREE)) / n, "xx": Trace(X * X) / n})
    found = verify.simulate(law, {X: THREE}, size=60, trials=20, seed=seed)
    # tr X Y = (mean)^2 = 1/16, tr X^2 = 11/4
    assert abs(found["xy"].mean() - 1 / 16) < 0.05
    assert np.allclose(found["xx"], 11 / 4)


def test_laws_are_part_of_the_key():
    first, second = (Free("D", n, law) for law in (THREE, TWO))
    assert fingerprint(first) == fingerprint(Free("D", n, THREE)) != fingerprint(second)
    assert fingerprint(U) != fingerprint(Haar("U", n, real=False))


def test_a_free_element_needs_a_law():
    with pytest.raises(LawError, match="X has no law"):
        read_point({}, [X])


def resolvent(M, point=z):
    return (M - point * In).I


Q = resolvent(X + A)
Z = Gaussian("Z", n, n, variance=1 / n)
CASES = {
    "sum": Q,
    "rotated": resolvent(U * A * U.T + X),
    "unitary": resolvent(C * A * C.adjoint() + W),
    "projections": resolvent(P * U * P * U.T * P),
    "haar-word": resolvent(U * A + A * U.T + X),
    "orthogonal-product": resolvent(U * A * U.T * A * U * A * U.T),
    "two-slots": resolvent(X * A * X),
    "anticommutator": resolvent(X * Y + Y * X),
    "gaussian-inside": resolvent(X * Z * Z.T * X + A),
    "mixture": resolvent(X + A + W + U * A * U.T),
    "transposed-unitary": resolvent(C * A * C.adjoint() + X) * C.T * A * C.T.adjoint(),
    "two-resolvents": Q * X * A * resolvent(X + A, Rational(1, 5) - I / 2) * X,
    "outside": X * resolvent(W + A) * X * A,
    "rational": (X * X + In).I * (U * A * U.T + 5 * In).I * A,
}


@pytest.mark.parametrize("name", CASES)
def test_simulation_agrees(name):
    law = limit(Trace(CASES[name]) / n)
    laws = {X: THREE, A: TWO, P: atomic([0, 1], ["3/4", "1/4"])}
    params = {m: given for m, given in laws.items() if m in law.letters}
    if z in law.parameters:
        params[z] = Rational(3, 10) + I / 2
    result = verify.check(law, params, sizes=(48, 96, 192), trials=80, resolution=0.05)
    assert str(result.verdict) == "consistent", str(result)


@pytest.mark.parametrize("name", ["sum", "projections", "two-slots"])
def test_a_wrong_law_is_refuted(name):
    """The same check with the limit of another law: what the agreement above can see."""
    law = limit(Trace(CASES[name]) / n)
    laws = {X: THREE, A: TWO, P: atomic([0, 1], ["3/4", "1/4"])}
    params = {m: given for m, given in laws.items() if m in law.letters} | {z: Rational(3, 10) + I / 2}
    result = verify.check(law, params, sizes=(48, 96, 192), trials=80, resolution=0.05)
    other = {X: atomic([-1, 0, 3], ["1/4", "1/2", "1/4"]), P: atomic([0, 1])}
    wrong = law.evaluate(params | {m: given for m, given in other.items() if m in law.letters})
    assert str(result.judge({"value": wrong}).verdict) == "refuted"
