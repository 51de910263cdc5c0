"""Signals meet their declared norms and inner products exactly, in random directions."""

import numpy as np
import pytest
from sympy import Rational, Symbol, sqrt

from derive.errors import LawError, ParameterError
from derive.laws import array_law, joint
from derive.symbols import Deterministic, Signal, dimensions
from verify.inputs import Point
from verify.signals import signal_families

n, p = dimensions("n p")
rho, a = Symbol("rho", real=True), Symbol("a", positive=True)
u, v, w = Signal("u", p, norm2=1), Signal("v", p, norm2=a**2), Signal("w", p, norm2=2)
y, t = Signal("y", n, norm2=n), Signal("t", n, norm2=n)
S = Deterministic("S", p, p, positive=True)
DIMS = {n: 60, p: 40}


def draw(signals, inner=None, laws=None, numbers=None, seed=0):
    point = Point({a: Rational(3, 2), rho: Rational(1, 2), **(numbers or {})}, laws or {})
    found = {}
    for family in signal_families(signals, inner or {}, point, DIMS, n):
        found |= family.draw(np.random.default_rng(seed))
    return {s: x[:, 0] for s, x in found.items()}


def test_gram_matrix(seed):
    found = draw((u, v, w), {(u, v): rho, (w, v): -rho}, seed=seed)
    columns = np.stack([found[u], found[v], found[w]])
    np.testing.assert_allclose(columns @ columns.T, [[1, 0.5, 0], [0.5, 2.25, -0.5], [0, -0.5, 2]], atol=1e-12)


def test_parallel_signals_are_possible(seed):
    found = draw((u, v), {(v, u): a}, seed=seed)
    np.testing.assert_allclose(found[v], 1.5 * found[u], atol=1e-7)


def test_impossible_products_are_an_error():
    with pytest.raises(LawError, match="no vectors have the norms and inner products declared for u, v"):
        draw((u, v), {(u, v): 2 * a})


def test_directions_are_random_and_reproducible():
    assert abs(draw((u,), seed=1)[u] @ draw((u,), seed=2)[u]) < 0.9
    np.testing.assert_array_equal(draw((u,), seed=1)[u], draw((u,), seed=1)[u])


def test_labels_are_signs(seed):
    found = draw((y, u), seed=seed)
    assert set(found[y]) == {-1.0, 1.0}
    both = draw((y, t), {(y, t): rho * n}, seed=seed)
    assert both[t] @ both[t] == pytest.approx(60)
    assert both[y] @ both[t] == pytest.approx(30)


def test_norms_that_were_left_open_are_parameters():
    r = Signal("r", p)
    found = draw((r,), numbers={r.norm2: Rational(7)})[r]
    assert found @ found == pytest.approx(7)
    q = Signal("q", p, norm2=Symbol("q2", positive=True))
    with pytest.raises(ParameterError, match="the squared norm of q needs a value for q2"):
        draw((q,))


def test_a_norm_that_nothing_asks_for_leaves_room_for_the_products(seed):
    r, s = Signal("r", p), Signal("s", p)
    found = draw((r, s, u, v), {(r, u): 3 * a, (r, v): rho, (r, s): -2 * a}, seed=seed)
    assert found[r] @ found[u] == pytest.approx(4.5)
    assert found[r] @ found[v] == pytest.approx(0.5)
    assert found[r] @ found[s] == pytest.approx(-3)
    assert found[u] @ found[u] == pytest.approx(1)


def test_products_that_were_left_open_are_parameters_of_order_one():
    open_product = Symbol("inner_t_y", real=True)
    found = draw((y, t), numbers={open_product: Rational(1, 4)})
    assert found[y] @ found[t] == pytest.approx(60 / 4)


def test_a_joint_law_makes_functions_on_the_atoms(seed):
    # E u^2 = (1 + 9)/2 = 5 is the squared norm; u' f(S) u = E[u^2 f(s)]
    b = Signal("b", p, norm2=5)
    law = joint({S: [1, 4], b: [1, -3]})
    for signal in (b, Signal("b", p)):
        found = draw((signal, u), {(signal, u): rho}, {(S, signal): joint({S: [1, 4], signal: [1, -3]})}, seed=seed)
        assert found[signal] @ found[signal] == pytest.approx(5)
        spectrum = np.repeat([1.0, 4.0], 20)
        assert found[signal] @ (spectrum * found[signal]) == pytest.approx((1 + 4 * 9) / 2)
        assert found[signal] @ found[u] == pytest.approx(0.5)
        assert found[u] @ found[u] == pytest.approx(1)
    assert law.width == 2


def test_an_array_is_a_kronecker_product_with_a_unit_vector(seed):
    b, d = Signal("b", p, norm2=5), Signal("d", p, norm2=1)
    found = draw((b, d), laws={(b,): array_law([1, 2]), (d,): array_law([[0.6], [0.8]])}, seed=seed)
    kron = np.kron([[0, 1], [2, 3]], np.eye(20))
    assert found[b] @ kron @ found[d] == pytest.approx(np.array([1, 2]) @ [[0, 1], [2, 3]] @ [0.6, 0.8])


def test_labels_of_other_scale_keep_their_norm(seed):
    q = Signal("q", n, norm2=sqrt(2) * n)
    assert draw((q,), seed=seed)[q] @ draw((q,), seed=seed)[q] == pytest.approx(60 * 2**0.5)
