"""Bad input to a spectrum: one clear error that names the thing."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from sympy import I, Identity, MatPow, Rational, Symbol, Trace, log, tanh

from derive import (
    BranchError,
    CertificationError,
    Deterministic,
    DimensionError,
    Gaussian,
    LawError,
    NotRationalError,
    ParameterError,
    Wigner,
    atomic,
    density,
    derivative_law,
    dimensions,
    limit,
    spectrum,
)
from derive.nodes import Letter
from derive.regime import Space
from derive.spectral.self_adjoint import is_self_adjoint
from tests.derive.spectra_models import HALF, MODELS, A, S, W, X, c, n, p, x

Z = Gaussian("Z", n, n, variance=1 / n)
C = Gaussian("C", n, n, variance=1 / n, real=False)
H = Wigner("H", n, variance=1 / n, real=False)
T = Deterministic("T", n, n)


@pytest.mark.parametrize(
    "matrix", [Z, Z * W, C * C.T, I * W, T * Z * Z.T, Z + 2 * Z.T, (Identity(n) + Z).I, C.T + C, H.T * H + H * H.T * H]
)
def test_not_self_adjoint(matrix):
    with pytest.raises(NotRationalError, match="is not self-adjoint"):
        spectrum(matrix)


def test_it_says_what_to_write():
    with pytest.raises(NotRationalError) as error:
        spectrum(Z * W)
    assert "Z*W is not self-adjoint" in str(error.value)
    assert "M*M.T" in str(error.value)


@pytest.mark.parametrize(
    "matrix",
    [
        Z + Z.T,
        C * C.adjoint(),
        C + C.adjoint(),
        I * (Z - Z.T),
        (Z * Z.T + Identity(n)).I,
        # symmetric because its factors commute, which the structure does not show
        (Z.T * Z + Identity(n)).I * Z.T * Z,
        Z * (Z.T * Z + Identity(n)).I * Z.T,
        Symbol("b") * W + Symbol("a", real=True) * W**2,
    ],
)
def test_self_adjoint(matrix):
    assert spectrum(matrix).matrix == matrix


def test_the_sample_sees_what_the_structure_does_not():
    space = Space(Rational(1), False, n)
    assert is_self_adjoint(Letter(W, "", space, space))
    assert not is_self_adjoint(Letter(Z, "", space, space))


def test_not_a_square_matrix():
    with pytest.raises(DimensionError, match=r"X is p x n.*M\*M\.T"):
        spectrum(X, {p: c * n})
    with pytest.raises(DimensionError, match="wants a random matrix"):
        spectrum(c)


def test_a_point_at_an_edge():
    law = MODELS["fuss-catalan-2"].law()
    with pytest.raises(BranchError, match=r"x = 6\.75: 27/4 is an edge of the interval \[0, 6\.75\]"):
        law.density(6.75)
    with pytest.raises(BranchError, match="0 is an edge"):
        law.density(0, digits=20)
    with pytest.warns(RuntimeWarning, match="2 of 4 points have no density"):
        values = law.density([0, 1, 6.75, 7])
    assert np.isnan(values).tolist() == [True, False, True, False]
    assert values[3] == 0
    # an irrational edge: the double next to it
    wigner = MODELS["semicircle"].law()
    with pytest.raises(BranchError, match="2 is an edge"):
        wigner.density(2)
    edge = MODELS["anticommutator"].law().edges()[0][1]
    with pytest.raises(BranchError, match=r"3\.3301906767855\d* is an edge"):
        MODELS["anticommutator"].law().density(edge)
    result = law.density([0, 1], full_output=True)
    assert result.status.tolist()[1] == 0
    assert result.status.tolist()[0] != 0


def test_a_point_at_an_atom():
    law = MODELS["marchenko-pastur"].law()
    with pytest.raises(BranchError, match="an atom of mass 1/2 lies at 0"):
        law.density(0, {c: 2})
    with pytest.warns(RuntimeWarning, match="an atom of mass"):
        assert np.isnan(law.density(0.0, {c: np.array([2.0, 3.0])})).all()
    assert law.density(0, {c: HALF}) == 0


def test_parameters():
    law = MODELS["two-atoms"].law()
    with pytest.raises(ParameterError, match=r"missing value for c; the parameters are c$"):
        law.edges({S: atomic([1, 5])})
    with pytest.raises(LawError, match="no law was given for Sigma"):
        law.edges({c: HALF})
    with pytest.raises(LawError, match="must sum to 1"):
        law.edges({c: HALF, S: atomic([1, 5], [0.5, 0.6])})
    with pytest.raises(ParameterError, match="unknown parameter"):
        law.edges({c: HALF, S: atomic([1, 5]), "d": 1})
    with pytest.raises(ParameterError, match="real"):
        MODELS["marchenko-pastur"].law().edges({c: 1 + 1j})
    with pytest.raises(ParameterError, match="mapping"):
        law.edges([1, 2])
    # the spectral parameter is not one
    with pytest.raises(ParameterError, match="unknown parameter z"):
        law.edges({c: HALF, S: atomic([1, 5]), "z": 1})


def test_quantities():
    law = MODELS["marchenko-pastur"].law()
    with pytest.raises(ParameterError, match="between 0 and 1"):
        law.quantiles(1.2, {c: HALF})
    with pytest.raises(ParameterError, match="real points"):
        law.density(1j, {c: HALF})
    with pytest.raises(ParameterError, match="number of moments"):
        law.moments(0)
    with pytest.raises(ParameterError, match="eigenvalue alone"):
        law.linear_statistic(x * Symbol("y"), {c: HALF})
    with pytest.raises(ParameterError, match=r"log\(x\) is not finite at 0, where the spectrum has an atom"):
        law.linear_statistic(log(x), {c: 2})
    with pytest.raises(ParameterError, match="not finite at"):
        law.linear_statistic(log(x - 1), {c: HALF})
    with pytest.warns(RuntimeWarning, match="not smooth"):
        law.linear_statistic(lambda v: (v > 1.0) * 1.0, {c: HALF})
    with pytest.raises(ParameterError, match="SymPy expression"):
        law.linear_statistic("log(x)", {c: HALF})


def test_no_proof_without_a_curve():
    law = MODELS["law-plus-wigner"].law()
    with pytest.raises(CertificationError, match="algebraic"):
        law.certify({A: density(Rational(1, 2), (x, -1, 1))})


@pytest.mark.parametrize("integer", [True, None])
def test_a_product_of_unbounded_degree(integer):
    n, k = dimensions("n"), Symbol("k", integer=integer, positive=True)
    W = Wigner("W", n, variance=1 / n)
    for ask in (lambda: spectrum(MatPow(W, k)), lambda: limit(Trace(MatPow(W, k)) / n)):
        with pytest.raises(NotRationalError, match=r"unbounded degree: the exponent k is not an integer.*W\*\*3"):
            ask()


def test_an_edge_that_the_scan_missed_is_not_given():
    """The support of a tanh layer starts at 0, where the solver gives up: no edge rather than a wrong one."""
    n, h = dimensions("n"), Symbol("h", real=True)
    D = Deterministic("D", n, n, symmetric=True)
    W = Gaussian("W", n, n, variance=Rational(3, 2) / n)
    law = spectrum(D * W * W.T * D)
    found = []
    with suppress(BranchError):
        found = law.edges({D: derivative_law(tanh(h), Rational(1, 2))})
    assert all(abs(low) < 1e-9 for low, _ in found)
