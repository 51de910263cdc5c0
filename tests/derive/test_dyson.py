"""Pairing of the noise: which terms enter the Dyson equation, and with which coefficient.

``eta`` is the covariance of the pencil's noise applied to G. For a fixed G it is an expectation over the noise alone,
so that it can be computed exactly from the second moments of the entries at a small size, without any limit.
"""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Identity, Symbol, Trace, symbols
from sympy.matrices.expressions import Adjoint

from derive import Deterministic, Gaussian, Signal, Wigner, dimensions, limit

n, p = dimensions("n p")
c, b = symbols("c b", positive=True)
z = Symbol("z")
In, Ip = Identity(n), Identity(p)
X = Gaussian("X", p, n, variance=1 / n)
Z = Gaussian("Z", n, n, variance=1 / n)
ZC = Gaussian("Z", n, n, variance=1 / n, real=False)
W = Wigner("W", n, variance=1 / n)
A, B = (Deterministic(name, n, n, symmetric=True) for name in "AB")
u = Signal("u", n, norm2=1)


def taus(quantity, regime=None):
    return limit(quantity, regime).derivation.paired.taus


@pytest.mark.parametrize(
    ("quantity", "regime", "count"),
    [
        (Trace((X * X.T - z * Ip).I) / p, {p: c * n}, 2),
        (Trace((W - z * In).I) / n, {}, 1),
        # a square Gaussian pairs with its transpose only, and there is none: no equation
        (Trace((Z - z * In).I) / n, {}, 0),
        (Trace((ZC - z * In).I * (ZC - 2 * z * In).I) / n, {}, 0),
        # Z and Z' together pair
        (Trace((Z + Z.T - z * In).I) / n, {}, 1),
        # a complex matrix does not pair with its own transpose
        (Trace((ZC + ZC.T - z * In).I) / n, {}, 0),
        (Trace((ZC + Adjoint(ZC) - z * In).I) / n, {}, 1),
        # the bulk does not see a spike
        (u.T * (W + b * u * u.T - z * In).I * u, {}, 1),
        (Trace(W * A) / n, {}, 0),
    ],
)
def test_number_of_unknowns(quantity, regime, count):
    assert len(taus(quantity, regime)) == count


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        (Trace(Z * Z) / n, 0),
        (Trace(Z * Z.T) / n, 1),
        (Trace(ZC * ZC.T) / n, 0),
        (Trace(ZC * Adjoint(ZC)) / n, 1),
        (Trace(Z * A * Z.T * B) / n, Trace(A) / n * Trace(B) / n),
        (Trace(W * A * W * B) / n, Trace(A) / n * Trace(B) / n),
        (Trace(Z * A * Z * B) / n, 0),
        (Trace(W * A * W * B * W) / n, 0),
        # planar pairings of W A W A W A W A: two neighbours (x2 rotations are the same word up to cyclicity)
        (Trace(W**4) / n, 2),
        (Trace(W * W.T * Z * Z.T) / n, 1),
        # the crossing pairing is of lower order
        (Trace(W * Z * W * Z.T) / n, 0),
    ],
)
def test_moments(quantity, value):
    assert limit(quantity).value == value


def test_mixed_moment_of_a_wigner_matrix():
    """tr W A W A W A W A / n: the two planar pairings give 2 (tr A^2/n) (tr A/n)^2."""
    a, square = Trace(A) / n, Trace(A**2) / n
    assert (limit(Trace(W * A * W * A * W * A * W * A) / n).value - 2 * square * a**2).expand() == 0


def covariance(kind: str, G: np.ndarray) -> np.ndarray:
    """E[M G M] (wigner), E[M G M'] (gaussian) exactly, for entries of variance 1/N."""
    N = len(G)
    return np.trace(G) / N * np.eye(N) + (G.T / N if kind == "wigner" else 0)


@pytest.mark.parametrize("kind", ["wigner", "gaussian"])
def test_eta_is_the_covariance_of_the_noise(kind, seed):
    """The closed form above against the second moments of the entries, by brute force; the transpose is O(1/N)."""
    N = 5
    G = np.random.default_rng(seed).standard_normal((N, N))
    total = np.zeros((N, N))
    for i in range(N):
        for j in range(N):
            for k in range(N):
                for l in range(N):
                    if kind == "wigner":
                        # E[M_ik M_lj] for symmetric entries of variance 1/N (2/N on the diagonal)
                        moment = ((i, k) == (l, j)) + ((i, k) == (j, l))
                    else:
                        # E[M_ik M_jl]
                        moment = (i, k) == (j, l)
                    total[i, j] += moment * G[k, l] / N
    assert np.allclose(total, covariance(kind, G))


def test_coefficients_of_marchenko_pastur():
    """eta_11 = tau_2 with weight 1, eta_22 = c tau_1: tr over p rows, divided by n."""
    law = limit(Trace((X * X.T - z * Ip).I) / p, {p: c * n})
    field = law.derivation.ring.field
    found = {}
    for pairing in law.derivation.paired.pairings:
        tau = law.derivation.paired.taus[pairing.tau]
        size = law.derivation.pencil.blocks[tau.col].space.size
        found[size] = field.to_sympy(pairing.element.scalar())
    # the sign is that of the pencil: X w - u = 0 has -X' u on one side
    assert {abs(x) for x in found.values()} == {1, c}
    assert abs(found[c]) == c


@pytest.mark.parametrize("variance", [1, 2, b])
def test_variance_is_a_factor(variance):
    law = limit(Trace((Wigner("W", n, variance=variance / n) - z * In).I) / n)
    (unknown,) = law.system.unknowns
    (residual,) = law.system.residuals
    assert (residual - (unknown + 1 / (variance * unknown + z))).simplify() == 0
