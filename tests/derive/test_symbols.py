"""The objects a user writes with: rebuilt by SymPy from their arguments, flipped by their declared symmetry."""

from __future__ import annotations

import pytest
from sympy import Symbol, latex, symbols
from sympy.matrices.expressions import Adjoint, Transpose

from derive import Deterministic, DimensionError, Gaussian, Signal, Wigner, dimensions

n, p = dimensions("n p")
LETTERS = [
    Gaussian("Z", p, n, variance=1 / n),
    Gaussian("Z", p, n, variance=1 / n, real=False),
    Gaussian("Z", n, n),
    Wigner("W", n, variance=2 / n),
    Wigner("W", n, real=False),
    Deterministic("A", p, n),
    Deterministic("A", n, n, symmetric=True),
    Deterministic("A", n, n, hermitian=True, real=False),
    Deterministic("A", n, n, symmetric=True, real=False),
    Deterministic("A", n, n, positive=True),
    Signal("u", n),
    Signal("u", n, norm2=n),
]


@pytest.mark.parametrize("letter", LETTERS, ids=repr)
def test_rebuilt_from_arguments(letter):
    again = letter.func(*letter.args)
    assert again == letter
    assert hash(again) == hash(letter)
    assert letter.doit() == letter
    assert letter.subs(Symbol("absent"), 2) == letter


def test_every_argument_is_part_of_the_identity():
    assert len(set(LETTERS)) == len(LETTERS)
    assert Gaussian("Z", p, n) != Gaussian("Y", p, n)
    assert Gaussian("Z", p, n) != Gaussian("Z", n, p)


def test_substitution_reaches_variance_and_dimensions():
    m = dimensions("m")
    assert Gaussian("Z", p, n, variance=1 / n).subs(n, m) == Gaussian("Z", p, m, variance=1 / m)
    v, w = symbols("v w", positive=True)
    assert Wigner("W", n, variance=v / n).subs(v, w) == Wigner("W", n, variance=w / n)


@pytest.mark.parametrize(
    ("letter", "transposed", "adjoint"),
    [
        (LETTERS[0], False, "T"),
        (LETTERS[1], False, "H"),
        (LETTERS[3], True, ""),
        (LETTERS[4], False, ""),
        (LETTERS[6], True, ""),
        (LETTERS[7], False, ""),
        (LETTERS[8], True, "H"),
        (LETTERS[9], True, ""),
        (LETTERS[10], False, "T"),
    ],
    ids=repr,
)
def test_flips(letter, transposed, adjoint):
    assert (letter == letter.T) == transposed
    assert letter == letter.T.T
    expected = {"": letter, "T": Transpose(letter), "H": Adjoint(letter)}[adjoint]
    assert letter.adjoint() == expected
    assert (letter.conjugate() == letter) == letter.is_real_matrix


def test_a_real_symmetric_matrix_is_hermitian_too():
    for flag in ({"symmetric": True}, {"hermitian": True}, {"positive": True}):
        letter = Deterministic("A", n, n, **flag)
        assert letter.is_symmetric_matrix
        assert letter.is_hermitian_matrix
    bare = Deterministic("A", n, n, positive=True, real=False)
    assert bare.is_hermitian_matrix
    assert not bare.is_symmetric_matrix


def test_norm_of_a_signal():
    assert Signal("mu", p).norm2 == Symbol("norm2_mu", positive=True)
    assert Signal("mu", p, norm2=2).norm2 == 2


def test_printing_is_the_name():
    assert str(Deterministic("Sigma", n, n)) == "Sigma"
    assert latex(Deterministic("Sigma", n, n)) == r"\Sigma"


def test_dimensions():
    assert dimensions("k") == Symbol("k", integer=True, positive=True)
    assert [s.name for s in dimensions("a, b c")] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dimensions(""), "no name"),
        (lambda: Deterministic("A", p, n, symmetric=True), r"A is declared symmetric but its shape is p x n"),
        (lambda: Deterministic("A", p, n, positive=True), "shape is p x n"),
        (lambda: Wigner("W", n, p), "takes one dimension"),
        (lambda: Signal("u", n, p), "one column"),
        (lambda: Gaussian("Z", -1, n), "positive integer or symbol, got -1"),
        (lambda: Gaussian("Z", 0, n), "got 0"),
    ],
)
def test_refused(make, message):
    with pytest.raises(DimensionError, match=message):
        make()
