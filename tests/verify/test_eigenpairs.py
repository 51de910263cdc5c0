"""Eigenvalues and alignments of sampled matrices agree with plain NumPy, one decomposition per matrix."""

import array_api_strict
import numpy as np
import pytest
from array_api_compat import numpy as compat_numpy
from sympy import I, Identity, Rational, Symbol, Trace

from derive import Alignment, Deterministic, Eigenvalue, Gaussian, Signal, Wigner, dimensions
from derive.errors import DimensionError, NotRationalError
from verify.observe import compile_observation
from verify.structured import Diagonal, Full

n, p = dimensions("n p")
theta = Symbol("theta", positive=True)
W, H = Wigner("W", p, variance=1 / p), Wigner("H", p, variance=1 / p, real=False)
Y, C = Gaussian("Y", p, n, variance=1 / n), Gaussian("C", p, n, variance=1 / n, real=False)
V = Gaussian("V", p, p, variance=1 / p)
S = Deterministic("S", p, p, positive=True)
u, v, w = Signal("u", p, norm2=1), Signal("v", p, norm2=2), Signal("w", n, norm2=3)
X = theta * u * w.T + Y
TRIALS = 3


def sampled(rng, dims):
    """Stacks of matrices by letter, dense."""

    def normal(*shape):
        return rng.standard_normal((TRIALS, *shape))

    d, m = dims[p], dims[n]
    circular = lambda *shape: normal(*shape) + 1j * normal(*shape)  # noqa: E731
    a, b = normal(d, d), circular(d, d)
    return {
        W: a + np.swapaxes(a, 1, 2),
        H: b + np.conj(np.swapaxes(b, 1, 2)),
        Y: normal(d, m),
        C: circular(d, m),
        V: normal(d, d),
        S: np.broadcast_to(np.diag(rng.uniform(1, 2, d)), (TRIALS, d, d)),
        u: normal(d, 1),
        v: normal(d, 1),
        w: normal(m, 1),
    }


def star(a):
    return np.conj(np.swapaxes(a, 1, 2))


# the matrices a second time, in NumPy's own words
def plain(x, t):
    root = np.sqrt(x[S])
    spiked = t * x[u] @ star(x[w]) + x[Y]
    product = x[V] @ x[Y]
    return {
        W + theta * u * u.T - v * v.T / 3: x[W] + t * x[u] @ star(x[u]) - x[v] @ star(x[v]) / 3,
        H + theta * u * u.T: x[H] + t * x[u] @ star(x[u]),
        X * X.T: spiked @ star(spiked),
        X.T * X: star(spiked) @ spiked,
        C * C.adjoint(): x[C] @ star(x[C]),
        C.adjoint() * C: star(x[C]) @ x[C],
        V * Y * Y.T * V.T: product @ star(product),
        (Y.T * V.T) * (V * Y): star(product) @ product,
        S ** Rational(1, 2) * Y * Y.T * S ** Rational(1, 2): root @ x[Y] @ star(x[Y]) @ root,
        -2 * (V + V.T): -2 * (x[V] + star(x[V])),
        (Y * Y.T + Identity(p)).I: np.linalg.inv(x[Y] @ star(x[Y]) + np.eye(x[Y].shape[1])),
        W * S + S * W: x[W] @ x[S] + x[S] @ x[W],
    }


MATRICES = list(plain({m: np.ones((1, 1, 1)) for m in (W, H, Y, C, V, S, u, v, w)}, 1.0))
INDICES = (1, 2, -1, -2)


def structured(stacks, xp):
    fixed = Diagonal(xp.asarray(np.ascontiguousarray(np.diagonal(stacks[S][0]))))
    return {m: Full(xp.asarray(a)) for m, a in stacks.items()} | {S: fixed}


