"""The pencil is exact before any limit: ``c L^-1 b`` equals the expression for finite matrices, entry by entry.

Random matrices are sampled once at small sizes (no probability enters) and the blocks of the pencil are filled in.
"""

from __future__ import annotations

import numpy as np
import pytest
from sympy import I as imaginary
from sympy import Identity, Rational, Symbol, Trace, symbols
from sympy.matrices.expressions import Adjoint

from derive import Deterministic, Gaussian, Signal, Wigner, deterministic_equivalent, dimensions, limit
from derive.ring import InverseAtom

n, p, m = dimensions("n p m")
c, b, l = symbols("c b l", positive=True)
z = Symbol("z")
SIZES = {n: 6, p: 4, m: 5}
REGIME = {p: c * n, m: b * n}
# the ratios that the sizes stand for
NUMBERS = {c: Rational(2, 3), b: Rational(5, 6), l: Rational(3, 10), z: Rational(17, 10) + imaginary / 3}

In, Ip = Identity(n), Identity(p)
X = Gaussian("X", p, n, variance=1 / n)
Y = Gaussian("Y", n, m, variance=1 / m)
Z = Gaussian("Z", n, n, variance=1 / n)
C = Gaussian("C", p, n, variance=1 / n, real=False)
W1, W2 = Wigner("W1", n, variance=1 / n), Wigner("W2", n, variance=1 / n)
V = Wigner("V", n, variance=1 / n, real=False)
A, B = Deterministic("A", n, n, symmetric=True), Deterministic("B", n, n)
H = Deterministic("H", n, n, hermitian=True, real=False)
R = Deterministic("R", p, n)
Sigma = Deterministic("Sigma", p, p, positive=True)
u, v = Signal("u", n, norm2=1), Signal("v", n, norm2=1)
mu = Signal("mu", p)
Q = (W1 + b * u * u.T - z * In).I
root = Sigma ** Rational(1, 2)
K = ((mu * v.T + X) * (mu * v.T + X).T + l * Ip).I

EXPRESSIONS = {
    "marchenko-pastur": (X * X.T - z * Ip).I,
    "companion": X.T * (X * X.T - z * Ip).I * X,
    "product": (X * Y * Y.T * X.T + l * Ip).I,
    "nested": (l * Ip + X * (A + X.T * X - z * In).I * X.T).I,
    "information": ((R + X) * (R + X).T + l * Ip).I * R * (R + X).T,
    "anisotropic": (root * X * X.T * root - z * Ip).I * Sigma,
    "adjoint": (C * Adjoint(C) - z * Ip).I * C * H * Adjoint(C),
    "complex-transpose": C.T * (C * Adjoint(C) - z * Ip).I.T * C.conjugate(),
    "powers": (W1 * W2 + W2 * W1 - z * In).I ** 2 * W1**3,
    "order": (W1 + A - z * In).I * B * (W1 + A - z * In).I * B.T * W2,
    "square": (Z - z * In).I * Z.T * (Z.T - l * In).I,
    "commutator": (imaginary * (W1 * V - V * W1) - z * In).I,
    "two-points": (W1 - z * In).I * W1 * (W1 - 5 * In).I,
    "spike": Q * W1 * Q,
    "rank-one": Q * u * v.T * Q,
    "low-rank-inside": (A + W1 + u * v.T * A * v * u.T - z * In).I,
    "regression": K * (mu * v.T + X),
    "inverse-of-inverse": ((W1 - z * In).I + A - 4 * In).I,
    "deterministic-inverse": (W1 + (A + 9 * In).I - z * In).I * (A - z * In).I,
}


def sample(letter, rng):
    shape = tuple(SIZES.get(s, 1) for s in letter.shape)
    x = rng.standard_normal(shape)
    if isinstance(letter, Signal):
        return x / np.linalg.norm(x)
    if not letter.is_real_matrix:
        x = x + 1j * rng.standard_normal(shape)
    if letter.is_symmetric_matrix or letter.is_hermitian_matrix:
        x = x + (x.conj().T if letter.is_hermitian_matrix else x.T)
    if getattr(letter, "is_positive_matrix", False):
        x = x @ x.T
    return x / 3


