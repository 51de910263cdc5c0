"""The compiled evaluation of the tree agrees with the plainest one, on NumPy and on array-api-strict."""

import array_api_strict
import numpy as np
import pytest
from array_api_compat import numpy as compat_numpy
from sympy import Function, I, Identity, Rational, Symbol, Trace, ZeroMatrix

from derive.errors import DimensionError, NotRationalError, ParameterError
from derive.symbols import Deterministic, Gaussian, Signal, Wigner, dimensions
from tests.verify.naive import evaluate
from verify.observe import compile_observation
from verify.structured import Diagonal, Full, Kron, Workspace

n, p = dimensions("n p")
lam, z = Symbol("lambda", positive=True), Symbol("z")
Z, Y = Gaussian("Z", p, n, variance=1 / n), Gaussian("Y", p, n, variance=1 / n)
C = Gaussian("C", p, n, variance=1 / n, real=False)
W, H = Wigner("W", p, variance=1 / p), Wigner("H", p, variance=1 / p, real=False)
S, T = Deterministic("S", p, p, positive=True), Deterministic("T", p, p, symmetric=True)
A, B = Deterministic("A", p, p), Deterministic("B", p, p, positive=True)
R = Deterministic("R", p, n)
u, v, y = Signal("u", p, norm2=1), Signal("v", p, norm2=1), Signal("y", n, norm2=n)
one = Identity(p)
Q = (Z * Z.T + lam * one).I
P = (C * C.adjoint() - z * one).I
X = u * y.T + Z
half = S ** Rational(1, 2)

DIMS = {n: 12, p: 8}
NUMBERS = {lam: Rational(3, 10), z: Rational(-1, 2) + I / 3}
STRUCTURES = {S: ("diagonal",), T: ("diagonal",), A: ("kron", 2, 2), B: ("kron", 2, 2)}
TRIALS = 3

EXPRESSIONS = {
    "resolvent": Trace(Q) / p,
    "product of resolvents": Trace(Q * T * Q * S) / p,
    "square of a resolvent": Trace(Q * Q) / p,
    "negative power": Trace((Z * Z.T + lam * one) ** -3) / p,
    "half power": Trace((half * Z * Z.T * half + lam * one).I) / p,
    "inverse half power": Trace(S ** Rational(-1, 2) * Q) / p,
    "half power of an array": Trace(B ** Rational(1, 2) * Q * A) / p,
    "arrays": Trace((Z * Z.T + B).I * A * (Z * Z.T + B).I * A.T) / p,
    "array times array": Trace(A * B * (lam * one + B).I) / p,
    "bilinear form": u.T * Q * v,
    "bilinear form of four factors": Trace(u.T * Q * S * Q * v),
    "five solves": u.T * Q * S * Q * T * Q * S * Q * T * Q * v,
    "nine solves": u.T * Q * S * Q * T * Q * S * Q * T * Q * S * Q * T * Q * S * Q * T * Q * v,
    "ridge classifier": u.T * (X * X.T + one).I * X * y / n,
    "nested inverse": Trace((lam * one + Z * (Identity(n) + Z.T * Z).I * Z.T).I) / p,
    "complex resolvent": Trace(P) / p,
    "adjoint of a resolvent": Trace(P.adjoint() * S * P) / p,
    "complex bilinear form": u.T * P * P.adjoint() * v,
    "transpose of a complex resolvent": Trace(P.T * P * P) / p,
    "right solve": u.T * P * S * (H - z * one).I * v,
    "wigner": Trace((W - z * one).I) / p,
    "anticommutator": Trace((W * H + H * W - z * one).I) / p,
    "rectangular": Trace((R * Y.T + Y * R.T + 9 * one).I) / p,
    "four rectangular": Trace(Z * Y.T * Y * Z.T) / p,
    "information plus noise": Trace(((R + Z) * (R + Z).T + lam * one).I) / p,
    "ratio of traces": Trace(Q * S) / Trace(Q) ** 2 + lam * Trace(T) / p,
    "trace as a coefficient": Trace((Trace(Q) / p * S + Z * Z.T + one).I) / p,
    "transpose of a sum": Trace((Z * Z.T * S + lam * one).T * (Z * Z.T * S + lam * one)) / p,
    "transposed inverse": Trace((A * Q + one).I.T * T) / p,
    "only deterministic": Trace((S + lam * one).I) / p,
}


