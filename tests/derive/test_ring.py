"""Words of matrices keep their order; only what commutes is sorted, and only finite cuts become numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Identity, Rational, S, Symbol, Trace, symbols

from derive import Deterministic, Signal, dimensions
from derive.field import Field
from derive.nodes import Letter
from derive.regime import read_regime
from derive.ring import InverseAtom, Ring

n = dimensions("n")
x, y, rho = symbols("x y rho")
REGIME = read_regime({}, [n])
SPACE, LINE = REGIME.space(n), REGIME.space(S(1))

A, B = (Deterministic(name, n, n, symmetric=True) for name in "AB")
N = Deterministic("N", n, n)
H = Deterministic("H", n, n, hermitian=True, real=False)
u, v = Signal("u", n, norm2=1), Signal("v", n, norm2=2)


def ring(commuting=(), inner=None) -> Ring:
    return Ring(Field([x, y, rho]), REGIME, commuting, inner or {})


def letter(r: Ring, matrix, op=""):
    cols = LINE if isinstance(matrix, Signal) else SPACE
    rows = SPACE
    return r.letter(Letter(matrix, op, *((cols, rows) if op in ("T", "H") else (rows, cols))))


def shifted(r: Ring, matrix):
    """(A + x)^-1"""
    return r.inverse(r.add(letter(r, matrix), r.identity(SPACE, r.field.from_sympy(x))))


def test_letters_do_not_commute():
    r = ring()
    a, b = letter(r, A), letter(r, B)
    assert r.mul(a, b).key != r.mul(b, a).key
    assert not r.add(r.mul(a, b), r.neg(r.mul(a, b)))
    assert r.add(r.mul(a, b), r.neg(r.mul(b, a)))


def test_a_declared_family_commutes():
    r = ring(commuting=((A, B),))
    a, b = letter(r, A), letter(r, B)
    assert r.mul(a, b).key == r.mul(b, a).key
    assert r.mul(shifted(r, A), b).key == r.mul(b, shifted(r, A)).key
    # not with what is outside the family
    assert r.mul(a, letter(r, H)).key != r.mul(letter(r, H), a).key


def test_functions_of_one_symmetric_matrix_commute():
    r = ring()
    a, atom = letter(r, A), shifted(r, A)
    assert r.mul(a, atom).key == r.mul(atom, a).key
    # a matrix that is not normal does not commute with its transpose
    m, t = letter(r, N), letter(r, N, "T")
    assert r.mul(m, t).key != r.mul(t, m).key


def test_inverse_is_monic_and_one_atom():
    r = ring()
    doubled = r.scale(r.field.integer(2), r.add(letter(r, A), r.identity(SPACE, r.field.from_sympy(x))))
    found = r.inverse(doubled)
    ((word, coefficient),) = found.terms.items()
    assert isinstance(word[0], InverseAtom)
    assert r.field.to_sympy(coefficient) == Rational(1, 2)
    assert word == next(iter(shifted(r, A).terms))
    # the inverse of the atom is the polynomial itself
    assert r.inverse(shifted(r, A)).key == r.add(letter(r, A), r.identity(SPACE, r.field.from_sympy(x))).key


def test_an_unknown_shift_gets_a_name():
    r = ring()
    tau = r.unknown(Symbol("tau"))
    first = r.inverse(r.add(letter(r, A), r.identity(SPACE, tau)))
    again = r.inverse(r.scale(r.field.integer(3), r.add(letter(r, A), r.identity(SPACE, tau))))
    assert len(r.shifts) == 1
    assert next(iter(first.terms)) == next(iter(again.terms))


def test_traces_are_cyclic_and_transposable():
    r = ring()
    a, b, m, t = letter(r, A), letter(r, B), letter(r, N), letter(r, N, "T")
    word = r.mul(a, r.mul(m, b))
    assert r.trace(word) == r.trace(r.mul(m, r.mul(b, a)))
    assert r.trace(word) == r.trace(r.mul(b, r.mul(t, a)))
    assert r.trace(word) != r.trace(r.mul(b, r.mul(m, a)))
    assert len(r.traces) == 2


def test_transposes_of_complex_matrices():
    """tr H B = tr B H' = tr B conj(H) with B real symmetric; with three matrices H and conj(H) differ."""
    r = ring()
    h, b, bar = letter(r, H), letter(r, B), letter(r, H, "C")
    assert r.trace(r.mul(h, b)) == r.trace(r.mul(b, bar)) == r.trace(r.mul(b, h))
    three = r.mul(h, r.mul(b, letter(r, A)))
    assert r.trace(three) != r.trace(r.mul(bar, r.mul(b, letter(r, A))))


