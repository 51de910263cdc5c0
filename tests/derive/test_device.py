"""The same lowered program on a GPU: every number agrees with the CPU. Skipped where there is none, with the reason."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Identity, Rational, Symbol, Trace, symbols

from derive import Deterministic, Gaussian, ParameterError, Wigner, atomic, dimensions, limit
from derive.solve.evaluate import namespace
from tests.derive.rows import ROWS
from tests.derive.zoo import CASES

n, p = dimensions("n p")
c = symbols("c", positive=True)
z = Symbol("z")
X = Gaussian("X", p, n, variance=1 / n)
Sigma = Deterministic("Sigma", p, p, positive=True)
Y = Sigma ** Rational(1, 2) * X
PASTUR = limit(Trace((X * X.T - z * Identity(p)).I) / p, {p: c * n})
ANISOTROPIC = limit(Trace((Y * Y.T - z * Identity(p)).I) / p, {p: c * n})


def host(value):
    return value.get() if hasattr(value, "get") else np.asarray(value)


def agree(law, params, rel=1e-11):
    cpu, gpu = (law.evaluate(params, device=device, full_output=True) for device in ("cpu", "gpu"))
    assert np.array_equal(np.asarray(cpu.status), np.asarray(gpu.status))
    one, two = (x.value if isinstance(x.value, dict) else {"value": x.value} for x in (cpu, gpu))
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert np.allclose(value, host(two[name]), rtol=rel, atol=1e-14, equal_nan=True)


@pytest.mark.gpu
def test_marchenko_pastur_in_a_batch():
    zs = np.concatenate([np.linspace(-2, 4, 301), np.linspace(-2, 4, 301) + 0.1j])
    agree(PASTUR, {c: 0.25, z: zs[np.abs(zs) > 1e-6]})
    agree(PASTUR, {c: np.linspace(0.05, 3, 1000)[:, None], z: -np.array([0.01, 0.3, 2.0])})


@pytest.mark.gpu
def test_atoms_and_gap_points():
    points = np.array([1.668, 1.66, 1.677, 0.1, -0.3, 12, 5, 1.0, 1 + 0.25j])
    for part in (points[:8].real, points[8:]):
        agree(ANISOTROPIC, {c: 0.5, z: part, Sigma: atomic([1, 5])})


@pytest.mark.gpu
@pytest.mark.parametrize("row", ROWS)
def test_rows_of_the_table(row):
    agree(ROWS[row][0].law(), ROWS[row][0].params)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["square-root-array", "complex-wigner", "information", "score-second", "cube"])
def test_arrays_signals_and_complex_numbers(name):
    case = CASES[name]
    agree(limit(case.quantity, case.regime, **case.declared), case.params)


@pytest.mark.gpu
def test_an_array_comes_back_on_the_device():
    import cupy

    found = PASTUR.evaluate({c: 0.25, z: cupy.linspace(-3, -1, 5)}, device="gpu")
    assert isinstance(found, cupy.ndarray)
    assert np.allclose(found.get(), PASTUR.evaluate({c: 0.25, z: np.linspace(-3, -1, 5)}))


@pytest.mark.gpu
def test_not_invertible_on_the_device():
    law = limit(Trace((Gaussian("Z", n, n, variance=1 / n) - z * Identity(n)).I) / n)
    agree(law, {z: np.array([0.5, 2, 0.3 + 0.4j, 1.2 - 0.3j])})


def test_without_a_gpu_the_request_is_refused():
    """Where there is none: the extra to install and the way out are named."""
    try:
        namespace("gpu")
    except ParameterError:
        law = limit(Trace((Wigner("W", n, variance=1 / n) - z * Identity(n)).I) / n)
        with pytest.raises(ParameterError, match=r"needs CuPy .* resolvent\[gpu\] or use device='cpu'"):
            law.evaluate({z: 3}, device="gpu")
    else:
        agree(PASTUR, {c: 0.25, z: -1.0})