def sampled(rng):
    """Matrices as a sampler would give them, and dense for each trial."""

    def normal(*shape):
        return rng.standard_normal(shape)

    def circular(*shape):
        return (normal(*shape) + 1j * normal(*shape)) / np.sqrt(2)

    def hermitian(x):
        return x + np.conj(np.swapaxes(x, -1, -2))

    d, m = DIMS[p], DIMS[n]
    stacks = {
        Z: normal(TRIALS, d, m) / np.sqrt(m),
        Y: normal(TRIALS, d, m) / np.sqrt(m),
        C: circular(TRIALS, d, m) / np.sqrt(m),
        W: hermitian(normal(TRIALS, d, d)) / np.sqrt(d),
        H: hermitian(circular(TRIALS, d, d)) / np.sqrt(d),
        u: normal(TRIALS, d, 1),
        v: normal(TRIALS, d, 1),
        y: normal(TRIALS, m, 1),
    }
    small = normal(2, 2)
    fixed = {
        S: Diagonal(rng.uniform(1, 2, d)),
        T: Diagonal(normal(d)),
        A: Kron(normal(2, 2), d // 2),
        B: Kron(small @ small.T + np.eye(2), d // 2),
        R: Full(normal(d, m)),
    }
    work = Workspace(compat_numpy)
    whole = {m: work.full(a) for m, a in fixed.items()}
    dense = [whole | {m: a[t] for m, a in stacks.items()} for t in range(TRIALS)]
    return {**{m: Full(a) for m, a in stacks.items()}, **fixed}, dense


def through(xp, matrix):
    """The same structured matrix with arrays of another namespace."""
    fields = {k: xp.asarray(x) if isinstance(x, np.ndarray) else x for k, x in vars(matrix).items()}
    return type(matrix)(**fields)


@pytest.mark.parametrize("xp", [compat_numpy, array_api_strict], ids=["numpy", "array-api-strict"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_agrees_with_plain_evaluation(name, xp, seed):
    expr = EXPRESSIONS[name]
    matrices, dense = sampled(np.random.default_rng(seed))
    observation = compile_observation({"q": expr}, DIMS, NUMBERS, STRUCTURES)
    got = observation({m: through(xp, a) for m, a in matrices.items()}, xp)["q"]
    expected = [evaluate(expr, one_trial, {**DIMS, **NUMBERS}) for one_trial in dense]
    np.testing.assert_allclose(np.broadcast_to(np.asarray(got), (TRIALS,)), expected, rtol=1e-10)


def test_all_together_share_their_subexpressions(seed):
    matrices, dense = sampled(np.random.default_rng(seed))
    together = compile_observation(EXPRESSIONS, DIMS, NUMBERS, STRUCTURES)
    values = together(matrices, compat_numpy)
    for name, expr in EXPRESSIONS.items():
        expected = [evaluate(expr, one_trial, {**DIMS, **NUMBERS}) for one_trial in dense]
        np.testing.assert_allclose(np.broadcast_to(values[name], (TRIALS,)), expected, rtol=1e-10, err_msg=name)
    apart = sum(compile_observation({"q": e}, DIMS, NUMBERS, STRUCTURES).cost for e in EXPRESSIONS.values())
    assert together.cost < 0.7 * apart


def operations(expr):
    return [s.op for s in compile_observation({"q": expr}, DIMS, NUMBERS, STRUCTURES).program.steps]


def test_thin_products_are_solved_together():
    # both sides of Q, and the transpose of a symmetric resolvent, are one factorisation
    assert operations(u.T * Q * S * Q * v).count("solve") == 1
    assert "inverse" not in operations(u.T * Q * S * Q * v)
    assert operations(Trace(u.T * Q * v) * Trace(v.T * Q * v)).count("solve") == 1


def test_an_inverse_used_often_is_formed_once():
    # from both ends five solves are three factorisations, cheaper than an inverse; nine are not
    assert operations(EXPRESSIONS["five solves"]).count("solve") == 3
    assert operations(EXPRESSIONS["nine solves"]).count("inverse") == 1
    assert operations(Trace(Q * T * Q * S) / p).count("inverse") == 1
    assert "multiply" not in operations(Trace(Z * Z.T) / p)


def test_values_do_not_depend_on_the_batch(seed):
    matrices, _ = sampled(np.random.default_rng(seed))
    observation = compile_observation(EXPRESSIONS, DIMS, NUMBERS, STRUCTURES)
    whole = observation(matrices, compat_numpy)
    for t in range(TRIALS):
        batched = {m: a for m, a in matrices.items() if isinstance(a, Full) and a.array.ndim == 3}
        one_trial = {**matrices, **{m: Full(a.array[t : t + 1]) for m, a in batched.items()}}
        single = observation(one_trial, compat_numpy)
        for name, value in single.items():
            np.testing.assert_allclose(np.ravel(value)[0], np.broadcast_to(whole[name], (TRIALS,))[t], rtol=1e-12)


def test_memory_estimate_grows_with_what_is_kept():
    small = compile_observation({"q": Trace(Q) / p}, DIMS, NUMBERS, STRUCTURES).entries
    assert 3 * DIMS[p] ** 2 <= small <= 6 * DIMS[p] * DIMS[n]


@pytest.mark.parametrize(
    ("expr", "error", "text"),
    [
        (Trace(Q) * Symbol("alpha"), ParameterError, "alpha"),
        (Q, DimensionError, "a quantity is a scalar"),
        (Trace(Function("f")(Symbol("x")) * Q), ParameterError, "x"),
        (Trace((Z * Z.T) ** Rational(1, 2)) / p, NotRationalError, "fractional power"),
        (Q[0, 1], NotRationalError, "single entries"),
    ],
)
def test_says_what_cannot_be_simulated(expr, error, text):
    with pytest.raises(error, match=text):
        compile_observation({"q": expr}, DIMS, NUMBERS, STRUCTURES)


def test_zero_matrices_vanish(seed):
    observation = compile_observation({"q": Trace(0 * Q + T) / p + Trace(ZeroMatrix(p, p))}, DIMS, NUMBERS, STRUCTURES)
    matrices, dense = sampled(np.random.default_rng(seed))
    assert observation(matrices, compat_numpy)["q"] == pytest.approx(np.trace(dense[0][T]) / DIMS[p])