def test_forms_leave_the_ring_as_numbers():
    r = ring(inner={frozenset((u, v)): rho})
    row, column = letter(r, u, "T"), letter(r, v)
    assert r.mul(row, column).scalar() == r.field.from_sympy(rho)
    assert r.mul(letter(r, v, "T"), letter(r, v)).scalar() == r.field.integer(2)
    form = r.mul(row, r.mul(letter(r, A), column))
    assert r.mul(letter(r, v, "T"), r.mul(letter(r, A), letter(r, u))).scalar() == form.scalar()


def test_a_number_inside_a_word_is_taken_out():
    """A u u' v = (u'v) A u, however it is bracketed."""
    r = ring(inner={frozenset((u, v)): rho})
    a, column, row, other = letter(r, A), letter(r, u), letter(r, u, "T"), letter(r, v)
    low_rank = r.mul(r.mul(a, column), row)
    expected = r.scale(r.field.from_sympy(rho), r.mul(a, column))
    assert r.mul(low_rank, other).key == expected.key
    assert r.mul(r.mul(a, column), r.mul(row, other)).key == expected.key
    # (u u')^3 = (u'u)^2 u u'
    square = r.mul(column, row)
    assert r.mul(square, r.mul(square, square)).key == square.key
    whole = r.mul(letter(r, v, "T"), r.mul(square, other))
    assert whole.scalar() == r.field.from_sympy(rho**2)


def test_an_undeclared_product_is_a_named_parameter():
    r = Ring(Field([x]), REGIME)
    found = r.mul(letter(r, u, "T"), letter(r, v)).scalar()
    assert r.field.to_sympy(found) == Symbol("inner_u_v", real=True)


def test_trace_of_the_identity_is_the_size():
    r = ring()
    assert r.trace(r.identity(SPACE)) == r.field.one


numbers = st.integers(-3, 3)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abmt"), numbers), min_size=1, max_size=4), st.integers(0, 10**6))
def test_the_ring_is_a_ring(items, seed):
    """Sums and products against arrays put in for the letters."""
    r = ring()
    rng = np.random.default_rng(seed)
    a, b, m = rng.integers(-3, 4, (3, 2, 2)).astype(float)
    a, b = a + a.T, b + b.T
    arrays = {"a": a, "b": b, "m": m, "t": m.T}
    letters = {"a": letter(r, A), "b": letter(r, B), "m": letter(r, N), "t": letter(r, N, "T")}
    poly, array = r.identity(SPACE), np.eye(2)
    for name, k in items:
        factor = r.add(letters[name], r.identity(SPACE, r.field.integer(k))) if k else letters[name]
        poly, array = r.mul(poly, factor), array @ (arrays[name] + k * np.eye(2))
        poly, array = r.add(poly, letters["b"]), array + b
    total = np.zeros((2, 2))
    lookup = {("A", ""): a, ("B", ""): b, ("N", ""): m, ("N", "T"): m.T}
    for word, coefficient in poly.terms.items():
        product = np.eye(2)
        for factor in word:
            product = product @ lookup[factor.name, factor.op]
        total += float(r.field.to_sympy(coefficient)) * product
    assert np.allclose(total, array)
    assert not r.add(poly, r.neg(poly))


def test_words_are_shown_in_order():
    r = ring()
    word = r.mul(letter(r, N), r.mul(letter(r, A), letter(r, N, "T")))
    assert r.to_sympy(word) == N * A * N.T
    meaning = r.field.to_sympy(r.trace(word))
    assert meaning.has(Trace)
    assert r.to_sympy(shifted(r, A)) == (A + x * Identity(n)).I


def test_spaces_must_match():
    r = ring()
    with pytest.raises(AssertionError):
        r.mul(letter(r, u), letter(r, u))
