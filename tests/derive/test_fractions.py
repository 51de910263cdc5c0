"""Programs over exact rational functions: traces over atoms and arrays become algebra."""

from __future__ import annotations

import pytest
from sympy import Identity, Rational, Symbol, Trace, cancel, exp, sqrt

from derive import Deterministic, NotRationalError, atomic, dimensions
from derive.field import Field
from derive.lower import compile_program, represent
from derive.lower.fractions import FractionKind

n, p = dimensions("n p")
x = Symbol("x")
S = Deterministic("S", p, p, positive=True)
R = Deterministic("R", p, n)


def run(expr, laws, letters, sizes):
    field = Field([], spare=8)
    field.new(x)
    kind = FractionKind(field)
    algebra = represent(laws, letters, sizes, kind)
    (value,) = compile_program([expr]).run({x: x}, algebra)
    return field, kind, value


def test_a_trace_over_atoms():
    field, kind, value = run(Trace((S + x * Identity(p)).I) / p, {S: atomic([1, 4], ["1/3", "2/3"])}, [S], {p: 1})
    assert cancel(field.to_sympy(value) - Rational(1, 3) / (1 + x) - Rational(2, 3) / (4 + x)) == 0
    assert not kind.relations


def test_a_trace_over_an_array():
    matrix = [[1, "1/2", 0], ["1/2", 2, "-1/3"], [0, "-1/3", 3]]
    field, _, value = run(Trace((S + x * Identity(p)).I) / p, {S: matrix}, [S], {p: 1})
    from sympy import Matrix, eye

    expected = (Matrix([[Rational(v) for v in row] for row in matrix]) + x * eye(3)).inv().trace() / 3
    assert cancel(field.to_sympy(value) - expected) == 0


def test_a_rectangle_has_directions_that_it_maps_to_zero():
    expr = Trace((R * R.T + x * Identity(p)).I) / p
    field, _, value = run(expr, {R: atomic([1, 2])}, [R], {p: 2, n: 1})
    assert cancel(field.to_sympy(value) - (1 / (1 + x) + 1 / (4 + x)) / 4 - 1 / (2 * x)) == 0


def test_a_root_is_adjoined():
    field, kind, value = run(Trace(S ** Rational(1, 2)) / p, {S: atomic([4, 5])}, [S], {p: 1})
    assert field.to_sympy(value) == 1 + sqrt(5) / 2
    ((position, relation),) = kind.relations.items()
    assert field.meaning(position) == sqrt(5)
    # the polynomial of the number, which elimination removes it with
    assert field.poly_to_sympy(relation) == 0
    assert relation.degrees()[position] == 2


def test_what_is_not_algebraic():
    with pytest.raises(NotRationalError, match="exp is not an algebraic function"):
        run(exp(x) * Trace(S) / p, {S: atomic([1])}, [S], {p: 1})
    with pytest.raises(NotRationalError, match="root"):
        run(sqrt(x) * Trace(S) / p, {S: atomic([1])}, [S], {p: 1})
