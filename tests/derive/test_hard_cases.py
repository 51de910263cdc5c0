"""Cases a first user met: matrices between the noise, ridgeless systems, spikes in a matrix, impossible overlaps."""

import numpy as np
import pytest
from sympy import Identity, Symbol, Trace

from derive import (
    BranchError,
    CertificationError,
    Deterministic,
    Gaussian,
    ParameterError,
    Signal,
    Status,
    Wigner,
    atomic,
    deterministic_equivalent,
    dimensions,
    limit,
)

n, p, m, d = dimensions("n p m d")
c, lam, b = (Symbol(s, positive=True) for s in ("c", "lambda", "b"))
z = Symbol("z")
Z = Gaussian("Z", p, n, variance=1 / n)
u, v = Signal("u", p, norm2=1), Signal("v", n, norm2=1)


def _weighted(rng, size, weights):
    noise = rng.normal(size=(size // 2, size)) / np.sqrt(size)
    return (noise * np.repeat(weights, size // len(weights))) @ noise.T


@pytest.mark.parametrize("weights", [(1, 3), (0, 1)])
def test_weights_between_the_noise(weights):
    """tr (Z D Z' + lambda)^-1: against one large matrix (fluctuations and bias are O(1/n)), and certified for D > 0."""
    D = Deterministic("D", n, n, positive=True)
    law = limit(Trace((Z * D * Z.T + lam * Identity(p)).I) / p, {p: c * n})
    point = {c: "1/2", lam: "3/10", D: atomic(weights)}
    M = _weighted(np.random.default_rng(5), 1200, np.array(weights, dtype=float))
    simulated = np.trace(np.linalg.inv(M + 0.3 * np.eye(600))) / 600
    assert law.evaluate(point) == pytest.approx(simulated, rel=1e-2)
    if min(weights) > 0:
        assert law.certify(point, digits=40).contains(law.evaluate(point, digits=60))
    else:
        # the balanced form multiplies a row by D, which is singular: the plain form must take over
        assert law.evaluate(point, full_output=True).status == Status.CONVERGED


def test_ridgeless_system_keeps_its_equation():
    """tr (Z S Z')^-1 / n with d = 2 n: 1 = 2 tr S (S + kappa)^-1 / d, whose root for atoms {1, 4} is kappa = 2."""
    S = Deterministic("S", d, d, positive=True)
    Y = Gaussian("Y", n, d, variance=1 / n)
    law = limit(Trace((Y * S * Y.T).I) / n, {d: 2 * n})
    assert all(e.lhs.free_symbols | e.rhs.free_symbols for e in law.equations)
    assert law.evaluate({S: atomic([1, 4])}) == pytest.approx(0.5, rel=1e-13)
    assert law.certify({S: atomic([1, 4])}, digits=30).contains("1/2")


def test_a_linear_equation_is_solved():
    law = limit(Trace((Z * Z.T).I) / p, {p: c * n})
    assert law.equations == []
    assert (law.value - 1 / (1 - c)).simplify() == 0
    with pytest.raises(BranchError, match="singular values arbitrarily close to 0"):
        law.evaluate({c: 2})  # Z Z' has rank n: there is no inverse


def test_the_equivalent_of_a_spiked_matrix_has_its_spike():
    """u' Q-bar u is the limit of u' Q u; without the rank-one part it would be g = 0.83 instead of 0.25."""
    X = b * u * v.T + Z
    Q = (X * X.T + lam * Identity(p)).I
    equivalent = deterministic_equivalent(Q, {p: c * n})
    point = {c: 0.5, b: 2.0, lam: 0.5}
    form = limit(u.T * Q * u, {p: c * n}).evaluate(point)
    g = limit(Trace(Q) / p, {p: c * n}).evaluate(point)
    (rank_one,) = [t for t in equivalent.matrix.args if u in t.atoms(Signal)]
    scalar = next(a for a in rank_one.args if not a.is_Matrix)
    number = float(scalar.subs({equivalent.unknowns[0]: g, c: 0.5, b: 2.0, lam: 0.5}))
    assert g + number == pytest.approx(form, rel=1e-12)
    assert abs(g - form) > 0.5


def test_scales_of_the_rows_do_not_hide_the_proof():
    """A factor 1/m that is not 1/n shifts the magnitudes of the row multipliers."""
    W, X = Gaussian("W", m, d, variance=1 / d), Gaussian("X", d, n)
    law = limit(Trace((X.T * W.T * W * X / m + lam * Identity(n)).I) / n, {m: n / 2, d: n})
    assert law.certify({lam: "1/2"}, digits=20).contains(law.evaluate({lam: "1/2"}, digits=40))


def test_without_a_proof_the_refusal_does_not_blame_the_solution():
    C, W = Deterministic("C", n, n), Wigner("W", n, variance=1 / n)
    law = limit(Trace((C + W - z * Identity(n)).I) / n)
    point = {z: 5, C: [[1, 2], [0, 1]]}
    assert law.evaluate(point) == pytest.approx(-0.267949192431123, rel=1e-12)
    with pytest.raises(CertificationError, match="no form of the equation"):
        law.certify(point)


def test_impossible_overlap():
    W, w = Wigner("W", p, variance=1 / p), Signal("w", p, norm2=1)
    law = limit(u.T * (W + u * u.T - z * Identity(p)).I * w)
    with pytest.raises(ParameterError, match=r"inner product of u and w is 1\.6"):
        law.evaluate({z: 3, "inner_u_w": 1.6})


def test_a_pole_is_called_one():
    """The outlier of b = 2, c = 1/2 sits at (1 + b^2)(c + b^2)/b^2 = 45/8."""
    X = b * u * v.T + Z
    law = limit(u.T * (X * X.T - z * Identity(p)).I * u, {p: c * n})
    with pytest.raises(BranchError, match="pole"):
        law.evaluate({c: 0.5, b: 2, z: 45 / 8})


def test_a_value_that_vanishes_is_certified():
    A, W = Deterministic("A", n, n, symmetric=True), Wigner("W", n, variance=1 / n)
    law = limit(Trace((A + W - z * Identity(n)).I) / n)
    assert law.certify({z: 0, A: atomic([3, -3])}).contains(0)


@pytest.mark.parametrize("digits", [0, -3, 1.5, "x", None, True])
def test_digits_of_a_certificate(digits):
    law = limit(Trace((Z * Z.T + lam * Identity(p)).I) / p, {p: c * n})
    with pytest.raises(ParameterError, match="digits must be a whole number"):
        law.certify({c: 1, lam: 1}, digits=digits)
