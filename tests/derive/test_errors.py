"""Bad input is refused where it comes in, in the user's symbols, with what was expected and what to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sympy import (
    BlockMatrix,
    HadamardProduct,
    Identity,
    Integer,
    Inverse,
    MatAdd,
    MatMul,
    MatPow,
    MatrixSymbol,
    Rational,
    Symbol,
    Trace,
    symbols,
)
from sympy.matrices.expressions.matexpr import MatrixElement

from derive import (
    BranchError,
    CommutationError,
    Deterministic,
    DimensionError,
    Gaussian,
    LawError,
    NotRationalError,
    ParameterError,
    RegimeError,
    ResolventError,
    Signal,
    Wigner,
    atomic,
    deterministic_equivalent,
    dimensions,
    joint,
    limit,
)

n, p, m, d = dimensions("n p m d")
c, l = symbols("c lambda", positive=True)
z, k = Symbol("z"), Symbol("k")
In, Ip = Identity(n), Identity(p)
X = Gaussian("X", p, n, variance=1 / n)
W = Wigner("W", n, variance=1 / n)
A, B = (Deterministic(name, n, n, symmetric=True) for name in "AB")
N = Deterministic("N", n, n)
Sigma = Deterministic("Sigma", p, p, positive=True)
u, v = Signal("u", n, norm2=1), Signal("v", p, norm2=1)
long = Signal("w", n, norm2=n)
Q = (W - z * In).I
P = {p: c * n}
RIDGE = Trace((X * X.T + l * Ip).I) / p
SUM = Trace((A + B + W - z * In).I) / n
unit = Gaussian("X", p, n)

# (what is wrong, quantity, regime, error, pattern of the message)
EXPRESSIONS = [
    ("sum of shapes", Trace(MatAdd(W, X, evaluate=False)) / n, P, DimensionError, r"cannot add .*X, which is p x n"),
    (
        "product of shapes",
        Trace(MatMul(W, X, evaluate=False)) / n,
        P,
        DimensionError,
        r"multiply W, .* n x n, by X, .* p x n",
    ),
    ("inverse of a rectangle", Trace(Inverse(X)) / n, P, DimensionError, r"\(X\) is p x n: only a square"),
    ("trace of a rectangle", Trace(X) / n, P, DimensionError, r"Trace\(X\): the matrix is p x n"),
    ("power of a rectangle", Trace(MatPow(X, 2)) / n, P, DimensionError, r"only a square matrix has powers"),
    ("dimensions of a spike", u.T * (W + MatMul(v, v.T)) * u, P, DimensionError, r"cannot add"),
    ("no regime", RIDGE, {}, RegimeError, r"how n, p grow together.*\{p: c\*n\}"),
    ("circular regime", RIDGE, {p: c * n, n: p / c}, RegimeError, r"leave one of them free"),
    ("regime in a circle", RIDGE, {p: c * m, m: p / c}, RegimeError, r"circular in (m, p|p, m)"),
    ("regime with a power", RIDGE, {p: c * n**2}, RegimeError, r"p = c\*n\*\*2 is not a fixed multiple of n"),
    ("regime with itself", RIDGE, {p: c * p}, RegimeError, r"circular in p"),
    ("negative regime", RIDGE, {p: -n}, RegimeError, r"not a positive multiple of n"),
    ("zero regime", RIDGE, {p: 0}, RegimeError, r"p = 0"),
    ("regime that is no mapping", RIDGE, [(p, c * n)], RegimeError, r"must be a mapping such as \{p: c\*n\}"),
    ("regime of no symbol", RIDGE, {"p": c * n}, RegimeError, r"'p' is not a dimension"),
    ("unnormalised trace", Trace(Q), {}, DimensionError, r"diverges like n\*\*1; normalise it, for example Trace"),
    ("vanishing", Trace(Q) / n**2, {}, DimensionError, r"vanishes like n\*\*-1"),
    ("long vector", long.T * Q * u, {}, DimensionError, r"diverges like n\*\*1/2"),
    (
        "mixed orders",
        Trace((unit * unit.T + l * Ip).I) / p,
        P,
        DimensionError,
        r"different orders.*X\*X\.T is of order n\*\*1",
    ),
    ("Hadamard", Trace(HadamardProduct(W, W)) / n, {}, NotRationalError, r"is a HadamardProduct"),
    ("symbolic power", Trace(MatPow(W, k)) / n, {}, NotRationalError, r"the exponent k is not an integer"),
    ("exponential", Trace(MatPow(Integer(2) * W, Rational(1, 3))) / n, {}, NotRationalError, r"exponent 1/3"),
    (
        "root of a random matrix",
        Trace(W ** Rational(1, 2)) / n,
        {},
        NotRationalError,
        r"exponent 1/2 is not an integer",
    ),
    ("root without positivity", Trace(Q * A ** Rational(1, 2)) / n, {}, NotRationalError, r"positive=True"),
    ("cube root", Trace(Sigma ** Rational(1, 3) * X * X.T) / p, P, NotRationalError, r"exponent 1/3"),
    ("blocks", Trace(BlockMatrix([[W, A], [A, W]])) / n, {}, NotRationalError, r"BlockMatrix.*blocks as separate"),
    ("foreign matrix", Trace(MatrixSymbol("M", n, n) * W) / n, {}, NotRationalError, r"M is a MatrixSymbol"),
    ("one entry", MatrixElement(Q, 0, 0), {}, NotRationalError, r"single entry"),
    ("two definitions", Trace(W * Wigner("W", n, variance=2 / n)) / n, {}, ResolventError, r"W has two definitions"),
    (
        "two kinds",
        Trace(W * Deterministic("W", n, n)) / n,
        {},
        ResolventError,
        r"W has two definitions: Deterministic.* and Wigner",
    ),
    ("two symbols", Trace((W - Symbol("c") * c * In).I) / n, {}, ResolventError, r"two different symbols are called c"),
    (
        "fixed rows",
        Trace(Gaussian("Z", 3, n).T * Gaussian("Z", 3, n)) / n,
        {},
        DimensionError,
        r"Z has the fixed dimension 3",
    ),
    (
        "fixed columns",
        Trace(Q * Deterministic("U", n, 3) * Deterministic("U", n, 3).T) / n,
        {},
        DimensionError,
        r"columns as a Signal",
    ),
    ("fixed identity", Trace(Q) / n + Trace(Identity(3)), {}, DimensionError, r"fixed dimension 3"),
    ("a matrix", Q, {}, DimensionError, r"n x n matrix, not a number; take Trace"),
    ("a number", Integer(3), {}, ResolventError, r"no random matrix"),
    ("a symbol", z, {}, ResolventError, r"no random matrix"),
    ("nothing random", Trace((A - z * In).I) / n, {}, ResolventError, r"no random matrix"),
    ("only dimensions", Trace(Q) / Trace(In) * n * z**k, {}, DimensionError, r"diverges"),
    ("not SymPy", 3.0, {}, ParameterError, r"SymPy expression, got float"),
    ("text", "Trace(W)/n", {}, ParameterError, r"SymPy expression, got str"),
    ("an array", np.eye(2), {}, ParameterError, r"SymPy expression, got ndarray"),
    (
        "negative variance",
        Trace(Wigner("V", n, variance=-1 / n)) / n,
        {},
        ParameterError,
        r"variance of V must be positive",
    ),
    ("zero matrix", Trace(MatAdd(W, -W, A, -A, evaluate=False)) / n, {}, NotRationalError, r"identically zero"),
]


@pytest.mark.parametrize(
    ("quantity", "regime", "error", "message"), [x[1:] for x in EXPRESSIONS], ids=[x[0] for x in EXPRESSIONS]
)
def test_expression_is_refused(quantity, regime, error, message):
    with pytest.raises(error, match=message) as caught:
        limit(quantity, regime)
    assert isinstance(caught.value, ResolventError)
    assert "\n" not in str(caught.value).replace("Matrix([\n", "").replace(",\n", "")


DECLARED = [
    ("family of a random matrix", {"commuting": [(A, W)]}, CommutationError, r"W cannot be declared to commute"),
    ("family of a general matrix", {"commuting": [(A, N)]}, CommutationError, r"N cannot be declared"),
    ("two families", {"commuting": [(A, B), (A,)]}, CommutationError, r"A is in two commuting families"),
    ("inner product of matrices", {"inner": {(A, B): 1}}, ResolventError, r"\{\(u, v\): rho\} with two Signals"),
    ("inner product of spaces", {"inner": {(u, v): 1}}, DimensionError, r"u has dimension n and v p"),
    ("squared norm", {"inner": {(u, u): 1}}, ResolventError, r"norm2"),
    ("order of a product", {"inner": {(u, long): 1}}, DimensionError, r"order n\*\*\(1/2\)"),
    (
        "declared twice",
        {"inner": {(u, Signal("t", n, norm2=1)): 1, (Signal("t", n, norm2=1), u): 0}},
        ResolventError,
        r"twice",
    ),
]


@pytest.mark.parametrize(("declared", "error", "message"), [x[1:] for x in DECLARED], ids=[x[0] for x in DECLARED])
def test_declaration_is_refused(declared, error, message):
    with pytest.raises(error, match=message):
        limit({"trace": Trace((X * X.T + l * Ip).I) / p, "form": u.T * Q * u}, P, **declared)


RIDGE_LAW = limit(RIDGE, P)
SUM_LAW = limit(SUM)
WIGNER_LAW = limit(Trace(Q) / n)
PARAMETERS = [
    ("missing", RIDGE_LAW, {c: 1}, ParameterError, r"missing value for lambda; the parameters are c, lambda"),
    ("none at all", RIDGE_LAW, None, ParameterError, r"missing value for c, lambda"),
    (
        "one letter off",
        RIDGE_LAW,
        {c: 1, "lamda": 1},
        ParameterError,
        r"unknown parameter lamda; did you mean lambda\?",
    ),
    ("unknown", RIDGE_LAW, {c: 1, l: 1, "beta": 1}, ParameterError, r"unknown parameter beta; .*c, lambda"),
    ("a dimension", RIDGE_LAW, {c: 1, l: 1, n: 100}, ParameterError, r"unknown parameter n"),
    ("out of domain", RIDGE_LAW, {c: 1, l: -0.1}, ParameterError, r"lambda must be positive, got -0\.1"),
    ("zero", RIDGE_LAW, {c: 0, l: 1}, ParameterError, r"c must be positive, got 0"),
    ("one of an array", RIDGE_LAW, {c: np.array([1.0, -2.0]), l: 1}, ParameterError, r"c must be positive"),
    ("complex for real", RIDGE_LAW, {c: 1, l: 0.1j}, ParameterError, r"lambda must be real"),
    ("NaN", RIDGE_LAW, {c: 1, l: float("nan")}, ParameterError, r"lambda must be a (finite )?number"),
    ("NaN as text", RIDGE_LAW, {c: 1, l: "nan"}, ParameterError, r"finite"),
    (
        "NaN in an array",
        RIDGE_LAW,
        {c: 1, l: np.array([1.0, np.nan])},
        ParameterError,
        r"lambda must be a (finite )?number",
    ),
    ("infinite", RIDGE_LAW, {c: 1, l: np.inf}, ParameterError, r"lambda must be a (finite )?number"),
    ("code", RIDGE_LAW, {c: "__import__('os')", l: 1}, ParameterError, r"expected a number such as 1/2"),
    ("words", RIDGE_LAW, {c: "one half", l: 1}, ParameterError, r"expected a number"),
    ("nothing", RIDGE_LAW, {c: None, l: 1}, ParameterError, r"expected a number"),
    ("a truth value", RIDGE_LAW, {c: True, l: 1}, ParameterError, r"expected a number"),
    ("twice", RIDGE_LAW, {c: 1, "c": 2, l: 1}, ParameterError, r"c is given twice"),
    ("no mapping", RIDGE_LAW, [1, 2], ParameterError, r"mapping"),
    ("shapes", RIDGE_LAW, {c: np.ones(2), l: np.ones(3)}, ParameterError, r"do not broadcast.*c has shape \(2,\)"),
    (
        "no law",
        SUM_LAW,
        {z: 3, A: atomic([1])},
        LawError,
        r"no law was given for B: give its spectral law, e\.g\. \{B: atomic",
    ),
    ("law of a random matrix", WIGNER_LAW, {z: 3, W: atomic([1])}, LawError, r"W is random"),
    ("law of a stranger", WIGNER_LAW, {z: 3, A: atomic([1])}, ParameterError, r"A does not occur.*matrices are W"),
    ("law that is a number", SUM_LAW, {z: 3, A: 2.0, B: atomic([1])}, LawError, r"law of A must be atomic"),
    (
        "separate laws",
        SUM_LAW,
        {z: 9, A: atomic([1, 2]), B: atomic([1, 3])},
        CommutationError,
        r"`A\+B` occurs, but A and B",
    ),
    ("asymmetric array", SUM_LAW, {z: 9, A: [[1, 2], [0, 1]], B: np.eye(2)}, LawError, r"A is declared symmetric"),
    ("complex array", SUM_LAW, {z: 9, A: [[1, 2j], [2j, 1]], B: np.eye(2)}, LawError, r"A is declared real"),
    ("sizes of arrays", SUM_LAW, {z: 9, A: np.eye(3), B: np.eye(2)}, LawError, r"share the dimension n"),
    ("joint law of others", SUM_LAW, {z: 9, (A, B): joint({A: [1]})}, LawError, r"joint law of \(A\) was given under"),
]


@pytest.mark.parametrize(
    ("law", "params", "error", "message"), [x[1:] for x in PARAMETERS], ids=[x[0] for x in PARAMETERS]
)
def test_parameters_are_refused(law, params, error, message):
    with pytest.raises(error, match=message):
        law.evaluate(params)
    if not (isinstance(params, dict) and any(isinstance(x, np.ndarray) for x in params.values())):
        with pytest.raises(error, match=message):
            law.certify(params)


def test_undeclared_commutation_names_both_and_what_to_do():
    product = limit(Trace(Q * A * B) / n)
    with pytest.raises(CommutationError) as caught:
        product.evaluate({z: 3, A: atomic([1, 2]), B: atomic([1, 3])})
    message = str(caught.value)
    for piece in ("`A*B`", "not declared to commute", "(A, B): joint(...)", "as arrays", "deterministic equivalent"):
        assert piece in message
    # each of the three ways out works
    family = {z: 3, (A, B): joint({A: [1, 2], B: [1, 3]})}
    arrays = {z: 3, A: np.diag([1.0, 2.0]), B: np.diag([1.0, 3.0])}
    assert abs(product.evaluate(family) - product.evaluate(arrays)) < 1e-14
    assert deterministic_equivalent(Q * A * B).matrix.has(A * B)


def test_the_ratio_must_be_positive_also_without_assumptions():
    ratio, variance = Symbol("r"), Symbol("s")
    law = limit(Trace((X * X.T - z * Ip).I) / p, {p: ratio * n})
    for bad in (-0.5, 0, 0.5 + 0.1j, np.array([0.5, -1])):
        with pytest.raises(ParameterError, match="dimension p must be a positive multiple of n"):
            law.evaluate({ratio: bad, z: -1})
    noise = limit(Trace((Wigner("W", n, variance=variance / n) - z * In).I) / n)
    for bad in (-1, 1j):
        with pytest.raises(ParameterError, match="variance of W must not be negative"):
            noise.evaluate({variance: bad, z: 3j})
    # no noise at all is a model
    assert noise.evaluate({variance: 0, z: 2.0}) == -0.5


@pytest.mark.parametrize("device", ["tpu", None, "GPU", 0])
def test_unknown_device(device):
    with pytest.raises(ParameterError, match="device must be 'cpu' or 'gpu'"):
        WIGNER_LAW.evaluate({z: 3}, device=device)


def test_arrays_have_no_digits_and_no_certificate():
    for ask in (lambda: WIGNER_LAW.evaluate({z: np.array([3, 4])}, digits=10), lambda: WIGNER_LAW.certify({z: [3, 4]})):
        with pytest.raises(ParameterError, match="z is an array"):
            ask()


def test_a_matrix_that_grows_has_no_equivalent():
    with pytest.raises(DimensionError, match="normalise it to order one"):
        deterministic_equivalent(Wigner("W", n) * 2)


def test_branch_errors_are_one_line():
    with pytest.raises(BranchError) as caught:
        WIGNER_LAW.evaluate({z: 1})
    assert "z = 1 lies inside the bulk [-2, 2]" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_changed_systems_cannot_be_certified():
    changed = WIGNER_LAW.with_system(replace(WIGNER_LAW.system))
    with pytest.raises(ParameterError, match="no certificate"):
        changed.certify({z: 3})
    with pytest.raises(ParameterError, match="double precision only"):
        changed.evaluate({z: 3}, digits=10)
    with pytest.raises(ParameterError, match="must have the unknowns"):
        WIGNER_LAW.with_system(limit(Trace((A + W - z * In).I) / n).system)
