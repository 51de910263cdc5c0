"""Values are written without what cancels in them, and are the same numbers."""

from __future__ import annotations

import pytest
from scipy.optimize import brentq
from sympy import Identity, Rational, Symbol, Trace

from derive import Deterministic, Gaussian, atomic, deterministic_equivalent, dimensions, limit
from derive import reduce as reduction
from derive.cancel import cancelled

n, d, m, n1, n2 = dimensions("n d m n_1 n_2")
phi, psi, lam, p = (Symbol(name, positive=True) for name in ("phi", "psi", "lambda", "p"))
Sigma = Deterministic("Sigma", d, d, positive=True)
Z = Gaussian("Z", n, d)
X = Z * Sigma ** Rational(1, 2)
M = X.T * X / n
I = Identity(d)


def test_a_covariance_cancels_against_its_inverse():
    assert limit(Trace(M.I * Sigma) / d, {d: phi * n}).value == 1 / (1 - phi)
    A = Deterministic("A", d, d, symmetric=True)
    W = Gaussian("W", d, d, variance=1 / d)
    # only neighbours cancel where nothing commutes
    found = deterministic_equivalent(A * Sigma * A.I * W * W.T)
    assert found.matrix == A * Sigma * A.I
    assert deterministic_equivalent(Sigma * A * A.I * W * W.T).matrix == Sigma


def test_words_that_do_not_commute_keep_their_inverses():
    class Inverse:
        def __init__(self, inner):
            self.arg = type("Poly", (), {"terms": {inner: 1}})

    inverse = Inverse(("a",))
    assert cancelled(("b", "a", inverse, "b"), lambda f: None) == ("b", "b")
    assert cancelled(("a", "b", inverse), lambda f: None) == ("a", "b", inverse)
    assert cancelled(("a", "b", inverse), lambda f: "functions of one matrix") == ("b",)
    shifted = Inverse(("a",))
    shifted.arg.terms = {("a",): 1, (): 1}
    assert cancelled(("a", shifted), lambda f: None) == ("a", shifted)


def projected():
    S = Gaussian("S", d, m, variance=1 / d)
    Q = S * (S.T * M * S + lam * Identity(m)).I * S.T
    error = Q * M - I
    return limit(Trace(error.T * Sigma * error) / d, {d: phi * n, m: psi * n})


POINT = {phi: 0.6, psi: 0.3, lam: 0.05, Sigma: atomic([1, 3])}


def test_traces_of_one_resolvent_are_few(monkeypatch):
    short = projected()
    monkeypatch.setattr(reduction, "with_fewer_traces", lambda ring, value: value)
    long = projected()
    assert short.evaluate(POINT) == pytest.approx(long.evaluate(POINT), rel=1e-10)
    assert len(str(short.value)) < len(str(long.value)) / 10
    assert len(short.value.atoms(Trace)) == 2


def test_a_long_solution_keeps_the_names_of_its_unknowns(monkeypatch):
    S1, S2 = (Deterministic(name, d, d, positive=True) for name in ("Sigma_1", "Sigma_2"))
    X1 = Gaussian("Z_1", n1, d) * S1 ** Rational(1, 2)
    X2 = Gaussian("Z_2", n2, d) * S2 ** Rational(1, 2)
    R = (X1.T * X1 / n + X2.T * X2 / n + lam * I).I

    def derived():
        return limit(Trace(R * Sigma * R * X2.T * X2) / (n * d), {d: phi * n, n1: (1 - p) * n, n2: p * n})

    short = derived()
    monkeypatch.setattr(reduction, "_LONGEST", 10**6)
    long = derived()
    point = {phi: 0.5, p: 0.4, lam: 0.1, S1: [[2, 1], [1, 1]], S2: [[1, 0], [0, 3]], Sigma: [[1, 0.5], [0.5, 2]]}
    assert short.evaluate(point) == pytest.approx(long.evaluate(point), rel=1e-10)
    total = sum(len(str(e)) for e in (short.value, *(e.rhs for e in short.definitions)))
    assert total < len(str(long.value))


def test_independent_copies_share_one_unknown():
    """Two ridge resolvents of independent samples of one population; with another ridge they stay apart."""
    n_, p_ = dimensions("n p")
    c_, one, two = (Symbol(name, positive=True) for name in ("c", "lambda_1", "lambda_2"))
    S = Deterministic("Sigma", p_, p_, positive=True)

    def resolvent(k, ridge):
        X = S ** Rational(1, 2) * Gaussian(f"X_{k}", p_, n_, variance=1 / n_)
        return (X * X.T + ridge * Identity(p_)).I

    for ridges, count in (((one, one), 1), ((one, two), 2)):
        product = resolvent(1, ridges[0]) * S * resolvent(2, ridges[1])
        law = limit(Trace(product) / p_, {p_: c_ * n_})
        assert len(law.unknowns) == count
        point = {c_: "1/2", one: "1/5", two: 3, S: atomic([1, 4])}
        given = {k: v for k, v in point.items() if k in law.parameters or k == S}
        # independent: the mean of the product is the product of the equivalents
        own = [float(Rational(point[ridge])) for ridge in ridges]
        kappas = [brentq(lambda x, r=r: r - x + x * (1 / (1 + x) + 4 / (4 + x)) / 4, 1e-9, 99) for r in own]
        expected = sum(t * kappas[0] * kappas[1] / ((kappas[0] + t) * (kappas[1] + t)) / 2 for t in (1, 4))
        assert law.evaluate(given) == pytest.approx(expected / (own[0] * own[1]), rel=1e-11)
