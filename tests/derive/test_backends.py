"""The solver on other array namespaces: array-api-strict stands for whatever follows the standard, CuPy is the GPU."""

import array_api_compat.numpy
import numpy as np
import pytest
from sympy import Identity, Symbol, Trace

from derive import Deterministic, Gaussian, Wigner, atomic, dimensions, limit
from derive.errors import ParameterError
from derive.solve.evaluate import evaluate_batch

n, p = dimensions("n p")
c, lam, z = Symbol("c", positive=True), Symbol("lambda", positive=True), Symbol("z")
Z = Gaussian("Z", p, n, variance=1 / n)
S = Deterministic("S", p, p, symmetric=True)
V, W = Wigner("V", n, variance=1 / n), Wigner("W", n, variance=1 / n)
G = Gaussian("G", n, n, variance=1 / n)

# a quantity, its regime, scalar parameters and laws: positive, complex, gap and bulk, nodes, arrays, not self-adjoint
CASES = {
    "positive": (Trace((Z * Z.T + lam * Identity(p)).I) / p, {p: c * n}, {c: [0.5, 2.0], lam: [0.1, 3.0]}, {}),
    "complex": (Trace((Z * Z.T - z * Identity(p)).I) / p, {p: c * n}, {c: [0.5, 0.5], z: [1 + 1j, -2 + 0.1j]}, {}),
    "gap and bulk": (Trace((Z * Z.T - z * Identity(p)).I) / p, {p: c * n}, {c: [0.25] * 3, z: [0.1, 1.0, 3.0]}, {}),
    "nodes": (
        Trace((S * Z * Z.T * S + lam * Identity(p)).I) / p,
        {p: c * n},
        {c: [0.5, 0.7], lam: [0.3, 0.3]},
        {S: atomic([1, 2])},
    ),
    "arrays": (
        Trace((Z * Z.T + S).I) / p,
        {p: c * n},
        {c: [0.5, 0.7]},
        {S: [[2, 1], [1, 3]]},
    ),
    "coupled": (Trace((V * W + W * V - z * Identity(n)).I) / n, {}, {z: [4.0, 1 + 0.5j]}, {}),
    "not self-adjoint": (Trace((G - z * Identity(n)).I) / n, {}, {z: [0.5, 2.0, 0.3 + 0.3j]}, {}),
}


def _solve(case, xp):
    quantity, regime, scalars, laws = CASES[case]
    law = limit(quantity, regime)
    batch = {s: xp.asarray(np.asarray(v)) for s, v in scalars.items()}
    return evaluate_batch(law.derivation, law.derivation.system, law.bind({**batch, **laws}), xp)


@pytest.mark.parametrize("case", CASES)
def test_array_api_strict_gives_what_numpy_gives(case):
    strict = pytest.importorskip("array_api_strict")
    expected, found = _solve(case, array_api_compat.numpy), _solve(case, strict)
    assert expected.status.tolist() == found.status.tolist()
    np.testing.assert_allclose(found.values["value"], expected.values["value"], rtol=1e-12)


@pytest.fixture
def cupy():
    module = pytest.importorskip("cupy", reason="CuPy is not installed")
    try:
        module.cuda.runtime.getDeviceCount()
    except module.cuda.runtime.CUDARuntimeError:
        pytest.skip("CuPy finds no GPU")
    return module


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES)
def test_gpu_gives_what_numpy_gives(case, cupy):
    import array_api_compat.cupy

    expected, found = _solve(case, array_api_compat.numpy), _solve(case, array_api_compat.cupy)
    assert expected.status.tolist() == found.status.tolist()
    np.testing.assert_allclose(found.values["value"], expected.values["value"], rtol=1e-12)


@pytest.mark.gpu
def test_the_gpu_returns_its_own_arrays(cupy):
    law = limit(*CASES["positive"][:2])
    values = law.evaluate({c: cupy.asarray([0.5, 2.0]), lam: 0.1}, device="gpu")
    assert isinstance(values, cupy.ndarray)


def test_a_missing_gpu_is_one_clear_error():
    try:
        import cupy

        cupy.cuda.runtime.getDeviceCount()
    except Exception:
        law = limit(*CASES["positive"][:2])
        with pytest.raises(ParameterError, match=r"device='gpu' needs CuPy and a CUDA device"):
            law.evaluate({c: 0.5, lam: 0.1}, device="gpu")
    else:
        pytest.skip("there is a GPU")