class Dense:
    """The tree, and the pencil's polynomials, evaluated with sampled matrices."""

    def __init__(self, letters, seed):
        rng = np.random.default_rng(seed)
        self.arrays = {letter: sample(letter, rng) for letter in letters}
        self.numbers = {**NUMBERS, Symbol("norm2_mu", positive=True): 1}
        if u in self.arrays and v in self.arrays:
            self.numbers[Symbol("inner_u_v", real=True)] = (self.arrays[u].T @ self.arrays[v])[0, 0]
        self.ring = None

    def number(self, expr):
        return complex(expr.subs(self.numbers).subs(SIZES))

    def tree(self, expr):
        if expr in self.arrays:
            return self.arrays[expr]
        kind = type(expr).__name__
        if kind == "Identity":
            return np.eye(SIZES[expr.shape[0]])
        if kind == "Transpose":
            return self.tree(expr.arg).T
        if kind == "Adjoint":
            return self.tree(expr.arg).conj().T
        if kind == "conjugate":
            return self.tree(expr.args[0]).conj()
        if kind == "Inverse":
            return np.linalg.inv(self.tree(expr.arg))
        if kind == "MatPow":
            base, exponent = self.tree(expr.args[0]), expr.args[1]
            if exponent == Rational(1, 2):
                values, vectors = np.linalg.eigh(base)
                return (vectors * np.sqrt(values)) @ vectors.T
            return np.linalg.matrix_power(base, int(exponent))
        if kind == "MatAdd":
            return sum(self.tree(a) for a in expr.args)
        total = 1.0
        for a in expr.args:
            total = self.number(a) * total if not hasattr(a, "shape") else self.join(total, self.tree(a))
        return total

    @staticmethod
    def join(total, x):
        return total * x if np.ndim(total) == 0 else total @ x

    def letter(self, factor):
        x = self.arrays[factor.matrix]
        if factor.root:
            values, vectors = np.linalg.eigh(x)
            x = (vectors * np.sqrt(values)) @ vectors.T
        x = x.T if factor.op in ("T", "H") else x
        return x.conj() if factor.op in ("H", "C") else x

    def size(self, space):
        return int(space.size) if space.finite else SIZES[space.label]

    def coefficient(self, fraction):
        """A commutative coefficient; bilinear forms of signals are generators of the field."""
        expr = self.ring.field.to_sympy(fraction)
        forms = {
            self.ring.field.meaning(g): self.word(self.ring.forms[g])[0, 0]
            for g in fraction.generators()
            if g in self.ring.forms
        }
        return complex(expr.xreplace(forms).subs(self.numbers))

    def word(self, word):
        out = None
        for factor in word:
            x = np.linalg.inv(self.poly(factor.arg)) if isinstance(factor, InverseAtom) else self.letter(factor)
            out = x if out is None else out @ x
        return out

    def poly(self, poly):
        total = np.zeros((self.size(poly.rows), self.size(poly.cols)), complex)
        for word, fraction in poly.terms.items():
            x = self.word(word) if word else np.eye(self.size(poly.rows))
            total = total + self.coefficient(fraction) * x
        return total


def solved(pencil, dense, mutate=False):
    """``c L^-1 b`` of the first output."""
    sizes = [dense.size(block.space) for block in pencil.blocks]
    start = np.concatenate([[0], np.cumsum(sizes)])
    L = np.zeros((start[-1], start[-1]), complex)
    (output,) = pencil.outputs
    b = np.zeros((start[-1], dense.size(output.input)), complex)
    for i, row in enumerate(pencil.rows):
        for j, coefficient in row.items():
            block = dense.poly(coefficient.fixed)
            for k, term in enumerate(coefficient.random):
                sign = 1.1 if mutate and k == 0 else 1.0
                block = block + sign * dense.poly(term.left) @ dense.letter(term.matrix) @ dense.poly(term.right)
            L[start[i] : start[i + 1], start[j] : start[j + 1]] = block
        for space, poly in pencil.inputs[i].items():
            assert space == output.input
            b[start[i] : start[i + 1]] = dense.poly(poly)
    w = np.linalg.solve(L, b)
    total = dense.poly(output.direct)
    for i, poly in output.coefficients.items():
        total = total + dense.poly(poly) @ w[start[i] : start[i + 1]]
    return total


def derived(expr):
    return deterministic_equivalent(expr, REGIME).derivation


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_pencil_is_the_expression(name, seed):
    expr = EXPRESSIONS[name]
    derivation = derived(expr)
    dense = Dense(derivation.problem.letters, seed)
    dense.ring = derivation.ring
    expected = dense.tree(expr)
    found = solved(derivation.pencil, dense)
    scale = np.linalg.norm(expected)
    assert np.linalg.norm(found - expected) < 1e-10 * scale
    # the comparison can fail: noise a tenth larger
    assert np.linalg.norm(solved(derivation.pencil, dense, mutate=True) - expected) > 1e-4 * scale


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_blocks_are_affine_in_the_noise(name):
    """Nothing random in a coefficient, in b or in c."""
    derivation = derived(EXPRESSIONS[name])

    def letters(poly):
        for word in poly.terms:
            for factor in word:
                if isinstance(factor, InverseAtom):
                    yield from letters(factor.arg)
                else:
                    yield factor

    pencil = derivation.pencil
    polys = [c.fixed for row in pencil.rows for c in row.values()]
    polys += [x for row in pencil.rows for c in row.values() for t in c.random for x in (t.left, t.right)]
    polys += [x for inputs in pencil.inputs for x in inputs.values()]
    polys += [x for o in pencil.outputs for x in (*o.coefficients.values(), o.direct)]
    assert not any(letter.is_random for poly in polys for letter in letters(poly))


def test_a_resolvent_that_occurs_twice_is_named_once():
    Qn = (W1 - z * In).I
    once = limit(Trace(Qn * A) / n).derivation
    both = limit({"one": Trace(Qn * A) / n, "two": Trace(A * Qn) / n, "three": Trace(Qn) / n}).derivation
    assert len(both.pencil.blocks) <= len(once.pencil.blocks) + 1
    assert len(both.equation.taus) == len(once.equation.taus) == 1


def test_the_value_of_a_form_is_not_mistaken_for_the_input():
    """The unknown number 1 and the input of the 1-dimensional space are different things."""
    form = u.T * Q * u
    square, cube = limit(form**2), limit(form**3)
    point = {b: 0.5, z: 3.0}
    value = limit(form).evaluate(point)
    assert abs(square.evaluate(point) - value**2) < 1e-14
    assert abs(cube.evaluate(point) - value**3) < 1e-14
    assert len(square.derivation.pencil.blocks) > len(limit(form).derivation.pencil.blocks)


def test_the_equivalent_of_an_output_with_a_direct_term():
    found = deterministic_equivalent((W1 - z * In).I + A)
    value = found.evaluate({z: 3.0, A: np.diag([1.0, 2.0])})
    g = limit(Trace((W1 - z * In).I) / n).evaluate({z: 3.0})
    assert np.allclose(value, np.diag([1.0, 2.0]) + g * np.eye(2))