@pytest.mark.parametrize("xp", [compat_numpy, array_api_strict], ids=["numpy", "array-api-strict"])
@pytest.mark.parametrize("dims", [{p: 12, n: 7}, {p: 7, n: 12}, {p: 8, n: 8}], ids=["tall", "wide", "square"])
@pytest.mark.parametrize("matrix", MATRICES, ids=str)
def test_agrees_with_numpy(matrix, dims, xp, seed):
    stacks = sampled(np.random.default_rng(seed), dims)
    dense = plain(stacks, 0.7)[matrix]
    values, vectors = np.linalg.eigh(dense)
    for indices in (INDICES, (1, 2)):
        quantities, expected = {}, {}
        for k in indices:
            column = -k if k > 0 else -k - 1
            quantities[f"value {k}"] = Eigenvalue(matrix, k)
            expected[f"value {k}"] = values[:, column]
            for signal in (u, v) if matrix.rows == p else (w,):
                direction = stacks[signal][:, :, 0] / np.linalg.norm(stacks[signal], axis=1)
                overlap = np.einsum("ti,ti->t", vectors[:, :, column].conj(), direction)
                # vectors of a repeated eigenvalue, here 0 of a matrix of low rank, are anybody's choice
                others = np.delete(values, column, axis=1)
                if np.abs(others - values[:, [column]]).min() > 1e-9:
                    quantities[f"{signal} {k}"] = Alignment(matrix, signal, k)
                    expected[f"{signal} {k}"] = np.abs(overlap) ** 2
        observation = compile_observation(quantities, dims, {theta: Rational(7, 10)}, {S: ("diagonal",)})
        got = observation(structured(stacks, xp), xp)
        assert len(got) > len(indices) or matrix == (Y * Y.T + Identity(p)).I
        for name, value in expected.items():
            np.testing.assert_allclose(np.asarray(got[name]), value, rtol=1e-9, atol=1e-11, err_msg=name)


def operations(quantities, dims):
    steps = compile_observation(quantities, dims, {theta: Rational(1)}, {S: ("diagonal",)}).program.steps
    return [(s.op, s.rows, s.payload) for s in steps if s.op == "eigenpairs"]


TALL = {p: 12, n: 7}


def test_one_decomposition_per_matrix():
    every = {"l1": Eigenvalue(X * X.T), "l2": Eigenvalue(X * X.T, 2), "a": Alignment(X * X.T, u)}
    assert operations(every, {p: 7, n: 12}) == [("eigenpairs", 7, True)]
    assert operations({"l1": every["l1"], "l2": every["l2"]}, {p: 7, n: 12}) == [("eigenpairs", 7, False)]
    both = every | {"r": Alignment(X.T * X, w), "one": Eigenvalue(X * X.T) * Trace(X * X.T) + Eigenvalue(X * X.T, 2)}
    # the two Gram matrices of a tall X are one matrix
    assert operations(both, TALL) == [("eigenpairs", 7, True)]


def test_the_smaller_gram_matrix_is_decomposed_only_where_it_holds_the_eigenvalues():
    assert operations({"l": Eigenvalue(X * X.T)}, TALL) == [("eigenpairs", 7, False)]
    assert operations({"l": Eigenvalue(X * X.T, 7)}, TALL) == [("eigenpairs", 7, False)]
    assert operations({"l": Eigenvalue(X * X.T, 8)}, TALL) == [("eigenpairs", 12, False)]
    assert operations({"l": Eigenvalue(X * X.T, -1)}, TALL) == [("eigenpairs", 12, False)]
    assert operations({"l": Eigenvalue(X.T * X, -1)}, TALL) == [("eigenpairs", 7, False)]
    assert operations({"l": Eigenvalue(V * Y * Y.T * V.T)}, TALL) == [("eigenpairs", 7, False)]


def test_functions_of_eigenvalues_and_traces(seed):
    stacks = sampled(np.random.default_rng(seed), TALL)
    M = W + theta * u * u.T
    quantity = Eigenvalue(M) - Eigenvalue(M, -1) + Trace(M * M) / p * Alignment(M, u) ** 2
    dense = stacks[W] + stacks[u] @ star(stacks[u])
    values, vectors = np.linalg.eigh(dense)
    overlap = np.einsum("ti,ti->t", vectors[:, :, -1], stacks[u][:, :, 0]) ** 2 / (stacks[u] ** 2).sum(axis=(1, 2))
    expected = values[:, -1] - values[:, 0] + np.trace(dense @ dense, axis1=1, axis2=2) / 12 * overlap**2
    observation = compile_observation({"q": quantity}, TALL, {theta: Rational(1)}, {})
    np.testing.assert_allclose(observation(structured(stacks, compat_numpy), compat_numpy)["q"], expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("quantity", "error", "text"),
    [
        (Eigenvalue(W * V), NotRationalError, r"write M\*M.T or \(M \+ M.T\)/2"),
        (Eigenvalue(C * C.T), NotRationalError, "not equal to its adjoint"),
        (Eigenvalue(I * W), NotRationalError, "not equal to its adjoint"),
        (Eigenvalue(0 * W), NotRationalError, "the matrix is zero"),
        (Eigenvalue(Y * Y.T, 13), DimensionError, "the matrix has 12 eigenvalues at n = 7, p = 12"),
        (Eigenvalue(Y * Y.T, -13), DimensionError, "the matrix has 12 eigenvalues"),
    ],
)
def test_says_what_has_no_eigenvalues(quantity, error, text):
    with pytest.raises(error, match=text):
        compile_observation({"q": quantity}, TALL, {}, {})
